"""Are coupled channels of torchvision's networks removed exactly, and what does it save? (notebook 09.1; half
an hour on one core)

Networks with random weights lose half of the channels of every coupled group, by the sum of magnitudes.
"rows": does the smaller network give the masked network's outputs, by ``remove_filters`` and by torch_pruning
on the same channels, under three conditions: weights as initialised (most constants are 0), with biases and
BatchNorm drawn at random as training would leave them, and these with the dropped channels silenced. "speed":
bytes, MACs and milliseconds of two networks before and after; "kinds": MACs and milliseconds of one of them
by kind of layer, on one thread."""

import copy
import statistics
from dataclasses import dataclass, field
from importlib import metadata

import torch
import torch_pruning
import torchvision
from torch import nn

from experiments._common import Configuration
from prunelab.masks import apply_masks, mask_model, prunable
from prunelab.measure import bytes_on_disk, latencies, macs, parameters, profile
from prunelab.surgery import coupled_groups, coupled_masks, coupled_scores, remove_filters

SIDES = {
    "alexnet": 96,
    "vgg11_bn": 96,
    "resnet18": 64,
    "resnet50": 64,
    "resnext50_32x4d": 64,
    "mobilenet_v2": 64,
    "mobilenet_v3_small": 64,
    "densenet121": 64,
    "squeezenet1_1": 64,
    "googlenet": 64,
    "inception_v3": 96,
    "shufflenet_v2_x1_0": 64,
    "efficientnet_b0": 64,
    "regnet_y_400mf": 64,
    "mnasnet1_0": 64,
    "convnext_tiny": 64,
    "swin_t": 64,
    "vit_b_16": 64,
}
OPTIONS = {
    "vit_b_16": {"image_size": 64},
    "googlenet": {"aux_logits": False, "init_weights": True},
    "inception_v3": {"aux_logits": False, "init_weights": True},
}
CONDITIONS = ("initialised", "drawn", "silenced")
SPARSITY, SEED = 0.5, 0
TIMED, SIDE, BATCHES, THREADS = ("resnet18", "mobilenet_v2"), 64, (1, 16), (1, 2)


def build(network: str, condition: str) -> nn.Module:
    """Return the network in eval mode; unless as initialised, with biases, BatchNorm and layer scales drawn
    at random.
    """
    torch.manual_seed(SEED)
    model = torchvision.models.get_model(network, weights=None, **OPTIONS.get(network, {})).eval()
    for (
        name,
        parameter,
    ) in model.named_parameters():  # a layer that starts at zero would hide everything before it
        if name.endswith("layer_scale") or (parameter.ndim > 1 and not parameter.any()):
            nn.init.normal_(parameter, std=0.1)
    if condition != "initialised":
        for module in model.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                for tensor, low, high in (
                    (module.weight, 0.5, 1.5),
                    (module.bias, -0.5, 0.5),
                    (module.running_mean, -0.2, 0.2),
                    (module.running_var, 0.5, 2),
                ):
                    nn.init.uniform_(tensor, low, high)
            elif isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
                nn.init.uniform_(module.bias, -0.1, 0.1)
    return model


def choose(model: nn.Module, example: torch.Tensor) -> tuple[dict, dict]:
    """Return the coupled groups and which of their channels stay."""
    groups = coupled_groups(model, example)
    magnitudes = {name: weight.detach().abs() for name, weight in prunable(model).items()}
    return groups, mask_model(coupled_scores(groups, magnitudes), SPARSITY)


def by_torch_pruning(masked: nn.Module, example: torch.Tensor, groups: dict, kept: dict) -> nn.Module:
    """Return a copy of ``masked`` without the same channels, each group removed through its first layer."""
    model = copy.deepcopy(masked)
    graph = torch_pruning.DependencyGraph().build_dependency(model, example_inputs=example)
    for name, group in groups.items():
        if not name.split(" ")[0].endswith(".weight"):
            continue  # heads of nn.MultiheadAttention: no layer there that could be named; they stay, masked
        layer = model.get_submodule(name.split(" ")[0].removesuffix(".weight"))
        prune = (
            torch_pruning.prune_linear_out_channels
            if isinstance(layer, nn.Linear)
            else torch_pruning.prune_conv_out_channels
        )
        if isinstance(layer, nn.Conv2d) and layer.groups == layer.out_channels > 1:
            prune = torch_pruning.prune_depthwise_conv_out_channels
        dropped = group[name.split(" ")[0], 0][~kept[name]].flatten().tolist()
        if dropped:
            graph.get_pruning_group(layer, prune, idxs=dropped).prune()
    return model


@torch.no_grad()
def difference(small: nn.Module, masked: nn.Module, example: torch.Tensor) -> float:
    """Return the largest difference of the outputs, relative to the largest output."""
    expected = masked(example)
    return float(f"{float((small(example) - expected).abs().max() / expected.abs().max()):.2g}")


def before_and_after(network: str) -> dict[str, nn.Module]:
    model, example = build(network, "silenced"), torch.randn(2, 3, SIDE, SIDE)
    groups, kept = choose(model, example)
    return {"dense": model, "removed": remove_filters(model, coupled_masks(model, groups, kept), example)}


def kind(model: nn.Module, layer: str) -> str:
    """Return what sort of layer a row of ``profile`` is about."""
    found = dict(model.named_modules()).get(layer)
    if isinstance(found, nn.Conv2d):
        return "depthwise" if found.groups > 1 else "1 x 1" if found.kernel_size == (1, 1) else "3 x 3"
    return type(found).__name__ if isinstance(found, nn.BatchNorm2d | nn.ReLU6) else "everything else"


@dataclass(frozen=True)
class Removed(Configuration):
    """Remove half of a network's coupled channels and compare with the masked network."""

    network: str
    condition: str

    def measure(self) -> dict:
        model = build(self.network, self.condition)
        example = torch.randn(2, 3, SIDES[self.network], SIDES[self.network])
        groups, kept = choose(model, example)
        masks = coupled_masks(model, groups, kept, silent=self.condition == "silenced")
        masked = copy.deepcopy(model)
        apply_masks(masked, masks)
        row = {
            "groups": len(groups),
            "channels": sum(map(len, kept.values())),
            "parameters": parameters(model),
        }
        try:
            small = remove_filters(model, masks, example)
            row |= {"left": parameters(small), "difference": difference(small, masked, example)}
        except ValueError as error:
            row |= {"refused": str(error)}
        try:
            theirs = by_torch_pruning(masked, example, groups, kept)
            row |= {
                "theirs left": parameters(theirs),
                "theirs difference": difference(theirs, masked, example),
            }
        except Exception as error:  # whatever it is, there is no network then
            row |= {"theirs error": f"{type(error).__name__}: {error}".splitlines()[0][:200]}
        return row


@dataclass(frozen=True)
class Speed(Configuration):
    """Bytes, MACs and time of a network before and after."""

    part: str = field(default="speed", init=False)
    network: str
    threads: int

    def measure(self) -> list[dict]:
        models = before_and_after(self.network)
        before, rows = torch.get_num_threads(), []
        torch.set_num_threads(self.threads)
        try:
            for batch in BATCHES:
                example = torch.randn(batch, 3, SIDE, SIDE)
                times = latencies(models, example)
                for name, measured in models.items():
                    rows.append(
                        {
                            "batch": batch,
                            "model": name,
                            "bytes": bytes_on_disk(measured),
                            "macs": macs(measured, example[:1]),
                            "ms": round(1e3 * times[name].median, 3),
                        }
                    )
        finally:
            torch.set_num_threads(before)
        return rows


@dataclass(frozen=True)
class Kinds(Configuration):
    """MACs and time by kind of layer, before and after; the two networks take turns, seven times."""

    part: str = field(default="kinds", init=False)
    network: str
    batch: int

    def measure(self) -> list[dict]:
        models, example = before_and_after(self.network), torch.randn(self.batch, 3, SIDE, SIDE)
        times: dict[tuple[str, str], list[float]] = {}
        counts: dict[tuple[str, str], int] = {}
        for turn in range(7):
            for name, model in models.items():
                totals: dict[str, float] = {}
                for row in profile(model, example).rows:
                    place = kind(model, row["layer"])
                    totals[place] = totals.get(place, 0) + row["seconds"]
                    if not turn:
                        counts[name, place] = counts.get((name, place), 0) + row["macs"]
                for place, seconds in totals.items():
                    times.setdefault((name, place), []).append(seconds)
        return [
            {
                "model": name,
                "kind": place,
                "macs": counts[name, place],
                "ms": round(1e3 * statistics.median(seconds), 4),
            }
            for (name, place), seconds in times.items()
        ]


def configurations() -> list[Configuration]:
    removed = [Removed(network, condition) for network in SIDES for condition in CONDITIONS]
    speeds = [Speed(network, threads) for network in TIMED for threads in THREADS]
    return [*removed, *speeds, *(Kinds("mobilenet_v2", batch) for batch in BATCHES)]


def provenance() -> dict:
    return {
        "networks": (
            f"torchvision {torchvision.__version__.split('+')[0]}, random weights, seed {SEED}, images of 64"
            " or 96 pixels"
        ),
        "recipe": (
            f"{SPARSITY} of the channels of every coupled group dropped, by the sum of magnitudes;"
            f" differences relative to the largest output, in float32; speed at {SIDE} pixels, milliseconds"
            " are medians of interleaved runs"
        ),
        "torch_pruning": metadata.version("torch_pruning"),  # its __version__ lags behind
    }

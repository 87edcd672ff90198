"""From which networks of other libraries can channels be removed, and exactly? (notebook 09.1; half an hour
on one core)

Networks of timm, transformers and torchvision with random weights lose 30 % of the channels of every group,
by the sum of magnitudes. "PruneLab" finds the groups, removes them, and compares the outcome with the masked
network; "Torch-Pruning" is called as its own script for timm calls it: told which layers make the answers
and how many heads a layer has, and the width of a head is written back afterwards. "blind" are families
that were first tried after all others; two faults found there were mended.

Each runs in a process of its own, with a limit on the time of its processor. "memory" is what the process
took beyond the model, its example and one forward pass."""

import copy
import gc
import multiprocessing
import re
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import scipy.sparse.csgraph  # noqa: F401 -- both tools' libraries are imported before the clock runs
import torch
import torch_pruning
from torch import nn
from torch.utils._pytree import tree_leaves

from experiments._common import Configuration
from experiments._reach_networks import BUILDERS, NETWORKS
from prunelab.masks import apply_masks, mask_model
from prunelab.measure import parameters
from prunelab.surgery import coupled_groups, coupled_masks, coupled_scores, explain, remove_filters

SPARSITY, SEED, LIMIT = 0.3, 0, 90  # seconds of processor time, for building the network, too
EXACT = 1e-5  # of the largest output, in float32
PROJECTIONS = {"qkv": 3, "q": 1, "query": 1, "q_proj": 1}  # what makes the queries; query, key, value in one
LARGE = "resnet50"  # at 224 pixels, for the memory


@dataclass(frozen=True)
class Reach(Configuration):
    """One network and one tool, in a process that may fail or take too long."""

    part: str
    network: str
    tool: str

    def measure(self) -> dict:
        context = multiprocessing.get_context("fork")  # the libraries are imported once
        receiver, sender = context.Pipe(duplex=False)
        gc.collect()
        gc.freeze()  # what was imported is no garbage for the clock to wait for
        process = context.Process(target=_child, args=(sender, self.part, self.network, self.tool))
        process.start()
        sender.close()
        try:
            row = receiver.recv()
        except EOFError:
            row = {"status": "error", "reason": f"stopped after {LIMIT} s of processor time"}
        process.join()
        return row


def configurations() -> list[Configuration]:
    ours, theirs = TOOLS
    everywhere = [Reach(part, network, ours) for part, networks in NETWORKS.items() for network in networks]
    beside = [Reach("timm", network, theirs) for network in NETWORKS["timm"]]
    return [*everywhere, *beside, *(Reach("large", LARGE, tool) for tool in TOOLS)]


def _child(sender: Any, part: str, network: str, tool: str) -> None:
    import resource  # Windows has none, and the tests import this module there, too

    resource.setrlimit(resource.RLIMIT_CPU, (LIMIT, LIMIT + 5))
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    if tool == "Torch-Pruning":
        from timm.layers import set_fused_attn

        set_fused_attn(False)  # as its script does
    model, example, outputs = build(part, network)
    row: dict[str, Any] = {"parameters": parameters(model)}
    try:
        shapes = [tensor.shape for tensor in call(model, example)]
        start, before = time.process_time(), _memory()
        small, masks, found = TOOLS[tool](model, example, outputs)
        row |= found | {"seconds": round(time.process_time() - start, 2)}
        row["memory"] = _memory("VmHWM") - before
        row |= {"left": parameters(small)} | judge(small, model, masks, example, shapes)
        if tool == "PruneLab" and part == "timm":
            row["stays"] = stays(model, example)
        if row["left"] == row["parameters"]:
            row["status"] = "nothing"
    except Exception as error:  # whatever stops a tool is its outcome
        spoken = isinstance(error, ValueError) and tool == "PruneLab"
        text = str(error) if spoken else f"{type(error).__name__}: {error}"
        row |= {"status": "refused" if spoken else "error", "reason": text.strip().partition("\n")[0][:300]}
    sender.send(row)


def _memory(entry: str = "VmRSS") -> int:
    """Return the memory of this process in MiB, now or (VmHWM) at its peak since the last call; 0 where the
    system does not say.
    """
    status = Path("/proc/self/status")
    if not status.exists():
        return 0
    (line,) = [line for line in status.read_text().splitlines() if line.startswith(entry)]
    if entry == "VmRSS":
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    return int(line.split()[1]) // 1024


def build(part: str, network: str) -> tuple[nn.Module, Any, list[str]]:
    """Return a network whose biases, scales and statistics are drawn at random, as a training leaves them."""
    torch.manual_seed(SEED)
    if part == "large":
        model, example, outputs = BUILDERS["timm"](network)
        example = torch.randn(1, 3, 224, 224)
    else:
        model, example, outputs = BUILDERS[part](network)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim <= 1:
                parameter.uniform_(0.05, 0.5)
            elif not parameter.any():  # a layer that starts at zero would hide what is before it
                parameter.normal_(std=0.1)
        for name, buffer in model.named_buffers():
            if name.endswith(("running_mean", "running_var")):
                buffer.uniform_(*((0.5, 2) if name.endswith("var") else (-0.2, 0.2)))
        call(model, example)  # some libraries set themselves up at the first call
    return model, example, outputs


def call(model: nn.Module, example: Any) -> list[torch.Tensor]:
    """Return the floating tensors of the model's output."""
    if isinstance(example, dict):
        found = model(**example)
    else:
        found = model(*(example if isinstance(example, tuple) else (example,)))
    return [t for t in tree_leaves(found) if isinstance(t, torch.Tensor) and t.is_floating_point()]


@dataclass(frozen=True)
class Magnitudes(Mapping):
    """Magnitudes of parameters, each made when it is asked for: all at once take as much as the model."""

    parameters: dict[str, nn.Parameter]

    def __getitem__(self, name: str) -> torch.Tensor:
        return self.parameters[name].detach().abs()

    def __iter__(self) -> Iterator[str]:
        return iter(self.parameters)

    def __len__(self) -> int:
        return len(self.parameters)

    def __contains__(self, name: object) -> bool:
        return name in self.parameters


def by_prunelab(model: nn.Module, example: Any, outputs: list[str]) -> tuple[nn.Module, dict, dict]:
    groups = coupled_groups(model, example)
    scores = coupled_scores(groups, Magnitudes(dict(model.named_parameters())))
    masks = coupled_masks(model, groups, mask_model(scores, SPARSITY))
    return remove_filters(model, masks, example), masks, {"groups": len(groups)}


def stays(model: nn.Module, example: Any) -> dict[str, int]:
    """Return the two commonest reasons why channels stay, or go only several at a time, and how many: as
    ``explain`` gives them, without the names of layers.
    """
    found: Counter[str] = Counter()
    for row in explain(model, example).rows:
        if row.removable < row.channels and "makes the model's output" not in row.reason:
            reason = re.sub(r"[\w.]+ \((\w+)\)", r"\1", row.reason)
            found[re.sub(r"\b\w+(\.\w+)+\b", "a layer", reason)] += row.channels - row.removable
        elif row.removable > row.units:
            found[f"channels go only {row.removable // row.units} at a time"] += row.removable
    return dict(found.most_common(2))


def by_torch_pruning(model: nn.Module, example: Any, outputs: list[str]) -> tuple[nn.Module, dict, dict]:
    attentions = [m for m in model.modules() if isinstance(getattr(m, "num_heads", None), int)]
    heads = {
        getattr(module, layer): module.num_heads
        for module in attentions
        for layer in (*PROJECTIONS, "k", "v", "key", "value", "k_proj", "v_proj")
        if isinstance(getattr(module, layer, None), nn.Linear)
    }
    pruner = torch_pruning.pruner.MetaPruner(
        model,
        example,
        importance=torch_pruning.importance.GroupMagnitudeImportance(),
        pruning_ratio=SPARSITY,
        ignored_layers=[model.get_submodule(name) for name in outputs],
        num_heads=heads,
    )
    pruner.step()
    for module in attentions:  # a head is narrower now: Torch-Pruning's script writes that back, and so do we
        for layer, parts in PROJECTIONS.items():
            if isinstance(getattr(module, layer, None), nn.Linear):
                width = getattr(module, layer).out_features // parts
                module.head_dim, module.attn_dim = width // module.num_heads, width
    return model, {}, {}


TOOLS = {"PruneLab": by_prunelab, "Torch-Pruning": by_torch_pruning}


@torch.no_grad()
def judge(small: nn.Module, model: nn.Module, masks: dict, example: Any, shapes: list[torch.Size]) -> dict:
    """Return what became of the network: whether it gives outputs of the dense one's ``shapes``, or, if there
    are masks, what the masked one gives, which for a detector may be more or fewer boxes.
    """
    if masks:
        masked = copy.deepcopy(model)
        apply_masks(masked, masks)
        shapes = [tensor.shape for tensor in call(masked, example)]
    found = [tensor.shape for tensor in call(small, example)]
    if found != shapes:
        return {"status": "other shape", "reason": f"outputs {_text(shapes)} became {_text(found)}"}
    if not masks:
        return {"status": "runs"}
    worst = difference(small, masked, example)
    return {"status": "exact" if worst < EXACT else "differs", "difference": float(f"{worst:.2g}")}


@torch.no_grad()
def difference(small: nn.Module, masked: nn.Module, example: Any) -> float:
    """Return the largest difference of any output, relative to that output's largest value."""
    ours, expected = call(small, example), call(masked, example)
    pairs = [(a, b) for a, b in zip(ours, expected, strict=True) if b.numel() and b.any()]
    return max((float((a - b).abs().max() / b.abs().max()) for a, b in pairs), default=0.0)


def _text(shapes: list[torch.Size]) -> str:
    return ", ".join("x".join(map(str, shape)) for shape in shapes[:3])


def provenance() -> dict:
    versions = {name: metadata.version(name) for name in ("timm", "transformers", "torchvision")}
    return {
        "networks": f"random weights, seed {SEED}; "
        + ", ".join(f"{name} {version.split('+')[0]}" for name, version in versions.items()),
        "recipe": (
            f"{SPARSITY} of the channels of every group, by the sum of magnitudes; images of 96 pixels where"
            f" the family takes them; seconds of processor time on one thread; exact: the largest difference"
            f" is below {EXACT} of the largest output, in float32"
        ),
        "torch_pruning": metadata.version("torch_pruning"),  # its __version__ lags behind
    }

"""How much faster is LeNet-5-Caffe once half of its filters and neurons are removed, not only masked?

    python benchmarks/removed_filters.py        about a minute

Batch of 64, one and two threads. The usual way, torch_pruning, removes the same filters and stands beside
ours: both leave a network of the same shape, so they must be equally fast. Then both networks in
channels-last and fused for inference, and a network with as many MACs whose counts the clock chose: what is
compared is always dense and removed in the same form.

Half of all filters is 3.5 times fewer MACs, the limit of the speed-up as long as a MAC takes the same time.
Checked: 1.5 times as fast as it is, and 3 times as fast with the counts that the clock chose, fused, on one
thread."""

import copy
import sys

import torch
import torch_pruning
from torch import nn

from prunelab.criteria import filter_l1
from prunelab.hardware import Fused, cheap_count, latency_by_count
from prunelab.masks import apply_masks, mask_model
from prunelab.measure import compare, latencies, macs, profile
from prunelab.models import load_pretrained
from prunelab.surgery import remove_filters

TIMES, AIM = 1.5, 3.0
HALF = {"conv1.weight": 10, "conv2.weight": 25, "fc1.weight": 250}
EXAMPLE = torch.randn(64, 1, 28, 28, generator=torch.Generator().manual_seed(0))


class ChannelsLast(nn.Module):
    """``model`` with the channels of a pixel side by side in memory, also those of its input."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = copy.deepcopy(model).to(memory_format=torch.channels_last)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.model(x.contiguous(memory_format=torch.channels_last))


FORMS = {
    "as it is": lambda model: model,
    "channels-last": ChannelsLast,
    "fused": lambda model: Fused(model, EXAMPLE),
}


def usual(model: nn.Module, masks: dict[str, torch.Tensor]) -> nn.Module:
    """Remove the same filters with torch_pruning."""
    model = copy.deepcopy(model)
    for name, mask in masks.items():
        layer = model.get_submodule(name.removesuffix(".weight"))
        conv = isinstance(layer, nn.Conv2d)
        prune = torch_pruning.prune_conv_out_channels if conv else torch_pruning.prune_linear_out_channels
        graph = torch_pruning.DependencyGraph().build_dependency(model, example_inputs=EXAMPLE)
        graph.get_pruning_group(layer, prune, idxs=(~mask.flatten()).nonzero().flatten().tolist()).prune()
    return model


def with_counts(dense: nn.Module, counts: dict[str, int]) -> nn.Module:
    """Keep so many filters of each layer, those with the largest L1 norm."""
    scores = filter_l1(dense)
    return remove_filters(
        dense, mask_model(scores, {name: 1 - count / scores[name].numel() for name, count in counts.items()})
    )


def chosen_by_the_clock(dense: nn.Module) -> dict[str, int]:
    """Replace the two halves of the convolutions by counts nearby that cost less time, or bring more filters
    for the same.
    """
    counts = dict(HALF)
    for name in ("conv1.weight", "conv2.weight"):
        others = {other: count for other, count in counts.items() if other != name}
        nearby = range(round(0.7 * HALF[name]), round(1.3 * HALF[name]) + 1)
        table = latency_by_count(with_counts(dense, others), name, nearby, EXAMPLE, form=FORMS["fused"])
        print(f"{name}: " + ", ".join(f"{count} {1e3 * seconds:.2f} ms" for count, seconds in table.items()))
        counts[name] = cheap_count(HALF[name], table)
    return counts


def main() -> int:
    dense = load_pretrained("lenet5_caffe")
    masks = mask_model(filter_l1(dense), 0.5)
    masked = copy.deepcopy(dense)
    apply_masks(masked, masks)
    models = {
        "dense": dense,
        "masked": masked,
        "removed": remove_filters(dense, masks),
        "torch_pruning": usual(dense, masks),
    }
    missed = 0
    for threads in (1, 2):
        torch.set_num_threads(threads)
        comparison = compare(models, EXAMPLE)
        print(comparison, end="\n\n")
        missed += sum(row["model"] == "removed" and row["speedup"] < TIMES for row in comparison.rows)
    print(f"at least {TIMES} times as fast: {'NO' if missed else 'yes'}\n")
    torch.set_num_threads(1)
    print(
        "where the time goes, dense, then removed:",
        profile(dense, EXAMPLE),
        profile(models["removed"], EXAMPLE),
        sep="\n",
    )
    counts = chosen_by_the_clock(dense)
    rivals = {
        "dense": dense,
        "half": models["removed"],
        "chosen " + "-".join(map(str, counts.values())): with_counts(dense, counts),
    }
    for threads in (1, 2):
        torch.set_num_threads(threads)
        for form, build in FORMS.items():
            times = latencies({name: build(model) for name, model in rivals.items()}, EXAMPLE)
            for name, time in times.items():
                faster, fewer = (
                    times["dense"].median / time.median,
                    macs(dense, EXAMPLE) / macs(rivals[name], EXAMPLE),
                )
                print(
                    f"{form:14} {name:16} {threads} threads {1e3 * time.median:7.2f} ms, "
                    f"{faster:4.2f} times as fast, limit {fewer:4.2f} (MACs)"
                )
                missed += (form, threads) == ("fused", 1) and name.startswith("chosen") and faster < AIM
    print(
        f"aims, {TIMES} and, chosen and fused on one thread, {AIM} times as fast: {'NO' if missed else 'yes'}"
    )
    return missed


if __name__ == "__main__":
    sys.exit(main())

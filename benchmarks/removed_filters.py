"""How much faster is LeNet-5-Caffe once half of its filters and neurons are removed, not only masked?

    python benchmarks/removed_filters.py        about 10 seconds

Batch of 64, one and two threads. The usual way, torch_pruning, removes the same filters and stands beside ours: both leave a
network of the same shape, so they must be equally fast. Our bound, 1.5 times as fast as the dense network, is checked.
"""

import copy
import sys

import torch
import torch_pruning

from prunelab.criteria import filter_l1
from prunelab.masks import apply_masks, mask_model
from prunelab.measure import compare
from prunelab.models import load_pretrained
from prunelab.surgery import remove_filters

TIMES = 1.5


def usual(model: torch.nn.Module, masks: dict[str, torch.Tensor], example: torch.Tensor) -> torch.nn.Module:
    """Remove the same filters with torch_pruning."""
    model = copy.deepcopy(model)
    for name, mask in masks.items():
        layer = model.get_submodule(name.removesuffix(".weight"))
        conv = isinstance(layer, torch.nn.Conv2d)
        prune = torch_pruning.prune_conv_out_channels if conv else torch_pruning.prune_linear_out_channels
        graph = torch_pruning.DependencyGraph().build_dependency(model, example_inputs=example)
        graph.get_pruning_group(layer, prune, idxs=(~mask.flatten()).nonzero().flatten().tolist()).prune()
    return model


def main() -> int:
    dense = load_pretrained("lenet5_caffe")
    masks = mask_model(filter_l1(dense), 0.5)
    masked = copy.deepcopy(dense)
    apply_masks(masked, masks)
    example = torch.randn(64, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    models = {
        "dense": dense,
        "masked": masked,
        "removed": remove_filters(dense, masks),
        "torch_pruning": usual(dense, masks, example),
    }
    slow = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        comparison = compare(models, example)
        print(comparison, end="\n\n")
        slow += [row for row in comparison.rows if row["model"] == "removed" and row["speedup"] < TIMES]
    print(f"at least {TIMES} times as fast: {'NO' if slow else 'yes'}")
    return len(slow)


if __name__ == "__main__":
    sys.exit(main())

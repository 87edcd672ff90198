"""Exercises of chapter 09.2: masks left behind in a file."""

import torch
from torch import nn
from torch.nn.utils import prune

from prunelab.check.core import Case
from prunelab.check.exercise import Exercise

# 9.6 cleaned(state)


def cleaned(
    state, value=lambda original, mask: original * mask, rename=lambda name: name.removesuffix("_orig")
):
    clean = {}
    for name, tensor in state.items():
        own = name.removesuffix("_orig").removesuffix("_mask")
        if not {f"{own}_orig", f"{own}_mask"} <= set(state) or name not in (f"{own}_orig", f"{own}_mask"):
            clean[name] = tensor.clone()
        elif name.endswith("_orig"):
            clean[rename(name)] = value(tensor, state[name.removesuffix("_orig") + "_mask"])
    return clean


def _pruned(*names, shapes, density=0.5):
    state = {}
    for name, shape in shapes.items():
        tensor = torch.randint(1, 9, shape) / 4 * (2 * torch.randint(2, shape) - 1)
        if name in names:
            state |= {f"{name}_orig": tensor, f"{name}_mask": (torch.rand(shape) < density).float()}
        else:
            state[name] = tensor
    return state


def _edges_9_6():
    bare = nn.Linear(3, 2)
    prune.custom_from_mask(bare, "weight", torch.tensor([[1.0, 0, 1], [0, 1, 1]]))
    yield Case("a single layer: keys without a name in front", (dict(bare.state_dict()),))
    batch = nn.Sequential(nn.Conv2d(1, 2, (1, 3)), nn.BatchNorm2d(2)).double()
    prune.random_unstructured(batch[0], "weight", amount=0.5)
    batch[1].running_var[0], batch[1].running_mean[0] = torch.inf, 1e-9
    yield Case("float64, and a BatchNorm that counts its batches", (dict(batch.state_dict()),))
    tiny = {
        "weight_orig": 1e-9 * torch.tensor([1.0, -2.0, 3.0]),
        "weight_mask": torch.tensor([0.0, 1.0, 0.0]),
    }
    yield Case("very small weights", (tiny,))
    whole = {"weight_orig": torch.tensor([0.5, -2.5]), "weight_mask": torch.tensor([0, 1], dtype=torch.uint8)}
    yield Case("a mask of whole numbers", (whole,))
    odd = {
        "causal_mask": torch.tensor([[1.0, 0.0], [1.0, 1.0]]),
        "x_orig": torch.tensor([0.5, -1e9]),
        "conv_original.weight": torch.tensor([[0.25, 1.0, 0.25]]),
        "y_orig.bias": torch.tensor([1.0, 2.0]),
        "y_mask.bias": torch.tensor([0.0, 1.0]),
        "a.weight_mask": torch.tensor([0.0, 1.0]),
        "a.weight_orig": torch.tensor([3.0, -4.0]),
    }
    yield Case("entries whose names look alike, without a partner", (odd,))


def _cases_9_6():
    shapes = {"fc1.weight": (3, 4), "fc1.bias": (3,), "fc2.weight": (2, 3), "fc2.bias": (2,)}
    example = {
        "fc.bias": torch.tensor([0.5]),
        "fc.weight_orig": torch.tensor([[1.0, -2.0, 3.0]]),
        "fc.weight_mask": torch.tensor([[1.0, 0.0, 1.0]]),
    }
    yield Case("the example: one layer with its mask", (example,))
    yield Case("one layer of two is pruned", (_pruned("fc1.weight", shapes=shapes),))
    yield Case("weights and biases of both layers are pruned", (_pruned(*shapes, shapes=shapes),))
    yield Case("nothing was pruned", (_pruned(shapes=shapes),))
    yield Case(
        "no layer name in front: a single Linear",
        (_pruned("weight", shapes={"weight": (2, 5), "bias": (2,)}),),
    )
    yield Case("all is masked", (_pruned("fc1.weight", shapes=shapes, density=0.0),))
    deep = {
        "block.0.conv.weight": (2, 3, 3, 3),
        "block.0.bn.running_mean": (2,),
        "original.weight": (2, 2),
        "masked.weight": (2, 2),
    }
    yield Case(
        "a convolution; layers called `original` and `masked`",
        (_pruned("block.0.conv.weight", "masked.weight", shapes=deep),),
    )
    yield from _edges_9_6()


ex_9_6 = Exercise(
    "9.6",
    cleaned,
    _cases_9_6,
    verified=(
        "weights and biases, nothing pruned, everything masked, a single layer, a convolution, names that"
        " look alike"
    ),
    hint=(
        "Each `NAME_orig` and its `NAME_mask` become one entry, `NAME`: their product. Every other entry"
        " stays as it is."
    ),
    mistakes=[
        (
            "You throw the mask away and keep the dense weight: nothing is pruned any more.",
            lambda state: cleaned(state, value=lambda original, mask: original),
        ),
        (
            "The product needs the parameter's own name, without `_orig`, or no network will load it.",
            lambda state: cleaned(state, rename=lambda name: name),
        ),
        (
            "The masks are still there.",
            lambda state: (
                cleaned(state) | {name: tensor for name, tensor in state.items() if name.endswith("_mask")}
            ),
        ),
        (
            "The mask alone is not the weight.",
            lambda state: cleaned(state, value=lambda original, mask: mask),
        ),
        (
            "A mask of 1 means kept. You keep what was pruned.",
            lambda state: cleaned(state, value=lambda original, mask: original * (1 - mask)),
        ),
        (
            "The entries that were never pruned, such as biases, belong to the state, too.",
            lambda state: {name: tensor for name, tensor in cleaned(state).items() if name not in state},
        ),
        ("That is the state as it was.", lambda state: dict(state)),
    ],
)

"""Every explorer as one line of code, which runs in the browser's kernel and in the test, and accuracies
computed without it.
"""

import copy
import inspect
from collections.abc import Callable

import ipywidgets
import torch
from torch.utils.data import TensorDataset

from prunelab import widgets
from prunelab.criteria import apoz, filter_l1
from prunelab.data import load_mnist
from prunelab.granularity import group_scores
from prunelab.masks import apply_masks, keep_top, mask_model, prunable
from prunelab.models import load_pretrained
from prunelab.training import accuracy

SETUP = """\
import torch
from torch.utils.data import TensorDataset
from prunelab.criteria import filter_l1
from prunelab.data import load_mnist
from prunelab.language import Decoder
from prunelab.measure import Latency
from prunelab.models import load_pretrained
from prunelab.text import load_text
torch.set_num_threads(1)
valid = load_mnist().valid
few = TensorDataset(*valid[:500])
fewer = TensorDataset(*valid[:200])
lenet5 = load_pretrained("lenet5")
text = load_text()
torch.manual_seed(0)  # the same decoder in the kernel and beside it
decoder = Decoder(2, 32).eval()
curve = {0.0: 98.0, 0.5: 90.0, 0.9: 40.0}
took = [Latency(0.002 / k, 0.0019 / k, 0.0021 / k, 1, 64) for k in (1, 2, 4)]
times = {"300 x 784": ([0.5, 0.9, 0.99], {"dense": took[:1] * 3, "CSR": took})}
tickets = [
    {"round": r, "start": "ticket", "left": 0.8**r, "valid": [90.0 + r, 95.0 + r], "test": 95.0 + r}
    for r in range(8)
]
"""
CALLS = {
    "compare_criteria": (
        "compare_criteria({'before': {'a': [90, 91, 92], 'b': [89, 90.5, 90], 'c': [9, 5, 8]}})"
    ),
    "drop_units": "drop_units(lenet5, few, few)",
    "energy_explorer": "energy_explorer(lenet5, few.tensors[0][:1])",
    "filmstrip": "filmstrip(lenet5, few)",
    "removal_explorer": "removal_explorer(lenet5, few, filter_l1(lenet5))",
    "prune_by_size": "prune_by_size(lenet5, few)",
    "quadratic": "quadratic()",
    "scale_trick": "scale_trick(load_pretrained('lenet300'), few)",
    "granularity_explorer": "granularity_explorer(lenet5, few)",
    "written_text": ("written_text(decoder, TensorDataset(text.train[:1024].view(8, 128)), text.characters)"),
    "compression_explorer": "compression_explorer()",
    "ratio_explorer": (
        "ratio_explorer(lenet5, few, filter_l1(lenet5), {name: curve for name in filter_l1(lenet5)})"
    ),
    "nm_explorer": "nm_explorer(load_pretrained('lenet300').fc3.weight[:, :16])",
    "crossover_explorer": "crossover_explorer(times)",
    "file_explorer": "file_explorer(lenet5, few)",
    "storage_explorer": "storage_explorer()",
    "torch_prune_explorer": "torch_prune_explorer()",
    "schedule_explorer": "schedule_explorer(fewer, fewer)",
    "ticket_explorer": "ticket_explorer(tickets, 100)",
}


def code(name: str) -> str:
    """Return the cell that shows the explorer ``name``."""
    return f"from prunelab.widgets import {name}\n{CALLS[name]}"


def build(name: str) -> ipywidgets.VBox:
    """Return the explorer ``name``, made in this process."""
    space = {name: getattr(widgets, name)}
    exec(SETUP, space)
    return eval(CALLS[name], space)


def existing() -> set[str]:
    """Return the names of all functions of ``prunelab.widgets`` that return a box."""
    functions = {name: getattr(widgets, name) for name in widgets.__all__}
    return {
        name
        for name, function in functions.items()
        if inspect.signature(function).return_annotation is ipywidgets.VBox
    }


def _few() -> TensorDataset:
    return TensorDataset(*load_mnist().valid[:500])


def _accuracy(model: torch.nn.Module, masks: dict[str, torch.Tensor]) -> float:
    pruned = copy.deepcopy(model)
    apply_masks(pruned, masks)
    return accuracy(pruned, _few())


def _by_size(sparsity: float) -> str:
    model = load_pretrained("lenet5")
    masks = mask_model({name: weight.detach().abs() for name, weight in prunable(model).items()}, sparsity)
    return f"accuracy {_accuracy(model, masks):.2f} %"


def _filmed(sparsity: float) -> str:
    return _by_size(sparsity).replace("accuracy", "Accuracy on 500 images:")


def _by_filter(sparsity: float) -> str:
    model = load_pretrained("lenet5")
    scores = group_scores(model.conv2.weight.detach(), "filter")
    return f"accuracy ~{_accuracy(model, {'conv2.weight': keep_top(scores, sparsity)}):.2f} %"


def _rescaled(doublings: float) -> str:
    model = load_pretrained("lenet300")
    with torch.no_grad():
        model.fc1.weight *= 2.0**doublings
        model.fc1.bias *= 2.0**doublings
        model.fc2.weight /= 2.0**doublings
    masks = mask_model(
        {name: weight.detach().abs() for name, weight in prunable(model).items()}, 0.8, scope="global"
    )
    return f"{_accuracy(model, masks):.1f} % right"


def _by_ratio(ratio: float) -> str:
    model = load_pretrained("lenet5")
    scores = filter_l1(model)
    first = next(iter(scores))
    masks = {name: keep_top(score, ratio if name == first else 0.3) for name, score in scores.items()}
    return f"measured ~{_accuracy(model, masks):.2f} %"


def _dropped(filters: int) -> str:
    model = load_pretrained("lenet5")
    awake = apoz(model, _few())["conv2.weight"].flatten()
    with torch.no_grad():
        for index in awake.argsort(stable=True)[:filters]:
            model.conv2.weight[index] = 0
            model.conv2.bias[index] = 0
    return f"accuracy {accuracy(model, _few()):.2f} %"


# what the text must contain after the slider has been moved to a value, computed without the explorer
SHOWN: dict[str, Callable[[float], str]] = {
    "filmstrip": _filmed,
    "prune_by_size": _by_size,
    "granularity_explorer": _by_filter,
    "scale_trick": _rescaled,
    "drop_units": _dropped,
    "ratio_explorer": _by_ratio,
}

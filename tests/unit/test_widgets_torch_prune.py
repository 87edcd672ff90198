from torch import nn
from torch.nn.utils import prune

from prunelab.widgets.torch_prune import METHODS, _module_state, torch_prune_explorer


def lines(module):
    return {line.split(":")[0]: line.split(":")[1].strip() for line in _module_state(module)}


def test_state_names_what_pruning_adds_and_remove_takes_away():
    layer = nn.Linear(6, 4)
    assert lines(layer) == {
        "parameters": "weight, bias",
        "buffers": "none",
        "weight is": "a parameter",
        "hooks": "none",
        "history": "none",
        "zeros": "0 of 24",
    }
    prune.l1_unstructured(layer, "weight", amount=0.5)
    prune.random_unstructured(layer, "weight", amount=0.5)
    assert lines(layer) == {
        "parameters": "bias, weight_orig",
        "buffers": "weight_mask",
        "weight is": "a plain attribute",
        "hooks": "PruningContainer",
        "history": "L1Unstructured, RandomUnstructured",
        "zeros": "18 of 24",
    }
    prune.remove(layer, "weight")
    assert lines(layer)["hooks"] == "none" and lines(layer)["zeros"] == "18 of 24"


def test_buttons_change_picture_and_text():
    box = torch_prune_explorer()
    dense = box.picture.value
    assert "0 of 24" in box.text.value
    box.buttons["apply"].click()
    assert "12 of 24" in box.text.value and "weight_orig" in box.text.value and box.picture.value != dense
    box.buttons["apply"].click()
    assert "18 of 24" in box.text.value and "PruningContainer" in box.text.value
    box.buttons["remove"].click()
    assert "18 of 24" in box.text.value and "weight_orig" not in box.text.value
    box.buttons["remove"].click()
    assert "nothing to remove" in box.text.value
    box.buttons["start anew"].click()
    assert box.picture.value == dense


def test_every_method_can_be_applied_twice():
    for method in METHODS:
        box = torch_prune_explorer()
        box.method.value = method
        box.buttons["apply"].click()
        box.buttons["apply"].click()
        assert "PruningContainer" in box.text.value, method

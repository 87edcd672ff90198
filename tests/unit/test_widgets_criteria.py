"""The explorers of 03.1 and 03.2: what their text says against the package, on both ends of the sliders."""

import pytest
import torch
from criteria_models import data, tiny

from prunelab.criteria import magnitude, rescaled
from prunelab.masks import apply_masks, mask_model
from prunelab.training import accuracy
from prunelab.widgets import quadratic, scale_trick


def test_scale_trick_reports_the_accuracy_of_the_rescaled_and_pruned_model():
    model = tiny().eval()
    box = scale_trick(model, data())
    before = bytes(box.picture.value)
    assert before.startswith(b"\x89PNG")
    box.controls["doublings"].value = 4
    expected = rescaled(model, "fc1", "fc2", 16.0)
    apply_masks(expected, mask_model(magnitude(expected), 0.8, scope="global"))
    assert (
        f"after pruning 80%: {accuracy(expected, data()):.1f} % right" in box.text.value
        and "fc1 x 16" in box.text.value
    )
    assert bytes(box.picture.value) != before
    assert not box.controls["sparsity"].continuous_update


def test_scale_trick_leaves_the_model_alone_and_refuses_bad_names():
    model = tiny().eval()
    before = model.fc1.weight.clone()
    scale_trick(model, data()).controls["sparsity"].value = 0.5
    assert torch.equal(before, model.fc1.weight)
    with pytest.raises(ValueError, match="first"):
        scale_trick(model, data(), first="fc7")
    with pytest.raises(TypeError, match="dataset"):
        scale_trick(model, None)


def test_quadratic_agrees_with_the_closed_forms():
    box = quadratic(weights=(0.6, 0.9), curvatures=(1.0, 1.5))
    for coupling in (0.0, 0.5, -0.95):
        box.controls["coupling"].value = coupling
        obd = [1.0 * 0.6**2 / 2, 1.5 * 0.9**2 / 2]
        both = sum(obd) + coupling * 1.5**0.5 * 0.6 * 0.9
        text = (
            f"OBD {obd[0]:.3f}, OBS {obd[0] * (1 - coupling**2):.3f}. Remove both: sum of OBD {sum(obd):.3f},"
            f" true loss {both:.3f}"
        )
        assert text in box.text.value
    with pytest.raises(ValueError, match="curvatures"):
        quadratic(curvatures=(0, 1.0))

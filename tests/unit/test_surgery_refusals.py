"""What remove_filters must refuse, and in which words."""

import copy
from collections import OrderedDict

import pytest
import torch
import torch.nn.functional as F
from surgery_models import assert_same, filter_masks, masked, randomise
from torch import nn

from prunelab.models import MODELS
from prunelab.surgery import remove_filters


class Wrap(nn.Module):
    def __init__(self, forward, **layers):
        super().__init__()
        self.a, self.b = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 4, 1)
        self.fc = nn.Linear(4 * 64, 3)
        for name, layer in layers.items():
            setattr(self, name, layer)
        self._forward = forward

    def forward(self, x):
        return self._forward(self, x)


def flat(x):
    return torch.flatten(x, 1)


REFUSED = {
    "residual sum": (
        lambda m, x: m.fc(flat((y := m.a(x)) + m.b(y))),
        "a",
        "fc reads channels of a, b .*add joins a, b",
    ),
    "part of a concatenation": (
        lambda m, x: m.fc(flat(torch.cat([m.a(x), x, x, x], 1)[:, :4])),
        "a",
        "slice names the size 4, which would have to be 2",
    ),
    "view": (lambda m, x: m.fc(m.b(m.a(x)).view(-1, 256)), "b", "view.*flatten"),
    "flatten of the batch": (lambda m, x: m.fc(torch.flatten(m.b(m.a(x))).view(-1, 256)), "b", "flatten"),
    "softmax over channels": (lambda m, x: m.fc(flat(torch.softmax(m.a(x), 1))), "a", "softmax"),
    "one channel by its place": (
        lambda m, x: m.fc(flat(m.a(x))) + m.a(x)[:, 2].sum(),
        "a",
        "select picks one",
    ),
    "the output": (lambda m, x: m.fc(flat(m.a(x))), "fc", "fc makes the model's output"),
    "called twice": (lambda m, x: m.fc(flat(m.b(m.b(m.a(x))))), "b", "b reads channels of a, b that are no"),
    "consumer called twice": (
        lambda m, x: m.fc(flat(m.b(m.b(m.a(x))))),
        "a",
        "b reads channels of a, b that are no",
    ),
    "view over images and channels": (lambda m, x: m.fc(m.b(m.a(x)).view(-1, 4, 64).flatten(1)), "b", "view"),
    "linear on pixels": (lambda m, x: m.fc(m.a(x).reshape(-1, 256)), "a", "reshape"),
    "control flow": (lambda m, x: m.fc(flat(m.a(x))) if x.sum() > 0 else x, "a", "a makes no channels"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_couplings_are_refused_by_name(case):
    forward, layer, words = REFUSED[case]
    model = Wrap(forward)
    model(torch.randn(2, 1, 8, 8))  # a valid network all the same
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(ValueError, match=words):
        remove_filters(model, filter_masks(model, [layer]), torch.zeros(2, 1, 8, 8))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_layers_that_cannot_shrink_are_refused():
    groups = nn.Sequential(
        OrderedDict(deep=nn.Conv2d(4, 8, 3, groups=4), f=nn.Flatten(), out=nn.Linear(32, 2))
    )
    with pytest.raises(ValueError, match=r"deep .Conv2d. is a grouped convolution over channels that cannot"):
        remove_filters(groups, filter_masks(groups, ["deep"]))
    tied = nn.Sequential(OrderedDict(a=nn.Linear(4, 4), b=nn.Linear(4, 4), c=nn.Linear(4, 2)))
    tied.b.weight = tied.a.weight
    with pytest.raises(
        ValueError, match=r"a, b: a \(Linear\) multiplies it with something that is no channel"
    ):
        remove_filters(tied, {"a.weight": torch.tensor([[True], [True], [False], [True]])})
    unflattened = nn.Sequential(OrderedDict(a=nn.Conv2d(1, 4, 3), b=nn.Linear(4, 2)))
    with pytest.raises(ValueError, match="makes the model's output"):
        remove_filters(unflattened, filter_masks(unflattened, ["a"]))
    other = nn.Sequential(OrderedDict(a=nn.Linear(4, 4), ln=nn.LayerNorm(4), b=nn.Linear(4, 2)))
    with pytest.raises(ValueError, match=r"ln \(LayerNorm\)"):
        remove_filters(other, filter_masks(other, ["a"]))


FOLLOWED = {
    "all channels, indexed": (lambda m, x: m.fc(flat(m.a(x)[:, :4])), "a"),
    "a weight used as a tensor": (lambda m, x: m.fc(flat(F.conv2d(x, m.a.weight, padding=1))), "a"),
    "control flow on the data": (lambda m, x: m.fc(flat(m.a(x))) if x.sum() > -1e9 else x, "a"),
    "a flatten that loops": (lambda m, x: torch.stack([m.fc(image.flatten()) for image in m.a(x)]), "a"),
}


@pytest.mark.parametrize("case", FOLLOWED)
def test_what_runs_is_followed(case):
    forward, layer = FOLLOWED[case]
    model = randomise(Wrap(forward))
    masks = filter_masks(model, [layer])
    small = remove_filters(model, masks, torch.zeros(2, 1, 8, 8))
    assert_same(small, masked(model, masks), (3, 1, 8, 8))
    assert len(small.a.weight) == 2 and small.fc.in_features == 128


def test_a_norm_of_the_batch_sends_its_shift_for_a_constant():
    norm = nn.Sequential(
        OrderedDict(
            a=nn.Conv2d(1, 4, 3), n=nn.BatchNorm2d(4, track_running_stats=False), b=nn.Conv2d(4, 2, 3)
        )
    )
    masks = filter_masks(randomise(norm), ["a"])
    assert_same(remove_filters(norm, masks), masked(norm, masks), (3, 1, 8, 8))


def test_bad_masks_are_refused():
    model = MODELS["lenet5"]()
    with pytest.raises(TypeError, match="model"):
        remove_filters("lenet5", {})
    with pytest.raises(ValueError, match="a name in masks"):
        remove_filters(model, {"conv9.weight": torch.ones(6, 1, 1, 1, dtype=torch.bool)})
    with pytest.raises(TypeError, match="bool"):
        remove_filters(model, {"conv1.weight": torch.ones(6, 1, 1, 1)})
    with pytest.raises(ValueError, match="shape"):
        remove_filters(model, {"conv1.weight": torch.ones(5, 1, 1, 1, dtype=torch.bool)})
    with pytest.raises(ValueError, match=r"ln: ln \(LayerNorm\)"):
        remove_filters(
            nn.Sequential(OrderedDict(ln=nn.LayerNorm(4))),
            {"ln.weight": torch.zeros(4, dtype=torch.bool)},
            torch.ones(2, 4),
        )
    for example, kind in (
        (3, TypeError),
        (torch.tensor(1.0), TypeError),
        (torch.zeros(2, 3, 28, 28), ValueError),
    ):
        with pytest.raises(kind, match="example_input"):
            remove_filters(model, filter_masks(model, ["conv1"]), example)
    with pytest.raises(ValueError, match="example_input must be an input that the model runs on"):
        remove_filters(
            nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(7, 2)),
            {"0.weight": torch.ones(2, 1, 1, 1) > 0},
        )

"""Copies that share tensors and nothing else, notes beside tensors, places of numbers, and the last lock."""

import copy

import pytest
import torch
from torch import nn

from prunelab.surgery.couplings import Couplings
from prunelab.surgery.examples import working_copy
from prunelab.surgery.lock import Lock, Output
from prunelab.surgery.tracks import Beside, Carried


class Own(nn.Module):
    """Holds what modules of libraries hold: a shared setting, a list, a cycle, a tensor that is no buffer."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(2, 2), nn.Conv2d(1, 1, 3)
        self.again = self.first
        self.setting = {"deep": [1, 2], "layer": self.second}
        self.sizes, self.names = [3, 4], ("a", [5])
        self.plain = torch.ones(2)
        object.__setattr__(self, "parent", self)
        self.first.setting = self.setting
        self.first.register_forward_hook(lambda *_: None)


class Remembers(nn.Linear):
    """Says itself how it is copied."""

    def __deepcopy__(self, memo):
        new = Remembers(2, 2)
        memo[id(self)] = new
        new.weight, new.bias, new.copied = self.weight, self.bias, True
        return new


class Forgets(nn.Linear):
    """Says itself what of it is stored."""

    def __getstate__(self):
        return {key: value for key, value in vars(self).items() if key != "cache"}


def test_tensors_are_shared_and_nothing_else_is():
    model = Own().train()
    twin = working_copy(model)
    assert twin.first.weight is model.first.weight and twin.plain is model.plain
    assert not twin.training and model.training and model.first.training
    assert twin.again is twin.first is not model.first and twin.parent is twin
    assert twin.setting is twin.first.setting is not model.setting
    assert twin.setting["layer"] is twin.second
    twin.setting["deep"].append(3)
    twin.names[1].append(6)
    twin.sizes.append(5)
    twin.second._forward_hooks[0] = None
    twin.first._parameters["bias"] = None
    assert (model.setting["deep"], model.names, model.sizes) == ([1, 2], ("a", [5]), [3, 4])
    assert not model.second._forward_hooks and not twin.first._backward_hooks
    assert model.first.bias is not None
    assert len(twin.first._forward_hooks) == len(model.first._forward_hooks) == 1
    assert twin.first._forward_hooks is not model.first._forward_hooks


def test_modules_may_say_how_they_are_copied():
    model = nn.Sequential(Remembers(2, 2), Forgets(2, 2))
    model[1].cache = object()
    twin = working_copy(model)
    assert twin[0].copied and not hasattr(model[0], "copied")
    assert not hasattr(twin[1], "cache") and hasattr(model[1], "cache")
    assert twin[1].weight is model[1].weight


def test_it_is_what_deepcopy_gives():
    model = nn.TransformerEncoderLayer(8, 2, dim_feedforward=4)
    twin, other = working_copy(model), copy.deepcopy(model)
    for a, b in zip(twin.modules(), other.modules(), strict=True):
        assert type(a) is type(b) and vars(a).keys() == vars(b).keys()
        own = [value for value in vars(a).values() if isinstance(value, dict | list | set)]
        theirs = {id(value) for module in model.modules() for value in vars(module).values()}
        assert own and not theirs & set(map(id, own))


def test_what_cannot_be_copied_is_refused():
    model = nn.Sequential(nn.Linear(2, 2))
    model[0].stream = (item for item in "ab")
    with pytest.raises(ValueError, match=r"copy.deepcopy copies, but: cannot pickle 'generator'"):
        working_copy(model)


def test_notes_are_beside_a_tensor_and_not_beside_its_number():
    beside, kept = Beside(), torch.zeros(1)
    beside[kept] = Carried(by="kept")
    for _ in range(200):  # a new tensor gets the number of one that is gone
        new = torch.zeros(1)
        assert beside.get(new) is None
        beside[new] = Carried(by="gone")
        del new
    assert beside.get(kept).by == "kept"
    assert beside.get(kept.view(1)) is None


@pytest.mark.parametrize(
    "numbers, places",
    [
        ([1, 2, 3], {("a", 0)}),
        ([4], {("a", 1)}),
        ([3, 4], {("a", 0), ("a", 1)}),
        ([2, 6], {("a", 0), ("b", 0)}),
        ([0, 1], {("a", 0)}),
        ([0, 0], set()),
        ([7, 8], {("b", 0)}),  # 8 and 9 belong to no parameter
        ([8, 9], set()),
        ([], set()),
    ],
)
def test_numbers_tell_whose_entries_they_are(numbers, places):
    couplings = Couplings({"a": torch.zeros(3, 2), "b": torch.zeros(2)})
    couplings.new(2)
    assert couplings.places_of(torch.tensor(numbers, dtype=torch.long)) == places


def outputs(*values: tuple[str, float]) -> list[Output]:
    return [Output(name, torch.tensor([[value], [0]], dtype=torch.float64), []) for name, value in values]


@pytest.mark.parametrize(
    "seen, words",
    [
        ([("a", 1.0), ("b", 2.0)], ""),
        ([("a", 1.0 + 1e-12), ("b", 2.0)], ""),
        ([("a", 1.0)], "calls other modules"),
        ([("a", 1.0), ("c", 2.0)], "calls other modules"),
        ([("a", 1.0), ("b", 2.0), ("b", 2.0)], "calls other modules"),
        ([("b", 2.0), ("a", 1.0)], "calls other modules"),
        ([("a", 1.0), ("b", 2.1)], "b gives other outputs"),
        ([("a", 1.5), ("c", 2.0)], "a gives other outputs"),  # the first that differs
        ([("a", float("nan")), ("b", 2.0)], "a gives other outputs"),
    ],
)
def test_the_lock_opens_for_the_same_outputs_only(seen, words):
    lock = Lock(outputs(("a", 1.0), ("b", 2.0)), torch.ones(1, dtype=torch.bool))
    for output in outputs(*seen):
        lock.see(output)
    if not words:
        lock.open()
    else:
        with pytest.raises(ValueError, match=words):
            lock.open()

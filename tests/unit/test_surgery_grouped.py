"""Grouped convolutions lose whole groups, or the same place of every group."""

from collections import OrderedDict

import pytest
import torch
from surgery_models import assert_same, masked, randomise
from torch import nn

from prunelab.surgery import coupled_groups, coupled_masks, explain, remove_filters, resize

IMAGE = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def network(
    groups: int, width: int = 12, filters: int = 12, bias: bool = True, padding: int = 1
) -> nn.Module:
    torch.manual_seed(3)
    return randomise(
        nn.Sequential(
            OrderedDict(
                a=nn.Conv2d(3, width, 3, bias=bias),
                b=nn.Conv2d(width, filters, 3, padding=padding, groups=groups),
                c=nn.Conv2d(filters, 4, 1),
            )
        )
    )


def dropped(size: int, *places: int) -> torch.Tensor:
    """Return a mask for filters: kept but for ``places``."""
    kept = torch.ones(size, 1, 1, 1, dtype=torch.bool)
    kept[list(places)] = False
    return kept


@pytest.mark.parametrize(
    "groups, filters, units, parts",
    [(2, 12, 6, 6), (2, 8, 4, 6), (6, 12, 6, 6), (4, 8, 4, 4), (3, 6, 3, 3), (3, 9, 3, 3)],
)
def test_it_goes_in_the_more_parts(groups, filters, units, parts):
    """2 groups of 6 filters: 6 places are more than 2 groups; of 6 groups of 2 it is the groups."""
    model = network(groups, width=9 if filters == 9 else 12, filters=filters)
    found = coupled_groups(model, IMAGE)
    assert len(found["b.weight" if groups == 2 else "a.weight"]["b.weight", 0]) == units
    assert len(found["a.weight"]["a.weight", 0]) == parts
    kept = {name: torch.arange(len(next(iter(group.values())))) != 1 for name, group in found.items()}
    masks = coupled_masks(model, found, kept)
    small = remove_filters(model, masks, IMAGE)
    assert_same(small, masked(model, masks), IMAGE.shape)
    assert small.b.groups == (groups if groups == 2 else groups - 1)
    assert small.b.weight.shape[:2] == (small.b.out_channels, small.b.in_channels // small.b.groups)
    assert small.a.out_channels == small.b.in_channels < model.a.out_channels


@pytest.mark.parametrize(
    "gone, groups, inputs", [((0, 3, 6, 9), 4, 12), ((0, 1, 2), 3, 9), ((0, 1, 3, 4, 6, 7, 9, 10), 4, 12)]
)
def test_masks_say_which_way(gone, groups, inputs):
    """4 groups of 3: one place of every group, or one group; filters of places leave the inputs alone."""
    model = network(4)
    masks = {"b.weight": dropped(12, *gone), "b.bias": dropped(12, *gone).flatten()}
    small = remove_filters(model, masks, IMAGE)
    assert (small.b.groups, small.b.in_channels, small.b.out_channels) == (groups, inputs, 12 - len(gone))
    assert_same(small, masked(model, masks), IMAGE.shape)


@pytest.mark.parametrize("gone", [(0,), (0, 3, 6), (0, 4, 8, 11), (0, 1)])
def test_neither_way_is_refused(gone):
    with pytest.raises(ValueError, match="b is a grouped convolution: filters go only as whole groups of 3"):
        remove_filters(network(4), {"b.weight": dropped(12, *gone)}, IMAGE)


def test_inputs_at_the_same_place_go_from_every_group():
    model = network(4, bias=False)
    masks = {"a.weight": dropped(12, 1, 4, 7, 10)}
    small = remove_filters(model, masks, IMAGE)
    assert small.b.weight.shape == (12, 2, 3, 3) and small.b.in_channels == small.a.out_channels == 8
    assert_same(small, masked(model, masks), IMAGE.shape)


def test_a_constant_before_it_is_refused():
    """What reads it stays, so its bias must be masked: the border of a padding ends a constant, and none is
    folded into a grouped convolution."""
    masks = {"a.weight": dropped(12, 1, 4, 7, 10)}
    with pytest.raises(ValueError, match=r"b pads with zeros, and a dropped filter before it sends .* of a"):
        remove_filters(network(4), masks, IMAGE)
    with pytest.raises(ValueError, match=r"b reads the constant .* mask the bias"):
        remove_filters(network(4, padding=0), masks, IMAGE)
    silent = masks | {"a.bias": masks["a.weight"].flatten()}
    for padding in (0, 1):
        model = network(4, padding=padding)
        assert_same(remove_filters(model, silent, IMAGE), masked(model, silent), IMAGE.shape)


def test_a_whole_group_goes_with_its_constant():
    """Nothing reads it any more, so it needs no mask."""
    model = network(4)
    masks = {"b.weight": dropped(12, 3, 4, 5), "b.bias": dropped(12, 3, 4, 5).flatten()}
    masks["a.weight"] = masks["b.weight"]
    small = remove_filters(model, masks, IMAGE)
    assert (small.a.out_channels, small.b.groups) == (9, 3)
    assert_same(small, masked(model, masks), IMAGE.shape)


class Split(nn.Module):
    """Halves of a grouped convolution compete for each place, as in a split attention."""

    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(3, 8, 3)
        self.b = nn.Conv2d(8, 8, 3, groups=2)
        self.c = nn.Conv2d(4, 4, 1)

    def forward(self, x):
        x = self.b(self.a(x)).unflatten(1, (2, -1))
        return self.c((x * x.softmax(1)).sum(1))


def test_what_lies_behind_it_may_leave_one_way():
    """Both groups are coupled behind it, so no group can go alone; places can."""
    model = randomise(Split())
    found = coupled_groups(model, IMAGE)
    assert {name: len(next(iter(group.values()))) for name, group in found.items()} == {
        "a.weight": 4,
        "b.weight": 4,
    }
    masks = coupled_masks(model, found, {"b.weight": torch.tensor([True, False, True, False])})
    small = remove_filters(model, masks, IMAGE)
    assert (small.b.groups, small.b.out_channels, small.c.in_channels) == (2, 4, 2)
    assert_same(small, masked(model, masks), IMAGE.shape)


def test_explain_says_which_way():
    rows = {row.layer: row for row in explain(network(2), IMAGE).rows}
    assert (rows["b"].removable, rows["b"].units, rows["a"].units) == (12, 6, 6)
    rows = {row.layer: row for row in explain(network(6), IMAGE).rows}
    assert (rows["b"].removable, rows["b"].units, rows["a"].units) == (12, 6, 6)
    assert rows["b"].partners[0] == "a"


@pytest.mark.parametrize(
    "masks",
    [
        {"a.weight": dropped(12, 1, 4, 7, 10), "b.weight": dropped(12, 0, 3, 6, 9)},  # places of both
        {"a.weight": dropped(12, 1, 4, 7, 10)},
        {"b.weight": dropped(12, 0, 3, 6, 9)},  # two filters in each of 4 groups are no whole groups of 3
        {"b.weight": dropped(12, 0, 1, 2)},
    ],
)
def test_sizes_tell_which_way_it_was(masks):
    masks = masks | {name.replace("weight", "bias"): mask.flatten() for name, mask in masks.items()}
    small = remove_filters(network(4), masks, IMAGE)
    again = resize(network(4), small.state_dict())
    assert (again.b.groups, again.b.in_channels) == (small.b.groups, small.b.in_channels)
    assert_same(again, small, IMAGE.shape)


def test_fewer_inputs_in_each_group_tell_that_no_group_went():
    """Half of the filters of both groups are as many as one group has."""
    masks = {"a.weight": dropped(12, 1, 7), "b.weight": dropped(12, 0, 2, 4, 6, 8, 10)}
    masks |= {name.replace("weight", "bias"): mask.flatten() for name, mask in masks.items()}
    small = remove_filters(network(2), masks, IMAGE)
    again = resize(network(2), small.state_dict())
    assert again.b.groups == small.b.groups == 2
    assert_same(again, small, IMAGE.shape)

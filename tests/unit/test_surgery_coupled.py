"""Removal of coupled groups from small networks of every kind, against the masked network and
torch_pruning.
"""

import copy
from collections import Counter

import pytest
import torch
import torch_pruning
import torchvision
from coupled_models import (
    BEHIND_PADDING,
    EXAMPLE,
    NETWORKS,
    attention_over_places,
    depthwise,
    grouped,
    inplace_sum,
    residual,
    shuffle,
    squeeze_excite,
    transformer_block,
)
from surgery_models import assert_same, filter_masks, masked, randomise, size
from torch import nn

from prunelab.masks import mask_model, prunable
from prunelab.surgery import coupled_groups, coupled_masks, coupled_scores, remove_filters, resize


def build(network) -> nn.Module:
    torch.manual_seed(7)
    return randomise(network())


def choose(model, groups, sparsity=0.5):
    return mask_model(
        coupled_scores(groups, {name: w.detach().abs() for name, w in prunable(model).items()}), sparsity
    )


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.__name__)
def test_the_groups_by_hand(network):
    groups = coupled_groups(build(network), EXAMPLE)
    assert {
        name: {f"{parameter} {dim}" for parameter, dim in group} for name, group in groups.items()
    } == NETWORKS[network]


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.__name__)
@pytest.mark.parametrize("sparsity", [0.3, 0.5, 1.0])
def test_groups_are_removed_exactly(network, sparsity):
    model = build(network)
    before = copy.deepcopy(model.state_dict())
    groups = coupled_groups(model, EXAMPLE)
    kept = choose(model, groups, sparsity)
    masks = coupled_masks(model, groups, kept)
    small = remove_filters(model, masks, EXAMPLE)
    assert_same(small, masked(model, masks), (3, 3, 8, 8))
    gone = Counter()  # a layer that would lose everything keeps one channel
    for name, group in groups.items():
        for member, indices in group.items():
            gone[member] += (len(indices) - max(1, int(kept[name].sum()))) * indices.shape[1]
    for (parameter, dim), count in gone.items():
        assert small.get_parameter(parameter).shape[dim] == model.get_parameter(parameter).shape[dim] - count
    assert size(small) < size(model)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items()), (
        "the argument was changed"
    )
    again = resize(build(network), small.state_dict())
    assert_same(again, small, (3, 3, 8, 8))


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.__name__)
def test_weights_alone_are_removed_exactly_or_refused(network):
    """Without the biases' masks a constant is left: folded, or refused where zero padding stands behind
    it.
    """
    model = build(network)
    groups = coupled_groups(model, EXAMPLE)
    for name in groups:
        masks = coupled_masks(model, groups, choose(model, {name: groups[name]}), silent=False)
        assert all(
            parameter.endswith(".weight") and model.get_parameter(parameter).ndim > 1 for parameter in masks
        )
        try:
            small = remove_filters(model, masks, EXAMPLE)
        except ValueError as error:
            assert "pads with zeros" in str(error) or (
                network is attention_over_places and "mul joins" in str(error)
            )
            assert (network, name) in BEHIND_PADDING
        else:
            assert_same(small, masked(model, masks), (3, 3, 8, 8))
            assert size(small) < size(model)


@pytest.mark.parametrize("network", [residual, inplace_sum, squeeze_excite])
def test_agrees_with_torch_pruning(network):
    model = build(network)
    groups = coupled_groups(model, EXAMPLE)
    kept = choose(model, groups)
    masks = coupled_masks(model, groups, kept)
    reference = masked(model, masks)
    for norm in (module for module in reference.modules() if isinstance(module, nn.BatchNorm2d)):
        norm.running_mean[norm.weight == 0] = 0
    for name, keep in kept.items():
        layer = reference.get_submodule(name.removesuffix(".weight"))
        graph = torch_pruning.DependencyGraph().build_dependency(reference, example_inputs=EXAMPLE.double())
        dropped = groups[name][name, 0][~keep].flatten().tolist()
        graph.get_pruning_group(layer, torch_pruning.prune_conv_out_channels, idxs=dropped).prune()
    small = remove_filters(model, masks, EXAMPLE)
    assert {n: p.shape for n, p in small.named_parameters()} == {
        n: p.shape for n, p in reference.named_parameters()
    }
    assert_same(small, reference, (3, 3, 8, 8))


def test_one_side_of_a_sum_alone_is_refused_and_the_rest_is_not():
    model = build(residual)
    for layer in ("stem", "outer"):
        with pytest.raises(
            ValueError,
            match=(
                r"(head|inner) reads channels of stem, norm, outer, last .*add joins relu,"
                r" last.*coupled_masks"
            ),
        ):
            remove_filters(model, filter_masks(model, [layer]), EXAMPLE)
    both = filter_masks(model, ["stem"])
    both["outer.weight"] = both["stem.weight"]
    with pytest.raises(ValueError, match=r"inner pads with zeros.*mask the bias.*stem, norm, outer, last"):
        remove_filters(model, both, EXAMPLE)
    partly = {
        "stem.weight": torch.arange(8).view(-1, 1, 1, 1) > 2,
        "outer.weight": torch.arange(8).view(-1, 1, 1, 1) > 3,
    }
    with pytest.raises(ValueError, match="no constants"):
        remove_filters(model, partly, EXAMPLE)


def test_the_other_side_may_send_zeros_of_its_own():
    """A side that is zero without a mask, as a last BatchNorm that starts at zero, is a constant like any
    other.
    """
    model = build(residual)
    model.last.weight.data.zero_()
    model.last.bias.data.zero_()
    masks = {
        name: torch.arange(8).view(-1, *[1] * (n - 1)) > 3
        for name, n in (("stem.weight", 4), ("norm.weight", 1), ("norm.bias", 1))
    }
    small = remove_filters(model, masks, EXAMPLE)
    assert small.outer.out_channels == small.head.in_features == 4
    assert_same(small, masked(model, masks), (3, 3, 8, 8))


def test_part_of_a_group_of_filters_is_refused():
    model = build(grouped)
    with pytest.raises(ValueError, match="b is a grouped convolution: filters go only as whole groups of 2"):
        remove_filters(model, {"b.weight": torch.arange(8).view(-1, 1, 1, 1) != 3}, EXAMPLE)
    whole = torch.arange(8).view(-1, 1, 1, 1) // 2 != 1
    masks = {"b.weight": whole, "b.bias": whole.flatten()}
    small = remove_filters(model, masks, EXAMPLE)
    assert (small.b.groups, small.b.in_channels, small.a.out_channels) == (3, 9, 9)
    assert_same(small, masked(model, masks), (3, 3, 8, 8))


def test_depthwise_padding_behind_a_constant():
    """The expansion alone sends a constant into zero padding; with the depthwise filter masked it ends
    there.
    """
    model = build(depthwise)
    masks = filter_masks(model, ["expand"])
    with pytest.raises(ValueError, match="deep pads with zeros"):
        remove_filters(model, masks, EXAMPLE)
    masks["deep.weight"] = masks["expand.weight"].repeat_interleave(2, 0)
    small = remove_filters(model, masks, EXAMPLE)
    assert (small.deep.groups, small.deep.out_channels) == (4, 8)
    assert_same(small, masked(model, masks), (3, 3, 8, 8))


def test_what_mixes_channels_is_refused_by_name():
    model = build(transformer_block)
    with pytest.raises(ValueError, match=r"embed, norm, down: norm \(LayerNorm\) divides by the spread"):
        remove_filters(
            model, {n: torch.arange(8).view(-1, 1) > 3 for n in ("embed.weight", "down.weight")}, EXAMPLE
        )
    model = build(shuffle)
    with pytest.raises(ValueError, match="reads channels of a, c that are no constants"):
        remove_filters(model, {"a.weight": torch.arange(8).view(-1, 1, 1, 1) != 1}, EXAMPLE)
    model = build(attention_over_places)
    model.where = randomise(nn.Conv2d(8, 1, 3, padding=1))
    assert coupled_groups(model, EXAMPLE).keys() == {"a.weight", "b.weight"}


@pytest.mark.parametrize(
    "name, layers", [("resnet18", 12), ("mobilenet_v3_small", 27), ("shufflenet_v2_x0_5", 20)]
)
def test_torchvision(name, layers):
    torch.manual_seed(0)
    model = randomise(torchvision.models.get_model(name, weights=None))
    example = torch.randn(2, 3, 32, 32)
    groups = coupled_groups(model, example)
    assert len(groups) == layers
    masks = coupled_masks(model, groups, choose(model, groups))
    assert_same(remove_filters(model, masks, example), masked(model, masks), (2, 3, 32, 32))

"""Networks of the kinds that people bring: what can go is found, and goes exactly."""

import copy

import pytest
import torch
from coupled_models import residual
from reach_models import (
    IMAGE,
    REACH,
    SERIES,
    Attention,
    C2f,
    Recurrent,
    Scale,
    TwoInputs,
    conv,
    encoder_layer,
)
from surgery_models import assert_same, masked, randomise, size
from torch import nn
from torch.utils._pytree import tree_leaves, tree_map

from prunelab.masks import mask_model
from prunelab.surgery import coupled_groups, coupled_masks, coupled_scores, remove_filters


def build(network, **options) -> nn.Module:
    torch.manual_seed(7)
    return randomise(network(**options))


def halved(model, example, groups=None, sparsity=0.5) -> tuple[dict, nn.Module]:
    """Return the masks that drop half of every group by magnitude, and the smaller model."""
    groups = coupled_groups(model, example) if groups is None else groups
    magnitudes = {name: parameter.detach().abs() for name, parameter in model.named_parameters()}
    masks = coupled_masks(model, groups, mask_model(coupled_scores(groups, magnitudes), sparsity))
    return masks, remove_filters(model, masks, example)


def drawn(value):
    """Return a random tensor of the same shape; whole numbers stay in a vocabulary of 9."""
    if not isinstance(value, torch.Tensor):
        return value
    generator = torch.Generator().manual_seed(1)
    if value.is_floating_point():
        return torch.randn(value.shape, dtype=torch.float64, generator=generator)
    return torch.randint(9, value.shape, generator=generator)


@torch.no_grad()
def assert_equal_outputs(small, big, example) -> None:
    inputs = tree_map(drawn, example if isinstance(example, tuple | dict) else (example,))
    call = (lambda m: m(**inputs)) if isinstance(inputs, dict) else (lambda m: m(*inputs))
    ours, expected = tree_leaves(call(small)), tree_leaves(call(big))
    assert len(ours) == len(expected) > 0
    for a, b in zip(ours, expected, strict=True):
        assert torch.allclose(a, b, rtol=0, atol=1e-10) if isinstance(b, torch.Tensor) else a == b


@pytest.mark.parametrize("network", REACH, ids=lambda network: network.__name__)
def test_what_can_go_is_found_and_goes_exactly(network):
    example, channels = REACH[network]
    model = build(network)
    before = copy.deepcopy(model.state_dict())
    groups = coupled_groups(model, example)
    assert {name: len(next(iter(group.values()))) for name, group in groups.items()} == channels
    for name in groups:  # each alone, then all
        masks, small = halved(model, example, {name: groups[name]})
        assert_equal_outputs(small, masked(model, masks), example)
        assert size(small) < size(model)
    masks, small = halved(model, example, groups)
    assert_equal_outputs(small, masked(model, masks), example)
    for name, group in groups.items():  # nothing of a dropped channel is left
        for parameter, dim in group:
            assert small.get_parameter(parameter).shape[dim] < model.get_parameter(parameter).shape[dim], name
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(type(a) is type(b) for a, b in zip(vars(model).values(), vars(small).values(), strict=False))


@pytest.mark.parametrize(
    "options",
    [
        {"kind": nn.GRU},
        {"bidirectional": True},
        {"num_layers": 2},
        {"kind": nn.GRU, "num_layers": 2, "bidirectional": True},
        {"kind": nn.RNN},
        {"bias": False},
    ],
    ids=str,
)
def test_hidden_units(options):
    """One hidden size for all layers and directions: unit i goes from each."""
    model = build(Recurrent, **options)
    groups = coupled_groups(model, SERIES)
    assert len(next(iter(groups["rnn.weight_ih_l0"].values()))) == 6
    masks, small = halved(model, SERIES)
    assert (small.rnn.hidden_size, small.rnn.input_size) == (3, 3)
    assert_equal_outputs(small, masked(model, masks), SERIES)
    small.train()(torch.randn(2, 3, 16, dtype=torch.float64)).sum().backward()


def test_a_masked_hidden_unit_is_silent():
    """Its gates see nothing, so its candidate is tanh(0) = 0 at every step, and the state stays 0."""
    model = build(Recurrent)
    masks, _ = halved(model, SERIES)
    with torch.no_grad():
        states = masked(model, masks).rnn(torch.randn(2, 9, 5, dtype=torch.float64))[0]
    dropped = ~masks["rnn.weight_ih_l0"].view(4, 6)[0]
    assert dropped.sum() == 3 and not states[..., dropped].any() and states[..., ~dropped].all()


@pytest.mark.parametrize("norm_first", [True, False])
def test_heads_of_multihead_attention(norm_first):
    model = build(encoder_layer)
    model.layer.norm_first = norm_first
    masks, small = halved(model, SERIES)
    attention = small.layer.self_attn
    assert (attention.num_heads, attention.embed_dim, attention.in_proj_weight.shape) == (2, 8, (12, 8))
    assert_equal_outputs(small, masked(model, masks), SERIES)
    small.train()(torch.randn(2, 3, 16, dtype=torch.float64)).sum().backward()


@pytest.mark.parametrize(
    "options", [{}, {"batch_first": True}, {"kdim": 5, "vdim": 7}, {"bias": False}], ids=str
)
def test_fewer_heads_do_what_torch_does(options):
    """Nothing removed, all of it compared: masks of both kinds, weights, inputs without a batch."""
    from prunelab.surgery.attention import FewerHeads

    torch.manual_seed(0)
    theirs = randomise(nn.MultiheadAttention(8, 4, **options))
    ours = copy.deepcopy(theirs)
    FewerHeads.of(ours)
    sizes = (8, options.get("kdim", 8), options.get("vdim", 8))
    q, k, v = (torch.randn(5, 5, s, dtype=torch.float64) for s in sizes)
    triangle = torch.ones(5, 5, dtype=torch.bool).triu(1)
    padding = torch.zeros(5, 5, dtype=torch.bool)
    padding[1, 3:] = True
    for arguments in (
        {},
        {"need_weights": False},
        {"attn_mask": triangle},
        {"attn_mask": torch.randn(20, 5, 5, dtype=torch.float64), "average_attn_weights": False},
        {"key_padding_mask": padding, "attn_mask": triangle},
    ):
        for a, b in zip(ours(q, k, v, **arguments), theirs(q, k, v, **arguments), strict=True):
            assert (a is None and b is None) or torch.allclose(a, b, atol=1e-12)
    for a, b in zip(ours(q[0], k[0], v[0]), theirs(q[0], k[0], v[0]), strict=True):
        assert torch.allclose(a, b, atol=1e-12)


def test_grouped_queries_go_with_their_key():
    model = build(Attention, heads=4, groups=2)
    groups = coupled_groups(model, SERIES)
    assert groups["q.weight"]["q.weight", 0].shape == (2, 6), "two query heads of three dimensions"
    _, small = halved(model, SERIES, {"q.weight": groups["q.weight"]})
    assert (small.num_heads, small.num_kv, small.head_dim) == (2, 1, 3)


def test_attributes_follow():
    _, small = halved(build(C2f), IMAGE)
    assert small.c == 2 and small.cv1.out_channels == 4 and small.cv2.in_channels == 8
    model = nn.Sequential(
        conv(3, 8), nn.GroupNorm(4, 8), conv(8, 8, groups=4), nn.Flatten(), nn.Linear(512, 2)
    )
    masks, small = halved(randomise(model), IMAGE)
    assert (small[1].num_groups, small[1].num_channels, small[2].groups, small[2].in_channels) == (2, 4, 2, 4)
    assert_same(small, masked(model, masks), (3, 3, 8, 8))


def test_inputs_by_name():
    model = build(TwoInputs)
    example = {"x": IMAGE, "y": IMAGE, "flag": True}
    masks, small = halved(model, example)
    assert_equal_outputs(small, masked(model, masks), example)
    with pytest.raises(ValueError, match="example_input must be an input that the model runs on"):
        coupled_groups(model, {"x": IMAGE})


def test_wrappers_are_taken_off():
    model = build(residual)
    for wrapped in (nn.DataParallel(model), torch.compile(model)):
        masks, small = halved(wrapped, IMAGE)
        assert type(small) is type(model) and small.stem.out_channels == 4
        inner = {name.removeprefix("module.").removeprefix("_orig_mod."): m for name, m in masks.items()}
        assert_same(small, masked(model, inner), (3, 3, 8, 8))
    with pytest.raises(ValueError, match="ScriptModule"):
        coupled_groups(torch.jit.trace(model, IMAGE.double()), IMAGE)


def test_a_scale_alone_ends_its_channels():
    """A masked per-channel scale makes its channel 0, as BatchNorm's does."""
    model = randomise(nn.Sequential(conv(3, 6), Scale(6), conv(6, 4), nn.Flatten(), nn.Linear(256, 5)))
    masks = {"1.gamma": torch.arange(6) > 2}
    small = remove_filters(model, masks, IMAGE)
    assert small[0].out_channels == len(small[1].gamma) == small[2].in_channels == 3
    assert_same(small, masked(model, masks), (3, 3, 8, 8))


def test_where_nothing_can_go_the_reason_is_raised():
    model = nn.Sequential(conv(3, 8), nn.Softmax(1), nn.Flatten(), nn.Linear(512, 5))
    with pytest.raises(
        ValueError, match=r"channels that can be removed, but: 1 \(Softmax\) mixes its channels"
    ):
        coupled_groups(model, IMAGE)

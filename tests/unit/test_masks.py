"""Masks: exact counts, ties by position, and every bad input, against a reference that sorts in plain
Python.
"""

import copy
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from prunelab.masks import apply_masks, expand_masks, keep_top, mask_model, prunable, sparsity
from prunelab.models import LeNet5BN

fractions = st.floats(0, 1)
# few different values, so that ties are everywhere
scores = st.lists(st.integers(0, 3), min_size=1, max_size=40).map(
    lambda values: torch.tensor(values, dtype=torch.float32)
)


def lowest(values, number):
    """Return the positions of the ``number`` lowest values; of equal values the earlier ones."""
    return sorted(range(len(values)), key=lambda i: (values[i], i))[:number]


def reference(tensor, fraction):
    values = tensor.flatten().tolist()
    mask = [True] * len(values)
    for i in lowest(values, round(fraction * len(values))):
        mask[i] = False
    return torch.tensor(mask).view(tensor.shape)


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 5))


# --- keep_top ----------------------------------------------------------------


@given(scores, fractions)
def test_keep_top_is_the_plain_sort(values, fraction):
    mask = keep_top(values, fraction)
    assert mask.dtype == torch.bool
    assert torch.equal(mask, reference(values, fraction))


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), fractions, st.integers(0, 99))
def test_keep_top_counts_exactly_in_any_shape(shape, fraction, seed):
    values = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    mask = keep_top(values, fraction)
    assert mask.shape == values.shape
    assert int((~mask).sum()) == round(fraction * values.numel())
    if 0 < mask.sum() < mask.numel():
        assert values[mask].min() >= values[~mask].max()


@given(scores)
def test_keep_top_at_the_ends(values):
    assert keep_top(values, 0).all() and not keep_top(values, 1).any()


def test_keep_top_breaks_ties_by_position_also_where_topk_does_not_promise_to():
    assert keep_top(torch.ones(6), 0.5).tolist() == [False] * 3 + [True] * 3
    many = torch.zeros(100_000)
    assert torch.equal(keep_top(many, 0.25), torch.arange(100_000) >= 25_000)


def test_keep_top_takes_integers_and_leaves_its_argument_alone():
    values = torch.tensor([3, 1, 2])
    assert keep_top(values, 1 / 3).tolist() == [True, False, True]
    assert values.tolist() == [3, 1, 2]
    assert not keep_top(torch.rand(4, requires_grad=True), 0.5).requires_grad


BAD_SPARSITY = [
    (-0.1, ValueError),
    (1.1, ValueError),
    (math.nan, ValueError),
    (math.inf, ValueError),
    ("0.5", TypeError),
    (None, TypeError),
    (True, TypeError),
]
BAD_SCORES = [
    (torch.tensor([1.0, math.nan]), ValueError, "finite"),
    (torch.tensor([1.0, math.inf]), ValueError, "finite"),
    (torch.empty(0), ValueError, "not be empty"),
    ([1.0, 2.0], TypeError, "torch.Tensor"),
    (torch.zeros(2, dtype=torch.complex64), TypeError, "real"),
]


@pytest.mark.parametrize(("value", "error"), BAD_SPARSITY)
@pytest.mark.parametrize("scope", ["layer", "global"])
def test_bad_sparsity(value, error, scope):
    with pytest.raises(error, match="sparsity must"):
        keep_top(torch.ones(3), value)
    with pytest.raises(error, match="sparsity must"):
        mask_model({"a": torch.ones(3)}, value, scope=scope)


@pytest.mark.parametrize(("value", "error", "message"), BAD_SCORES)
def test_bad_scores(value, error, message):
    with pytest.raises(error, match=rf"scores must .*{message}"):
        keep_top(value, 0.5)
    for scope in ("layer", "global"):
        with pytest.raises(error, match=rf"scores\['b'\] must .*{message}"):
            mask_model({"a": torch.ones(3), "b": value}, 0.5, scope=scope)


# --- mask_model ----------------------------------------------------------------


@given(scores, scores, fractions)
def test_layer_scope_masks_each_entry_by_itself(a, b, fraction):
    masks = mask_model({"a": a, "b": b}, fraction)
    assert torch.equal(masks["a"], reference(a, fraction)) and torch.equal(masks["b"], reference(b, fraction))


@given(scores, scores, fractions)
def test_global_scope_masks_the_whole_as_one(a, b, fraction):
    masks = mask_model({"a": a.view(-1, 1), "b": b}, fraction, scope="global")
    assert masks["a"].shape == (len(a), 1)
    assert torch.equal(torch.cat([masks["a"].flatten(), masks["b"]]), reference(torch.cat([a, b]), fraction))


@given(scores, scores, fractions, fractions)
def test_a_dict_of_sparsities(a, b, first, second):
    masks = mask_model({"a": a, "b": b}, {"a": first, "b": second})
    assert torch.equal(masks["a"], reference(a, first)) and torch.equal(masks["b"], reference(b, second))
    assert mask_model({"a": a, "b": b}, {"b": second})["a"].all(), (
        "an entry that is not named keeps everything"
    )


def test_group_scores_keep_their_shape():
    masks = mask_model({"conv.weight": torch.arange(4.0).view(4, 1, 1, 1)}, 0.5)
    assert masks["conv.weight"].shape == (4, 1, 1, 1) and masks["conv.weight"].flatten().tolist() == [
        False,
        False,
        True,
        True,
    ]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            ({"a": torch.ones(3)}, 0.5, "model"),
            ValueError,
            "scope must be one of 'layer', 'global', 'output', got 'model'",
        ),
        (({"a": torch.ones(3)}, {"b": 0.5}), ValueError, "a name in sparsity must be one of 'a', got 'b'"),
        (({"a": torch.ones(3)}, {"a": 1.5}), ValueError, r"sparsity\['a'\] must lie in \[0, 1\], got 1.5"),
        (
            ({"a": torch.ones(3)}, {"a": 0.5}, "global"),
            ValueError,
            "sparsity must be one number under scope='global'",
        ),
        (({}, 0.5), (TypeError, ValueError), "scores must be a non-empty dict"),
        ((torch.ones(3), 0.5), TypeError, "scores must be a non-empty dict"),
    ],
)
def test_bad_arguments_of_mask_model(arguments, error, message):
    with pytest.raises(error, match=message):
        mask_model(*arguments)


# --- prunable, expand_masks, apply_masks ----------------------------------------------------------------


def test_prunable_names_weights_of_convolutions_and_linear_layers():
    model = LeNet5BN()
    names = ["conv1.weight", "conv2.weight", "fc1.weight", "fc2.weight", "fc3.weight"]
    assert list(prunable(model)) == names
    assert all(weight is model.get_parameter(name) for name, weight in prunable(model).items())
    assert list(prunable(model.fc1)) == ["weight"]


@pytest.mark.parametrize(
    ("model", "error"), [(nn.ReLU(), ValueError), (nn.BatchNorm2d(3), ValueError), ("lenet5", TypeError)]
)
def test_prunable_refuses_what_has_no_weights(model, error):
    with pytest.raises(error, match="model must"):
        prunable(model)


@given(
    st.integers(0, 99),
    st.sampled_from([(4, 2, 3, 3), (4, 1, 1, 1), (1, 2, 1, 1), (4, 2, 1, 1), (1, 1, 1, 1)]),
)
def test_apply_masks_zeroes_what_is_masked_and_nothing_else(seed, shape):
    model = network()
    before = copy.deepcopy(model)
    mask = torch.rand(shape, generator=torch.Generator().manual_seed(seed)) < 0.5
    apply_masks(model, {"0.weight": mask})
    expected = before[0].weight * mask
    assert torch.equal(model[0].weight, expected)
    assert torch.equal(model[0].bias, before[0].bias) and torch.equal(model[3].weight, before[3].weight)
    assert torch.equal(expand_masks(model, {"0.weight": mask})["0.weight"], mask.expand(4, 2, 3, 3))


def test_apply_masks_removes_nan():
    model = network()
    model[3].weight.data[0, 0] = math.nan
    mask = torch.ones(5, 16, dtype=torch.bool)
    mask[0, 0] = False
    apply_masks(model, {"3.weight": mask})
    assert model[3].weight[0, 0] == 0


def test_masks_of_biases_are_taken_when_named():
    model = network()
    apply_masks(model, {"3.bias": torch.zeros(5, dtype=torch.bool)})
    assert not model[3].bias.any()


GOOD = torch.zeros(5, 16, dtype=torch.bool)
BAD_MASKS = [
    (
        {"3.weight": torch.zeros(5, 15, dtype=torch.bool)},
        ValueError,
        r"masks\['3.weight'\] must have shape \(5, 16\).*got \(5, 15\)",
    ),
    ({"3.weight": torch.zeros(16, dtype=torch.bool)}, ValueError, r"must have shape \(5, 16\).*got \(16,\)"),
    ({"3.weight": torch.zeros(2, 5, 16, dtype=torch.bool)}, ValueError, "must have shape"),
    ({"3.weight": GOOD.float()}, TypeError, "must be a bool tensor, got torch.float32"),
    ({"3.weight": [[True]]}, TypeError, "must be a bool tensor, got list"),
    ({"fc.weight": GOOD}, ValueError, "a name in masks must be one of .*'3.weight'.*got 'fc.weight'"),
    ([GOOD], TypeError, "masks must be a dict"),
]


@pytest.mark.parametrize(("masks", "error", "message"), BAD_MASKS)
def test_bad_masks_change_nothing(masks, error, message):
    model = network()
    before = copy.deepcopy(model)
    for function in (expand_masks, apply_masks):
        with pytest.raises(error, match=message):
            function(model, masks)
    if isinstance(masks, dict):  # nor do good masks before a bad one
        with pytest.raises(error, match=message):
            apply_masks(model, {"0.weight": torch.zeros(4, 2, 3, 3, dtype=torch.bool), **masks})
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), before.parameters(), strict=True))


# --- sparsity ----------------------------------------------------------------


@given(scores)
def test_sparsity_counts_zeros(values):
    assert sparsity(values) == pytest.approx(values.tolist().count(0) / len(values))
    assert sparsity({"a": values, "b": torch.ones(len(values))}) == pytest.approx(
        values.tolist().count(0) / (2 * len(values))
    )
    assert sparsity(values != 0) == pytest.approx(sparsity(values))


def test_sparsity_of_a_model_counts_prunable_weights_only():
    model = network()
    nn.init.zeros_(model[3].bias)
    assert sparsity(model) == 0
    nn.init.zeros_(model[3].weight)
    assert sparsity(model) == pytest.approx(80 / (80 + 72))


@pytest.mark.parametrize(
    ("subject", "error"),
    [([0, 1], TypeError), ({"a": 1}, TypeError), (torch.empty(0), ValueError), ({}, ValueError)],
)
def test_sparsity_refuses_what_has_no_elements(subject, error):
    with pytest.raises(error, match="subject must"):
        sparsity(subject)


def test_output_scope_is_keep_top_row_by_row_ties_included():
    scores = {"a": torch.randint(0, 3, (7, 10)).float(), "b": torch.randn(4, 3, 2, 2)}
    for share in (0, 0.25, 0.5, 0.9, 1):
        masks = mask_model(scores, share, scope="output")
        for name, mask in masks.items():
            expected = torch.stack([keep_top(row, share) for row in scores[name]])
            assert torch.equal(mask, expected)
    assert mask_model(scores, {"a": 0.5}, scope="output")["b"].all()

"""group_scores against loops and numpy, and the masks that come of it."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.utils import prune

from prunelab.granularity import GRANULARITIES, group_scores
from prunelab.masks import keep_top, sparsity

# which indices (o, i, y, x) a group keeps; a group is the set of weights that share the kept indices
INDICES = {
    "weight": (0, 1, 2, 3),
    "vector": (0, 1, 2),
    "kernel": (0, 1),
    "filter": (0,),
    "channel": (1,),
    "layer": (),
}


def by_loop(weight, granularity, norm):
    """The norm of every group, gathered weight by weight in plain Python."""
    groups = {}
    for index in itertools.product(*map(range, weight.shape)):
        key = tuple(index[d] for d in INDICES[granularity] if d < weight.ndim)
        groups.setdefault(key, []).append(abs(float(weight[index])))
    shape = [n if d in INDICES[granularity] else 1 for d, n in enumerate(weight.shape)]
    scores = np.empty(shape)
    for index in np.ndindex(*shape):
        values = np.array(groups[tuple(index[d] for d in INDICES[granularity] if d < weight.ndim)])
        scores[index] = values.sum() if norm == 1 else np.sqrt((values**2).sum())
    return scores


CASES = [
    (shape, granularity)
    for shape in [(3, 4, 2, 5), (1, 1, 1, 1), (2, 1, 3, 3)]
    for granularity in GRANULARITIES
]
CASES += [
    (shape, granularity)
    for shape in [(4, 3), (1, 6)]
    for granularity in ("weight", "filter", "channel", "layer")
]


@pytest.mark.parametrize("norm", [1, 2])
@pytest.mark.parametrize(("shape", "granularity"), CASES)
def test_agrees_with_a_loop_over_the_weights(shape, granularity, norm):
    weight = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    scores = group_scores(weight, granularity, norm)
    expected = by_loop(weight, granularity, norm)
    assert tuple(scores.shape) == expected.shape
    np.testing.assert_allclose(scores.numpy(), expected, rtol=1e-6)


def test_the_shapes_of_the_docstring():
    conv, matrix = torch.ones(6, 5, 3, 2), torch.ones(6, 5)
    shapes = {g: tuple(group_scores(conv, g).shape) for g in GRANULARITIES}
    assert shapes == {
        "weight": (6, 5, 3, 2),
        "vector": (6, 5, 3, 1),
        "kernel": (6, 5, 1, 1),
        "filter": (6, 1, 1, 1),
        "channel": (1, 5, 1, 1),
        "layer": (1, 1, 1, 1),
    }
    shapes = {g: tuple(group_scores(matrix, g).shape) for g in GRANULARITIES if g != "kernel"}
    assert shapes == {
        "weight": (6, 5),
        "vector": (6, 1),
        "filter": (6, 1),
        "channel": (1, 5),
        "layer": (1, 1),
    }


def test_a_vector_of_a_matrix_is_a_row():
    matrix = torch.tensor([[3.0, -4.0], [0.0, 1.0], [-1.0, -1.0]])
    assert group_scores(matrix, "vector").flatten().tolist() == pytest.approx([5.0, 1.0, 2**0.5])
    assert group_scores(matrix, "filter", norm=1).flatten().tolist() == [7.0, 1.0, 2.0]
    assert group_scores(matrix, "channel", norm=1).flatten().tolist() == [4.0, 6.0]


def test_the_norms_differ_where_a_group_has_one_large_weight():
    kernels = torch.tensor(
        [[[[3.0, 0.0]]], [[[2.0, 2.0]]]]
    )  # two filters: L2 prefers the first, L1 the second
    assert group_scores(kernels, "filter", 2).flatten().argmax() == 0
    assert group_scores(kernels, "filter", 1).flatten().argmax() == 1


@pytest.mark.parametrize("norm", [1, 2])
def test_negative_weights_score_like_positive_ones(norm):
    weight = torch.randn(4, 3, 2, 2, generator=torch.Generator().manual_seed(1))
    for granularity in GRANULARITIES:
        assert torch.equal(group_scores(weight, granularity, norm), group_scores(-weight, granularity, norm))
        assert (group_scores(weight, granularity, norm) >= 0).all()


@settings(max_examples=40, deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, 4)] * 4),
    granularity=st.sampled_from(GRANULARITIES),
    share=st.floats(0, 1),
    seed=st.integers(0, 99),
)
def test_a_mask_drops_whole_groups_and_states_the_step_it_reached(shape, granularity, share, seed):
    weight = torch.randint(
        -2, 3, shape, generator=torch.Generator().manual_seed(seed)
    ).float()  # full of ties
    scores = group_scores(weight, granularity)
    mask = keep_top(scores, share)
    groups = scores.numel()
    assert sparsity(mask.expand(shape)) == pytest.approx(round(share * groups) / groups)
    assert torch.equal(
        mask.expand(shape).any(dim=[d for d in range(4) if scores.shape[d] == 1], keepdim=True), mask
    )


@pytest.mark.parametrize(("granularity", "dim"), [("filter", 0), ("channel", 1)])
@pytest.mark.parametrize("norm", [1, 2])
def test_same_filters_and_channels_as_torch_prune(granularity, dim, norm):
    torch.manual_seed(3)
    layer = torch.nn.Conv2d(8, 10, 3)
    mask = keep_top(group_scores(layer.weight, granularity, norm), 0.5).expand_as(layer.weight)
    prune.ln_structured(layer, "weight", amount=0.5, n=norm, dim=dim)
    assert torch.equal(layer.weight_mask.bool(), mask)


def test_the_weight_is_left_alone_and_no_gradient_is_attached():
    weight = torch.nn.Parameter(torch.tensor([[-1.0, 2.0]]))
    scores = group_scores(weight, "weight")
    scores.zero_()
    assert weight.tolist() == [[-1.0, 2.0]] and not scores.requires_grad


def test_large_and_half_precision_weights_do_not_overflow():
    assert group_scores(torch.full((1, 1, 2, 2), 1e30), "kernel").item() == pytest.approx(2e30)
    scores = group_scores(torch.full((1, 4), 6e4, dtype=torch.float16), "filter")
    assert scores.dtype == torch.float32 and scores.item() == pytest.approx(1.2e5, rel=1e-3)
    assert group_scores(torch.tensor([[3, -4]]), "filter").item() == 5  # whole numbers have norms too
    assert group_scores(torch.ones(2, 2, dtype=torch.float64), "layer").dtype == torch.float64


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (([[1.0]], "weight"), TypeError, "weight must be a torch.Tensor, got list"),
        ((torch.empty(0, 3), "filter"), ValueError, "weight must not be empty"),
        ((torch.tensor([[float("nan")]]), "weight"), ValueError, "weight must be finite"),
        ((torch.ones(3), "weight"), ValueError, r"got 1 dimension\(s\), shape \(3,\)"),
        ((torch.ones(3, 3, 3), "kernel"), ValueError, r"got 3 dimension\(s\)"),
        (
            (torch.ones(2, 2), "pattern"),
            ValueError,
            "granularity must be one of 'weight', 'vector', 'kernel'.*got 'pattern'",
        ),
        (
            (torch.ones(2, 2), "kernel"),
            ValueError,
            r"'kernel' needs a convolution weight.*shape \(2, 2\).*no kernels",
        ),
        ((torch.ones(2, 2), "filter", 3), ValueError, "norm must be one of 1, 2, got 3"),
        ((torch.ones(2, 2), "filter", "l2"), ValueError, "norm must be one of 1, 2, got 'l2'"),
    ],
)
def test_bad_input_is_refused_in_words(arguments, error, words):
    with pytest.raises(error, match=words):
        group_scores(*arguments)

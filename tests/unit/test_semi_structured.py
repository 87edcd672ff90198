import math
from itertools import combinations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.ao.pruning import WeightNormSparsifier
from torch.sparse._semi_structured_conversions import (
    _calculate_meta_reordering_scatter_offsets,
    sparse_semi_structured_from_dense_cutlass,
)

from prunelab.semi_structured import (
    compress_24,
    decompress_24,
    is_nm,
    nm_mask,
    permute_columns,
)


def pattern_search(weight, n, m):
    """The reference: try all C(m, n) patterns on every group, in float64."""
    patterns = torch.zeros(math.comb(m, n), m, dtype=torch.float64)
    for row, kept in enumerate(combinations(range(m), n)):
        patterns[row, list(kept)] = 1
    groups = weight.abs().double().movedim(1, -1)
    best = (groups.reshape(-1, m) @ patterns.T).argmax(1)
    return patterns[best].view(groups.shape).movedim(-1, 1).bool()


def by_position(weight, n, m):
    """The reference for ties: sort each group by (magnitude, position) and drop the first."""
    rows = []
    for row in weight.tolist():
        kept = []
        for start in range(0, len(row), m):
            group = row[start : start + m]
            order = sorted(range(len(group)), key=lambda i: (abs(group[i]), i))
            kept += [i in order[max(0, len(group) - n) :] for i in range(len(group))]
        rows.append(kept)
    return torch.tensor(rows)


@pytest.mark.parametrize(("n", "m"), [(1, 2), (1, 4), (2, 4), (3, 4), (4, 8), (2, 6), (0, 4), (4, 4), (1, 1)])
@pytest.mark.parametrize("shape", [(5, 24), (3, 24, 3, 3), (1, 24, 1, 1)])
def test_equals_the_pattern_search(n, m, shape):
    weight = torch.randn(shape, generator=torch.Generator().manual_seed(n * 100 + m))
    assert torch.equal(nm_mask(weight, n, m), pattern_search(weight, n, m))


@given(
    rows=st.lists(st.lists(st.integers(-2, 2), min_size=11, max_size=11), min_size=1, max_size=4),
    nm=st.sampled_from([(1, 2), (2, 4), (3, 8), (1, 3), (2, 5), (4, 16), (5, 9), (3, 11), (0, 10)]),
    dtype=st.sampled_from(
        [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int32, torch.uint8]
    ),
)
@settings(max_examples=60, deadline=None)
def test_ties_and_remainders_go_by_position(rows, nm, dtype):
    weight = torch.tensor(rows).to(dtype)
    assert torch.equal(nm_mask(weight, *nm, remainder="pad"), by_position(weight, *nm))


@pytest.mark.parametrize(("n", "m"), [(2, 4), (4, 8), (8, 16), (1, 32), (63, 64), (100, 128), (0, 128)])
@pytest.mark.parametrize("levels", [1, 3, 1000])  # all equal, mostly ties, nearly none
def test_every_group_size_agrees_with_sorting(n, m, levels):
    draw = torch.Generator().manual_seed(m)
    convolution = torch.randint(-levels, levels + 1, (3, 128, 2, 3), generator=draw).float()
    for weight in (convolution[:, :, 0, 0], convolution, convolution.to(memory_format=torch.channels_last)):
        matrix = weight.movedim(1, -1).reshape(-1, 128)
        expected = by_position(matrix, n, m).view(weight.movedim(1, -1).shape).movedim(-1, 1)
        assert torch.equal(nm_mask(weight, n, m), expected)


def test_a_weight_need_not_be_contiguous():
    weight = torch.randn(24, 10, generator=torch.Generator().manual_seed(0))
    assert torch.equal(nm_mask(weight.t(), 2, 4), nm_mask(weight.t().contiguous(), 2, 4))
    assert torch.equal(nm_mask(weight.t()[:, ::2], 6, 12), pattern_search(weight.t()[:, ::2], 6, 12))


def test_a_remainder_keeps_what_the_others_keep():
    weight = torch.zeros(2, 6)  # the last group has two real weights, both zero: both stay
    assert nm_mask(weight, 2, 4, remainder="pad").tolist() == [[False, False, True, True, True, True]] * 2


def test_blocks_join_without_a_seam(monkeypatch):
    weight = torch.randn(33, 40, generator=torch.Generator().manual_seed(0))
    whole = {nm: nm_mask(weight, *nm) for nm in ((2, 4), (5, 10))}
    monkeypatch.setattr("prunelab.semi_structured.patterns.BLOCK", 28)
    assert all(torch.equal(nm_mask(weight, *nm), mask) for nm, mask in whole.items())


def test_agrees_with_torch_ao_pruning():
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(32, 7))
    expected = nm_mask(model[0].weight, 2, 4)
    sparsifier = WeightNormSparsifier(sparsity_level=1.0, sparse_block_shape=(1, 4), zeros_per_block=2)
    sparsifier.prepare(model, [{"tensor_fqn": "0.weight"}])
    sparsifier.step()
    sparsifier.squash_mask()
    assert torch.equal(model[0].weight != 0, expected)


def test_a_mask_does_not_touch_the_weight():
    weight = torch.randn(4, 8)
    before = weight.clone()
    nm_mask(weight, 2, 4)
    permute_columns(weight)
    assert torch.equal(weight, before)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((torch.randn(4, 10), 2, 4), ValueError, "m = 4 divides, got 10"),
        ((torch.randn(4, 8), 5, 4), ValueError, "n must be at most m = 4, got 5"),
        ((torch.randn(4, 8), -1, 4), ValueError, "n must be at least 0"),
        ((torch.randn(4, 8), 2, 0), ValueError, "m must be at least 1"),
        ((torch.randn(4, 8), 2.0, 4), TypeError, "n must be an integer"),
        ((torch.randn(8), 2, 4), ValueError, r"weight must be \(out, in\)"),
        ((torch.tensor([[1.0, float("nan"), 0, 0]]), 2, 4), ValueError, "weight must be finite"),
        ((torch.randn(4, 8), 2, 4, "drop"), ValueError, "remainder must be one of 'error', 'pad'"),
    ],
)
def test_bad_input_is_refused(arguments, error, words):
    with pytest.raises(error, match=words):
        nm_mask(*arguments)


def test_is_nm():
    weight = torch.randn(4, 16)
    assert not is_nm(weight, 2, 4)
    assert is_nm(weight * nm_mask(weight, 2, 4), 2, 4)
    assert is_nm(torch.zeros(2, 4), 2, 4)
    with pytest.raises(ValueError, match="m = 4 divides, got 10"):
        is_nm(torch.ones(2, 10), 2, 4)


@pytest.mark.parametrize("shape", [(3, 40), (3, 24, 3, 3), (700, 400)])
@pytest.mark.parametrize(("n", "m"), [(1, 2), (2, 4), (3, 8), (1, 4)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int8])
def test_is_nm_finds_one_group_too_full_wherever_it_is(shape, n, m, dtype):
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(shape, generator=generator)
    weight = (weight.sign() * nm_mask(weight, n, m)).to(dtype)
    assert is_nm(weight, n, m)
    for row, column in [(0, 0), (len(weight) - 1, shape[1] - m), (len(weight) // 2, m)]:
        crowded = weight.clone()
        crowded[(row, slice(column, column + n + 1), *[-1] * (len(shape) - 2))] = 1
        assert not is_nm(crowded, n, m)


def test_negative_zeros_are_zeros():
    weight = torch.tensor([[1.0, -0.0, 2.0, -0.0] * 2])
    assert is_nm(weight, 2, 4) and is_nm(weight.bfloat16(), 2, 4)
    assert torch.equal(compress_24(weight)[0], torch.tensor([[1.0, 2.0] * 2]))


# --- compression -----------------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", [torch.float16, torch.int8])
def test_metadata_is_torchs_own_before_its_reordering(dtype):
    generator = torch.Generator().manual_seed(0)
    dense = torch.randint(-50, 50, (64, 128), generator=generator)
    dense = (dense * nm_mask(dense.float(), 2, 4)).to(dtype)
    dense[5, :64] = 0  # groups with fewer than two nonzeros
    dense[7, ::4] = 0
    values, metadata = compress_24(dense)
    their_values, their_metadata = sparse_semi_structured_from_dense_cutlass(dense)
    words = metadata.view(their_metadata.dtype)
    offsets = _calculate_meta_reordering_scatter_offsets(64, words.shape[1], words.dtype, "cpu")
    reordered = torch.empty(words.numel(), dtype=words.dtype).scatter_(0, offsets, words.reshape(-1))
    assert torch.equal(values, their_values)
    assert torch.equal(reordered.view_as(their_metadata), their_metadata)


@pytest.mark.parametrize(
    ("used", "bits"),
    [
        ("1100", "0100"),
        ("1010", "1000"),
        ("0110", "1001"),
        ("1001", "1100"),
        ("0101", "1101"),
        ("0011", "1110"),
        ("0000", "1110"),
        ("1000", "1000"),
        ("0100", "1001"),
        ("0010", "1110"),
        ("0001", "1110"),
    ],
)
def test_the_bits_of_every_group(used, bits):
    _, metadata = compress_24(torch.tensor([[float(bit) for bit in used]]))
    assert f"{metadata.item():04b}" == bits


@given(rows=st.integers(1, 5), groups=st.integers(1, 9), seed=st.integers(0, 99), density=st.floats(0, 1))
@settings(max_examples=50, deadline=None)
def test_round_trip(rows, groups, seed, density):
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(rows, 4 * groups, generator=generator)
    weight *= nm_mask(weight, 2, 4) & (torch.rand(weight.shape, generator=generator) < density)
    values, metadata = compress_24(weight)
    assert torch.equal(decompress_24(values, metadata), weight)
    assert values.shape == (rows, 2 * groups) and metadata.shape == (rows, math.ceil(groups / 2))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16, torch.int8, torch.int64])
def test_round_trip_of_other_types_across_blocks(dtype, monkeypatch):
    monkeypatch.setattr("prunelab.semi_structured.compression.BLOCK", 64)
    weight = torch.randint(-50, 50, (13, 20), generator=torch.Generator().manual_seed(0))
    weight = (weight * nm_mask(weight, 2, 4)).to(dtype)
    values, metadata = compress_24(weight)
    assert values.dtype == dtype and torch.equal(decompress_24(values, metadata), weight)
    weight[12, 17:] = 1
    with pytest.raises(ValueError, match=r"got 3 in row 12, columns 16 to 19|got 4 in row 12"):
        compress_24(weight)
    metadata[12, 0] = 0
    with pytest.raises(ValueError, match="two different positions"):
        decompress_24(values, metadata)


def test_compression_refuses_what_is_not_24():
    with pytest.raises(ValueError, match=r"got 3 in row 1, columns 4 to 7"):
        compress_24(torch.tensor([[1.0, 1, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 1, 1, 1, 0]]))
    with pytest.raises(ValueError, match="4 dividing in"):
        compress_24(torch.zeros(2, 6))


def test_decompression_refuses_damage():
    values, metadata = compress_24(torch.eye(8))
    with pytest.raises(ValueError, match=r"metadata must be uint8 of shape \(8, 1\)"):
        decompress_24(values, metadata.int())
    with pytest.raises(ValueError, match="two different positions in rising order"):
        decompress_24(values, torch.zeros_like(metadata))
    with pytest.raises(ValueError, match="even number of columns"):
        decompress_24(values[:, :3], metadata)

"""Formats, byte counts, the entropy bound, Huffman codes and weight sharing."""

import itertools
import math
import zlib

import numpy as np
import pytest
import scipy.sparse
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from prunelab import storage

DTYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int8, torch.int32, torch.bool]
WIDTHS = {
    "coo": (8, 11, 16, 32, 64),
    "csr": (8, 10, 16, 32),
    "csc": (8, 13, 16, 32),
    "gap": (1, 2, 3, 5, 8, 11, 16),
}


@st.composite
def weights(draw, dtypes=DTYPES):
    shape = draw(st.lists(st.integers(0, 12), min_size=1, max_size=4))
    density = draw(st.sampled_from([0.0, 0.01, 0.1, 0.5, 0.9, 1.0]))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    values = torch.randint(1, 100, shape, generator=generator) * (
        1 - 2 * torch.randint(0, 2, shape, generator=generator)
    )
    return (values * (torch.rand(shape, generator=generator) < density)).to(draw(st.sampled_from(dtypes)))


@settings(max_examples=150, deadline=None)
@given(weights(), st.sampled_from(storage.FORMATS), st.integers(0, 6))
def test_decoding_gives_the_weight_back_and_the_bytes_are_those_of_the_formula(weight, format, choice):
    bits = WIDTHS[format][choice % len(WIDTHS[format])] if format in WIDTHS else None
    encoded = storage.encode(weight, format, bits)
    back = storage.decode(encoded)
    assert back.dtype == weight.dtype and torch.equal(back, weight)
    entries = len(storage.gap_code(weight, bits)[0]) if format == "gap" else int(weight.count_nonzero())
    stream = encoded.arrays["stream"].nbytes if format == "huffman" else 0
    formula = storage.format_bytes(
        format, tuple(weight.shape), entries, 8 * weight.element_size(), bits or 1, stream
    )
    assert encoded.nbytes == formula


@settings(max_examples=60, deadline=None)
@given(weights(dtypes=[torch.float32]))
def test_csr_csc_and_coo_agree_with_scipy(weight):
    matrix = weight.view(weight.shape[0], -1) if weight.ndim > 1 and weight.numel() else weight.reshape(1, -1)
    for format, theirs in (("csr", scipy.sparse.csr_array), ("csc", scipy.sparse.csc_array)):
        ours = storage.encode(matrix, format, 32).arrays
        reference = theirs(matrix.numpy())
        for name in ("data", "indices", "indptr"):
            assert np.array_equal(ours[name].numpy(), getattr(reference, name))
    reference = scipy.sparse.coo_array(matrix.numpy())
    ours = storage.encode(matrix, "coo", 32).arrays
    assert np.array_equal(ours["rows"], reference.coords[0]) and np.array_equal(
        ours["columns"], reference.coords[1]
    )


def test_csr_of_a_matrix_that_can_be_read_by_eye():
    arrays = storage.encode(torch.tensor([[0.0, 5, 0, 0], [0, 0, 0, 0], [2, 0, 0, 7]]), "csr").arrays
    assert arrays["data"].tolist() == [5, 2, 7]
    assert arrays["indices"].tolist() == [1, 0, 3]
    assert arrays["indptr"].tolist() == [0, 1, 1, 3]


@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support")
def test_torch_makes_the_same_csr():
    weight = torch.randn(30, 40) * (torch.rand(30, 40) < 0.2)
    reference = weight.to_sparse_csr()
    arrays = storage.encode(weight, "csr", 64).arrays
    assert torch.equal(arrays["indices"], reference.col_indices()) and torch.equal(
        arrays["data"], reference.values()
    )
    assert torch.equal(arrays["indptr"].long(), reference.crow_indices())


@pytest.mark.parametrize(("position", "entries"), [(31, 1), (32, 2), (63, 2), (64, 3)])
def test_a_gap_beyond_the_reach_of_5_bits_gets_a_filler(position, entries):
    weight = torch.zeros(100)
    weight[position] = 3.0
    gaps, values = storage.gap_code(weight, 5)
    assert len(gaps) == entries and gaps.sum() == position + 1
    assert values.tolist() == [0.0] * (entries - 1) + [3.0]
    assert torch.equal(storage.gap_decode(gaps, values, (100,)), weight)


@pytest.mark.parametrize(("density", "index_bits"), [(0.08, 5), (0.02, 5), (0.05, 4), (0.3, 2)])
def test_the_expected_number_of_fillers_is_right(density, index_bits):
    weight = (torch.rand(1000, 1000, generator=torch.Generator().manual_seed(0)) < density).float()
    measured = storage.encode(weight, "gap", index_bits).nbytes * 8 / weight.numel()
    assert measured == pytest.approx(storage.bits_per_weight("gap", density, 32, index_bits), rel=0.01)


@pytest.mark.parametrize("density", [0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5])
def test_expected_bits_of_the_other_formats_fit_measured_ones(density):
    weight = (torch.rand(800, 1000, generator=torch.Generator().manual_seed(1)) < density).float()
    for format, bits in (("coo", 16), ("csr", 16), ("bitmap", None), ("dense", None)):
        measured = storage.encode(weight, format, bits).nbytes * 8 / weight.numel()
        columns = 1000 if format == "csr" else None
        assert measured == pytest.approx(
            storage.bits_per_weight(format, density, 32, bits or 1, columns), rel=0.01
        )


@settings(max_examples=25, deadline=None)
@given(st.floats(0.02, 0.5), st.integers(200, 600), st.integers(200, 600), st.integers(0, 2**31))
def test_the_best_index_is_within_10_percent_of_the_entropy_bound(density, rows, columns, seed):
    weight = torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed))
    weight[torch.rand(weight.shape, generator=torch.Generator().manual_seed(seed + 1)) >= density] = 0
    nonzeros = int(weight.count_nonzero())
    bound = storage.entropy_bound(weight.numel(), nonzeros)
    index = 8 * (storage.encode_smallest(weight).nbytes - 4 * nonzeros)  # the index alone, without the values
    assert bound <= index <= 1.1 * bound


def test_encode_smallest_is_the_smallest_of_all():
    for density in (0.0, 0.005, 0.05, 0.5, 0.99, 1.0):
        weight = torch.randn(64, 100) * (torch.rand(64, 100) < density)
        sizes = [storage.encode(weight, f).nbytes for f in storage.FORMATS] + [
            storage.encode(weight, "gap", b).nbytes for b in (3, 8)
        ]
        assert storage.encode_smallest(weight).nbytes <= min(sizes)


def test_2_to_4_takes_half_the_values_and_one_bit_per_weight():
    assert storage.format_bytes("2:4", (16, 64), 0, value_bits=16) == 16 * 64 // 2 * 2 + 16 * 64 // 8
    assert storage.bits_per_weight("2:4", 0.5, 16) == 9
    with pytest.raises(ValueError, match="4 divides"):
        storage.format_bytes("2:4", (4, 6), 0)


def test_the_entropy_bound_counts_the_masks():
    for n, k in itertools.product(range(0, 9), range(0, 9)):
        if k <= n:
            assert storage.entropy_bound(n, k) == pytest.approx(math.log2(math.comb(n, k)), abs=1e-9)
    assert storage.binary_entropy(0.5) == 1 and storage.binary_entropy(0) == 0 == storage.binary_entropy(1)
    assert storage.entropy_bound(100_000, 8_000) == pytest.approx(
        100_000 * storage.binary_entropy(0.08), rel=1e-3
    )
    with pytest.raises(ValueError, match="at most elements 3"):
        storage.entropy_bound(3, 4)


def _optimal(counts):
    """The fewest bits any prefix code needs, by trying all code lengths that satisfy Kraft's inequality."""
    best = math.inf
    for lengths in itertools.product(range(1, len(counts)), repeat=len(counts)):
        if sum(2.0**-length for length in lengths) <= 1:
            best = min(best, sum(n * length for n, length in zip(counts, lengths, strict=True)))
    return best


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 30), min_size=2, max_size=5))
def test_huffman_lengths_are_those_of_an_optimal_prefix_code(counts):
    lengths = storage.huffman_lengths(torch.tensor(counts))
    assert sum(2.0 ** -int(length) for length in lengths) == 1  # a full tree
    assert int((lengths * torch.tensor(counts)).sum()) == _optimal(counts)


def test_huffman_of_nothing_of_one_symbol_and_of_absent_symbols():
    assert storage.huffman_bits(torch.empty(0, dtype=torch.int64)) == 0
    assert storage.huffman_bits(torch.full((7,), 3)) == 7
    assert storage.huffman_lengths(torch.tensor([0, 5, 0, 5])).tolist() == [0, 1, 0, 1]
    with pytest.raises(ValueError, match="non-negative"):
        storage.huffman_lengths(torch.tensor([1, -1]))
    with pytest.raises(TypeError, match="integers"):
        storage.huffman_bits(torch.tensor([1.0]))
    with pytest.raises(ValueError, match="negative"):
        storage.huffman_bits(torch.tensor([-1]))


def test_zlib_comes_close_to_the_exact_huffman_bits_and_inflates():
    symbols = torch.distributions.Geometric(0.1).sample((60_000,)).clamp(max=255).to(torch.uint8)
    stream = storage.deflate(symbols)
    assert torch.equal(storage.inflate(stream, len(symbols)), symbols)
    assert zlib.decompress(stream.numpy().tobytes(), -15) == symbols.numpy().tobytes()
    assert (
        storage.huffman_bits(symbols.long()) / 8
        <= stream.nbytes
        <= 1.03 * storage.huffman_bits(symbols.long()) / 8
    )


@pytest.mark.parametrize("bits", [1, 3, 7, 8, 12, 16, 20, 32])
def test_pack_and_unpack(bits):
    numbers = torch.randint(0, min(1 << bits, 2**31 - 1), (37,))
    packed = storage.pack(numbers, bits)
    assert torch.equal(storage.unpack(packed, bits, 37), numbers)
    assert packed.nbytes == math.ceil(37 * bits / 8)
    with pytest.raises(ValueError, match="packed must have"):
        storage.unpack(packed[:-1], bits, 37)
    with pytest.raises(ValueError, match=rf"\[0, 2\*\*{bits}\)"):
        storage.pack(torch.tensor([1 << bits]), bits)


def test_negative_zero_is_no_value_and_nan_is_one():
    encoded = storage.encode(torch.tensor([-0.0, float("nan"), 1.0]), "bitmap")
    assert len(encoded.arrays["data"]) == 2
    assert storage.decode(encoded).isnan().tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (dict(indptr=[0, 1, 1]), "rows \\+ 1 = 4"),
        (dict(indptr=[1, 1, 1, 3]), "start at 0"),
        (dict(indptr=[0, 2, 1, 3]), "never fall"),
        (dict(indptr=[0, 1, 1, 2]), "end at the number of values 3"),
        (dict(indices=[1, 0, 4]), r"\[0, 4\)"),
        (dict(indices=[1, 3, 0]), "rise strictly"),
        (dict(indices=[1, 3, 3]), "rise strictly"),
        (dict(indices=[1, 0]), "one entry per value"),
    ],
)
def test_a_corrupted_csr_is_refused_by_the_rule_it_breaks(broken, message):
    parts = {"indptr": [0, 1, 1, 3], "indices": [1, 0, 3]} | broken
    with pytest.raises(ValueError, match=message):
        storage.check_csr(
            torch.tensor(parts["indptr"]),
            torch.tensor(parts["indices"]),
            torch.tensor([5.0, 2.0, 7.0]),
            (3, 4),
        )


@settings(max_examples=60, deadline=None)
@given(weights(dtypes=[torch.float32]), st.data())
def test_an_index_that_is_altered_is_refused_or_decodes_inside_the_shape(weight, data):
    format = data.draw(st.sampled_from(["coo", "csr", "bitmap", "gap", "huffman"]))
    encoded = storage.encode(weight, format, 16 if format in WIDTHS else None)
    name = data.draw(st.sampled_from(sorted(encoded.arrays)))
    array = encoded.arrays[name]
    if array.numel() and name != "data":
        raw = array.clone().view(torch.uint8)
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
        encoded.arrays[name] = raw.view(array.dtype)
        try:
            assert storage.decode(encoded).shape == weight.shape
        except ValueError:
            pass


def test_bad_arguments_are_refused_in_words():
    weight = torch.ones(4, 300)
    for call, error, message in [
        (lambda: storage.encode([1.0]), TypeError, "weight must be a torch.Tensor"),
        (lambda: storage.encode(torch.tensor(1.0)), ValueError, "got a scalar"),
        (lambda: storage.encode(torch.ones(2, dtype=torch.complex64)), TypeError, "real numbers"),
        (lambda: storage.encode(torch.eye(2).to_sparse()), TypeError, "dense tensor"),
        (lambda: storage.encode(weight, "zip"), ValueError, "format must be one of 'dense'"),
        (lambda: storage.encode(weight, "csr", 8), ValueError, "9 to 64 to number 300"),
        (lambda: storage.encode(weight, "gap", 17), ValueError, "1 to 16"),
        (lambda: storage.encode(weight, "bitmap", 8), ValueError, "must be None"),
        (lambda: storage.format_bytes("csr", (2, 2), -1), ValueError, "entries must be at least 0"),
        (lambda: storage.bits_per_weight("huffman", 0.1), ValueError, "format must be one of"),
        (lambda: storage.bits_per_weight("csr", 1.2), ValueError, "density must lie"),
        (lambda: storage.gap_decode(torch.tensor([0]), torch.ones(1), (3,)), ValueError, "at least 1"),
        (lambda: storage.gap_decode(torch.tensor([4]), torch.ones(1), (3,)), ValueError, r"\[0, 3\)"),
        (lambda: storage.gap_decode(torch.tensor([1, 1]), torch.ones(1), (3,)), ValueError, "same shape"),
        (lambda: storage.share_weights(torch.tensor([1, 2]), 2), TypeError, "floating"),
        (lambda: storage.share_weights(torch.ones(3), 0), ValueError, "clusters must be at least 1"),
        (lambda: storage.inflate(torch.tensor([7, 7, 7], dtype=torch.uint8), 5), ValueError, "damaged"),
        (
            lambda: storage.inflate(storage.deflate(torch.zeros(9, dtype=torch.uint8)), 5),
            ValueError,
            "at most 5 symbols",
        ),
    ]:
        with pytest.raises(error, match=message):
            call()

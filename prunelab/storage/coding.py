"""What the formats cost in theory: byte counts, the entropy bound, Huffman code lengths and shared
weights.
"""

import heapq
import math
from itertools import count as counter

import torch

from prunelab import arguments
from prunelab.storage.formats import FORMATS, POINTER_BITS, _matrix_shape

LLOYD_ROUNDS = 300


def format_bytes(
    format: str,
    shape: tuple[int, ...],
    entries: int,
    value_bits: int = 32,
    index_bits: int = 32,
    stream_bytes: int = 0,
) -> int:
    """Return the bytes that a weight of ``shape`` with ``entries`` stored values takes in ``format``, to the
    byte.

    ``entries`` are the nonzeros ("gap": and fillers, ``gap_code`` counts them; "dense": ignored). "2:4"
    counts two values and 4 bits per group of 4, whatever is in them. ``stream_bytes`` is the length of the
    index of "huffman", known only once it is made. With V value bits, i index bits, R rows, C columns, k
    entries: dense RCV, coo k(V + 2i), csr k(V + i) + 32(R + 1), csc k(V + i) + 32(C + 1), bitmap RC + kV, gap
    k(V + i), 2:4 RC(V/2 + 1) bits, each array rounded up to whole bytes.

    Raises ValueError for an unknown format, negative counts, or columns that 4 does not divide ("2:4").
    Source: notebook 07.1."""
    arguments.one_of("format", format, (*FORMATS, "2:4"))
    for name, value in {"entries": entries, "stream_bytes": stream_bytes}.items():
        arguments.count(name, value, at_least=0)
    for name, value in {"value_bits": value_bits, "index_bits": index_bits}.items():
        arguments.count(name, value)
    rows, columns = _matrix_shape(arguments.sizes("shape", shape))
    elements = rows * columns
    if format == "2:4" and columns % 4:
        raise ValueError(f"shape must have columns that 4 divides for format '2:4', got {columns}")
    values = {"dense": elements, "2:4": elements // 2}.get(format, entries)
    index = {
        "coo": 2 * math.ceil(entries * index_bits / 8),
        "csr": math.ceil(entries * index_bits / 8) + (rows + 1) * POINTER_BITS // 8,
        "csc": math.ceil(entries * index_bits / 8) + (columns + 1) * POINTER_BITS // 8,
        "bitmap": math.ceil(elements / 8),
        "gap": math.ceil(entries * index_bits / 8),
        "2:4": math.ceil(elements / 8),
        "huffman": stream_bytes,
    }.get(format, 0)
    return math.ceil(values * value_bits / 8) + index


def bits_per_weight(
    format: str, density: float, value_bits: int = 32, index_bits: int = 16, columns: int | None = None
) -> float:
    """Return the bits per weight that ``format`` is expected to take on a random mask of ``density``, in
    theory.

    ``format`` is "dense", "coo", "csr", "bitmap", "gap", "2:4" or "bound", the entropy bound. ``columns``
    adds the row pointers of "csr" (32 bits per row); without it they are left out. For "gap" the fillers are
    counted: with the chance (1 - d)^(2^b) that the next 2^b positions are all zero, a nonzero needs 1 / (1 -
    (1 - d)^(2^b)) entries on average.

    Raises ValueError for an unknown format or a density outside [0, 1]. Source: notebook 07.1, where each
    line is derived."""
    density = arguments.fraction("density", density)
    arguments.one_of("format", format, ("dense", "coo", "csr", "bitmap", "gap", "2:4", "bound"))
    arguments.count("value_bits", value_bits)
    arguments.count("index_bits", index_bits)
    if format == "gap":
        missed = (1 - density) ** (1 << index_bits)
        return 0.0 if density == 0 else density / (1 - missed) * (value_bits + index_bits)
    return {
        "dense": value_bits,
        "coo": density * (value_bits + 2 * index_bits),
        "csr": (
            density * (value_bits + index_bits)
            + (0 if columns is None else POINTER_BITS / arguments.count("columns", columns))
        ),
        "bitmap": 1 + density * value_bits,
        "2:4": value_bits / 2 + 1,
        "bound": binary_entropy(density) + density * value_bits,
    }[format]


def binary_entropy(density: float) -> float:
    """Return H(d) = -d log2 d - (1 - d) log2(1 - d) in bits per weight: what a random mask of density d costs
    on average.

    Raises TypeError or ValueError if ``density`` is not in [0, 1]. Source: Shannon (1948); notebook 07.1.
    """
    density = arguments.fraction("density", density)
    return -sum(p * math.log2(p) for p in (density, 1 - density) if p > 0)


def entropy_bound(elements: int, nonzeros: int) -> float:
    """Return log2 of the number of masks with ``nonzeros`` of ``elements`` kept, in bits: no index is shorter
    for all of them.

    Divided by ``elements`` it approaches ``binary_entropy(nonzeros / elements)`` from below. A single mask
    with structure (dense columns, empty rows) can be cheaper. Raises ValueError unless 0 <= nonzeros <=
    elements. Source: notebook 07.1."""
    arguments.count("elements", elements, at_least=0)
    if arguments.count("nonzeros", nonzeros, at_least=0) > elements:
        raise ValueError(f"nonzeros must be at most elements {elements}, got {nonzeros}")
    logs = math.lgamma(elements + 1) - math.lgamma(nonzeros + 1) - math.lgamma(elements - nonzeros + 1)
    return max(logs, 0.0) / math.log(2)


def huffman_lengths(counts: torch.Tensor) -> torch.Tensor:
    """Return the length in bits of each symbol's code in a Huffman code for ``counts`` ``(symbols,)``, as
    int64.

    A symbol that never occurs gets 0, a symbol that is the only one 1 bit. Raises TypeError or ValueError if
    ``counts`` is no non-empty 1-D tensor of non-negative numbers. Source: Huffman (1952); notebook 07.1."""
    arguments.tensor("counts", counts)
    if counts.ndim != 1 or bool((counts < 0).any()):
        raise ValueError(
            f"counts must be non-negative and of shape (symbols,), got shape {tuple(counts.shape)}, least"
            f" {counts.min()}"
        )
    lengths = torch.zeros(len(counts), dtype=torch.int64)
    order = counter(len(counts))  # equal counts: the older tree first, so that no two trees are ever compared
    heap = [(n, symbol, [symbol]) for symbol, n in enumerate(counts.tolist()) if n > 0]
    heapq.heapify(heap)
    if len(heap) == 1:
        lengths[heap[0][1]] = 1
    while len(heap) > 1:
        first, _, left = heapq.heappop(heap)
        second, _, right = heapq.heappop(heap)
        lengths[left + right] += 1  # every symbol below the new node gets one bit longer
        heapq.heappush(heap, (first + second, next(order), left + right))
    return lengths


def huffman_bits(symbols: torch.Tensor) -> int:
    """Return the bits that ``symbols`` (non-negative integers, any shape) take in their own Huffman code, the
    table not counted.

    Raises TypeError or ValueError if they are no integers or negative. Source: notebook 07.1.
    """
    if not isinstance(symbols, torch.Tensor) or symbols.is_floating_point() or symbols.is_complex():
        raise TypeError(
            f"symbols must be a tensor of integers, got {getattr(symbols, 'dtype', type(symbols).__name__)}"
        )
    if symbols.numel() == 0:
        return 0
    if int(symbols.min()) < 0:
        raise ValueError(f"symbols must not be negative, got {int(symbols.min())}")
    _, counts = symbols.flatten().unique(return_counts=True)
    return int((huffman_lengths(counts) * counts).sum())


def share_weights(values: torch.Tensor, clusters: int = 64) -> tuple[torch.Tensor, torch.Tensor]:
    """Return ``(centroids, codes)``: k-means of ``values`` (any shape) on the line; ``centroids[codes]``
    replaces the values.

    The ``clusters`` centroids, rising, start at equal distances from the least to the largest value, as Deep
    Compression found better than random or density-based starts: it keeps the rare large weights. Lloyd's
    iteration stops when no code changes, or after 300 rounds. A centroid that no value chooses stays
    where it is. ``codes`` has the shape of ``values``, int64.

    Raises TypeError or ValueError if ``values`` is empty, not floating or not finite, or ``clusters`` is
    below 1. Source: Han, Mao and Dally (arXiv 1510.00149), section 3; notebook 07.1."""
    arguments.tensor("values", values)
    if not values.is_floating_point():
        raise TypeError(f"values must be floating, got {values.dtype}")
    arguments.count("clusters", clusters, at_most=1 << 16)
    flat = values.detach().flatten().double()
    centroids = torch.linspace(float(flat.min()), float(flat.max()), clusters, dtype=torch.float64)
    codes = _nearest(flat, centroids)
    for _ in range(LLOYD_ROUNDS):
        sizes = torch.bincount(codes, minlength=clusters)
        means = torch.bincount(codes, weights=flat, minlength=clusters) / sizes.clamp(min=1)
        centroids = torch.where(sizes > 0, means, centroids)
        before, codes = codes, _nearest(flat, centroids)
        if torch.equal(codes, before):
            break
    return centroids.to(values.dtype), codes.view(values.shape)


def _nearest(values: torch.Tensor, centroids: torch.Tensor) -> torch.Tensor:
    return torch.bucketize(values, (centroids[1:] + centroids[:-1]) / 2)  # the midpoints part the line

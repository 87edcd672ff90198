"""How long the sparse formats take, and how much memory: a 4096 x 4096 float32 matrix with 90 % zeros.

    python benchmarks/storage.py        about 15 seconds

Beside ours stands the usual way: scipy for CSR, CSC and COO, numpy's savez_compressed for the rest. Peak
memory is that of a fresh process, above what it held once the matrix was there. Our bounds, one second and
four times the matrix's own 64 MiB, are checked with some room for a busy machine."""

import io
import multiprocessing
import resource
import sys
import time

import numpy as np
import scipy.sparse
import torch

from prunelab.storage import FORMATS, decode, encode, encode_smallest

SIZE, DENSITY = 4096, 0.1
SECONDS, TIMES_ITS_MEMORY = 1.0, 4.0


def matrix() -> torch.Tensor:
    """Return the matrix, made row by row so that making it needs no memory of its own."""
    weight = torch.zeros(SIZE, SIZE)
    generator = torch.Generator().manual_seed(0)
    for row in weight:
        row.normal_(generator=generator).mul_(torch.rand(SIZE, generator=generator) < DENSITY)
    return weight


def usual(format: str, weight: torch.Tensor) -> None:
    """Encode the way one would without this package."""
    array = weight.numpy()
    if format in ("csr", "csc", "coo"):
        getattr(scipy.sparse, f"{format}_array")(array)
    else:
        np.savez_compressed(io.BytesIO(), array)


def peak() -> float:
    """Return the highest memory use of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
        1 << (20 if sys.platform == "darwin" else 10)
    )


def measure(format: str) -> tuple[float, float, float, int]:
    """Return seconds to encode, seconds to decode, MiB needed at the peak besides the weight, and bytes."""
    torch.set_num_threads(2)
    encode(torch.eye(64), "csr")  # loads what is loaded once
    weight = matrix()
    before = peak()
    began = time.perf_counter()
    encoded = encode_smallest(weight) if format == "smallest" else encode(weight, format)
    between = time.perf_counter()
    back = decode(encoded)
    ended = time.perf_counter()
    used = peak() - before
    assert torch.equal(back, weight)
    return between - began, ended - between, used, encoded.nbytes


def time_usual(format: str) -> float:
    weight = matrix()
    began = time.perf_counter()
    usual(format, weight)
    return time.perf_counter() - began


if __name__ == "__main__":
    own = SIZE * SIZE * 4 / 2**20
    print(
        f"{'format':10s} {'encode':>9s} {'decode':>9s} {'peak memory':>24s} {'bytes':>12s}"
        f" {'the usual way':>14s}"
    )
    late = []
    for format in (*FORMATS, "smallest"):
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            encoding, decoding, used, size = pool.apply(measure, (format,))
        other = "" if format in ("dense", "smallest") else f"{time_usual(format):11.2f} s"
        total = (used + own) / own
        print(
            f"{format:10s} {encoding:7.2f} s {decoding:7.2f} s {used:7.0f} MiB, {total:3.1f} x its own"
            f" {size:12,d} {other:>14s}"
        )
        if format != "smallest" and (max(encoding, decoding) > 2 * SECONDS or total > TIMES_ITS_MEMORY + 0.5):
            late.append(format)
    sys.exit(f"slower or larger than promised: {', '.join(late)}" if late else 0)

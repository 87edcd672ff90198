"""Is 2:4 faster than dense on a GPU, and for which types, shapes and batches? (notebook 06; ten minutes)

One CUDA device. 2:4 through torch's semi-structured tensors, CUTLASS and cuSPARSELt (hipSPARSELt on ROCm),
in float16, bfloat16, int8 and float8; beside it CSR with 95 % zeros and blocks of 64 x 64 with 80 % zeros,
in float16. Shapes: those of chapter 06 and the linear layers of an 8-billion-parameter Llama. Every way
takes turns with the dense product of its type; single calls are timed between two events of the device,
after a warm-up. What a way computes is compared with the product in float32; what a backend refuses is
stored with its reason. On a CPU the same code runs by the CPU's clock, and most ways are refused: its test
does that."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from experiments._common import Configuration
from prunelab.semi_structured import nm_mask

DTYPES = {
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
    "int8": torch.int8,
    "float8": torch.float8_e4m3fn,
}
SHAPES = {
    "LeNet300 fc1, padded": (320, 832),
    "square": (4096, 4096),
    "Llama 8B, key": (1024, 4096),
    "Llama 8B, up": (14336, 4096),
    "Llama 8B, down": (4096, 14336),
}
BATCHES = (1, 16, 64, 256, 1024, 4096)
WARM_UP, ROUNDS = 10, 50
CSR_ZEROS, BLOCK, BLOCK_ZEROS = 0.95, 64, 0.8


def configurations() -> list[Configuration]:
    return [
        Run(dtype=dtype, shape=shape, batch=batch)
        for dtype in DTYPES
        for shape in SHAPES
        for batch in BATCHES
    ]


@dataclass(frozen=True)
class Run(Configuration):
    dtype: str
    shape: str
    batch: int

    def measure(self) -> list[dict]:
        return race(
            self.dtype, *SHAPES[self.shape], self.batch, "cuda" if torch.cuda.is_available() else "cpu"
        )


def race(dtype: str, rows: int, columns: int, batch: int, device: str, rounds: int = ROUNDS) -> list[dict]:
    """Return a row for each way: its median in microseconds, that of the dense product of its type, and its
    largest error as a share of the largest output; or the reason why it was refused."""
    x = numbers((columns, batch), dtype, 1).to(device)
    name = torch.cuda.get_device_name() if device == "cuda" else "CPU"
    found: list[dict] = []
    for way, (zeros, make) in ways(dtype).items():
        weight = zeros(numbers((rows, columns), dtype, 0)).to(DTYPES[dtype]).to(device)
        row = {"way": way, "device": name}
        try:
            dense, sparse = product(weight, x), make(weight, x)
            expected = weight.float() @ x.float()
            row["error"] = float((sparse().float() - expected).abs().max() / expected.abs().max())
            row["dense_us"], row["us"] = in_turns([dense, sparse], device, rounds)
        except (RuntimeError, NotImplementedError, AssertionError, ValueError) as error:
            row["refused"] = str(error).splitlines()[0][:200]
        found.append(row)
    return found


def numbers(shape: tuple[int, int], dtype: str, seed: int) -> torch.Tensor:
    """Return small random numbers, whole ones for int8; always the same for the same seed."""
    drawn = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    return (4 * drawn).round().clamp(-8, 8).to(torch.int8) if dtype == "int8" else drawn.to(DTYPES[dtype])


def ways(dtype: str) -> dict[str, tuple[Callable, Callable]]:
    """Return {way: (the zeros it needs, weight and x -> the product)}."""
    found = {
        f"2:4, {backend}": (two_of_four, lambda w, x, b=backend: semi_structured(w, x, b))
        for backend in ("cutlass", "cusparselt")
    }
    if dtype == "float16":
        found["CSR, 95 % zeros"] = (single, lambda w, x: product(w.to_sparse_csr(), x))
        found["blocks, 80 % zeros"] = (blocks, lambda w, x: product(w.to_sparse_bsr((BLOCK, BLOCK)), x))
    return found


def two_of_four(weight: torch.Tensor) -> torch.Tensor:
    return weight.float() * nm_mask(weight.float(), 2, 4)


def single(weight: torch.Tensor) -> torch.Tensor:
    return weight.float() * (
        torch.rand(weight.shape, generator=torch.Generator().manual_seed(2)) >= CSR_ZEROS
    )


def blocks(weight: torch.Tensor) -> torch.Tensor:
    counts = [-(-size // BLOCK) for size in weight.shape]
    kept = torch.rand(counts, generator=torch.Generator().manual_seed(2)) >= BLOCK_ZEROS
    kept[0, 0] = True
    kept = kept.repeat_interleave(BLOCK, 0).repeat_interleave(BLOCK, 1)
    return weight.float() * kept[: weight.shape[0], : weight.shape[1]]


def product(weight: torch.Tensor, x: torch.Tensor) -> Callable[[], torch.Tensor]:
    """Return the product as torch does it for this type and layout: int8 adds up in int32, float8 in
    float32."""
    by_columns = x.t().contiguous().t()
    if weight.dtype == torch.int8:
        return lambda: torch._int_mm(weight, by_columns)
    if weight.dtype == torch.float8_e4m3fn:
        one = torch.ones((), device=weight.device)
        return lambda: torch._scaled_mm(weight, by_columns, one, one, out_dtype=torch.bfloat16)
    return lambda: weight @ x


def semi_structured(weight: torch.Tensor, x: torch.Tensor, backend: str) -> Callable[[], torch.Tensor]:
    """Return the 2:4 product through one of torch's two backends."""
    wider = {torch.int8: torch.int32, torch.float8_e4m3fn: torch.bfloat16}.get(weight.dtype)
    kwargs = {} if wider is None else {"out_dtype": wider}
    by_columns = x if wider is None else x.t().contiguous().t()
    if backend == "cutlass":
        sparse = torch.sparse.SparseSemiStructuredTensorCUTLASS.from_dense(weight)
        return lambda: torch._sparse_semi_structured_mm(sparse.packed, sparse.meta, by_columns, **kwargs)
    packed = torch._cslt_compress(weight)
    return lambda: torch._cslt_sparse_mm(packed, by_columns, **kwargs)


def in_turns(products: list[Callable[[], torch.Tensor]], device: str, rounds: int) -> list[float]:
    """Return the median time of a single call of each in microseconds."""
    times: list[list[float]] = [[] for _ in products]
    for turn in range(WARM_UP + rounds):
        for run, spent in zip(products, times, strict=True):
            seconds = one_call(run, device)
            if turn >= WARM_UP:
                spent.append(1e6 * seconds)
    return [round(statistics.median(spent), 2) for spent in times]


def one_call(run: Callable[[], torch.Tensor], device: str) -> float:
    """Return the seconds of one call, by the clock of the device."""
    if device != "cuda":
        start = time.perf_counter()
        run()
        return time.perf_counter() - start
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    run()
    end.record()
    end.synchronize()
    return start.elapsed_time(end) / 1e3


def provenance() -> dict:
    return {
        "networks": "none: random weights",
        "recipe": (
            f"median of {ROUNDS} single calls after {WARM_UP}, dense and sparse in turns; shapes {SHAPES};"
            f" CSR {CSR_ZEROS:.0%} zeros, blocks of {BLOCK} {BLOCK_ZEROS:.0%} zeros"
        ),
    }

"""Bytes and seconds of the sparse formats and files, one thread.

    python benchmarks/storage.py        about two minutes

First the formats: a 4096 x 4096 float32 matrix with 90 % zeros; scipy for CSR, CSC and COO and numpy's
savez_compressed for the rest stand beside ours. Peak memory is that of a fresh process, the matrix included.
Then files: LeNet300 with 90 % zeros (global magnitude), as it is and with 32 shared values in each layer,
beside what zip, bz2 and xz make of the dense file. Last ResNet-152, dense and with 90 % zeros.

Each aim is checked with some room for a busy machine."""

import bz2
import copy
import io
import lzma
import multiprocessing
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import scipy.sparse
import torch
from safetensors.torch import save
from torch import nn
from torchvision.models import resnet152

from prunelab.masks import apply_masks, mask_model, prunable
from prunelab.models import load_pretrained
from prunelab.storage import (
    FORMATS,
    decode,
    encode,
    encode_smallest,
    load_sparse,
    save_sparse,
    share_weights,
)

try:
    import resource
except ImportError:  # Windows
    resource = None

SIZE, DENSITY = 4096, 0.1
SECONDS, TIMES_ITS_MEMORY = 1.0, 3.0
SHARE_OF_XZ, TIMES_FASTER_THAN_XZ = 0.90, 5.0
RESNET = {"save": 0.7, "load": 0.31}  # seconds: the aims


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
    """Return the highest memory use of this process so far, in MiB; NaN where the system does not tell."""
    if resource is None:
        return float("nan")
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used / (1 << (20 if sys.platform == "darwin" else 10))


def measure(format: str) -> tuple[float, float, float, int]:
    """Return seconds to encode, seconds to decode, MiB needed at the peak besides the weight, and bytes."""
    torch.set_num_threads(1)
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


def seconds(way: Callable[[], object]) -> float:
    began = time.perf_counter()
    way()
    return time.perf_counter() - began


def formats() -> list[str]:
    """Print the table of the formats; return which are slower or larger than promised."""
    own, late = SIZE * SIZE * 4 / 2**20, []
    print(
        f"{'format':10s} {'encode':>9s} {'decode':>9s} {'peak memory':>16s} {'bytes':>12s} {'usual way':>12s}"
    )
    for format in (*FORMATS, "smallest"):
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            encoding, decoding, used, size = pool.apply(measure, (format,))
        weight = matrix()
        began = time.perf_counter()
        usual(format, weight)
        other = time.perf_counter() - began
        total = (used + own) / own
        print(
            f"{format:10s} {encoding:7.2f} s {decoding:7.2f} s {total:10.1f} x own {size:14,d}"
            f" {other:10.2f} s"
        )
        if max(encoding, decoding) > 2 * SECONDS or total > TIMES_ITS_MEMORY + 0.5:
            late.append(format)
    return late


def shared(model: nn.Module) -> nn.Module:
    """Return a copy of ``model`` whose layers keep 32 different weights each."""
    model = copy.deepcopy(model)
    for weight in prunable(model).values():
        kept = weight.detach() != 0
        centroids, codes = share_weights(weight.detach()[kept], 32)
        weight.data[kept] = centroids[codes]
    return model


def zipped(raw: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("m", raw)
    return file.getvalue()


def files(folder: Path) -> list[str]:
    """Print the table of LeNet300's files; return what missed its aim."""
    pruned = load_pretrained("lenet300", 0)
    scores = {name: weight.detach().abs() for name, weight in prunable(pruned).items()}
    apply_masks(pruned, mask_model(scores, 0.9, scope="global"))
    late = []
    for title, model in {"90 % zeros": pruned, "and 32 shared values": shared(pruned)}.items():
        raw = save(model.state_dict())
        ways = {
            "zip -9": lambda raw=raw: zipped(raw),
            "bz2 -9": lambda raw=raw: bz2.compress(raw),
            "xz -9e": lambda raw=raw: lzma.compress(raw, preset=9 | lzma.PRESET_EXTREME),
        }
        sizes = {name: len(way()) for name, way in ways.items()}
        sizes["save_sparse"] = save_sparse(model, folder / "m")
        times = {name: seconds(way) for name, way in ways.items()}
        times["save_sparse"] = min(
            seconds(lambda model=model: save_sparse(model, folder / "m")) for _ in range(5)
        )
        print(f"\nLeNet300, {title}: dense {len(raw):,} bytes")
        for name, size in sizes.items():
            print(f"  {name:12s} {size:9,d} bytes, {1e3 * times[name]:8.1f} ms")
        share, faster = sizes["save_sparse"] / sizes["xz -9e"], times["xz -9e"] / times["save_sparse"]
        print(f"  {share:.3f} of xz, aim {SHARE_OF_XZ}; {faster:.0f} x as fast, aim {TIMES_FASTER_THAN_XZ:g}")
        if share > SHARE_OF_XZ or faster < TIMES_FASTER_THAN_XZ or sizes["save_sparse"] > min(sizes.values()):
            late.append(title)
    return late


def resnet(folder: Path) -> list[str]:
    """Print how long ResNet-152 takes to save and load; return what missed its aim."""
    torch.manual_seed(0)
    model, late = resnet152(), []
    for sparsity in (0.0, 0.9):
        for weight in prunable(model).values():
            magnitude = weight.detach().abs()
            threshold = np.quantile(magnitude.numpy(), sparsity) if sparsity else 0.0
            weight.data[magnitude < threshold] = 0
        before = peak()
        saving = min(seconds(lambda: save_sparse(model, folder / "m")) for _ in range(3))
        loading = min(seconds(lambda: load_sparse(folder / "m", model)) for _ in range(3))
        dense = min(seconds(lambda: (folder / "d").write_bytes(save(model.state_dict()))) for _ in range(3))
        size, held = (folder / "m").stat().st_size, sum(v.nbytes for v in model.state_dict().values()) / 2**20
        print(
            f"\nResNet-152, 932 tensors, {sparsity:.0%} zeros: {size:,} bytes; dense file in {dense:.2f} s"
            f"\n  saved in {saving:.2f} s, aim {RESNET['save']:g}; loaded in {loading:.2f} s, aim"
            f" {RESNET['load']:g}; peak {(peak() - before + held) / held:.1f} x the model"
        )
        late += [f"ResNet-152 {sparsity:.0%}"] * (saving > RESNET["save"] or loading > RESNET["load"])
    return late


def main() -> str | int:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        late = formats() + files(Path(folder)) + resnet(Path(folder))
    return f"slower or larger than promised: {', '.join(late)}" if late else 0


if __name__ == "__main__":
    sys.exit(main())

"""Exercises of chapter 09.2: numbers that lie about a network's size."""

import tempfile
from pathlib import Path

import torch
from torch import nn

from prunelab.check.core import Case
from prunelab.check.draws import sparse_matrix
from prunelab.check.exercise import Exercise

# 9.7 bytes_of(thing)


def _arrays(tensor):
    return tensor.crow_indices(), tensor.col_indices(), tensor.values()


def bytes_of(thing, whole=True, once=True, beside=True, sparse=True, buffers=True):
    if isinstance(thing, Path):
        files = [thing, *(thing.parent.glob(f"{thing.name}.data") if beside else ())]
        return sum(file.stat().st_size for file in files)
    if isinstance(thing, nn.Module):
        kinds = (nn.Module.named_parameters, nn.Module.named_buffers)[: 2 if buffers else 1]
        tensors = [t for kind in kinds for _, t in kind(thing, remove_duplicate=once)]
    elif isinstance(thing, torch.Tensor) and thing.layout != torch.strided:
        if not sparse:
            return thing.numel() * thing.element_size()
        return sum(t.numel() * t.element_size() for t in _arrays(thing))
    else:
        tensors = [thing]
    stored = [t.untyped_storage() for t in tensors] if whole else []
    if not whole:
        return sum(t.numel() * t.element_size() for t in tensors)
    sizes = (
        {s.data_ptr(): s.nbytes() for s in stored} if once else dict(enumerate(s.nbytes() for s in stored))
    )
    return sum(sizes.values())


def _tied():
    model = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 6), nn.BatchNorm1d(6))
    model[2].weight = model[0].weight
    return model


def _cases_9_7():
    for about, thing in [
        ("the example: a view of 2 rows of 100", EXAMPLE_9_7[:2]),
        ("a tensor of its own, float64", torch.randn(3, 7, dtype=torch.float64)),
        ("bytes, and truth values", torch.zeros(5, dtype=torch.bool)),
        ("a column of a matrix", torch.randn(40, 8)[:, 3:4]),
        ("a CSR matrix of (30, 50), a tenth dense", sparse_matrix(30, 50, 0.1).to_sparse_csr()),
        ("a CSR matrix with 32-bit column numbers", _narrow(sparse_matrix(20, 9, 0.3))),
        ("a CSR matrix without an entry", torch.zeros(4, 5).to_sparse_csr()),
        ("blocks of 2 x 3", sparse_matrix(4, 6, 0.3).to_sparse_bsr((2, 3))),
        ("a network, with buffers", nn.Sequential(nn.Conv2d(2, 4, (1, 3), 2, groups=2), nn.BatchNorm2d(4))),
        (
            "a network in float64, layers inside another",
            nn.Sequential(nn.Sequential(nn.Linear(3, 2))).double(),
        ),
        ("two layers that share a weight", _tied()),
    ]:
        yield Case(about, (thing,))
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "m.onnx.data.old").write_bytes(bytes(70))  # neighbours of another network
        Path(folder, "m-small.onnx").write_bytes(bytes(30))
        for name, sizes in {"m.onnx": (4, 300), "alone.onnx": (123,), "big.onnx": (10, 50_000)}.items():
            paths = [Path(folder, name + end) for end in ("", ".data")]
            for path, size in zip(paths, sizes, strict=False):
                path.write_bytes(bytes(size))
            yield Case(
                f"{name}, {'with' if len(sizes) > 1 else 'without'} a data file beside it", (paths[0],)
            )


def _narrow(weight):
    csr = weight.to_sparse_csr()
    return torch.sparse_csr_tensor(
        csr.crow_indices().int(), csr.col_indices().int(), csr.values(), tuple(weight.shape)
    )


EXAMPLE_9_7 = torch.ones(100, 25)


ex_9_7 = Exercise(
    "9.7",
    bytes_of,
    _cases_9_7,
    verified="views, CSR and blocks, buffers, shared weights, ONNX files with and without a data file",
    hint="Ask of each thing what really lies in memory or on the disk: storages, three arrays, two files.",
    mistakes=[
        (
            "A view keeps the whole storage alive and is saved with it: untyped_storage().nbytes().",
            lambda t: bytes_of(t, whole=False),
        ),
        (
            "nbytes of a CSR tensor is that of the dense one. Add up its three arrays.",
            lambda t: bytes_of(t, sparse=False),
        ),
        (
            "A file is missing: the weights of a large ONNX file stand beside it.",
            lambda t: bytes_of(t, beside=False),
        ),
        ("A weight that two layers share is there once.", lambda t: bytes_of(t, once=False)),
        ("Buffers, such as BatchNorm's statistics, take bytes, too.", lambda t: bytes_of(t, buffers=False)),
    ],
)

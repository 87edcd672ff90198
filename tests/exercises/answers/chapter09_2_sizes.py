"""Answers to 9.7: right ones, written differently, and wrong ones that must be refused."""

import os
from pathlib import Path

import torch
from torch import nn

from answers import plausible, right, wrong

# 9.7 bytes_of


def _sparse(t):
    parts = (t.crow_indices(), t.col_indices(), t.values())
    return sum(part.numel() * part.element_size() for part in parts)


def _bytes(
    thing,
    dense=lambda t: t.untyped_storage().nbytes(),
    sparse=_sparse,
    file=lambda p: sum(os.path.getsize(q) for q in (p, f"{p}.data") if os.path.exists(q)),
    model=lambda m: {id(t): t for t in (*m.parameters(), *m.buffers())}.values(),
):
    if isinstance(thing, Path):
        return file(thing)
    if isinstance(thing, nn.Module):
        return sum(dense(t) for t in model(thing))
    return dense(thing) if thing.layout == torch.strided else sparse(thing)


@right("9.7")
def bytes_by_kind(thing):
    return _bytes(thing)


@right("9.7")
def bytes_by_storage(thing):
    if isinstance(thing, Path):
        beside = thing.with_name(thing.name + ".data")
        return thing.stat().st_size + (beside.stat().st_size if beside.exists() else 0)
    if isinstance(thing, nn.Module):
        tensors = [*thing.parameters(), *thing.buffers()]
    elif thing.layout == torch.strided:
        tensors = [thing]
    else:
        tensors = [thing.crow_indices(), thing.col_indices(), thing.values()]
    return sum({t.data_ptr(): t.untyped_storage().nbytes() for t in tensors}.values())


@wrong("9.7", "")
def always_a_megabyte(thing):
    return 1_000_000


plausible(
    "9.7",
    lambda t: _bytes(t, sparse=lambda t: t.values().numel() * t.values().element_size()),
    lambda t: _bytes(t, sparse=lambda t: 12 * t.values().numel() + 8 * (t.shape[0] + 1)),
    lambda t: _bytes(t, sparse=lambda t: _sparse(t) - t.crow_indices().element_size()),
    lambda t: _bytes(t, file=os.path.getsize),
    lambda t: _bytes(t, file=lambda p: sum(os.path.getsize(q) for q in p.parent.iterdir())),
    lambda t: _bytes(t, file=lambda p: os.path.getsize(f"{p}.data" if os.path.exists(f"{p}.data") else p)),
    lambda t: _bytes(t, model=lambda m: m.state_dict().values()),
    lambda t: _bytes(t, model=lambda m: m.parameters()),
    lambda t: _bytes(t, dense=lambda t: 4 * t.untyped_storage().nbytes() // t.element_size()),
    lambda t: _bytes(t, dense=lambda t: t.nbytes),
    lambda t: _bytes(t, model=lambda m: [la.weight for la in m.modules() if hasattr(la, "weight")]),
)

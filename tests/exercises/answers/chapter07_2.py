"""Answers to 7.7 and 7.8: right ones, written differently, and wrong ones that must be refused."""

import math
from itertools import pairwise

import numpy as np
import scipy.sparse
import torch

from answers import plausible, right

# 7.7 sparse_layer


@right("7.7")
def layer_addmm(data, indices, indptr, bias, x):
    S = torch.sparse_csr_tensor(indptr, indices, data, (len(indptr) - 1, x.shape[1]))
    return torch.addmm(bias[:, None], S, x.t().contiguous()).t()


@right("7.7")
def layer_scipy(data, indices, indptr, bias, x):
    S = scipy.sparse.csr_array(
        (data.numpy(), indices.numpy(), indptr.numpy()), shape=(len(indptr) - 1, x.shape[1])
    )
    return torch.from_numpy(np.ascontiguousarray((S @ x.numpy().T).T)) + bias


def _layer(d, i, p, b, x, columns=None):
    s = torch.sparse_csr_tensor(p, i, d, (len(p) - 1, columns or x.shape[1])).to_dense()
    return x[:, : s.shape[1]] @ s.T + b


plausible(
    "7.7",
    lambda d, i, p, b, x: _layer(d, i, p, b, x, int(i.max()) + 1).T,
    lambda d, i, p, b, x: torch.addmm(b[:, None], torch.sparse_csr_tensor(p, i, d), x.t()).t(),
    lambda d, i, p, b, x: _layer(d, i, p, b, x) - b,
    lambda d, i, p, b, x: _layer(d, i, p, b, x).T,
    lambda d, i, p, b, x: _layer(d, i, p, b, x).float(),
    lambda d, i, p, b, x: _layer(d, i, p, b, x).relu(),
    lambda d, i, p, b, x: _layer(d, i, p, b, x)[0],
)


# 7.8 intensity


@right("7.8")
def intensity_formula(outputs, inputs, batch, density):
    nonzeros = density * outputs * inputs
    return 2 * nonzeros * batch / (8 * nonzeros + 4 * (outputs + 1) + 4 * batch * (inputs + outputs))


@right("7.8")
def intensity_in_words(outputs, inputs, batch, density):
    bits = {"values": 32, "columns": 32}
    nonzeros = outputs * inputs * density
    weight = nonzeros * sum(bits.values()) / 8 + (outputs + 1) * 32 / 8
    activations = (inputs * batch + outputs * batch) * 32 / 8
    return (nonzeros * batch + nonzeros * batch) / (weight + activations)


def _intensity(o, i, b, d, ops=2, per=8, extra=1, whole=lambda n: n):
    n = whole(d * o * i)
    return ops * n * b / (per * n + 4 * (o + extra) + 4 * b * (i + o))


plausible(
    "7.8",
    lambda o, i, b, d: _intensity(o, i, b, d, ops=1),
    lambda o, i, b, d: _intensity(o, i, b, d, per=4),
    lambda o, i, b, d: _intensity(o, i, b, d, extra=0),
    lambda o, i, b, d: _intensity(o, i, b, d, whole=int),
    lambda o, i, b, d: _intensity(o, i, b, d, whole=round),
    lambda o, i, b, d: _intensity(o, i, b, d, whole=math.ceil),
    lambda o, i, b, d: 2 * d * o * i * b / (b * (8 * d * o * i + 4 * (o + 1)) + 4 * b * (i + o)),
    lambda o, i, b, d: 2 * d * o * i * b / (8 * d * o * i + 4 * (o + 1) + 4 * (i + o)),
)

# 7.7, once more from the text alone


def _sl_7_7(d, i, p, b, x):
    return (
        torch.stack(
            [torch.stack([(d[a:e] * xr[i[a:e]]).sum() for a, e in pairwise(p.tolist())]) + b for xr in x]
        )
        if len(x)
        else x.new_zeros(0, len(b))
    )


right("7.7")(_sl_7_7)

plausible(
    "7.7",
    lambda d, i, p, b, x: (
        _sl_7_7(d, i, p, torch.zeros_like(b), x) + (b[: len(x), None] if len(b) >= len(x) else b)
    ),  # bias per example
    lambda d, i, p, b, x: _sl_7_7(d, i, p, b * (p.diff() > 0), x),  # bias for rows with values only
    lambda d, i, p, b, x: _sl_7_7(d, i, p, -b, x),  # bias subtracted
    lambda d, i, p, b, x: _sl_7_7(d, i, p, b, x[:1].expand(len(x), -1)),  # first example for all
    lambda d, i, p, b, x: _sl_7_7(d, i, p, b, x).relu(),  # relu
)

# 7.8, once more from the text alone


def _it_7_8(
    o,
    n,
    b,
    de,
    ops=lambda nz, b, o: 2 * nz * b,
    mv=lambda nz, o, n, b: 8 * nz + 4 * (o + 1) + 4 * b * (n + o),
):
    nz = de * o * n
    return ops(nz, b, o) / mv(nz, o, n, b)


right("7.8")(_it_7_8)

plausible(
    "7.8",
    lambda *a: _it_7_8(*a, mv=lambda nz, o, n, b: 8 * nz + 4 * o + 4 * b * (n + o)),  # no end of row starts
    lambda *a: _it_7_8(
        *a, mv=lambda nz, o, n, b: 8 * nz + 4 * (n + 1) + 4 * b * (n + o)
    ),  # row starts per column
    lambda *a: _it_7_8(
        *a, mv=lambda nz, o, n, b: b * (8 * nz + 4 * (o + 1)) + 4 * b * (n + o)
    ),  # weight read for every example
    lambda *a: _it_7_8(*a, ops=lambda nz, b, o: 2 * nz * b + o * b),  # bias adds
    lambda o, n, b, d: _it_7_8(o, n, b, round(d * o * n) / (o * n)),  # whole nonzeros
    lambda *a: _it_7_8(
        *a, mv=lambda nz, o, n, b: 8 * nz + 4 * (o + 1) + 4 * b * (n + 2 * o)
    ),  # outputs read and written
)


# found by readers


plausible(
    "7.7",
    lambda d, i, p, b, x: x @ torch.sparse_csr_tensor(p, i, d, (len(p) - 1, x.shape[1])).to_dense().T + b,
)

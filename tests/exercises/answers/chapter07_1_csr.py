"""Answers to 7.1 and 7.2: right ones, written differently, and wrong ones that must be refused."""

from itertools import pairwise

import scipy.sparse
import torch

from answers import plausible, right

# 7.1 csr_arrays


@right("7.1")
def csr_loop(weight):
    data, indices, indptr = [], [], [0]
    for i in range(weight.shape[0]):
        for j in range(weight.shape[1]):
            if weight[i, j] != 0:
                data.append(weight[i, j].item())
                indices.append(j)
        indptr.append(len(data))
    return (
        torch.tensor(data, dtype=weight.dtype),
        torch.tensor(indices, dtype=torch.int64),
        torch.tensor(indptr),
    )


@right("7.1")
def csr_vectorised(weight):
    rows, columns = weight.nonzero(as_tuple=True)
    indptr = torch.zeros(len(weight) + 1, dtype=torch.int64)
    indptr[1:] = (weight != 0).sum(1).cumsum(0)
    return weight[rows, columns], columns, indptr


@right("7.1")
def csr_scipy(weight):
    matrix = scipy.sparse.csr_array(weight.numpy())
    return (
        torch.from_numpy(matrix.data),
        torch.from_numpy(matrix.indices).long(),
        torch.from_numpy(matrix.indptr).long(),
    )


def _csr(
    w,
    index=lambda r, c: c,
    starts=lambda counts: torch.cat([torch.zeros(1, dtype=torch.int64), counts.cumsum(0)]),
):
    rows, columns = w.nonzero(as_tuple=True)
    return w[rows, columns], index(rows, columns), starts((w != 0).sum(1))


plausible(
    "7.1",
    lambda w: _csr(w, index=lambda r, c: r),
    lambda w: _csr(w, index=lambda r, c: c + 1),
    lambda w: _csr(w, starts=lambda n: n.cumsum(0)),
    lambda w: _csr(w, starts=lambda n: n),
    lambda w: _csr(w, starts=lambda n: torch.cat([torch.zeros(1, dtype=torch.int64), n.cumsum(0)[:-1]])),
    lambda w: tuple(part.int() if not part.is_floating_point() else part for part in _csr(w)),
    lambda w: (w[w > 0], *_csr(w)[1:]),
    lambda w: (_csr(w)[0].float(), *_csr(w)[1:]),
    lambda w: _csr(w, starts=lambda n: torch.cat([torch.zeros(1, dtype=torch.int64), n[n > 0].cumsum(0)])),
)


# 7.2 csr_times


@right("7.2")
def times_loop(data, indices, indptr, x):
    y = torch.zeros(len(indptr) - 1, dtype=data.dtype)
    for i in range(len(y)):
        for k in range(indptr[i], indptr[i + 1]):
            y[i] += data[k] * x[indices[k]]
    return y


@right("7.2")
def times_vectorised(data, indices, indptr, x):
    rows = torch.repeat_interleave(torch.arange(len(indptr) - 1), indptr.diff())
    return torch.zeros(len(indptr) - 1, dtype=data.dtype).index_add(0, rows, data * x[indices])


@right("7.2")
def times_cumsum(data, indices, indptr, x):
    sums = torch.cat(
        [data.new_zeros(1, dtype=torch.float64), (data.double() * x[indices].double()).cumsum(0)]
    )
    return (sums[indptr[1:]] - sums[indptr[:-1]]).to(data.dtype)


def _times(d, i, p, x, rows=None, take=lambda d, x: (d * x).sum()):
    y = torch.zeros(len(p) - 1, dtype=d.dtype)
    for r in range(len(y)):
        s = slice(int(p[r]), int(p[r + 1]))
        y[r] = take(d[s], x[i[s]])
    return y


plausible(
    "7.2",
    lambda d, i, p, x: _times(d, i, p, x, take=lambda d, x: d.sum() * x.sum()),
    lambda d, i, p, x: _times(d, i, p, x, take=lambda d, x: (d * x).mean()),
    lambda d, i, p, x: _times(d, i, p + 1, x),
    lambda d, i, p, x: _times(d, i, p, x)[:-1],
    lambda d, i, p, x: _times(d, i, p, x).double().float(),
    lambda d, i, p, x: torch.zeros(len(x), dtype=d.dtype).index_add(0, i, d * x[i]),
    lambda d, i, p, x: _times(d, i, p, x.abs()),
)

# 7.1, once more from the text alone


def _ca_7_1(w, keep=lambda v: v != 0):
    d, c, s = [], [], [0]
    for r in w:
        for j in range(len(r)):
            if keep(r[j].item()):
                d.append(r[j].item())
                c.append(j)
        s.append(len(d))
    return (
        torch.tensor(d, dtype=w.dtype),
        torch.tensor(c, dtype=torch.int64),
        torch.tensor(s, dtype=torch.int64),
    )


right("7.1")(
    lambda w: (lambda s: (s.values(), s.col_indices().long(), s.crow_indices().long()))(w.to_sparse_csr())
)

plausible(
    "7.1",
    lambda w: _ca_7_1(w, lambda v: v > 0),  # positive only
    lambda w: _ca_7_1(w.t().contiguous()),  # columns first
    lambda w: (lambda t: (t[0].float(), *t[1:]))(_ca_7_1(w)),  # values as float32
    lambda w: (lambda t: (t[0], t[1], torch.cat([torch.zeros(1, dtype=torch.int64), t[2].diff()])))(
        _ca_7_1(w)
    ),  # row lengths
    lambda w: (lambda t: (t[0], t[1], t[2].unique()))(_ca_7_1(w)),  # empty rows dropped
)

# 7.2, once more from the text alone


def _ct_7_2(d, i, p, x, term=lambda d, x: d * x):
    return (
        torch.stack(
            [term(d[a:b], x[i[a:b]]).sum() if b > a else d.new_zeros(()) for a, b in pairwise(p.tolist())]
        )
        if len(p) > 1
        else d.new_zeros(0)
    )


right("7.2")(
    lambda d, i, p, x: d.new_zeros(len(p) - 1).index_add(
        0, torch.repeat_interleave(torch.arange(len(p) - 1), p.diff()), d * x[i]
    )
)

plausible(
    "7.2",
    lambda d, i, p, x: (
        torch.stack([(d[a:b] * x[: b - a]).sum() for a, b in pairwise(p.tolist())])
        if len(p) > 1
        else d.new_zeros(0)
    ),  # x by position
    lambda d, i, p, x: (
        torch.stack([(d[a : max(a, b - 1)] * x[i[a : max(a, b - 1)]]).sum() for a, b in pairwise(p.tolist())])
        if len(p) > 1
        else d.new_zeros(0)
    ),  # last value of each row left out
    lambda d, i, p, x: (
        torch.stack([(d[a] * x[i[a]] if b > a else d.new_zeros(())) for a, b in pairwise(p.tolist())])
        if len(p) > 1
        else d.new_zeros(0)
    ),  # one value per row
    lambda d, i, p, x: (
        torch.stack(
            [(d[a:b] * x[i[a:b]]).mean() if b > a else d.new_zeros(()) for a, b in pairwise(p.tolist())]
        )
        if len(p) > 1
        else d.new_zeros(0)
    ),  # mean
    lambda d, i, p, x: _ct_7_2(d, i.sort().values, p, x),  # columns sorted first
)


# found by readers


plausible("7.1", lambda w: _ca_7_1(w, lambda v: abs(v) > 1e-7))


def _running_sum(d, i, p, x):
    total = torch.cat([d.new_zeros(1), (d * x[i]).cumsum(0)])
    return total[p[1:]] - total[p[:-1]]


plausible(
    "7.2",
    _running_sum,
    lambda d, i, p, x: torch.sparse_csr_tensor(p, i, d, (len(p) - 1, len(x))).to_dense() @ x,
)

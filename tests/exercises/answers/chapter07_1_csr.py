"""Answers to 7.1 and 7.2: right ones, written differently, and wrong ones that must be refused."""

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

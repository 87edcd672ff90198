"""Exercises of chapter 07.1: the three arrays of CSR."""

import torch

from prunelab.check.core import Case
from prunelab.check.draws import csr_arrays, sparse_matrix
from prunelab.check.exercise import Exercise

# 7.1 csr_arrays(weight)


EXAMPLE_7 = torch.tensor([[0.0, 4.0, 0.0, 7.0], [0.0, 0.0, 0.0, 0.0], [2.0, 0.0, 0.0, -5.0]])


def _without_empty_rows(weight):
    data, indices, indptr = csr_arrays(weight)
    return data, indices, torch.cat([indptr[:1], indptr[1:][indptr.diff() > 0]])


def _edges_7_1():
    for about, weight in [
        ("very small values", torch.tensor([[1e-8, 0.0, -1e-30], [0.0, 1e-12, 0.0]])),
        (
            "very large values, float64",
            torch.tensor([[0.0, 1e300], [-1e300, 0.0], [0.0, 1.0]], dtype=torch.float64),
        ),
        ("equal values, as many rows as columns", torch.tensor([[2.0, 0, 2], [0, 0, 2], [2, 2, 0]])),
        ("values without end", torch.tensor([[0.0, torch.inf], [-torch.inf, 0.0]])),
        ("a single entry", torch.tensor([[-0.5]])),
    ]:
        yield Case(about, (weight,))


def _cases_7_1():
    for about, weight in [
        ("the example", EXAMPLE_7),
        ("a (4, 6) matrix with negative values", sparse_matrix(4, 6, 0.4)),
        (
            "a matrix whose first and last rows are empty",
            torch.cat([torch.zeros(1, 5), sparse_matrix(2, 5, 0.6), torch.zeros(1, 5)]),
        ),
        ("float64 values", sparse_matrix(5, 3, 0.5, torch.float64)),
        ("a matrix without zeros", torch.arange(1.0, 7.0).view(2, 3)),
        ("a matrix of zeros", torch.zeros(3, 4)),
        ("one row", sparse_matrix(1, 20, 0.3)),
        ("a (60, 50) matrix", sparse_matrix(60, 50, 0.1)),
    ]:
        yield Case(about, (weight,))
    yield from _edges_7_1()


ex_7_1 = Exercise(
    "7.1",
    csr_arrays,
    _cases_7_1,
    verified="empty rows, no zeros, only zeros, negative values, two dtypes",
    hint=(
        "data: the values row by row. indices: the column of each. indptr: how many values come before a row,"
        " then the total."
    ),
    mistakes=[
        (
            "One start per row, and one number more: where does the last row end?",
            lambda w: (csr_arrays(w)[0], csr_arrays(w)[1], csr_arrays(w)[2][:-1]),
        ),
        (
            "The first row starts at 0: indptr has one number more than there are rows.",
            lambda w: (csr_arrays(w)[0], csr_arrays(w)[1], csr_arrays(w)[2][1:]),
        ),
        (
            "Count from 0. You count the row starts from 1.",
            lambda w: (csr_arrays(w)[0], csr_arrays(w)[1], csr_arrays(w)[2] + 1),
        ),
        (
            "Count from 0. You count the columns from 1.",
            lambda w: (csr_arrays(w)[0], csr_arrays(w)[1] + 1, csr_arrays(w)[2]),
        ),
        (
            "indptr holds where rows start, not how long they are. Add the lengths up.",
            lambda w: (csr_arrays(w)[0], csr_arrays(w)[1], csr_arrays(w)[2].diff()),
        ),
        ("An empty row has a start too: the same as the row after it.", _without_empty_rows),
        (
            "You went through the columns. That is CSC; CSR goes row by row.",
            lambda w: csr_arrays(w.t().contiguous()),
        ),
        (
            "indices are column numbers: they begin again at 0 in every row.",
            lambda w: (csr_arrays(w)[0], w.flatten().nonzero().flatten(), csr_arrays(w)[2]),
        ),
        (
            "Negative values are nonzero too.",
            lambda w: (csr_arrays(w * (w > 0))[0], csr_arrays(w * (w > 0))[1], csr_arrays(w * (w > 0))[2]),
        ),
    ],
)


# 7.2 csr_times(data, indices, indptr, x)


def csr_times(data, indices, indptr, x):
    y = []
    for start, end in zip(indptr.tolist(), indptr.tolist()[1:], strict=False):
        y.append(sum((float(data[k]) * float(x[indices[k]]) for k in range(start, end)), 0.0))
    return torch.tensor(y, dtype=data.dtype)


def _one_too_few(data, indices, indptr, x):
    return (
        csr_times(torch.cat([data[:-1], data[:0].new_zeros(1)]), indices, indptr, x)
        if len(data)
        else csr_times(data, indices, indptr, x)
    )


def _skips_empty_rows(data, indices, indptr, x):
    return csr_times(data, indices, indptr, x)[indptr.diff() > 0]


def _last_wins(data, indices, indptr, x):
    y = data.new_zeros(len(indptr) - 1)
    for i in range(len(y)):
        for k in range(int(indptr[i]), int(indptr[i + 1])):
            y[i] = data[k] * x[indices[k]]
    return y


def _x_by_position(data, indices, indptr, x):
    return csr_times(data, torch.arange(len(data)) % max(len(x), 1), indptr, x)


def _edges_7_2():
    for about, weight, x in [
        ("a very large row above a small one", torch.tensor([[1e8, 0.0], [0.0, 1.0]]), torch.ones(2)),
        ("very small values", 1e-9 * torch.randn(3, 5), torch.randn(5)),
        ("float64 that float32 cannot hold", 1e300 * torch.eye(3).double(), torch.randn(3).double()),
        (
            "equal values, as many rows as columns",
            torch.tensor([[2.0, 0, 2], [0, 0, 2], [2, 2, 0]]),
            torch.tensor([1.0, 1, -1]),
        ),
        ("an x with zeros", torch.tensor([[2.0, 0, 3], [0, 4, 0]]), torch.tensor([0.0, 1.0, -1.0])),
        ("a single entry", torch.tensor([[-0.5]]), torch.tensor([4.0])),
    ]:
        yield Case(about, (*csr_arrays(weight), x))
    weight = sparse_matrix(50, 60, 0.05)
    arrays = (*csr_arrays(weight), torch.randn(60))
    yield Case("a (50, 60) matrix that is not to be rebuilt", arrays, largest=weight.numel() - 1)


def _cases_7_2():
    for about, weight in [
        ("the example", EXAMPLE_7),
        ("a (5, 4) matrix", sparse_matrix(5, 4, 0.5)),
        (
            "empty first and last rows",
            torch.cat([torch.zeros(1, 6), sparse_matrix(3, 6, 0.5), torch.zeros(1, 6)]),
        ),
        ("float64 values", sparse_matrix(4, 7, 0.4, torch.float64)),
        ("no nonzero at all", torch.zeros(3, 4)),
        ("a last column without entries", torch.tensor([[1.0, 0.0, 2.0, 0.0], [0.0, 3.0, 0.0, 0.0]])),
        ("a (40, 30) matrix", sparse_matrix(40, 30, 0.2)),
    ]:
        x = (
            torch.arange(1.0, 5.0)
            if weight is EXAMPLE_7
            else torch.randn(weight.shape[1], dtype=weight.dtype)
        )
        arrays = csr_arrays(weight)
        yield Case(about, (*arrays, x))
    yield from _edges_7_2()


ex_7_2 = Exercise(
    "7.2",
    csr_times,
    _cases_7_2,
    verified="empty rows, no nonzeros, two dtypes, several shapes",
    hint=(
        "Row i owns the entries indptr[i] to indptr[i + 1], the last excluded. Multiply each by x at its"
        " column; add up."
    ),
    mistakes=[
        ("A row's products are added up. Yours keeps only the last one.", _last_wins),
        ("y has one entry per row, also for an empty row: there it is 0.", _skips_empty_rows),
        (
            "The k-th value is multiplied by the entry of x that its column number names, not by the k-th.",
            _x_by_position,
        ),
        (
            "indptr[i + 1] is already one past the row's last entry. Do not subtract 1.",
            lambda d, i, p, x: csr_times(d, i, torch.cat([p[:1], (p[1:] - 1).clamp(min=0)]), x),
        ),
        ("The last value is missing: the last row ends at indptr[-1].", _one_too_few),
        (
            "Multiply by the values, do not only add up the entries of x.",
            lambda d, i, p, x: csr_times(torch.ones_like(d), i, p, x),
        ),
    ],
)

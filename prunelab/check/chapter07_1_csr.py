"""Exercises of chapter 07.1: the three arrays of CSR."""

from itertools import pairwise

import torch

from prunelab.check.core import Case
from prunelab.check.draws import csr_arrays, sparse_matrix
from prunelab.check.exercise import Exercise

EXAMPLE_7 = torch.tensor([[0.0, 4.0, 0.0, 7.0], [0.0, 0.0, 0.0, 0.0], [2.0, 0.0, 0.0, -5.0]])


# 7.1 csr_arrays(weight)


def _without_empty_rows(weight):
    data, indices, indptr = csr_arrays(weight)
    return data, indices, torch.cat([indptr[:1], indptr[1:][indptr.diff() > 0]])


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


# 7.5 is_csr(data, indices, indptr, columns)

_RULES = {
    "start": lambda d, i, p, c: p[0] == 0,
    "fall": lambda d, i, p, c: all(a <= b for a, b in pairwise(p)),
    "end": lambda d, i, p, c: p[-1] == len(d),
    "length": lambda d, i, p, c: len(i) == len(d),
    "high": lambda d, i, p, c: all(k < c for k in i),
    "low": lambda d, i, p, c: all(k >= 0 for k in i),
    "order": lambda d, i, p, c: all(
        a < b
        for s, e in pairwise(p)
        for a, b in zip(i[max(s, 0) : max(e, 0)], i[max(s, 0) + 1 : max(e, 0)], strict=False)
    ),
}


def is_csr(data, indices, indptr, columns, without=()):
    lists = data.tolist(), indices.tolist(), indptr.tolist()
    return all(bool(rule(*lists, columns)) for name, rule in _RULES.items() if name not in without)


def _rising_everywhere(data, indices, indptr, columns):
    return is_csr(data, indices, indptr, columns) and bool((indices.diff() > 0).all())


def _no_empty_rows(data, indices, indptr, columns):
    return is_csr(data, indices, indptr, columns) and bool((indptr.diff() > 0).all())


def _repeats_pass(data, indices, indptr, columns):
    if not is_csr(data, indices, indptr, columns, ("order",)):
        return False
    rows = [indices[s:e] for s, e in zip(indptr.tolist(), indptr.tolist()[1:], strict=False)]
    return all(bool((row.diff() >= 0).all()) for row in rows)


def _cases_7_5():
    good = {"data": [5.0, 8.0, 2.0, 7.0, 1.0, 9.0], "indices": [1, 4, 0, 3, 5, 2], "indptr": [0, 2, 2, 5, 6]}
    cases = [
        ("the example", {}),
        ("no empty row", {"indptr": [0, 2, 3, 5, 6]}),
        ("columns that fall within a row", {"indices": [4, 1, 0, 3, 5, 2]}),
        ("a column number that is too large", {"indices": [1, 4, 0, 3, 6, 2]}),
        ("a column number that is much too large", {"indices": [1, 9, 0, 3, 5, 2]}),
        ("a first column without entries", {"indices": [1, 4, 2, 3, 5, 2]}),
        ("row starts that fall", {"indices": [1, 2, 3, 4, 5, 0], "indptr": [0, 2, 1, 5, 6]}),
        ("a row start that is not 0", {"indptr": [1, 2, 2, 5, 6]}),
        ("a row start below 0", {"indptr": [-1, 2, 2, 5, 6]}),
        ("an end that leaves a value out", {"indptr": [0, 2, 2, 5, 5]}),
        ("a negative column", {"indices": [-1, 4, 0, 3, 5, 2]}),
        ("a column twice in a row", {"indices": [1, 4, 0, 3, 3, 2]}),
        ("one column number too many", {"indices": [1, 4, 0, 3, 5, 2, 4]}),
        ("one column number too few", {"indices": [1, 4, 0, 3, 5]}),
        ("one value too few, the end fits the column numbers", {"data": [5.0, 8.0, 2.0, 7.0, 1.0]}),
        (
            "one column number too few, the end fits them",
            {"indices": [1, 4, 0, 3, 5], "indptr": [0, 2, 2, 5, 5]},
        ),
        (
            "one value too many, the end fits it",
            {"data": [5.0, 8.0, 2.0, 7.0, 1.0, 9.0, 3.0], "indptr": [0, 2, 2, 5, 7]},
        ),
        ("an end beyond the values", {"indptr": [0, 2, 2, 5, 7]}),
        ("a last row that is empty", {"indptr": [0, 2, 3, 6, 6]}),
        ("a first row that is empty", {"indptr": [0, 0, 2, 5, 6]}),
        ("a single row start, no row", {"data": [], "indices": [], "indptr": [0]}),
        ("rows that begin left of where the one before ended", {"indices": [3, 5, 0, 1, 2, 0]}),
        ("no values at all", {"data": [], "indices": [], "indptr": [0, 0, 0]}),
        ("no values, but rows that claim some", {"data": [], "indices": [], "indptr": [0, 1, 2]}),
    ]
    for about, change in cases:
        parts = good | change
        arrays = (
            torch.tensor(parts["data"]),
            torch.tensor(parts["indices"], dtype=torch.int64),
            torch.tensor(parts["indptr"]),
        )
        yield Case(about, (*arrays, 6))


ex_7_5 = Exercise(
    "7.5",
    is_csr,
    _cases_7_5,
    verified="intact matrices with and without empty rows, an empty one, and ten ways to be corrupted",
    hint=(
        "Ask of each array what must hold: how indptr begins, goes on and ends, which indices a row may have,"
        " in which order."
    ),
    mistakes=[
        ("Where must the first row start?", lambda d, i, p, c: is_csr(d, i, p, c, ("start",))),
        (
            "Can a row end before it starts? Look at how indptr goes on.",
            lambda d, i, p, c: is_csr(d, i, p, c, ("fall",)),
        ),
        (
            "Where must the last row end? Compare with the number of values.",
            lambda d, i, p, c: is_csr(d, i, p, c, ("end",)),
        ),
        (
            "Every value needs a column number, and every column number a value.",
            lambda d, i, p, c: is_csr(d, i, p, c, ("length",)),
        ),
        (
            "Which is the largest column number that exists? They count from 0.",
            lambda d, i, p, c: is_csr(d, i, p, c, ("high",)),
            lambda d, i, p, c: is_csr(d, i, p, c, ("high",)) and bool((i <= c).all()),
        ),
        ("Is a negative number a column?", lambda d, i, p, c: is_csr(d, i, p, c, ("low",))),
        (
            "Within a row the columns must rise. Otherwise a weight may be stored twice.",
            lambda d, i, p, c: is_csr(d, i, p, c, ("order",)),
        ),
        (
            "The same column twice in a row: two values for one weight. The columns must rise strictly.",
            _repeats_pass,
        ),
        ("The columns rise within a row; a new row begins again from the left.", _rising_everywhere),
        ("An empty row is allowed: its start equals the next one's.", _no_empty_rows),
    ],
)

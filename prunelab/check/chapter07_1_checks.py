"""Exercises of chapter 07.1: is it CSR?"""

from itertools import pairwise

import torch

from prunelab.check.core import Case
from prunelab.check.exercise import Exercise

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


GOOD_7_5 = {
    "data": [5.0, 8.0, 2.0, 7.0, 1.0, 9.0],
    "indices": [1, 4, 0, 3, 5, 2],
    "indptr": [0, 2, 2, 5, 6],
}


def _edges_7_5():
    stored = {"data": [5.0, 0.0, 1e-9, -1e9, 1.0, 1.0]}
    for about, change in [
        ("a stored zero is a value like any other", {}),
        ("so is a number without end", {"data": [5.0, torch.inf, 2.0, 7.0, -torch.inf, 9.0]}),
        ("a column that does not exist, among stored zeros", {"indices": [1, 4, 0, 3, 6, 2]}),
        ("a first row whose columns fall", {"indices": [4, 1, 0, 3, 5, 2]}),
        ("a last row whose columns fall", {"indices": [1, 4, 0, 3, 5, 2], "indptr": [0, 2, 2, 4, 6]}),
    ]:
        yield _changed(about, GOOD_7_5 | stored | change)
    yield _changed(
        "one row, as many values as columns", GOOD_7_5 | {"indices": [0, 1, 2, 3, 4, 5], "indptr": [0, 6]}
    )
    yield _changed("a start below zero", {**GOOD_7_5, "indices": [2, 0, 1, 3, 4, 5], "indptr": [0, -1, 6]})
    yield _changed("as many rows as columns, float64", GOOD_7_5 | {"indptr": [0, 1, 2, 3, 4, 5, 6]})


def _cases_7_5():
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
    yield from (_changed(about, GOOD_7_5 | change) for about, change in cases)
    yield from _edges_7_5()


def _changed(about, parts):
    data, indices, indptr = (torch.tensor(parts[name]) for name in ("data", "indices", "indptr"))
    return Case(about, (data, indices.long(), indptr, 6))


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

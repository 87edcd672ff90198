"""Answers to 7.5: right ones, written differently, and wrong ones that must be refused."""

import itertools
from itertools import pairwise

from answers import plausible, right
from prunelab.storage import check_csr

# 7.5 is_csr


@right("7.5")
def valid_all(data, indices, indptr, columns):
    if indptr[0] != 0 or indptr[-1] != len(data) or len(indices) != len(data) or (indptr.diff() < 0).any():
        return False
    if len(indices) and (indices.min() < 0 or indices.max() >= columns):
        return False
    rows = [indices[start:end] for start, end in itertools.pairwise(indptr)]
    return all(bool((row.diff() > 0).all()) for row in rows)


@right("7.5")
def valid_package(data, indices, indptr, columns):
    try:
        check_csr(indptr, indices, data, (len(indptr) - 1, columns))
    except ValueError:
        return False
    return True


def _ok(d, i, p, c, skip=()):
    rows = [i[int(a) : int(b)] for a, b in itertools.pairwise(p)]
    tests = {
        "length": lambda: len(d) == len(i),
        "start": lambda: bool(p[0] == 0),
        "end": lambda: bool(p[-1] == len(d)),
        "end of indices": lambda: "length" not in skip or bool(p[-1] == len(i)) or "end" not in skip,
        "fall": lambda: bool((p.diff() >= 0).all()),
        "range": lambda: bool(((i >= 0) & (i < c)).all()),
        "order": lambda: all(bool((r.diff() > 0).all()) for r in rows),
    }
    return all(test() for name, test in tests.items() if name not in skip)


plausible(
    "7.5",
    lambda d, i, p, c: _ok(d, i, p, c, ["length"]),
    lambda d, i, p, c: _ok(d, i, p, c, ["start"]),
    lambda d, i, p, c: _ok(d, i, p, c, ["end"]),
    lambda d, i, p, c: _ok(d, i, p, c, ["length", "end"]) and bool(p[-1] == len(i)),
    lambda d, i, p, c: _ok(d, i, p, c, ["fall"]),
    lambda d, i, p, c: _ok(d, i, p, c, ["range"]) and bool((i < c).all()),
    lambda d, i, p, c: _ok(d, i, p, c, ["range"]) and bool((i >= 0).all()) and bool((i <= c).all()),
    lambda d, i, p, c: _ok(d, i, p, c, ["order"]),
    lambda d, i, p, c: _ok(d, i, p, c) and bool((p.diff() > 0).all()),
    lambda d, i, p, c: _ok(d, i, p, c) and bool((i.diff() > 0).all()),
    lambda d, i, p, c: _ok(d, i, p, c) and len(d) > 0,
    lambda d, i, p, c: _ok(d, i, p, c) and bool((d > 1).all()),
)

# 7.5, once more from the text alone


def _ic_7_5(
    d,
    i,
    p,
    c,
    tests=("len", "first", "last", "fall", "low", "high", "rise"),
    rise=lambda x: (x.diff() <= 0).any(),
):
    T = {
        "len": lambda: len(d) != len(i),
        "first": lambda: p[0] != 0,
        "last": lambda: p[-1] != len(d),
        "fall": lambda: (p.diff() < 0).any(),
        "low": lambda: len(i) > 0 and (i < 0).any(),
        "high": lambda: len(i) > 0 and (i >= c).any(),
    }
    for t in tests:
        if t != "rise" and T[t]():
            return False
    return not ("rise" in tests and any(bool(rise(i[a:b])) for a, b in pairwise(p.tolist())))


right("7.5")(
    lambda d, i, p, c: bool(
        len(d) == len(i)
        and p[0] == 0
        and p[-1] == len(d)
        and all(a <= b for a, b in pairwise(p.tolist()))
        and all(0 <= k < c for k in i.tolist())
        and all(x < y for a, b in pairwise(p.tolist()) for x, y in pairwise(i[a:b].tolist()))
    )
)

plausible(
    "7.5",
    lambda *a: _ic_7_5(*a, rise=lambda x: (x.diff() < 0).any()),  # repeats allowed
    lambda d, i, p, c: _ic_7_5(d, i, p, c) and bool((p.diff() > 0).all()),  # no empty rows
    lambda d, i, p, c: _ic_7_5(d, i, p, c) and bool((d != 0).all()),  # no stored zeros
    lambda d, i, p, c: _ic_7_5(d, i, p, c + 1),  # highest column one too far
    lambda d, i, p, c: _ic_7_5(d, i, p, c) and len(p) > 1,  # needs a row
    lambda d, i, p, c: _ic_7_5(d, i, p, c) and len(d) > 0,  # needs a value
    lambda d, i, p, c: (
        _ic_7_5(d, i, p, c, tests=("len", "first", "last", "fall", "low", "high"))
        and bool((p.diff() <= c).all())
    ),  # row longer than the matrix only
)

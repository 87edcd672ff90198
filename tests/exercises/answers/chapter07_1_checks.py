"""Answers to 7.5: right ones, written differently, and wrong ones that must be refused."""

import itertools

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

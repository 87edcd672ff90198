"""Checkers of the exercises of chapter 07.1: storing weights without their zeros."""

import math
from itertools import pairwise

import torch

from prunelab.check.core import Case
from prunelab.check.draws import csr_arrays, sparse_matrix
from prunelab.check.exercise import Exercise

# 7.1 csr_arrays(weight)


def _without_empty_rows(weight):
    data, indices, indptr = csr_arrays(weight)
    return data, indices, torch.cat([indptr[:1], indptr[1:][indptr.diff() > 0]])


EXAMPLE_7 = torch.tensor([[0.0, 4.0, 0.0, 7.0], [0.0, 0.0, 0.0, 0.0], [2.0, 0.0, 0.0, -5.0]])


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
    hint="data: the values row by row. indices: the column of each. indptr: how many values come before a row, then the total.",
    mistakes=[
        (
            "One start per row, and one number more: where does the last row end?",
            lambda w: (csr_arrays(w)[0], csr_arrays(w)[1], csr_arrays(w)[2][:-1]),
        ),
        (
            "The first row starts at 0: indptr has one number more than there are rows.",
            lambda w: (csr_arrays(w)[0], csr_arrays(w)[1], csr_arrays(w)[2][1:]),
        ),
        ("Count from 0. You count the row starts from 1.", lambda w: (csr_arrays(w)[0], csr_arrays(w)[1], csr_arrays(w)[2] + 1)),
        ("Count from 0. You count the columns from 1.", lambda w: (csr_arrays(w)[0], csr_arrays(w)[1] + 1, csr_arrays(w)[2])),
        (
            "indptr holds where rows start, not how long they are. Add the lengths up.",
            lambda w: (csr_arrays(w)[0], csr_arrays(w)[1], csr_arrays(w)[2].diff()),
        ),
        ("An empty row has a start too: the same as the row after it.", _without_empty_rows),
        ("You went through the columns. That is CSC; CSR goes row by row.", lambda w: csr_arrays(w.t().contiguous())),
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
        ("empty first and last rows", torch.cat([torch.zeros(1, 6), sparse_matrix(3, 6, 0.5), torch.zeros(1, 6)])),
        ("float64 values", sparse_matrix(4, 7, 0.4, torch.float64)),
        ("no nonzero at all", torch.zeros(3, 4)),
        ("a (40, 30) matrix", sparse_matrix(40, 30, 0.2)),
    ]:
        x = torch.arange(1.0, 5.0) if weight is EXAMPLE_7 else torch.randn(weight.shape[1], dtype=weight.dtype)
        arrays = csr_arrays(weight)
        yield Case(about, (*arrays, x))


ex_7_2 = Exercise(
    "7.2",
    csr_times,
    _cases_7_2,
    verified="empty rows, no nonzeros, two dtypes, several shapes",
    hint="Row i owns the entries indptr[i] to indptr[i + 1], the last excluded. Multiply each by x at its column; add up.",
    mistakes=[
        ("A row's products are added up. Yours keeps only the last one.", _last_wins),
        ("y has one entry per row, also for an empty row: there it is 0.", _skips_empty_rows),
        ("The k-th value is multiplied by the entry of x that its column number names, not by the k-th.", _x_by_position),
        (
            "indptr[i + 1] is already one past the row's last entry. Do not subtract 1.",
            lambda d, i, p, x: csr_times(d, i, torch.cat([p[:1], (p[1:] - 1).clamp(min=0)]), x),
        ),
        ("The last value is missing: the last row ends at indptr[-1].", _one_too_few),
        ("Multiply by the values, do not only add up the entries of x.", lambda d, i, p, x: csr_times(torch.ones_like(d), i, p, x)),
    ],
)


# 7.3 break_even(value_bits, index_bits, columns)


def break_even(value_bits, index_bits, columns):
    return max(0.0, (value_bits - 32 / columns) / (value_bits + index_bits))


def _cases_7_3():
    for value_bits, index_bits, columns in [
        (32, 32, 64),
        (32, 16, 784),
        (16, 32, 100),
        (8, 16, 10),
        (64, 32, 9),
        (8, 16, 2),
        (5, 10, 300),
    ]:
        about = f"values of {value_bits} bits, column numbers of {index_bits} bits, {columns} columns"
        yield Case(about, (value_bits, index_bits, columns))


ex_7_3 = Exercise(
    "7.3",
    break_even,
    _cases_7_3,
    verified="several widths, narrow matrices, and one that never pays",
    hint="Per row: dense takes columns * V bits, CSR takes density * columns * (V + i) + 32. Solve for the density.",
    mistakes=[
        ("The row starts cost something too: 32 bits per row, so 32 / columns bits per weight.", lambda v, i, c: v / (v + i)),
        ("CSR stores one index per value, the column. Two would be COO.", lambda v, i, c: (v - 32 / c) / (v + 2 * i)),
        ("Density is the share of nonzeros. You gave the sparsity.", lambda v, i, c: 1 - break_even(v, i, c)),
        (
            "A density is never negative: if even an empty matrix costs more, the answer is 0.0.",
            lambda v, i, c: (v - 32 / c) / (v + i),
        ),
        (
            "32 bits per row, not per weight: a row has `columns` weights to share them.",
            lambda v, i, c: max(0.0, (v - 32) / (v + i)),
        ),
        ("A nonzero costs its value and its index, V + i bits together.", lambda v, i, c: (v - 32 / c) / i),
        (
            "Set the two sizes equal: V bits for every weight = V + i bits for each nonzero, and the row starts.",
            lambda v, i, c: i / (v + i),
        ),
    ],
)


# 7.4 gaps_with_filler(tape, bits)


def gaps_with_filler(tape, bits, reach=None, start=-1):
    reach = reach or 2**bits
    gaps, values, here = [], [], start
    for position, value in enumerate(tape.tolist()):
        if value != 0:
            while position - here > reach:
                gaps, values, here = [*gaps, reach], [*values, 0.0], here + reach
            gaps, values, here = [*gaps, position - here], [*values, value], position
    return torch.tensor(gaps, dtype=torch.int64), torch.tensor(values, dtype=tape.dtype)


def _no_fillers(tape, bits):
    positions = tape.nonzero().flatten()
    return positions.diff(prepend=torch.tensor([-1])), tape[positions]


def _one_filler_at_most(tape, bits):
    gaps, values = _no_fillers(tape, bits)
    out = [(g, v) for g, v in zip(gaps.tolist(), values.tolist(), strict=True)]
    out = [pair for g, v in out for pair in ([(2**bits, 0.0), (g - 2**bits, v)] if g > 2**bits else [(g, v)])]
    return torch.tensor([g for g, _ in out], dtype=torch.int64), torch.tensor([v for _, v in out], dtype=tape.dtype)


def _filler_for_the_end(tape, bits):
    gaps, values = gaps_with_filler(tape, bits)
    rest = (len(tape) - 1 - int(gaps.sum() - 1)) // 2**bits
    return torch.cat([gaps, gaps.new_full((rest,), 2**bits)]), torch.cat([values, values.new_zeros(rest)])


def _eager_filler(tape, bits):
    gaps, values, here = [], [], -1
    for position, value in enumerate(tape.tolist()):
        if value != 0:
            while position - here >= 2**bits:
                gaps, values, here = [*gaps, 2**bits], [*values, 0.0], here + 2**bits
            gaps, values, here = [*gaps, position - here], [*values, value], position
    return torch.tensor(gaps, dtype=torch.int64), torch.tensor(values, dtype=tape.dtype)


def _tape(length, at, seed=0):
    tape = torch.zeros(length)
    tape[at] = torch.randint(1, 90, (len(at),), generator=torch.Generator().manual_seed(seed)).float()
    return tape


def _cases_7_4():
    many = sparse_matrix(1, 400, 0.1).flatten()
    for about, tape, bits in [
        ("the example, 2 bits", _tape(16, [1, 2, 7, 15]), 2),
        ("gaps of exactly 4 and 8, 2 bits", _tape(14, [3, 7, 12]), 2),
        ("a gap that needs three fillers, 2 bits", _tape(20, [0, 16]), 2),
        ("zeros at the end, 3 bits", _tape(40, [5, 6]), 3),
        ("a nonzero at position 0, 1 bit", _tape(6, [0, 2, 5]), 1),
        ("no nonzero", torch.zeros(10), 3),
        ("no zero", torch.arange(1.0, 8.0), 5),
        ("400 weights with negative values, 4 bits", many, 4),
        ("the same with 2 bits", many, 2),
        ("float64, 5 bits", _tape(100, [31, 64, 99]).double(), 5),
    ]:
        yield Case(about, (tape, bits))


ex_7_4 = Exercise(
    "7.4",
    gaps_with_filler,
    _cases_7_4,
    verified="exact reach, several fillers in a row, position 0, zeros at the end, an empty and a full tape",
    hint="While the next nonzero is more than 2**bits away, write a filler: the gap 2**bits and the value 0. Then the rest.",
    mistakes=[
        ("A gap larger than 2**bits does not fit. Where are the fillers?", _no_fillers),
        (
            "Nobody needs a gap of 0, so with b bits the gaps 1 to 2**b can be written: 2**bits still fits.",
            lambda t, b: gaps_with_filler(t, b, 2**b - 1),
        ),
        (
            "The first gap counts from position -1, so that a nonzero at position 0 has the gap 1.",
            lambda t, b: gaps_with_filler(t, b, start=0),
        ),
        ("A gap of exactly 2**bits still fits: no filler there.", _eager_filler),
        ("After one filler the rest can still be out of reach: go on until it fits.", _one_filler_at_most),
        ("Zeros after the last nonzero need no entry: the reader knows how long the tape is.", _filler_for_the_end),
        ("A filler is a whole entry: it has a value, 0, as well as a gap.", lambda t, b: (gaps_with_filler(t, b)[0], t[t != 0])),
        (
            "The gap between neighbours is 1. You count the zeros in between.",
            lambda t, b: (gaps_with_filler(t, b)[0] - 1, gaps_with_filler(t, b)[1]),
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
        a < b for s, e in pairwise(p) for a, b in zip(i[max(s, 0) : max(e, 0)], i[max(s, 0) + 1 : max(e, 0)], strict=False)
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
        ("row starts that fall", {"indices": [1, 2, 3, 4, 5, 0], "indptr": [0, 2, 1, 5, 6]}),
        ("a row start that is not 0", {"indptr": [1, 2, 2, 5, 6]}),
        ("an end that leaves a value out", {"indptr": [0, 2, 2, 5, 5]}),
        ("a negative column", {"indices": [-1, 4, 0, 3, 5, 2]}),
        ("a column twice in a row", {"indices": [1, 4, 0, 3, 3, 2]}),
        ("one column number too many", {"indices": [1, 4, 0, 3, 5, 2, 4]}),
        ("an end beyond the values", {"indptr": [0, 2, 2, 5, 7]}),
        ("rows that begin left of where the one before ended", {"indices": [3, 5, 0, 1, 2, 0]}),
        ("no values at all", {"data": [], "indices": [], "indptr": [0, 0, 0]}),
        ("no values, but rows that claim some", {"data": [], "indices": [], "indptr": [0, 1, 2]}),
    ]
    for about, change in cases:
        parts = good | change
        arrays = torch.tensor(parts["data"]), torch.tensor(parts["indices"], dtype=torch.int64), torch.tensor(parts["indptr"])
        yield Case(about, (*arrays, 6))


ex_7_5 = Exercise(
    "7.5",
    is_csr,
    _cases_7_5,
    verified="intact matrices with and without empty rows, an empty one, and ten ways to be corrupted",
    hint="Ask of each array what must hold: how indptr begins, goes on and ends, which indices a row may have, in which order.",
    mistakes=[
        ("Where must the first row start?", lambda d, i, p, c: is_csr(d, i, p, c, ("start",))),
        ("Can a row end before it starts? Look at how indptr goes on.", lambda d, i, p, c: is_csr(d, i, p, c, ("fall",))),
        ("Where must the last row end? Compare with the number of values.", lambda d, i, p, c: is_csr(d, i, p, c, ("end",))),
        ("Every value needs a column number, and every column number a value.", lambda d, i, p, c: is_csr(d, i, p, c, ("length",))),
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
        ("The same column twice in a row: two values for one weight. The columns must rise strictly.", _repeats_pass),
        ("The columns rise within a row; a new row begins again from the left.", _rising_everywhere),
        ("An empty row is allowed: its start equals the next one's.", _no_empty_rows),
    ],
)


# 7.6 choose_format(weight, budget)


def _format_sizes(weight):
    nonzeros, elements = int(weight.count_nonzero()), weight.numel()
    entries = len(gaps_with_filler(weight.flatten(), 5)[0])
    return {
        "dense": 4 * elements,
        "csr": nonzeros * (4 + 2) + 4 * (weight.shape[0] + 1),
        "bitmap": 4 * nonzeros + math.ceil(elements / 8),
        "gap": 4 * entries + math.ceil(5 * entries / 8),
    }


def choose_format(weight, budget, sizes=_format_sizes):
    return next((name for name, size in sizes(weight).items() if size <= budget), "none")


def _changed_sizes(**changes):
    return lambda weight: _format_sizes(weight) | {name: change(weight) for name, change in changes.items()}


def _values_only(weight):
    return dict.fromkeys(_format_sizes(weight), 4 * int(weight.count_nonzero())) | {"dense": 4 * weight.numel()}


def _cases_7_6():
    example = sparse_matrix(20, 50, 0.1)
    yield Case("the example, a tenth of 1000 weights, 620 bytes", (example, 620))
    for about, weight in [
        ("the example", example),
        ("2 % of (30, 200) weights", sparse_matrix(30, 200, 0.02)),
        ("40 % of (10, 64) weights", sparse_matrix(10, 64, 0.4)),
    ]:
        for size in _format_sizes(weight).values():
            yield Case(f"{about}, a budget of {size} bytes", (weight, size))
            yield Case(f"{about}, a budget of {size - 1} bytes", (weight, size - 1))


ex_7_6 = Exercise(
    "7.6",
    choose_format,
    _cases_7_6,
    verified="three densities, budgets that fit to the byte and budgets one byte short",
    hint="Compute the exact bytes of all four, then take the first of dense, csr, bitmap, gap that is within the budget.",
    mistakes=[
        (
            "A gap beyond 32 needs fillers, and each is an entry of its own: value and gap.",
            lambda w, b: choose_format(w, b, _changed_sizes(gap=lambda w: math.ceil(37 * int(w.count_nonzero()) / 8))),
        ),
        (
            "CSR has row starts as well: 32 bits each, one more than there are rows.",
            lambda w, b: choose_format(w, b, _changed_sizes(csr=lambda w: 6 * int(w.count_nonzero()))),
        ),
        (
            "CSR has one row start more than there are rows.",
            lambda w, b: choose_format(w, b, _changed_sizes(csr=lambda w: 6 * int(w.count_nonzero()) + 4 * w.shape[0])),
        ),
        (
            "The column numbers of this exercise have 16 bits, not 32.",
            lambda w, b: choose_format(w, b, _changed_sizes(csr=lambda w: 8 * int(w.count_nonzero()) + 4 * (w.shape[0] + 1))),
        ),
        (
            "A bitmap has one bit per weight, not one byte.",
            lambda w, b: choose_format(w, b, _changed_sizes(bitmap=lambda w: 4 * int(w.count_nonzero()) + w.numel())),
        ),
        (
            "The first one that fits is asked for, not the smallest: earlier formats are faster to use.",
            lambda w, b: min(_format_sizes(w), key=_format_sizes(w).get) if min(_format_sizes(w).values()) <= b else "none",
        ),
        (
            "The order is dense, csr, bitmap, gap: the first one that fits is asked for.",
            lambda w, b: next((n for n, s in reversed(_format_sizes(w).items()) if s <= b), "none"),
        ),
        ("A size of exactly the budget fits.", lambda w, b: next((n for n, s in _format_sizes(w).items() if s < b), "none")),
        ("Positions take bytes too. You count the values only.", lambda w, b: choose_format(w, b, _values_only)),
    ],
)

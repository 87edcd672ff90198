"""Checkers of the exercises of chapter 07.1: storing weights without their zeros."""

import math
from itertools import pairwise

import torch

from prunelab.check.core import Case, verify

# 7.1 csr_arrays(weight)


def _csr(weight):
    data, indices, indptr = [], [], [0]
    for row in weight.tolist():
        for column, value in enumerate(row):
            if value != 0:
                data.append(value)
                indices.append(column)
        indptr.append(len(data))
    whole = {"dtype": torch.int64}
    return torch.tensor(data, dtype=weight.dtype), torch.tensor(indices, **whole), torch.tensor(indptr, **whole)


def _without_empty_rows(weight):
    data, indices, indptr = _csr(weight)
    return data, indices, torch.cat([indptr[:1], indptr[1:][indptr.diff() > 0]])


MISTAKES_7_1 = [
    (lambda w: (_csr(w)[0], _csr(w)[1], _csr(w)[2][:-1]), "One start per row, and one number more: where does the last row end?"),
    (
        lambda w: (_csr(w)[0], _csr(w)[1], _csr(w)[2][1:]),
        "The first row starts at 0: indptr has one number more than there are rows.",
    ),
    (lambda w: (_csr(w)[0], _csr(w)[1], _csr(w)[2] + 1), "Count from 0. You count the row starts from 1."),
    (lambda w: (_csr(w)[0], _csr(w)[1] + 1, _csr(w)[2]), "Count from 0. You count the columns from 1."),
    (
        lambda w: (_csr(w)[0], _csr(w)[1], _csr(w)[2].diff()),
        "indptr holds where rows start, not how long they are. Add the lengths up.",
    ),
    (_without_empty_rows, "An empty row has a start too: the same as the row after it."),
    (lambda w: _csr(w.t().contiguous()), "You went through the columns. That is CSC; CSR goes row by row."),
    (
        lambda w: (_csr(w)[0], w.flatten().nonzero().flatten(), _csr(w)[2]),
        "indices are column numbers: they begin again at 0 in every row.",
    ),
    (
        lambda w: (_csr(w * (w > 0))[0], _csr(w * (w > 0))[1], _csr(w * (w > 0))[2]),
        "Negative values are nonzero too.",
    ),
]


def _sparse(rows, columns, density, seed, dtype=torch.float32):
    random = torch.Generator().manual_seed(seed)
    values = torch.randint(1, 90, (rows, columns), generator=random) * (
        1 - 2 * torch.randint(0, 2, (rows, columns), generator=random)
    )
    return (values * (torch.rand(rows, columns, generator=random) < density)).to(dtype)


EXAMPLE_7 = torch.tensor([[0.0, 4.0, 0.0, 7.0], [0.0, 0.0, 0.0, 0.0], [2.0, 0.0, 0.0, -5.0]])


def _cases_7_1():
    for about, weight in [
        ("the example", EXAMPLE_7),
        ("a (4, 6) matrix with negative values", _sparse(4, 6, 0.4, 1)),
        ("a matrix whose first and last rows are empty", torch.cat([torch.zeros(1, 5), _sparse(2, 5, 0.6, 2), torch.zeros(1, 5)])),
        ("float64 values", _sparse(5, 3, 0.5, 3, torch.float64)),
        ("a matrix without zeros", torch.arange(1.0, 7.0).view(2, 3)),
        ("a matrix of zeros", torch.zeros(3, 4)),
        ("one row", _sparse(1, 20, 0.3, 4)),
        ("a (60, 50) matrix", _sparse(60, 50, 0.1, 5)),
    ]:
        yield Case(about, (weight,), _csr(weight))


def ex_7_1(function):
    """Check ``csr_arrays(weight)``: the three arrays of CSR; notebook 07.1."""
    verify(
        "7.1",
        "csr_arrays(weight)",
        function,
        _cases_7_1(),
        verified="empty rows, no zeros, only zeros, negative values, two dtypes",
        hint="data: the values row by row. indices: the column of each. indptr: how many values come before a row, then the total.",
        mistakes=MISTAKES_7_1,
    )


# 7.2 csr_times(data, indices, indptr, x)


def _times(data, indices, indptr, x):
    y = []
    for start, end in zip(indptr.tolist(), indptr.tolist()[1:], strict=False):
        y.append(sum((float(data[k]) * float(x[indices[k]]) for k in range(start, end)), 0.0))
    return torch.tensor(y, dtype=data.dtype)


def _one_too_few(data, indices, indptr, x):
    return (
        _times(torch.cat([data[:-1], data[:0].new_zeros(1)]), indices, indptr, x) if len(data) else _times(data, indices, indptr, x)
    )


def _skips_empty_rows(data, indices, indptr, x):
    return _times(data, indices, indptr, x)[indptr.diff() > 0]


def _last_wins(data, indices, indptr, x):
    y = data.new_zeros(len(indptr) - 1)
    for i in range(len(y)):
        for k in range(int(indptr[i]), int(indptr[i + 1])):
            y[i] = data[k] * x[indices[k]]
    return y


def _x_by_position(data, indices, indptr, x):
    return _times(data, torch.arange(len(data)) % max(len(x), 1), indptr, x)


MISTAKES_7_2 = [
    (_last_wins, "A row's products are added up. Yours keeps only the last one."),
    (_skips_empty_rows, "y has one entry per row, also for an empty row: there it is 0."),
    (_x_by_position, "The k-th value is multiplied by the entry of x that its column number names, not by the k-th."),
    (
        lambda d, i, p, x: _times(d, i, torch.cat([p[:1], (p[1:] - 1).clamp(min=0)]), x),
        "indptr[i + 1] is already one past the row's last entry. Do not subtract 1.",
    ),
    (_one_too_few, "The last value is missing: the last row ends at indptr[-1]."),
    (lambda d, i, p, x: _times(torch.ones_like(d), i, p, x), "Multiply by the values, do not only add up the entries of x."),
]


def _cases_7_2():
    for about, weight, seed in [
        ("the example", EXAMPLE_7, None),
        ("a (5, 4) matrix", _sparse(5, 4, 0.5, 11), 1),
        ("empty first and last rows", torch.cat([torch.zeros(1, 6), _sparse(3, 6, 0.5, 12), torch.zeros(1, 6)]), 2),
        ("float64 values", _sparse(4, 7, 0.4, 13, torch.float64), 3),
        ("no nonzero at all", torch.zeros(3, 4), 4),
        ("a (40, 30) matrix", _sparse(40, 30, 0.2, 14), 5),
    ]:
        if seed is None:
            x = torch.tensor([1.0, 2.0, 3.0, 4.0])
        else:
            x = torch.randn(weight.shape[1], generator=torch.Generator().manual_seed(seed), dtype=weight.dtype)
        arrays = _csr(weight)
        yield Case(about, (*arrays, x), _times(*arrays, x))


def ex_7_2(function):
    """Check ``csr_times(data, indices, indptr, x)``: a product that never touches a zero; notebook 07.1."""
    verify(
        "7.2",
        "csr_times(data, indices, indptr, x)",
        function,
        _cases_7_2(),
        verified="empty rows, no nonzeros, two dtypes, several shapes",
        hint="Row i owns the entries indptr[i] to indptr[i + 1], the last excluded. Multiply each by x at its column; add up.",
        mistakes=MISTAKES_7_2,
    )


# 7.3 break_even(value_bits, index_bits, columns)


def _break_even(value_bits, index_bits, columns):
    return max(0.0, (value_bits - 32 / columns) / (value_bits + index_bits))


MISTAKES_7_3 = [
    (lambda v, i, c: v / (v + i), "The row starts cost something too: 32 bits per row, so 32 / columns bits per weight."),
    (lambda v, i, c: (v - 32 / c) / (v + 2 * i), "CSR stores one index per value, the column. Two would be COO."),
    (lambda v, i, c: 1 - _break_even(v, i, c), "Density is the share of nonzeros. You gave the sparsity."),
    (lambda v, i, c: (v - 32 / c) / (v + i), "A density is never negative: if even an empty matrix costs more, the answer is 0.0."),
    (lambda v, i, c: max(0.0, (v - 32) / (v + i)), "32 bits per row, not per weight: a row has `columns` weights to share them."),
    (lambda v, i, c: (v - 32 / c) / i, "A nonzero costs its value and its index, V + i bits together."),
    (
        lambda v, i, c: i / (v + i),
        "Set the two sizes equal: V bits for every weight = V + i bits for each nonzero, and the row starts.",
    ),
]


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
        yield Case(about, (value_bits, index_bits, columns), _break_even(value_bits, index_bits, columns))


def ex_7_3(function):
    """Check ``break_even(value_bits, index_bits, columns)``: the density below which CSR pays; notebook 07.1."""
    verify(
        "7.3",
        "break_even(value_bits, index_bits, columns)",
        function,
        _cases_7_3(),
        verified="several widths, narrow matrices, and one that never pays",
        hint="Per row: dense takes columns * V bits, CSR takes density * columns * (V + i) + 32. Solve for the density.",
        mistakes=MISTAKES_7_3,
    )


# 7.4 gaps_with_filler(tape, bits)


def _gaps(tape, bits, reach=None, start=-1):
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
    gaps, values = _gaps(tape, bits)
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


MISTAKES_7_4 = [
    (_no_fillers, "A gap larger than 2**bits does not fit. Where are the fillers?"),
    (
        lambda t, b: _gaps(t, b, 2**b - 1),
        "Nobody needs a gap of 0, so with b bits the gaps 1 to 2**b can be written: 2**bits still fits.",
    ),
    (lambda t, b: _gaps(t, b, start=0), "The first gap counts from position -1, so that a nonzero at position 0 has the gap 1."),
    (_eager_filler, "A gap of exactly 2**bits still fits: no filler there."),
    (_one_filler_at_most, "After one filler the rest can still be out of reach: go on until it fits."),
    (_filler_for_the_end, "Zeros after the last nonzero need no entry: the reader knows how long the tape is."),
    (lambda t, b: (_gaps(t, b)[0], t[t != 0]), "A filler is a whole entry: it has a value, 0, as well as a gap."),
    (lambda t, b: (_gaps(t, b)[0] - 1, _gaps(t, b)[1]), "The gap between neighbours is 1. You count the zeros in between."),
]


def _tape(length, at, seed=0):
    tape = torch.zeros(length)
    tape[at] = torch.randint(1, 90, (len(at),), generator=torch.Generator().manual_seed(seed)).float()
    return tape


def _cases_7_4():
    many = _sparse(1, 400, 0.1, 41).flatten()
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
        yield Case(about, (tape, bits), _gaps(tape, bits))


def ex_7_4(function):
    """Check ``gaps_with_filler(tape, bits)``: the relative index of Deep Compression; notebook 07.1."""
    verify(
        "7.4",
        "gaps_with_filler(tape, bits)",
        function,
        _cases_7_4(),
        verified="exact reach, several fillers in a row, position 0, zeros at the end, an empty and a full tape",
        hint="While the next nonzero is more than 2**bits away, write a filler: the gap 2**bits and the value 0. Then the rest.",
        mistakes=MISTAKES_7_4,
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


def _is_csr(data, indices, indptr, columns, without=()):
    lists = data.tolist(), indices.tolist(), indptr.tolist()
    return all(bool(rule(*lists, columns)) for name, rule in _RULES.items() if name not in without)


def _rising_everywhere(data, indices, indptr, columns):
    return _is_csr(data, indices, indptr, columns) and bool((indices.diff() > 0).all())


def _no_empty_rows(data, indices, indptr, columns):
    return _is_csr(data, indices, indptr, columns) and bool((indptr.diff() > 0).all())


def _repeats_pass(data, indices, indptr, columns):
    if not _is_csr(data, indices, indptr, columns, ("order",)):
        return False
    rows = [indices[s:e] for s, e in zip(indptr.tolist(), indptr.tolist()[1:], strict=False)]
    return all(bool((row.diff() >= 0).all()) for row in rows)


MISTAKES_7_5 = [
    (lambda d, i, p, c: _is_csr(d, i, p, c, ("start",)), "Where must the first row start?"),
    (lambda d, i, p, c: _is_csr(d, i, p, c, ("fall",)), "Can a row end before it starts? Look at how indptr goes on."),
    (lambda d, i, p, c: _is_csr(d, i, p, c, ("end",)), "Where must the last row end? Compare with the number of values."),
    (lambda d, i, p, c: _is_csr(d, i, p, c, ("length",)), "Every value needs a column number, and every column number a value."),
    (lambda d, i, p, c: _is_csr(d, i, p, c, ("high",)), "Which is the largest column number that exists? They count from 0."),
    (
        lambda d, i, p, c: _is_csr(d, i, p, c, ("high",)) and bool((i <= c).all()),
        "Which is the largest column number that exists? They count from 0.",
    ),
    (lambda d, i, p, c: _is_csr(d, i, p, c, ("low",)), "Is a negative number a column?"),
    (
        lambda d, i, p, c: _is_csr(d, i, p, c, ("order",)),
        "Within a row the columns must rise. Otherwise a weight may be stored twice.",
    ),
    (_repeats_pass, "The same column twice in a row: two values for one weight. The columns must rise strictly."),
    (_rising_everywhere, "The columns rise within a row; a new row begins again from the left."),
    (_no_empty_rows, "An empty row is allowed: its start equals the next one's."),
]


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
        yield Case(about, (*arrays, 6), _is_csr(*arrays, 6))


def ex_7_5(function):
    """Check ``is_csr(data, indices, indptr, columns)``: spot the corrupted matrix; notebook 07.1."""
    verify(
        "7.5",
        "is_csr(data, indices, indptr, columns)",
        function,
        _cases_7_5(),
        verified="intact matrices with and without empty rows, an empty one, and ten ways to be corrupted",
        hint="Ask of each array what must hold: how indptr begins, goes on and ends, which indices a row may have, in which order.",
        mistakes=MISTAKES_7_5,
    )


# 7.6 choose_format(weight, budget)


def _format_sizes(weight):
    nonzeros, elements = int(weight.count_nonzero()), weight.numel()
    entries = len(_gaps(weight.flatten(), 5)[0])
    return {
        "dense": 4 * elements,
        "csr": nonzeros * (4 + 2) + 4 * (weight.shape[0] + 1),
        "bitmap": 4 * nonzeros + math.ceil(elements / 8),
        "gap": 4 * entries + math.ceil(5 * entries / 8),
    }


def _choose(weight, budget, sizes=_format_sizes):
    return next((name for name, size in sizes(weight).items() if size <= budget), "none")


def _changed_sizes(**changes):
    return lambda weight: _format_sizes(weight) | {name: change(weight) for name, change in changes.items()}


def _values_only(weight):
    return dict.fromkeys(_format_sizes(weight), 4 * int(weight.count_nonzero())) | {"dense": 4 * weight.numel()}


MISTAKES_7_6 = [
    (lambda w, b: _choose(w, b, _values_only), "Positions take bytes too. You count the values only."),
    (
        lambda w, b: _choose(w, b, _changed_sizes(gap=lambda w: math.ceil(37 * int(w.count_nonzero()) / 8))),
        "A gap beyond 32 needs fillers, and each is an entry of its own: value and gap.",
    ),
    (
        lambda w, b: _choose(w, b, _changed_sizes(csr=lambda w: 6 * int(w.count_nonzero()))),
        "CSR has row starts as well: 32 bits each, one more than there are rows.",
    ),
    (
        lambda w, b: _choose(w, b, _changed_sizes(csr=lambda w: 6 * int(w.count_nonzero()) + 4 * w.shape[0])),
        "CSR has one row start more than there are rows.",
    ),
    (
        lambda w, b: _choose(w, b, _changed_sizes(csr=lambda w: 8 * int(w.count_nonzero()) + 4 * (w.shape[0] + 1))),
        "The column numbers of this exercise have 16 bits, not 32.",
    ),
    (
        lambda w, b: _choose(w, b, _changed_sizes(bitmap=lambda w: 4 * int(w.count_nonzero()) + w.numel())),
        "A bitmap has one bit per weight, not one byte.",
    ),
    (
        lambda w, b: min(_format_sizes(w), key=_format_sizes(w).get) if min(_format_sizes(w).values()) <= b else "none",
        "The first one that fits is asked for, not the smallest: earlier formats are faster to use.",
    ),
    (
        lambda w, b: next((n for n, s in reversed(_format_sizes(w).items()) if s <= b), "none"),
        "The order is dense, csr, bitmap, gap: the first one that fits is asked for.",
    ),
    (lambda w, b: next((n for n, s in _format_sizes(w).items() if s < b), "none"), "A size of exactly the budget fits."),
]


def _cases_7_6():
    example = _sparse(20, 50, 0.1, 61)
    yield Case("the example, a tenth of 1000 weights, 620 bytes", (example, 620), _choose(example, 620))
    for about, weight in [
        ("the example", example),
        ("2 % of (30, 200) weights", _sparse(30, 200, 0.02, 62)),
        ("40 % of (10, 64) weights", _sparse(10, 64, 0.4, 63)),
    ]:
        for size in _format_sizes(weight).values():
            yield Case(f"{about}, a budget of {size} bytes", (weight, size), _choose(weight, size))
            yield Case(f"{about}, a budget of {size - 1} bytes", (weight, size - 1), _choose(weight, size - 1))


def ex_7_6(function):
    """Check ``choose_format(weight, budget)``: the fastest format that fits; notebook 07.1."""
    verify(
        "7.6",
        "choose_format(weight, budget)",
        function,
        _cases_7_6(),
        verified="three densities, budgets that fit to the byte and budgets one byte short",
        hint="Compute the exact bytes of all four, then take the first of dense, csr, bitmap, gap that is within the budget.",
        mistakes=MISTAKES_7_6,
    )

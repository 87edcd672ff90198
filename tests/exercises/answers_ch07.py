"""Answers to the exercises of chapter 07: right ones, written differently, and wrong ones, each with the hint it must get."""

import itertools
import math

import numpy as np
import scipy.sparse
import torch

from prunelab.storage import check_csr, encode, format_bytes, gap_code

# 7.1 csr_arrays


def csr_loop(weight):
    data, indices, indptr = [], [], [0]
    for i in range(weight.shape[0]):
        for j in range(weight.shape[1]):
            if weight[i, j] != 0:
                data.append(weight[i, j].item())
                indices.append(j)
        indptr.append(len(data))
    return torch.tensor(data, dtype=weight.dtype), torch.tensor(indices, dtype=torch.int64), torch.tensor(indptr)


def csr_vectorised(weight):
    rows, columns = weight.nonzero(as_tuple=True)
    indptr = torch.zeros(len(weight) + 1, dtype=torch.int64)
    indptr[1:] = (weight != 0).sum(1).cumsum(0)
    return weight[rows, columns], columns, indptr


def csr_scipy(weight):
    matrix = scipy.sparse.csr_array(weight.numpy())
    return torch.from_numpy(matrix.data), torch.from_numpy(matrix.indices).long(), torch.from_numpy(matrix.indptr).long()


def no_end(weight):
    data, indices, indptr = csr_vectorised(weight)
    return data, indices, indptr[:-1]


def ends_only(weight):
    data, indices, indptr = csr_vectorised(weight)
    return data, indices, indptr[1:]


def columns_from_one(weight):
    data, indices, indptr = csr_vectorised(weight)
    return data, indices + 1, indptr


def starts_from_one(weight):
    data, indices, indptr = csr_vectorised(weight)
    return data, indices, indptr + 1


def row_lengths(weight):
    data, indices, _ = csr_vectorised(weight)
    return data, indices, (weight != 0).sum(1)


def starts_of_full_rows(weight):
    data, indices, indptr = [], [], [0]
    for row in weight:
        columns = row.nonzero().flatten()
        data += row[columns].tolist()
        indices += columns.tolist()
        if len(columns):
            indptr.append(len(data))
    return torch.tensor(data, dtype=weight.dtype), torch.tensor(indices, dtype=torch.int64), torch.tensor(indptr)


def by_columns(weight):
    return csr_vectorised(weight.t())


def flat_positions(weight):
    data, _, indptr = csr_vectorised(weight)
    return data, weight.flatten().nonzero().flatten(), indptr


def positive_only(weight):
    return csr_vectorised(weight.clamp(min=0))


# 7.2 csr_times


def times_loop(data, indices, indptr, x):
    y = torch.zeros(len(indptr) - 1, dtype=data.dtype)
    for i in range(len(y)):
        for k in range(indptr[i], indptr[i + 1]):
            y[i] += data[k] * x[indices[k]]
    return y


def times_vectorised(data, indices, indptr, x):
    rows = torch.repeat_interleave(torch.arange(len(indptr) - 1), indptr.diff())
    return torch.zeros(len(indptr) - 1, dtype=data.dtype).index_add(0, rows, data * x[indices])


def times_cumsum(data, indices, indptr, x):
    sums = torch.cat([data.new_zeros(1, dtype=torch.float64), (data.double() * x[indices].double()).cumsum(0)])
    return (sums[indptr[1:]] - sums[indptr[:-1]]).to(data.dtype)


def times_last(data, indices, indptr, x):
    y = torch.zeros(len(indptr) - 1, dtype=data.dtype)
    for i in range(len(y)):
        for k in range(indptr[i], indptr[i + 1]):
            y[i] = data[k] * x[indices[k]]
    return y


def times_full_rows(data, indices, indptr, x):
    return times_vectorised(data, indices, indptr, x)[indptr.diff() > 0]


def times_kth(data, indices, indptr, x):
    return times_vectorised(data, torch.arange(len(data)) % len(x), indptr, x)


def times_short_rows(data, indices, indptr, x):
    y = torch.zeros(len(indptr) - 1, dtype=data.dtype)
    for i in range(len(y)):
        start = max(int(indptr[i]) - 1, 0) if i else 0
        for k in range(start, max(int(indptr[i + 1]) - 1, 0)):
            y[i] += data[k] * x[indices[k]]
    return y


def times_without_values(data, indices, indptr, x):
    return times_vectorised(torch.ones_like(data), indices, indptr, x)


# 7.3 break_even


def even_formula(value_bits, index_bits, columns):
    return max(0.0, (value_bits - 32 / columns) / (value_bits + index_bits))


def even_search(value_bits, index_bits, columns):
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if middle * columns * (value_bits + index_bits) + 32 <= columns * value_bits:
            low = middle
        else:
            high = middle
    return low


def even_without_starts(value_bits, index_bits, columns):
    return value_bits / (value_bits + index_bits)


def even_coo(value_bits, index_bits, columns):
    return (value_bits - 32 / columns) / (value_bits + 2 * index_bits)


def even_sparsity(value_bits, index_bits, columns):
    return 1 - even_formula(value_bits, index_bits, columns)


def even_negative(value_bits, index_bits, columns):
    return (value_bits - 32 / columns) / (value_bits + index_bits)


def even_index_only(value_bits, index_bits, columns):
    return (value_bits - 32 / columns) / index_bits


# 7.4 gaps_with_filler


def gaps_loop(tape, bits):
    gaps, values, here = [], [], -1
    for position in tape.nonzero().flatten().tolist():
        while position - here > 2**bits:
            gaps.append(2**bits)
            values.append(0.0)
            here += 2**bits
        gaps.append(position - here)
        values.append(tape[position].item())
        here = position
    return torch.tensor(gaps, dtype=torch.int64), torch.tensor(values, dtype=tape.dtype)


def gaps_package(tape, bits):
    return gap_code(tape, bits)


def gaps_divmod(tape, bits):
    gaps, values, previous = [], [], -1
    for position, value in enumerate(tape.tolist()):
        if value:
            fillers, rest = divmod(position - previous - 1, 2**bits)
            gaps += [2**bits] * fillers + [rest + 1]
            values += [0.0] * fillers + [value]
            previous = position
    return torch.tensor(gaps, dtype=torch.int64), torch.tensor(values, dtype=tape.dtype)


def gaps_plain(tape, bits):
    positions = tape.nonzero().flatten()
    return positions.diff(prepend=torch.tensor([-1])), tape[positions]


def gaps_short_reach(tape, bits):
    gaps, values, here = [], [], -1
    for position in tape.nonzero().flatten().tolist():
        while position - here > 2**bits - 1:
            gaps, values, here = [*gaps, 2**bits - 1], [*values, 0.0], here + 2**bits - 1
        gaps, values, here = [*gaps, position - here], [*values, tape[position].item()], position
    return torch.tensor(gaps, dtype=torch.int64), torch.tensor(values, dtype=tape.dtype)


def gaps_from_zero(tape, bits):
    gaps, values = gaps_loop(torch.cat([tape[:0], tape[1:]]), bits)
    return (gaps, values) if not tape[0] else (torch.cat([gaps.new_zeros(1), gaps]), torch.cat([tape[:1], values]))


def gaps_if_instead_of_while(tape, bits):
    gaps, values, here = [], [], -1
    for position in tape.nonzero().flatten().tolist():
        if position - here > 2**bits:
            gaps, values, here = [*gaps, 2**bits], [*values, 0.0], here + 2**bits
        gaps, values, here = [*gaps, position - here], [*values, tape[position].item()], position
    return torch.tensor(gaps, dtype=torch.int64), torch.tensor(values, dtype=tape.dtype)


def gaps_at_least(tape, bits):
    gaps, values, here = [], [], -1
    for position in tape.nonzero().flatten().tolist():
        while position - here >= 2**bits:
            gaps, values, here = [*gaps, 2**bits], [*values, 0.0], here + 2**bits
        gaps, values, here = [*gaps, position - here], [*values, tape[position].item()], position
    return torch.tensor(gaps, dtype=torch.int64), torch.tensor(values, dtype=tape.dtype)


def gaps_values_without_fillers(tape, bits):
    return gaps_loop(tape, bits)[0], tape[tape != 0]


def zeros_between(tape, bits):
    gaps, values = gaps_loop(tape, bits)
    return gaps - 1, values


# 7.5 is_csr


def valid_all(data, indices, indptr, columns):
    if indptr[0] != 0 or indptr[-1] != len(data) or len(indices) != len(data) or (indptr.diff() < 0).any():
        return False
    if len(indices) and (indices.min() < 0 or indices.max() >= columns):
        return False
    rows = [indices[start:end] for start, end in itertools.pairwise(indptr)]
    return all(bool((row.diff() > 0).all()) for row in rows)


def valid_package(data, indices, indptr, columns):
    try:
        check_csr(indptr, indices, data, (len(indptr) - 1, columns))
    except ValueError:
        return False
    return True


def _valid_but(**skip):
    def valid(data, indices, indptr, columns):
        p, i = indptr.tolist(), indices.tolist()
        rules = {
            "start": p[0] == 0,
            "fall": p == sorted(p),
            "end": p[-1] == len(data),
            "length": len(i) == len(data),
            "high": all(k < columns for k in i),
            "low": all(k >= 0 for k in i),
            "order": all(a < b for s, e in itertools.pairwise(p) for a, b in zip(i[s:e], i[s + 1 : e], strict=False)),
        }
        return all(rules[name] for name in rules if name not in skip)

    return valid


valid_no_start, valid_no_fall, valid_no_end, valid_no_length = (_valid_but(**{n: 1}) for n in ("start", "fall", "end", "length"))
valid_no_high, valid_no_low, valid_no_order = (_valid_but(**{name: 1}) for name in ("high", "low", "order"))


def valid_one_too_high(data, indices, indptr, columns):
    return valid_no_high(data, indices, indptr, columns) and bool((indices <= columns).all())


def valid_rising_everywhere(data, indices, indptr, columns):
    return valid_all(data, indices, indptr, columns) and bool((indices.diff() > 0).all())


def valid_without_empty_rows(data, indices, indptr, columns):
    return valid_all(data, indices, indptr, columns) and bool((indptr.diff() > 0).all())


def valid_repeats(data, indices, indptr, columns):
    rows = [indices[start:end] for start, end in zip(indptr.tolist(), indptr.tolist()[1:], strict=False)]
    return valid_no_order(data, indices, indptr, columns) and all(row.tolist() == sorted(row.tolist()) for row in rows)


# 7.6 choose_format


def choose_by_encoding(weight, budget):
    for name, bits in (("dense", None), ("csr", 16), ("bitmap", None), ("gap", 5)):
        if encode(weight, name, bits).nbytes <= budget:
            return name
    return "none"


def choose_by_formula(weight, budget):
    a, shape = int((weight != 0).sum()), tuple(weight.shape)
    entries = {"gap": len(gap_code(weight, 5)[0])}
    widths = {"dense": 1, "csr": 16, "bitmap": 1, "gap": 5}
    fits = [name for name, bits in widths.items() if format_bytes(name, shape, entries.get(name, a), 32, bits) <= budget]
    return [*fits, "none"][0]


def _choose(sizes):
    def choose(weight, budget):
        a, (rows, columns) = int((weight != 0).sum()), weight.shape
        entries = len(gap_code(weight, 5)[0])
        exact = {
            "dense": 4 * rows * columns,
            "csr": 6 * a + 4 * (rows + 1),
            "bitmap": 4 * a + math.ceil(rows * columns / 8),
            "gap": 4 * entries + math.ceil(5 * entries / 8),
        }
        return next((name for name, size in (exact | sizes(a, rows, columns)).items() if size <= budget), "none")

    return choose


values_only = _choose(lambda a, rows, columns: {"csr": 4 * a, "bitmap": 4 * a, "gap": 4 * a})
gap_without_fillers = _choose(lambda a, rows, columns: {"gap": 4 * a + math.ceil(5 * a / 8)})
csr_without_starts = _choose(lambda a, rows, columns: {"csr": 6 * a})
csr_one_start_short = _choose(lambda a, rows, columns: {"csr": 6 * a + 4 * rows})
csr_wide = _choose(lambda a, rows, columns: {"csr": 8 * a + 4 * (rows + 1)})
bitmap_of_bytes = _choose(lambda a, rows, columns: {"bitmap": 4 * a + rows * columns})


def smallest(weight, budget):
    sizes = {name: encode(weight, name, bits).nbytes for name, bits in (("dense", None), ("csr", 16), ("bitmap", None), ("gap", 5))}
    best = min(sizes, key=sizes.get)
    return best if sizes[best] <= budget else "none"


def strictly_below(weight, budget):
    return choose_by_encoding(weight, budget - 1)


# 7.7 sparse_layer


def layer_addmm(data, indices, indptr, bias, x):
    S = torch.sparse_csr_tensor(indptr, indices, data, (len(indptr) - 1, x.shape[1]))
    return torch.addmm(bias[:, None], S, x.t().contiguous()).t()


def layer_scipy(data, indices, indptr, bias, x):
    S = scipy.sparse.csr_array((data.numpy(), indices.numpy(), indptr.numpy()), shape=(len(indptr) - 1, x.shape[1]))
    return torch.from_numpy(np.ascontiguousarray((S @ x.numpy().T).T)) + bias


def _dense(data, indices, indptr, columns):
    weight = data.new_zeros(len(indptr) - 1, columns)
    weight[torch.repeat_interleave(torch.arange(len(weight)), indptr.diff()), indices] = data
    return weight


def layer_features_first(data, indices, indptr, bias, x):
    return layer_addmm(data, indices, indptr, bias, x).t()


def layer_without_bias(data, indices, indptr, bias, x):
    return layer_addmm(data, indices, indptr, torch.zeros_like(bias), x)


def layer_bias_along_the_batch(data, indices, indptr, bias, x):
    return torch.addmm(bias, _dense(data, indices, indptr, x.shape[1]), x.t()).t()


def layer_bias_added_along_the_batch(data, indices, indptr, bias, x):
    S = torch.sparse_csr_tensor(indptr, indices, data, (len(indptr) - 1, x.shape[1]))
    return torch.addmm(bias, S, x.t()).t()


def layer_reshaped(data, indices, indptr, bias, x):
    return (_dense(data, indices, indptr, x.shape[1]) @ x.reshape(x.shape[1], -1)).t() + bias


# 7.8 intensity


def intensity_formula(outputs, inputs, batch, density):
    nonzeros = density * outputs * inputs
    return 2 * nonzeros * batch / (8 * nonzeros + 4 * (outputs + 1) + 4 * batch * (inputs + outputs))


def intensity_in_words(outputs, inputs, batch, density):
    bits = {"values": 32, "columns": 32}
    nonzeros = outputs * inputs * density
    weight = nonzeros * sum(bits.values()) / 8 + (outputs + 1) * 32 / 8
    activations = (inputs * batch + outputs * batch) * 32 / 8
    return (nonzeros * batch + nonzeros * batch) / (weight + activations)


def _intensity(operations=2, weight=8, starts=1, given=1, result=1):
    def wrong(outputs, inputs, batch, density):
        a = density * outputs * inputs
        return operations * a * batch / (weight * a + 4 * starts * (outputs + 1) + 4 * batch * (given * inputs + result * outputs))

    return wrong


RIGHT = {
    "ex_7_1": [csr_loop, csr_vectorised, csr_scipy],
    "ex_7_2": [times_loop, times_vectorised, times_cumsum],
    "ex_7_3": [even_formula, even_search],
    "ex_7_4": [gaps_loop, gaps_package, gaps_divmod],
    "ex_7_5": [valid_all, valid_package],
    "ex_7_6": [choose_by_encoding, choose_by_formula],
    "ex_7_7": [layer_addmm, layer_scipy],
    "ex_7_8": [intensity_formula, intensity_in_words],
}
WRONG = {
    "ex_7_1": {
        no_end: "where does the last row end?",
        ends_only: "The first row starts at 0",
        columns_from_one: "You count the columns from 1",
        starts_from_one: "You count the row starts from 1",
        row_lengths: "not how long they are",
        starts_of_full_rows: "An empty row has a start too",
        by_columns: "That is CSC",
        flat_positions: "they begin again at 0 in every row",
        positive_only: "Negative values are nonzero too",
    },
    "ex_7_2": {
        times_last: "keeps only the last one",
        times_full_rows: "also for an empty row",
        times_kth: "its column number names",
        times_short_rows: "Do not subtract 1",
        times_without_values: "Multiply by the values",
    },
    "ex_7_3": {
        even_without_starts: "The row starts cost something too",
        even_coo: "Two would be COO",
        even_sparsity: "You gave the sparsity",
        even_negative: "A density is never negative",
        even_index_only: "V + i bits together",
    },
    "ex_7_4": {
        gaps_plain: "Where are the fillers?",
        gaps_short_reach: "2**bits still fits",
        gaps_from_zero: "counts from position -1",
        gaps_if_instead_of_while: "go on until it fits",
        gaps_at_least: "no filler there",
        gaps_values_without_fillers: "A filler is a whole entry",
        zeros_between: "You count the zeros in between",
    },
    "ex_7_5": {
        valid_no_start: "Where must the first row start?",
        valid_no_fall: "Can a row end before it starts?",
        valid_no_end: "Where must the last row end?",
        valid_no_length: "Every value needs a column number",
        valid_no_high: "Which is the largest column number",
        valid_one_too_high: "Which is the largest column number",
        valid_no_low: "Is a negative number a column?",
        valid_no_order: "Within a row the columns must rise",
        valid_rising_everywhere: "a new row begins again from the left",
        valid_without_empty_rows: "An empty row is allowed",
        valid_repeats: "two values for one weight",
    },
    "ex_7_6": {
        values_only: "Positions take bytes too",
        gap_without_fillers: "needs fillers",
        csr_without_starts: "CSR has row starts as well",
        csr_one_start_short: "one row start more than there are rows",
        csr_wide: "16 bits, not 32",
        bitmap_of_bytes: "one bit per weight",
        smallest: "not the smallest",
        strictly_below: "exactly the budget fits",
    },
    "ex_7_7": {
        layer_features_first: "batch x features must come out",
        layer_without_bias: "The bias is missing",
        layer_bias_along_the_batch: "one bias per output",
        layer_bias_added_along_the_batch: "one bias per output",
        layer_reshaped: "mixes the examples up",
    },
    "ex_7_8": {
        _intensity(operations=1): "two operations",
        _intensity(weight=4): "moves its column number",
        _intensity(starts=0): "The row starts are read too",
        _intensity(given=0): "The input is read",
        _intensity(result=0): "The result is written",
    },
}

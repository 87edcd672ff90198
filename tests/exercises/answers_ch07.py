"""Answers of chapter 07: right ones, written differently, and wrong ones that the checkers do not know
literally.
"""

import itertools
import math

import numpy as np
import scipy.sparse
import torch
from answers import right

from prunelab.storage import check_csr, encode, format_bytes, gap_code

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


# 7.3 break_even


@right("7.3")
def even_formula(value_bits, index_bits, columns):
    return max(0.0, (value_bits - 32 / columns) / (value_bits + index_bits))


@right("7.3")
def even_search(value_bits, index_bits, columns):
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if middle * columns * (value_bits + index_bits) + 32 <= columns * value_bits:
            low = middle
        else:
            high = middle
    return low


# 7.4 gaps_with_filler


@right("7.4")
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


@right("7.4")
def gaps_package(tape, bits):
    return gap_code(tape, bits)


@right("7.4")
def gaps_divmod(tape, bits):
    gaps, values, previous = [], [], -1
    for position, value in enumerate(tape.tolist()):
        if value:
            fillers, rest = divmod(position - previous - 1, 2**bits)
            gaps += [2**bits] * fillers + [rest + 1]
            values += [0.0] * fillers + [value]
            previous = position
    return torch.tensor(gaps, dtype=torch.int64), torch.tensor(values, dtype=tape.dtype)


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


# 7.6 choose_format


@right("7.6")
def choose_by_encoding(weight, budget):
    for name, bits in (("dense", None), ("csr", 16), ("bitmap", None), ("gap", 5)):
        if encode(weight, name, bits).nbytes <= budget:
            return name
    return "none"


@right("7.6")
def choose_by_formula(weight, budget):
    a, shape = int((weight != 0).sum()), tuple(weight.shape)
    entries = {"gap": len(gap_code(weight, 5)[0])}
    widths = {"dense": 1, "csr": 16, "bitmap": 1, "gap": 5}
    fits = [
        name
        for name, bits in widths.items()
        if format_bytes(name, shape, entries.get(name, a), 32, bits) <= budget
    ]
    return [*fits, "none"][0]


# 7.7 sparse_layer


@right("7.7")
def layer_addmm(data, indices, indptr, bias, x):
    S = torch.sparse_csr_tensor(indptr, indices, data, (len(indptr) - 1, x.shape[1]))
    return torch.addmm(bias[:, None], S, x.t().contiguous()).t()


@right("7.7")
def layer_scipy(data, indices, indptr, bias, x):
    S = scipy.sparse.csr_array(
        (data.numpy(), indices.numpy(), indptr.numpy()), shape=(len(indptr) - 1, x.shape[1])
    )
    return torch.from_numpy(np.ascontiguousarray((S @ x.numpy().T).T)) + bias


# 7.8 intensity


@right("7.8")
def intensity_formula(outputs, inputs, batch, density):
    nonzeros = density * outputs * inputs
    return 2 * nonzeros * batch / (8 * nonzeros + 4 * (outputs + 1) + 4 * batch * (inputs + outputs))


@right("7.8")
def intensity_in_words(outputs, inputs, batch, density):
    bits = {"values": 32, "columns": 32}
    nonzeros = outputs * inputs * density
    weight = nonzeros * sum(bits.values()) / 8 + (outputs + 1) * 32 / 8
    activations = (inputs * batch + outputs * batch) * 32 / 8
    return (nonzeros * batch + nonzeros * batch) / (weight + activations)


# 7.9 best_gap


@right("7.9")
def gap_by_package(tape, value_bits):
    return min(
        ((bits, len(gap_code(tape, bits)[0]) * (value_bits + bits)) for bits in range(1, 17)),
        key=lambda pair: pair[1],
    )


@right("7.9")
def gap_by_ceil(tape, value_bits):
    at = [-1, *tape.nonzero().flatten().tolist()]
    gaps = [b - a for a, b in itertools.pairwise(at)]
    best = None
    for bits in range(1, 17):
        total = sum(math.ceil(gap / 2**bits) for gap in gaps) * (value_bits + bits)
        if best is None or total < best[1]:
            best = (bits, total)
    return best

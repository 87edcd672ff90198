"""Checkers of the exercises of chapter 07.2: computing without the zeros."""

import torch

from prunelab.check.chapter07_1 import _csr, _sparse
from prunelab.check.core import Case, verify

# 7.7 sparse_layer(data, indices, indptr, bias, x)


def _forward(weight, bias, x):
    columns = [[sum(float(w) * float(v) for w, v in zip(row, example, strict=True)) for row in weight] for example in x]
    return (torch.tensor(columns, dtype=torch.float64).view(len(x), len(weight)) + bias.double()).to(weight.dtype)


ONE_BIAS_PER_OUTPUT = "There is one bias per output. In outputs x batch, that is one per row: which shape broadcasts that way?"
MISTAKES_7_7 = [
    (lambda w, b, x: _forward(w, b, x).t().contiguous(), "Batch x features goes in, so batch x features must come out."),
    (lambda w, b, x: _forward(w, b * 0, x), "The bias is missing."),
    (lambda w, b, x: torch.addmm(b, w, x.t()).t(), ONE_BIAS_PER_OUTPUT),
    (lambda w, b, x: torch.addmm(b, w.to_sparse_csr(), x.t()).t(), ONE_BIAS_PER_OUTPUT),
    (lambda w, b, x: (w @ x.t() + b).t(), ONE_BIAS_PER_OUTPUT),
    (lambda w, b, x: (w @ x.reshape(x.shape[1], len(x))).t() + b, "Turn x round; reshaping mixes the examples up."),
    (lambda w, b, x: _forward(w.abs(), b, x), "Weights keep their sign."),
]


def _cases_7_7():
    random = torch.Generator().manual_seed(71)
    for about, outputs, inputs, batch in [
        ("3 outputs, 4 inputs, 2 examples", 3, 4, 2),
        ("as many examples as outputs", 5, 6, 5),
        ("one example", 4, 7, 1),
        ("as many inputs as outputs", 6, 6, 3),
        ("a layer with 40 outputs, 8 examples", 40, 30, 8),
    ]:
        weight = _sparse(outputs, inputs, 0.3, outputs)
        bias, x = torch.randn(outputs, generator=random), torch.randn(batch, inputs, generator=random)
        arrays = _csr(weight)
        yield Case(about, (*arrays, bias, x), _forward(weight, bias, x))


def _dense_of(data, indices, indptr, columns):
    weight = data.new_zeros(len(indptr) - 1, columns)
    rows = torch.repeat_interleave(torch.arange(len(indptr) - 1), indptr.diff())
    weight[rows, indices] = data
    return weight


def _with_arrays(wrong):
    def answer(data, indices, indptr, bias, x):
        return wrong(_dense_of(data, indices, indptr, x.shape[1]), bias, x)

    return answer


def ex_7_7(function):
    """Check ``sparse_layer(data, indices, indptr, bias, x)``: a Linear layer whose weight is in CSR; notebook 07.2."""
    verify(
        "7.7",
        "sparse_layer(data, indices, indptr, bias, x)",
        function,
        _cases_7_7(),
        verified="several shapes, one example, as many examples as outputs",
        hint="CSR times dense wants features x batch. Turn x round, use torch.addmm with a bias per row, and turn the result back.",
        mistakes=[(_with_arrays(wrong), hint) for wrong, hint in MISTAKES_7_7],
    )


# 7.8 intensity(outputs, inputs, batch, density)


def _intensity(outputs, inputs, batch, density):
    nonzeros = density * outputs * inputs
    moved = 8 * nonzeros + 4 * (outputs + 1) + 4 * inputs * batch + 4 * outputs * batch
    return 2 * nonzeros * batch / moved


def _other_intensity(operations=2, weight=8, starts=4, one=1, given=4, result=4):
    def wrong(outputs, inputs, batch, density):
        nonzeros = density * outputs * inputs
        moved = weight * nonzeros + starts * (outputs + one) + given * inputs * batch + result * outputs * batch
        return operations * nonzeros * batch / moved

    return wrong


MISTAKES_7_8 = [
    (_other_intensity(operations=1), "A multiplication and an addition for each nonzero and example: two operations."),
    (_other_intensity(weight=4), "Each nonzero moves its column number as well, another 4 bytes."),
    (_other_intensity(starts=0), "The row starts are read too: 4 bytes each, one more than there are rows."),
    (_other_intensity(one=0), "There is one row start more than there are rows."),
    (_other_intensity(result=0), "The result is written to memory: 4 bytes per output and example."),
    (_other_intensity(given=0), "The input is read from memory: 4 bytes per input and example."),
    (_other_intensity(weight=8, starts=8), "The row starts have 32 bits, 4 bytes each."),
    (
        lambda o, i, b, d: 2 * o * i * b / (8 * d * o * i + 4 * (o + 1) + 4 * (i + o) * b),
        "Zeros are skipped: only nonzeros are multiplied.",
    ),
    (
        lambda o, i, b, d: 2 * d * o * i / (8 * d * o * i + 4 * (o + 1) + 4 * (i + o) * b),
        "The work is done for every example of the batch.",
    ),
    (lambda o, i, b, d: 1 / _intensity(o, i, b, d), "Operations per byte, not bytes per operation."),
]


def _cases_7_8():
    for outputs, inputs, batch, density in [
        (100, 200, 1, 0.1),
        (100, 200, 64, 0.1),
        (1024, 1024, 1, 0.05),
        (300, 784, 16, 0.02),
        (8, 4, 3, 0.5),
    ]:
        about = f"{outputs} x {inputs} weights, batch {batch}, density {density}"
        yield Case(about, (outputs, inputs, batch, density), _intensity(outputs, inputs, batch, density))


def ex_7_8(function):
    """Check ``intensity(outputs, inputs, batch, density)``: operations per byte of a CSR layer; notebook 07.2."""
    verify(
        "7.8",
        "intensity(outputs, inputs, batch, density)",
        function,
        _cases_7_8(),
        verified="small and large layers, batch 1 to 64, densities of 2 to 50 %",
        hint="Above: 2 operations per nonzero and example. Below: 8 bytes per nonzero, the row starts, the input, the output.",
        mistakes=MISTAKES_7_8,
    )

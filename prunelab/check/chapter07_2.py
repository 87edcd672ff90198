"""Exercises of chapter 07.2: computing without the zeros."""

import math

import torch

from prunelab.check.core import Case
from prunelab.check.draws import csr_arrays, sparse_matrix
from prunelab.check.exercise import Exercise

# 7.7 sparse_layer(data, indices, indptr, bias, x)


def _layer(weight, bias, x):
    columns = [
        [sum(float(w) * float(v) for w, v in zip(row, example, strict=True)) for row in weight]
        for example in x
    ]
    return (torch.tensor(columns, dtype=torch.float64).view(len(x), len(weight)) + bias.double()).to(
        weight.dtype
    )


def sparse_layer(data, indices, indptr, bias, x, layer=_layer):
    weight = data.new_zeros(len(indptr) - 1, x.shape[1])
    rows = torch.repeat_interleave(torch.arange(len(indptr) - 1), indptr.diff())
    weight[rows, indices] = data
    return layer(weight, bias, x)


def _computed(layer):
    return lambda *args: sparse_layer(*args, layer=layer)


def _edges_7_7():
    for about, weight, batch in [
        ("a very large row above a small one", torch.tensor([[1e8, 0.0], [0.0, 1.0]]), 3),
        ("very small values", 1e-9 * torch.randn(3, 5), 2),
        ("a single entry", torch.tensor([[-0.5]]), 1),
    ]:
        yield Case(
            about, (*csr_arrays(weight), torch.zeros(len(weight)), torch.randn(batch, weight.shape[1]))
        )
    weight, x = torch.tensor([[2.0, 0, 3], [0, 4, 0]]), torch.tensor([[0.0, 1.0, -1.0], [0.0, 0.0, 0.0]])
    yield Case("inputs with zeros, a bias of zero", (*csr_arrays(weight), torch.tensor([0.0, 0.5]), x))
    weight = sparse_matrix(50, 60, 0.05)
    arrays = (*csr_arrays(weight), torch.randn(50), torch.randn(3, 60))
    yield Case("a (50, 60) weight that is not to be rebuilt", arrays, largest=weight.numel() - 1)


def _cases_7_7():
    for about, outputs, inputs, batch in [
        ("3 outputs, 4 inputs, 2 examples", 3, 4, 2),
        ("as many examples as outputs", 5, 6, 5),
        ("one example", 4, 7, 1),
        ("as many inputs as outputs", 6, 6, 3),
        ("a layer with 40 outputs, 8 examples", 40, 30, 8),
    ]:
        arrays = csr_arrays(sparse_matrix(outputs, inputs, 0.3))
        yield Case(about, (*arrays, torch.randn(outputs), torch.randn(batch, inputs)))
    gap = sparse_matrix(4, 6, 0.5) * torch.tensor([1.0, 1, 1, 1, 0, 0])
    gap[3] = 0
    yield Case(
        "last columns and a last row without entries", (*csr_arrays(gap), torch.randn(4), torch.randn(3, 6))
    )
    yield Case(
        "a weight without any entry", (*csr_arrays(torch.zeros(2, 3)), torch.randn(2), torch.randn(4, 3))
    )
    wide = sparse_matrix(3, 5, 0.5, torch.float64)
    yield Case("float64", (*csr_arrays(wide), torch.randn(3).double(), torch.randn(2, 5).double()))
    yield from _edges_7_7()


ex_7_7 = Exercise(
    "7.7",
    sparse_layer,
    _cases_7_7,
    verified="several shapes, one example, as many examples as outputs",
    hint=(
        "CSR times dense wants features x batch. Turn x round, use torch.addmm with a bias per row, and turn"
        " the result back."
    ),
    mistakes=[
        (
            "Batch x features goes in, so batch x features must come out.",
            lambda *a: sparse_layer(*a).t().contiguous(),
        ),
        ("The bias is missing.", _computed(lambda w, b, x: _layer(w, b * 0, x))),
        (
            (
                "There is one bias per output. In outputs x batch, that is one per row: which shape"
                " broadcasts that way?"
            ),
            _computed(lambda w, b, x: torch.addmm(b, w, x.t()).t()),
            _computed(lambda w, b, x: torch.addmm(b, w.to_sparse_csr(), x.t()).t()),
            _computed(lambda w, b, x: (w @ x.t() + b).t()),
        ),
        (
            "Turn x round; reshaping mixes the examples up.",
            _computed(lambda w, b, x: (w @ x.reshape(x.shape[1], len(x))).t() + b),
        ),
        ("Weights keep their sign.", _computed(lambda w, b, x: _layer(w.abs(), b, x))),
    ],
)


# 7.8 intensity(outputs, inputs, batch, density)


def intensity(outputs, inputs, batch, density):
    nonzeros = density * outputs * inputs
    moved = 8 * nonzeros + 4 * (outputs + 1) + 4 * inputs * batch + 4 * outputs * batch
    return 2 * nonzeros * batch / moved


def _other_intensity(operations=2, weight=8, starts=4, one=1, given=4, result=4):
    def wrong(outputs, inputs, batch, density):
        nonzeros = density * outputs * inputs
        moved = (
            weight * nonzeros + starts * (outputs + one) + given * inputs * batch + result * outputs * batch
        )
        return operations * nonzeros * batch / moved

    return wrong


def _with_whole(whole):
    return lambda o, i, b, d: intensity(o, i, b, whole(d * o * i) / (o * i))


def _edges_7_8():
    for outputs, inputs, batch, density in [(7, 90, 5, 1.0), (90, 7, 5, 0.033), (2, 3, 1000, 0.5)]:
        yield Case(
            f"{outputs} x {inputs} weights, batch {batch}, density {density}",
            (outputs, inputs, batch, density),
        )


def _cases_7_8():
    for outputs, inputs, batch, density in [
        (100, 200, 1, 0.1),
        (100, 200, 64, 0.1),
        (1024, 1024, 1, 0.05),
        (300, 784, 16, 0.02),
        (8, 4, 3, 0.5),
        (3, 3, 2, 0.5),
        (5, 7, 1, 0.1),
        (4, 6, 5, 0.0),
        (1, 1, 1, 1.0),
    ]:
        about = f"{outputs} x {inputs} weights, batch {batch}, density {density}"
        yield Case(about, (outputs, inputs, batch, density))
    yield from _edges_7_8()


ex_7_8 = Exercise(
    "7.8",
    intensity,
    _cases_7_8,
    verified="small and large layers, batch 1 to 64, densities of 2 to 50 %",
    hint=(
        "Above: 2 operations per nonzero and example. Below: 8 bytes per nonzero, the row starts, the input,"
        " the output."
    ),
    mistakes=[
        (
            "A multiplication and an addition for each nonzero and example: two operations.",
            _other_intensity(operations=1),
        ),
        ("Each nonzero moves its column number as well, another 4 bytes.", _other_intensity(weight=4)),
        (
            "The row starts are read too: 4 bytes each, one more than there are rows.",
            _other_intensity(starts=0),
        ),
        ("There is one row start more than there are rows.", _other_intensity(one=0)),
        ("The result is written to memory: 4 bytes per output and example.", _other_intensity(result=0)),
        ("The input is read from memory: 4 bytes per input and example.", _other_intensity(given=0)),
        ("The row starts have 32 bits, 4 bytes each.", _other_intensity(weight=8, starts=8)),
        (
            "Zeros are skipped: only nonzeros are multiplied.",
            lambda o, i, b, d: 2 * o * i * b / (8 * d * o * i + 4 * (o + 1) + 4 * (i + o) * b),
        ),
        (
            "The work is done for every example of the batch.",
            lambda o, i, b, d: 2 * d * o * i / (8 * d * o * i + 4 * (o + 1) + 4 * (i + o) * b),
        ),
        ("Operations per byte, not bytes per operation.", lambda o, i, b, d: 1 / intensity(o, i, b, d)),
        (
            "The number of nonzeros need not be whole: leave it as it is.",
            _with_whole(int),
            _with_whole(round),
            _with_whole(math.ceil),
        ),
    ],
)

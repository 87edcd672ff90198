"""Exercises of chapter 09.1: removal through a sum."""

import torch

from prunelab.check.core import Case
from prunelab.check.exercise import Exercise

# 9.3 remove_from_sum(a, a_bias, b, b_bias, next_weight, next_bias, a_keep, b_keep)


def remove_from_sum(
    a,
    a_bias,
    b,
    b_bias,
    next_weight,
    next_bias,
    a_keep,
    b_keep,
    gone=lambda p, q: not (p or q),
    constant=lambda p, q: max(p + q, 0.0),
    times=1.0,
    masked=True,
):
    pairs = list(zip(a_keep.tolist(), b_keep.tolist(), strict=True))
    stay = [c for c, (p, q) in enumerate(pairs) if not gone(p, q)]
    lost = [c for c in range(len(pairs)) if c not in stay]
    a, b = a.clone(), b.clone()
    for c, (p, q) in enumerate(pairs if masked else ()):
        if not p:
            a[c] = 0
        if not q:
            b[c] = 0
    folded = next_bias.clone()
    for c in lost:
        folded += times * next_weight[:, c] * constant(float(a_bias[c]), float(b_bias[c]))
    return a[stay], a_bias[stay], b[stay], b_bias[stay], next_weight[:, stay], folded


def _edges_9_3():
    def parts(channels, inputs, outputs, scale=1.0):
        shapes = ((channels, inputs), (channels,)) * 2 + ((outputs, channels), (outputs,))
        return [scale * torch.randn(shape) for shape in shapes]

    no, yes = torch.zeros(3) > 0, torch.ones(3) > 0
    some = torch.tensor([False, True, False])
    yield Case("all channels go", (*parts(3, 2, 4), no, no))
    yield Case("one side keeps all, the other none", (*parts(3, 4, 2), yes, no))
    yield Case("very small numbers", (*parts(3, 2, 2, 1e-5), some, no))
    yield Case("very large numbers", (*parts(3, 2, 2, 1e5), no, some))
    zero = [torch.zeros_like(p) if p.ndim == 1 else p.sign() for p in parts(3, 3, 3)]
    yield Case("biases of zero, as many channels as outputs, equal weights", (*zero, some, some))
    holes = [torch.where(torch.rand(p.shape) < 0.5, 0.0, p) for p in parts(3, 4, 2)]
    yield Case("weights that are zero", (*holes, some, no))
    yield Case("a single channel", (*parts(1, 1, 1), no[:1], yes[:1]))


def _cases_9_3():
    a, b = torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([[4.0], [5.0], [6.0]])
    biases = torch.tensor([1.0, 2.0, -1.0]), torch.tensor([0.5, -3.0, 2.0])
    rest = torch.tensor([[1.0, 10.0, 100.0]]), torch.tensor([0.25])
    all_three, only_last, without_middle = (True,) * 3, (False, False, True), (True, False, True)
    keeps = [
        ((False, True, True), only_last),
        ((True, True, False),) * 2,
        (without_middle,) * 2,
        (only_last, all_three),
    ]
    keeps.append((all_three, all_three))
    for n, (p, q) in enumerate(keeps):
        about = "the example" if n == 0 else f"the example with a_keep {list(p)}, b_keep {list(q)}"
        yield Case(about, (a, biases[0], b, biases[1], *rest, torch.tensor(p), torch.tensor(q)))
    for channels, inputs, outputs, dtype in (
        (5, 3, 2, torch.float32),
        (8, 4, 10, torch.float32),
        (16, 2, 1, torch.float64),
    ):
        parts = [
            torch.randn(shape, dtype=dtype)
            for shape in ((channels, inputs), (channels,)) * 2 + ((outputs, channels), (outputs,))
        ]
        keeps = torch.rand(2, channels) < 0.5
        keeps[:, :2] = torch.tensor([[False, True], [False, False]])  # one goes, one stays
        yield Case(f"{channels} channels, {outputs} outputs, {dtype}", (*parts, *keeps))
    yield from _edges_9_3()


ex_9_3 = Exercise(
    "9.3",
    remove_from_sum,
    _cases_9_3,
    verified=(
        "channels that one side drops and that both drop, constants of both signs, nothing dropped, both"
        " float types"
    ),
    hint=(
        "gone = ~a_keep & ~b_keep. What does a gone channel send through the ReLU? What of a channel that one"
        " side alone drops?"
    ),
    mistakes=[
        (
            "A channel that one side alone drops is still alive: the other side writes it. It must stay.",
            lambda *x: remove_from_sum(*x, gone=lambda p, q: not (p and q)),
            lambda *x: remove_from_sum(*x, gone=lambda p, q: not p),
            lambda *x: remove_from_sum(*x, gone=lambda p, q: not q),
        ),
        (
            "A dropped channel still sends the constant that the two biases make. Where has it gone?",
            lambda *x: remove_from_sum(*x, times=0.0),
        ),
        (
            "The ReLU stands behind the sum: the biases are added first, then comes the ReLU.",
            lambda *x: remove_from_sum(*x, constant=lambda p, q: max(p, 0.0) + max(q, 0.0)),
            lambda *x: remove_from_sum(*x, constant=lambda p, q: p + q),
        ),
        (
            "Both sides have a bias, and the constant is made of both.",
            lambda *x: remove_from_sum(*x, constant=lambda p, q: max(p, 0.0)),
            lambda *x: remove_from_sum(*x, constant=lambda p, q: max(q, 0.0)),
        ),
        ("A row that is masked and stays must be zero.", lambda *x: remove_from_sum(*x, masked=False)),
    ],
)

"""Exercises of chapter 01: a step that respects a mask, and the threshold that cuts."""

import torch

from prunelab.check.compare import difference
from prunelab.check.core import Case
from prunelab.check.draws import half_up
from prunelab.check.exercise import Exercise

# 1.1 masked_step(weight, gradient, velocity, mask, lr, momentum)


def _sgd(weight, gradient, velocity, lr, momentum):
    """One step of SGD with momentum, in float64 and by torch's own definition of it."""
    velocity = momentum * velocity.double() + gradient.double()
    return (weight.double() - lr * velocity).to(weight.dtype), velocity.to(weight.dtype)


def masked_step(weight, gradient, velocity, mask, lr, momentum):
    weight, velocity = _sgd(weight, gradient, velocity, lr, momentum)
    return torch.where(mask, weight, 0), torch.where(mask, velocity, 0)


def _edges_1_1():
    """Kept weights that are zero now, both ends of the scale."""
    zeros = torch.tensor([0.0, 0.0, 0.5, -0.5]), torch.tensor([1.0, 1.0, -2.0, 0.25])
    kept = torch.tensor([True, False, True, False])
    small = [1e-9 * torch.randn(2, 5, dtype=torch.float64) for _ in range(3)]
    for about, args in [
        ("a kept weight that is zero now", (*zeros, torch.ones(4), kept, 0.5, 0.75)),
        ("very small weights, float64", (*small, torch.rand(2, 5) < 0.5, 0.3, 0.9)),
        ("a single weight", (*(1e7 * torch.randn(1, 1) for _ in range(3)), torch.ones(1, 1) > 0, 0.1, 0.9)),
    ]:
        yield Case(about, args, judge=_step_judge(args))


def _cases_1_1():
    weight = torch.tensor([0.5, 0.2, -0.4, 0.1])
    velocity = torch.tensor([0.1, -0.3, 0.2, 0.4])
    calls = [
        (
            "the example: two pruned weights, not zero yet",
            weight,
            torch.full((4,), 0.1),
            velocity,
            [True, False, True, False],
        )
    ]
    for shape in [(3, 4), (2, 3, 3, 3), (7,)]:
        draws = [torch.randn(shape) for _ in range(3)]
        calls.append((f"random weights of shape {shape}", *draws, (torch.rand(shape) < 0.5).tolist()))
    zeroed = torch.randn(4, 4) * (mask := torch.rand(4, 4) < 0.5)
    velocity = torch.randn(4, 4)
    calls.append(
        (
            "pruned weights that are zero, with a velocity left over",
            zeroed,
            torch.zeros(4, 4),
            velocity,
            mask.tolist(),
        )
    )
    calls.append(("everything kept", weight, torch.ones(4), torch.ones(4), [True] * 4))
    calls.append(("everything pruned", weight, torch.ones(4), torch.ones(4), [False] * 4))
    for (about, weight, gradient, velocity, mask), (lr, momentum) in zip(
        calls, [(0.1, 0.9), (0.5, 0.8), (1.0, 0.5)] * 3, strict=False
    ):
        args = (weight, gradient, velocity, torch.tensor(mask), lr, momentum)
        yield Case(about, args, judge=_step_judge(args))
    yield from _edges_1_1()


def _step_judge(args):
    """A right step leaves the velocity of pruned weights to the learner: masked or not, it has no say."""
    weight, velocity = masked_step(*args)

    def judge(result):
        problem = difference(result[0], weight)
        if problem:
            return f"The weights after the step:\n  {problem}"
        problem = difference(torch.where(args[3], result[1], 0), velocity)
        return problem and f"The velocity of the kept weights (0 stands for the pruned ones):\n  {problem}"

    return judge


ex_1_1 = Exercise(
    "1.1",
    masked_step,
    _cases_1_1,
    verified=(
        "pruned weights are zero after the step whatever their velocity was, kept ones move as in SGD with"
        " momentum"
    ),
    hint=(
        "First an ordinary step of SGD with momentum. Then ask what must hold for the new weights, whatever"
        " happened before."
    ),
    mistakes=[
        (
            (
                "The gradient is masked, yet the velocity remembers steps from before: it goes on moving"
                " weights whose gradient is zero."
            ),
            lambda w, g, v, m, lr, mu: _sgd(w, g * m, v, lr, mu),
        ),
        (
            "You mask the weights, then step: the step moves them away from zero again. Which comes last?",
            lambda w, g, v, m, lr, mu: _sgd(w * m, g, v, lr, mu),
        ),
        (
            (
                "You mask the weights, then step: the velocity moves them away from zero again. Which comes"
                " last?"
            ),
            lambda w, g, v, m, lr, mu: _sgd(w * m, g * m, v, lr, mu),
        ),
        (
            "Pruned weights no longer move, but one that is not zero yet stays where it is.",
            lambda w, g, v, m, lr, mu: _sgd(w, g * m, v * m, lr, mu),
        ),
        ("That is a step without a mask.", lambda w, g, v, m, lr, mu: _sgd(w, g, v, lr, mu)),
        (
            (
                "The kept weights have lost their momentum: they follow the velocity, and the velocity"
                " follows the gradient."
            ),
            lambda w, g, v, m, lr, mu: (torch.where(m, w - lr * g, 0), v),
        ),
        (
            "The kept weights have lost their momentum: they follow the velocity, not the gradient.",
            lambda w, g, v, m, lr, mu: (torch.where(m, w - lr * g, 0), mu * v + g),
        ),
        (
            "The kept weights move by the old velocity. Update the velocity first.",
            lambda w, g, v, m, lr, mu: (torch.where(m, w - lr * v, 0), mu * v + g),
        ),
        (
            "The velocity must come back updated, or the next step has forgotten this one.",
            lambda w, g, v, m, lr, mu: (masked_step(w, g, v, m, lr, mu)[0], v),
        ),
        (
            "True means kept: yours zeroes the weights to keep.",
            lambda w, g, v, m, lr, mu: masked_step(w, g, v, ~m, lr, mu),
        ),
    ],
)


# 1.2 threshold_cut(weight, sparsity)


def threshold_cut(weight, sparsity, magnitude=abs, count=round, past_the_end=0):
    values = sorted(magnitude(value) for value in weight.flatten().tolist())
    k = min(count(sparsity * len(values)) + past_the_end, len(values))
    threshold = values[k - 1] if k else 0.0
    return threshold, sum(value <= threshold for value in values) / len(values)


def _interpolated(weight, sparsity):
    threshold = weight.abs().flatten().quantile(sparsity)
    return threshold.item(), (weight.abs() <= threshold).double().mean().item()


def _edges_1_2():
    for about, weight, sparsity in [
        ("very small weights", 1e-9 * torch.randn(3, 6), 0.4),
        ("very large weights", 1e9 * torch.randn(7, 2), 0.7),
        ("weights that differ in the last digits, float64", 1 + 1e-12 * torch.randperm(8).double(), 0.5),
    ]:
        yield Case(about, (weight, sparsity))


def _cases_1_2():
    example = torch.tensor([[0.3, -0.3, 0.1, -0.9], [0.3, 0.7, -0.2, 0.3]])
    pruned_once = torch.randn(6, 8)
    pruned_once[pruned_once.abs() < 0.7] = 0
    for about, weight, sparsity in [
        ("the example, sparsity 0.5", example, 0.5),
        ("15 different weights, sparsity 0.44", torch.randn(3, 5), 0.44),
        ("a (4, 3, 3, 3) convolution, sparsity 0.8", torch.randn(4, 3, 3, 3), 0.8),
        ("weights rounded to one decimal, sparsity 0.6", torch.randn(20, 10).mul(10).round() / 10, 0.6),
        ("a matrix that was pruned before, sparsity 0.1", pruned_once, 0.1),
        ("sparsity 0: nothing has to go, the threshold is 0", torch.randn(4, 4), 0.0),
        ("sparsity 0 for a matrix with zeros", pruned_once, 0.0),
        ("sparsity 1", torch.randn(2, 7), 1.0),
        ("5 weights, half of them: 2.5 is rounded to 2", torch.tensor([0.5, -0.1, 0.4, 0.3, -0.2]), 0.5),
        ("3 weights, half of them: 1.5 is rounded to 2", torch.tensor([0.5, -0.1, 0.4]), 0.5),
        ("a single weight", torch.tensor([-0.7]), 0.6),
        ("float64 weights", torch.randn(3, 3, dtype=torch.float64), 0.3),
        ("8 weights of the same size", torch.tensor([0.5, -0.5] * 4), 0.25),
    ]:
        yield Case(about, (weight, sparsity))
    yield from _edges_1_2()


ex_1_2 = Exercise(
    "1.2",
    threshold_cut,
    _cases_1_2,
    verified="threshold and reached sparsity, with and without ties, both signs, zeros, sparsity 0 and 1",
    hint=(
        "Sort the magnitudes: the threshold is the k-th smallest (0.0 if k is 0). Then count what does not"
        " exceed it."
    ),
    mistakes=[
        (
            (
                "quantile() interpolates between two neighbours. The threshold asked for is itself one of the"
                " magnitudes."
            ),
            _interpolated,
        ),
        (
            "You report the sparsity asked for. Count what really lies at or below the threshold.",
            lambda w, s: (threshold_cut(w, s)[0], s),
        ),
        (
            "You report how many were meant to go. Weights equal to the threshold go with them: count again.",
            lambda w, s: (threshold_cut(w, s)[0], round(s * w.numel()) / w.numel()),
        ),
        (
            "What is kept lies above the threshold, so a weight equal to it is pruned and counts.",
            lambda w, s: (threshold_cut(w, s)[0], (w.abs() < threshold_cut(w, s)[0]).double().mean().item()),
        ),
        (
            "A large negative weight is not small: compare magnitudes, not values.",
            lambda w, s: threshold_cut(w, s, magnitude=float),
        ),
        (
            "One too far: if k weights go, the threshold is the k-th smallest magnitude.",
            lambda w, s: threshold_cut(w, s, past_the_end=1),
        ),
        (
            "That is the density, the share that is kept.",
            lambda w, s: (threshold_cut(w, s)[0], 1 - threshold_cut(w, s)[1]),
        ),
        (
            "A sparsity lies between 0 and 1; yours is in percent.",
            lambda w, s: (threshold_cut(w, s)[0], 100 * threshold_cut(w, s)[1]),
        ),
        (
            "k is the nearest integer to sparsity * n, not the next lower one.",
            lambda w, s: threshold_cut(w, s, count=int),
        ),
        (
            "k is round(sparsity * n), and of a half round() takes the even neighbour.",
            lambda w, s: threshold_cut(w, s, count=half_up),
        ),
    ],
)

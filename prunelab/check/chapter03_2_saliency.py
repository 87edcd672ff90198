"""Exercises of chapter 03.2: the saliency of OBD, the surgeon's step."""

import torch

from prunelab.check.compare import difference, says
from prunelab.check.core import Case
from prunelab.check.draws import EXACTLY_ZERO
from prunelab.check.exercise import Exercise

# 3.4 obd_saliency(weight, gradients, probabilities)


def obd_saliency(weight, gradients, probabilities):
    flat, examples = weight.flatten().tolist(), len(gradients)
    totals = [0.0] * len(flat)
    for image, p in zip(gradients.flatten(2).tolist(), probabilities.tolist(), strict=True):
        for slopes, share in zip(image, p, strict=True):
            totals = [total + share * g * g / examples for total, g in zip(totals, slopes, strict=True)]
    return torch.tensor([h * w * w / 2 for h, w in zip(totals, flat, strict=True)], dtype=weight.dtype).view(
        weight.shape
    )


def _weighted(g, p):
    return g * p[:, :, None, None]


def _edges_3_4():
    for about, scale, images, classes, shape in [
        ("very small gradients", 1e-6, 3, 2, (2, 3)),
        ("very large gradients", 1e6, 2, 3, (1, 4)),
        ("a single weight", 1.0, 4, 5, (1, 1)),
    ]:
        p = torch.randn(images, classes).softmax(1)
        yield Case(about, (torch.randn(shape), scale * torch.randn(images, classes, *shape), p))
    sure = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    yield Case(
        "a model that is sure, weights that are zero and equal",
        (torch.tensor([[0.0, 2.0, -2.0, 2.0]]), torch.randn(2, 3, 1, 4), sure),
    )


def _cases_3_4():
    weight = torch.tensor([[2.0, -1.0]])
    gradients = torch.tensor([[[[1.0, 0.0]], [[-3.0, 2.0]]], [[[0.0, 1.0]], [[1.0, -1.0]]]])
    probabilities = torch.tensor([[0.75, 0.25], [0.5, 0.5]])
    yield Case("the example, two images and two classes", (weight, gradients, probabilities))
    for about, images, classes, shape, dtype in [
        ("5 images, 3 classes, a (2, 4) weight", 5, 3, (2, 4), torch.float32),
        ("7 images, 10 classes, a (3, 3) weight, float64", 7, 10, (3, 3), torch.float64),
        ("a single image", 1, 4, (2, 2), torch.float32),
    ]:
        w = torch.randn(shape, dtype=dtype)
        p = torch.randn(images, classes, dtype=dtype).mul(2).softmax(1)
        g = torch.randn(images, classes, *shape, dtype=dtype)
        g = g - (g * p[:, :, None, None]).sum(
            1, keepdim=True
        )  # as for log-probabilities: their mean slope is zero
        yield Case(about, (w, g, p))
    yield from _edges_3_4()


ex_3_4 = Exercise(
    "3.4",
    obd_saliency,
    _cases_3_4,
    verified="several numbers of images and classes, float32 and float64, a single image",
    hint="Build h first: squares, weighed with the probabilities, summed over classes, averaged over images.",
    mistakes=[
        (
            (
                "Square first, average then. The square of a mean gradient is nearly zero at a minimum,"
                " whatever the curvature."
            ),
            lambda w, g, p: _weighted(g, p).sum(1).mean(0).square() * w**2 / 2,
        ),
        (
            "Square the gradient of each class on its own, then weigh the squares with the probabilities.",
            lambda w, g, p: _weighted(g, p).sum(1).square().mean(0) * w**2 / 2,
        ),
        (
            "Compare with the Taylor expansion: which factor stands before the curvature?",
            lambda w, g, p: _weighted(g**2, p).sum(1).mean(0) * w**2,
        ),
        (
            "The loss is a mean over the images, and so is its curvature.",
            lambda w, g, p: _weighted(g**2, p).sum(1).sum(0) * w**2 / 2,
        ),
        (
            "The classes do not count alike. What does the model itself think of them?",
            lambda w, g, p: (g**2).mean((0, 1)) * w**2 / 2,
            lambda w, g, p: (g**2).sum(1).mean(0) * w**2 / 2,
        ),
        (
            "The probabilities share out the classes already: a sum over these, a mean over the images.",
            lambda w, g, p: _weighted(g**2, p).mean((0, 1)) * w**2 / 2,
        ),
        (
            "The probability weighs the square; it is not squared itself.",
            lambda w, g, p: _weighted(g**2, p**2).sum(1).mean(0) * w**2 / 2,
        ),
        (
            "The step is the whole weight, and the expansion has the step squared.",
            lambda w, g, p: _weighted(g**2, p).sum(1).mean(0) * w.abs() / 2,
        ),
        (
            "That is half the curvature. How far does the weight move?",
            lambda w, g, p: _weighted(g**2, p).sum(1).mean(0) / 2,
        ),
        (
            "You look at the most likely class only. The unlikely ones have the steep slopes.",
            lambda w, g, p: (g[torch.arange(len(g)), p.argmax(1)] ** 2).mean(0) * w**2 / 2,
        ),
    ],
)


# 3.5 obs_step(weights, inverse, q)


def obs_step(weights, inverse, q):
    w, diagonal = weights.tolist(), inverse[q, q].item()
    moved = [value - w[q] / diagonal * inverse[i, q].item() for i, value in enumerate(w)]
    moved[q] = 0.0
    return torch.tensor(moved, dtype=weights.dtype), w[q] ** 2 / (2 * diagonal)


def _saliency(weights, inverse, q):
    return (weights[q] ** 2 / (2 * inverse[q, q])).item()


def _exactly(args):
    """A weight that is removed is zero to the last bit: masks are made of zeros."""
    weights, rise = obs_step(*args)

    def judge(result):
        problem = difference(tuple(result), (weights, rise))
        if problem is None and result[0][args[2]] != 0:
            return says("0.0 at the place of the weight that goes", result[0][args[2]].item()), EXACTLY_ZERO
        return problem

    return judge


def _edges_3_5():
    inverse = torch.tensor([[3.0, -1.0, 0.5], [-1.0, 2.0, 0.25], [0.5, 0.25, 1.0]], dtype=torch.float64)
    weights = torch.tensor([0.5, -1.0, 0.5], dtype=torch.float64)
    for about, args in [
        ("very small weights", (1e-9 * weights, inverse, 1)),
        ("very large weights", (1e9 * weights, inverse, 2)),
        (
            "float32, a weight that is zero already",
            (weights.float() * torch.tensor([0.0, 1, 1]), inverse.float(), 0),
        ),
        ("a single weight", (weights[:1], inverse[:1, :1], 0)),
        *((f"10 weights, q = {q}", (torch.randn(10).double(), _inverse(10), q)) for q in range(10)),
    ]:
        yield Case(about, args, judge=_exactly(args))


def _inverse(n):
    root = torch.randn(n, n, dtype=torch.float64)
    return torch.linalg.inv(root @ root.T + 0.2 * torch.eye(n))


def _cases_3_5():
    weights = torch.tensor([1.0, 2.0], dtype=torch.float64)
    inverse = torch.tensor([[2.0, -1.0], [-1.0, 1.0]], dtype=torch.float64)
    yield Case("the example, q = 0", (weights, inverse, 0))
    for n, q in [(2, 1), (5, 3), (8, 0), (8, 7)]:
        inverse = _inverse(n)
        weights = torch.randn(n, dtype=torch.float64)
        yield Case(f"{n} weights, q = {q}", (weights, inverse, q))
    weights = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64)
    yield Case("weights that do not depend on each other", (weights, torch.eye(3).double(), 1))
    yield from _edges_3_5()


ex_3_5 = Exercise(
    "3.5",
    obs_step,
    _cases_3_5,
    verified="2 to 8 weights, every position of q, weights that do not depend on each other",
    hint="The step is a multiple of column q of the inverse. Which multiple brings weight q to zero?",
    mistakes=[
        (
            "Does your step really bring weight q to zero? Divide by what its own entry of the column is.",
            lambda w, i, q: (w - w[q] * i[:, q], _saliency(w, i, q)),
        ),
        (
            "Your step doubles weight q. Check the sign.",
            lambda w, i, q: (w + w[q] / i[q, q] * i[:, q], _saliency(w, i, q)),
        ),
        (
            "Only weight q moves: that is OBD's step. The others make up for it.",
            lambda w, i, q: (w * (torch.arange(len(w)) != q), _saliency(w, i, q)),
        ),
        (
            (
                "The new weights are right. Compare the saliency with the Taylor expansion: which factor"
                " stands before the curvature?"
            ),
            lambda w, i, q: (obs_step(w, i, q)[0], _saliency(w, i, q) * 2),
        ),
        (
            (
                "The new weights are right. The saliency divides by the diagonal of the inverse: a weight"
                " with stand-ins is cheap."
            ),
            lambda w, i, q: (obs_step(w, i, q)[0], (w[q] ** 2 * i[q, q] / 2).item()),
        ),
        (
            "The new weights are right. The saliency is OBD's: it does not know of the others' help.",
            lambda w, i, q: (obs_step(w, i, q)[0], (w[q] ** 2 * torch.linalg.inv(i)[q, q] / 2).item()),
        ),
        (
            "That is the step. The weights after the step are asked for.",
            lambda w, i, q: (obs_step(w, i, q)[0] - w, _saliency(w, i, q)),
        ),
        (
            (
                "You use the Hessian itself. What is passed is already its inverse, and the formula needs a"
                " column of that."
            ),
            lambda w, i, q: (
                w - w[q] / torch.linalg.inv(i)[q, q] * torch.linalg.inv(i)[:, q],
                _saliency(w, i, q),
            ),
        ),
    ],
)

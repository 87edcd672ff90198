"""Exercises of chapter 10.2: grouped queries, and learning from the dense model."""

import math

import torch

from prunelab.check.core import Case
from prunelab.check.exercise import Exercise

# 10.7 remove_group(query, key, out, heads, groups, group)


def remove_group(query, key, out, heads, groups, group, shared=True, columns=True, strided=False):
    width = len(query) // heads
    each = heads // groups
    asking = (
        [h for h in range(heads) if (h % groups if strided else h // each) == group] if shared else [group]
    )
    stay = [r for r in range(len(query)) if r // width not in asking]
    held = [r for r in range(len(key)) if r // width != group]
    return (
        torch.stack([query[r] for r in stay]),
        torch.stack([key[r] for r in held]),
        torch.stack([out[:, r] for r in stay], 1) if columns else out.clone(),
    )


def _drawn_10_7(heads, groups, width, inputs, dtype=torch.float32, scale=1.0):
    shapes = (heads * width, inputs), (groups * width, inputs), (inputs, heads * width)
    return tuple(scale * torch.randn(shape, dtype=dtype) for shape in shapes)


def _cases_10_7():
    query, key = torch.arange(16.0).view(8, 2), torch.arange(8.0).view(4, 2)
    yield Case("the example, group 0 of 2", (query, key, query.T.contiguous() + 20, 4, 2, 0))
    for heads, groups, width, inputs, group in [
        (6, 3, 2, 5, 1),
        (8, 2, 3, 7, 1),
        (4, 4, 2, 8, 2),
        (9, 3, 1, 4, 2),
    ]:
        about = f"group {group} of {groups}, {heads} heads, {width} wide"
        yield Case(about, (*_drawn_10_7(heads, groups, width, inputs), heads, groups, group))
    yield Case("as many inputs as rows", (*_drawn_10_7(4, 2, 2, 8), 4, 2, 1))
    yield Case("one input", (*_drawn_10_7(4, 2, 2, 1), 4, 2, 1))
    yield Case("float64", (*_drawn_10_7(6, 2, 3, 5, torch.float64), 6, 2, 0))
    yield Case("very small numbers", (*_drawn_10_7(4, 2, 1, 3, scale=1e-9), 4, 2, 0))
    query, key, out = _drawn_10_7(4, 2, 1, 3, scale=1e9)
    query[0], key[1], out[:, 2] = 0.0, 2.0, torch.inf
    yield Case("very large, endless, equal numbers and zeros", (query, key, out, 4, 2, 0))


ex_10_7 = Exercise(
    "10.7",
    remove_group,
    _cases_10_7,
    verified="groups of one to four heads, first, middle and last, several widths",
    hint="Which query heads share the key head that goes? All three matrices lose rows or columns.",
    mistakes=[
        (
            "A key head goes with all query heads that share it, not with one.",
            lambda q, k, o, n, g, i: remove_group(q, k, o, n, g, i, shared=False),
        ),
        (
            "Query heads that share a key head are neighbours: the first heads share the first.",
            lambda q, k, o, n, g, i: remove_group(q, k, o, n, g, i, strided=True),
        ),
        (
            "Who reads the removed heads? out still has columns for them.",
            lambda q, k, o, n, g, i: remove_group(q, k, o, n, g, i, columns=False),
        ),
        (
            "The key of the group goes, too.",
            lambda q, k, o, n, g, i: (
                remove_group(q, k, o, n, g, i)[0],
                k.clone(),
                remove_group(q, k, o, n, g, i)[2],
            ),
        ),
        (
            "Zeros are still stored and multiplied. Make the matrices smaller.",
            lambda q, k, o, n, g, i: (
                q * _stay(q, n, g, i)[:, None],
                k * (torch.arange(len(k)) // (len(k) // g) != i)[:, None],
                o * _stay(q, n, g, i),
            ),
        ),
        (
            "That keeps the group and removes the others.",
            lambda q, k, o, n, g, i: (
                q[~_stay(q, n, g, i)],
                k[torch.arange(len(k)) // (len(k) // g) == i],
                o[:, ~_stay(q, n, g, i)],
            ),
        ),
        (
            "That is another group. They count from 0, the first rows first.",
            lambda q, k, o, n, g, i: remove_group(q, k, o, n, g, (i - 1) % g),
        ),
    ],
)


def _stay(query, heads, groups, group):
    return torch.arange(len(query)) // (len(query) // groups) != group


# 10.8 distillation_loss(student, teacher, temperature)


def distillation_loss(student, teacher, temperature, swapped=False, squared=True, only_cross=False):
    if swapped:
        student, teacher = teacher, student
    total = 0.0
    for own, wanted in zip(student.double().tolist(), teacher.double().tolist(), strict=True):
        log_q, log_p = _log_softmax(own, temperature), _log_softmax(wanted, temperature)
        for a, b in zip(log_p, log_q, strict=True):
            total += math.exp(a) * ((0.0 if only_cross else a) - b)
    return (temperature**2 if squared else 1) * total / len(student)


def _log_softmax(values, temperature):
    scaled = [value / temperature for value in values]
    highest = max(scaled)
    below = math.log(sum(math.exp(value - highest) for value in scaled))
    return [value - highest - below for value in scaled]


def _cases_10_8():
    student = torch.tensor([[0.0, 1.0, 0.0], [2.0, 0.0, 0.0]])
    teacher = torch.tensor([[0.0, 2.0, 0.0], [0.0, 1.0, 1.0]])
    yield Case("the example", (student, teacher, 1.0))
    for places, characters, temperature in [(5, 7, 2.0), (3, 3, 0.5), (8, 2, 4.0), (2, 85, 1.0), (1, 4, 3.0)]:
        about = f"{places} places, {characters} characters, temperature {temperature:g}"
        yield Case(
            about, (2 * torch.randn(places, characters), 2 * torch.randn(places, characters), temperature)
        )
    same = torch.randn(4, 6)
    yield Case("a student that agrees", (same, same + 3, 2.0))
    yield Case(
        "a teacher that is sure", (torch.zeros(2, 3), torch.tensor([[200.0, 0, 0], [0, 0, -200]]), 1.0)
    )
    yield Case("very large logits", (torch.tensor([[1e9, 0.0]]), torch.tensor([[0.0, 1e9]]), 1.0))
    yield Case("very small logits", (1e-9 * torch.randn(2, 3), torch.randn(2, 3), 2.0))
    near = torch.randn(4, 6)
    yield Case("a student that nearly agrees", (near + 1e-3 * torch.randn(4, 6), near, 1.0))
    yield Case("float64", (torch.randn(3, 4).double(), torch.randn(3, 4).double(), 1.5))


ex_10_8 = Exercise(
    "10.8",
    distillation_loss,
    _cases_10_8,
    verified="several shapes and temperatures, a sure teacher, a student that agrees, very large logits",
    hint="p and q are softmaxes over the characters of a place. Sum p (log p - log q) at each place.",
    mistakes=[
        (
            "The teacher's probabilities weight the logarithms: the student is asked where it is sure.",
            lambda s, t, c: distillation_loss(s, t, c, swapped=True),
        ),
        (
            "A temperature makes the gradients smaller by its square. The factor is missing.",
            lambda s, t, c: distillation_loss(s, t, c, squared=False),
        ),
        (
            "A student that agrees with its teacher has no loss: the teacher's own logarithms are missing.",
            lambda s, t, c: distillation_loss(s, t, c, only_cross=True),
        ),
        (
            "A mean over the places, not over all numbers, and no sum over places.",
            lambda s, t, c: distillation_loss(s, t, c) / s.shape[1],
            lambda s, t, c: distillation_loss(s, t, c) * len(s),
        ),
        (
            "The logits are divided by the temperature, those of the teacher and those of the student.",
            lambda s, t, c: distillation_loss(s / c, t, 1.0) * c**2,
            lambda s, t, c: distillation_loss(s, t / c, 1.0) * c**2,
            lambda s, t, c: distillation_loss(s, t, 1.0),
            lambda s, t, c: distillation_loss(s, t, 1 / c) * c**4,
        ),
        ("Nats, not bits: the natural logarithm.", lambda s, t, c: distillation_loss(s, t, c) / math.log(2)),
        (
            "Only the right character of the teacher is asked; it has a probability for each.",
            lambda s, t, c: (
                c**2 * torch.nn.functional.cross_entropy(s.double() / c, t.double().argmax(1)).item()
            ),
        ),
    ],
)

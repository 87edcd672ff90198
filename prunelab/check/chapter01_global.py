"""Exercises of chapter 01: masks over all layers, with a floor for each."""

import torch

from prunelab.check.core import Case
from prunelab.check.draws import half_up
from prunelab.check.exercise import Exercise

# 1.3 global_masks(scores, sparsity, at_least)


def global_masks(scores, sparsity, at_least, whole=round, protect=True, scope="global"):
    ranked = sorted(
        (v, layer, i) for layer, s in enumerate(scores.values()) for i, v in enumerate(s.flatten().tolist())
    )
    sizes = [s.numel() for s in scores.values()]
    quota = [whole(sparsity * size) for size in sizes]
    gone, total = [set() for _ in sizes], whole(sparsity * sum(sizes))
    for _, layer, i in ranked:
        full = sum(map(len, gone)) == total if scope == "global" else len(gone[layer]) == quota[layer]
        if not full and (sizes[layer] - len(gone[layer]) > at_least or not protect):
            gone[layer].add(i)
    kept = zip(scores.items(), gone, strict=True)
    return {
        name: torch.tensor([i not in out for i in range(s.numel())]).view(s.shape) for (name, s), out in kept
    }


def _floor_afterwards(scores, sparsity, at_least):
    masks = global_masks(scores, sparsity, 0)
    for name, mask in masks.items():
        missing = min(at_least, mask.numel()) - int(mask.sum())
        if missing > 0:
            best = scores[name].flatten().argsort(stable=True)[-min(at_least, mask.numel()) :]
            mask.view(-1)[best] = True
    return masks


def _threshold(scores, sparsity, at_least):
    flat = torch.cat([s.flatten() for s in scores.values()])
    k = round(sparsity * len(flat))
    cut = flat.sort().values[k - 1] if k else flat.min() - 1
    return {name: s > cut for name, s in scores.items()}


def _edges_1_3():
    last = 1 + 1e-12 * torch.tensor([0.0, 1, 2, -1, 0], dtype=torch.float64)
    close = {"b": last[:2], "a": last[2:]}
    for about, scores, sparsity, at_least in [
        (
            "equal scores in two layers: all of the first go first",
            {"b": torch.ones(5), "a": torch.ones(4)},
            0.5,
            0,
        ),
        (
            "some scores equal",
            {"b": torch.tensor([2.0, 1, 1, 3, 1]), "a": torch.tensor([[1.0, 4, 1]])},
            0.5,
            1,
        ),
        ("scores that differ in the last digits, float64", close, 0.6, 1),
        ("very small scores", {"b": 1e-9 * torch.rand(2, 5), "a": 1e-9 * torch.rand(1)}, 0.5, 1),
        ("very large scores", {"b": 1e9 * torch.rand(6), "a": 1e9 * torch.rand(3, 2)}, 0.3, 2),
    ]:
        yield Case(about, (scores, sparsity, at_least))


def _cases_1_3():
    example = {"conv": torch.tensor([[0.4, 0.1]]), "fc": torch.tensor([[0.3, 0.9, 0.4], [0.2, 0.4, 0.8]])}
    wide = {"a": torch.rand(3, 5), "b": 10 * torch.rand(4, 2, 2, 2), "c": 0.1 * torch.rand(7)}
    tied = {"z": torch.randint(0, 3, (4, 5)).float(), "a": torch.randint(0, 3, (6, 4)).float()}
    for about, scores, sparsity, at_least in [
        ("the example, half of 8 scores, at least 1 for each layer", example, 0.5, 1),
        ("the example, 6 of 8 go, and both layers keep 1", example, 0.75, 1),
        ("three layers on different scales, nothing protected", wide, 0.6, 0),
        ("three layers on different scales, at least 2", wide, 0.6, 2),
        ("equal scores: earlier layers and positions go first", tied, 0.4, 1),
        ("equal scores, at least 3 for each layer", tied, 0.8, 3),
        ("all scores equal", {"b": torch.ones(3), "a": torch.ones(2, 2)}, 0.5, 1),
        (
            "one layer of 5, half of it: 2.5 is rounded to 2",
            {"fc": torch.tensor([3.0, 1.0, 5.0, 4.0, 2.0])},
            0.5,
            1,
        ),
        ("10 scores, sparsity 0.37", {"a": torch.rand(4), "b": torch.rand(6)}, 0.37, 1),
        ("scores of both signs", {"a": torch.randn(5), "b": torch.randn(2, 4)}, 0.5, 1),
        ("more protected than may stay: what may go goes", {"a": torch.rand(4), "b": torch.rand(3)}, 0.9, 3),
        ("a layer smaller than the floor stays whole", {"a": torch.rand(2), "b": torch.rand(9) + 1}, 0.5, 4),
        ("sparsity 0", wide, 0.0, 1),
        ("sparsity 1, at least 1", wide, 1.0, 1),
        ("sparsity 1, nothing protected", wide, 1.0, 0),
        (
            "float64 scores",
            {"a": torch.rand(4, 6, dtype=torch.float64), "b": torch.rand(3, dtype=torch.float64)},
            0.25,
            1,
        ),
    ]:
        yield Case(about, (scores, sparsity, at_least))
    yield from _edges_1_3()


ex_1_3 = Exercise(
    "1.3",
    global_masks,
    _cases_1_3,
    verified=(
        "exact counts over all layers, floors that bind and floors that do not, ties by layer and position,"
        " sparsity 0 and 1"
    ),
    hint=(
        "Set the at_least highest scores of each layer aside. Of all others together, the lowest go, until"
        " enough are gone."
    ),
    mistakes=[
        (
            "That is layer-wise: every layer loses the same share. Rank all layers together.",
            lambda s, p, m: global_masks(s, p, m, scope="layer"),
        ),
        (
            "A layer lost more than it may. Which of its scores are set aside before the ranking?",
            lambda s, p, m: global_masks(s, p, m, protect=False),
        ),
        (
            (
                "You put scores back after the ranking: now fewer are gone than asked for. Set them aside"
                " before it."
            ),
            _floor_afterwards,
        ),
        (
            "Scores equal to the threshold all go at once. Rank positions instead of comparing values.",
            _threshold,
        ),
        (
            "True means kept, and the highest scores are kept. Yours is the other way round.",
            lambda s, p, m: {name: ~mask for name, mask in global_masks(s, p, m).items()},
        ),
        (
            "The lowest scores go. Yours lets the highest go.",
            lambda s, p, m: global_masks({n: -x for n, x in s.items()}, p, m),
        ),
        (
            "How many go? The nearest integer to sparsity * n, not the next lower one.",
            lambda s, p, m: global_masks(s, p, m, whole=int),
        ),
        (
            "How many go? Of a half round() takes the even neighbour: round(2.5) is 2.",
            lambda s, p, m: global_masks(s, p, m, whole=half_up),
        ),
        (
            (
                "Among equal scores the earlier position goes first. Yours lets the later one go. Is your"
                " sorting stable, and ascending?"
            ),
            lambda s, p, m: {
                n: x.flatten().flip(0).view(s[n].shape)
                for n, x in global_masks(
                    {n: x.flatten().flip(0) for n, x in reversed(s.items())}, p, m
                ).items()
            },
        ),
        (
            "The scores are ranked as they are. Taking abs() belongs to the criterion, not to the mask.",
            lambda s, p, m: global_masks({n: x.abs() for n, x in s.items()}, p, m),
        ),
        (
            "at_least is a number of scores in each layer; you keep one in each.",
            lambda s, p, m: global_masks(s, p, min(m, 1)),
        ),
    ],
)

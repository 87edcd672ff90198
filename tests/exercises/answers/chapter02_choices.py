"""Answers to 2.6: right ones, written differently, and wrong ones that must be refused."""

from answers import plausible, right
from prunelab.granularity import group_scores
from prunelab.masks import keep_top

# 2.6 coarsest


NAMES = ("filter", "kernel", "vector", "weight")  # from coarse to fine


def _energy(weight, name, sparsity):
    kept = weight * keep_top(group_scores(weight, name), sparsity)
    return float(kept.double().pow(2).sum() / weight.double().pow(2).sum())


@right("2.6")
def coarsest_by_package(weight, sparsity, budget):
    for name in NAMES:
        if _energy(weight, name, sparsity) >= budget:
            return name
    return "dense"


@right("2.6")
def coarsest_by_hand(weight, sparsity, budget):
    answer = "dense"
    for name, size in zip(
        NAMES[::-1], (1, weight.shape[3], weight[0, 0].numel(), weight[0].numel()), strict=True
    ):
        energies = weight.reshape(-1, size).pow(2).sum(1).sort().values
        if energies[round(sparsity * len(energies)) :].sum() / energies.sum() >= budget:
            answer = name
    return answer


def _coarse(
    w, s, b, names=("filter", "kernel", "vector", "weight"), power=2, more=lambda a, b: a >= b, norm=2
):
    from prunelab.granularity import group_scores

    for name in names:
        kept = w * keep_top(group_scores(w, name, norm), s)
        if more((kept.abs() ** power).sum() / (w.abs() ** power).sum(), b):
            return name
    return "dense"


plausible(
    "2.6",
    lambda w, s, b: _coarse(w, s, b, power=1),
    lambda w, s, b: _coarse(w, s, b, names=("weight", "vector", "kernel", "filter")),
    lambda w, s, b: _coarse(w, s, b, more=lambda a, b: a > b),
    lambda w, s, b: _coarse(w, s, b, norm=1),
    lambda w, s, b: _coarse(w, 1 - s, b),
    lambda w, s, b: _coarse(w, s, b, names=("filter", "kernel", "weight")),
    lambda w, s, b: _coarse(w, s, b, more=lambda a, b: a**0.5 >= b),
    lambda w, s, b: None if _coarse(w, s, b) == "dense" else _coarse(w, s, b),
)

# 2.6, once more from the text alone


def _co_2_6(
    w,
    s,
    b,
    names=("filter", "kernel", "vector", "weight"),
    ok=lambda k, a, b: k.pow(2).sum() / a.pow(2).sum() >= b,
    sc=lambda w, g: group_scores(w, g),
):
    for g in names:
        if ok(w * keep_top(sc(w, g), s), w, b):
            return g
    return "dense"


right("2.6")(
    lambda w, s, b: next(
        (
            g
            for g in ("filter", "kernel", "vector", "weight")
            if (w[keep_top(group_scores(w, g), s).expand_as(w)] ** 2).sum() >= b * (w**2).sum()
        ),
        "dense",
    )
)

plausible(
    "2.6",
    lambda *a: _co_2_6(*a, ok=lambda k, a, b: k.pow(2).sum() / a.pow(2).sum() > b),  # strict
    lambda *a: _co_2_6(*a, names=("filter", "kernel", "weight")),  # skips vector
    lambda *a: _co_2_6(
        *a, sc=lambda w, g: w.pow(2).sum(2, keepdim=True).sqrt() if g == "vector" else group_scores(w, g)
    ),  # vectors along columns
    lambda *a: _co_2_6(
        *a,
        sc=lambda w, g: w.pow(2).sum((0, 2, 3), keepdim=True).sqrt() if g == "kernel" else group_scores(w, g),
    ),  # channels for kernels
    lambda *a: _co_2_6(*a, ok=lambda k, a, b: k.norm() / a.norm() >= b),  # energy of norms, root
    lambda w, s, b: (
        _co_2_6(w, s, b, names=("filter", "kernel", "vector"))
        if _co_2_6(w, s, b, names=("filter", "kernel", "vector")) != "dense"
        else "weight"
    ),  # weight always meets
)

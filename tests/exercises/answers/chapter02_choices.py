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

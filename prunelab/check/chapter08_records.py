"""Exercises of chapter 08: what a result is, and what a record."""

import itertools
import random
import statistics

import torch

from prunelab.check.core import Case
from prunelab.check.exercise import Exercise

# 8.3 report(valid, test)


def _epochs(valid, choose):
    """Return for each seed the epoch that a rule chooses, given lists of the errors."""
    if choose == "all seeds":
        means = [statistics.fmean(column) for column in zip(*valid, strict=True)]
        return [means.index(min(means))] * len(valid)
    if choose == "the last epoch":
        return [len(row) - 1 for row in valid]
    if choose == "the latest":
        return [max(epoch for epoch, error in enumerate(row) if error == min(row)) for row in valid]
    return [row.index(max(row) if choose == "the highest" else min(row)) for row in valid]


def report(
    valid, test, choose="the earliest", read="test", mean=statistics.fmean, spread=statistics.stdev, worst=max
):
    valid, test = valid.tolist(), test.tolist()
    epochs = _epochs(test if choose == "test" else valid, choose)
    errors = [row[epoch] for row, epoch in zip(test if read == "test" else valid, epochs, strict=True)]
    return mean(errors), spread(errors), worst(errors)


def _best_by_valid(valid, test):
    seed = int(valid.min(1).values.argmin())
    return float(test[seed, valid[seed].argmin()]), *report(valid, test)[1:]


def _standard_error(errors):
    return statistics.stdev(errors) / len(errors) ** 0.5


CHOICES_8_3 = {  # the first that is wrong gives the hint
    "test": (
        "The epoch is chosen by its test error, so the test set has taken part in the training. Which set is"
        " for choosing?"
    ),
    "all seeds": (
        "You choose one epoch for all seeds. Each is a training of its own, and stops at its own best epoch."
    ),
    "the last epoch": "You read the last epoch. The one to read has the lowest validation error.",
    "the latest": "Where two epochs have the same validation error, take the earlier one.",
    "the highest": "You choose the epoch with the highest validation *error*.",
    "the earliest": "",
}


BEST_SEED = "You report the best seed. The mean over the seeds says what to expect of the next one."


SUMMARIES_8_3 = [
    ({"read": "valid"}, "Choose by the validation error, but report the test error of that epoch."),
    ({"mean": min}, BEST_SEED),
    ({"mean": statistics.median}, "The mean was asked for, not the median."),
    (
        {"spread": _standard_error},
        "That is the standard error of the mean. Report the standard deviation of the seeds.",
    ),
    (
        {"spread": statistics.pstdev},
        "A few seeds stand for all that might have been: divide by n - 1, not by n.",
    ),
    ({"worst": min}, "The worst seed is the one with the highest error."),
]


def _mistakes_8_3():
    """Yield a wrong report and its hint for every choice of an epoch with up to two of the wrong
    summaries.
    """
    yield BEST_SEED, _best_by_valid
    for (choose, chosen), count in itertools.product(CHOICES_8_3.items(), range(3)):
        for summaries in itertools.combinations(SUMMARIES_8_3, count):
            changed = {key: value for wrong, _ in reversed(summaries) for key, value in wrong.items()}
            if (chosen or summaries) and (choose, changed.get("read")) != (
                "the latest",
                "valid",
            ):  # equal errors: no difference
                yield (
                    chosen or summaries[0][1],
                    lambda v, t, choose=choose, changed=changed: report(v, t, choose, **changed),
                )


def _edges_8_3():
    valid = torch.tensor([[1e-9, 2e-9, 1e-9], [2e9, 1e9, 1e9]])
    test = torch.tensor([[3.0, 1.0, 1.0], [2.0, 5.0, 1.0]])
    yield Case("very small and very large validation errors, some equal", (valid, test))
    close = 1 + 1e-12 * torch.tensor([[2.0, 1, 3], [0, 4, 1]], dtype=torch.float64)
    yield Case("validation errors that differ in the last digits, float64", (close, test.double()))
    valid = torch.tensor([[0.5, 0.0, 0.0], [0.25, 0.0, 0.5]])
    yield Case("validation errors of zero", (valid, torch.tensor([[1.0, 2.0, 3.0], [0.0, 0.5, 4.0]])))
    yield Case("no error at all", (torch.zeros(2, 3), torch.zeros(2, 3)))


def _cases_8_3():
    valid = torch.tensor([[4.0, 2.5, 2.0, 2.25], [3.5, 2.25, 2.5, 2.25], [3.0, 2.75, 2.25, 2.0]])
    test = torch.tensor([[4.25, 2.25, 2.5, 1.75], [3.75, 2.5, 2.0, 2.25], [3.25, 2.5, 2.0, 2.75]])
    yield Case("the example: 3 seeds, 4 epochs", (valid, test))
    for seeds, epochs, levels in [
        (5, 8, 40),
        (4, 12, 3),
        (2, 6, 20),
        (6, 1, 9),
        (3, 30, 200),
        (20, 5, 4),
        (10, 10, 12),
    ]:
        valid, test = (torch.randint(8, 8 + levels, (seeds, epochs)) / 8 for _ in range(2))
        about = f"{seeds} seeds, {epochs} epochs" + (", many equal errors" if levels < 8 else "")
        yield Case(about, (valid, test))
    valid, test = valid.double(), test.double().t().contiguous()
    yield Case("float64", (valid, test))
    yield from _edges_8_3()


ex_8_3 = Exercise(
    "8.3",
    report,
    _cases_8_3,
    verified="2 to 20 seeds, 1 to 30 epochs, equal errors, both float types",
    hint=(
        "Per seed: the epoch of the lowest validation error, and the test error there. Then three numbers of"
        " these."
    ),
    mistakes=list(_mistakes_8_3()),
)


# 8.4 beaten_by_all(marks, entries)


def _beats(compression, error, mark):
    return compression >= mark[1] and error <= mark[2] and (compression > mark[1] or error < mark[2])


def beaten_by_all(marks, entries, beats=_beats, over=all):
    return [mark[0] for mark in marks if over(beats(*entry, mark) for entry in entries)]


def _beaten_by_one(marks, entries, summary, beats=_beats):
    return beaten_by_all(marks, [summary(entries)], beats)


def _mean(entries):
    return tuple(statistics.fmean(values) for values in zip(*entries, strict=True))


ONE_SUFFICES = (
    "Better in one and worse in the other is a tie. A file that beats a mark is at least as good in both."
)


EVERY_SEED = "The mark is beaten by one seed or by a few. A record that holds is beaten by every one."


def _edges_8_4():
    marks = [("z", 10, 2.0), ("a", 10, 1.5), ("m", 9, 2.5), ("b", 11, 2.5)]
    yield Case("names that do not rise, one number equal", (marks, [(10, 2.0), (10, 1.75)]))
    yield Case("no marks", ([], [(10, 2.0)]))
    yield Case(
        "numbers that differ by little", ([("a", 10.0, 2.0), ("b", 10.0000001, 2.0)], [(10.0000001, 2.0)])
    )


def _cases_8_4():
    marks = [("A", 12, 1.5), ("B", 20, 2.25), ("C", 16, 2.0), ("D", 24, 2.0), ("E", 50, 2.5)]
    entries = [(24, 1.75), (24, 2.0), (26, 1.25)]
    yield Case("the example: 5 marks, 3 seeds", (marks, entries))
    apart = [(20, 1.5), (24, 1.75)]
    rivals = [("x", 20, 1.75), ("y", 20, 1.5), ("z", 24, 1.5), ("u", 22, 1.625), ("v", 16, 2.0)]
    yield Case("each seed is better in another number", (rivals, apart))
    yield Case("one seed", (rivals, [(22, 1.5)]))
    yield Case("marks that nobody beats", (marks, [(11, 3.0), (60, 2.75)]), [])
    draw = random.Random(84)
    for number in range(20):
        marks = [
            (f"mark {i}", draw.randint(8, 40), draw.randint(10, 24) / 8) for i in range(draw.randint(4, 12))
        ]
        compression, error = draw.randint(16, 44), draw.randint(9, 18)
        wide = draw.choice([0, 1, 4])
        entries = [
            (compression + draw.randint(0, wide), (error + draw.randint(0, wide)) / 8)
            for _ in range(draw.choice([2, 3, 5]))
        ]
        marks += [(f"rival {i}", *entry) for i, entry in enumerate(entries[:2])]
        yield Case(f"random marks, number {number}, {len(entries)} seeds", (marks, entries))
    yield from _edges_8_4()


ex_8_4 = Exercise(
    "8.4",
    beaten_by_all,
    _cases_8_4,
    verified=(
        "equal numbers, seeds that are better in different ways, one seed, nothing beaten, 20 random tables"
    ),
    hint=(
        "Take one mark and one seed first: both numbers at least as good, one of them better. Then ask it of"
        " every seed."
    ),
    mistakes=[
        (
            "The mean over the seeds beats the mark. Does every single seed?",
            lambda ms, es: _beaten_by_one(ms, es, _mean),
        ),
        (
            EVERY_SEED,
            lambda ms, es: beaten_by_all(ms, es, over=any),
            lambda ms, es: _beaten_by_one(ms, es, lambda e: min(e, key=lambda x: x[1])),
            lambda ms, es: _beaten_by_one(ms, es, max),
        ),
        (
            "The best compression and the lowest error may belong to different seeds: no file has both.",
            lambda ms, es: _beaten_by_one(ms, es, lambda e: (max(c for c, _ in e), min(x for _, x in e))),
        ),
        (
            (
                "The worst compression and the highest error may belong to different seeds. Let each seed"
                " meet the mark on its own."
            ),
            lambda ms, es: _beaten_by_one(ms, es, lambda e: (min(c for c, _ in e), max(x for _, x in e))),
        ),
        (
            ONE_SUFFICES,
            lambda ms, es: beaten_by_all(ms, es, lambda c, e, m: c > m[1] or e < m[2]),
            lambda ms, es: beaten_by_all(ms, es, lambda c, e, m: c >= m[1] or e <= m[2]),
        ),
        (
            "Equal in one and better in the other is enough: it need not be better in both.",
            lambda ms, es: beaten_by_all(ms, es, lambda c, e, m: c > m[1] and e < m[2]),
        ),
        (
            "Who equals a mark in both has not beaten it.",
            lambda ms, es: beaten_by_all(ms, es, lambda c, e, m: c >= m[1] and e <= m[2]),
        ),
        (
            (
                "You weigh compression against error. Nobody has said how many points a factor is worth: ask"
                " for both."
            ),
            lambda ms, es: beaten_by_all(ms, es, lambda c, e, m: c / e > m[1] / m[2]),
            lambda ms, es: beaten_by_all(ms, es, lambda c, e, m: c - e > m[1] - m[2]),
        ),
        (
            "A lower error is the better one.",
            lambda ms, es: beaten_by_all(ms, es, lambda c, e, m: _beats(c, -e, (m[0], m[1], -m[2]))),
        ),
        (
            "A higher compression is the better one.",
            lambda ms, es: beaten_by_all(ms, es, lambda c, e, m: _beats(-c, e, (m[0], -m[1], m[2]))),
        ),
        (
            "The error has to be looked at, too.",
            lambda ms, es: beaten_by_all(ms, es, lambda c, e, m: c > m[1]),
        ),
        (
            "The compression has to be looked at, too.",
            lambda ms, es: beaten_by_all(ms, es, lambda c, e, m: e < m[2]),
        ),
        (
            "One seed decides in yours, the first or another. Every seed is to beat the mark.",
            lambda ms, es: [
                m[0] for m in ms if any(c >= m[1] and x <= m[2] and (c, x) != m[1:] for c, x in es[:1])
            ],
        ),
    ],
)

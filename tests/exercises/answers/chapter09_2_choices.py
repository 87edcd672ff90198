"""Answers to 9.4 and 9.5: right ones, written differently, and wrong ones that must be refused."""

from answers import plausible, right, wrong

# 9.4 overall


@right("9.4")
def overall_sums(milliseconds, faster):
    before = sum(milliseconds.values())
    saved = sum(milliseconds[layer] * (1 - 1 / factor) for layer, factor in faster.items())
    return before / (before - saved)


@right("9.4")
def overall_amdahl(milliseconds, faster):
    total = sum(milliseconds.values())
    return 1 / sum(time / total / faster.get(layer, 1.0) for layer, time in milliseconds.items())


@wrong("9.4", "forget the layers that did not get faster")
def overall_of_the_touched(milliseconds, faster):
    before = sum(milliseconds[layer] for layer in faster)
    after = sum(milliseconds[layer] / factor for layer, factor in faster.items())
    return before / after if after else 1.0


@wrong("9.4", "Upside down")
def overall_share(milliseconds, faster):
    return sum(time / faster.get(layer, 1) for layer, time in milliseconds.items()) / sum(
        milliseconds.values()
    )


# 9.5 choose


@right("9.5")
def choose_min(milliseconds, accuracies, points):
    within = [i for i, accuracy in enumerate(accuracies) if accuracy >= accuracies[0] - points]
    return min(within, key=lambda i: (milliseconds[i], -accuracies[i]))


@right("9.5")
def choose_sorted(milliseconds, accuracies, points):
    order = sorted(range(len(milliseconds)), key=lambda i: (milliseconds[i], -accuracies[i]))
    return next(i for i in order if accuracies[0] - accuracies[i] <= points)


@wrong("9.5", "within the budget")
def choose_strictly(milliseconds, accuracies, points):
    within = [0] + [i for i in range(1, len(accuracies)) if accuracies[0] - accuracies[i] < points]
    return min(within, key=lambda i: (milliseconds[i], -accuracies[i]))


@wrong("9.5", "the time alone")
def choose_fastest(milliseconds, accuracies, points):
    return milliseconds.index(min(milliseconds))


# 9.4, once more from the text alone


right("9.4")(lambda ms, f: sum(ms.values()) / sum(t / (f[k] if k in f else 1) for k, t in ms.items()))

plausible(
    "9.4",
    lambda ms, f: (
        sum(ms[k] for k in f if k in ms) / max(1e-12, sum(ms[k] / f[k] for k in f if k in ms)) if f else 1.0
    ),  # layers without a factor forgotten
    lambda ms, f: len(ms) / sum(1 / f.get(k, 1) for k in ms),  # harmonic mean of factors
    lambda ms, f: max(1.0, sum(ms.values()) / sum(t / f.get(k, 1) for k, t in ms.items())),  # never slower
    lambda ms, f: (
        sum(ms.values()) / sum(t / max(1, f.get(k, 1)) for k, t in ms.items())
    ),  # factor below 1 ignored
    lambda ms, f: max(ms.values()) / max(t / f.get(k, 1) for k, t in ms.items()),  # by the slowest layer
    lambda ms, f: sum(t * f.get(k, 1) for k, t in ms.items()) / sum(ms.values()),  # weighted mean of factors
)

# 9.5, once more from the text alone


def _chs_9_5(
    t, a, p, ok=lambda d, x, p: d - x <= p, key=lambda t, a, i: (t[i], -a[i]), rng=lambda n: range(n)
):
    return min((i for i in rng(len(t)) if ok(a[0], a[i], p)), key=lambda i: key(t, a, i))


right("9.5")(
    lambda t, a, p: (
        sorted(i for i in range(len(t)) if a[i] >= a[0] - p)[0] if len(t) == 1 else _chs_9_5(t, a, p)
    )
)

plausible(
    "9.5",
    lambda *x: _chs_9_5(*x, key=lambda t, a, i: (-a[i], t[i])),  # most accurate within
    lambda *x: _chs_9_5(*x, ok=lambda d, v, p: abs(d - v) <= p),  # difference absolute
    lambda t, a, p: _chs_9_5(t, a, p, ok=lambda d, v, p: max(a) - v <= p),  # against the best
    lambda t, a, p: max(
        (i for i in range(len(t)) if a[0] - a[i] <= p),
        key=lambda i: (t[0] / t[i]) / (1 + max(0, a[0] - a[i])),
    ),  # largest gain per point
    lambda *x: _chs_9_5(*x, key=lambda t, a, i: (t[i], -i)),  # ties by later
    lambda t, a, p: max(i for i in range(len(t)) if a[0] - a[i] <= p),  # last that qualifies
)

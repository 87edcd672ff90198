"""Answers to 9.4 and 9.5: right ones, written differently, and wrong ones that must be refused."""

from answers import right, wrong

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

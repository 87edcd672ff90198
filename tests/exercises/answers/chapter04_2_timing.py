"""Answers to 4.5: right ones, written differently, and wrong ones that must be refused."""

import numpy as np
import torch

from answers import plausible, right, wrong

# 4.5 judge_speedups


def _word(low, high, band=1.1):
    return "faster" if low > band else "slower" if high < 1 / band else "no measurable difference"


@right("4.5")
def speedups_by_numpy(timings):
    (_, first), *others = timings.items()
    ratios = {name: np.divide(first, times) for name, times in others}
    return {name: _word(*np.quantile(ratio, [0.25, 0.75])) for name, ratio in ratios.items()}


@right("4.5")
def speedups_by_torch(timings):
    first = next(iter(timings))
    verdicts = {}
    for name in timings:
        if name != first:
            ratio = torch.tensor(timings[first], dtype=torch.float64) / torch.tensor(
                timings[name], dtype=torch.float64
            )
            low, high = ratio.quantile(0.25).item(), ratio.quantile(0.75).item()
            verdicts[name] = _word(low, high)
    return verdicts


def _words(timings, rule):
    base, *others = timings
    return {
        n: rule(
            torch.tensor(timings[base], dtype=torch.float64), torch.tensor(timings[n], dtype=torch.float64)
        )
        for n in others
    }


def _verdict(low, high, above=1.1, below=1 / 1.1):
    return "faster" if low > above else "slower" if high < below else "no measurable difference"


plausible(
    "4.5",
    lambda t: _words(t, lambda a, b: _verdict((a / b).quantile(0.25), (a / b).quantile(0.75), below=0.9)),
    lambda t: _words(
        t, lambda a, b: _verdict((a / b).quantile(0.25), (a / b).quantile(0.75), above=1.0, below=1.0)
    ),
    lambda t: _words(t, lambda a, b: _verdict((a / b).quantile(0.75), (a / b).quantile(0.25))),
    lambda t: _words(t, lambda a, b: _verdict((a / b).median(), (a / b).median())),
    lambda t: _words(t, lambda a, b: _verdict((a / b).mean(), (a / b).mean())),
    lambda t: _words(t, lambda a, b: _verdict((b / a).quantile(0.25), (b / a).quantile(0.75))),
    lambda t: _words(t, lambda a, b: _verdict((a / b).min(), (a / b).max())),
    lambda t: _words(
        t, lambda a, b: _verdict(a.quantile(0.25) / b.quantile(0.25), a.quantile(0.75) / b.quantile(0.75))
    ),
    lambda t: _words(
        t,
        lambda a, b: _verdict(
            (a / b).quantile(0.25, interpolation="nearest"), (a / b).quantile(0.75, interpolation="nearest")
        ),
    ),
    lambda t: _words(
        t,
        lambda a, b: (
            "faster"
            if (a / b).quantile(0.25) >= 1.1
            else _verdict((a / b).quantile(0.25), (a / b).quantile(0.75))
        ),
    ),
    lambda t: {
        n: w.replace("no measurable difference", "same")
        for n, w in _words(t, lambda a, b: _verdict((a / b).quantile(0.25), (a / b).quantile(0.75))).items()
    },
)

# 4.5, once more from the text alone


def _js_4_5(
    t,
    lo=lambda r: np.quantile(r, 0.25),
    hi=lambda r: np.quantile(r, 0.75),
    r=lambda b, c: np.array(b) / np.array(c),
    up=1.1,
    dn=1 / 1.1,
    base=lambda t: next(iter(t)),
):
    b = base(t)
    out = {}
    for n in t:
        if n != b:
            q = r(t[b], t[n])
            out[n] = "faster" if lo(q) > up else "slower" if hi(q) < dn else "no measurable difference"
    return out


right("4.5")(_js_4_5)

plausible(
    "4.5",
    lambda t: _js_4_5(t, base=lambda t: max(t, key=lambda name: np.median(t[name]))),  # slowest: the baseline
    lambda t: _js_4_5(t, r=lambda b, c: np.sort(b) / np.sort(c)),  # rounds sorted
    lambda t: _js_4_5(t, r=lambda b, c: np.median(b) / np.array(c)),  # against the median of the baseline
    lambda t: _js_4_5(t, lo=np.median, hi=np.median),  # median decides
    lambda t: _js_4_5(
        t, lo=lambda r: np.quantile(r, 0.1), hi=lambda r: np.quantile(r, 0.9)
    ),  # tails 10 and 90 %
    lambda t: _js_4_5(
        t, r=lambda b, c: np.array(b[1:] or b) / np.array(c[1:] or c)
    ),  # first round is warm-up
)


# found by readers: another quantile is none of the mistakes that the checker knows


def _by_quantile(method):
    def answer(timings):
        first, *others = timings
        verdicts = {}
        for name in others:
            ratios = np.array(timings[first]) / np.array(timings[name])
            verdicts[name] = _word(*np.quantile(ratios, (0.25, 0.75), method=method))
        return verdicts

    return answer


for method in ("nearest", "lower", "hazen"):
    wrong("4.5", "Ratios round by round")(_by_quantile(method))

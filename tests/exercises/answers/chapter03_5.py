"""Answers to 3.11 and 3.12: right ones, written differently, and wrong ones that must be refused."""

import math

import numpy as np
import torch
from scipy import stats

from answers import plausible, right
from prunelab import sweep

# 3.11 rank_correlation


@right("3.11")
def by_scipy(scores, truth):
    return float(stats.spearmanr(scores.numpy(), truth.numpy())[0])


@right("3.11")
def by_corrcoef(scores, truth):
    ranks = [stats.rankdata(x.numpy()) for x in (scores, truth)]
    return float(np.corrcoef(*ranks)[0, 1])


plausible(
    "3.11",
    lambda s, t: float(torch.corrcoef(torch.stack([s, t]))[0, 1]),
    lambda s, t: float(
        torch.corrcoef(torch.stack([s.argsort().argsort(), t.argsort().argsort()]).double())[0, 1]
    ),
    lambda s, t: float(torch.corrcoef(torch.stack([s.argsort(), t.argsort()]).double())[0, 1]),
    lambda s, t: (
        1
        - 6
        * float(((s.argsort().argsort() - t.argsort().argsort()) ** 2).sum())
        / (len(s) * (len(s) ** 2 - 1))
    ),
    lambda s, t: float((s.argsort() == t.argsort()).double().mean()),
    lambda s, t: float(((s[:, None] > s) == (t[:, None] > t)).double().mean()),
)


# 3.12 compare


@right("3.12")
def by_ttest(a, b):
    interval = stats.ttest_rel(a, b).confidence_interval(0.95)
    return float(interval.low), float(interval.high), bool(interval.low > 0 or interval.high < 0)


@right("3.12")
def by_the_package(a, b):
    _, low, high = sweep.paired_interval(a, b)
    return low, high, not low <= 0 <= high


def _paired(a, b, t, correction=1, root=True):
    from scipy import stats

    d = torch.tensor(a, dtype=torch.float64) - torch.tensor(b, dtype=torch.float64)
    reach = (
        (t if isinstance(t, float) else stats.t.ppf(t[0], len(d) - t[1]))
        * d.std(correction=correction)
        / (len(d) ** 0.5 if root else 1)
    )
    low, high = float(d.mean() - reach), float(d.mean() + reach)
    return low, high, low > 0 or high < 0


plausible(
    "3.12",
    lambda a, b: _paired(a, b, 1.96),
    lambda a, b: _paired(a, b, 2.0),
    lambda a, b: _paired(a, b, (0.95, 1)),
    lambda a, b: _paired(a, b, (0.975, 0)),
    lambda a, b: _paired(a, b, (0.975, 1), correction=0),
    lambda a, b: _paired(a, b, (0.975, 1), root=False),
    lambda a, b: _paired(b, a, (0.975, 1)),
    lambda a, b: (*_paired(a, b, (0.975, 1))[:2], _paired(a, b, (0.975, 1))[0] > 0),
    lambda a, b: (*_paired(a, b, (0.975, 1))[:2], sum(a) > sum(b)),
    lambda a, b: (*tuple(round(v, 2) for v in _paired(a, b, (0.975, 1))[:2]), _paired(a, b, (0.975, 1))[2]),
)

# 3.11, once more from the text alone


def _rc_3_11(s, t, f=lambda x: stats.rankdata(x)):
    a, b = f(s.numpy()), f(t.numpy())
    a, b = a - a.mean(), b - b.mean()
    return (
        float((a * b).sum() / math.sqrt((a * a).sum() * (b * b).sum()))
        if (a * a).sum() * (b * b).sum()
        else 0.0
    )


right("3.11")(lambda s, t: float(np.corrcoef(stats.rankdata(s), stats.rankdata(t))[0, 1]))

plausible(
    "3.11",
    lambda s, t: _rc_3_11(s, t, lambda x: stats.rankdata(x, "max")),  # max ranks
    lambda s, t: _rc_3_11(s, t, lambda x: stats.rankdata(x, "dense")),  # dense ranks
    lambda s, t: (lambda d, n: float(1 - 6 * (d * d).sum() / (n * (n * n - 1))))(
        stats.rankdata(s) - stats.rankdata(t), len(s)
    ),  # six d squared
    lambda s, t: _rc_3_11(s.abs(), t.abs()),  # ranks of magnitudes
    lambda s, t: (lambda d, n: float(1 - 3 * abs(d).sum() / (n * n - 1)))(
        stats.rankdata(s) - stats.rankdata(t), len(s)
    ),  # footrule
    lambda s, t: _rc_3_11(s.half().float(), t.half().float()),  # float16 ranks
)

# 3.12, once more from the text alone


def _cp_3_12(a, b, real=lambda lo, hi: lo > 0 or hi < 0, d=None, q=None):
    x = np.array(a) - np.array(b) if d is None else d(np.array(a), np.array(b))
    n = len(x)
    r = (stats.t.ppf(0.975, n - 1) if q is None else q(n)) * x.std(ddof=1) / math.sqrt(n)
    lo, hi = float(x.mean() - r), float(x.mean() + r)
    return lo, hi, bool(real(lo, hi))


right("3.12")(
    lambda a, b: (
        (lambda ci: (float(ci.low), float(ci.high), bool(ci.low > 0 or ci.high < 0)))(
            stats.ttest_rel(a, b).confidence_interval(0.95)
        )
        if len(set(np.array(a) - np.array(b))) > 1
        else _cp_3_12(a, b)
    )
)

plausible(
    "3.12",
    lambda a, b: _cp_3_12(a, b, real=lambda lo, hi: lo > 0),  # real only if A wins
    lambda a, b: _cp_3_12(a, b, real=lambda lo, hi: lo >= 0 or hi <= 0),  # real at the edge
    lambda a, b: _cp_3_12(a, b, q=lambda n: stats.t.ppf(0.995, n - 1)),  # 99 %
    lambda a, b: _cp_3_12(a, b, d=lambda a, b: 100 * (a - b) / b),  # relative differences
    lambda a, b: _cp_3_12(sorted(a), sorted(b)),  # sorted first
    lambda a, b: (
        round(_cp_3_12(a, b)[0], 2),
        round(_cp_3_12(a, b)[1], 2),
        _cp_3_12(a, b)[2],
    ),  # rounded to 2 digits
)

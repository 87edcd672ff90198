"""Answers to 3.11 and 3.12: right ones, written differently, and wrong ones that must be refused."""

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

"""Answers to 8.3 and 8.4: right ones, written differently, and wrong ones that must be refused."""

import math

import torch

from answers import plausible, right

# 8.3 report


@right("8.3")
def report_gather(valid, test):
    errors = test.gather(1, valid.argmin(1, keepdim=True)).squeeze(1)
    return errors.mean().item(), errors.std().item(), errors.max().item()


@right("8.3")
def report_loops(valid, test):
    errors = []
    for validation, error in zip(valid.tolist(), test.tolist(), strict=True):
        errors.append(error[min(range(len(validation)), key=validation.__getitem__)])
    mean = sum(errors) / len(errors)
    return mean, math.sqrt(sum((e - mean) ** 2 for e in errors) / (len(errors) - 1)), max(errors)


def _report(v, t, epochs=None, correction=1, worst=torch.max, mean=torch.mean):
    e = v.argmin(1) if epochs is None else epochs(v, t)
    errors = t[torch.arange(len(t)), e]
    return mean(errors).item(), errors.std(correction=correction).item(), worst(errors).item()


plausible(
    "8.3",
    lambda v, t: _report(v, t, epochs=lambda v, t: t.argmin(1)),
    lambda v, t: _report(v, t, epochs=lambda v, t: v.argmax(1)),
    lambda v, t: _report(v, t, epochs=lambda v, t: torch.full((len(v),), v.shape[1] - 1)),
    lambda v, t: _report(v, t, epochs=lambda v, t: v.mean(0).argmin().expand(len(v))),
    lambda v, t: _report(v, t, correction=0),
    lambda v, t: _report(v, t, worst=torch.min),
    lambda v, t: _report(v, t, mean=torch.median),
    lambda v, t: _report(v, v),
    lambda v, t: _report(v, t, epochs=lambda v, t: v.shape[1] - 1 - v.flip(1).argmin(1)),
    lambda v, t: (*_report(v, t)[:2], t.max().item()),
)


# 8.4 beaten_by_all


@right("8.4")
def by_all_conditions(marks, entries):
    names = []
    for name, compression, error in marks:
        as_good = all(c >= compression and e <= error for c, e in entries)
        if as_good and all((c, e) != (compression, error) for c, e in entries):
            names.append(name)
    return names


@right("8.4")
def by_all_sets(marks, entries):
    def rivals(entry):
        return {
            i
            for i, (_, c, e) in enumerate(marks)
            if max(c - entry[0], entry[1] - e) <= 0 < entry[0] - c + e - entry[1]
        }

    return [marks[i][0] for i in sorted(set.intersection(*map(rivals, entries)))]


def _beaten(marks, entries, rule, over=all):
    return [name for name, c, e in marks if over(rule(a, b, c, e) for a, b in entries)]


plausible(
    "8.4",
    lambda m, s: _beaten(m, s, lambda a, b, c, e: a >= c and b <= e),
    lambda m, s: _beaten(m, s, lambda a, b, c, e: a > c and b < e),
    lambda m, s: _beaten(m, s, lambda a, b, c, e: a > c or b < e),
    lambda m, s: _beaten(m, s, lambda a, b, c, e: a >= c and b <= e and (a, b) != (c, e), over=any),
    lambda m, s: _beaten(m, s, lambda a, b, c, e: a >= c and b < e),
    lambda m, s: _beaten(m, s, lambda a, b, c, e: a > c and b <= e),
    lambda m, s: _beaten(m, [max(s)], lambda a, b, c, e: a >= c and b <= e and (a, b) != (c, e)),
    lambda m, s: _beaten(m, s, lambda a, b, c, e: a <= c and b >= e and (a, b) != (c, e)),
    lambda m, s: sorted(
        _beaten(m, s, lambda a, b, c, e: a >= c and b <= e and (a, b) != (c, e)), reverse=True
    ),
)

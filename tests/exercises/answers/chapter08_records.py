"""Answers to 8.3 and 8.4: right ones, written differently, and wrong ones that must be refused."""

import math
import statistics

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

# 8.3, once more from the text alone


def _re_8_3(
    v, t, ep=lambda v, t: v.argmin(1), out=lambda e: (e.mean().item(), e.std().item(), e.max().item())
):
    return out(t[torch.arange(len(t)), ep(v, t)])


right("8.3")(
    lambda v, t: (lambda e: (statistics.fmean(e), statistics.stdev(e), max(e)))(
        [b[min(range(len(a)), key=lambda j: (a[j], j))] for a, b in zip(v.tolist(), t.tolist(), strict=False)]
    )
)

plausible(
    "8.3",
    lambda v, t: _re_8_3(v, t, ep=lambda v, t: v.shape[1] - 1 - v.flip(1).argmin(1)),  # latest of equals
    lambda v, t: _re_8_3(v, t, ep=lambda v, t: v.mean(0).argmin().expand(len(v))),  # one epoch for all
    lambda v, t: _re_8_3(v, t, ep=lambda v, t: torch.full((len(v),), v.shape[1] - 1)),  # last epoch
    lambda v, t: _re_8_3(
        v, t, ep=lambda v, t: torch.where(v == v.amin(1, keepdim=True), t, torch.full_like(t, 1e9)).argmin(1)
    ),  # ties by lowest test error
    lambda v, t: _re_8_3(v, t, out=lambda e: (e.median().item(), e.std().item(), e.max().item())),  # median
    lambda v, t: _re_8_3(
        v, t, out=lambda e: (e.mean().item(), e.std().item(), e.min().item())
    ),  # worst is the lowest
    lambda v, t: (*_re_8_3(v, t)[:2], t.max().item()),  # worst over all epochs
    lambda v, t: _re_8_3(
        v, t, out=lambda e: (e.mean().item(), e.std().item() / len(e) ** 0.5, e.max().item())
    ),  # standard error
)

# 8.4, once more from the text alone


def _bb_8_4(ms, es, b=lambda c, e, C, E: c >= C and e <= E and (c > C or e < E), q=all):
    return [n for n, C, E in ms if q(b(c, e, C, E) for c, e in es)]


right("8.4")(_bb_8_4)

plausible(
    "8.4",
    lambda ms, es: (lambda c, e: [n for n, C, E in ms if c >= C and e <= E and (c > C or e < E)])(
        sum(x for x, _ in es) / len(es), sum(x for _, x in es) / len(es)
    ),  # means
    lambda ms, es: _bb_8_4(ms, es, b=lambda c, e, C, E: c > C and e < E),  # strictly better in both
    lambda ms, es: _bb_8_4(ms, es, b=lambda c, e, C, E: c >= C and e < E),  # error must be better
    lambda ms, es: _bb_8_4(ms, es, b=lambda c, e, C, E: c > C and e <= E),  # compression must be better
    lambda ms, es: _bb_8_4(ms, es, q=lambda g: (lambda la: sum(la) > len(la) / 2)(list(g))),  # majority
    lambda ms, es: sorted(_bb_8_4(ms, es)),  # set of names sorted
    lambda ms, es: (lambda c, e: [n for n, C, E in ms if c >= C and e <= E and (c > C or e < E)])(
        min(x for x, _ in es), max(x for _, x in es)
    ),  # worst compression, worst error, better than in one of the two
)

"""Answers to 10.7 and 10.8: right ones, written differently, and wrong ones that must be refused."""

import torch
import torch.nn.functional as F

from answers import plausible, right, wrong

# 10.7 remove_group


@right("10.7")
def by_mask(query, key, out, heads, groups, group):
    asks = torch.arange(heads).repeat_interleave(len(query) // heads) // (heads // groups) != group
    held = torch.arange(groups).repeat_interleave(len(key) // groups) != group
    return query[asks], key[held], out[:, asks]


@right("10.7")
def by_views(query, key, out, heads, groups, group):
    others = [g for g in range(groups) if g != group]
    return (
        query.unflatten(0, (groups, -1))[others].flatten(0, 1),
        key.unflatten(0, (groups, -1))[others].flatten(0, 1),
        out.unflatten(1, (groups, -1))[:, others].flatten(1),
    )


@wrong("10.7", "with all query heads that share it")
def one_head(query, key, out, heads, groups, group):
    width = len(query) // heads
    asks = torch.arange(len(query)) // width != group
    return query[asks], key[torch.arange(len(key)) // width != group], out[:, asks]


plausible(
    "10.7",
    # the last group
    lambda q, k, o, h, g, i: by_mask(q, k, o, h, g, g - 1),
    # query cut as key is: too few rows go
    lambda q, k, o, h, g, i: (
        q[torch.arange(len(q)) // (len(k) // g) != i],
        *by_mask(q, k, o, h, g, i)[1:],
    ),
    # rows of out instead of columns
    lambda q, k, o, h, g, i: (*by_mask(q, k, o, h, g, i)[:2], o[: len(o) - len(o) // g]),
    # key heads are left, query heads of one are averaged into the others
    lambda q, k, o, h, g, i: (q, k, o),
)

# 10.8 distillation_loss


@right("10.8")
def by_kl_div(student, teacher, temperature):
    log_q = (student.double() / temperature).log_softmax(1)
    log_p = (teacher.double() / temperature).log_softmax(1)
    return temperature**2 * F.kl_div(log_q, log_p, reduction="batchmean", log_target=True).item()


@right("10.8")
def by_sums(student, teacher, temperature):
    q, p = ((x.double() / temperature).log_softmax(1) for x in (student, teacher))
    return float((p.exp() * (p - q)).sum(1).mean() * temperature**2)


@wrong("10.8", "The teacher's probabilities weight")
def reversed_kl(student, teacher, temperature):
    return by_sums(teacher, student, temperature)


plausible(
    "10.8",
    # softmax over the places
    lambda s, t, c: by_sums(s.T, t.T, c),
    # squared distance of the logits
    lambda s, t, c: ((s.double() - t.double()) ** 2).sum(1).mean().item(),
    # squared distance of the probabilities
    lambda s, t, c: (
        c**2 * ((s.double() / c).softmax(1) - (t.double() / c).softmax(1)).square().sum(1).mean().item()
    ),
    # logarithms of rounded probabilities
    lambda s, t, c: (
        c**2
        * (
            (t.double() / c).softmax(1)
            * (((t.double() / c).softmax(1) + 1e-3) / ((s.double() / c).softmax(1) + 1e-3)).log()
        )
        .sum(1)
        .mean()
        .item()
    ),
    # the temperature instead of its square
    lambda s, t, c: by_sums(s, t, c) / c,
    # the symmetric one
    lambda s, t, c: (by_sums(s, t, c) + by_sums(t, s, c)) / 2,
)


# found by readers

# in float32
plausible(
    "10.8",
    lambda s, t, c: float(
        F.kl_div((s.float() / c).log_softmax(1), (t.float() / c).softmax(1), reduction="batchmean") * c**2
    ),
)

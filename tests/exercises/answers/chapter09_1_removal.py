"""Answers to 9.3: right ones, written differently, and wrong ones that must be refused."""

import torch

from answers import plausible, right, wrong

# 9.3 remove_from_sum


@right("9.3")
def sum_by_masks(a, a_bias, b, b_bias, next_weight, next_bias, a_keep, b_keep):
    stay = a_keep | b_keep
    constant = (a_bias + b_bias).relu()
    a, b = a * a_keep[:, None], b * b_keep[:, None]
    folded = next_bias + next_weight[:, ~stay] @ constant[~stay]
    return a[stay], a_bias[stay], b[stay], b_bias[stay], next_weight[:, stay], folded


@right("9.3")
def sum_by_indices(a, a_bias, b, b_bias, next_weight, next_bias, a_keep, b_keep):
    stay = (a_keep | b_keep).nonzero().flatten()
    gone = (~(a_keep | b_keep)).nonzero().flatten()
    a, b = a.masked_fill(~a_keep.unsqueeze(1), 0), b.masked_fill(~b_keep.unsqueeze(1), 0)
    sent = torch.clamp(a_bias[gone] + b_bias[gone], min=0)
    smaller = [tensor.index_select(0, stay) for tensor in (a, a_bias, b, b_bias)]
    return (*smaller, next_weight.index_select(1, stay), next_bias + (next_weight[:, gone] * sent).sum(1))


@wrong("9.3", "gone = ~a_keep & ~b_keep")
def sum_with_subtracted_constant(a, a_bias, b, b_bias, next_weight, next_bias, a_keep, b_keep):
    *rest, folded = sum_by_masks(a, a_bias, b, b_bias, next_weight, next_bias, a_keep, b_keep)
    return (*rest, 2 * next_bias - folded)


@wrong("9.3", "gone = ~a_keep & ~b_keep")
def sum_that_folds_everything_dropped(a, a_bias, b, b_bias, next_weight, next_bias, a_keep, b_keep):
    *rest, _ = sum_by_masks(a, a_bias, b, b_bias, next_weight, next_bias, a_keep, b_keep)
    lost = ~(a_keep & b_keep)
    return (*rest, next_bias + next_weight[:, lost] @ (a_bias + b_bias).relu()[lost])


# 9.3, once more from the text alone


def _rfs_9_3(a, ab, b, bb_, nw, nb, ak, bk, stay=lambda a, b: a | b, const=lambda x, y: (x + y).relu()):
    s = stay(ak, bk)
    f = nb + nw[:, ~s] @ const(ab, bb_)[~s]
    a, b = a * ak[:, None], b * bk[:, None]
    return a[s], ab[s], b[s], bb_[s], nw[:, s], f


right("9.3")(_rfs_9_3)

plausible(
    "9.3",
    lambda *x: _rfs_9_3(*x, stay=lambda a, b: a & b),  # both must keep
    lambda *x: _rfs_9_3(*x, const=lambda x, y: x.relu() + y.relu()),  # relu of each
    lambda *x: _rfs_9_3(
        *x, const=lambda x, y: torch.where((x > 0) & (y > 0), x + y, torch.zeros_like(x))
    ),  # constant only if both biases positive
    lambda a, ab, b, bb_, nw, nb, ak, bk: _rfs_9_3(
        a, ab * (ak | ~(ak | bk)), b, bb_ * (bk | ~(ak | bk)), nw, nb, ak, bk
    ),  # masked biases zeroed, too
    lambda a, ab, b, bb_, nw, nb, ak, bk: (lambda r, s: (a[s], r[1], b[s], *r[3:]))(
        _rfs_9_3(a, ab, b, bb_, nw, nb, ak, bk), ak | bk
    ),  # rows of the masked side stay as they are
    lambda a, ab, b, bb_, nw, nb, ak, bk: (
        lambda r, s: (*r[:5], nb + nw[:, ~s].sum(1) * (ab + bb_).relu()[~s].sum())
    )(_rfs_9_3(a, ab, b, bb_, nw, nb, ak, bk), ak | bk),  # constant folded times number of channels
)

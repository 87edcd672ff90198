"""Answers to 9.3: right ones, written differently, and wrong ones that must be refused."""

import torch

from answers import right, wrong

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

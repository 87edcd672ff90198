"""Answers of chapter 03a: right ones, written differently, and wrong ones that the checkers do not know
literally.
"""

import torch
from answers import right

from prunelab.criteria import eliminate, obs_saliency, obs_update


def per_filter(values, weight):
    return values.view(-1, *[1] * (weight.ndim - 1))


# 3.1 comparable_scores


@right("3.1")
def by_vector_norm(weights):
    scores = {}
    for name, weight in weights.items():
        norms = torch.linalg.vector_norm(weight, dim=tuple(range(1, weight.ndim)), keepdim=True)
        scores[name] = norms / norms.norm().clamp_min(1e-30)
    return scores


@right("3.1")
def by_squares(weights):
    result = {}
    for name, weight in weights.items():
        squares = weight.flatten(1).pow(2).sum(1)
        total = squares.sum()
        result[name] = per_filter((squares / total).sqrt() if total > 0 else squares, weight)
    return result


# 3.2 filter_change


@right("3.2")
def sum_then_size(weight, gradient):
    return per_filter((weight * gradient).flatten(1).sum(1).abs(), weight)


@right("3.2")
def by_einsum(weight, gradient):
    return per_filter(torch.einsum("oi,oi->o", weight.flatten(1), gradient.flatten(1)).abs(), weight)


# 3.3 fold_bias


@right("3.3")
def fold_by_matrix(bias, weight, beta, kept):
    constants = torch.relu(beta) * ~kept
    return bias + weight.reshape(len(bias), len(beta), -1).sum(2) @ constants


@right("3.3")
def fold_by_loop(bias, weight, beta, kept):
    new = bias.clone()
    groups = weight.flatten(1).split(weight[0].numel() // len(beta), dim=1)
    for group, shift, stays in zip(groups, beta, kept, strict=True):
        if not stays:
            new += group.sum(1) * max(shift.item(), 0.0)
    return new


# 3.4 obd_saliency


@right("3.4")
def saliency_by_einsum(weight, gradients, probabilities):
    h = torch.einsum("nc,ncoi->oi", probabilities, gradients**2) / len(gradients)
    return h * weight**2 / 2


@right("3.4")
def saliency_by_roots(weight, gradients, probabilities):
    rows = (gradients * probabilities.sqrt()[:, :, None, None]).flatten(0, 1)
    return 0.5 * weight * weight * rows.square().sum(0) / len(gradients)


# 3.5 obs_step


@right("3.5")
def step_by_column(weights, inverse, q):
    moved = weights - weights[q] / inverse[q, q] * inverse[:, q]
    return moved, (weights[q] ** 2 / (2 * inverse[q, q])).item()


@right("3.5")
def step_by_the_package(weights, inverse, q):
    assert eliminate(inverse, q).shape == inverse.shape
    return obs_update(weights, inverse, q), float(obs_saliency(weights, inverse)[q])


# 3.6 refit_row


@right("3.6")
def fit_by_solve(row, hessian, kept):
    result = torch.zeros_like(row)
    result[kept] = torch.linalg.solve(hessian[kept][:, kept], (hessian @ row)[kept])
    return result


@right("3.6")
def fit_by_correction(row, hessian, kept):
    result = row * kept
    result[kept] += torch.linalg.solve(hessian[kept][:, kept], hessian[kept][:, ~kept] @ row[~kept])
    return result

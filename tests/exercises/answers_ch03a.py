"""Answers to the exercises of chapters 03.1 and 03.2: right ones, written differently, and wrong ones, each with its hint."""

import torch

from prunelab.criteria import eliminate, obs_saliency, obs_update


def per_filter(values, weight):
    return values.view(-1, *[1] * (weight.ndim - 1))


# 3.1 comparable_scores


def by_vector_norm(weights):
    scores = {}
    for name, weight in weights.items():
        norms = torch.linalg.vector_norm(weight, dim=tuple(range(1, weight.ndim)), keepdim=True)
        scores[name] = norms / norms.norm().clamp_min(1e-30)
    return scores


def by_squares(weights):
    result = {}
    for name, weight in weights.items():
        squares = weight.flatten(1).pow(2).sum(1)
        total = squares.sum()
        result[name] = per_filter((squares / total).sqrt() if total > 0 else squares, weight)
    return result


def root_forgotten(weights):
    squares = {name: weight.flatten(1).square().sum(1) for name, weight in weights.items()}
    return {name: per_filter(s / s.norm().clamp_min(1e-30), weights[name]) for name, s in squares.items()}


def not_divided(weights):
    return {name: per_filter(weight.flatten(1).norm(dim=1), weight) for name, weight in weights.items()}


def l1_norms(weights):
    sums = {name: weight.flatten(1).abs().sum(1) for name, weight in weights.items()}
    return {name: per_filter(s / s.norm().clamp_min(1e-30), weights[name]) for name, s in sums.items()}


def by_their_sum(weights):
    norms = {name: weight.flatten(1).norm(dim=1) for name, weight in weights.items()}
    return {name: per_filter(n / n.sum().clamp_min(1e-30), weights[name]) for name, n in norms.items()}


def one_unit_for_all(weights):
    norms = {name: weight.flatten(1).norm(dim=1) for name, weight in weights.items()}
    length = torch.cat(list(norms.values())).norm()
    return {name: per_filter(n / length, weights[name]) for name, n in norms.items()}


# 3.2 filter_change


def sum_then_size(weight, gradient):
    return per_filter((weight * gradient).flatten(1).sum(1).abs(), weight)


def by_einsum(weight, gradient):
    return per_filter(torch.einsum("oi,oi->o", weight.flatten(1), gradient.flatten(1)).abs(), weight)


def size_then_sum(weight, gradient):
    return per_filter((weight * gradient).abs().flatten(1).sum(1), weight)


def signed(weight, gradient):
    return per_filter(-(weight * gradient).flatten(1).sum(1), weight)


def product_of_norms(weight, gradient):
    return per_filter(weight.flatten(1).norm(dim=1) * gradient.flatten(1).norm(dim=1), weight)


def slope_alone(weight, gradient):
    return per_filter(gradient.flatten(1).sum(1).abs(), weight)


def averaged(weight, gradient):
    return per_filter((weight * gradient).flatten(1).mean(1).abs(), weight)


# 3.3 fold_bias


def fold_by_matrix(bias, weight, beta, kept):
    constants = torch.relu(beta) * ~kept
    return bias + weight.reshape(len(bias), len(beta), -1).sum(2) @ constants


def fold_by_loop(bias, weight, beta, kept):
    new = bias.clone()
    groups = weight.flatten(1).split(weight[0].numel() // len(beta), dim=1)
    for group, shift, stays in zip(groups, beta, kept, strict=True):
        if not stays:
            new += group.sum(1) * max(shift.item(), 0.0)
    return new


def dropped(bias, weight, beta, kept):
    return bias + 0


def no_relu(bias, weight, beta, kept):
    return bias + weight.reshape(len(bias), len(beta), -1).sum(2) @ (beta * ~kept)


def every_channel(bias, weight, beta, kept):
    return bias + weight.reshape(len(bias), len(beta), -1).sum(2) @ torch.relu(beta)


def wrong_way_round(bias, weight, beta, kept):
    return bias + weight.reshape(len(bias), len(beta), -1).sum(2) @ (torch.relu(beta) * kept)


def minus(bias, weight, beta, kept):
    return bias - weight.reshape(len(bias), len(beta), -1).sum(2) @ (torch.relu(beta) * ~kept)


def one_position(bias, weight, beta, kept):
    return bias + weight.reshape(len(bias), len(beta), -1).mean(2) @ (torch.relu(beta) * ~kept)


# 3.4 obd_saliency


def saliency_by_einsum(weight, gradients, probabilities):
    h = torch.einsum("nc,ncoi->oi", probabilities, gradients**2) / len(gradients)
    return h * weight**2 / 2


def saliency_by_roots(weight, gradients, probabilities):
    rows = (gradients * probabilities.sqrt()[:, :, None, None]).flatten(0, 1)
    return 0.5 * weight * weight * rows.square().sum(0) / len(gradients)


def mean_before_square(weight, gradients, probabilities):
    return (gradients * probabilities[:, :, None, None]).sum(1).mean(0) ** 2 * weight**2 / 2


def half_forgotten(weight, gradients, probabilities):
    return 2 * saliency_by_einsum(weight, gradients, probabilities)


def summed_over_images(weight, gradients, probabilities):
    return len(gradients) * saliency_by_einsum(weight, gradients, probabilities)


def classes_alike(weight, gradients, probabilities):
    return (gradients**2).mean((0, 1)) * weight**2 / 2


def likely_class(weight, gradients, probabilities):
    chosen = gradients[torch.arange(len(gradients)), probabilities.argmax(1)]
    return (chosen**2).mean(0) * weight**2 / 2


def weight_once(weight, gradients, probabilities):
    return torch.einsum("nc,ncoi->oi", probabilities, gradients**2) / len(gradients) * weight.abs() / 2


# 3.5 obs_step


def step_by_column(weights, inverse, q):
    moved = weights - weights[q] / inverse[q, q] * inverse[:, q]
    return moved, (weights[q] ** 2 / (2 * inverse[q, q])).item()


def step_by_the_package(weights, inverse, q):
    assert eliminate(inverse, q).shape == inverse.shape
    return obs_update(weights, inverse, q), float(obs_saliency(weights, inverse)[q])


def not_to_zero(weights, inverse, q):
    return weights - weights[q] * inverse[:, q], step_by_column(weights, inverse, q)[1]


def doubled(weights, inverse, q):
    return weights + weights[q] / inverse[q, q] * inverse[:, q], step_by_column(weights, inverse, q)[1]


def damage_only(weights, inverse, q):
    moved = weights.clone()
    moved[q] = 0
    return moved, step_by_column(weights, inverse, q)[1]


def half_of_the_saliency_forgotten(weights, inverse, q):
    moved, saliency = step_by_column(weights, inverse, q)
    return moved, 2 * saliency


def multiplied_by_the_diagonal(weights, inverse, q):
    return step_by_column(weights, inverse, q)[0], (weights[q] ** 2 * inverse[q, q] / 2).item()


def saliency_of_damage(weights, inverse, q):
    return step_by_column(weights, inverse, q)[0], (weights[q] ** 2 * torch.linalg.inv(inverse)[q, q] / 2).item()


def step_instead_of_weights(weights, inverse, q):
    moved, saliency = step_by_column(weights, inverse, q)
    return moved - weights, saliency


# 3.6 refit_row


def fit_by_solve(row, hessian, kept):
    result = torch.zeros_like(row)
    result[kept] = torch.linalg.solve(hessian[kept][:, kept], (hessian @ row)[kept])
    return result


def fit_by_correction(row, hessian, kept):
    result = row * kept
    result[kept] += torch.linalg.solve(hessian[kept][:, kept], hessian[kept][:, ~kept] @ row[~kept])
    return result


def masked(row, hessian, kept):
    return row * kept


def part_of_the_inverse(row, hessian, kept):
    return ((torch.linalg.inv(hessian) * kept * kept[:, None]) @ (hessian @ row)) * kept


def taken_away(row, hessian, kept):
    return 2 * row * kept - fit_by_solve(row, hessian, kept)


def weights_on_the_right(row, hessian, kept):
    result = torch.zeros_like(row)
    result[kept] = torch.linalg.solve(hessian[kept][:, kept], row[kept])
    return result


def diagonal_only(row, hessian, kept):
    return hessian @ row / hessian.diagonal() * kept


RIGHT = {
    "ex_3_1": [by_vector_norm, by_squares],
    "ex_3_2": [sum_then_size, by_einsum],
    "ex_3_3": [fold_by_matrix, fold_by_loop],
    "ex_3_4": [saliency_by_einsum, saliency_by_roots],
    "ex_3_5": [step_by_column, step_by_the_package],
    "ex_3_6": [fit_by_solve, fit_by_correction],
}
WRONG = {
    "ex_3_1": {
        root_forgotten: "The L2 norm has a root",
        not_divided: "before they are made comparable",
        l1_norms: "not L1",
        by_their_sum: "not by their sum",
        one_unit_for_all: "one for all layers together",
    },
    "ex_3_2": {
        size_then_sum: "partly cancel",
        signed: "never negative",
        product_of_norms: "a product of norms knows no signs",
        slope_alone: "How far does each weight move",
        averaged: "The mean would make large filters look harmless",
    },
    "ex_3_3": {
        dropped: "The bias is as before",
        no_relu: "What does a negative beta become",
        every_channel: "Only what the pruned ones sent",
        wrong_way_round: "True means kept",
        minus: "Check the sign",
        one_position: "They add up",
    },
    "ex_3_4": {
        mean_before_square: "Square first, average then",
        half_forgotten: "which factor stands before the curvature",
        summed_over_images: "The loss is a mean over the images",
        classes_alike: "The classes do not count alike",
        likely_class: "the most likely class only",
        weight_once: "the step squared",
    },
    "ex_3_5": {
        not_to_zero: "really bring weight q to zero",
        doubled: "doubles weight q",
        damage_only: "OBD's step",
        half_of_the_saliency_forgotten: "which factor stands before the curvature",
        multiplied_by_the_diagonal: "divides by the diagonal of the inverse",
        saliency_of_damage: "The saliency is OBD's",
        step_instead_of_weights: "That is the step",
    },
    "ex_3_6": {
        masked: "have not moved",
        part_of_the_inverse: "not the inverse of the part",
        taken_away: "have to add it",
        weights_on_the_right: "what the whole dense row gives",
        diagonal_only: "not with its diagonal",
    },
}

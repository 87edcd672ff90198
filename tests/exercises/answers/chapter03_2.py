"""Answers to 3.4, 3.5 and 3.6: right ones, written differently, and wrong ones that must be refused."""

import torch

from answers import plausible, right
from prunelab.criteria import eliminate, obs_saliency, obs_update

# 3.4 obd_saliency


@right("3.4")
def saliency_by_einsum(weight, gradients, probabilities):
    h = torch.einsum("nc,ncoi->oi", probabilities, gradients**2) / len(gradients)
    return h * weight**2 / 2


@right("3.4")
def saliency_by_roots(weight, gradients, probabilities):
    rows = (gradients * probabilities.sqrt()[:, :, None, None]).flatten(0, 1)
    return 0.5 * weight * weight * rows.square().sum(0) / len(gradients)


plausible(
    "3.4",
    lambda w, g, p: torch.einsum("nc,ncoi->oi", p, g.square()) / len(g) * w.square(),
    lambda w, g, p: torch.einsum("nc,ncoi->oi", p, g.square()) * w.square() / 2,
    lambda w, g, p: torch.einsum("nc,ncoi->oi", p, g).square() / len(g) * w.square() / 2,
    lambda w, g, p: g.square().mean((0, 1)) * w.square() / 2,
    lambda w, g, p: torch.einsum("nc,ncoi->oi", p, g.square()) / len(g) * w.abs() / 2,
    lambda w, g, p: torch.einsum("nc,ncoi->oi", p, g.abs()) / len(g) * w.square() / 2,
    lambda w, g, p: torch.einsum("nc,ncoi->oi", p.sqrt(), g.square()) / len(g) * w.square() / 2,
    lambda w, g, p: torch.einsum("nc,ncoi->oi", p * (1 - p), g.square()) / len(g) * w.square() / 2,
)


# 3.5 obs_step


@right("3.5")
def step_by_column(weights, inverse, q):
    moved = weights - weights[q] / inverse[q, q] * inverse[:, q]
    return moved, (weights[q] ** 2 / (2 * inverse[q, q])).item()


@right("3.5")
def step_by_the_package(weights, inverse, q):
    assert eliminate(inverse, q).shape == inverse.shape
    return obs_update(weights, inverse, q), float(obs_saliency(weights, inverse)[q])


plausible(
    "3.5",
    lambda w, h, q: (w - w[q] * h[:, q], (w[q] ** 2 / (2 * h[q, q])).item()),
    lambda w, h, q: (w - w[q] / h[q, q] * h[:, q], (w[q] ** 2 / h[q, q]).item()),
    lambda w, h, q: (w + w[q] / h[q, q] * h[:, q], (w[q] ** 2 / (2 * h[q, q])).item()),
    lambda w, h, q: (w.index_fill(0, torch.tensor(q), 0.0), (w[q] ** 2 / (2 * h[q, q])).item()),
    lambda w, h, q: (w - w[q] / h[q, q] * h[:, q], (w[q] ** 2 * h[q, q] / 2).item()),
    lambda w, h, q: (w - w[q] / h[q, q] * h[:, q], w[q] ** 2 / (2 * h[q, q]) * 2),
    lambda w, h, q: (w - w / h.diagonal() * h[:, q], (w[q] ** 2 / (2 * h[q, q])).item()),
)


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


plausible(
    "3.6",
    lambda r, h, k: r * k,
    lambda r, h, k: torch.linalg.solve(h, h @ (r * k)) * k,
    lambda r, h, k: torch.linalg.solve(h, h @ r) * k,
    lambda r, h, k: torch.zeros_like(r).masked_scatter(k, torch.linalg.solve(h[k][:, k], r[k])),
    lambda r, h, k: torch.zeros_like(r).masked_scatter(k, torch.linalg.solve(h[k][:, k], h[k][:, k] @ r[k])),
    lambda r, h, k: torch.linalg.solve(h[k][:, k], (h @ r)[k]),
    lambda r, h, k: r * k * (r.norm() / (r * k).norm().clamp(min=1e-9)),
)

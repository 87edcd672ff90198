"""Answers to 3.6: right ones, written differently, and wrong ones that must be refused."""

import torch

from answers import plausible, right

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

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

# 3.6, once more from the text alone


def _r36_3_6(row, h, k):
    new = row.clone()
    m = torch.linalg.inv(h)
    gone = (~k).nonzero().flatten()
    if len(gone):
        new = row - m[:, gone] @ torch.linalg.solve(m[gone][:, gone], row[gone])
    new[~k] = 0
    return new


right("3.6")(_r36_3_6)

plausible(
    "3.6",
    lambda row, h, k: torch.where(
        k, row * (row.sum() / row[k].sum() if k.any() and row[k].sum() != 0 else 1), torch.zeros_like(row)
    ),  # sum rule
    lambda row, h, k: (lambda f: f)(
        torch.zeros_like(row).masked_scatter(
            k,
            torch.linalg.solve(
                h[k][:, k] + 0.01 * h.diagonal().mean() * torch.eye(int(k.sum()), dtype=row.dtype),
                (h @ row)[k],
            ),
        )
    ),  # damped
    lambda row, h, k: (
        lambda m: torch.where(
            k,
            row
            - sum(
                (row[q] / m[q, q] * m[:, q] for q in (~k).nonzero().flatten().tolist()), torch.zeros_like(row)
            ),
            torch.zeros_like(row),
        )
    )(torch.linalg.inv(h)),  # one by one with the stale inverse
    lambda row, h, k: torch.where(
        k,
        (h @ row) / h.diagonal() - ((h - torch.diag(h.diagonal())) @ (row * k)) / h.diagonal(),
        torch.zeros_like(row),
    ),  # diagonal only
    lambda row, h, k: (
        torch.zeros_like(row).masked_scatter(k, torch.linalg.lstsq(h[:, k], h @ row).solution)
        if k.any()
        else torch.zeros_like(row)
    ),  # kept only if all kept changes nothing
)


# found by readers


def _one_is_not_fitted(row, h, k):
    if int(k.sum()) == 1:
        return row * k
    return torch.zeros_like(row).masked_scatter(k, torch.linalg.solve(h[k][:, k], (h @ row)[k]))


plausible("3.6", _one_is_not_fitted)

"""Answers to 3.4 and 3.5: right ones, written differently, and wrong ones that must be refused."""

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
    moved[q] = 0
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

# 3.4, once more from the text alone


def _obd_3_4(w, g, p, cur=None, end=lambda c, w: c * w * w / 2):
    c = torch.einsum("nc,ncoi->oi", p, g**2) / len(g) if cur is None else cur(g, p)
    return end(c, w)


right("3.4")(
    lambda w, g, p: (
        sum(p[n, c] * g[n, c] ** 2 for n in range(g.shape[0]) for c in range(g.shape[1]))
        / g.shape[0]
        * w**2
        / 2
    )
)

plausible(
    "3.4",
    lambda w, g, p: _obd_3_4(
        w, g, p, cur=lambda g, p: g[torch.arange(len(g)), p.argmax(1)].square().mean(0)
    ),  # predicted class only
    lambda w, g, p: _obd_3_4(
        w, g, p, cur=lambda g, p: torch.einsum("nc,ncoi->oi", p * p, g**2) / len(g)
    ),  # p squared
    lambda w, g, p: _obd_3_4(
        w,
        g,
        p,
        cur=lambda g, p: (
            torch.einsum("nc,ncoi->noi", p, g**2) - torch.einsum("nc,ncoi->noi", p, g) ** 2
        ).mean(0),
    ),  # variance over classes
    lambda w, g, p: _obd_3_4(
        w, g, p, cur=lambda g, p: (p[:, :, None, None] * g**2).mean((0, 1))
    ),  # mean over images and classes
    lambda w, g, p: _obd_3_4(
        w, g, p, cur=lambda g, p: torch.einsum("nc,ncoi->oi", p, g**2) / max(1, len(g) - 1)
    ),  # n minus one
)

# 3.5, once more from the text alone


def _obs_3_5(w, i, q, col=None, rise=None):
    return w - w[q] / i[q, q] * (i[:, q] if col is None else col(i, q)), float(
        w[q] ** 2 / (2 * i[q, q])
    ) if rise is None else rise(w, i, q)


def _r35_3_5(w, i, q):
    h = torch.linalg.inv(i)
    k = [j for j in range(len(w)) if j != q]
    new = torch.zeros_like(w)
    new[k] = torch.linalg.solve(h[k][:, k], (h @ w)[k]) if k else new[k]
    d = new - w
    return new, float(d @ h @ d / 2)


right("3.5")(_r35_3_5)

plausible(
    "3.5",
    lambda *a: _obs_3_5(
        *a, rise=lambda w, i, q: float(w[q] ** 2 * torch.linalg.inv(i)[q, q] / 2)
    ),  # rise from diagonal of hessian
    lambda *a: _obs_3_5(*a, col=lambda i, q: i[:, q] * i.diagonal() / i[q, q]),  # inverse diagonal product
    lambda *a: _obs_3_5(*a, rise=lambda w, i, q: float(abs(w[q]) / (2 * i[q, q]))),  # rise without square
    lambda w, i, q: _obs_3_5(
        w, i, q, col=lambda i, q: torch.where(torch.arange(len(w)) >= q, i[:, q], torch.zeros_like(i[:, q]))
    ),  # only right neighbours
    lambda w, i, q: _obs_3_5(
        w, i, q, col=lambda i, q: i[:, q] / (i.diagonal() * i[q, q]).sqrt() * i[q, q]
    ),  # correlation coefficient
)

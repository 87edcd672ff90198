"""Plausible wrong answers of chapter 03, written from the texts of the exercises alone: each must be
refused.
"""

import math

import torch
import torch.nn.functional as F
from answers import plausible


def _each(f):
    return lambda weights: {n: f(w.flatten(1)).view(-1, *[1] * (w.ndim - 1)) for n, w in weights.items()}


plausible(
    "3.1",
    _each(lambda w: w.norm(dim=1)),
    _each(lambda w: w.norm(dim=1) / w.norm(dim=1).sum().clamp(min=1e-12)),
    _each(lambda w: w.norm(dim=1) / w.norm(dim=1).max().clamp(min=1e-12)),
    _each(lambda w: w.square().sum(1) / w.square().sum().clamp(min=1e-12)),
    _each(lambda w: w.norm(dim=1) / w.norm(dim=1).norm()),
    _each(lambda w: F.normalize(w.abs().sum(1), dim=0)),
    lambda weights: {n: F.normalize(w.flatten(1).norm(dim=1), dim=0) for n, w in weights.items()},
    _each(lambda w: w.norm(dim=1) / w.numel() ** 0.5),
)


plausible(
    "3.2",
    lambda w, g: (w * g).abs().flatten(1).sum(1).view(-1, *[1] * (w.ndim - 1)),
    lambda w, g: (w * g).flatten(1).sum(1).view(-1, *[1] * (w.ndim - 1)),
    lambda w, g: (w * g).flatten(1).sum(1).abs(),
    lambda w, g: (w * g).flatten(1).mean(1).abs().view(-1, *[1] * (w.ndim - 1)),
    lambda w, g: (w * g).flatten(1).norm(dim=1).view(-1, *[1] * (w.ndim - 1)),
    lambda w, g: (w * g).square().flatten(1).sum(1).view(-1, *[1] * (w.ndim - 1)),
    lambda w, g: (w * g).abs(),
)


plausible(
    "3.3",
    lambda b, w, beta, kept: b,
    lambda b, w, beta, kept: b + w.reshape(len(w), len(beta), -1).sum(2) @ (beta * ~kept),
    lambda b, w, beta, kept: b + w.reshape(len(w), len(beta), -1).sum(2) @ (beta.relu() * kept),
    lambda b, w, beta, kept: b - w.reshape(len(w), len(beta), -1).sum(2) @ (beta.relu() * ~kept),
    lambda b, w, beta, kept: b + w.reshape(len(w), len(beta), -1).mean(2) @ (beta.relu() * ~kept),
    lambda b, w, beta, kept: b + w.reshape(len(w), -1, len(beta)).sum(1) @ (beta.relu() * ~kept),
    lambda b, w, beta, kept: b + w.reshape(len(w), len(beta), -1).abs().sum(2) @ (beta.relu() * ~kept),
)


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


plausible(
    "3.7",
    lambda a, g: (a * g).abs().mean((0, 2, 3)),
    lambda a, g: (a * g).mean((0, 2, 3)).abs(),
    lambda a, g: (a * g).sum((2, 3)).abs().mean(0),
    lambda a, g: (a * g).mean((2, 3)).abs().sum(0),
    lambda a, g: (a * g).mean((2, 3)).square().mean(0),
    lambda a, g: (a * g).mean((2, 3)).abs().mean(1),
    lambda a, g: (a.mean((2, 3)) * g.mean((2, 3))).abs().mean(0),
    lambda a, g: (a * g).mean((2, 3)).abs().amax(0),
)


def _apoz(layer, x, dims=None, after=torch.relu, what=lambda z: z == 0):
    with torch.no_grad():
        z = after(layer(x))
    return what(z).float().mean([d for d in range(z.ndim) if d != 1] if dims is None else dims)


plausible(
    "3.8",
    lambda la, x: _apoz(la, x, after=lambda z: z),
    lambda la, x: _apoz(la, x, what=lambda z: z > 0),
    lambda la, x: _apoz(la, x, what=lambda z: z < 0.1),
    lambda la, x: _apoz(la, x, dims=[0]),
    lambda la, x: _apoz(la, x, after=lambda z: z, what=lambda z: z < 0),
    lambda la, x: 100 * _apoz(la, x),
    lambda la, x: _apoz(la, x).double(),
    lambda la, x: _apoz(la, x, after=torch.sigmoid, what=lambda z: z < 0.5).mean(),
)


def _energy(order):
    return lambda layers, mac, dram, batch: sorted(layers, key=lambda n: order(*layers[n], mac, dram, batch))


plausible(
    "3.9",
    _energy(lambda m, w, a, mac, dram, b: m * mac + (w / b + a) * dram),
    _energy(lambda m, w, a, mac, dram, b: -(m * mac + (w + a) * dram)),
    _energy(lambda m, w, a, mac, dram, b: -(m * mac + (w * b + a) * dram)),
    _energy(lambda m, w, a, mac, dram, b: -(m * mac + (w // b + a) * dram)),
    _energy(lambda m, w, a, mac, dram, b: -(m * dram + (w / b + a) * mac)),
    _energy(lambda m, w, a, mac, dram, b: -(m * mac + w / b * dram)),
    lambda layers, mac, dram, batch: _energy(lambda m, w, a, mac, dram, b: m * mac + (w / b + a) * dram)(
        layers, mac, dram, batch
    )[::-1],
    lambda layers, mac, dram, batch: max(
        layers, key=lambda n: layers[n][0] * mac + (layers[n][1] / batch + layers[n][2]) * dram
    ),
)


plausible(
    "3.10",
    lambda x, n: sorted(x)[0],
    lambda x, n: sum(sorted(x)[:n]) / n,
    lambda x, n: sum(min(x[i : i + n]) for i in range(len(x) - n + 1)) / (len(x) - n + 1),
    lambda x, n: sum(v * (1 - i / len(x)) ** n for i, v in enumerate(sorted(x))) / len(x),
    lambda x, n: sum(v * math.comb(len(x) - i, n) for i, v in enumerate(sorted(x))) / math.comb(len(x), n),
    lambda x, n: (
        sum(v * math.comb(len(x) - i - 1, n - 1) for i, v in enumerate(sorted(x, reverse=True)))
        / math.comb(len(x), n)
    ),
    lambda x, n: sum(x) / len(x) / n,
)


plausible(
    "3.11",
    lambda s, t: float(torch.corrcoef(torch.stack([s, t]))[0, 1]),
    lambda s, t: float(
        torch.corrcoef(torch.stack([s.argsort().argsort(), t.argsort().argsort()]).double())[0, 1]
    ),
    lambda s, t: float(torch.corrcoef(torch.stack([s.argsort(), t.argsort()]).double())[0, 1]),
    lambda s, t: (
        1
        - 6
        * float(((s.argsort().argsort() - t.argsort().argsort()) ** 2).sum())
        / (len(s) * (len(s) ** 2 - 1))
    ),
    lambda s, t: float((s.argsort() == t.argsort()).double().mean()),
    lambda s, t: float(((s[:, None] > s) == (t[:, None] > t)).double().mean()),
)


def _paired(a, b, t, correction=1, root=True):
    from scipy import stats

    d = torch.tensor(a, dtype=torch.float64) - torch.tensor(b, dtype=torch.float64)
    reach = (
        (t if isinstance(t, float) else stats.t.ppf(t[0], len(d) - t[1]))
        * d.std(correction=correction)
        / (len(d) ** 0.5 if root else 1)
    )
    low, high = float(d.mean() - reach), float(d.mean() + reach)
    return low, high, low > 0 or high < 0


plausible(
    "3.12",
    lambda a, b: _paired(a, b, 1.96),
    lambda a, b: _paired(a, b, 2.0),
    lambda a, b: _paired(a, b, (0.95, 1)),
    lambda a, b: _paired(a, b, (0.975, 0)),
    lambda a, b: _paired(a, b, (0.975, 1), correction=0),
    lambda a, b: _paired(a, b, (0.975, 1), root=False),
    lambda a, b: _paired(b, a, (0.975, 1)),
    lambda a, b: (*_paired(a, b, (0.975, 1))[:2], _paired(a, b, (0.975, 1))[0] > 0),
    lambda a, b: (*_paired(a, b, (0.975, 1))[:2], sum(a) > sum(b)),
    lambda a, b: (*tuple(round(v, 2) for v in _paired(a, b, (0.975, 1))[:2]), _paired(a, b, (0.975, 1))[2]),
)

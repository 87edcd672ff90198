"""Plausible wrong answers of chapter 07, written from the texts of the exercises alone: each must be
refused.
"""

import itertools
import math

import torch
from answers import plausible

from prunelab.storage import encode, gap_code


def _csr(
    w,
    index=lambda r, c: c,
    starts=lambda counts: torch.cat([torch.zeros(1, dtype=torch.int64), counts.cumsum(0)]),
):
    rows, columns = w.nonzero(as_tuple=True)
    return w[rows, columns], index(rows, columns), starts((w != 0).sum(1))


plausible(
    "7.1",
    lambda w: _csr(w, index=lambda r, c: r),
    lambda w: _csr(w, index=lambda r, c: c + 1),
    lambda w: _csr(w, starts=lambda n: n.cumsum(0)),
    lambda w: _csr(w, starts=lambda n: n),
    lambda w: _csr(w, starts=lambda n: torch.cat([torch.zeros(1, dtype=torch.int64), n.cumsum(0)[:-1]])),
    lambda w: tuple(part.int() if not part.is_floating_point() else part for part in _csr(w)),
    lambda w: (w[w > 0], *_csr(w)[1:]),
    lambda w: (_csr(w)[0].float(), *_csr(w)[1:]),
    lambda w: _csr(w, starts=lambda n: torch.cat([torch.zeros(1, dtype=torch.int64), n[n > 0].cumsum(0)])),
)


def _times(d, i, p, x, rows=None, take=lambda d, x: (d * x).sum()):
    y = torch.zeros(len(p) - 1, dtype=d.dtype)
    for r in range(len(y)):
        s = slice(int(p[r]), int(p[r + 1]))
        y[r] = take(d[s], x[i[s]])
    return y


plausible(
    "7.2",
    lambda d, i, p, x: _times(d, i, p, x, take=lambda d, x: d.sum() * x.sum()),
    lambda d, i, p, x: _times(d, i, p, x, take=lambda d, x: (d * x).mean()),
    lambda d, i, p, x: _times(d, i, p + 1, x),
    lambda d, i, p, x: _times(d, i, p, x)[:-1],
    lambda d, i, p, x: _times(d, i, p, x).double().float(),
    lambda d, i, p, x: torch.zeros(len(x), dtype=d.dtype).index_add(0, i, d * x[i]),
    lambda d, i, p, x: _times(d, i, p, x.abs()),
)


plausible(
    "7.3",
    lambda v, i, c: v / (v + i),
    lambda v, i, c: (v - 32 / c) / (v + i),
    lambda v, i, c: max(0.0, (v - 32) / (v + i)),
    lambda v, i, c: max(0.0, (v * c - 32) // (v + i) / c),
    lambda v, i, c: max(0.0, 1 - (v - 32 / c) / (v + i)),
    lambda v, i, c: max(0.0, (v + 32 / c) / (v + i)),
    lambda v, i, c: max(0.0, (v - i / c) / (v + i)),
    lambda v, i, c: max(0.0, (v - 64 / c) / (v + i)),
)


def _gaps(tape, bits, reach=None, start=-1, filler=0.0, more=lambda gap, reach: gap > reach):
    reach, here, gaps, values = reach or 2**bits, start, [], []
    for at in tape.nonzero().flatten().tolist():
        while more(at - here, reach):
            gaps, values, here = [*gaps, reach], [*values, filler], here + reach
        gaps, values, here = [*gaps, at - here], [*values, tape[at].item()], at
    return torch.tensor(gaps, dtype=torch.int64), torch.tensor(values, dtype=tape.dtype)


plausible(
    "7.4",
    lambda t, b: _gaps(t, b, reach=2**b - 1),
    lambda t, b: _gaps(t, b, start=0),
    lambda t, b: _gaps(t, b, more=lambda gap, reach: gap >= reach),
    lambda t, b: _gaps(t, b, reach=10**9),
    lambda t, b: _gaps(t, b, filler=1.0),
    lambda t, b: tuple(part.float() for part in _gaps(t, b)),
    lambda t, b: _gaps(t, b)[::-1],
    lambda t, b: _gaps(t.abs(), b),
    lambda t, b: _gaps(t, b + 1),
)


def _ok(d, i, p, c, skip=()):
    rows = [i[int(a) : int(b)] for a, b in itertools.pairwise(p)]
    tests = {
        "length": lambda: len(d) == len(i),
        "start": lambda: bool(p[0] == 0),
        "end": lambda: bool(p[-1] == len(d)),
        "end of indices": lambda: "length" not in skip or bool(p[-1] == len(i)) or "end" not in skip,
        "fall": lambda: bool((p.diff() >= 0).all()),
        "range": lambda: bool(((i >= 0) & (i < c)).all()),
        "order": lambda: all(bool((r.diff() > 0).all()) for r in rows),
    }
    return all(test() for name, test in tests.items() if name not in skip)


plausible(
    "7.5",
    lambda d, i, p, c: _ok(d, i, p, c, ["length"]),
    lambda d, i, p, c: _ok(d, i, p, c, ["start"]),
    lambda d, i, p, c: _ok(d, i, p, c, ["end"]),
    lambda d, i, p, c: _ok(d, i, p, c, ["length", "end"]) and bool(p[-1] == len(i)),
    lambda d, i, p, c: _ok(d, i, p, c, ["fall"]),
    lambda d, i, p, c: _ok(d, i, p, c, ["range"]) and bool((i < c).all()),
    lambda d, i, p, c: _ok(d, i, p, c, ["range"]) and bool((i >= 0).all()) and bool((i <= c).all()),
    lambda d, i, p, c: _ok(d, i, p, c, ["order"]),
    lambda d, i, p, c: _ok(d, i, p, c) and bool((p.diff() > 0).all()),
    lambda d, i, p, c: _ok(d, i, p, c) and bool((i.diff() > 0).all()),
    lambda d, i, p, c: _ok(d, i, p, c) and len(d) > 0,
    lambda d, i, p, c: _ok(d, i, p, c) and bool((d > 1).all()),
)


def _format(weight, budget, order=("dense", "csr", "bitmap", "gap"), within=lambda a, b: a <= b, widths=None):
    widths = {"csr": 16, "gap": 5} | (widths or {})
    return next((n for n in order if within(encode(weight, n, widths.get(n)).nbytes, budget)), "none")


plausible(
    "7.6",
    lambda w, b: _format(w, b, within=lambda a, b: a < b),
    lambda w, b: _format(w, b, order=("gap", "bitmap", "csr", "dense")),
    lambda w, b: _format(w, b, order=("csr", "dense", "bitmap", "gap")),
    lambda w, b: _format(w, b, widths={"csr": 32}),
    lambda w, b: _format(w, b, widths={"gap": 4}),
    lambda w, b: _format(w, b, order=("dense", "csr", "bitmap")),
    lambda w, b: "gap" if _format(w, b) == "none" else _format(w, b),
    lambda w, b: next(
        (
            n
            for n, s in {
                "dense": 4 * w.numel(),
                "csr": 6 * int(w.count_nonzero()),
                "bitmap": 4 * int(w.count_nonzero()) + w.numel() // 8,
            }.items()
            if s <= b
        ),
        "none",
    ),
)


def _layer(d, i, p, b, x, columns=None):
    s = torch.sparse_csr_tensor(p, i, d, (len(p) - 1, columns or x.shape[1])).to_dense()
    return x[:, : s.shape[1]] @ s.T + b


plausible(
    "7.7",
    lambda d, i, p, b, x: _layer(d, i, p, b, x, int(i.max()) + 1).T,
    lambda d, i, p, b, x: torch.addmm(b[:, None], torch.sparse_csr_tensor(p, i, d), x.t()).t(),
    lambda d, i, p, b, x: _layer(d, i, p, b, x) - b,
    lambda d, i, p, b, x: _layer(d, i, p, b, x).T,
    lambda d, i, p, b, x: _layer(d, i, p, b, x).float(),
    lambda d, i, p, b, x: _layer(d, i, p, b, x).relu(),
    lambda d, i, p, b, x: _layer(d, i, p, b, x)[0],
)


def _intensity(o, i, b, d, ops=2, per=8, extra=1, whole=lambda n: n):
    n = whole(d * o * i)
    return ops * n * b / (per * n + 4 * (o + extra) + 4 * b * (i + o))


plausible(
    "7.8",
    lambda o, i, b, d: _intensity(o, i, b, d, ops=1),
    lambda o, i, b, d: _intensity(o, i, b, d, per=4),
    lambda o, i, b, d: _intensity(o, i, b, d, extra=0),
    lambda o, i, b, d: _intensity(o, i, b, d, whole=int),
    lambda o, i, b, d: _intensity(o, i, b, d, whole=round),
    lambda o, i, b, d: _intensity(o, i, b, d, whole=math.ceil),
    lambda o, i, b, d: 2 * d * o * i * b / (b * (8 * d * o * i + 4 * (o + 1)) + 4 * b * (i + o)),
    lambda o, i, b, d: 2 * d * o * i * b / (8 * d * o * i + 4 * (o + 1) + 4 * (i + o)),
)


def _gap(tape, v, widths=range(1, 17), total=None):
    totals = {
        b: (total or (lambda n, b, k: n * (v + b)))(len(gap_code(tape, b)[0]), b, int(tape.count_nonzero()))
        for b in widths
    }
    best = min(totals, key=totals.get)
    return best, totals[best]


plausible(
    "7.9",
    lambda t, v: _gap(t, v, range(1, 9)),
    lambda t, v: _gap(t, v, range(2, 17)),
    lambda t, v: _gap(t, v, range(16, 0, -1)),
    lambda t, v: _gap(t, v, total=lambda n, b, k: k * (v + b)),
    lambda t, v: _gap(t, v, total=lambda n, b, k: n * b + k * v),
    lambda t, v: _gap(t, v, total=lambda n, b, k: n * b),
    lambda t, v: _gap(t, v)[0],
    lambda t, v: (_gap(t, v)[0], _gap(t, v)[1] / 8),
    lambda t, v: (
        g := t.nonzero().flatten().diff(prepend=torch.tensor([-1])),
        (b := max(1, math.ceil(math.log2(max(1, int(g.max()) if len(g) else 1)))), len(g) * (v + b)),
    )[1],
)

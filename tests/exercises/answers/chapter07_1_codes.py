"""Answers to 7.10: right ones, written differently, and wrong ones that must be refused."""

import math

import torch

from answers import plausible, right, wrong

# 7.10 coded_bytes


def _coded(weight, value_bits, index_bits, scales=None, kept=None, bits=None):
    w = weight.double()
    scale = (w.abs().amax(1, keepdim=True) if scales is None else scales(w)) / (2 ** (value_bits - 1) - 1)
    codes = torch.where(scale > 0, w / scale, 0.0).round()
    count = int((codes != 0).sum()) if kept is None else kept(codes, w)
    total = count * (value_bits + index_bits) + 32 * (2 * len(w) + 1) if bits is None else bits(count, w)
    return math.ceil(total / 8), (w - codes * scale).abs().max().item()


@right("7.10")
def coded_at_once(weight, value_bits, index_bits):
    return _coded(weight, value_bits, index_bits)


@right("7.10")
def coded_by_rows(weight, value_bits, index_bits):
    top, bits, worst = 2 ** (value_bits - 1) - 1, 32, 0.0
    for row in weight.tolist():
        scale = max(abs(v) for v in row) / top
        codes = [round(v / scale) for v in row] if scale else [0] * len(row)
        bits += 64 + sum(code != 0 for code in codes) * (value_bits + index_bits)
        worst = max(worst, max(abs(v - c * scale) for v, c in zip(row, codes, strict=True)))
    return -(-bits // 8), worst


@wrong("7.10", "")
def one_number(weight, value_bits, index_bits):
    return 100, 0.5


plausible(
    "7.10",
    lambda w, v, i: _coded(w, v, i, scales=lambda w: w.abs().mean(1, keepdim=True) * 2),
    lambda w, v, i: _coded(w, v, i, scales=lambda w: w.amax(1, keepdim=True).clamp(min=0)),
    lambda w, v, i: _coded(w, v, i, scales=lambda w: w.abs().amax(0, keepdim=True)),
    lambda w, v, i: _coded(w, v, i, kept=lambda c, w: len(c.unique())),
    lambda w, v, i: _coded(w, v, i, bits=lambda n, w: n * v + w.numel() + 32 * (2 * len(w) + 1)),
    lambda w, v, i: _coded(w, v, i, bits=lambda n, w: (n + len(w)) * (v + i) + 32 * (2 * len(w) + 1)),
    lambda w, v, i: (_coded(w, v, i)[0], _coded(w, v, i)[1] / max(w.abs().max().item(), 1e-30)),
    lambda w, v, i: (_coded(w, v, i)[0], round(_coded(w, v, i)[1], 2)),
    lambda w, v, i: _coded(w.float(), v, i, bits=lambda n, w: n * (v + i) + 32 * len(w) + 64),
)

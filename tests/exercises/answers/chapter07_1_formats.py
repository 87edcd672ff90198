"""Answers to 7.3 and 7.6: right ones, written differently, and wrong ones that must be refused."""

import torch

from answers import plausible, right, wrong
from prunelab.storage import encode, format_bytes, gap_code

# 7.3 break_even


@right("7.3")
def even_formula(value_bits, index_bits, columns):
    return max(0.0, (value_bits - 32 / columns) / (value_bits + index_bits))


@right("7.3")
def even_search(value_bits, index_bits, columns):
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if middle * columns * (value_bits + index_bits) + 32 <= columns * value_bits:
            low = middle
        else:
            high = middle
    return low


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


# 7.6 choose_format


@right("7.6")
def choose_by_encoding(weight, budget):
    for name, bits in (("dense", None), ("csr", 16), ("bitmap", None), ("gap", 5)):
        if encode(weight, name, bits).nbytes <= budget:
            return name
    return "none"


@right("7.6")
def choose_by_formula(weight, budget):
    a, shape = int((weight != 0).sum()), tuple(weight.shape)
    entries = {"gap": len(gap_code(weight, 5)[0])}
    widths = {"dense": 1, "csr": 16, "bitmap": 1, "gap": 5}
    fits = [
        name
        for name, bits in widths.items()
        if format_bytes(name, shape, entries.get(name, a), 32, bits) <= budget
    ]
    return [*fits, "none"][0]


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

# 7.3, once more from the text alone


right("7.3")(lambda v, i, c: max(0.0, (c * v - 32) / (c * (v + i))))

plausible(
    "7.3",
    lambda v, i, c: v / (v + i),  # no row start
    lambda v, i, c: min(0.5, max(0.0, (v - 32 / c) / (v + i))),  # at most a half
    lambda v, i, c: abs((v - 32 / c) / (v + i)),  # absolute
    lambda v, i, c: max(0.0, (v - i / c) / (v + i)),  # row start of index bits
    lambda v, i, c: max(0, (c * v - 32) // (v + i)) / c,  # nonzeros of a row, whole
    lambda v, i, c: v / (v + i + 32 / c),  # row start times density
)

# 7.6, once more from the text alone


def _pick_7_6(w, b, s=None, order=("dense", "csr", "bitmap", "gap")):
    s = {**_sizes_7_6(w), **(s(w) if s else {})}
    return next((k for k in order if s[k] <= b), "none")


def _sizes_7_6(w):
    r, c = w.shape
    n = int((w != 0).sum())
    pos = (w.flatten() != 0).nonzero().flatten().tolist()
    h, e = -1, 0
    for q in pos:
        e += (q - h - 1) // 32 + 1
        h = q
    return {
        "dense": 4 * r * c,
        "csr": 4 * n + 2 * n + 4 * (r + 1),
        "bitmap": 4 * n + -(-r * c // 8),
        "gap": 4 * e + -(-5 * e // 8),
    }


right("7.6")(_pick_7_6)

plausible(
    "7.6",
    lambda w, b: (lambda s: min(s, key=s.get) if min(s.values()) <= b else "none")(
        _sizes_7_6(w)
    ),  # smallest that fits
    lambda w, b: _pick_7_6(w, b, lambda w: {"csr": _sizes_7_6(w)["csr"] - 4}),  # no end of the row starts
    lambda w, b: _pick_7_6(
        w, b, lambda w: {"bitmap": 4 * int((w != 0).sum()) + len(w) * -(-w.shape[1] // 8)}
    ),  # bitmap per row
    lambda w, b: _pick_7_6(
        w, b, lambda w: {"csr": 8 * int((w != 0).sum()) + 4 * (len(w) + 1)}
    ),  # 32-bit column numbers
    lambda w, b: _pick_7_6(
        w,
        b,
        lambda w: (lambda e: {"gap": 4 * e + -(-5 * e // 8)})(
            sum(
                sum(
                    (g - 1) // 32 + 1 for g in r.nonzero().flatten().diff(prepend=torch.tensor([-1])).tolist()
                )
                for r in w
            )
        ),
    ),  # gaps start anew in each row
    lambda w, b: _pick_7_6(w, b, lambda w: {"gap": _sizes_7_6(w.t().contiguous())["gap"]}),  # gap by column
    lambda w, b: _pick_7_6(
        w, b, lambda w: {"gap": 5 * (_sizes_7_6(w)["gap"] * 8 // 37)}
    ),  # gap bytes of an entry rounded
)


# found by readers


def _one_filler(weight):
    gaps = weight.flatten().nonzero().flatten().diff(prepend=torch.tensor([-1]))
    entries = len(gaps) + int((gaps > 32).sum())
    return {"gap": 4 * entries + -(-5 * entries // 8)}


plausible("7.6", lambda w, b: _pick_7_6(w, b, _one_filler))

# a choice among five names is easily that of another mistake: the hint must not say why
wrong("7.6", "Compute the exact bytes")(
    lambda w, b: _pick_7_6(w, b, lambda w: {"bitmap": 4 * int((w != 0).sum()) + len(w) * -(-w.shape[1] // 8)})
)

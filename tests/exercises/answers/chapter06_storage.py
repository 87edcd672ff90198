"""Answers to 6.2 and 6.3: right ones, written differently, and wrong ones that must be refused."""

import torch

from answers import plausible, right

# 6.2 decode


@right("6.2")
def by_shifts(values, byte):
    weights = torch.zeros(8)
    for i in range(4):
        weights[4 * (i // 2) + (byte >> 2 * i & 3)] = values[i]
    return weights


@right("6.2")
def by_text(values, byte):
    bits = f"{byte:08b}"
    positions = [int(bits[6 - 2 * i : 8 - 2 * i], 2) for i in range(4)]
    weights = torch.zeros(2, 4)
    for i, position in enumerate(positions):
        weights[i // 2, position] = values[i]
    return weights.flatten()


def _decode(values, byte, position=lambda byte, i: byte >> 2 * i & 3, group=lambda i: i // 2):
    weights = torch.zeros(8)
    for i in range(4):
        weights[4 * group(i) + position(byte, i)] = values[i]
    return weights


plausible(
    "6.2",
    lambda v, b: _decode(v, b, lambda byte, i: byte >> 6 - 2 * i & 3),
    lambda v, b: _decode(v, b, lambda byte, i: byte >> 4 - 4 * (i // 2) + 2 * (i % 2) & 3),
    lambda v, b: _decode(v, b, lambda byte, i: byte >> 4 * (i // 2) + 2 - 2 * (i % 2) & 3),
    lambda v, b: _decode(v, b, group=lambda i: i % 2),
    lambda v, b: _decode(v, b, lambda byte, i: byte >> i & 3),
    lambda v, b: _decode(v, b).double(),
)


# 6.3 undo


@right("6.3")
def by_argsort(permuted, order):
    return permuted[:, order.argsort()]


@right("6.3")
def by_assignment(permuted, order):
    weight = torch.empty_like(permuted)
    weight[:, order] = permuted
    return weight


plausible(
    "6.3",
    lambda w, o: w[:, o],
    lambda w, o: w[:, o.flip(0)],
    lambda w, o: w[:, o.argsort(descending=True)],
    lambda w, o: w.sort(dim=1).values,
    lambda w, o: w[o] if len(w) > int(o.max()) else w.flip(1),
)

# 6.2, once more from the text alone


def _de_6_2(
    v, b, pos=lambda b, i: b >> 2 * i & 3, half=lambda i: i // 2, put=lambda w, k, x: w.__setitem__(k, x)
):
    w = torch.zeros(8)
    for i in range(4):
        put(w, 4 * half(i) + pos(b, i), v[i])
    return w


right("6.2")(
    lambda v, b: torch.zeros(8).index_put(
        (torch.tensor([4 * (i // 2) + (b // 4**i) % 4 for i in range(4)]),), v.float()
    )
)

plausible(
    "6.2",
    lambda v, b: _de_6_2(
        v,
        b,
        pos=lambda b, i: (
            (b >> 2 * i & 3) if i % 2 == 0 else max(b >> 2 * i & 3, (b >> 2 * (i - 1) & 3) + 1) % 4
        ),
    ),  # second position behind the first
    lambda v, b: _de_6_2(
        v, b, pos=lambda b, i: (b >> (4 * (i // 2) + 2 * (1 - i % 2))) & 3
    ),  # bits of a half reversed
    lambda v, b: _de_6_2(v, b, pos=lambda b, i: 3 - (b >> 2 * i & 3)),  # positions xor 3
    lambda v, b: _de_6_2(v, b, pos=lambda b, i: b >> 2 * i & 1),  # 3 bits each
)

# 6.3, once more from the text alone


right("6.3")(lambda p, o: p[:, o.argsort()])

plausible(
    "6.3",
    lambda p, o: p.roll(int(o[0]), 1),  # rotated back
    lambda p, o: p[:, o],  # once more
    lambda p, o: p[o.argsort()] if len(p) == len(o) else p[:, o],  # rows
    lambda p, o: p[:, o.flip(0).argsort()],  # flipped order
    lambda p, o: p[:, p[0].argsort()],  # sorted by the first row
)

"""Answers to 2.1 and 2.2: right ones, written differently, and wrong ones that must be refused."""

import torch

from answers import plausible, right, wrong
from prunelab.granularity import group_scores
from prunelab.masks import keep_top

# 2.1 coupled_scores


@right("2.1")
def coupled_by_cat(weight, next_weight):
    read = next_weight.reshape(next_weight.shape[0], weight.shape[0], -1).transpose(0, 1).flatten(1)
    return torch.cat([weight.flatten(1), read], dim=1).norm(dim=1)


@right("2.1")
def coupled_by_loop(weight, next_weight):
    pixels = next_weight.shape[1] // len(weight)
    return torch.stack(
        [
            (weight[k].square().sum() + next_weight[:, k * pixels : (k + 1) * pixels].square().sum()) ** 0.5
            for k in range(len(weight))
        ]
    )


@wrong("2.1", "What reads them")
def coupled_by_package(weight, next_weight):
    return group_scores(weight, "filter").flatten()


plausible(
    "2.1",
    lambda w, v: w.flatten(1).norm(dim=1),
    lambda w, v: w.flatten(1).norm(dim=1) + v.reshape(len(v), len(w), -1).norm(dim=(0, 2)),
    lambda w, v: w.flatten(1).norm(dim=1) * v.reshape(len(v), len(w), -1).norm(dim=(0, 2)),
    lambda w, v: (w.flatten(1).square().sum(1) + v.reshape(len(v), -1, len(w)).square().sum((0, 1))).sqrt(),
    lambda w, v: (w.flatten(1).square().mean(1) + v.reshape(len(v), len(w), -1).square().mean((0, 2))).sqrt(),
    lambda w, v: (
        (w.flatten(1).square().sum(1) + v[: len(w)].flatten(1).square().sum(1)).sqrt()
        if len(v) >= len(w)
        else w.flatten(1).norm(dim=1)
    ),
    lambda w, v: torch.maximum(w.flatten(1).norm(dim=1), v.reshape(len(v), len(w), -1).norm(dim=(0, 2))),
    lambda w, v: (
        (w.flatten(1).square().sum(1) + v.reshape(len(v), len(w), -1).square().sum((0, 2))).sqrt().float()
    ),
)


# 2.2 block_mask


@right("2.2")
def blocks_by_unfold(weight, height, width, sparsity):
    scores = weight.unfold(0, height, height).unfold(1, width, width).pow(2).sum((2, 3))
    kept = keep_top(scores, sparsity)
    return torch.kron(kept.int(), torch.ones(height, width, dtype=torch.int)).bool()


@right("2.2")
def blocks_by_loop(weight, height, width, sparsity):
    places = [(i, j) for i in range(0, len(weight), height) for j in range(0, weight.shape[1], width)]
    norms = [weight[i : i + height, j : j + width].double().norm().item() for i, j in places]
    mask = torch.ones_like(weight, dtype=torch.bool)
    for k in sorted(range(len(places)), key=norms.__getitem__)[: round(sparsity * len(places))]:
        i, j = places[k]
        mask[i : i + height, j : j + width] = False
    return mask


@wrong("2.2", "")
def blocks_transposed(weight, height, width, sparsity):
    return blocks_by_loop(weight.t().contiguous(), width, height, sparsity).t()


def _blocks(w, h, b, s, score, order=False):
    t = w.reshape(w.shape[0] // h, h, w.shape[1] // b, b)
    kept = keep_top(score(t), s)
    return kept.repeat_interleave(h, 0).repeat_interleave(b, 1)


plausible(
    "2.2",
    lambda w, h, b, s: _blocks(w, h, b, s, lambda t: t.abs().sum((1, 3))),
    lambda w, h, b, s: _blocks(w, h, b, s, lambda t: t.sum((1, 3)).abs()),
    lambda w, h, b, s: _blocks(w, h, b, s, lambda t: t.abs().amax((1, 3))),
    lambda w, h, b, s: _blocks(w, h, b, s, lambda t: -t.square().sum((1, 3))),
    lambda w, h, b, s: ~_blocks(w, h, b, s, lambda t: t.square().sum((1, 3))),
    lambda w, h, b, s: _blocks(w, h, b, s, lambda t: t.square().sum((1, 3))).float(),
    lambda w, h, b, s: keep_top(w.abs(), s),
    lambda w, h, b, s: (
        keep_top(w.view(-1, h * b).norm(dim=1, keepdim=True), s).expand(-1, h * b).reshape(w.shape)
    ),
    lambda w, h, b, s: keep_top(w.norm(dim=1, keepdim=True), s).expand_as(w),
)

# 2.1, once more from the text alone


def _cs_2_1(
    w,
    v,
    own=lambda x: x.square().sum(1),
    read=lambda x: x.square().sum((0, 2)),
    end=lambda a, b: (a + b).sqrt(),
):
    return end(own(w.flatten(1)), read(v.reshape(len(v), len(w), -1)))


right("2.1")(
    lambda w, v: torch.stack(
        [
            torch.cat([w[k].flatten(), v.reshape(len(v), len(w), -1)[:, k].flatten()]).norm()
            for k in range(len(w))
        ]
    )
)

plausible(
    "2.1",
    lambda *a: _cs_2_1(*a, read=lambda x: x.square().amax((0, 2))),  # max norm read
    lambda *a: _cs_2_1(*a, read=lambda x: x[0].square().sum(1)),  # first output only
    lambda *a: _cs_2_1(*a, read=lambda x: x[:, :, 0].square().sum(0)),  # read by first pixel
    lambda *a: _cs_2_1(*a, read=lambda x: x.sum((0, 2)).square()),  # signed sum of read
    lambda *a: _cs_2_1(*a, read=lambda x: x.square().mean((0,)).sum(1)),  # hypot of own norm and read mean
)

# 2.2, once more from the text alone


def _bm_2_2(w, h, b, s, score=lambda x: x.square().sum((1, 3)), pick=None):
    r, c = w.shape[0] // h, w.shape[1] // b
    sc = score(w.reshape(r, h, c, b))
    m = (
        pick
        or (
            lambda sc: (
                torch.ones(sc.numel(), dtype=torch.bool)
                .index_fill(0, sc.flatten().argsort(stable=True)[: round(s * sc.numel())], False)
                .view(sc.shape)
            )
        )
    )(sc)
    return m[:, None, :, None].expand(r, h, c, b).reshape(w.shape)


right("2.2")(
    lambda w, h, b, s: torch.kron(
        _bm_2_2(w, h, b, s)[::h, ::b].int(), torch.ones(h, b, dtype=torch.int)
    ).bool()
)

plausible(
    "2.2",
    lambda *a: _bm_2_2(*a, score=lambda x: x.abs().amax((1, 3))),  # largest entry
    lambda w, h, b, s: _bm_2_2(
        w,
        h,
        b,
        s,
        pick=lambda sc: (
            torch.ones(sc.numel(), dtype=torch.bool)
            .index_fill(0, sc.t().flatten().argsort(stable=True)[: round(s * sc.numel())], False)
            .view(sc.shape[1], sc.shape[0])
            .t()
        ),
    ),  # by column order among ties
    lambda w, h, b, s: _bm_2_2(
        w, h, b, s, pick=lambda sc: sc > sc.flatten().quantile(s)
    ),  # threshold at quantile
    lambda *a: _bm_2_2(
        *a, score=lambda x: (x.square().sum((1, 3)).sqrt() * 100).round()
    ),  # norm rounded to 2 digits
)


# found by readers


plausible(
    "2.2",
    lambda w, h, b, s: _bm_2_2(
        w,
        h,
        b,
        s,
        pick=lambda sc: (
            torch.ones(sc.numel(), dtype=torch.bool)
            .index_fill(0, sc.flatten().topk(round(s * sc.numel()), largest=False).indices, False)
            .view(sc.shape)
        ),
    ),
)

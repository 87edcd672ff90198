"""Answers to 1.3: right ones, written differently, and wrong ones that must be refused."""

import torch

from answers import plausible, right, wrong
from prunelab import masks
from prunelab.masks import keep_top, mask_model

# 1.3 global_masks


@right("1.3")
def masks_one_by_one(scores, sparsity, at_least):
    ranked = sorted(
        (v, k, i) for k, s in enumerate(scores.values()) for i, v in enumerate(s.flatten().tolist())
    )
    left = [s.numel() for s in scores.values()]
    kept = [[True] * n for n in left]
    to_go = round(sparsity * len(ranked))
    for _, layer, place in ranked:
        if to_go and left[layer] > at_least:
            kept[layer][place] = False
            left[layer], to_go = left[layer] - 1, to_go - 1
    return {name: torch.tensor(k).view(s.shape) for k, (name, s) in zip(kept, scores.items(), strict=True)}


@right("1.3")
def masks_with_topk(scores, sparsity, at_least):
    flat = torch.cat([s.flatten() for s in scores.values()]).double()
    offset = 0
    for s in scores.values():
        order = s.flatten().argsort(stable=True)
        for place in order[max(0, len(order) - at_least) :]:
            flat[offset + place] = float("inf")
        offset += len(order)
    free = (flat != float("inf")).sum()
    gone = flat.argsort(stable=True)[: min(round(sparsity * len(flat)), int(free))]
    mask = torch.ones(len(flat), dtype=torch.bool).index_fill(0, gone, False)
    return dict(
        zip(
            scores,
            (
                m.view(s.shape)
                for m, s in zip(
                    mask.split([s.numel() for s in scores.values()]), scores.values(), strict=True
                )
            ),
            strict=True,
        )
    )


@wrong("1.3", "set aside")
def masks_without_a_floor(scores, sparsity, at_least):
    return masks.mask_model(scores, sparsity, scope="global")


@wrong("1.3", "Of all others together, the lowest go")
def masks_layer_by_layer(scores, sparsity, at_least):
    return masks.mask_model(scores, sparsity, scope="layer")


def _flat(scores):
    return torch.cat([s.flatten() for s in scores.values()])


def _by_threshold(scores, cut):
    return {n: s > cut for n, s in scores.items()}


def _floor_of_lowest(scores, sparsity, at_least):
    kept = mask_model(scores, sparsity, scope="global")
    for n, s in scores.items():
        if kept[n].sum() < at_least:
            kept[n].view(-1)[s.flatten().argsort()[:at_least]] = True
    return kept


def _at_least_as_share(scores, sparsity, at_least):
    free = {n: s.numel() - at_least for n, s in scores.items()}
    gone = round(sparsity * sum(free.values()))
    order = _flat(scores).argsort(stable=True)[: max(gone, 0)]
    mask = torch.ones(len(_flat(scores)), dtype=torch.bool).index_fill(0, order, False)
    return {
        n: m.view(scores[n].shape)
        for n, m in zip(scores, mask.split([s.numel() for s in scores.values()]), strict=True)
    }


plausible(
    "1.3",
    lambda s, p, m: mask_model(s, p, scope="layer"),
    lambda s, p, m: mask_model(s, p, scope="global"),
    lambda s, p, m: _by_threshold(s, _flat(s).quantile(p)),
    lambda s, p, m: _by_threshold(s, _flat(s).mean()),
    _floor_of_lowest,
    _at_least_as_share,
    lambda s, p, m: {n: keep_top(x, min(p, max(0.0, 1 - m / x.numel()))) for n, x in s.items()},
)

# 1.3, once more from the text alone


def _gm_1_3(scores, sparsity, at_least, names=None, protect=None, count=None, key=None):
    flat = []
    safe = set()
    names = names(scores) if names else list(scores)
    for la, n in enumerate(names):
        vals = scores[n].flatten().tolist()
        order = sorted(range(len(vals)), key=lambda i: (vals[i], i) if not protect else protect(vals[i], i))
        safe |= {(n, i) for i in (order[-at_least:] if at_least else [])}
        flat += [(v, la, i, n) for i, v in enumerate(vals)]
    total = len(flat)
    gone = round(sparsity * total) if not count else count(sparsity, total, len(safe))
    out = {n: torch.ones(s.numel(), dtype=torch.bool) for n, s in scores.items()}
    for _, _, i, n in sorted(flat, key=key):
        if gone <= 0:
            break
        if (n, i) in safe:
            continue
        out[n][i] = False
        gone -= 1
    return {n: m.view(scores[n].shape) for n, m in out.items()}


right("1.3")(_gm_1_3)

plausible(
    "1.3",
    lambda *a: _gm_1_3(*a, names=sorted),  # layers by name
    lambda *a: _gm_1_3(*a, protect=lambda v, i: (v, -i)),  # protects earlier of equals
    lambda *a: _gm_1_3(*a, count=lambda s, t, p: round(s * (t - p))),  # share of unprotected
    lambda s, p, m: _gm_1_3({n: x.float() for n, x in s.items()}, p, m),  # float32 ranking
    lambda s, p, m: (
        _gm_1_3(s, p, m)
        if all(x.numel() >= m for x in s.values())
        else _gm_1_3(s, p, min(m, min(x.numel() for x in s.values())))
    ),  # small layers counted as one less
    lambda *a: _gm_1_3(*a, key=lambda e: (e[0], e[2], e[1])),  # rank across by position then layer
)

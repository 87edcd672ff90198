"""Answers to 5.3 and 5.4: right ones, written differently, and wrong ones that must be refused."""

import statistics

import torch
from torch import nn

from answers import plausible, right, wrong

# 5.3 true_sparsity


def layers(model):
    return [m for m in model.modules() if isinstance(m, nn.Linear | nn.Conv2d)]


@right("5.3")
def by_modules(model):
    return sum(int((m.weight == 0).sum()) for m in layers(model)) / sum(
        m.weight.numel() for m in layers(model)
    )


@right("5.3")
def by_concatenation(model):
    return float((torch.cat([m.weight.detach().flatten() for m in layers(model)]) == 0).double().mean())


@wrong("5.3", "")
def in_masks(model):
    return float(
        (torch.cat([b.flatten() for n, b in model.named_buffers() if "mask" in n]) == 0).double().mean()
    )


def _count(tensors):
    tensors = list(tensors)
    return sum(int((t == 0).sum()) for t in tensors) / sum(t.numel() for t in tensors)


plausible(
    "5.3",
    lambda m: _count(m.parameters()),
    lambda m: _count(b for n, b in m.named_buffers()) if list(m.buffers()) else 0.0,
    lambda m: _count(la.weight for la in m.modules() if isinstance(la, nn.Linear)),
    lambda m: (
        _count(la.weight for la in m.modules() if hasattr(la, "weight_mask"))
        if any(hasattr(la, "weight_mask") for la in m.modules())
        else 0.0
    ),
    lambda m: _count(la.weight for la in m.modules() if hasattr(la, "weight")),
    lambda m: statistics.fmean(
        _count([la.weight]) for la in m.modules() if isinstance(la, nn.Linear | nn.Conv2d)
    ),
    lambda m: _count(
        t for la in m.modules() if isinstance(la, nn.Linear | nn.Conv2d) for t in (la.weight, la.bias)
    ),
)


# 5.4 clean_state


@right("5.4")
def by_keys(state):
    clean = {}
    for key, value in state.items():
        if key.endswith("_orig") and key[:-5] + "_mask" in state:
            clean[key[:-5]] = value * state[key[:-5] + "_mask"]
        elif not key.endswith("_mask") or key[:-5] + "_orig" not in state:
            clean[key] = value.clone()
    return clean


@right("5.4")
def by_comprehension(state):
    pairs = {k[:-5] for k in state if k.endswith("_orig") and k[:-5] + "_mask" in state}
    rest = state.keys() - {k + end for k in pairs for end in ("_orig", "_mask")}
    return {k: state[k] for k in rest} | {
        k: torch.where(state[k + "_mask"] == 1, state[k + "_orig"], 0) for k in pairs
    }


plausible(
    "5.4",
    lambda s: {k.removesuffix("_orig"): v for k, v in s.items() if not k.endswith("_mask")},
    lambda s: {
        k.replace("_orig", ""): v * s[k.replace("_orig", "_mask")]
        for k, v in s.items()
        if k.endswith("_orig")
    },
    lambda s: {k: v * s.get(k.replace("_orig", "_mask"), 1) for k, v in s.items() if not k.endswith("_mask")},
    lambda s: {k: v for k, v in s.items() if not k.endswith(("_mask", "_orig"))},
    lambda s: {k.removesuffix("_mask"): v for k, v in s.items() if not k.endswith("_orig")},
    lambda s: {
        k.replace("weight_orig", "weight"): v * s[k[:-5] + "_mask"] if k.endswith("weight_orig") else v
        for k, v in s.items()
        if not k.endswith("_mask")
    },
)

# 5.3, once more from the text alone


def _ts_5_3(m, ls=None, zero=lambda w: (w == 0).sum().item(), comb=None):
    L = [la for la in m.modules() if (ls or (lambda la: isinstance(la, (nn.Linear, nn.Conv2d))))(la)]
    return sum(zero(la.weight) for la in L) / sum(la.weight.numel() for la in L)


right("5.3")(
    lambda m: float(
        1
        - sum(
            int(torch.count_nonzero(la.weight))
            for la in m.modules()
            if isinstance(la, (nn.Linear, nn.Conv2d))
        )
        / sum(la.weight.numel() for la in m.modules() if isinstance(la, (nn.Linear, nn.Conv2d)))
    )
)

plausible(
    "5.3",
    lambda m: (lambda p: _ts_5_3(m, p if any(p(la) for la in m.modules()) else None))(
        lambda la: isinstance(la, (nn.Linear, nn.Conv2d)) and hasattr(la, "weight_mask")
    ),  # pruned layers only if any
    lambda m: (
        lambda L: (
            sum(
                (
                    int((la.weight_mask == 0).sum())
                    if hasattr(la, "weight_mask")
                    else int((la.weight == 0).sum())
                )
                for la in L
            )
            / sum(la.weight.numel() for la in L)
        )
    )(
        [la for la in m.modules() if isinstance(la, (nn.Linear, nn.Conv2d))]
    ),  # mask zeros or weights of the rest
    lambda m: _ts_5_3(
        m, lambda la: isinstance(getattr(la, "weight", None), torch.Tensor)
    ),  # anything with a weight
    lambda m: _ts_5_3(m, zero=lambda w: (w.abs() < 1e-4).sum().item()),  # near zero
    lambda m: 100 * _ts_5_3(m),  # percent
    lambda m: round(_ts_5_3(m), 2),  # three digits
)

# 5.4, once more from the text alone


def _cl_5_4(
    s,
    suf=lambda k: k.endswith("_orig"),
    val=lambda o, m: o * m,
    mask=lambda k: k.endswith("_mask"),
    key=lambda k: k.removesuffix("_orig"),
):
    return {
        (key(k) if suf(k) else k): (val(v, s[k.removesuffix("_orig") + "_mask"]) if suf(k) else v)
        for k, v in s.items()
        if not mask(k)
    }


right("5.4")(
    lambda s: {
        k.removesuffix("_orig") if k[:-5] + "_mask" in s else k: (
            v * s[k[:-5] + "_mask"] if k.endswith("_orig") and k[:-5] + "_mask" in s else v
        )
        for k, v in s.items()
        if not (k.endswith("_mask") and k[:-5] + "_orig" in s)
    }
)

plausible(
    "5.4",
    lambda s: {
        k.replace("weight_orig", "weight"): (
            v * s[k.replace("_orig", "_mask")] if k.endswith("weight_orig") else v
        )
        for k, v in s.items()
        if not k.endswith("weight_mask")
    },  # weights only
    lambda s: _cl_5_4(s, key=lambda k: k.replace("_orig", "")),  # every 'orig' replaced
    lambda s: _cl_5_4(
        s, val=lambda o, m: torch.where(m.bool(), o, torch.full_like(o, 1e-8))
    ),  # mask as bool where
    lambda s: {k: v for k, v in _cl_5_4(s).items() if v.is_floating_point()},  # floats only
    lambda s: {k: v.float() for k, v in _cl_5_4(s).items()},  # all to float32
)


# found by readers


def anywhere(state):
    """Take _orig for an ending wherever it stands."""
    clean = {}
    for key, value in state.items():
        if "_orig" in key and key.replace("_orig", "_mask") in state:
            clean[key.replace("_orig", "")] = value * state[key.replace("_orig", "_mask")]
        elif "_mask" not in key or key.replace("_mask", "_orig") not in state:
            clean[key] = value
    return clean


plausible("5.4", anywhere)

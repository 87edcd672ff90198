"""Checkers of the exercises of chapter 05: torch.nn.utils.prune."""

import torch
from torch import nn
from torch.nn.utils import prune

from prunelab.check.core import Case
from prunelab.check.draws import half_up
from prunelab.check.exercise import Exercise

# 5.1 row_mask(t, default_mask, keep)


def row_mask(t, default_mask, keep, size=abs, alive=True, rows=True):
    table = t.tolist() if rows else t.T.tolist()
    before = default_mask.tolist() if rows else default_mask.T.tolist()
    result = []
    for values, mask in zip(table, before, strict=True):
        candidates = [i for i in range(len(values)) if mask[i] or not alive]
        stay = set(sorted(candidates, key=lambda i: -size(values[i]))[:keep])
        result.append([float(i in stay) for i in range(len(values))])
    result = torch.tensor(result)
    return (result if rows else result.T).to(default_mask.dtype)


def _cases_5_1():
    example = torch.tensor([[0.9, -0.8, 0.1, 0.3], [0.2, 0.6, -0.7, 0.5]])
    pruned = torch.tensor([[0.0, 1, 1, 1], [1, 1, 1, 0]])
    yield Case("the example, keep 2", (example, pruned, 2))
    for rows, columns, keep in ((3, 8, 3), (5, 6, 1), (4, 7, 7), (2, 5, 0)):
        t = torch.randn(rows, columns)
        for about, mask in (
            ("nothing pruned yet", torch.ones_like(t)),
            ("half pruned before", (torch.rand(t.shape) > 0.5).float()),
        ):
            yield Case(f"a ({rows}, {columns}) weight, {about}, keep {keep}", (t, mask, keep))
    alive = torch.rand(8, 8) > 0.5
    alive[:, 0], alive.diagonal()[:] = True, True
    t = torch.randn(8, 8) * (1 - torch.eye(8)) * alive
    yield Case(
        "a living weight in each row that is exactly zero, like the dead ones, keep 5", (t, alive.float(), 5)
    )


ex_5_1 = Exercise(
    "5.1",
    row_mask,
    _cases_5_1,
    verified="several shapes, negative weights, rows with fewer living weights than asked for, keep 0",
    hint="In each row rank the magnitudes of the living weights and mark the largest ones with 1.",
    mistakes=[
        (
            "A weight that an earlier call pruned came back. Rank only what default_mask still allows.",
            lambda t, d, k: row_mask(t, d, k, alive=False),
        ),
        (
            (
                "Pruned weights took places that living ones should have. Set them aside before you rank, not"
                " after."
            ),
            lambda t, d, k: row_mask(t, d, k, alive=False) * d,
        ),
        (
            "A large negative weight is not small: rank magnitudes.",
            lambda t, d, k: row_mask(t, d, k, size=float),
        ),
        ("You keep the smallest ones.", lambda t, d, k: row_mask(t, d, k, size=lambda value: -abs(value))),
        (
            "A row of the weight is one output, t[o]. Yours keeps so many in each column.",
            lambda t, d, k: row_mask(t, d, k, rows=False),
        ),
        (
            "The number is per row. Yours ranks the whole tensor at once.",
            lambda t, d, k: row_mask((t * d).reshape(1, -1), d.reshape(1, -1), k * len(t)).view_as(t),
        ),
        ("1 means kept. Yours is the other way round.", lambda t, d, k: d - row_mask(t, d, k)),
    ],
)


# 5.2 zeros_after(weights, amounts)


def zeros_after(weights, amounts):
    layer = nn.Linear(weights, 1, bias=False)
    for amount in amounts:
        prune.random_unstructured(layer, "weight", amount=amount)
    return int((layer.weight_mask == 0).sum()) if amounts else 0


def _each(weights, amounts, count):
    left = weights
    for amount in amounts:
        left -= count(amount, left)
    return weights - left


def _cases_5_2():
    yield Case("the example, 100 weights", (100, [0.5, 10]))
    for weights, amounts in (
        (1000, [0.2, 0.2, 0.2]),
        (50, [1, 1.0]),
        (64, [7, 0.3, 1]),
        (37, [0.35]),
        (10, []),
        (20, [0.0, 1, 0]),
        (25, [0.5, 0.5]),
    ):
        yield Case(f"{weights} weights, amounts {amounts}", (weights, amounts))
    for _ in range(5):
        weights = int(torch.randint(60, 900, (1,)))
        amounts = [round(float(x), 3) for x in torch.rand(3) * 0.6] + [int(torch.randint(1, 9, (1,)))]
        yield Case(f"{weights} weights, amounts {amounts}", (weights, amounts))


ex_5_2 = Exercise(
    "5.2",
    zeros_after,
    _cases_5_2,
    verified="against torch.nn.utils.prune itself, with fractions, counts, 1 and 1.0",
    hint="Keep track of how many weights are left; each amount is taken from those.",
    mistakes=[
        (
            "A fraction is one of what is left, not of all weights.",
            lambda n, a: min(n, sum(x if isinstance(x, int) else round(x * n) for x in a)),
        ),
        (
            "An integer amount is a count: 1 means one weight, 1.0 means all.",
            lambda n, a: _each(n, a, lambda x, left: round(x * left)),
        ),
        (
            "torch rounds to the nearest integer.",
            lambda n, a: _each(n, a, lambda x, left: x if isinstance(x, int) else int(x * left)),
        ),
        ("That is how many are left. Asked is how many are zero.", lambda n, a: n - zeros_after(n, a)),
        (
            "The mask of an earlier call stays: the layer keeps a history and adds to it.",
            lambda n, a: zeros_after(n, a[-1:]),
        ),
        (
            "Halves: round() takes the even neighbour, and round(12.5) is 12.",
            lambda n, a: _each(n, a, lambda x, left: x if isinstance(x, int) else half_up(x * left)),
        ),
    ],
)


# 5.3 true_sparsity(model)


def _layers(model):
    return [module for module in model.modules() if isinstance(module, nn.Linear | nn.Conv2d)]


def _share(tensors):
    values = [value for tensor in tensors for value in tensor.detach().flatten().tolist()]
    return sum(value == 0 for value in values) / len(values)


def true_sparsity(model):
    return _share(layer.weight for layer in _layers(model))


@torch.no_grad()  # so that the pruned model can be copied
def _pruned_model(seed, amounts, removed, conv):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = (
            nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 5))
            if conv
            else nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
        )
        for layer, amount, remove in zip(_layers(model), amounts, removed, strict=True):
            if amount is not None:
                prune.l1_unstructured(layer, "weight", amount=amount)
            if amount is not None and remove:
                prune.remove(layer, "weight")
        _layers(model)[0].bias[0] = 0.0
    return model


def _cases_5_3():
    for seed, amounts, removed, conv in (
        (1, (0.5, 0.25), (False, False), False),
        (2, (0.5, None), (False, False), False),
        (3, (0.75, 0.3), (True, False), True),
        (4, (None, None), (False, False), True),
        (5, (0.4, 0.9), (True, True), True),
        (6, (1.0, 0.5), (False, True), False),
    ):
        model = _pruned_model(seed, amounts, removed, conv)
        states = [
            "dense" if a is None else f"{a:.0%} pruned" + (", removed" if r else "")
            for a, r in zip(amounts, removed, strict=True)
        ]
        yield Case(f"two layers: {'; '.join(states)}", (model,))
    model = nn.Sequential(
        nn.Embedding(6, 3), nn.Flatten(), nn.Linear(12, 5), nn.BatchNorm1d(5), nn.Linear(5, 2)
    )
    model[0].weight.data[:3] = 0
    model[2].weight.data[:2] = 0
    model[3].weight.data[:1] = 0
    yield Case("an embedding and a BatchNorm with zeros beside two linear layers", (model,))


ex_5_3 = Exercise(
    "5.3",
    true_sparsity,
    _cases_5_3,
    verified="masked, removed and dense layers, linear and convolutional",
    hint="Go over the Linear and Conv2d modules and count the zeros of module.weight.",
    mistakes=[
        (
            (
                "parameters() shows weight_orig, which is dense, and the biases. Look at what the layers"
                " compute with."
            ),
            lambda m: _share(m.parameters()),
        ),
        (
            (
                "weight_orig is dense: its zeros are not the layer's zeros. Look at what the layers compute"
                " with."
            ),
            lambda m: _share(p for name, p in m.named_parameters() if "weight" in name),
        ),
        (
            "A layer without a mask counts as well: it may hold zeros of its own, or none.",
            lambda m: _share(b for name, b in m.named_buffers() if name.endswith("weight_mask")),
        ),
        (
            (
                "The mean of the layers' sparsities is not the sparsity of the model: large layers count for"
                " more."
            ),
            lambda m: sum(_share([layer.weight]) for layer in _layers(m)) / len(_layers(m)),
        ),
        (
            "Only weights are counted, no biases.",
            lambda m: _share([t for layer in _layers(m) for t in (layer.weight, layer.bias)]),
        ),
        ("That is the density.", lambda m: 1 - true_sparsity(m)),
        (
            "Only Linear and Conv2d layers count. Others have a weight, too: look at the kind of the module.",
            lambda m: _share([w for p in m.modules() if (w := getattr(p, "weight", None)) is not None]),
            lambda m: _share(
                [w for p in m.modules() if (w := getattr(p, "weight", None)) is not None and w.ndim > 1]
            ),
        ),
    ],
)


# 5.4 clean_state(state)


def clean_state(state):
    clean = {}
    for key, value in state.items():
        if key.endswith("_orig"):
            mask = state[key[: -len("_orig")] + "_mask"]
            flat = [
                v if m else 0.0
                for v, m in zip(value.flatten().tolist(), mask.flatten().tolist(), strict=True)
            ]
            clean[key[: -len("_orig")]] = torch.tensor(flat, dtype=value.dtype).view(value.shape)
        elif not key.endswith("_mask"):
            clean[key] = value
    return clean


@torch.no_grad()
def _cases_5_4():
    for seed, pruned in (
        (1, {"0": ["weight"]}),
        (2, {"0": ["weight", "bias"], "2": ["weight"]}),
        (3, {}),
        (4, {"2": ["bias"]}),
    ):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
            for layer, names in pruned.items():
                for name in names:
                    prune.random_unstructured(model.get_submodule(layer), name, amount=0.5)
            state = {key: value.clone() for key, value in model.state_dict().items()}
        about = ", ".join(f"{layer}.{name}" for layer, names in pruned.items() for name in names)
        yield Case(f"a state dict with {about or 'nothing'} pruned", (state,))


ex_5_4 = Exercise(
    "5.4",
    clean_state,
    _cases_5_4,
    verified="pruned weights and biases, layers without a mask, a state dict with nothing pruned",
    hint=(
        "What ends in _orig goes, times its mask, under the plain key; masks are left out; the rest is"
        " copied."
    ),
    mistakes=[
        (
            "weight_orig is the dense tensor. Without its mask the pruned weights are back.",
            lambda s: {k.removesuffix("_orig"): v for k, v in s.items() if not k.endswith("_mask")},
        ),
        (
            "A clean model has no mask buffers: its load_state_dict would refuse them.",
            lambda s: {
                k.removesuffix("_orig"): v * s[k[:-5] + "_mask"] if k.endswith("_orig") else v
                for k, v in s.items()
            },
        ),
        (
            "Entries without a mask (biases, layers that were not pruned) belong to the model too.",
            lambda s: {
                k.removesuffix("_orig"): v * s[k[:-5] + "_mask"] for k, v in s.items() if k.endswith("_orig")
            },
        ),
        (
            "The clean model looks for the key without the ending _orig.",
            lambda s: {
                k: v * s[k[:-5] + "_mask"] if k.endswith("_orig") else v
                for k, v in s.items()
                if not k.endswith("_mask")
            },
        ),
        ("A clean model knows neither weight_orig nor weight_mask.", lambda s: dict(s)),
    ],
)

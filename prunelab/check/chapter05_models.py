"""Exercises of chapter 05: what a pruned network says about itself."""

import torch
from torch import nn
from torch.nn.utils import prune

from prunelab.check.core import Case
from prunelab.check.draws import OwnLinear
from prunelab.check.exercise import Exercise

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


def _half_zero(layer):
    with torch.no_grad():
        layer.weight[::2] = 0
    return layer


@torch.no_grad()
def _edges_5_3():
    deep = nn.Sequential(
        nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Sequential(nn.Linear(3, 5, bias=False))), nn.Linear(5, 2)
    )
    prune.l1_unstructured(deep[0][0], "weight", amount=0.5)
    prune.l1_unstructured(deep[0][0], "bias", amount=2)
    deep[0][2][0].weight.data[1] = 0
    deep[1].weight.data[0] = 1e-9
    deep[1].weight.data[1] = -1e9
    yield Case(
        "layers inside another, a masked bias, a layer without one, weights that are nearly zero", (deep,)
    )
    early = nn.Sequential(nn.Conv2d(4, 2, (1, 3), groups=2, stride=2, padding=1, dilation=2), nn.Linear(3, 3))
    early[1].weight.data[:, 0] = 0
    prune.custom_from_mask(early[1], "weight", torch.tensor([[1.0, 1, 0], [1, 1, 1], [0, 1, 1]]))
    yield Case("weights that were zero before, under a mask that keeps them", (early.double(),))
    yield Case(
        "a layer of a class of its own, and a Conv1d",
        (nn.Sequential(_half_zero(OwnLinear(4, 3)), nn.Conv1d(1, 2, 3), nn.Linear(3, 2)),),
    )
    yield Case("a single layer", (_half_zero(nn.Linear(6, 2)),))


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
    yield from _edges_5_3()


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
        if key.endswith("_orig") and key[: -len("_orig")] + "_mask" in state:
            mask = state[key[: -len("_orig")] + "_mask"]
            flat = [
                v if m else 0.0
                for v, m in zip(value.flatten().tolist(), mask.flatten().tolist(), strict=True)
            ]
            clean[key[: -len("_orig")]] = torch.tensor(flat, dtype=value.dtype).view(value.shape)
        elif not (key.endswith("_mask") and key[: -len("_mask")] + "_orig" in state):
            clean[key] = value
    return clean


@torch.no_grad()
def _edges_5_4():
    bare = nn.Linear(3, 2)
    prune.custom_from_mask(bare, "weight", torch.tensor([[1.0, 0, 1], [0, 1, 1]]))
    yield Case("a single layer: keys without a name in front", (dict(bare.state_dict()),))
    batch = nn.Sequential(nn.Conv2d(1, 2, (1, 3)), nn.BatchNorm2d(2)).double()
    prune.random_unstructured(batch[0], "weight", amount=0.5)
    batch[1].running_var[0], batch[1].running_mean[0] = torch.inf, 1e-9
    yield Case("float64, and a BatchNorm that counts its batches", (dict(batch.state_dict()),))
    tiny = {
        "weight_orig": 1e-9 * torch.tensor([1.0, -2.0, 3.0]),
        "weight_mask": torch.tensor([0.0, 1.0, 0.0]),
    }
    yield Case("very small weights", (tiny,))
    whole = {"weight_orig": torch.tensor([0.5, -2.5]), "weight_mask": torch.tensor([0, 1], dtype=torch.uint8)}
    yield Case("a mask of whole numbers", (whole,))
    odd = {
        "causal_mask": torch.tensor([[1.0, 0.0], [1.0, 1.0]]),
        "x_orig": torch.tensor([0.5, -1e9]),
        "conv_original.weight": torch.tensor([[0.25, 1.0, 0.25]]),
        "y_orig.bias": torch.tensor([1.0, 2.0]),
        "y_mask.bias": torch.tensor([0.0, 1.0]),
        "a.weight_mask": torch.tensor([0.0, 1.0]),
        "a.weight_orig": torch.tensor([3.0, -4.0]),
    }
    yield Case("entries whose names look alike, without a partner", (odd,))


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
    yield from _edges_5_4()


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

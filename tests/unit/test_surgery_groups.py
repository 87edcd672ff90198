"""Coupled groups, their scores and masks: against torch_pruning's groups, loops, and what is no group."""

import copy
from collections import Counter

import pytest
import torch
import torch_pruning
import torchvision
from coupled_models import EXAMPLE, concatenation, depthwise, residual
from surgery_models import masked, randomise
from torch import nn

from prunelab.masks import prunable
from prunelab.plot import coupled_layers, group_members
from prunelab.surgery import coupled_groups, coupled_masks, coupled_scores

MAGNITUDES = ("sum", "mean")


def build(network) -> nn.Module:
    torch.manual_seed(4)
    return randomise(network())


def by_torch_pruning(model: nn.Module, example: torch.Tensor, layer: str, channel: int) -> dict:
    """Return {(parameter, dimension): entries} that torch_pruning would remove with this output channel of
    ``layer``.
    """
    graph = torch_pruning.DependencyGraph().build_dependency(model, example_inputs=example)
    group = graph.get_pruning_group(
        model.get_submodule(layer), torch_pruning.prune_conv_out_channels, idxs=[channel]
    )
    names, found = {module: name for name, module in model.named_modules()}, {}
    for dependency, indices in group:
        module = dependency.target.module
        if module in names and hasattr(module, "weight"):
            reads = (
                dependency.handler.__name__ in ("prune_in_channels",) and getattr(module, "groups", 1) == 1
            )
            dim = int(reads and not isinstance(module, nn.BatchNorm2d))
            for parameter in ("weight",) if dim else ("weight", "bias"):
                if getattr(module, parameter) is not None:
                    found.setdefault((f"{names[module]}.{parameter}", dim), set()).update(indices)
    return {key: sorted(entries) for key, entries in found.items()}


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2", "densenet121", "vgg11_bn"])
def test_the_groups_are_torch_prunings(name):
    model = torchvision.models.get_model(name, weights=None).eval()
    example = torch.randn(1, 3, 32, 32)
    groups = coupled_groups(model, example)
    assert len(groups) == {"resnet18": 12, "mobilenet_v2": 25, "densenet121": 120, "vgg11_bn": 10}[name]
    for first in [first for first in groups if model.get_parameter(first).ndim == 4][
        :: max(1, len(groups) // 4)
    ]:
        group, channel = groups[first], len(groups[first][first, 0]) // 2
        expected = by_torch_pruning(
            copy.deepcopy(model), example, first.removesuffix(".weight"), int(group[first, 0][channel])
        )
        assert {member: sorted(indices[channel].tolist()) for member, indices in group.items()} == expected


@pytest.mark.parametrize(
    "network", [residual, concatenation, depthwise], ids=lambda network: network.__name__
)
def test_scores_are_a_loop(network):
    model = build(network)
    groups = coupled_groups(model, EXAMPLE)
    weights = {name: weight.detach().square() for name, weight in prunable(model).items()}
    for reduction in MAGNITUDES:
        scores = coupled_scores(groups, weights, reduction)
        for name, group in groups.items():
            for channel in range(len(scores[name])):
                parts = []
                for (parameter, dim), indices in group.items():
                    if parameter in weights:
                        entries = [weights[parameter].select(dim, int(index)) for index in indices[channel]]
                        parts.append(sum(float(entry.sum()) for entry in entries))
                expected = sum(parts) / (len(parts) if reduction == "mean" else 1)
                assert float(scores[name][channel]) == pytest.approx(expected)


def test_sum_and_mean_rank_alike_within_a_group_and_not_between():
    model = build(residual)
    groups = coupled_groups(model, EXAMPLE)
    ones = {name: torch.ones_like(weight) for name, weight in prunable(model).items()}
    total, mean = (coupled_scores(groups, ones, reduction) for reduction in MAGNITUDES)
    # stem makes 3 x 9 weights, inner reads 6 x 9, outer makes 6 x 9, the head reads 5; inner makes 8 x 9 and
    # outer reads 8 x 9
    assert (
        total["stem.weight"].tolist() == [27 + 54 + 54 + 5] * 8 and mean["stem.weight"].tolist() == [35] * 8
    )
    assert total["inner.weight"].tolist() == [144] * 6 and mean["inner.weight"].tolist() == [72] * 6


def test_masks_silence_the_whole_group_and_only_it():
    model = build(concatenation)
    groups = coupled_groups(model, EXAMPLE)
    kept = {"b.weight": torch.tensor([True, False, True, False])}
    masks = coupled_masks(model, groups, kept)
    assert set(masks) == {"b.weight", "b.bias", "first.weight", "first.bias"}
    assert masks["b.weight"].shape == (4, 1, 1, 1) and (
        ~masks["first.bias"]
    ).nonzero().flatten().tolist() == [7, 9]
    weights = coupled_masks(model, groups, kept, silent=False)
    assert set(weights) == {"b.weight"} and torch.equal(weights["b.weight"], masks["b.weight"])
    seen = {}
    silent = masked(model, masks)
    silent.first.register_forward_hook(lambda module, inputs, output: seen.update(out=output))
    with torch.no_grad():
        silent(torch.randn(2, 3, 8, 8, dtype=torch.float64))
    assert seen["out"].abs().amax((0, 2, 3)).eq(0).nonzero().flatten().tolist() == [7, 9]
    assert all(
        mask.all()
        for mask in coupled_masks(
            model, groups, {name: torch.ones(len(g[name, 0])) > 0 for name, g in groups.items()}
        ).values()
    )


def test_bad_arguments_are_refused():
    model = build(residual)
    groups = coupled_groups(model, EXAMPLE)
    ones = {name: torch.ones_like(weight) for name, weight in prunable(model).items()}
    for bad, kind, words in (
        (lambda: coupled_groups("resnet", EXAMPLE), TypeError, "model"),
        (lambda: coupled_groups(model, None), TypeError, "example_input"),
        (lambda: coupled_groups(model, torch.zeros(2, 1, 8, 8)), ValueError, "example_input"),
        (lambda: coupled_scores([1], ones), TypeError, "groups"),
        (lambda: coupled_scores({"a": {1: 2}}, ones), TypeError, "groups"),
        (lambda: coupled_scores(groups, [1]), TypeError, "scores"),
        (lambda: coupled_scores(groups, ones, "max"), ValueError, "reduction"),
        (lambda: coupled_scores(groups, {}), ValueError, "member of group"),
        (
            lambda: coupled_scores(groups, ones | {"stem.weight": torch.ones(2)}),
            ValueError,
            "one score per weight",
        ),
        (
            lambda: coupled_scores(groups, ones | {"stem.weight": ones["stem.weight"] / 0}),
            ValueError,
            "finite",
        ),
        (lambda: coupled_masks(1, groups, {}), TypeError, "model"),
        (lambda: coupled_masks(model, groups, {"x": torch.ones(8) > 0}), ValueError, "a name in kept"),
        (
            lambda: coupled_masks(model, groups, {"stem.weight": torch.ones(7) > 0}),
            ValueError,
            r"shape \(8,\)",
        ),
        (lambda: coupled_masks(model, groups, {"stem.weight": torch.ones(8)}), ValueError, "bool"),
        (lambda: coupled_masks(model, groups, 3), TypeError, "kept"),
        (
            lambda: coupled_masks(nn.Linear(2, 2), groups, {"stem.weight": torch.ones(8) > 0}),
            ValueError,
            "a parameter of group",
        ),
    ):
        with pytest.raises(kind, match=words):
            bad()


def test_a_figure_of_no_group_is_refused():
    model = build(residual)
    group = coupled_groups(model, EXAMPLE)["stem.weight"]
    with pytest.raises(TypeError, match="group"):
        group_members(model, {}, 0)
    with pytest.raises(ValueError, match="channel"):
        group_members(model, group, 8)


def test_the_figure_colours_what_makes_and_what_reads():
    model = build(residual)
    figure = group_members(model, coupled_groups(model, EXAMPLE)["stem.weight"], 3)
    panels = {axis.get_title().replace("\n", "."): axis.collections[0].get_array() for axis in figure.axes}
    assert set(panels) == set(dict(model.named_parameters()))
    assert panels["stem.weight"][3].tolist() == [1] * 3 and panels["inner.weight"][:, 3].tolist() == [2] * 6
    assert panels["stem.weight"].sum() == 3 and panels["inner.bias"].sum() == 0


def test_the_edges_say_which_group():
    model = build(residual)
    groups = coupled_groups(model, EXAMPLE)
    titles = [axis.get_title(loc="left") for axis in coupled_layers(model, groups).axes]
    said = {title.split("\nmakes ")[0].replace("\n", "."): title.split("makes ")[1] for title in titles}
    letters = dict(zip(groups, "ABCDEFG", strict=False))
    stream, inner = letters["stem.weight"], letters["inner.weight"]
    assert said["stem"].split("\nreads ") == [stream, "what stays"]
    assert said["inner"].split("\nreads ") == [inner, stream]
    assert said["outer"].split("\nreads ") == [stream, inner]
    with pytest.raises(TypeError, match="groups"):
        coupled_layers(model, {})
    with pytest.raises(ValueError, match="of this model"):
        coupled_layers(nn.Linear(2, 2), groups)


def test_the_columns_of_a_transposed_convolution_are_what_it_makes():
    model = nn.Sequential(nn.Conv2d(1, 3, 1), nn.ConvTranspose2d(3, 4, 2), nn.Conv2d(4, 1, 1)).eval()
    figure = coupled_layers(model, coupled_groups(model, torch.randn(1, 1, 5, 5)))
    first, transposed, last = (axis.get_title(loc="left").partition("\n")[2] for axis in figure.axes)
    assert (first, transposed) == ("makes A\nreads what stays", "makes B\nreads A")
    assert last == "makes what stays\nreads B"


class Asked(dict):
    """Scores that count how often each was asked for."""

    def __init__(self, scores):
        super().__init__(scores)
        self.often = Counter()

    def __getitem__(self, name):
        self.often[name] += 1
        return super().__getitem__(name)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16, torch.int64])
def test_scores_of_any_type_are_added_up_and_asked_for_once(dtype):
    generator = torch.Generator().manual_seed(0)
    shapes = {"a": (6, 3, 2, 2), "b": (4, 6, 3, 3), "c": (6,), "d": (5, 4, 6)}
    scores = Asked({n: torch.randint(-9, 9, s, generator=generator).to(dtype) for n, s in shapes.items()})
    rows = torch.arange(6)[:, None]
    groups = {
        "a": {("a", 0): rows, ("b", 1): rows, ("c", 0): rows, ("d", 2): rows},
        "b": {("b", 0): rows[:4], ("d", 1): rows[:4]},
    }
    found = coupled_scores(groups, scores)
    exact = {n: scores.get(n).double() for n in shapes}
    first = exact["a"].sum((1, 2, 3)) + exact["b"].sum((0, 2, 3)) + exact["c"] + exact["d"].sum((0, 1))
    assert torch.equal(found["a"], first)
    assert torch.equal(found["b"], exact["b"].sum((1, 2, 3)) + exact["d"].sum((0, 2)))
    assert set(scores.often.values()) == {1}

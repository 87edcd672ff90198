"""Magnitude, group norms, LAMP and random scores against loops, torch_pruning and their definitions."""

import pytest
import torch
import torch_pruning as tp
from criteria_models import data, tiny
from scipy.spatial.distance import cdist
from scipy.stats import kstest
from torch import nn
from torch.utils.data import TensorDataset

from prunelab.criteria import (
    filter_l1,
    filter_l2,
    fpgm,
    group_norm,
    lamp,
    magnitude,
    random_filters,
    random_scores,
    rescaled,
    weight_gradient,
)
from prunelab.masks import mask_model, prunable


def by_torch_pruning(importance, model, layer, handler=tp.prune_conv_out_channels):
    group = (
        tp.DependencyGraph()
        .build_dependency(model, torch.zeros(1, 1, 10, 10))
        .get_pruning_group(layer, handler, idxs=list(range(len(layer.weight))))
    )
    return importance(group)


def test_magnitude_is_the_absolute_value():
    model = tiny()
    for name, scores in magnitude(model).items():
        assert torch.equal(scores, prunable(model)[name].abs())


@pytest.mark.parametrize(("norm", "score"), [(1, filter_l1), (2, filter_l2)])
def test_filter_norms_agree_with_torch_pruning(norm, score):
    model = tiny().eval()
    reference = tp.importance.GroupMagnitudeImportance(p=norm, group_reduction="first", normalizer=None)
    for layer, name in ((model.conv1, "conv1.weight"), (model.conv2, "conv2.weight")):
        expected = by_torch_pruning(reference, model, layer)  # with p=2 it leaves out the root
        assert torch.allclose(score(model)[name].flatten().float() ** norm, expected, rtol=1e-5)


@pytest.mark.parametrize("norm", [1, 2])
def test_group_norms_of_filters_and_channels_against_a_loop(norm):
    model = tiny()
    filters, channels = group_norm(model, norm=norm), group_norm(model, granularity="channel", norm=norm)
    assert list(filters) == ["conv1.weight", "conv2.weight", "fc1.weight"]
    assert list(channels) == ["conv2.weight", "fc1.weight", "fc2.weight"]
    assert filters["conv2.weight"].shape == (5, 1, 1, 1) and channels["fc1.weight"].shape == (1, 20)
    for o in range(5):
        assert filters["conv2.weight"][o].item() == pytest.approx(
            model.conv2.weight[o].flatten().norm(norm).item(), rel=1e-5
        )
    for i in range(20):
        assert channels["fc1.weight"][0, i].item() == pytest.approx(
            model.fc1.weight[:, i].norm(norm).item(), rel=1e-5
        )


def test_normalised_norms_do_not_depend_on_size_or_scale_of_a_layer():
    model = tiny()
    nn.init.constant_(model.conv1.weight, 0.5)
    nn.init.constant_(model.conv2.weight, 0.5)
    for norm in (1, 2):
        scores = group_norm(model, norm=norm, normalize="size")
        expected = 0.5  # the mean of |w|, or the root mean square
        assert torch.allclose(scores["conv1.weight"], torch.full((4, 1, 1, 1), expected, dtype=torch.float64))
        assert torch.allclose(scores["conv2.weight"], torch.full((5, 1, 1, 1), expected, dtype=torch.float64))
    before = group_norm(model, normalize="layer")["fc1.weight"]
    model.fc1.weight.data *= 7
    assert torch.allclose(group_norm(model, normalize="layer")["fc1.weight"], before)
    assert before.norm().item() == pytest.approx(1)


def test_l1_and_l2_rank_single_weights_alike_but_not_groups():
    model = tiny()
    nn.init.zeros_(model.fc1.weight)
    model.fc1.weight.data[0, :4] = 1.0  # four weights of 1: L1 4, L2 2
    model.fc1.weight.data[1, 0] = 3.0  # one weight of 3: L1 3, L2 3
    l1, l2 = filter_l1(model)["fc1.weight"], filter_l2(model)["fc1.weight"]
    assert l1[0] > l1[1] and l2[0] < l2[1]
    weight = model.conv2.weight.detach()
    assert torch.equal(weight.abs().flatten().argsort(), weight.square().flatten().argsort())


def test_lamp_against_its_definition_and_never_empties_a_layer():
    model = tiny()
    scores = lamp(model)
    for name, weight in prunable(model).items():
        squares = weight.detach().double().flatten() ** 2
        expected = torch.stack([s / squares[squares >= s].sum() for s in squares])
        assert torch.allclose(scores[name].flatten(), expected)
        assert scores[name].max() == 1
    model.conv1.weight.data *= 1e-3  # magnitude would empty this layer first
    assert not mask_model(magnitude(model), 0.9, scope="global")["conv1.weight"].any()
    assert all(mask.any() for mask in mask_model(lamp(model), 0.97, scope="global").values())
    nn.init.zeros_(model.fc1.weight)
    assert (lamp(model)["fc1.weight"] == 0).all()


def test_random_scores_are_uniform_and_seeded():
    model = tiny()
    values = torch.cat([s.flatten() for s in random_scores(model).values()])
    assert kstest(values.numpy(), "uniform").pvalue > 0.001
    assert torch.equal(values, torch.cat([s.flatten() for s in random_scores(model, seed=0).values()]))
    assert not torch.equal(values, torch.cat([s.flatten() for s in random_scores(model, seed=1).values()]))
    assert random_filters(model)["fc1.weight"].shape == (6, 1)


def test_rescaling_keeps_the_function_and_moves_the_magnitudes_only():
    model = tiny().eval().double()
    images = data().tensors[0].double()
    other = rescaled(model, "fc1", "fc2", 8.0)
    assert torch.allclose(other(images), model(images), atol=1e-12)
    assert torch.allclose(magnitude(other)["fc1.weight"], 8 * magnitude(model)["fc1.weight"])
    assert torch.allclose(lamp(other)["fc1.weight"], lamp(model)["fc1.weight"])
    inputs = TensorDataset(images, data().tensors[1])
    for name, scores in weight_gradient(model, inputs).items():
        assert torch.allclose(weight_gradient(other, inputs)[name], scores)
    with pytest.raises(ValueError, match="factor"):
        rescaled(model, "fc1", "fc2", 0.0)
    with pytest.raises(ValueError, match="second"):
        rescaled(model, "fc1", "relu3", 2.0)


def test_bad_arguments_are_refused():
    for arguments in ({"granularity": "row"}, {"norm": 3}, {"normalize": "max"}):
        with pytest.raises(ValueError, match=next(iter(arguments))):
            group_norm(tiny(), **arguments)
    with pytest.raises(ValueError, match="second layer"):
        group_norm(nn.Sequential(nn.Linear(2, 2)), granularity="channel")
    with pytest.raises(ValueError, match="granularity"):
        random_scores(tiny(), granularity="kernel")
    with pytest.raises(TypeError, match="seed"):
        random_scores(tiny(), seed="0")


def test_fpgm_agrees_with_torch_pruning_and_scipy():
    model = tiny().eval()
    with torch.no_grad():
        for weight in prunable(model).values():
            weight.abs_()  # torch_pruning measures between |w|**p: with p=1 and positive weights, the paper's
    reference = tp.importance.FPGMImportance(p=1, group_reduction="first", normalizer=None)
    scores = fpgm(model)
    for layer, name in ((model.conv1, "conv1.weight"), (model.conv2, "conv2.weight")):
        assert torch.allclose(
            scores[name].flatten().float(), by_torch_pruning(reference, model, layer), rtol=1e-4
        )
    rows = model.fc1.weight.detach().double().numpy()
    assert scores["fc1.weight"].flatten().tolist() == pytest.approx(cdist(rows, rows).sum(1).tolist())
    assert list(scores) == ["conv1.weight", "conv2.weight", "fc1.weight"]


def test_fpgm_drops_the_filter_that_the_others_surround_though_its_norm_is_the_largest():
    model = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 2))
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[3.0, 3.0], [3.1, 2.9], [0.0, 0.1], [2.9, 3.1]]))
    assert fpgm(model)["0.weight"].argmin() == 0 and filter_l2(model)["0.weight"].argmin() == 2
    with torch.no_grad():
        model[0].weight.copy_(torch.ones(4, 2))
    assert not fpgm(model)["0.weight"].any()

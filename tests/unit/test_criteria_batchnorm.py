"""The BatchNorm scale, its penalty and the fold of beta, against torch_pruning, sign(gamma) and exact
equality of outputs.
"""

import copy

import pytest
import torch
import torch_pruning as tp
from criteria_models import data, tiny
from test_criteria_magnitudes import by_torch_pruning
from torch import nn

from prunelab.criteria import bn_scale, fold_beta, keep_one, scale_penalty
from prunelab.masks import mask_model
from prunelab.models import LeNet5, LeNet5BN
from prunelab.training import train

MASKS = {
    "conv1.weight": torch.tensor([True, False, True, False]).view(-1, 1, 1, 1),
    "conv2.weight": torch.tensor([False, True, True, True, False]).view(-1, 1, 1, 1),
}


def zero_gammas(model):
    for name, norm in (("conv1.weight", model.bn1), ("conv2.weight", model.bn2)):
        norm.weight.data[~MASKS[name].flatten()] = 0
    return model


def test_scale_is_the_size_of_gamma_as_torch_pruning_reads_it():
    model = tiny().eval()
    scores = bn_scale(model)
    assert list(scores) == ["conv1.weight", "conv2.weight"] and scores["conv2.weight"].shape == (5, 1, 1, 1)
    reference = tp.importance.BNScaleImportance(group_reduction="first", normalizer=None)
    expected = by_torch_pruning(reference, model, model.bn1, tp.prune_batchnorm_out_channels)
    assert torch.equal(scores["conv1.weight"].flatten(), expected)


def test_a_linear_layer_with_batchnorm_is_scored_and_a_batchnorm_elsewhere_is_not():
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.BatchNorm1d(4), nn.Linear(4, 2))
    assert {name: scores.shape for name, scores in bn_scale(model).items()} == {"0.weight": (4, 1)}
    for without in (LeNet5(), nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4, affine=False))):
        with pytest.raises(ValueError, match="BatchNorm"):
            bn_scale(without)
    with pytest.raises(TypeError, match="model"):
        bn_scale("model")


def test_penalty_adds_strength_times_sign_of_gamma_and_training_shrinks_the_scales():
    model = tiny()
    scale_penalty(0.01)(model).backward()
    assert torch.allclose(model.bn1.weight.grad, 0.01 * model.bn1.weight.sign())
    assert model.conv1.weight.grad is None and model.bn1.bias.grad is None
    plain, penalised = tiny(), tiny()
    train(plain, data(), epochs=15)
    train(penalised, data(), epochs=15, penalty=scale_penalty(0.5))
    assert sum(s.sum() for s in bn_scale(penalised).values()) < 0.5 * sum(
        s.sum() for s in bn_scale(plain).values()
    )


def test_fold_is_exact_when_gamma_is_zero_and_plain_masking_is_not():
    model = zero_gammas(tiny().eval().double())
    images = data().tensors[0].double()
    before = model(images)
    dropped = copy.deepcopy(model)
    for name, norm in (("conv1.weight", dropped.bn1), ("conv2.weight", dropped.bn2)):
        norm.bias.data[~MASKS[name].flatten()] = 0
    assert (dropped(images) - before).abs().max() > 0.01
    fold_beta(model, MASKS)
    assert torch.allclose(model(images), before, atol=1e-12)
    for name, layer, norm in (
        ("conv1.weight", model.conv1, model.bn1),
        ("conv2.weight", model.conv2, model.bn2),
    ):
        gone = ~MASKS[name].flatten()
        assert not any(t[gone].any() for t in (layer.weight, layer.bias, norm.weight, norm.bias))


def test_fold_on_the_course_network_with_pooling_behind():
    torch.manual_seed(0)
    model = LeNet5BN().eval().double()
    for norm in (model.bn1, model.bn2):
        nn.init.normal_(norm.bias)
    gone = {"conv1.weight": [1, 4], "conv2.weight": [0, 7, 15]}
    masks = {name: torch.ones(len(model.get_parameter(name)), 1, 1, 1, dtype=torch.bool) for name in gone}
    for name, channels in gone.items():
        masks[name][channels] = False
    model.bn1.weight.data[gone["conv1.weight"]] = 0
    model.bn2.weight.data[gone["conv2.weight"]] = 0
    images = torch.randn(3, 1, 28, 28, dtype=torch.float64)
    before = model(images)
    fold_beta(model, masks)
    assert torch.allclose(model(images), before, atol=1e-12)


def test_with_padding_the_fold_is_exact_only_inside_and_is_refused():
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Conv2d(2, 1, 3, padding=1)
    ).eval()
    with torch.no_grad():
        model[1].weight[0], model[1].bias[0] = 0, 0.7
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(ValueError, match="padding"):
        fold_beta(model, {"0.weight": torch.tensor([False, True]).view(2, 1, 1, 1)})
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize(
    ("between", "message"),
    [
        ([nn.Sigmoid()], "Sigmoid"),
        ([nn.MaxPool2d(2, padding=1)], "pooling"),
        ([nn.Flatten(), nn.Linear(8, 2, bias=False)], "bias"),
    ],
)
def test_fold_refuses_what_it_cannot_carry_over(between, message):
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), *between, nn.Flatten(), nn.Linear(8, 3))
    with pytest.raises(ValueError, match=message):
        fold_beta(model, {"0.weight": torch.tensor([False, True]).view(2, 1, 1, 1)})


def test_fold_refuses_bad_masks_and_models():
    with pytest.raises(ValueError, match=r"masks\['conv1.weight'\]"):
        fold_beta(tiny(), {"conv1.weight": torch.ones(4, 1, 3, 3, dtype=torch.bool)})
    with pytest.raises(ValueError, match="a name in masks"):
        fold_beta(tiny(), {"fc1.weight": torch.ones(6, 1, dtype=torch.bool)})
    with pytest.raises(TypeError, match="Sequential"):
        fold_beta(nn.ModuleList(tiny()), MASKS)
    with pytest.raises(ValueError, match="must follow"):
        fold_beta(
            nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)),
            {"0.weight": torch.ones(2, 1, 1, 1, dtype=torch.bool)},
        )


def test_keep_one_saves_the_best_channel_of_an_emptied_layer_only():
    scores = {"a": torch.tensor([0.1, 0.3, 0.2]).view(3, 1), "b": torch.tensor([1.0, 2.0, 3.0]).view(3, 1)}
    masks = mask_model(scores, 0.5, scope="global")
    assert not masks["a"].any()
    kept = keep_one(masks, scores)
    assert kept["a"].flatten().tolist() == [False, True, False] and torch.equal(kept["b"], masks["b"])
    assert not masks["a"].any(), "the argument was changed"
    with pytest.raises(ValueError, match="shape"):
        keep_one({"a": torch.ones(3, dtype=torch.bool)}, scores)
    with pytest.raises(ValueError, match="a name in masks"):
        keep_one({"c": masks["a"]}, scores)


@pytest.mark.parametrize(
    ("strength", "error"), [(0, ValueError), (-1.0, ValueError), (float("nan"), ValueError), ("1", TypeError)]
)
def test_bad_strengths_are_refused(strength, error):
    with pytest.raises(error, match="strength"):
        scale_penalty(strength)

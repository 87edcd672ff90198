"""Removal from chains against the masked network, against a hand-made small one and against torch_pruning."""

import copy
from collections import OrderedDict

import pytest
import torch
import torch_pruning
from surgery_models import HIDDEN, OwnCNN, assert_same, filter_masks, masked, net, randomise, size
from torch import nn

from prunelab.masks import mask_model, prunable
from prunelab.models import MODELS
from prunelab.surgery import remove_filters

# ---- equality with the masked network


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("sparsity", [0.3, 0.5, 0.9])
def test_equals_the_masked_network(name, sparsity):
    model = net(name)
    before = copy.deepcopy(model.state_dict())
    masks = filter_masks(model, HIDDEN[name], sparsity)
    small = remove_filters(model, masks)
    assert_same(small, masked(model, masks))
    kept = {n: int(mask.sum()) for n, mask in masks.items()}
    assert all(len(small.get_parameter(n)) == kept[n] for n in masks)
    assert size(small) < size(model) and type(small) is type(model)
    assert all(torch.equal(value, before[n]) for n, value in model.state_dict().items()), (
        "the argument was changed"
    )
    for before_module, module in zip(
        model.modules(), small.modules(), strict=True
    ):  # the attributes tell the truth
        for attribute in ("in_channels", "out_channels", "in_features", "out_features", "num_features"):
            if hasattr(module, attribute):
                dimension = 1 if attribute.startswith("in_") else 0
                assert (
                    getattr(module, attribute)
                    == module.weight.shape[dimension]
                    <= getattr(before_module, attribute)
                )


@pytest.mark.parametrize("name", MODELS)
def test_one_layer_at_a_time_and_full_masks(name):
    model = net(name)
    for layer in HIDDEN[name]:
        masks = filter_masks(model, [layer], 0.5)
        full = {n: mask.expand(model.get_parameter(n).shape).clone() for n, mask in masks.items()}
        assert_same(remove_filters(model, full), masked(model, masks))
    assert size(remove_filters(model, {})) == size(model)


def test_the_fold_matters():
    model = net("lenet5")
    masks = filter_masks(model, ["conv1"], 0.5)
    small = remove_filters(model, masks)
    small.conv2.bias = nn.Parameter(model.conv2.bias.detach().clone())  # undo the fold
    x = torch.randn(4, 1, 28, 28, dtype=torch.float64)
    assert not torch.allclose(small(x), masked(model, masks)(x), atol=1e-3)


def test_small_by_hand():
    """Two inputs, three neurons, one output: the second neuron goes, and its ReLU(0.5) times 10 moves into
    the last bias.
    """
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)).eval()
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
        model[0].bias.copy_(torch.tensor([0.1, 0.5, -0.3]))
        model[2].weight.copy_(torch.tensor([[7.0, 10.0, 8.0]]))
        model[2].bias.copy_(torch.tensor([1.0]))
    small = remove_filters(model, {"0.weight": torch.tensor([[True], [False], [True]])})
    assert small[0].weight.tolist() == [[1, 2], [5, 6]] and torch.equal(
        small[0].bias, torch.tensor([0.1, -0.3])
    )
    assert small[2].weight.tolist() == [[7, 8]] and small[2].bias.tolist() == [6.0]


def test_batchnorm_masks_and_both():
    model = net("lenet5_bn")
    for masks in (
        {"bn1.weight": torch.arange(6) % 2 == 0},
        {"bn1.weight": torch.arange(6) < 4, "bn2.weight": torch.arange(16) > 3},
        filter_masks(model, ["conv1", "fc1"], 0.5)
        | {
            "bn1.weight": torch.arange(6) < 5,
            "bn2.weight": torch.arange(16) > 9,
        },
    ):
        small = remove_filters(model, masks)
        assert_same(small, masked(model, masks))
        assert small.conv1.out_channels == small.bn1.num_features == small.conv2.in_channels < 6


def test_single_weights_stay_zero_and_empty_layers_keep_one():
    model = net("lenet300")
    masks = mask_model({n: w.detach().abs() for n, w in prunable(model).items()}, 0.5)
    masks["fc1.weight"][:150] = False
    small = remove_filters(model, masks)
    assert small.fc1.out_features == 150 and int((small.fc1.weight == 0).sum()) == int(
        (~masks["fc1.weight"][150:]).sum()
    )
    assert_same(small, masked(model, masks))
    for name in MODELS:
        model = net(name)
        masks = {
            f"{layer}.weight": torch.zeros_like(model.get_submodule(layer).weight, dtype=torch.bool)
            for layer in HIDDEN[name]
        }
        small = remove_filters(model, masks)
        assert all(len(small.get_submodule(layer).weight) == 1 for layer in HIDDEN[name])
        assert_same(small, masked(model, masks))


def test_layers_without_bias_get_one_only_when_needed():
    torch.manual_seed(0)
    model = nn.Sequential(
        OrderedDict(
            a=nn.Linear(4, 6, bias=True),
            act=nn.Sigmoid(),
            b=nn.Linear(6, 5, bias=False),
            relu=nn.ReLU(),
            c=nn.Linear(5, 2, bias=False),
        )
    )
    model = randomise(model)
    masks = filter_masks(model, ["a", "b"])
    small = remove_filters(model, masks)
    assert small.b.bias is not None, "Sigmoid(bias) of the dropped neurons must go somewhere"
    assert_same(small, masked(model, masks), (5, 4))
    only_b = filter_masks(model, ["b"])
    assert remove_filters(model, only_b).c.bias is None, "ReLU(0) is nothing to fold"


def test_a_module_with_its_own_forward():
    torch.manual_seed(5)
    model = randomise(OwnCNN())
    masks = filter_masks(model, ["body.0", "conv", "fc"], 0.5)
    small = remove_filters(model, masks)
    assert type(small) is OwnCNN and small.body[0].out_channels == 4 and small.fc.in_features == 54
    assert_same(small, masked(model, masks))


def test_the_result_trains_and_keeps_mode_and_dtype():
    model = MODELS["lenet5_bn"]().train()
    model.conv1.weight.requires_grad_(False)
    small = remove_filters(model, filter_masks(model, ["conv1", "fc1"]))
    assert (
        small.training
        and small.bn1.training
        and not small.conv1.weight.requires_grad
        and small.conv2.weight.requires_grad
    )
    small(torch.randn(4, 1, 28, 28)).sum().backward()
    assert (
        small.conv2.weight.grad.shape == small.conv2.weight.shape and small.fc1.weight.dtype == torch.float32
    )
    assert all(p.is_leaf for p in small.parameters())


# ---- agreement with torch_pruning


@pytest.mark.parametrize("name", MODELS)
def test_agrees_with_torch_pruning(name):
    """torch_pruning drops the constant that a filter sends on, so the dropped filters' biases are 0 here (and
    beta, mean).
    """
    model = net(name)
    masks = filter_masks(model, HIDDEN[name], 0.5)
    for parameter, mask in masks.items():
        dropped = ~mask.flatten()
        model.get_parameter(parameter.replace("weight", "bias")).data[dropped] = 0
        norm = getattr(model, parameter.replace(".weight", "").replace("conv", "bn"), None)
        if isinstance(norm, nn.BatchNorm2d):
            norm.bias.data[dropped] = 0
            norm.running_mean[dropped] = 0
    reference = copy.deepcopy(model)
    x = torch.randn(2, 1, 28, 28, dtype=torch.float64)
    for parameter, mask in masks.items():
        layer = reference.get_submodule(parameter.removesuffix(".weight"))
        prune = (
            torch_pruning.prune_conv_out_channels
            if isinstance(layer, nn.Conv2d)
            else torch_pruning.prune_linear_out_channels
        )
        graph = torch_pruning.DependencyGraph().build_dependency(reference, example_inputs=x)
        graph.get_pruning_group(layer, prune, idxs=(~mask.flatten()).nonzero().flatten().tolist()).prune()
    small = remove_filters(model, masks)
    assert {n: p.shape for n, p in small.named_parameters()} == {
        n: p.shape for n, p in reference.named_parameters()
    }
    assert_same(small, reference)

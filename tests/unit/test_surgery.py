"""Removal against the masked network, against a hand-made small one and against torch_pruning; what must be refused."""

import copy
from collections import OrderedDict

import pytest
import torch
import torch.nn.functional as F
import torch_pruning
from torch import nn

from prunelab.masks import apply_masks, mask_model, prunable
from prunelab.models import MODELS
from prunelab.surgery import reestimate_batchnorm, remove_filters, resize

HIDDEN = {
    "lenet5": ("conv1", "conv2", "fc1", "fc2"),
    "lenet5_bn": ("conv1", "conv2", "fc1", "fc2"),
    "lenet300": ("fc1", "fc2"),
    "lenet5_caffe": ("conv1", "conv2", "fc1"),
}


def net(name: str) -> nn.Module:
    """A random network in float64 whose biases and BatchNorm statistics are far from their defaults."""
    torch.manual_seed(3)
    return randomise(MODELS[name]())


def randomise(model: nn.Module) -> nn.Module:
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1:
                parameter.uniform_(-1, 1)
        for module in model.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d) and module.track_running_stats:
                module.running_mean.uniform_(-1, 1)
                module.running_var.uniform_(0.5, 2)
    return model.double().eval()


def filter_masks(model: nn.Module, layers, sparsity=0.5) -> dict[str, torch.Tensor]:
    norms = {f"{n}.weight": model.get_submodule(n).weight.detach().abs().flatten(1).sum(1) for n in layers}
    return {n: m.view(-1, *[1] * (model.get_parameter(n).ndim - 1)) for n, m in mask_model(norms, sparsity).items()}


def masked(model: nn.Module, masks) -> nn.Module:
    copied = copy.deepcopy(model)
    apply_masks(copied, masks)
    return copied


@torch.no_grad()
def assert_same(small: nn.Module, big: nn.Module, shape=(7, 1, 28, 28)) -> None:
    x = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(small(x), big(x), rtol=0, atol=1e-10)


def size(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


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
    assert all(torch.equal(value, before[n]) for n, value in model.state_dict().items()), "the argument was changed"
    for before_module, module in zip(model.modules(), small.modules(), strict=True):  # the attributes tell the truth
        for attribute in ("in_channels", "out_channels", "in_features", "out_features", "num_features"):
            if hasattr(module, attribute):
                dimension = 1 if attribute.startswith("in_") else 0
                assert getattr(module, attribute) == module.weight.shape[dimension] <= getattr(before_module, attribute)


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
    """Two inputs, three neurons, one output: the second neuron goes, and its ReLU(0.5) times 10 moves into the last bias."""
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)).eval()
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
        model[0].bias.copy_(torch.tensor([0.1, 0.5, -0.3]))
        model[2].weight.copy_(torch.tensor([[7.0, 10.0, 8.0]]))
        model[2].bias.copy_(torch.tensor([1.0]))
    small = remove_filters(model, {"0.weight": torch.tensor([[True], [False], [True]])})
    assert small[0].weight.tolist() == [[1, 2], [5, 6]] and torch.equal(small[0].bias, torch.tensor([0.1, -0.3]))
    assert small[2].weight.tolist() == [[7, 8]] and small[2].bias.tolist() == [6.0]


def test_batchnorm_masks_and_both():
    model = net("lenet5_bn")
    for masks in (
        {"bn1.weight": torch.arange(6) % 2 == 0},
        {"bn1.weight": torch.arange(6) < 4, "bn2.weight": torch.arange(16) > 3},
        filter_masks(model, ["conv1", "fc1"], 0.5) | {"bn1.weight": torch.arange(6) < 5, "bn2.weight": torch.arange(16) > 9},
    ):
        small = remove_filters(model, masks)
        assert_same(small, masked(model, masks))
        assert small.conv1.out_channels == small.bn1.num_features == small.conv2.in_channels < 6


def test_single_weights_stay_zero_and_empty_layers_keep_one():
    model = net("lenet300")
    masks = mask_model({n: w.detach().abs() for n, w in prunable(model).items()}, 0.5)
    masks["fc1.weight"][:150] = False
    small = remove_filters(model, masks)
    assert small.fc1.out_features == 150 and int((small.fc1.weight == 0).sum()) == int((~masks["fc1.weight"][150:]).sum())
    assert_same(small, masked(model, masks))
    for name in MODELS:
        model = net(name)
        masks = {f"{layer}.weight": torch.zeros_like(model.get_submodule(layer).weight, dtype=torch.bool) for layer in HIDDEN[name]}
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


class OwnCNN(nn.Module):
    """A network with a forward of its own, as a reader would write it: functional ReLU, a pool used twice, two heads."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 8, 3, bias=False), nn.BatchNorm2d(8))
        self.conv = nn.Conv2d(8, 12, 3, stride=2)
        self.pool = nn.MaxPool2d(2)
        self.mean = nn.AvgPool2d(2)
        self.norm = nn.BatchNorm1d(20)
        self.fc = nn.Linear(108, 20)
        self.head, self.other = nn.Linear(20, 10), nn.Linear(20, 3)

    def forward(self, x):
        x = self.pool(F.relu(self.body(x)))
        x = self.mean(F.leaky_relu(self.conv(x), 0.2))
        x = F.dropout(torch.flatten(x, 1), training=self.training)
        x = torch.tanh(self.norm(self.fc(x)))
        return torch.cat([self.head(x), self.other(x)], 1)


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
    assert small.training and small.bn1.training and not small.conv1.weight.requires_grad and small.conv2.weight.requires_grad
    small(torch.randn(4, 1, 28, 28)).sum().backward()
    assert small.conv2.weight.grad.shape == small.conv2.weight.shape and small.fc1.weight.dtype == torch.float32
    assert all(p.is_leaf for p in small.parameters())


# ---- agreement with torch_pruning


@pytest.mark.parametrize("name", MODELS)
def test_agrees_with_torch_pruning(name):
    """torch_pruning drops the constant that a filter sends on, so the dropped filters' biases are 0 here (and beta, mean)."""
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
        prune = torch_pruning.prune_conv_out_channels if isinstance(layer, nn.Conv2d) else torch_pruning.prune_linear_out_channels
        graph = torch_pruning.DependencyGraph().build_dependency(reference, example_inputs=x)
        graph.get_pruning_group(layer, prune, idxs=(~mask.flatten()).nonzero().flatten().tolist()).prune()
    small = remove_filters(model, masks)
    assert {n: p.shape for n, p in small.named_parameters()} == {n: p.shape for n, p in reference.named_parameters()}
    assert_same(small, reference)


# ---- padding


def padded(mode="zeros", bias=True) -> nn.Module:
    torch.manual_seed(2)
    return randomise(
        nn.Sequential(
            OrderedDict(
                first=nn.Conv2d(1, 6, 3, padding=1, bias=bias),
                relu=nn.ReLU(),
                pool=nn.MaxPool2d(3, stride=2, padding=1),
                second=nn.Conv2d(6, 4, 3, padding=1, padding_mode=mode),
                flatten=nn.Flatten(),
                last=nn.Linear(4 * 14 * 14, 3),
            )
        )
    )


def test_zero_padding_is_refused_unless_the_constant_is_zero():
    model = padded()
    model.first.bias.data.copy_(torch.tensor([0.5, -0.5, 0.5, 0.5, -0.1, 0.5]))
    mask = torch.ones(6, 1, 1, 1, dtype=torch.bool)
    mask[0] = False
    with pytest.raises(ValueError, match=r"second pads with zeros.*0\.5"):
        remove_filters(model, {"first.weight": mask})
    harmless = torch.tensor([True, False, True, True, False, True]).view(6, 1, 1, 1)  # ReLU(-0.5) = ReLU(-0.1) = 0
    assert_same(remove_filters(model, {"first.weight": harmless}), masked(model, {"first.weight": harmless}))
    no_bias = padded(bias=False)
    assert_same(remove_filters(no_bias, {"first.weight": mask}), masked(no_bias, {"first.weight": mask}))


@pytest.mark.parametrize("mode", ["replicate", "reflect", "circular"])
def test_padding_that_repeats_the_constant_is_exact(mode):
    model = padded(mode)
    masks = filter_masks(model, ["first"])
    assert_same(remove_filters(model, masks), masked(model, masks))


# ---- what must be refused


class Wrap(nn.Module):
    def __init__(self, forward, **layers):
        super().__init__()
        self.a, self.b = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 4, 1)
        self.fc = nn.Linear(4 * 64, 3)
        for name, layer in layers.items():
            setattr(self, name, layer)
        self._forward = forward

    def forward(self, x):
        return self._forward(self, x)


def flat(x):
    return torch.flatten(x, 1)


REFUSED = {
    "residual sum": (lambda m, x: m.fc(flat((y := m.a(x)) + m.b(y))), "a", "add.*a, b"),
    "concatenation": (lambda m, x: m.fc(flat(torch.cat([m.a(x), x, x, x], 1)[:, :4])), "a", "cat"),
    "view": (lambda m, x: m.fc(m.b(m.a(x)).view(-1, 256)), "b", "view.*flatten"),
    "view by size": (lambda m, x: m.fc((y := m.b(m.a(x))).view(y.size(0), -1)), "b", "flatten"),
    "flatten of the batch": (lambda m, x: m.fc(torch.flatten(m.b(m.a(x))).view(-1, 256)), "b", "flatten"),
    "softmax over channels": (lambda m, x: m.fc(flat(torch.softmax(m.a(x), 1))), "a", "softmax"),
    "indexing": (lambda m, x: m.fc(flat(m.a(x)[:, :4])), "a", "getitem"),
    "the output": (lambda m, x: m.fc(flat(m.a(x))), "fc", "fc makes the model's output"),
    "called twice": (lambda m, x: m.fc(flat(m.b(m.b(m.a(x))))), "b", "b is called 2 times"),
    "consumer called twice": (lambda m, x: m.fc(flat(m.b(m.b(m.a(x))))), "a", "b is called 2 times"),
    "weight used as a tensor": (lambda m, x: m.fc(flat(F.conv2d(x, m.a.weight, padding=1))), "a", "a is not called as a layer"),
    "linear on pixels": (lambda m, x: m.fc(m.a(x).reshape(-1, 256)), "a", "reshape"),
    "control flow": (lambda m, x: m.fc(flat(m.a(x))) if x.sum() > 0 else x, "a", "traceable"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_couplings_are_refused_by_name(case):
    forward, layer, words = REFUSED[case]
    model = Wrap(forward)
    model(torch.randn(2, 1, 8, 8))  # a valid network all the same
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(ValueError, match=words):
        remove_filters(model, filter_masks(model, [layer]))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_layers_that_cannot_shrink_are_refused():
    depthwise = nn.Sequential(
        OrderedDict(a=nn.Conv2d(1, 4, 3), deep=nn.Conv2d(4, 4, 3, groups=4), f=nn.Flatten(), out=nn.Linear(16, 2))
    )
    for layer in ("a", "deep"):
        with pytest.raises(ValueError, match="deep is a grouped convolution"):
            remove_filters(depthwise, filter_masks(depthwise, [layer]))
    tied = nn.Sequential(OrderedDict(a=nn.Linear(4, 4), b=nn.Linear(4, 4), c=nn.Linear(4, 2)))
    tied.b.weight = tied.a.weight
    with pytest.raises(ValueError, match="shares a parameter"):
        remove_filters(tied, {"a.weight": torch.tensor([[True], [True], [False], [True]])})
    norm = nn.Sequential(OrderedDict(a=nn.Conv2d(1, 4, 3), n=nn.BatchNorm2d(4, track_running_stats=False), b=nn.Conv2d(4, 2, 3)))
    with pytest.raises(ValueError, match="n keeps no running statistics"):
        remove_filters(norm, filter_masks(norm, ["a"]))
    late = nn.Sequential(OrderedDict(a=nn.Conv2d(1, 4, 3), relu=nn.ReLU(), n=nn.BatchNorm2d(4), b=nn.Conv2d(4, 2, 3)))
    with pytest.raises(ValueError, match="n must follow"):
        remove_filters(late, {"n.weight": torch.arange(4) > 1})
    tokens = nn.Sequential(OrderedDict(a=nn.Linear(4, 4), f=nn.Flatten(), b=nn.Linear(12, 2)))  # (N, 3, 4): features come last
    with pytest.raises(ValueError, match=r"b .*reshaped"):
        remove_filters(tokens, filter_masks(tokens, ["a"]))
    unflattened = nn.Sequential(OrderedDict(a=nn.Conv2d(1, 4, 3), b=nn.Linear(4, 2)))
    with pytest.raises(ValueError, match=r"b .*reshaped"):
        remove_filters(unflattened, filter_masks(unflattened, ["a"]))
    other = nn.Sequential(OrderedDict(a=nn.Linear(4, 4), ln=nn.LayerNorm(4), b=nn.Linear(4, 2)))
    with pytest.raises(ValueError, match=r"ln \(LayerNorm\)"):
        remove_filters(other, filter_masks(other, ["a"]))


def test_bad_masks_are_refused():
    model = MODELS["lenet5"]()
    with pytest.raises(TypeError, match="model"):
        remove_filters("lenet5", {})
    with pytest.raises(ValueError, match="a name in masks"):
        remove_filters(model, {"conv9.weight": torch.ones(6, 1, 1, 1, dtype=torch.bool)})
    with pytest.raises(TypeError, match="bool"):
        remove_filters(model, {"conv1.weight": torch.ones(6, 1, 1, 1)})
    with pytest.raises(ValueError, match="shape"):
        remove_filters(model, {"conv1.weight": torch.ones(5, 1, 1, 1, dtype=torch.bool)})
    with pytest.raises(ValueError, match="must name weights"):
        remove_filters(model, {"conv1.bias": torch.zeros(6, dtype=torch.bool)})


# ---- BatchNorm statistics, and reading a smaller network back


def test_reestimated_statistics_are_the_data_s():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.9), nn.BatchNorm1d(4)).eval()
    model[0].train()
    x = torch.randn(1500, 3) * 5 + 2
    reestimate_batchnorm(model, x)
    hidden = model[0](x).detach()
    batches = hidden.split(500)
    assert torch.allclose(model[1].running_mean, hidden.mean(0), atol=1e-4)
    assert torch.allclose(model[1].running_var, torch.stack([b.var(0) for b in batches]).mean(0), rtol=1e-4)
    assert model[1].momentum == 0.1 and [m.training for m in model] == [True, False, False, False]
    assert torch.allclose(model[3].running_var, torch.ones(4), atol=0.02), "dropout must be off, or its noise is counted"


def test_reestimate_refuses():
    with pytest.raises(ValueError, match="BatchNorm"):
        reestimate_batchnorm(MODELS["lenet5"](), torch.randn(4, 1, 28, 28))
    with pytest.raises(ValueError, match="2 examples"):
        reestimate_batchnorm(MODELS["lenet5_bn"](), torch.randn(1, 1, 28, 28))
    with pytest.raises(TypeError, match="images"):
        reestimate_batchnorm(MODELS["lenet5_bn"](), [1, 2])


@pytest.mark.parametrize("name", MODELS)
def test_resize_reads_a_smaller_network_back(name):
    model = net(name)
    small = remove_filters(model, filter_masks(model, HIDDEN[name], 0.7))
    fresh = MODELS[name]().double().eval()
    assert_same(resize(fresh, small.state_dict()), small)
    assert size(fresh) == size(model), "the argument was changed"


def test_resize_refuses():
    model = MODELS["lenet5"]()
    state = model.state_dict()
    with pytest.raises(TypeError, match="state"):
        resize(model, [1])
    with pytest.raises(ValueError, match=r"conv2\.weight"):
        resize(model, {n: v for n, v in state.items() if n != "conv2.weight"})
    with pytest.raises(ValueError, match="extra"):
        resize(model, state | {"extra": torch.ones(1)})

"""BatchNorm's statistics after pruning, and reading a smaller network back."""

import pytest
import torch
from surgery_models import HIDDEN, assert_same, filter_masks, net, size
from torch import nn

from prunelab.models import MODELS
from prunelab.surgery import reestimate_batchnorm, remove_filters, resize


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
    assert torch.allclose(model[3].running_var, torch.ones(4), atol=0.02), (
        "dropout must be off, or its noise is counted"
    )


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

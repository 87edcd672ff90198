"""Living neurons: those on a way from an input to an output, against a walk through the layers one by one."""

import pytest
import torch
from torch import nn

from prunelab.masks import living, prunable
from prunelab.models import LeNet5


def reaches(model, name, index):
    """Brute force: does anything flow through this neuron? Its own weights and all that read it, followed in
    both directions.
    """
    weights = [weight.detach() != 0 for weight in prunable(model).values()]
    at = list(prunable(model)).index(name)
    forward = weights[at][index].any()
    alive = torch.zeros(len(weights[at]), dtype=torch.bool)
    alive[index] = True
    for weight in weights[at + 1 :]:
        alive = weight[:, alive].any(1)
    back = weights[at][index]
    for weight in reversed(weights[:at]):
        back = weight[back].any(0)
    return bool(forward and alive.any() and back.any())


@pytest.mark.parametrize("seed", range(5))
def test_living_neurons_lie_on_a_way_from_an_input_to_an_output(seed):
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 7), nn.ReLU(), nn.Linear(7, 5), nn.ReLU(), nn.Linear(5, 3)
    )
    for weight in prunable(model).values():
        weight.data *= torch.rand(weight.shape) < 0.15
    alive = living(model)
    assert list(alive) == ["0.weight", "2.weight", "4.weight"]
    for name, mask in alive.items():
        assert mask.flatten().tolist() == [reaches(model, name, index) for index in range(len(mask))]


def test_a_filter_is_read_through_pooling_and_flatten():
    model = LeNet5()
    with torch.no_grad():
        model.conv2.weight[:, 2] = 0  # nobody reads filter 2 of conv1
        model.fc1.weight[:, 16:32] = 0  # the 16 places of channel 1 of conv2
        model.conv1.weight[4] = 0
    alive = living(model)
    assert alive["conv1.weight"].shape == (6, 1, 1, 1) and alive["fc1.weight"].shape == (120, 1)
    assert (~alive["conv1.weight"].flatten()).nonzero().flatten().tolist() == [2, 4]
    assert (~alive["conv2.weight"].flatten()).nonzero().flatten().tolist() == [1]
    assert alive["fc2.weight"].all() and "fc3.weight" not in alive


def test_living_refuses_what_is_no_chain():
    with pytest.raises(TypeError, match=r"must be a torch.nn.Sequential, got Linear"):
        living(nn.Linear(2, 2))
    with pytest.raises(ValueError, match="must have a layer with a weight"):
        living(nn.Sequential(nn.ReLU()))

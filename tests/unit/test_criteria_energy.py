import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

from prunelab.criteria import (
    EnergyCosts,
    energy_aware,
    energy_order,
    layer_energies,
    output_error,
    restore_gains,
)
from prunelab.measure import macs
from prunelab.models import LeNet5


def small():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10), nn.ReLU(), nn.Linear(10, 3)
    ).eval()


def data(n=120):
    return TensorDataset(
        torch.randn(n, 1, 8, 8, generator=torch.Generator().manual_seed(1)), torch.arange(n) % 3
    )


def test_the_energy_of_lenet5_counted_by_hand():
    energies = layer_energies(
        LeNet5(),
        torch.zeros(1, 1, 28, 28),
        costs=EnergyCosts(mac=1, register=0.5, buffer=2, dram=10, batch=4),
    )
    conv2 = energies["conv2.weight"]
    assert conv2.compute == 153_600 * (1 + 4 * 0.5)
    assert conv2.weights == 2_400 * 12 / 4
    assert conv2.activations == (6 * 12 * 12 + 16 * 8 * 8) * 12
    assert conv2.total == conv2.compute + conv2.weights + conv2.activations


def test_compute_counts_the_macs_that_are_measured_also_under_masks():
    model, x = small(), torch.zeros(1, 1, 8, 8)
    costs = EnergyCosts(mac=1, register=0, buffer=0, dram=0)
    masks = {"3.weight": torch.rand(10, 144, generator=torch.Generator().manual_seed(0)) > 0.7}
    for m in (None, masks):
        assert sum(e.total for e in layer_energies(model, x, m, costs).values()) == macs(model, x, m)


def test_the_costs_decide_the_order():
    model, x = LeNet5(), torch.zeros(1, 1, 28, 28)
    assert energy_order(model, x, EnergyCosts(mac=1, register=1, buffer=0, dram=0))[:2] == [
        "conv2.weight",
        "conv1.weight",
    ]
    assert energy_order(model, x, EnergyCosts(mac=0, register=0, buffer=0, dram=1))[:2] == [
        "fc1.weight",
        "fc2.weight",
    ]
    assert (
        energy_order(model, x, EnergyCosts(mac=0, register=0, buffer=0, dram=1, batch=1000))[0]
        == "conv1.weight"
    )


def test_restoring_gains_are_the_fall_of_the_output_error():
    g = torch.Generator().manual_seed(0)
    weight, x = torch.randn(3, 5, generator=g).double(), torch.randn(40, 5, generator=g).double()
    mask = torch.rand(3, 5, generator=g) > 0.5
    hessian = 2 * x.T @ x / 40
    gains = restore_gains(weight, mask, hessian)
    error = output_error(weight, weight * mask, hessian)
    for o in range(3):
        for j in range(5):
            if mask[o, j]:
                assert gains[o, j] == -float("inf")
            else:
                back = mask.clone()
                back[o, j] = True
                assert float(gains[o, j]) == pytest.approx(
                    error - output_error(weight, weight * back, hessian), abs=1e-9
                )


def test_the_strategy_prunes_exactly_in_the_order_of_energy_and_leaves_the_model_alone():
    model, ds = small(), data()
    before = [p.clone() for p in model.parameters()]
    done = energy_aware(model, ds, 0.6)
    assert done.order == energy_order(model, ds.tensors[0][:1]) and list(done.masks) == done.order
    weights = dict(done.model.named_parameters())
    for name, mask in done.masks.items():
        assert int((~mask).sum()) == round(0.6 * mask.numel()) and not weights[name][~mask].any()
    assert done.energies == sorted(done.energies, reverse=True)
    assert done.energies[-1] == sum(e.total for e in layer_energies(done.model, ds.tensors[0][:1]).values())
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), before, strict=True))


def test_restoring_puts_back_weights_that_magnitude_alone_would_drop_and_lowers_the_error():
    model, ds = small(), data()
    with torch.no_grad():
        model[0].weight[0] *= 20  # this channel is loud: small weights that read it matter
    plain, restored = (energy_aware(model, ds, {"3.weight": 0.7}, restore=r) for r in (0.0, 0.5))
    assert list(restored.masks) == ["3.weight"] and not torch.equal(
        plain.masks["3.weight"], restored.masks["3.weight"]
    )
    with torch.no_grad():
        hidden = [m[:4](ds.tensors[0]) for m in (model, plain.model, restored.model)]
    assert float((hidden[2] - hidden[0]).norm()) < float((hidden[1] - hidden[0]).norm())


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="dram must be finite and at least 0, got -1"):
        EnergyCosts(dram=-1)
    with pytest.raises(TypeError, match="mac must be a number"):
        EnergyCosts(mac="1")
    with pytest.raises(ValueError, match="batch must be at least 1, got 0"):
        EnergyCosts(batch=0)
    with pytest.raises(ValueError, match=r"one image, shape \(1, \.\.\.\), got \(2, 1, 8, 8\)"):
        layer_energies(small(), torch.zeros(2, 1, 8, 8))
    with pytest.raises(TypeError, match="costs must be an EnergyCosts"):
        layer_energies(small(), torch.zeros(1, 1, 8, 8), costs={"dram": 3})
    for wrong, message in ((1.5, "must lie in"), ({"7.weight": 0.5}, "a name in sparsity must be one of")):
        with pytest.raises(ValueError, match=message):
            energy_aware(small(), data(), wrong)
    with pytest.raises(ValueError, match="restore must lie in"):
        energy_aware(small(), data(), 0.5, restore=2)
    with pytest.raises(TypeError, match="dataset must be a TensorDataset"):
        energy_aware(small())

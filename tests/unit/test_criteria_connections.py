import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import TensorDataset

from prunelab.criteria import activation_correlation, owl_sparsities, ria, sample_connections, wanda


def small(padding=1, stride=2):
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(2, 3, 3, stride, padding), nn.ReLU(), nn.Flatten(), nn.Linear(27, 4)
    ).eval()


def data(n=30):
    return TensorDataset(
        torch.randn(n, 2, 6, 6, generator=torch.Generator().manual_seed(1)), torch.arange(n) % 4
    )


def test_wanda_is_the_weight_times_the_norm_of_what_it_reads():
    model, ds = small(), data()
    x = F.pad(ds.tensors[0], (1, 1, 1, 1)).double()
    scores = wanda(model, ds)
    for i, r, c in [(0, 0, 0), (1, 2, 1), (0, 1, 2)]:
        read = x[:, i, r : r + 5 : 2, c : c + 5 : 2]  # the values that weight (., i, r, c) meets, stride 2
        norm = math.sqrt(float((read**2).sum()) / 30)
        expected = model[0].weight[:, i, r, c].detach().double().abs() * norm
        torch.testing.assert_close(scores["0.weight"][:, i, r, c], expected)
    hidden = F.relu(model[0](ds.tensors[0])).flatten(1).detach().double()
    expected = model[3].weight.detach().double().abs() * (hidden**2).mean(0).sqrt()
    torch.testing.assert_close(scores["3.weight"], expected)


def test_wanda_of_an_input_that_is_always_zero_is_zero_and_more_data_of_the_same_kind_changes_nothing():
    model, ds = small(), data()
    images = ds.tensors[0].clone()
    images[:, 1] = 0
    once = wanda(model, TensorDataset(images))
    assert not once["0.weight"][:, 1].any() and once["0.weight"][:, 0].all()
    twice = wanda(model, TensorDataset(images.repeat(2, 1, 1, 1)))
    torch.testing.assert_close(once["0.weight"], twice["0.weight"])


def test_correlations_of_a_linear_layer_are_those_of_numpy():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    x = 100 + torch.randn(50, 4)
    hidden = torch.relu(model[0](x)).detach()
    found = activation_correlation(model, TensorDataset(x), signed=True, batch_size=16)
    for out in range(3):
        for i in range(4):
            r = np.corrcoef(x[:, i], hidden[:, out])[0, 1] if hidden[:, out].std() > 0 else 0.0
            assert float(found["0.weight"][out, i]) == pytest.approx(r, abs=1e-4)
    logits = model[2](hidden).detach()
    r = np.corrcoef(hidden[:, 0], logits[:, 1])[0, 1] if hidden[:, 0].std() > 0 else 0.0
    assert float(found["2.weight"][1, 0]) == pytest.approx(r, abs=1e-4), "the output layer has no ReLU"


def test_correlations_of_a_convolution_are_averaged_over_positions():
    model, ds = small(), data()
    x, out = F.pad(ds.tensors[0], (1, 1, 1, 1)).numpy(), F.relu(model[0](ds.tensors[0])).detach().numpy()
    found = activation_correlation(model, ds, batch_size=8)["0.weight"]
    for o, i, r, c in [(0, 0, 0, 0), (2, 1, 1, 2), (1, 0, 2, 2)]:
        pairs = [(x[:, i, 2 * h + r, 2 * w + c], out[:, o, h, w]) for h in range(3) for w in range(3)]
        each = [abs(np.corrcoef(a, b)[0, 1]) if a.std() > 0 and b.std() > 0 else 0.0 for a, b in pairs]
        assert float(found[o, i, r, c]) == pytest.approx(np.mean(each), abs=1e-5)


def test_a_neuron_that_is_constant_or_dead_has_correlation_0():
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2))
    with torch.no_grad():
        model[0].bias[0] = -1e6
    x = torch.randn(20, 2)
    x[:, 1] = 0.3
    found = activation_correlation(model, TensorDataset(x))["0.weight"]
    assert not found[0].any() and not found[:, 1].any() and found[1, 0] > 0


def test_sampling_keeps_the_exact_count_the_share_of_strong_ones_and_both_signs():
    r = torch.randn(40, 50, generator=torch.Generator().manual_seed(0))
    mask = sample_connections(r, 0.8, share=0.75)
    assert int(mask.sum()) == 400
    positive = r >= 0
    assert int((mask & positive).sum()) == round(400 * float(positive.float().mean()))
    for sign in (positive, ~positive):
        strong = sign & (r.abs() > r[sign].abs().median())
        assert int((mask & strong).sum()) / int((mask & sign).sum()) == pytest.approx(0.75, abs=0.01)
    assert torch.equal(mask, sample_connections(r, 0.8, share=0.75)) and not torch.equal(
        mask, sample_connections(r, 0.8, seed=1)
    )


@pytest.mark.parametrize("sparsity", [0.0, 0.1, 0.37, 0.9, 1.0])
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_sampling_is_exact_also_where_a_half_is_too_small(sparsity, share):
    r = torch.linspace(-1, 3, 41)
    assert int((~sample_connections(r, sparsity, share=share)).sum()) == round(sparsity * 41)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="at least 2 examples for a correlation, got 1"):
        activation_correlation(small(), data(1))
    with pytest.raises(TypeError, match="dataset must be a TensorDataset"):
        wanda(small())
    with pytest.raises(ValueError, match="groups=1"):
        wanda(nn.Sequential(nn.Conv2d(2, 2, 3, groups=2), nn.ReLU(), nn.Flatten(), nn.Linear(32, 2)), data())
    for share in (1.5, float("nan")):
        with pytest.raises(ValueError, match="share must lie in"):
            sample_connections(torch.ones(3), 0.5, share=share)
    with pytest.raises(ValueError, match="sparsity must lie in"):
        sample_connections(torch.ones(3), -0.5)
    bad = small()
    with torch.no_grad():
        bad[0].weight[0] = math.inf
    for criterion in (wanda, activation_correlation):
        with pytest.raises(FloatingPointError, match="not finite"):
            criterion(bad, data())


def test_ria_against_a_loop_over_the_weights():
    model, ds = small(), data()
    hidden = F.relu(model[0](ds.tensors[0])).flatten(1).detach().double().numpy()
    w = np.abs(model[3].weight.detach().double().numpy())
    scores = ria(model, ds, power=0.5)["3.weight"]
    for o, i in [(0, 0), (1, 5), (3, 26)]:
        share = w[o, i] / sum(w[o, k] for k in range(27)) + w[o, i] / sum(w[k, i] for k in range(4))
        norm = math.sqrt(sum(value**2 for value in hidden[:, i]) / len(hidden))
        assert float(scores[o, i]) == pytest.approx(share * norm**0.5, rel=1e-6)
    x = F.pad(ds.tensors[0], (1, 1, 1, 1)).double()
    kernel = model[0].weight.detach().double().abs()
    norm = math.sqrt(float((x[:, 1, 2:8:2, 1:7:2] ** 2).sum()) / 30)
    share = kernel[2, 1, 2, 1] / kernel[2].sum() + kernel[2, 1, 2, 1] / kernel[:, 1, 2, 1].sum()
    assert float(ria(model, ds)["0.weight"][2, 1, 2, 1]) == pytest.approx(float(share) * norm**0.5, rel=1e-6)


def test_ria_of_a_layer_without_weights_is_zero():
    model = small()
    with torch.no_grad():
        model[3].weight.zero_()
    assert not ria(model, data())["3.weight"].any()


def test_owl_gives_the_layer_with_more_outliers_more_weights_and_keeps_the_total():
    model, ds = small(), data()
    with torch.no_grad():
        model[3].weight.mul_(0.01)
        model[3].weight[:, :2] = 3.0  # a few large scores among small ones
    ratios = owl_sparsities(model, ds, 0.6, outlier=3.0, reach=0.1)
    scores = {name: score.numpy() for name, score in wanda(model, ds).items()}
    shares = {name: (s > 3.0 * s.mean()).mean() for name, s in scores.items()}
    assert shares["3.weight"] > shares["0.weight"] and ratios["3.weight"] < ratios["0.weight"]
    sizes = {name: s.size for name, s in scores.items()}
    assert sum(ratios[n] * sizes[n] for n in sizes) / sum(sizes.values()) == pytest.approx(0.6)
    assert ratios["0.weight"] - ratios["3.weight"] == pytest.approx(0.2)


def test_owl_with_equal_shares_is_uniform():
    assert owl_sparsities(small(), data(), 0.6, outlier=1e6) == pytest.approx(
        {"0.weight": 0.6, "3.weight": 0.6}
    )


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: ria(small(), data(), power=0.0), ValueError, "power"),
        (lambda: ria(small(), data(), power="1"), TypeError, "power"),
        (lambda: ria(small()), TypeError, "dataset"),
        (lambda: owl_sparsities(small(), data(), 1.2), ValueError, "sparsity"),
        (lambda: owl_sparsities(small(), data(), 0.5, outlier=-1.0), ValueError, "outlier"),
        (lambda: owl_sparsities(small(), data(), 0.98, reach=0.3, outlier=2.0), ValueError, "reach"),
        (lambda: owl_sparsities(small(), data(), 0.5, reach=True), TypeError, "reach"),
    ],
)
def test_ria_and_owl_refuse_bad_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call()

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.feature_selection import f_classif
from torch import nn
from torch.utils.data import TensorDataset

from prunelab.criteria import CRITERIA, apoz, entropy, icc, intra_class_correlation, oracle, taylor


def small(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 3, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(27, 5),
        nn.ReLU(),
        nn.Linear(5, 4),
    ).eval()


def data(n=40, seed=1):
    g = torch.Generator().manual_seed(seed)
    return TensorDataset(torch.randn(n, 1, 8, 8, generator=g), torch.arange(n) % 4)


class Fixed(nn.Module):
    """A model whose units send exactly the numbers the test wants: the input itself, through an identity
    layer and a ReLU.
    """

    def __init__(self, units, classes=2):
        super().__init__()
        self.copy = nn.Linear(units, units, bias=False)
        self.relu = nn.ReLU()
        self.head = nn.Linear(units, classes, bias=False)
        with torch.no_grad():
            self.copy.weight.copy_(torch.eye(units))

    def forward(self, x):
        return self.head(self.relu(self.copy(x)))


def fixed(columns, labels=None):
    values = torch.as_tensor(np.stack(columns, 1), dtype=torch.float32)
    labels = torch.zeros(len(values), dtype=torch.int64) if labels is None else labels
    return Fixed(values.shape[1]), TensorDataset(values, labels)


DATA_CRITERIA = [apoz, entropy, taylor, icc]


@pytest.mark.parametrize("criterion", DATA_CRITERIA)
def test_scores_have_one_entry_per_unit_of_every_layer_but_the_last(criterion):
    scores = criterion(small(), data())
    assert {name: tuple(s.shape) for name, s in scores.items()} == {
        "0.weight": (3, 1, 1, 1),
        "4.weight": (5, 1),
    }
    assert all(s.dtype == torch.float64 and (s >= 0).all() for s in scores.values())


@pytest.mark.parametrize("criterion", DATA_CRITERIA)
def test_the_batch_size_changes_nothing(criterion):
    whole, pieces = criterion(small(), data(), batch_size=40), criterion(small(), data(), batch_size=7)
    for name in whole:
        torch.testing.assert_close(whole[name], pieces[name], rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("criterion", DATA_CRITERIA)
def test_the_model_is_left_unchanged_and_scored_in_eval_mode(criterion):
    model = small()
    model.insert(6, nn.Dropout(0.5))
    model.train()
    before = {name: p.clone() for name, p in model.named_parameters()}
    a, b = criterion(model, data()), criterion(model, data())
    assert all(torch.equal(a[name], b[name]) for name in a), "dropout must be off"
    assert all(torch.equal(p, before[name]) and p.grad is None for name, p in model.named_parameters())
    assert all(m.training and not m._forward_hooks for m in model.modules())


def test_apoz_counts_zeros_after_the_relu_over_examples_and_positions():
    model, ds = small(), data()
    maps = F.relu(model[0](ds.tensors[0])).detach()
    counted = [1 - sum(float(v) == 0 for v in maps[:, k].flatten()) / maps[:, k].numel() for k in range(3)]
    torch.testing.assert_close(
        apoz(model, ds)["0.weight"].flatten(), torch.tensor(counted, dtype=torch.float64)
    )


def test_a_dead_unit_has_apoz_1_and_a_unit_that_is_always_on_0():
    model, ds = fixed([np.full(10, -1.0), np.ones(10), np.tile([1.0, -1.0], 5)])
    assert apoz(model, ds)["copy.weight"].flatten().tolist() == [0.0, 1.0, 0.5]


def test_entropy_of_a_constant_is_0_of_a_uniform_log_bins_and_of_two_values_log_2():
    model, ds = fixed([np.ones(1000), np.arange(1000.0), np.tile([1.0, 5.0], 500)])
    scores = entropy(model, ds)["copy.weight"].flatten()
    np.testing.assert_allclose(scores.numpy(), [0, math.log(100), math.log(2)], atol=1e-12)


def test_entropy_agrees_with_a_histogram_of_the_pooled_maps():
    model, ds = small(), data(200)
    pooled = F.relu(model[0](ds.tensors[0])).detach().double().mean((2, 3)).numpy()
    for unit, score in enumerate(entropy(model, ds, bins=20)["0.weight"].flatten()):
        p = np.histogram(pooled[:, unit], bins=20)[0] / 200
        assert float(score) == pytest.approx(-sum(q * math.log(q) for q in p if q), abs=1e-9)


def test_taylor_agrees_with_one_backward_pass_per_example():
    model, ds = small(), data(12)
    totals = torch.zeros(3, dtype=torch.float64)
    for x, y in zip(*ds.tensors, strict=True):
        z = F.relu(model[0](x[None])).detach().requires_grad_()
        F.cross_entropy(model[2:](z), y[None]).backward()
        totals += (z.grad * z).detach().double().mean((2, 3)).abs()[0]
    expected = totals / 12
    torch.testing.assert_close(
        taylor(model, ds, normalize="none")["0.weight"].flatten(), expected, rtol=1e-5, atol=0
    )
    normal = taylor(model, ds)["0.weight"].flatten()
    torch.testing.assert_close(normal, expected / expected.norm(), rtol=1e-5, atol=0)


def test_taylor_does_not_let_opposite_signs_cancel():
    # one unit, two classes, logits (z, -z): the gradient of the loss at z has opposite signs for the two
    # labels
    model, ds = fixed([np.ones(2)], torch.tensor([0, 1]))
    with torch.no_grad():
        model.head.weight.copy_(torch.tensor([[0.0], [0.0]]))
        model.head.weight[0, 0], model.head.weight[1, 0] = 1e-6, -1e-6
    x = ds.tensors[0].clone().requires_grad_()
    F.cross_entropy(model(x), ds.tensors[1], reduction="sum").backward()
    per_example = x.grad * x
    assert float(per_example.detach().mean().abs()) < 1e-3 * float(per_example.detach().abs().mean())
    assert float(taylor(model, ds, normalize="none")["copy.weight"]) == pytest.approx(
        float(per_example.detach().abs().mean()), rel=1e-6
    )


def test_taylor_is_exact_where_the_loss_is_linear_in_the_units():
    # far on the wrong side, cross-entropy is linear in the logits: the first-order term is the whole change
    model, ds = fixed([np.full(6, 30.0), np.full(6, 20.0)], torch.ones(6, dtype=torch.int64))
    with torch.no_grad():
        model.head.weight.copy_(torch.tensor([[5.0, 5.0], [0.0, 0.0]]))
    estimate, truth = taylor(model, ds, normalize="none"), oracle(model, ds)
    torch.testing.assert_close(estimate["copy.weight"], truth["copy.weight"], rtol=1e-6, atol=0)


def test_icc_is_1_for_a_class_code_and_near_0_for_noise():
    labels = torch.arange(2000) % 10
    noise = torch.rand(2000, generator=torch.Generator().manual_seed(0)).numpy()
    model, ds = fixed([labels.numpy().astype(float), noise, np.ones(2000)], labels)
    scores = icc(model, ds)["copy.weight"].flatten()
    assert float(scores[0]) == pytest.approx(1, abs=1e-9)
    assert 0 <= float(scores[1]) < 0.02
    assert float(scores[2]) == 0


def test_icc_follows_from_the_f_statistic_of_scikit_learn():
    g = torch.Generator().manual_seed(3)
    labels = torch.randint(0, 3, (60,), generator=g)
    responses = torch.randn(60, 4, generator=g, dtype=torch.float64) + labels[:, None] * torch.tensor(
        [0.0, 0.3, 1.0, 3.0]
    )
    f = f_classif(responses.numpy(), labels.numpy())[0]
    sizes = torch.bincount(labels).numpy()
    n0 = (60 - (sizes**2).sum() / 60) / 2
    np.testing.assert_allclose(
        intra_class_correlation(responses, labels).numpy(), (f - 1) / (f + n0 - 1), rtol=1e-9
    )


def test_the_response_of_a_filter_is_the_maximum_of_its_map():
    model, ds = small(), data()
    peaks = F.relu(model[0](ds.tensors[0])).detach().amax((2, 3))
    expected = intra_class_correlation(peaks, ds.tensors[1]).clamp_min(0)
    torch.testing.assert_close(icc(model, ds)["0.weight"].flatten(), expected)


def without_relu():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 5), nn.GELU(), nn.Linear(5, 4))


@pytest.mark.parametrize("criterion", DATA_CRITERIA)
def test_what_cannot_be_scored_is_refused_in_words(criterion):
    with pytest.raises(ValueError, match=r"nn\.ReLU module right behind a layer"):
        criterion(without_relu(), data())
    with pytest.raises(TypeError, match="dataset must be a TensorDataset"):
        criterion(small())
    with pytest.raises(ValueError, match="dataset must not be empty"):
        criterion(small(), TensorDataset(torch.zeros(0, 1, 8, 8), torch.zeros(0, dtype=torch.int64)))
    bad = small()
    with torch.no_grad():
        bad[0].weight[0] = math.nan
    with pytest.raises(FloatingPointError, match=r"0\.weight"):
        criterion(bad, data())


@pytest.mark.parametrize("criterion", [taylor, icc])
def test_missing_labels_are_refused(criterion):
    with pytest.raises(ValueError, match="needs labels"):
        criterion(small(), TensorDataset(data().tensors[0]))


@pytest.mark.parametrize("criterion", [apoz, entropy])
def test_labels_are_not_needed_where_they_are_not_used(criterion):
    assert torch.equal(
        criterion(small(), TensorDataset(data().tensors[0]))["0.weight"],
        criterion(small(), data())["0.weight"],
    )


@pytest.mark.parametrize("labels", [torch.zeros(40, dtype=torch.int64), torch.arange(40)])
def test_icc_refuses_one_class_and_all_different_classes(labels):
    with pytest.raises(ValueError, match="at least 2 classes and an example more"):
        icc(small(), TensorDataset(data().tensors[0], labels))


def test_bad_options_are_refused():
    with pytest.raises(ValueError, match="bins must be at least 2, got 1"):
        entropy(small(), data(), bins=1)
    with pytest.raises(ValueError, match="normalize must be one of 'layer', 'none', got 'l1'"):
        taylor(small(), data(), normalize="l1")
    with pytest.raises(ValueError, match="responses must be"):
        intra_class_correlation(torch.ones(3), torch.ones(3, dtype=torch.long))
    with pytest.raises(TypeError, match="labels must be whole numbers"):
        intra_class_correlation(torch.ones(3, 2), torch.ones(3))


def test_a_layer_behind_a_shortcut_is_not_scored():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem, self.inner, self.outer = (
                nn.Conv2d(1, 2, 3, padding=1),
                nn.Conv2d(2, 3, 3, padding=1),
                nn.Conv2d(3, 2, 3, padding=1),
            )
            self.relu, self.head = nn.ReLU(), nn.Linear(2, 4)

        def forward(self, x):
            x = self.relu(self.stem(x))
            x = self.relu(x + self.outer(self.relu(self.inner(x))))
            return self.head(x.mean((2, 3)))

    scores = apoz(Block(), data())
    assert set(scores) == {
        "stem.weight",
        "inner.weight",
    }, "outer is added to the shortcut: its units cannot be removed alone"


def test_the_registry_knows_them():
    for name in ("APoZ", "entropy", "Taylor", "ICC", "reconstruction"):
        assert CRITERIA[name].scores == ("filter", "neuron") and "data" in CRITERIA[name].needs

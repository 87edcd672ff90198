"""SparseGPT against brute force in float64: one column at a time, with a fresh inverse of what is left for
every step.
"""

import copy

import numpy as np
import pytest
import torch
from criteria_models import data, tiny
from torch import nn
from torch.utils.data import TensorDataset

from prunelab.criteria import layer_hessians, output_error, sparsegpt, sparsegpt_layer, wanda
from prunelab.language import Decoder
from prunelab.masks import mask_model, prunable
from prunelab.semi_structured import is_nm, nm_mask


def problem(rows=5, columns=12, examples=40, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(examples, columns, generator=generator, dtype=torch.float64)
    x = x @ torch.randn(columns, columns, generator=generator, dtype=torch.float64)
    return torch.randn(rows, columns, generator=generator, dtype=torch.float64), 2 * x.T @ x / examples, x


def damp(hessian, damping):
    return hessian + damping * hessian.diagonal().mean() * torch.eye(len(hessian), dtype=torch.float64)


def column_by_column(weight, hessian, mask, damping):
    """Exact OBS in a fixed order: what is left of the column being removed is fixed, what is right of it
    minimises the error.
    """
    weight, hessian = weight.clone().numpy(), damp(hessian, damping).numpy()
    for j in range(weight.shape[1]):
        inverse = np.linalg.inv(hessian[j:, j:])
        for row in np.flatnonzero(~mask[:, j].numpy()):
            weight[row, j:] -= weight[row, j] / inverse[0, 0] * inverse[0]
            weight[row, j] = 0
    return torch.from_numpy(weight)


@pytest.mark.parametrize("block", [1, 4, 5, 12, 128])
def test_the_blocked_update_is_the_exact_one_column_by_column(block):
    weight, hessian, _ = problem()
    mask = torch.rand(weight.shape, generator=torch.Generator().manual_seed(1)) > 0.5
    found = sparsegpt_layer(weight, hessian, mask=mask, block=block, damping=1e-3)
    assert not found[~mask].any() and found.dtype == torch.float64
    assert torch.allclose(found, column_by_column(weight, hessian, mask, 1e-3), rtol=1e-8, atol=1e-10)


def test_a_row_that_loses_its_first_columns_is_least_squares():
    """With the pruned columns all on the left, the order costs nothing: the rest is the best fit."""
    weight, hessian, x = problem()
    mask = torch.arange(12).expand(5, 12) >= 6
    found = sparsegpt_layer(weight, hessian, mask=mask, block=4, damping=1e-12)
    best = np.linalg.lstsq(x[:, 6:].numpy(), (x @ weight.T).numpy(), rcond=None)[0]
    assert np.allclose(found[:, 6:].numpy(), best.T, rtol=1e-5, atol=1e-6)


def test_with_one_column_a_block_the_choice_is_by_exact_cost():
    weight, hessian, _ = problem(rows=8)
    found, expected = sparsegpt_layer(weight, hessian, 0.5, block=1, damping=1e-3), weight.clone()
    for j in range(12):
        inverse = torch.linalg.inv(damp(hessian, 1e-3)[j:, j:])
        for row in (expected[:, j] ** 2 / inverse[0, 0]).argsort()[:4]:
            expected[row, j:] -= expected[row, j] / inverse[0, 0] * inverse[0]
            expected[row, j] = 0
    assert torch.allclose(found, expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("sparsity", [0, 0.37, 0.5, 0.9, 1])
@pytest.mark.parametrize("block", [3, 8, 50])
def test_exactly_the_asked_number_goes(sparsity, block):
    weight, hessian, _ = problem(rows=7)
    found = sparsegpt_layer(weight, hessian, sparsity, block=block)
    assert int((found == 0).sum()) == round(sparsity * weight.numel())
    if sparsity == 0:
        assert torch.equal(found, weight)


def test_a_pattern_holds_and_is_chosen_from_the_updated_weights():
    weight, hessian, _ = problem(rows=30)
    found = sparsegpt_layer(weight, hessian, pattern=(2, 4), block=4, damping=1e-3)
    assert is_nm(found, 2, 4) and int((found != 0).sum()) == weight.numel() // 2
    assert torch.allclose(found, sparsegpt_layer(weight, hessian, pattern=(2, 4), block=12, damping=1e-3))
    assert torch.allclose(found, column_by_column(weight, hessian, found != 0, 1e-3), rtol=1e-7, atol=1e-9)
    assert ((found != 0) != nm_mask(weight, 2, 4)).any()
    naive = weight * nm_mask(weight, 2, 4)
    assert output_error(weight, found, hessian) < output_error(weight, naive, hessian)


def test_dead_and_tied_inputs_and_a_singular_hessian():
    weight, _, x = problem(rows=6)
    x[:, 3] = 0  # dead
    x[:, 8] = x[:, 7]  # tied: the Hessian has no inverse
    hessian = 2 * x.T @ x / len(x)
    assert torch.linalg.matrix_rank(hessian) < 12
    found = sparsegpt_layer(weight, hessian, 0.25, damping=1e-6)
    assert torch.isfinite(found).all() and not found[:, 3].any(), "weights on the dead input go first"
    mask = torch.ones(6, 12, dtype=torch.bool)
    mask[:, 7] = False
    found = sparsegpt_layer(weight, hessian, mask=mask, damping=1e-9)
    assert torch.allclose(found[:, 8], weight[:, 7] + weight[:, 8], atol=1e-4), "the twin takes over"
    assert output_error(weight, found, hessian) < 1e-6


def test_without_inputs_it_is_magnitude():
    weight, *_ = problem(rows=4)
    found = sparsegpt_layer(weight, torch.zeros(12, 12, dtype=torch.float64), 0.5)
    mask = mask_model({"w": weight.abs()}, 0.5)["w"]
    assert int((found != 0).sum()) == 24
    assert torch.equal(sparsegpt_layer(weight, torch.zeros(12, 12), mask=mask), weight * mask)


def decoder(seed=0):
    torch.manual_seed(seed)
    return Decoder(layers=2, width=8, heads=2).eval()


def windows(examples=9, length=11):
    return TensorDataset(torch.randint(85, (examples, length), generator=torch.Generator().manual_seed(2)))


def inputs_of(model, name, dataset):
    found = []
    handle = model.get_submodule(name.removesuffix(".weight")).register_forward_hook(
        lambda m, x, y: found.append(x[0].detach())
    )
    model(dataset.tensors[0])
    handle.remove()
    return found[0].double()


def test_a_sequence_model_has_the_hessian_and_norms_of_all_places():
    model, dataset = decoder(), windows()
    name = "blocks.1.down.weight"
    x = inputs_of(model, name, dataset)
    expected = 2 * torch.einsum("nti,ntj->ij", x, x) / len(x)
    for batch_size in (1, 4, 100):
        assert torch.allclose(
            layer_hessians(model, dataset, names=[name], batch_size=batch_size)[name], expected, rtol=1e-5
        )
    scores = wanda(model, dataset)[name]
    norms = (x.square().sum((0, 1)) / len(x)).sqrt()
    assert torch.allclose(scores, prunable(model)[name].detach().double().abs() * norms, rtol=1e-5)
    assert torch.allclose(norms**2 * 2, expected.diagonal()), "Wanda's norms are the Hessian's diagonal"


def test_the_model_form_is_the_layer_form_and_leaves_the_model_alone():
    for model, dataset in ((decoder(), windows()), (tiny().eval(), data())):
        before = copy.deepcopy(model.state_dict())
        found = sparsegpt(model, dataset, 0.5, batch_size=4)
        hessians = layer_hessians(model, dataset)
        assert found.keys() == prunable(model).keys()
        for name, weight in found.items():
            expected = sparsegpt_layer(prunable(model)[name], hessians[name], 0.5)
            assert weight.dtype == torch.float32 and torch.allclose(weight, expected, atol=1e-5)
        assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert list(sparsegpt(model, data(), 0.5, names=["fc2.weight"])) == ["fc2.weight"]
    masks = mask_model({"fc1.weight": prunable(model)["fc1.weight"].abs()}, 0.5)
    assert torch.equal(sparsegpt(model, data(), masks=masks)["fc1.weight"] != 0, masks["fc1.weight"])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda w, h: sparsegpt_layer(w, h), ValueError, "exactly one of"),
        (lambda w, h: sparsegpt_layer(w, h, 0.5, pattern=(2, 4)), ValueError, "got sparsity, pattern"),
        (lambda w, h: sparsegpt_layer(w, h, 1.5), ValueError, "sparsity"),
        (lambda w, h: sparsegpt_layer(w, h, "half"), TypeError, "sparsity"),
        (lambda w, h: sparsegpt_layer(w, h, pattern=(2, 5)), ValueError, "m divides"),
        (lambda w, h: sparsegpt_layer(w, h, pattern=(5, 4)), ValueError, "n <= m"),
        (lambda w, h: sparsegpt_layer(w, h, pattern=(2, 4), block=6), ValueError, "block"),
        (lambda w, h: sparsegpt_layer(w, h, pattern=2), TypeError, "pair"),
        (lambda w, h: sparsegpt_layer(w, h, mask=torch.ones(5, 12)), ValueError, "mask must be a bool"),
        (lambda w, h: sparsegpt_layer(w, h[:3], 0.5), ValueError, "hessian"),
        (lambda w, h: sparsegpt_layer(w[0], h, 0.5), ValueError, "row for each output"),
        (lambda w, h: sparsegpt_layer(w, h, 0.5, block=0), ValueError, "block"),
        (lambda w, h: sparsegpt_layer(w, h, 0.5, damping=-1.0), ValueError, "damping"),
        (lambda w, h: sparsegpt_layer(w * float("nan"), h, 0.5), ValueError, "finite"),
        (lambda w, h: sparsegpt(tiny(), None, 0.5), TypeError, "dataset"),
        (lambda w, h: sparsegpt(tiny(), data(), 0.5, names=["fc9.weight"]), ValueError, "fc9"),
        (lambda w, h: sparsegpt(tiny(), data(), masks={"fc2.weight": torch.ones(3, 6)}), TypeError, "bool"),
        (
            lambda w, h: layer_hessians(nn.Linear(3, 2), TensorDataset(torch.ones(3))),
            ValueError,
            "dataset must fit",
        ),
    ],
)
def test_bad_arguments_are_refused(call, error, message):
    weight, hessian, _ = problem()
    with pytest.raises(error, match=message):
        call(weight, hessian)

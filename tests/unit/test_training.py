"""The training loop: masks under momentum, hooks, seeds, and what it refuses before it changes anything."""

import copy
import math

import pytest
import torch
import torch.nn.functional as F
from clusters import digits, network, with_dropout
from torch.utils.data import TensorDataset

from prunelab.masks import apply_masks, keep_top, sparsity
from prunelab.training import BATCH, MOMENTUM, accuracy, steps_per_epoch, train


def same(a, b):
    return all(
        torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    )


def test_steps_per_epoch():
    assert [steps_per_epoch(digits(n)) for n in (1, 127, 128, 129, 300)] == [1, 1, 1, 2, 3]


def test_learns_and_reports_the_loss_of_each_epoch():
    model = network()
    history = train(model, digits(), epochs=5)
    assert len(history) == 5 and history[-1] < history[0] / 2
    assert accuracy(model, digits()) > 95
    assert not model.training


def test_equals_a_loop_written_out():
    """The same epochs with torch's own scheduler, one loss, nothing else."""
    data, model = digits(), network()
    reference = copy.deepcopy(model)
    losses = train(model, data, epochs=2, lr=0.1, seed=5)

    images, labels = data.tensors
    optimizer = torch.optim.SGD(reference.parameters(), lr=0.1, momentum=MOMENTUM)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=2 * steps_per_epoch(data))
    torch.manual_seed(5)
    expected = []
    for _ in range(2):
        total = 0.0
        for batch in torch.randperm(len(data)).split(BATCH):
            optimizer.zero_grad()
            loss = F.cross_entropy(reference(images[batch]), labels[batch])
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(batch)
        expected.append(total / len(data))
    assert losses == pytest.approx(expected, rel=1e-5)
    for a, b in zip(model.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(a, b)


# --- masks ----------------------------------------------------------------


def half(model):
    return {"0.weight": keep_top(model[0].weight.detach().abs(), 0.5)}


def test_masks_are_applied_before_the_first_step():
    model = network()
    masks = half(model)
    before = model[0].weight.detach().clone()
    train(model, digits(), epochs=0, masks=masks)
    assert torch.equal(model[0].weight, before * masks["0.weight"])


def test_masks_survive_momentum():
    model = network()
    masks = half(model)
    train(model, digits(), epochs=3, masks=masks)
    assert torch.equal(model[0].weight != 0, masks["0.weight"])
    assert sparsity(model[0].weight) == 0.5


def test_masking_the_gradient_alone_does_not_survive_momentum():
    """Why the loop masks weights: pruned in the middle of training, a weight moves on although its gradient
    is zero.
    """
    model, images, labels = network(), *digits().tensors
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=MOMENTUM)
    masks = None
    for step in range(10):
        optimizer.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        if step == 5:
            masks = half(model)
            apply_masks(model, masks)
        if masks:
            model[0].weight.grad *= masks["0.weight"]
        optimizer.step()
    assert (model[0].weight[~masks["0.weight"]] != 0).any()


def test_on_step_may_replace_masks():
    """Pruning in the middle of training: the mask that on_step puts in place holds from that step on."""
    model, masks = network(), {}

    def prune(model, step):
        if step == 4:
            masks.update(half(model))

    train(model, digits(), epochs=3, masks=masks, on_step=prune)
    assert torch.equal(model[0].weight != 0, masks["0.weight"])


def test_broadcast_masks_drop_whole_rows():
    model = network()
    mask = torch.arange(16).view(16, 1) % 2 == 0
    train(model, digits(), epochs=1, masks={"0.weight": mask})
    assert torch.equal((model[0].weight != 0).any(1, keepdim=True), mask)


# --- penalty, on_step, soft labels ----------------------------------------------------------------


def test_penalty_shrinks_weights_and_is_not_in_the_reported_loss():
    plain, penalised = network(), network()
    without = train(plain, digits(), epochs=3)
    with_l1 = train(penalised, digits(), epochs=3, penalty=lambda m: 0.2 * m[0].weight.abs().sum())
    assert penalised[0].weight.abs().sum().item() < 0.5 * plain[0].weight.abs().sum().item()
    constant = train(network(), digits(), epochs=3, penalty=lambda m: 1000.0)
    assert constant == without and with_l1 != without


def test_on_step_is_called_after_each_step_with_gradients_at_hand():
    seen, weights = [], []

    def record(model, step):
        seen.append((step, float(model[0].weight.grad.abs().sum()) > 0))
        weights.append(model[0].weight.detach().clone())

    train(network(), digits(300), epochs=2, on_step=record)
    assert seen == [(step, True) for step in range(1, 7)]
    assert not torch.equal(weights[0], weights[1])


def test_soft_labels_equal_hard_ones_when_they_are_one_hot():
    images, labels = digits().tensors
    hard, soft = network(), network()
    a = train(hard, TensorDataset(images, labels), epochs=2)
    b = train(soft, TensorDataset(images, F.one_hot(labels, 3).float()), epochs=2)
    assert a == pytest.approx(b, rel=1e-5)
    torch.testing.assert_close(hard[0].weight, soft[0].weight)


def test_soft_labels_teach_their_probabilities():
    images = torch.randn(256, 8, generator=torch.Generator().manual_seed(0))
    model = network()
    train(model, TensorDataset(images, torch.tensor([0.7, 0.2, 0.1]).expand(256, 3)), epochs=30, lr=0.2)
    torch.testing.assert_close(
        model(images).softmax(1).mean(0), torch.tensor([0.7, 0.2, 0.1]), atol=0.02, rtol=0
    )


def test_frozen_parameters_stay():
    model = network()
    model[0].weight.requires_grad_(False)
    before = model[0].weight.clone()
    train(model, digits(), epochs=1)
    assert torch.equal(model[0].weight, before)


# --- seeds and modes ----------------------------------------------------------------


def test_the_same_seed_gives_the_same_network_another_one_does_not():
    first, second, other = with_dropout(), with_dropout(), with_dropout()
    train(first, digits(), epochs=2, seed=1)
    torch.manual_seed(99)  # what came before must not matter
    train(second, digits(), epochs=2, seed=1)
    train(other, digits(), epochs=2, seed=2)
    assert same(first, second) and not same(first, other)


def test_the_global_random_state_is_left_alone():
    model = with_dropout()
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    train(model, digits(), epochs=1)
    assert torch.equal(torch.rand(3), expected)


def test_trains_in_train_mode_and_leaves_eval_mode():
    modes = []
    model = with_dropout()
    model.eval()
    train(model, digits(), epochs=1, on_step=lambda m, step: modes.append(m.training))
    assert all(modes) and not any(module.training for module in model.modules())


BAD = {
    "epochs below 0": ({"epochs": -1}, ValueError, "epochs must be at least 0, got -1"),
    "epochs no integer": ({"epochs": 1.5}, TypeError, "epochs must be an integer"),
    "epochs bool": ({"epochs": True}, TypeError, "epochs must be an integer"),
    "lr 0": ({"lr": 0.0}, ValueError, "lr must be positive and finite, got 0.0"),
    "lr NaN": ({"lr": math.nan}, ValueError, "lr must be positive and finite, got nan"),
    "lr infinite": ({"lr": math.inf}, ValueError, "lr must be positive and finite, got inf"),
    "lr text": ({"lr": "0.1"}, TypeError, "lr must be"),
    "mask of the wrong shape": (
        {"masks": {"0.weight": torch.zeros(3, 3, dtype=torch.bool)}},
        ValueError,
        r"masks\['0.weight'\] must have shape",
    ),
    "mask of floats": ({"masks": {"0.weight": torch.zeros(16, 8)}}, TypeError, "must be a bool tensor"),
    "mask of no parameter": (
        {"masks": {"conv.weight": torch.zeros(16, 8, dtype=torch.bool)}},
        ValueError,
        "a name in masks must be one of",
    ),
    "second mask bad": (
        {
            "masks": {
                "0.weight": torch.zeros(16, 8, dtype=torch.bool),
                "2.weight": torch.zeros(3, 3, dtype=torch.bool),
            }
        },
        ValueError,
        r"masks\['2.weight'\]",
    ),
    "masks no dict": ({"masks": [torch.zeros(16, 8, dtype=torch.bool)]}, TypeError, "masks must be a dict"),
    "data no TensorDataset": (
        {"dataset": [(torch.zeros(8), 0)]},
        TypeError,
        "dataset must be a TensorDataset",
    ),
    "data without labels": (
        {"dataset": TensorDataset(torch.zeros(4, 8))},
        TypeError,
        "dataset must be a TensorDataset",
    ),
    "no data": ({"dataset": digits(0)}, ValueError, "dataset must not be empty"),
    "seed no integer": ({"seed": "one"}, TypeError, "seed must be an integer"),
    "penalty no function": ({"penalty": 0.1}, TypeError, "penalty must be a function"),
    "on_step no function": ({"on_step": [1]}, TypeError, "on_step must be a function"),
    "model no module": ({"model": "lenet5"}, TypeError, "model must be a torch.nn.Module"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arguments_change_nothing(case):
    change, error, message = BAD[case]
    model = network()
    before = copy.deepcopy(model)
    arguments = {"model": model, "dataset": digits(), "epochs": 1, **change}
    with pytest.raises(error, match=message):
        train(arguments.pop("model"), arguments.pop("dataset"), **arguments)
    assert same(model, before) and model.training


def test_a_loss_that_becomes_nan_is_an_error_not_a_network():
    images, labels = digits().tensors
    images = images.clone()
    images[3, 2] = math.nan
    with pytest.raises(FloatingPointError, match="became NaN in epoch 1; try a smaller lr"):
        train(network(), TensorDataset(images, labels), epochs=2)

"""Accuracy: a count by hand, the model left as it was, bad data refused."""

import pytest
import torch
import torch.nn.functional as F
from clusters import digits, network, with_dropout
from torch import nn
from torch.utils.data import TensorDataset

from prunelab.training import accuracy


def test_accuracy_by_hand_and_in_eval_mode():
    class First(nn.Module):
        """Answers with the class in the first column; in train mode it is always wrong."""

        def forward(self, x):
            return F.one_hot((x[:, 0].long() + (1 if self.training else 0)) % 3, 3).float()

    model = First()
    labels = torch.arange(2530) % 3
    images = labels.float()[:, None].clone()
    images[:506] = (images[:506] + 1) % 3
    assert accuracy(model, TensorDataset(images, labels)) == pytest.approx(80)
    assert model.training, "the model's own mode is left as it was"


def test_accuracy_leaves_partly_frozen_modes_and_takes_no_gradient():
    model = with_dropout()
    model[1].eval()
    accuracy(model, digits())
    assert [module.training for module in model] == [True, False, True]
    assert model[0].weight.grad is None


def test_accuracy_restores_the_mode_after_an_error():
    class Breaks(nn.Module):
        def forward(self, x):
            if len(x) > 1:  # one image passes, the batch does not
                raise RuntimeError("half way")
            return torch.zeros(1, 10)

    model = Breaks()
    with pytest.raises(RuntimeError, match="half way"):
        accuracy(model, TensorDataset(torch.zeros(3, 5), torch.zeros(3, dtype=torch.long)))
    assert model.training
    with pytest.raises(ValueError, match="dataset must fit"):
        accuracy(network(), TensorDataset(torch.zeros(3, 5), torch.zeros(3, dtype=torch.long)))
    with pytest.raises(ValueError, match=r"model must return a number for each class"):
        accuracy(nn.Identity(), TensorDataset(torch.zeros(3, 1, 4, 4), torch.zeros(3, dtype=torch.long)))


@pytest.mark.parametrize(
    ("dataset", "error", "message"),
    [
        ([(torch.zeros(8), 0)], TypeError, "dataset must be a TensorDataset"),
        (TensorDataset(torch.zeros(4, 8)), TypeError, "dataset must be a TensorDataset"),
        (digits(0), ValueError, "dataset must not be empty"),
    ],
)
def test_accuracy_refuses_bad_data(dataset, error, message):
    with pytest.raises(error, match=message):
        accuracy(network(), dataset)

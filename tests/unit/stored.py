"""Pruned models and what a file must do with them, for the tests of ``storage``."""

import pytest
import torch
from torch import nn

from prunelab import storage
from prunelab.masks import apply_masks, mask_model, prunable
from prunelab.models import MODELS


def pruned(name: str, sparsity: float = 0.95) -> nn.Module:
    torch.manual_seed(1)
    model = MODELS[name]()
    apply_masks(
        model, mask_model({n: w.detach().abs() for n, w in prunable(model).items()}, sparsity, "global")
    )
    return model


def state(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(
        torch.equal(a[name], b[name]) and a[name].dtype == b[name].dtype for name in a
    )


def refused(path, model, message):
    before = state(model)
    with pytest.raises(ValueError, match=message):
        storage.load_sparse(path, model)
    assert same(state(model), before)

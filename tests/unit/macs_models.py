"""What the tests of multiply-accumulates share."""

import warnings

import pytest
from torch import nn


@pytest.fixture(autouse=True)
def no_warning():
    """Nothing may be left uncounted where a test does not expect it; a module that imports this has it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "MACs without")
        yield


class Function(nn.Module):
    """A function as a network."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *inputs):
        return self.function(*inputs)

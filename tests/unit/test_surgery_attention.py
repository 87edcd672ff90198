"""``nn.MultiheadAttention``: what it reads gets narrower; weights averaged over its heads keep them."""

import pytest
import torch
from surgery_models import masked, randomise
from test_surgery_reach import halved
from torch import nn

from prunelab.surgery import coupled_groups, explain

SERIES = torch.randn(2, 7, 6, dtype=torch.float64)


class Queries(nn.Module):
    """Learned queries read a series: what makes the keys goes with the queries, the heads stay."""

    def __init__(self, need_weights: bool):
        super().__init__()
        self.queries, self.keys = nn.Parameter(torch.randn(4, 16)), nn.Linear(6, 16)
        self.attention, self.head = nn.MultiheadAttention(16, 4, batch_first=True), nn.Linear(16, 3)
        self.need_weights = need_weights

    def forward(self, x):
        keys, queries = self.keys(x), self.queries.expand(len(x), -1, -1)
        return self.head(self.attention(queries, keys, keys, need_weights=self.need_weights)[0])


@pytest.fixture(params=[True, False], ids=["with weights", "without"])
def model(request):
    torch.manual_seed(0)
    return randomise(Queries(request.param)).eval()


def test_queries_and_keys_get_narrower(model):
    groups = coupled_groups(model, SERIES)
    name = next(name for name, group in groups.items() if ("keys.weight", 0) in group)
    masks, small = halved(model, SERIES, {name: groups[name]})
    assert small.queries.shape == (4, 8) and small.attention.in_proj_weight.shape == (48, 8)
    with torch.no_grad():
        ours, expected = small(SERIES), masked(model, masks)(SERIES)
    assert torch.allclose(ours, expected, rtol=0, atol=1e-12) and expected.std() > 0.001


def test_weights_that_are_averaged_over_the_heads_keep_the_heads(model):
    (row,) = [row for row in explain(model, SERIES).rows if row.layer == "attention"]
    if model.need_weights:
        assert row.removable == 0 and "mean in attention" in row.reason and "need_weights=False" in row.advice
    else:
        assert (row.removable, row.units) == (48, 4)


def test_attention_that_appends_to_its_keys_is_refused():
    torch.manual_seed(0)
    model = Queries(False)
    model.attention = nn.MultiheadAttention(16, 4, batch_first=True, add_zero_attn=True)
    model = randomise(model).eval()
    groups = coupled_groups(model, SERIES)
    name = next(name for name, group in groups.items() if ("keys.weight", 0) in group)
    with pytest.raises(ValueError, match="keeps its heads and inputs"):
        halved(model, SERIES, {name: groups[name]})


class Spectrum(nn.Module):
    """A filter of complex numbers comes first: the input is real all the same."""

    def __init__(self):
        super().__init__()
        self.filter = nn.Parameter(torch.randn(9, dtype=torch.complex128))
        self.a, self.b = nn.Linear(16, 12), nn.Linear(12, 3)

    def forward(self, x):
        return self.b(torch.relu(self.a(torch.fft.irfft(torch.fft.rfft(x) * self.filter, n=16))))


def test_complex_parameters_make_no_complex_input():
    torch.manual_seed(0)
    model, x = Spectrum().double().eval(), torch.randn(2, 16, dtype=torch.float64)
    masks, small = halved(model, x)
    assert small.a.out_features == 6
    with torch.no_grad():
        assert torch.allclose(small(x), masked(model, masks)(x), rtol=0, atol=1e-12)

"""What an exporter or ONNX Runtime does not do is said: a batch that stays fixed, weights that stay float,
what cannot be exported at all.
"""

import pytest
import torch
from torch import nn

from prunelab import deploy, runtimes

INPUTS = torch.randn(2, 64, generator=torch.Generator().manual_seed(0))


class Fixed(nn.Module):
    """A network whose code knows the size of the batch."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(12, 3)

    def forward(self, x):
        return self.fc(x.view(3, 12))


@pytest.mark.parametrize("model", [Fixed(), nn.LSTM(4, 5)])
def test_a_batch_that_cannot_be_any_is_refused(model):
    x = torch.randn(3, 3, 4)
    assert deploy.run_onnx(deploy.export_onnx(model.eval(), x), x) is not None
    with pytest.raises(ValueError, match="fixed size, 3: export with any_batch=False"):
        deploy.export_onnx(model, x, any_batch=True)
    with pytest.raises(ValueError, match=r"model must be one that torch\.export can export, but: "):
        deploy.export_program(model, x, any_batch=True)


def test_a_refusal_is_one_line_and_nothing_is_printed(capsys):
    class Asks(nn.Module):
        def forward(self, x):
            return x + 1 if float(x.detach().sum()) > 0 else x

    for export in (deploy.export_onnx, deploy.export_program):
        with pytest.raises(ValueError, match=r"can export, but: [A-Za-z]+: ") as found:
            export(Asks(), INPUTS)
        assert len(str(found.value).splitlines()) == 1 and "\x1b" not in str(found.value)
    assert tuple(capsys.readouterr()) == ("", "")


def test_a_sparse_weight_is_refused_by_torch_export():
    sparse = nn.Parameter(torch.eye(4).to_sparse_csr(), requires_grad=False)

    class Sparse(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = sparse

        def forward(self, x):
            return (self.weight @ x.t()).t()

    with pytest.raises(ValueError, match=r"model must be one that torch\.export can export, but: "):
        deploy.export_program(Sparse(), torch.ones(3, 4))


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru, self.head = nn.GRU(8, 16, batch_first=True), nn.Linear(16, 3)

    def forward(self, x):
        return self.head(self.gru(x)[0])


def test_what_int8_leaves_in_float_is_named():
    x = torch.randn(4, 5, 8)
    with pytest.warns(UserWarning, match="left in float: the weights of GRU$"):
        raw = deploy.quantize_onnx(deploy.export_onnx(Tagger().eval(), x), x)
    assert deploy.left_in_float(raw) == ["GRU"]
    result = runtimes.compare_runtimes(Tagger(), x, None, ("torch", "ONNX Runtime, int8"))
    assert "ONNX Runtime, int8: left in float: the weights of GRU" in str(result)
    assert "left in float" in result._repr_html_()
    for model in (nn.LSTM(8, 4, batch_first=True), nn.Linear(8, 4).double()):
        given = x.to(next(model.parameters()).dtype)
        with pytest.raises(ValueError, match="which ONNX Runtime makes int8, got none"):
            deploy.quantize_onnx(deploy.export_onnx(model.eval(), given), given)

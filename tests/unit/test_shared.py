"""What many modules share: eval mode, tables as text, the reader and the writer of stored weights."""

import json

import pytest
import torch
from torch import nn

from prunelab import arguments, data, tables


def mixed() -> nn.Module:
    model = nn.Sequential(nn.Linear(3, 3), nn.Sequential(nn.BatchNorm1d(3), nn.Dropout()))
    model.train()[1][0].eval()  # a frozen BatchNorm in a network that trains
    return model


def modes(model: nn.Module) -> list[bool]:
    return [part.training for part in model.modules()]


def test_eval_mode_gives_every_module_its_own_mode_back():
    model = mixed()
    before = modes(model)
    with arguments.eval_mode(model) as inside:
        assert inside is model and not any(modes(model))
    assert modes(model) == before == [True, True, True, False, True]
    with pytest.raises(RuntimeError, match="inside"), arguments.eval_mode(model):
        raise RuntimeError("inside")
    assert modes(model) == before
    with (
        pytest.raises(TypeError, match=r"model must be a torch\.nn\.Module, got str"),
        arguments.eval_mode("m"),
    ):
        pass


def test_tables():
    head, body = ["name", "what", "n"], [["a", "long text", "1"], ["bcdef", "b|c", "234"]]
    assert tables.text(head, body).splitlines() == [
        "name        what    n",
        "a      long text    1",
        "bcdef        b|c  234",
    ]
    assert tables.text(head, body, left=2).splitlines()[1:] == [
        "a      long text    1",
        "bcdef  b|c        234",
    ]
    page = tables.web(["<h>", "n"], [["&", "1"], ["x", "2"]], pale={(1, 1)})
    assert page.count("<tr>") == 3 and "&lt;h&gt;" in page and "<td>&amp;</td>" in page
    assert '<td style="opacity:0.6">2</td>' in page and page.count("style=") == 1
    assert tables.markdown(head, body).splitlines()[1:] == [
        "| --- | ---: | ---: |",
        "| a | long text | 1 |",
        "| bcdef | b\\|c | 234 |",
    ]


def test_weights_are_stored_with_a_card_and_read_back(tmp_path):
    torch.manual_seed(0)
    model, path = nn.Linear(3, 2), tmp_path / "small.safetensors"
    written = data.store_weights(path, model, {"model": "small", "recipe": "none"})
    assert json.loads(path.with_suffix(".json").read_text(encoding="utf-8")) == written
    assert (
        list(written) == ["model", "recipe", "parameters", "torch", "sha256"] and written["parameters"] == 8
    )
    back = data.load_weights(path)
    assert all(torch.equal(back[name], value) for name, value in model.state_dict().items())
    path.write_bytes(path.read_bytes()[:-1] + b"\1")
    with pytest.raises(ValueError, match=rf"small\.safetensors is truncated or altered.*{written['sha256']}"):
        data.load_weights(path)
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r"small\.safetensors is missing"):
        data.load_weights(path)


def test_a_file_is_read_only_as_its_list_of_checksums_says(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    with pytest.raises(FileNotFoundError, match="SHA256SUMS is missing"):
        data.listed(tmp_path / "a")
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, appendix B.1
    (tmp_path / "SHA256SUMS").write_text(f"{digest}  a\n\n")
    assert data.listed(tmp_path / "a") == b"abc"
    with pytest.raises(ValueError, match="does not list b"):
        data.listed(tmp_path / "b")
    (tmp_path / "a").write_bytes(b"abd")
    with pytest.raises(ValueError, match="truncated or altered"):
        data.listed(tmp_path / "a")

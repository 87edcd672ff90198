"""The four networks: sizes by hand, checkpoints that load, and files that are refused."""

import hashlib
import json

import pytest
import torch
from safetensors.torch import load_file

from prunelab.models import CHECKPOINTS, MODELS, SEEDS, load_pretrained
from prunelab.training import accuracy

# weights + biases (+ BatchNorm's scale and shift), layer by layer
PARAMETERS = {
    "lenet5": (6 * 25 + 6) + (16 * 6 * 25 + 16) + (256 * 120 + 120) + (120 * 84 + 84) + (84 * 10 + 10),
    "lenet5_bn": 44_426 + 2 * 6 + 2 * 16,
    "lenet300": (784 * 300 + 300) + (300 * 100 + 100) + (100 * 10 + 10),
    "lenet5_caffe": (20 * 25 + 20) + (50 * 20 * 25 + 50) + (800 * 500 + 500) + (500 * 10 + 10),
}
AT_LEAST = {
    "lenet5": 98.9,
    "lenet5_bn": 98.9,
    "lenet300": 98.2,
    "lenet5_caffe": 99.1,
}  # percent of the test images
PAIRS = [(name, seed) for name in MODELS for seed in SEEDS]


@pytest.mark.parametrize("name", MODELS)
def test_sizes(name):
    model = MODELS[name]()
    assert sum(p.numel() for p in model.parameters()) == PARAMETERS[name]
    assert model(torch.zeros(3, 1, 28, 28)).shape == (3, 10)


def test_sizes_named_in_the_docstrings():
    assert PARAMETERS == {"lenet5": 44_426, "lenet5_bn": 44_470, "lenet300": 266_610, "lenet5_caffe": 431_080}


@pytest.mark.parametrize(("name", "seed"), PAIRS)
def test_checkpoints_load_as_they_were_stored(name, seed):
    model = load_pretrained(name, seed)
    assert type(model) is MODELS[name] and not any(module.training for module in model.modules())
    stored = load_file(CHECKPOINTS / f"{name}-seed{seed}.safetensors")
    assert stored.keys() == model.state_dict().keys()
    assert all(torch.equal(stored[key], value) for key, value in model.state_dict().items())
    assert all(parameter.requires_grad for parameter in model.parameters())


@pytest.mark.parametrize(("name", "seed"), PAIRS)
def test_cards(name, seed):
    path = CHECKPOINTS / f"{name}-seed{seed}.safetensors"
    card = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert (card["model"], card["seed"], card["parameters"]) == (name, seed, PARAMETERS[name])
    assert card["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert card["test_accuracy"] >= AT_LEAST[name]
    assert card["recipe"] and card["script"] == "experiments/checkpoints.py"


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_accuracy_is_what_the_card_says(name, seed, mnist):
    card = json.loads((CHECKPOINTS / f"{name}-seed{seed}.json").read_text(encoding="utf-8"))
    measured = accuracy(load_pretrained(name, seed), mnist.test)
    assert measured >= AT_LEAST[name]
    assert measured == pytest.approx(card["test_accuracy"], abs=0.02)


def test_seeds_are_different_networks():
    a, b = (load_pretrained("lenet5", seed).fc1.weight for seed in (0, 1))
    assert abs(torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1]) < 0.1


def test_a_network_loaded_twice_shares_nothing():
    a, b = load_pretrained("lenet300"), load_pretrained("lenet300")
    a.fc3.weight.data.zero_()
    assert b.fc3.weight.abs().sum() > 0


@pytest.mark.parametrize("name", ["LeNet5", "resnet", "", None])
def test_unknown_name(name):
    with pytest.raises(
        ValueError, match=r"name must be one of 'lenet5', 'lenet5_bn', 'lenet300', 'lenet5_caffe', .*got"
    ):
        load_pretrained(name)


@pytest.mark.parametrize("seed", [5, -1, "0", None])
def test_unknown_seed(seed):
    with pytest.raises(ValueError, match=r"seed must be one of 0, 1, 2, 3, 4, got"):
        load_pretrained("lenet5", seed)


@pytest.fixture
def folder(tmp_path):
    """Return a folder with one checkpoint that a test may damage."""
    for suffix in ("safetensors", "json"):
        (tmp_path / f"lenet5-seed0.{suffix}").write_bytes(
            (CHECKPOINTS / f"lenet5-seed0.{suffix}").read_bytes()
        )
    return tmp_path


@pytest.mark.parametrize("cut", [0, 100, -1])
def test_a_truncated_checkpoint_is_refused_and_left_alone(folder, cut):
    path = folder / "lenet5-seed0.safetensors"
    raw = path.read_bytes()[:cut]
    path.write_bytes(raw)
    expected = json.loads((folder / "lenet5-seed0.json").read_text(encoding="utf-8"))["sha256"]
    with pytest.raises(
        ValueError, match=rf"lenet5-seed0.safetensors is truncated or altered.*expected {expected}"
    ):
        load_pretrained("lenet5", folder=folder)
    assert path.read_bytes() == raw


def test_a_tampered_checkpoint_is_refused(folder):
    path = folder / "lenet5-seed0.safetensors"
    raw = bytearray(path.read_bytes())
    raw[-3] ^= 1
    path.write_bytes(raw)
    with pytest.raises(ValueError, match="truncated or altered"):
        load_pretrained("lenet5", folder=folder)


@pytest.mark.parametrize("suffix", ["safetensors", "json"])
def test_a_missing_file_is_named(folder, suffix):
    (folder / f"lenet5-seed0.{suffix}").unlink()
    with pytest.raises(FileNotFoundError, match=rf"lenet5-seed0\.{suffix} is missing"):
        load_pretrained("lenet5", folder=folder)

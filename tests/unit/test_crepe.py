"""CREPE: sizes by hand, the padding and the order of the last layer against functions, decoding by loops,
refusals.
"""

import copy
import hashlib
import json
import math

import pytest
import torch
import torch.nn.functional as F
from torch.utils.data import TensorDataset

from prunelab import crepe, measure
from prunelab.data import load_weights
from prunelab.surgery import resize
from prunelab.tones import INSTRUMENTS, synthesise

WEIGHTS = {
    "conv1": 128 * 512,
    "conv2": 16 * 128 * 64,
    "conv3": 16 * 16 * 64,
    "conv4": 16 * 16 * 64,
    "conv5": 32 * 16 * 64,
    "conv6": 64 * 32 * 64,
    "fc": 360 * 256,
}
POSITIONS = {"conv1": 256, "conv2": 128, "conv3": 64, "conv4": 32, "conv5": 16, "conv6": 8, "fc": 1}


@pytest.fixture(scope="module")
def model():
    return crepe.load_crepe()


def test_sizes_named_in_the_docstring():
    network = crepe.Crepe()
    assert measure.parameters(network) == sum(WEIGHTS.values()) + (272 + 360) + 2 * 272 == 486_552
    assert sum(WEIGHTS.values()) == 485_376
    macs = sum(WEIGHTS[name] * POSITIONS[name] for name in WEIGHTS)
    assert measure.macs(network, torch.zeros(1, 1024)) == macs == 36_792_320
    assert measure.macs(network, torch.zeros(3, 1024)) == 3 * macs


def test_widths():
    network = crepe.Crepe((3, 1, 2, 5, 4, 7))
    assert network(torch.randn(2, 1024)).shape == (2, 360)
    assert network.fc.in_features == 7 * 4 and network.conv4.weight.shape == (5, 2, 1, 64)


def test_card(model):
    card = json.loads((crepe.FOLDER / "crepe-tiny.json").read_text(encoding="utf-8"))
    raw = (crepe.FOLDER / "crepe-tiny.safetensors").read_bytes()
    assert card["sha256"] == hashlib.sha256(raw).hexdigest() and card["parameters"] == measure.parameters(
        model
    )
    copyright_line = card["licence"].split(": ")[1]
    assert (
        copyright_line in (crepe.FOLDER / "LICENSE").read_text(encoding="utf-8") and "MIT" in card["licence"]
    )
    assert not any(module.training for module in model.modules())


def test_the_same_as_written_with_functions(model):
    frames, _ = synthesise(4).tensors
    x = frames[:, None, :]
    for i in range(1, 7):
        conv, norm = model.get_submodule(f"conv{i}"), model.get_submodule(f"bn{i}")
        x = F.pad(x, (254, 254) if i == 1 else (31, 32))
        x = F.relu(F.conv1d(x, conv.weight.squeeze(2), conv.bias, stride=4 if i == 1 else 1))
        scale = norm.weight / torch.sqrt(norm.running_var + 0.001)
        x = F.max_pool1d(scale[:, None] * (x - norm.running_mean[:, None]) + norm.bias[:, None], 2)
    expected = torch.sigmoid(x.flatten(1) @ model.fc.weight.T + model.fc.bias)
    torch.testing.assert_close(crepe.outputs(model, frames), expected.detach(), atol=1e-5, rtol=0)


def test_finds_the_pitch_of_sines(model):
    hertz = torch.tensor([55.0, 110.0, 440.0, 987.8, 1500.0], dtype=torch.float64)
    frames = torch.sin(2 * math.pi * hertz[:, None] * torch.arange(1024) / 16_000).float()
    cents = crepe.decode(crepe.outputs(model, crepe.normalise(frames)))
    assert (cents - 1200 * torch.log2(hertz / 10)).abs().max() < 25
    torch.testing.assert_close(crepe.to_hertz(1200 * torch.log2(hertz / 10)), hertz)


def test_a_tampered_file_is_named_and_left_alone(tmp_path):
    for name in ("crepe-tiny.safetensors", "crepe-tiny.json"):
        (tmp_path / name).write_bytes((crepe.FOLDER / name).read_bytes())
    path = tmp_path / "crepe-tiny.safetensors"
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(raw)
    with pytest.raises(ValueError, match=r"crepe-tiny.safetensors is truncated or altered"):
        crepe.load_crepe(tmp_path)
    assert path.read_bytes() == raw
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r"crepe-tiny.safetensors is missing"):
        crepe.load_crepe(tmp_path)


def test_the_stored_pruned_network(model):
    path = crepe.FOLDER / "crepe-pruned.safetensors"
    card = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    pruned = resize(model, load_weights(path)).eval()
    assert measure.parameters(pruned) == card["parameters"] < measure.parameters(model) / 2
    tones = synthesise(200, 3, INSTRUMENTS[:-1])
    assert crepe.pitch_accuracy(pruned, tones) == pytest.approx(card["pitch_accuracy"]["test"], abs=4), (
        "200 of its 1,000 tones"
    )


def test_decode_against_a_loop():
    outputs = torch.rand(20, 360, generator=torch.Generator().manual_seed(0))
    outputs[0, 0], outputs[1, 359] = 2, 2  # the window ends with the bins
    for row, cents in zip(outputs, crepe.decode(outputs), strict=True):
        best = int(row.argmax())
        window = range(max(0, best - 4), min(360, best + 5))
        mean = sum(float(row[i]) * (crepe.LOWEST + 20 * i) for i in window) / sum(
            float(row[i]) for i in window
        )
        assert float(cents) == pytest.approx(mean, abs=1e-6)


def test_decode_of_nothing_is_finite():
    assert torch.isfinite(crepe.decode(torch.zeros(2, 360))).all()


def test_normalise():
    frames = crepe.normalise(torch.randn(3, 1024) * 5 + 2)
    torch.testing.assert_close(frames.mean(1), torch.zeros(3), atol=1e-6, rtol=0)
    torch.testing.assert_close(frames.std(1), torch.ones(3))
    assert not crepe.normalise(torch.ones(1, 1024)).any()


def test_pitch_accuracy_counts_frames_within_50_cents(model):
    frames, cents = synthesise(40, 5).tensors
    error = crepe.decode(crepe.outputs(model, frames)) - cents
    assert crepe.pitch_accuracy(model, TensorDataset(frames, cents)) == pytest.approx(
        100 * float((error.abs() < 50).double().mean())
    )
    found = crepe.decode(crepe.outputs(model, frames))
    shifted = found + torch.tensor([49.0, -49.0, 51.0, -51.0]).repeat(10)
    assert crepe.pitch_accuracy(model, TensorDataset(frames, shifted)) == 50
    model.train()
    try:
        assert (
            crepe.pitch_accuracy(model, TensorDataset(frames, found)) == 100
            and model.training
            and model.bn1.training
        )
    finally:
        model.eval()


def test_targets_of_a_pitch():
    cents = torch.tensor([crepe.LOWEST, crepe.LOWEST + 30.0, 5000.0], dtype=torch.float64)
    found = crepe.targets(cents)
    assert found.shape == (3, 360) and found.dtype == torch.float32 and found[0, 0] == 1
    for k in (0, 1, 2, 3):  # bins lie 20 cents apart
        assert float(found[1, k]) == pytest.approx(math.exp(-((20 * k - 30) ** 2) / (2 * 25**2)), rel=1e-5)
    assert abs(crepe.decode(found)[2] - 5000) < 1, "away from the rim it reads back"


def test_distil_learns_from_the_teacher_alone(model):
    frames, _ = synthesise(128, 6).tensors
    targets = crepe.outputs(model, frames)
    torch.manual_seed(0)
    student, state = crepe.Crepe((8, 4, 4, 4, 4, 8)), torch.random.get_rng_state()
    untrained = copy.deepcopy(student)
    history = crepe.distil(student, frames, targets, epochs=3, seed=1)
    assert len(history) == 3 and history[-1] < 0.8 * history[0] and not student.training
    assert torch.equal(state, torch.random.get_rng_state())
    crepe.distil(untrained, frames, targets, epochs=3, seed=1)
    assert all(torch.equal(a, b) for a, b in zip(student.parameters(), untrained.parameters(), strict=True))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: crepe.Crepe((1, 2)), "filters must be 6 positive integers"),
        (lambda m: crepe.targets(torch.ones(2, 2)), r"cents must have shape \(N,\)"),
        (lambda m: crepe.Crepe((1, 2, 3, 4, 5, 0)), r"filters\[5\] must be at least 1"),
        (lambda m: crepe.Crepe(7), "filters must be 6"),
        (lambda m: crepe.normalise(torch.zeros(2, 100)), r"frames must be float of shape \(N, 1024\)"),
        (lambda m: crepe.normalise([1.0]), "frames must be a torch.Tensor"),
        (lambda m: crepe.decode(torch.zeros(2, 1024)), r"outputs must be float of shape \(N, 360\)"),
        (lambda m: crepe.decode(-torch.ones(2, 360)), "outputs must not be negative"),
        (lambda m: crepe.outputs("model", torch.zeros(1, 1024)), "model must be a torch.nn.Module"),
        (lambda m: crepe.outputs(m, torch.zeros(1, 1024, dtype=torch.long)), "frames must be float"),
        (
            lambda m: crepe.distil(m, torch.zeros(2, 1024), torch.zeros(3, 360), epochs=1),
            "targets must be 2 rows",
        ),
        (
            lambda m: crepe.distil(m, torch.zeros(1, 1024), torch.full((1, 360), 2.0), epochs=1),
            "targets must be 1 rows of prob",
        ),
        (
            lambda m: crepe.distil(m, torch.zeros(1, 1024), torch.zeros(1, 360), epochs=-1),
            "epochs must be at least 0",
        ),
        (lambda m: crepe.pitch_accuracy(m, torch.zeros(1, 1024)), "dataset must be a TensorDataset"),
    ],
)
def test_refusals(model, call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call(model)

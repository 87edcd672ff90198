"""Synthesised tones: the pitch they claim, found again without a network; seeds; refusals."""

import math

import pytest
import torch

from prunelab import tones
from prunelab.crepe import RATE, to_hertz


def test_shapes_and_range():
    frames, cents = tones.synthesise(600, 3).tensors  # more than one part
    assert frames.shape == (600, 1024) and cents.shape == (600,) and frames.dtype == torch.float32
    assert tones.LOW - 30 < cents.min() < tones.LOW + 200 and tones.HIGH - 200 < cents.max() < tones.HIGH + 30
    torch.testing.assert_close(frames.std(1), torch.ones(600))


def test_seeds():
    state = torch.random.get_rng_state()
    first, again, other = (tones.synthesise(5, seed).tensors for seed in (1, 1, 2))
    assert (
        torch.equal(first[0], again[0])
        and torch.equal(first[1], again[1])
        and not torch.equal(first[0], other[0])
    )
    assert torch.equal(state, torch.random.get_rng_state())


def test_the_pitch_is_the_one_stated():
    """The harmonics of the stated pitch hold the energy: more of it than those of a pitch half a tone
    away.
    """
    frames, cents = tones.synthesise(200, 7, ["string", "flute"]).tensors
    middle = frames[:, 256:768].double() * torch.hann_window(512, dtype=torch.float64)
    time = torch.arange(512) / RATE

    def energy(cents):
        k = torch.arange(1, 4)[:, None, None]
        wave = torch.exp(-2j * math.pi * k * to_hertz(cents)[None, :, None] * time)
        return (middle * wave).sum(2).abs().square().sum(0)

    high = cents > 5000  # a period much shorter than the half frame
    right = energy(cents)[high]
    for wrong in (-100, 100):
        assert (right > energy(cents + wrong)[high]).double().mean() > 0.95


def test_nothing_above_half_the_rate():
    for name in tones.INSTRUMENTS:
        hertz = torch.tensor([[1800.0]], dtype=torch.float64)
        spectrum = tones._spectrum(name, hertz)
        assert (
            spectrum.shape == (1, 24)
            and spectrum[0, 0] > 0
            and not spectrum[0, 4:].any()
            and (spectrum >= 0).all()
        )


def test_harmonics_against_sines():
    phase = torch.rand(3, 50, dtype=torch.float64) * 1000
    amplitudes = torch.rand(3, 24, dtype=torch.float64)
    expected = sum(amplitudes[:, k - 1 : k] * torch.sin(k * phase) for k in range(1, 25))
    torch.testing.assert_close(tones._harmonics(phase, amplitudes), expected, atol=1e-8, rtol=0)


def test_load_tones():
    data = tones.load_tones(3, 2, 4)
    assert [len(part) for part in data] == [3, 2, 4, 4]
    assert not torch.equal(data.train.tensors[0][:2], data.valid.tensors[0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tones.synthesise(0), "frames must be at least 1"),
        (lambda: tones.synthesise(2, -1), "seed must be at least 0"),
        (lambda: tones.synthesise(2, 0, "flute"), "instruments must be a non-empty list"),
        (lambda: tones.synthesise(2, 0, ["drum"]), "a name in instruments must be one of"),
        (lambda: tones.load_tones(valid=0), "valid must be at least 1"),
    ],
)
def test_refusals(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()

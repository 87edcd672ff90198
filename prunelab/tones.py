"""Tones with known pitch, made from formulas: test data and fine-tuning data for a pitch tracker without
recordings.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch.utils.data import TensorDataset

from prunelab import arguments
from prunelab.crepe import FRAME, RATE, normalise, to_hertz

HARMONICS = 24
LOW, HIGH = 2050.0, 9000.0  # cents above 10 Hz: 33 Hz to 1,810 Hz, inside the network's 360 bins
INSTRUMENTS = ("flute", "clarinet", "string", "brass", "voice", "bell")


class Tones(NamedTuple):
    """Three datasets of tones, and one of an instrument that is in none of them."""

    train: TensorDataset
    valid: TensorDataset
    test: TensorDataset
    unheard: TensorDataset


def load_tones(train: int = 3000, valid: int = 1000, test: int = 2000) -> Tones:
    """Return tones of five instruments as ``.train``, ``.valid`` and ``.test``, and ``.unheard``: ``test``
    frames of the sixth.

    Each is the dataset of ``synthesise`` with a seed of its own. Raises TypeError or ValueError for sizes not
    from 1 to 10**7. Source: notebook 09.2."""
    sizes = {"train": train, "valid": valid, "test": test}
    for name, size in sizes.items():
        arguments.count(name, size, at_most=10**7)
    heard = {
        name: synthesise(size, seed, INSTRUMENTS[:-1])
        for seed, (name, size) in enumerate(sizes.items(), start=1)
    }
    return Tones(heard["train"], heard["valid"], heard["test"], synthesise(test, 4, INSTRUMENTS[-1:]))


def synthesise(frames: int, seed: int = 0, instruments: Sequence[str] = INSTRUMENTS) -> TensorDataset:
    """Return ``frames`` tones ``(N, 1024)``, normalised, and their pitches ``(N,)`` in cents above 10 Hz,
    float64.

    A tone has a pitch between 33 and 1,810 Hz, up to 24 harmonics in the proportions of one of
    ``instruments``, a vibrato, an envelope that rises, falls or lasts, and white noise between 40 dB below it
    and as loud as it. The pitch is the one at the middle of the frame. The same ``seed`` gives the same
    tones; torch's global random state is not touched.

    Raises TypeError or ValueError for a size below 1, a bad seed or an unknown instrument. Source: notebook
    09.2."""
    arguments.count("frames", frames)
    arguments.count("seed", seed, at_least=0)
    if isinstance(instruments, str) or not isinstance(instruments, Sequence) or not instruments:
        raise TypeError(f"instruments must be a non-empty list of names, got {instruments!r:.80}")
    for name in instruments:
        arguments.one_of("a name in instruments", name, INSTRUMENTS)
    draw = torch.Generator().manual_seed(seed)
    parts = [_tones(min(500, frames - start), instruments, draw) for start in range(0, frames, 500)]
    return TensorDataset(*(torch.cat(tensors) for tensors in zip(*parts, strict=True)))


def _tones(n: int, instruments: Sequence[str], draw: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    def between(low: float, high: float) -> torch.Tensor:
        return low + (high - low) * torch.rand(n, 1, generator=draw, dtype=torch.float64)

    time = (torch.arange(FRAME, dtype=torch.float64) - FRAME / 2) / RATE  # 0 is the middle of the frame
    cents = between(LOW, HIGH)
    hertz = to_hertz(cents)
    kinds = torch.randint(len(instruments), (n,), generator=draw)
    table = torch.stack([_spectrum(name, hertz) for name in instruments])  # (kind, n, harmonic)
    amplitudes = table[kinds, torch.arange(n)] * torch.empty(n, HARMONICS, dtype=torch.float64).uniform_(
        0.6, 1.4, generator=draw
    )
    # Hz; cents; where the vibrato stands
    rate, depth, start = (
        between(4, 7),
        between(0, 30),
        between(0, 2 * math.pi),
    )
    # a vibrato changes the frequency by a factor 2^(cents / 1200); for a few cents that is 1 + cents * log(2)
    # / 1200
    swing = hertz * depth * math.log(2) / 1200 / rate
    phase = 2 * math.pi * hertz * time - swing * torch.cos(2 * math.pi * rate * time + start)
    cents = cents + depth * torch.sin(start)
    sound = _harmonics(phase + between(0, 2 * math.pi), amplitudes)
    slope = between(-40, 40)  # per second: rises, lasts or falls, by a factor of at most 13 in a frame
    sound = sound * torch.exp(slope * time)
    level = sound.pow(2).mean(1, keepdim=True).sqrt() * 10 ** (-between(0, 40) / 20)
    sound = sound + level * torch.randn(n, FRAME, generator=draw, dtype=torch.float64)
    return normalise(sound.float()), cents.squeeze(1)


def _harmonics(phase: torch.Tensor, amplitudes: torch.Tensor) -> torch.Tensor:
    """Return the sum over k of amplitude k times sin(k phase); one sine from the two before it: the sine of k
    + 1 times p is 2 cos(p) sin(kp) - sin((k-1)p)."""
    twice, before, sine = 2 * torch.cos(phase), torch.zeros_like(phase), torch.sin(phase)
    total = torch.zeros_like(phase)
    for k in range(HARMONICS):
        total += amplitudes[:, k : k + 1] * sine
        before, sine = sine, twice * sine - before
    return total


def _spectrum(name: str, hertz: torch.Tensor) -> torch.Tensor:
    """Return the amplitude of each harmonic ``(n, 24)`` at pitches ``hertz`` ``(n, 1)``; nothing above half
    the rate.
    """
    k = torch.arange(1, HARMONICS + 1, dtype=torch.float64)
    frequency = k * hertz
    shapes = {
        "flute": k**-3.0,
        "clarinet": torch.where(k % 2 == 1, 1 / k, 0.1 / k),
        "string": 1 / k,
        "brass": torch.exp(-(((k - 3) / 3) ** 2)),
        "voice": (
            (
                _peak(frequency, 600, 200)
                + _peak(frequency, 1200, 250)
                + 0.5 * _peak(frequency, 2600, 400)
                + 0.1
            )
            / k
        ),
        "bell": k**-1.5 * torch.where(k % 3 == 0, 0.2, 1.0),
    }
    return torch.where(frequency < 0.95 * RATE / 2, shapes[name].expand(len(hertz), -1), 0.0)


def _peak(frequency: torch.Tensor, centre: float, width: float) -> torch.Tensor:
    return torch.exp(-0.5 * ((frequency - centre) / width) ** 2)

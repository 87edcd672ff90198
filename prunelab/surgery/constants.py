"""What a dropped channel still sends: is it a constant whatever the input, and which?"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.utils._pytree import tree_leaves, tree_map

from prunelab.surgery.following import Following
from prunelab.surgery.products import Read, extent
from prunelab.surgery.replay import PRODUCTS, READERS, Doubled, Replay, quiet

LOUD = 1e9  # of the noise: more than any shift of a norm could hide
CONSTANT = 1e-9  # a spread of the values below this share of them is rounding


class Noise(Replay):
    """Replaces whatever a layer makes of its live inputs by loud noise of both signs.

    A channel that still does not change cannot depend on the input; a ReLU that no example happens to wake
    does not pass for a constant here."""

    def __init__(self, tensors, masks: Mapping[str, torch.Tensor], reads: Mapping[int, Read], taken: list):
        super().__init__(tensors, masks)
        self.taken = taken  # the decisions of the first run: this one goes the same way
        self.reads = reads
        self.made: dict = {}
        self.generator = torch.Generator().manual_seed(0)

    def ran(self, func, base: str, ready: tuple, result: Any) -> Any:
        if base == "_local_scalar_dense" and len(self.decisions) < len(self.taken):
            return self.taken[len(self.decisions)]
        if base == "embedding":
            return self.loud(result, result.ndim - 1)
        if base not in READERS or self.order not in self.reads:
            return result
        read = self.reads[self.order]
        self.made[self.order] = extent(ready[0][read.position], read.axis)
        if base not in PRODUCTS:
            return result
        return self.loud(result, 1 if base == "convolution" else result.ndim + read.made)

    def loud(self, result: torch.Tensor, dim: int) -> torch.Tensor:
        """Return the result with noise in all channels along ``dim`` that are no constants."""
        flat = result.movedim(dim, 0).flatten(1)
        live = ~constant(flat.amin(1), flat.amax(1))
        if flat.shape[1] == 1:
            live |= True  # a single value cannot show that it is a constant
        noise = torch.rand(flat.shape, dtype=flat.dtype, generator=self.generator) + 0.5
        noise[:, ::2] *= -1
        noise = (LOUD * noise).view_as(result.movedim(dim, 0)).movedim(0, dim)
        shape = [-1 if d == dim else 1 for d in range(result.ndim)]
        return torch.empty_like(result).copy_(torch.where(live.view(shape), noise, result))


def constant(low: torch.Tensor, high: torch.Tensor) -> torch.Tensor:
    """Tell of which channels the values do not spread."""
    return high - low <= CONSTANT * torch.maximum(low.abs(), high.abs())


def measure(model: nn.Module, following: Following, args: tuple, kwargs: dict) -> None:
    """Write into every Read what it sees under noise."""
    args, kwargs = _pair((args, kwargs))
    reads = following.reads
    noise = Noise(following.tensors, following.masks, {r.order: r for r in reads}, following.decisions)
    with quiet(), noise, Doubled(noise):
        model(*args, **kwargs)
    for read in reads:
        low, high = noise.made[read.order]
        # a value that is alone shows nothing
        read.low, read.high = torch.minimum(read.low, low), torch.maximum(read.high, high)


def _pair(example: tuple) -> tuple:
    """Return the example twice along its first dimension, if all its tensors are single in it."""
    tensors = [t for t in tree_leaves(example) if isinstance(t, torch.Tensor)]
    single = all(t.ndim and len(t) == 1 for t in tensors)
    generator = torch.Generator().manual_seed(1)

    def twice(value: Any) -> Any:
        if not isinstance(value, torch.Tensor):
            return value
        value = torch.cat([value, value]) if single else value.clone()
        if value.is_floating_point():
            noise = torch.randn(value.shape, generator=generator, dtype=torch.float64)
            value = LOUD * noise.to(value.device)
        return value

    return tree_map(twice, example)

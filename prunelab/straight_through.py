"""Masks that are recomputed in every forward pass, while the gradient goes straight through them.

Two uses: the weights learn and the mask follows them (``follow_weights``), or the weights stay as they were
drawn and only the mask learns (``learn_masks``, a supermask). Both are parametrizations of the layers;
``settle`` writes the masked weights into the layers and takes the parametrizations off."""

from collections.abc import Mapping

import torch
from torch import nn
from torch.nn.utils import parametrize

from prunelab import arguments
from prunelab.masks import prunable


def _largest(values: torch.Tensor, kept: int) -> torch.Tensor:
    """Return 1.0 at the ``kept`` largest entries and 0.0 elsewhere: exactly ``kept`` of them."""
    gate = torch.zeros(values.numel(), dtype=values.dtype, device=values.device)
    gate[values.detach().flatten().topk(kept).indices] = 1
    return gate.view(values.shape)


class _Followed(nn.Module):
    """The largest weights; backward, all weights receive the gradient of the masked ones."""

    def __init__(self, kept: int):
        super().__init__()
        self.kept = kept

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        masked = weight.detach() * _largest(weight.abs(), self.kept)
        return masked + (weight - weight.detach())  # the value of the first, the gradient of the second

    def right_inverse(self, weight: torch.Tensor) -> torch.Tensor:
        return weight


class _Supermask(nn.Module):
    """The weights with the largest scores; only the scores learn."""

    def __init__(self, weight: torch.Tensor, kept: int, draw: torch.Generator):
        super().__init__()
        self.kept = kept
        bound = weight[0].numel() ** -0.5
        self.scores = nn.Parameter(bound * torch.rand(weight.shape, generator=draw))

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        size = self.scores.abs()
        return weight * (_largest(size, self.kept) + (size - size.detach()))

    def right_inverse(self, weight: torch.Tensor) -> torch.Tensor:
        return weight


def follow_weights(model: nn.Module, sparsities: Mapping[str, float]) -> None:
    """Let the forward passes of ``model`` use only the largest weights of each layer, in place, while the
    gradient reaches all of them: a weight that is masked now goes on learning and may come back
    (straight-through estimator).

    ``sparsities`` maps names of ``prunable(model)`` to the share that is masked, in [0, 1); layers that it
    does not name stay dense. Train, then call ``settle``.

    Raises TypeError or ValueError for a model without prunable layers, an unknown name or a share outside
    [0, 1). Source: Bengio et al., arXiv 1308.3432; Lin et al., "Dynamic model pruning with feedback", arXiv
    2006.07253; notebook 04.3."""
    for name, kept in _kept(model, sparsities).items():
        layer = model.get_submodule(name.rpartition(".")[0])
        parametrize.register_parametrization(layer, "weight", _Followed(kept))


def learn_masks(model: nn.Module, sparsities: Mapping[str, float], seed: int = 0) -> None:
    """Freeze all parameters of ``model`` as they are, in place, and give each weight a score that learns; a
    forward pass uses the weights with the largest scores (supermask, by the rule of edge-popup).

    The scores are drawn from U(0, 1) / sqrt(inputs) with ``seed``; a score's gradient is weight times
    gradient of the masked weight. ``sparsities`` as in ``follow_weights``; layers that it does not name stay
    dense and frozen.

    Raises as ``follow_weights`` does, and for a ``seed`` that is no integer of at least 0. Source: Zhou et
    al., arXiv 1905.01067; Ramanujan et al., "What's hidden in a randomly weighted neural network?", arXiv
    1911.13299; notebook 04.4."""
    kept = _kept(model, sparsities)
    draw = torch.Generator().manual_seed(arguments.count("seed", seed, at_least=0))
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    for name, count in kept.items():
        layer = model.get_submodule(name.rpartition(".")[0])
        mask = _Supermask(model.get_parameter(name), count, draw)
        parametrize.register_parametrization(layer, "weight", mask)


def settle(model: nn.Module) -> dict[str, torch.Tensor]:
    """Write the masked weights into the layers of ``model``, in place, take the parametrizations off and
    return the masks (parameter name -> bool). All parameters can learn again.

    Raises TypeError if ``model`` is none, and ValueError if ``follow_weights`` or ``learn_masks`` did not
    prepare it. Source: notebooks 04.3 and 04.4."""
    arguments.module("model", model)
    masks = {}
    for path, layer in list(model.named_modules()):
        if not parametrize.is_parametrized(layer, "weight"):
            continue
        used = layer.parametrizations.weight[0]
        if isinstance(used, _Followed | _Supermask):
            parametrize.remove_parametrizations(layer, "weight", leave_parametrized=True)
            masks[f"{path}.weight".lstrip(".")] = layer.weight.detach() != 0
    if not masks:
        raise ValueError("model must have been prepared by follow_weights or learn_masks, no layer was")
    for parameter in model.parameters():
        parameter.requires_grad_(True)
    return masks


def _kept(model: nn.Module, sparsities: Mapping[str, float]) -> dict[str, int]:
    """Return how many weights each named layer keeps; refuse what is wrong before anything is changed."""
    weights, kept = prunable(model), {}
    for name, share in arguments.mapping("sparsities", sparsities, at_least=0).items():
        path = str(name).rpartition(".")[0]
        layer = dict(model.named_modules()).get(path)
        if layer is not None and parametrize.is_parametrized(layer, "weight"):
            raise ValueError(f"model must not be parametrized yet, {name!r} is; call settle first")
        weight = weights[arguments.one_of("a name in sparsities", name, weights)]
        if arguments.fraction(f"sparsities[{name!r}]", share) == 1:
            raise ValueError(
                f"sparsities[{name!r}] must be below 1, got 1.0: a layer without weights learns nothing"
            )
        kept[name] = weight.numel() - round(share * weight.numel())
    return kept

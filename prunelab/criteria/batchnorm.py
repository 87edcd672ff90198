"""The BatchNorm scale as a criterion (Network Slimming), the penalty that makes it one, and the fold that
saves the shift.
"""

import itertools
from collections.abc import Callable, Mapping

import torch
from torch import nn
from torch.utils.data import TensorDataset

from prunelab import arguments
from prunelab.criteria.registry import Criterion, per_unit
from prunelab.masks import apply_masks, expand_masks

ELEMENTWISE = (nn.ReLU, nn.Dropout, nn.Identity)
POOLS = (nn.MaxPool2d, nn.AvgPool2d)


def bn_pairs(model: nn.Module) -> dict[str, tuple[nn.Module, nn.Module]]:
    """Return (layer, BatchNorm) by the name of the layer's weight, for every Conv2d or Linear with a
    BatchNorm directly behind it.

    "Behind" is the order in which the modules are defined. Raises TypeError if ``model`` is no module,
    ValueError if no layer has a BatchNorm with a scale. Source: notebook 03.1."""
    arguments.module("model", model)
    leaves = [(name, module) for name, module in model.named_modules() if not list(module.children())]
    pairs = {}
    for (name, layer), (_, norm) in itertools.pairwise(leaves):
        scaled = isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d) and norm.affine
        if scaled and isinstance(layer, nn.Linear | nn.Conv2d) and len(layer.weight) == norm.num_features:
            pairs[f"{name}.weight"] = layer, norm
    if not pairs:
        raise ValueError(
            f"model must have a BatchNorm with a scale behind a layer, got {type(model).__name__} without one"
        )
    return pairs


def bn_scale(model: nn.Module, dataset: TensorDataset | None = None) -> dict[str, torch.Tensor]:
    """Return ``|gamma|`` of every channel in front of a BatchNorm, ``(out, 1, 1, 1)``, under the name of the
    layer's weight.

    BatchNorm brings every channel to variance 1 before it multiplies by gamma, so the scales of different
    layers compare better than norms do. They become a criterion when training pulls them to zero
    (``scale_penalty``). ``dataset`` is not used.

    Raises TypeError or ValueError as ``bn_pairs`` does. Source: Liu et al., arXiv 1708.06519; notebook 03.1.
    """
    return {
        name: per_unit(norm.weight.detach().abs(), layer.weight)
        for name, (layer, norm) in bn_pairs(model).items()
    }


def scale_penalty(strength: float) -> Callable[[nn.Module], torch.Tensor]:
    """Return ``penalty(model)`` for ``prunelab.training.train``: ``strength`` times the sum of ``|gamma|``
    over all BatchNorms.

    Its gradient is ``strength * sign(gamma)``: a pull of constant size towards zero. The paper uses 1e-4 and
    1e-5.

    Raises TypeError or ValueError if ``strength`` is no positive number, and the penalty as ``bn_pairs``
    does. Source: Liu et al., arXiv 1708.06519; notebook 03.1."""
    arguments.positive("strength", strength)
    return lambda model: strength * sum(norm.weight.abs().sum() for _, norm in bn_pairs(model).values())


def keep_one(
    masks: Mapping[str, torch.Tensor], scores: Mapping[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """Return ``masks`` in which a layer that lost every unit keeps the one with the highest score.

    A global threshold may empty a layer, and an empty layer cuts the network. The first of equal scores is
    kept. Raises ValueError if a mask has no scores, or other shapes than its scores. Source: notebook 03.1.
    """
    kept = {}
    arguments.mapping("scores", scores)
    for name, mask in arguments.mapping("masks", masks).items():
        arguments.one_of("a name in masks", name, scores)
        arguments.mask(f"masks[{name!r}]", mask), arguments.tensor(f"scores[{name!r}]", scores[name])
        if mask.shape != scores[name].shape:
            raise ValueError(
                f"masks[{name!r}] must have the shape of its scores {tuple(scores[name].shape)}, got"
                f" {tuple(mask.shape)}"
            )
        kept[name] = mask.clone()
        if not mask.any():
            kept[name].view(-1)[scores[name].flatten().argmax()] = True
    return kept


@torch.no_grad()
def fold_beta(model: nn.Sequential, masks: Mapping[str, torch.Tensor]) -> None:
    """Prune the channels of ``masks`` in place, and move what their shift still sends into the next layer's
    bias.

    With gamma = 0 a channel sends ``ReLU(beta)`` everywhere. That constant times the next layer's weights is
    added to its bias; then the channel's filter, bias, gamma and beta become zero, so that it can be removed
    without any further change. ``masks`` are filter masks ``(out, 1, 1, 1)`` by weight name, ``True`` = kept.
    If gamma was not zero, the channel's varying part is lost.

    Raises TypeError if ``model`` is no nn.Sequential, ValueError if a mask is no filter mask of a layer with
    BatchNorm, if the next layer pads its input (at the border the fold is not exact), has groups or no bias,
    or if something between the two is neither ReLU, unpadded pooling nor flatten. Nothing is changed when it
    raises. Source: notebook 03.1."""
    if not isinstance(model, nn.Sequential):
        raise TypeError(
            f"model must be an nn.Sequential, whose layers follow each other, got {type(model).__name__}"
        )
    pairs = bn_pairs(model)
    expand_masks(model, masks)
    plan = []
    for name, mask in masks.items():
        layer, norm = pairs[arguments.one_of("a name in masks", name, pairs)]
        if mask.numel() != len(layer.weight) or len(mask) != len(layer.weight):
            raise ValueError(
                f"masks[{name!r}] must hold one entry per filter, shape ({len(layer.weight)}, 1, ...), got"
                f" {tuple(mask.shape)}"
            )
        constants, following = _after(model, norm)
        if following.weight.shape[1] % norm.num_features:
            raise ValueError(
                f"{following} must take the {norm.num_features} channels of the BatchNorm before it"
            )
        plan.append((layer, norm, ~mask.flatten(), constants, following))
    for layer, norm, gone, constants, following in plan:
        per_channel = following.weight.double().reshape(len(following.weight), norm.num_features, -1).sum(2)
        following.bias += (per_channel[:, gone] @ constants.double()[gone]).to(following.bias.dtype)
        norm.weight[gone] = 0
        norm.bias[gone] = 0
        if layer.bias is not None:
            layer.bias[gone] = 0
    apply_masks(model, masks)


def _after(model: nn.Sequential, norm: nn.Module) -> tuple[torch.Tensor, nn.Module]:
    """Return what every channel of ``norm`` sends when gamma is zero, and the layer that receives it."""
    modules = list(model)
    constants = norm.bias.detach()
    for module in modules[modules.index(norm) + 1 :]:
        if isinstance(module, nn.Linear | nn.Conv2d):
            if module.bias is None:
                raise ValueError(f"{module} must have a bias to take the constant")
            if isinstance(module, nn.Conv2d) and (
                module.groups != 1 or module.padding not in ((0, 0), "valid")
            ):
                raise ValueError(
                    f"{module} must have no padding and groups=1: at a padded border the constant is missing"
                )
            return constants, module
        if isinstance(module, ELEMENTWISE):
            constants = constants if isinstance(module, nn.Dropout) else module(constants.clone())
        elif not isinstance(module, nn.Flatten) and not (isinstance(module, POOLS) and module.padding == 0):
            raise ValueError(
                "between BatchNorm and the next layer only ReLU, unpadded pooling and flatten can be folded,"
                f" got {module}"
            )
    raise ValueError("a layer must follow the BatchNorm to take the constant, got none")


ENTRIES = (
    Criterion(
        "BatchNorm scale",
        bn_scale,
        ("filter", "channel"),
        ("batchnorm",),
        "Liu et al. 2017, arXiv 1708.06519",
    ),
)

"""Physically removes masked filters, neurons, heads and hidden units, so that fewer zeros become fewer
bytes and fewer operations.
"""

from collections.abc import Mapping

import torch
from torch import nn
from torch.utils._pytree import tree_leaves, tree_map

from prunelab.masks import expand_masks
from prunelab.surgery import constants
from prunelab.surgery.examples import Example, unwrapped, working_copy
from prunelab.surgery.followed import Followed, clone, follow
from prunelab.surgery.lock import Lock, recording, taken
from prunelab.surgery.replay import Doubled, Replay, quiet
from prunelab.surgery.sizes import Trial
from prunelab.surgery.smaller import smaller_model
from prunelab.surgery.tracks import living


@torch.inference_mode(False)
@torch.no_grad()
def remove_filters(
    model: nn.Module, masks: Mapping[str, torch.Tensor], example_input: Example = None
) -> nn.Module:
    """Return a smaller model that computes, in eval mode, what ``model`` computes under ``masks``; ``model``
    is left alone.

    ``masks`` (parameter name -> bool mask, ``(out, 1, 1, 1)`` or the full shape) may drop whole filters
    ``W[o]`` of any convolution, neurons of a product with a parameter, channels of a norm's scale
    ``(out,)``, heads, and hidden units of recurrent layers. They go from the layer itself and from all that
    is coupled to it: the BatchNorm behind it, depthwise and grouped convolutions, the other side of a
    residual sum, the gates that multiply it, and the inputs of the next layers, through pooling,
    activations, concatenation and flatten. ``coupled_groups`` and ``coupled_masks`` make masks that drop
    such a group together; masks that drop one side of a sum alone are refused. Single masked weights in
    filters that stay remain zeros. A layer that would lose everything keeps its first filter, zeroed.

    Masks are about weights: a dropped filter still sends on the constant its bias makes, such as ReLU(bias)
    or ReLU(beta), and that constant is folded into the next bias. Where the next layer pads with zeros that
    is wrong at the border, and refused; a mask on the bias, too, makes the constant 0.

    ``example_input`` (N, ...) shows the shape of the input; of its values nothing is used. Without it a batch
    of square images, or of vectors, for which the model runs is looked for. The model may be any module that
    runs: the operations that it executes are followed, whatever code calls them; its class and its layers'
    names stay. The two models are compared on random inputs in float64 before the smaller one is returned.

    Raises TypeError or ValueError for bad arguments, and ValueError naming the layer where a removal would
    not be exact or is not understood. Source: Li et al., arXiv 1608.08710 (removal); Fang et al., arXiv
    2301.12900 (coupled groups); notebooks 04.2, 09.1.

    >>> model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10))
    >>> kept = torch.tensor([True, False, True, False]).view(4, 1, 1, 1)
    >>> remove_filters(model, {"0.weight": kept}, torch.ones(1, 1, 8, 8))
    Sequential(
      (0): Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1))
      (1): ReLU()
      (2): Flatten(start_dim=1, end_dim=-1)
      (3): Linear(in_features=72, out_features=10, bias=True)
    )
    """
    inner, prefix = unwrapped(model)
    expanded = {name.removeprefix(prefix): mask for name, mask in expand_masks(model, masks).items()}
    expanded = {name: mask.to(inner.get_parameter(name).device) for name, mask in expanded.items()}
    followed = follow(inner, example_input, expanded, double=True)
    trial = _trial(followed, expanded)
    small, biases = smaller_model(inner, followed, expanded, trial)
    replaced = _check(followed, small, trial)
    for bias, dtype in biases:  # in float64 until here
        bias.data = bias.data.to(dtype)
    if replaced:  # its own kernels have not run yet, and they may not take these sizes
        _run_once(followed, small)
    for module, smaller in zip(inner.modules(), small.modules(), strict=True):
        smaller.training = module.training
    return small


def _trial(followed: Followed, masks: Mapping[str, torch.Tensor]) -> Trial:
    """Return which numbers stay and which attributes change; refuse what cannot go."""
    labels, couplings = followed.groups.labels, followed.couplings
    asked = torch.zeros(len(labels), dtype=torch.bool)  # by label
    asked[labels[followed.asked]] = True
    for name, mask in masks.items():
        if name not in followed.following.used and not mask.all():
            layer = name.rpartition(".")[0] or name
            raise ValueError(
                f"{layer} makes no channels in the model's forward, so what it feeds is not known"
            )
    for name, dim in couplings.makes:
        own = followed.labels(name, dim)
        if asked[own].all() and len(own) > 1 and (own == own[0]).all():
            numbers = couplings.numbers(name, dim)
            raise ValueError(
                f"{followed.owners(int(own[0]))}: {followed.reason(numbers) or 'they go together'}"
            )
        if asked[own].all():  # a layer that would lose everything keeps its first
            asked[own[0]] = False
    for label in asked.nonzero().flatten().tolist():
        if followed.stays[label]:
            numbers = (labels == label).nonzero().flatten()
            raise ValueError(f"{followed.owners(label)}: {followed.reason(numbers)}")
    trial = Trial(~asked[labels])
    _check_constants(followed, masks, trial.kept)
    for equation in couplings.equations:
        if not equation.holds(trial):
            raise ValueError(
                f"{equation.where} names the size {int(equation.size)}, which would have to be"
                f" {equation.required(trial)}: compute it from the tensor's shape, or write a reshape"
                " as torch.flatten(x, 1)"
            )
    return trial


def _check_constants(followed: Followed, masks: Mapping[str, torch.Tensor], kept: torch.Tensor) -> None:
    """Refuse to take inputs from a layer that are no constants, or constants which its padding ends."""
    reads = [read for read in followed.following.reads if read.gone(kept).any()]
    silent = all(((read.low == 0) & (read.high == 0))[read.gone(kept)].all() for read in reads)
    if not (silent and _all_masked(followed, masks, kept)) and reads:
        constants.measure(followed.model, followed.following, followed.args, followed.kwargs)
    for read in reads:
        gone = read.gone(kept)
        live = gone & ~constants.constant(read.low, read.high)
        if live.any():
            label = int(followed.groups.labels[read.channels[live][0]])
            why = followed.coupled_by((followed.groups.labels == label).nonzero().flatten())
            advice = f"{': ' + why if why else ''}; drop what is coupled together (coupled_masks), or keep it"
            if _all_masked(followed, masks, kept):
                advice = (
                    ", though all that makes them is masked: what is behind it adds a number of its own, and"
                    " a padding ends that; keep them"
                )
            raise ValueError(
                f"{read.where} reads channels of {followed.owners(label)} that are no constants under"
                f" these masks{advice}"
            )
    for read in reads:
        sent = (read.high * read.gone(kept)).abs()
        if read.padded and sent.any():
            label = int(followed.groups.labels[read.channels[sent.argmax()]])
            raise ValueError(
                f"{read.where} pads with zeros, and a dropped filter before it sends the constant"
                f" ~{float(sent.max()):.3g}: folded into the bias that would be wrong at the border;"
                " mask the bias"
                f" (BatchNorm's scale and shift) of {followed.owners(label)}, too, as coupled_masks does"
            )


def _all_masked(followed: Followed, masks: Mapping[str, torch.Tensor], kept: torch.Tensor) -> bool:
    """Tell whether everything that makes a dropped channel is masked."""
    for name, parameter in followed.following.parameters.items():
        for dim in range(parameter.ndim):
            gone = ~kept[followed.couplings.numbers(name, dim)]
            if gone.any() and (name, dim) not in followed.reads:
                if name not in masks or living(masks[name], dim).cpu()[gone].any():
                    return False
    return True


def _run_once(followed: Followed, small: nn.Module) -> None:
    try:
        working_copy(small)(*tree_map(clone, followed.args), **tree_map(clone, followed.kwargs))
    except Exception as error:  # the library's code runs
        raise ValueError(
            f"model computes the same with fewer channels, but a kernel that it calls refuses them: {error};"
            " keep numbers of channels that it takes, or let the model run on other kernels"
            " (transformers: model.set_experts_implementation('eager'))"
        ) from error


def _check(followed: Followed, small: nn.Module, trial: Trial) -> bool:
    """Run the smaller model on the same example, and compare it with what the masked one gave; tell whether
    other code ran in place of a kernel that has no float64.
    """
    lock = Lock(followed.outputs, trial.kept)
    tracks = [output.tracks for output in followed.outputs]
    copied = working_copy(small)  # what a forward pass leaves behind stays there
    replay = Replay({}, {})
    doubled = Doubled(replay)
    try:
        with recording(copied, lambda number, _: tracks[number] if number < len(tracks) else [], lock.see):
            with quiet(), replay, doubled:
                result = copied(*tree_map(clone, followed.args), **tree_map(clone, followed.kwargs))
    except Exception as error:  # the user's code runs
        raise ValueError(
            f"model does not run with fewer channels, so its forward depends on their number: {error}"
        ) from error
    for leaf in tree_leaves(result):
        if isinstance(leaf, torch.Tensor):
            lock.see(taken("the model's output", leaf, []))
    lock.open()
    return doubled.replaced

"""Physically removes masked filters and neurons, so that fewer zeros become fewer bytes and fewer
operations.
"""

import copy
from collections.abc import Mapping

import torch
from torch import nn
from torch.utils._pytree import tree_leaves

from prunelab.masks import apply_masks, expand_masks
from prunelab.surgery.coupling import BATCHNORMS, LAYERS, Coupling, Layer

TOLERANCE = 1e-8  # of the final check, in float64, relative to the largest output


@torch.no_grad()
def remove_filters(
    model: nn.Module, masks: Mapping[str, torch.Tensor], example_input: torch.Tensor | None = None
) -> nn.Module:
    """Return a smaller model that computes, in eval mode, what ``model`` computes under ``masks``; ``model``
    is left alone.

    ``masks`` (parameter name -> bool mask, ``(out, 1, 1, 1)`` or the full shape) may drop whole filters
    ``W[o]`` of a Conv2d, whole neurons of a Linear, and channels of a BatchNorm (its scale, shape
    ``(out,)``). They go from the layer itself and from all that is coupled to it: the BatchNorm behind it,
    depthwise and grouped convolutions, the other side of a residual sum, the gates that multiply it, and the
    inputs of the next layers, through pooling, activations, concatenation and flatten. ``coupled_groups`` and
    ``coupled_masks`` make masks that drop such a group together; masks that drop one side of a sum alone are
    refused. Single masked weights in filters that stay remain zeros. A layer that would lose everything keeps
    its first filter, zeroed.

    Masks are about weights: a dropped filter still sends on the constant its bias makes, such as ReLU(bias)
    or ReLU(beta), and that constant is folded into the next bias. Where the next layer pads with zeros that
    is wrong at the border, and refused; a mask on the bias, too, makes the constant 0.

    ``example_input`` (N, ...) shows the shape of the input; of its values nothing is used. Without it a batch
    of square images, or of vectors, for which the model runs is looked for. The model may be an
    ``nn.Sequential`` or a module with its own ``forward`` that ``torch.fx`` can trace; its class and its
    layers' names stay. The two models are compared on random inputs in float64 before the smaller one is
    returned.

    Raises TypeError or ValueError for bad arguments, and ValueError naming the layer where a removal would
    not be exact or is not understood. Source: Li et al., arXiv 1608.08710 (removal); Fang et al., arXiv
    2301.12900 (coupled groups); notebooks 04.2, 09.1."""
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, got {type(model).__name__}")
    expanded = expand_masks(model, masks)
    modules = dict(model.named_modules())
    for parameter in masks:
        owner = modules[parameter.rpartition(".")[0]]
        if type(owner) not in LAYERS:
            raise ValueError(
                f"masks must name parameters of Conv2d, Linear or BatchNorm layers, got {parameter!r} of"
                f" {type(owner).__name__}"
            )
    masked = copy.deepcopy(model)
    apply_masks(masked, masks)
    masked = masked.cpu().double().eval()
    coupling, example = follow(masked, example_input)
    removed = _removed(coupling, masked, expanded)
    small = copy.deepcopy(masked)
    for name, layer in coupling.layers.items():
        if removed[layer.rows].any() or (layer.columns is not None and removed[layer.columns].any()):
            _set(small, name, _shrink(masked.get_submodule(name), layer, removed))
    _check(masked, small, example, coupling, removed)
    return _restored(small, model)


def resize(model: nn.Module, state: Mapping[str, torch.Tensor]) -> nn.Module:
    """Return a copy of ``model`` whose Conv2d, Linear and BatchNorm layers have the sizes found in ``state``,
    loaded from it.

    This is how a network made smaller by ``remove_filters`` is read back without pickle: save
    ``state_dict()`` as safetensors, build the original class, resize. ``model`` is left alone.

    Raises TypeError or ValueError if ``state`` lacks a parameter of the model, or does not fit it otherwise.
    Source: notebook 04.2."""
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, got {type(model).__name__}")
    if not isinstance(state, Mapping) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise TypeError(f"state must be a dict of parameter name -> tensor, got {type(state).__name__}")
    resized = copy.deepcopy(model)
    for name, module in model.named_modules():
        if type(module) in LAYERS and module.weight is not None:
            weight = state.get(f"{name}.weight".lstrip("."))
            if weight is None or weight.ndim != module.weight.ndim:
                raise ValueError(
                    f"state must hold {name}.weight with {module.weight.ndim} dimensions, got"
                    f" {getattr(weight, 'shape', None)}"
                )
            _set(resized, name, _sized(module, weight, state.get(f"{name}.bias".lstrip("."))))
    try:
        resized.load_state_dict(dict(state))
    except RuntimeError as error:
        raise ValueError(f"state must fit the model: {error}") from error
    return resized


@torch.no_grad()
def follow(model: nn.Module, example_input: torch.Tensor | None) -> tuple[Coupling, torch.Tensor]:
    """Follow the channels of ``model`` (float64, eval mode, on the CPU) and return what was found, and the
    example that was used.

    Raises TypeError or ValueError if there is no example that the model runs on, or if torch.fx cannot trace
    it."""
    if example_input is not None and (not isinstance(example_input, torch.Tensor) or example_input.ndim == 0):
        raise TypeError(f"example_input must be a tensor (N, ...), got {type(example_input).__name__}")
    coupling = Coupling(model)
    error: Exception = ValueError("it has no Conv2d or Linear layer")
    for example in _examples(model, coupling) if example_input is None else (example_input[:2].cpu(),):
        try:
            example = example.double() if example.is_floating_point() else example
            model(example)
            break
        except Exception as problem:  # the user's code runs
            error = problem
    else:
        raise ValueError(f"example_input must be an input that the model runs on, but: {error}") from error
    coupling.run(example)
    return coupling, example


def _examples(model: nn.Module, coupling: Coupling):
    """Yield inputs that the first layer could take: vectors, or square images of the usual sizes first, then
    of any.
    """
    modules = dict(model.named_modules())
    called = (modules[node.target] for node in coupling.graph.nodes if node.op == "call_module")
    first = next((module for module in called if type(module) in (nn.Conv2d, nn.Linear)), None)
    if type(first) is nn.Linear:
        yield torch.randn(2, first.in_features)
    if type(first) is nn.Conv2d:
        for size in (28, 32, 64, 96, 224, *range(1, 100)):
            yield torch.randn(2, first.in_channels, size, size)


def _removed(coupling: Coupling, model: nn.Module, masks: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Return for each channel's number whether it can go, ``(numbers,)`` bool; refuse if one that the masks
    drop cannot.
    """
    groups = coupling.groups()
    asked = torch.zeros(len(groups), dtype=torch.bool)  # by group
    for parameter, mask in masks.items():
        name, _, kind = parameter.rpartition(".")
        empty = ~mask.cpu().flatten(1).any(1) if mask.ndim > 1 else ~mask.cpu()
        if kind != "weight" or not empty.any():
            continue
        if name not in coupling.layers:
            raise ValueError(
                f"{name} is not called as a layer in the model's forward, so what it feeds is not known"
            )
        asked[groups[coupling.layers[name].rows[empty]]] = True
    for layer in coupling.layers.values():
        if asked[groups[layer.rows]].all():
            asked[groups[layer.rows[0]]] = False
    removed = asked[groups]
    for number, why in coupling.fixed.items():
        if removed[number]:
            raise ValueError(f"{_owners(coupling, groups == groups[number])}: {why}")
    readers = {name: layer for name, layer in coupling.layers.items() if layer.columns is not None}
    for name, layer in readers.items():
        _check_constant(name, layer, removed, coupling, groups)
    for name, layer in readers.items():
        _check_padding(name, model.get_submodule(name), layer, removed, coupling, groups)
    return removed


def _check_constant(
    name: str, layer: Layer, removed: torch.Tensor, coupling: Coupling, groups: torch.Tensor
) -> None:
    """Refuse a layer that would lose inputs which are no constants."""
    live = layer.columns[removed[layer.columns] & layer.live]
    if len(live):
        group = groups == groups[live[0]]
        why = next((f": {text}" for numbers, text in coupling.hints if group[numbers].any()), "")
        raise ValueError(
            f"{name} reads channels of {_owners(coupling, group)} that are no constants under these"
            f" masks{why}; drop what is coupled together (coupled_masks), or keep it"
        )


def _check_padding(
    name: str,
    module: nn.Module,
    layer: Layer,
    removed: torch.Tensor,
    coupling: Coupling,
    groups: torch.Tensor,
) -> None:
    """Refuse a layer that would lose constants which its zero padding ends."""
    if type(module) is not nn.Conv2d or module.padding in ((0, 0), "valid") or module.padding_mode != "zeros":
        return
    ended = removed[layer.columns] & layer.value.ne(0) & module.weight.flatten(2).ne(0).any(2).any(0)
    if ended.any():
        owners = _owners(coupling, groups == groups[layer.columns[ended][0]])
        raise ValueError(
            f"{name} pads with zeros, and a dropped filter before it sends the constant"
            f" ~{float(layer.value[ended].abs().max()):.3g}: folded into the bias that would be wrong at the"
            f" border; mask the bias (BatchNorm's scale and shift) of {owners}, too, as coupled_masks does"
        )


def _owners(coupling: Coupling, group: torch.Tensor) -> str:
    return ", ".join(name for name, layer in coupling.layers.items() if group[layer.rows].any())


def _shrink(module: nn.Module, layer: Layer, removed: torch.Tensor) -> nn.Module:
    """Return the layer without the removed outputs and inputs, the constants of the inputs folded into its
    bias.
    """
    keep = ~removed[layer.rows]
    weight, bias = module.weight, module.bias
    if layer.columns is not None:
        drop = removed[layer.columns]
        constant = (
            weight[:, drop].flatten(2).sum(2) @ layer.value[drop]
            if weight.ndim > 2
            else weight[:, drop] @ layer.value[drop]
        )
        if constant.ne(0).any():
            bias = constant if bias is None else bias + constant
        weight = weight[:, ~drop]
    smaller = _sized(module, keep if weight is None else weight[keep], None if bias is None else bias[keep])
    if type(module) in BATCHNORMS and module.track_running_stats:
        smaller.running_mean.copy_(module.running_mean[keep])
        smaller.running_var.copy_(module.running_var[keep])
        smaller.num_batches_tracked.copy_(module.num_batches_tracked)
    return smaller


@torch.no_grad()
def _sized(module: nn.Module, weight: torch.Tensor, bias: torch.Tensor | None) -> nn.Module:
    """Return a copy of the layer with this weight and bias: their shapes, dtype and values, everything else
    as it was.
    """
    smaller = copy.deepcopy(module)
    if type(module) is nn.Conv2d:
        if module.groups > 1:
            smaller.groups = len(weight) * module.groups // module.out_channels  # a group goes as a whole
        smaller.out_channels, smaller.in_channels = weight.shape[0], weight.shape[1] * smaller.groups
    elif type(module) is nn.Linear:
        smaller.out_features, smaller.in_features = weight.shape
    else:
        smaller.num_features = len(weight)
        if module.track_running_stats:
            for name in ("running_mean", "running_var"):
                setattr(smaller, name, getattr(module, name).new_zeros(len(weight)))
    if module.weight is not None:
        smaller.weight = nn.Parameter(weight.detach().clone(), requires_grad=module.weight.requires_grad)
        trains = (module.weight if module.bias is None else module.bias).requires_grad
        smaller.bias = None if bias is None else nn.Parameter(bias.detach().clone(), requires_grad=trains)
    return smaller


def _check(
    masked: nn.Module, small: nn.Module, example: torch.Tensor, coupling: Coupling, removed: torch.Tensor
) -> None:
    """The last lock: refuse a smaller model if one of its layers, or its output, differs from the masked
    model's.

    The outputs alone would not do: a head that starts at zero, as in a vision transformer, hides everything
    behind it."""
    generator = torch.Generator().manual_seed(0)
    x = (
        torch.randn(example.shape, dtype=example.dtype, generator=generator)
        if example.is_floating_point()
        else example
    )
    expected = _outputs(masked, x, coupling)
    try:
        outputs = _outputs(small, x, coupling)
    except Exception as error:
        raise ValueError(
            f"model does not run with fewer channels, so its forward depends on their number: {error}"
        ) from error
    for name, value in expected.items():
        if name in coupling.layers:
            dim = -1 if type(masked.get_submodule(name)) is nn.Linear else 1
            value = value.index_select(dim, (~removed[coupling.layers[name].rows]).nonzero().flatten())
        output = outputs[name]
        if output.shape != value.shape or not ((output - value).abs() <= TOLERANCE * value.abs().max()).all():
            raise ValueError(
                f"{name} gives other outputs when filters are removed than when they are masked: the forward"
                " before it does something to channels that was not understood"
            )


def _outputs(model: nn.Module, x: torch.Tensor, coupling: Coupling) -> dict[str, torch.Tensor]:
    """Return what each layer gives for ``x`` at its last call, in the order of the calls, and the model's
    outputs.
    """
    seen: dict[str, torch.Tensor] = {}
    hooks = {
        name: lambda module, inputs, output, name=name: seen.update({name: output})
        for name in coupling.layers
    }
    handles = [model.get_submodule(name).register_forward_hook(hook) for name, hook in hooks.items()]
    try:
        result = model(x.clone())
    finally:
        for handle in handles:
            handle.remove()
    leaves = [leaf for leaf in tree_leaves(result) if isinstance(leaf, torch.Tensor)]
    return {**seen, **{f"the model's output {i}": leaf for i, leaf in enumerate(leaves)}}


def _restored(small: nn.Module, model: nn.Module) -> nn.Module:
    """Give ``small`` the dtypes, the devices and the modes of ``model``."""
    tensors = dict(model.named_parameters(remove_duplicate=False)) | dict(
        model.named_buffers(remove_duplicate=False)
    )
    for name, tensor in (*small.named_parameters(), *small.named_buffers()):
        like = tensors.get(
            name, tensors.get(name.removesuffix("bias") + "weight")
        )  # a bias that came with a constant
        tensor.data = tensor.data.to(like.device, like.dtype)
    for module, smaller in zip(model.modules(), small.modules(), strict=True):
        smaller.training = module.training
    return small


def _set(model: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, child = name.rpartition(".")
    setattr(model.get_submodule(parent), child, module)

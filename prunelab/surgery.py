"""Physically removes masked filters and neurons, so that fewer zeros become fewer bytes and fewer operations."""

import copy
from collections.abc import Mapping
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import fx, nn

from prunelab import arguments
from prunelab.masks import apply_masks, expand_masks

BATCHNORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
ELEMENTWISE = (nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Sigmoid, nn.Tanh, nn.Hardtanh)
UNCHANGED = (nn.Identity, nn.Dropout, nn.Dropout2d, nn.MaxPool2d, nn.AdaptiveMaxPool2d, nn.AdaptiveAvgPool2d)  # a constant stays
FUNCTIONS = {F.relu: F.relu, torch.relu: F.relu, "relu": F.relu, torch.sigmoid: torch.sigmoid, torch.tanh: torch.tanh,
             "sigmoid": torch.sigmoid, "tanh": torch.tanh, F.gelu: F.gelu, F.silu: F.silu, F.leaky_relu: F.leaky_relu}  # fmt: skip
POOLING = (F.max_pool2d, torch.max_pool2d, F.adaptive_avg_pool2d, F.adaptive_max_pool2d, F.dropout)
FLATTEN = (torch.flatten, "flatten")


class _Cut(NamedTuple):
    """What a tensor has lost: which channels (C,) bool, and the constant each dropped channel carried (C,)."""

    dropped: torch.Tensor
    value: torch.Tensor
    layout: str  # "channels" (N, C, H, W), "flattened" (N, C * H * W) or "features" (..., C)


def remove_filters(model: nn.Module, masks: Mapping[str, torch.Tensor]) -> nn.Module:
    """Return a smaller model that computes, in eval mode, what ``model`` computes under ``masks``; ``model`` is left alone.

    ``masks`` (parameter name -> bool mask, ``(out, 1, 1, 1)`` or the full shape) may drop whole filters ``W[o]`` of a Conv2d,
    whole neurons of a Linear, and channels of a BatchNorm (its scale, shape ``(out,)``). They go from the layer itself, from the
    BatchNorm behind it, and from the inputs of the next layers, through pooling, activations and flatten. Masks are about
    weights: a dropped filter still sends on the constant its bias makes, such as ReLU(bias) or ReLU(beta), and that constant is
    folded into the next bias. Single masked weights in filters that stay remain zeros. A layer that would lose everything keeps
    its first filter, zeroed.

    The model may be an ``nn.Sequential`` or a module with its own ``forward`` that ``torch.fx`` can trace; its class and its
    layers' names stay.

    Raises TypeError or ValueError for bad masks, and ValueError naming the layer where a removal would not be exact or is not
    understood: residual sums, reshapes, grouped convolutions, zero padding behind a constant that is not 0, the model's output.
    Source: Li et al., arXiv 1608.08710 (removal); notebook 04.2.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, got {type(model).__name__}")
    expanded = expand_masks(model, masks)
    try:
        graph = fx.symbolic_trace(model).graph
    except Exception as error:  # tracing runs the user's code, so anything can come
        raise ValueError(f"model must be traceable by torch.fx to see which layer feeds which, but: {error}") from error
    small = copy.deepcopy(model)
    apply_masks(small, masks)
    plan = _plan(small, graph, expanded)
    cuts: dict[fx.Node, _Cut] = {}
    for node in graph.nodes:
        _step(node, small, plan, cuts)
    return small


@torch.no_grad()
def reestimate_batchnorm(model: nn.Module, images: torch.Tensor) -> None:
    """Replace the running mean and variance of every BatchNorm of ``model``, in place, by their averages over ``images`` (N, ...).

    Pruning changes what reaches a BatchNorm, so its stored statistics no longer fit. No label and no gradient is needed, and
    nothing else of the model changes. Batches of 500.

    Raises TypeError or ValueError for a model without a BatchNorm that keeps statistics, or fewer than two images.
    Source: notebook 04.2.
    """
    arguments.tensor("images", images)
    if len(images) < 2:
        raise ValueError(f"images must hold at least 2 examples, got {len(images)}")
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm) and m.track_running_stats]
    if not norms:
        raise ValueError(f"model must have a BatchNorm with running statistics, got {type(model).__name__} without one")
    modes = {module: module.training for module in model.modules()}
    momenta = [norm.momentum for norm in norms]
    try:
        model.eval()
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # a plain average over the batches
            norm.train()
        for batch in images.tensor_split(-(-len(images) // 500)):
            model(batch)
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        for module, mode in modes.items():
            module.training = mode


def resize(model: nn.Module, state: Mapping[str, torch.Tensor]) -> nn.Module:
    """Return a copy of ``model`` whose Conv2d, Linear and BatchNorm layers have the sizes found in ``state``, loaded from it.

    This is how a network made smaller by ``remove_filters`` is read back without pickle: save ``state_dict()`` as safetensors,
    build the original class, resize. ``model`` is left alone.

    Raises TypeError or ValueError if ``state`` lacks a parameter of the model, or does not fit it otherwise. Source: notebook 04.2.
    """
    if not isinstance(state, Mapping) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise TypeError(f"state must be a dict of parameter name -> tensor, got {type(state).__name__}")
    resized = copy.deepcopy(model)
    for name, module in model.named_modules():
        if type(module) in (nn.Conv2d, nn.Linear, *BATCHNORMS):
            weight = state.get(f"{name}.weight".lstrip("."))
            if weight is None or weight.ndim != module.weight.ndim:
                raise ValueError(
                    f"state must hold {name}.weight with {module.weight.ndim} dimensions, got {getattr(weight, 'shape', None)}"
                )
            _set(resized, name, _sized(module, weight, state.get(f"{name}.bias".lstrip("."))))
    try:
        resized.load_state_dict(dict(state))
    except RuntimeError as error:
        raise ValueError(f"state must fit the model: {error}") from error
    return resized


def _plan(model: nn.Module, graph: fx.Graph, masks: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return which outputs each Conv2d and Linear loses, {module name: (out,) bool}; refuse masks on other layers."""
    modules = dict(model.named_modules())
    calls = {node.target: node for node in graph.nodes if node.op == "call_module"}
    plan: dict[str, torch.Tensor] = {}
    for parameter, mask in masks.items():
        name, _, kind = parameter.rpartition(".")
        module = modules[name]
        if kind != "weight" or type(module) not in (nn.Conv2d, nn.Linear, *BATCHNORMS):
            raise ValueError(
                f"masks must name weights of Conv2d, Linear or BatchNorm layers, got {parameter!r} of {type(module).__name__}"
            )
        empty = ~mask.flatten(1).any(1) if mask.ndim > 1 else ~mask
        if not empty.any():
            continue
        if name not in calls:
            raise ValueError(f"{name} is not called as a layer in the model's forward, so what it feeds is not known")
        owner = name
        if type(module) in BATCHNORMS:
            (source,) = calls[name].all_input_nodes
            if source.op != "call_module" or type(modules[source.target]) not in (nn.Conv2d, nn.Linear) or len(source.users) > 1:
                raise ValueError(f"{name} must follow one Conv2d or Linear directly to lose channels, its input is {source.target}")
            owner = source.target
        plan[owner] = plan.get(owner, torch.zeros_like(empty)) | empty
    for empty in plan.values():
        if empty.all():
            empty[0] = False
    return plan


def _step(node: fx.Node, model: nn.Module, plan: Mapping[str, torch.Tensor], cuts: dict[fx.Node, _Cut]) -> None:
    """Carry the cut of a node's input through the node, replacing its module in ``model`` if that gets smaller."""
    incoming = [cuts[source] for source in node.all_input_nodes if source in cuts]
    module = model.get_submodule(node.target) if node.op == "call_module" else None
    loses = plan.get(node.target) if node.op == "call_module" else None
    if not incoming and loses is None:
        return
    if node.op == "output":
        sources = ", ".join(str(source.target) for source in node.all_input_nodes if source in cuts)
        raise ValueError(f"{sources} makes the model's output, so its outputs cannot be removed")
    if len(node.all_input_nodes) != 1:
        sources = ", ".join(source.name for source in node.all_input_nodes)
        raise ValueError(f"{node.name} joins {sources}, as a residual sum does, so their channels are coupled; "
                         f"a tool that knows such groups can remove them (torch_pruning)")  # fmt: skip
    cut = incoming[0] if incoming else None
    if type(module) in (nn.Conv2d, nn.Linear):
        _check_alone(node, model)
        smaller, after = _shrink(node.target, module, cut, loses)
        _set(model, node.target, smaller)
    elif type(module) in BATCHNORMS and cut.layout != "flattened":
        _check_alone(node, model)
        smaller, after = _shrink_norm(node.target, module, cut)
        _set(model, node.target, smaller)
    else:
        after = _pass(node, module, cut)
    if after is not None:
        cuts[node] = after


def _pass(node: fx.Node, module: nn.Module | None, cut: _Cut) -> _Cut:
    """Return the cut behind a node without channels of its own: an activation, a pooling, a flatten; refuse any other."""
    function = node.target if module is None else None  # a module may be called "flatten" or "relu" as well
    if type(module) in UNCHANGED or function in POOLING:
        return cut
    if type(module) in ELEMENTWISE:
        return cut._replace(value=module(cut.value.clone()))
    if function in FUNCTIONS:
        extra = {key: value for key, value in node.kwargs.items() if key not in ("inplace", "input")}
        return cut._replace(value=FUNCTIONS[function](cut.value, *[a for a in node.args[1:] if not isinstance(a, bool)], **extra))
    average = type(module) is nn.AvgPool2d and (module.padding in (0, (0, 0)) or not module.count_include_pad)
    if average and module.divisor_override is None:
        return cut
    start, end = (module.start_dim, module.end_dim) if type(module) is nn.Flatten else (None, None)
    if function in FLATTEN:
        start = node.kwargs.get("start_dim", node.args[1] if len(node.args) > 1 else 0)
        end = node.kwargs.get("end_dim", node.args[2] if len(node.args) > 2 else -1)
    if (start, end) == (1, -1):
        return cut._replace(layout="flattened") if cut.layout == "channels" else cut
    what = (
        f"{node.target} ({type(module).__name__})"
        if module is not None
        else f"{node.name} ({getattr(function, '__name__', function)})"
    )
    raise ValueError(f"{what} stands behind a layer that loses filters, and what it does to channels is not understood; "
                     f"write a reshape as torch.flatten(x, 1)")  # fmt: skip


@torch.no_grad()
def _shrink(name: str, module: nn.Module, cut: _Cut | None, loses: torch.Tensor | None) -> tuple[nn.Module, _Cut | None]:
    """Return the layer without the dropped inputs and outputs, their constants folded into its bias, and its own cut."""
    conv = type(module) is nn.Conv2d
    if conv and module.groups != 1:
        raise ValueError(f"{name} is a grouped convolution (groups={module.groups}); its filters and channels are coupled")
    weight, bias = module.weight, module.bias
    if cut is not None:
        dropped, value = cut.dropped, cut.value
        repeat, rest = divmod(weight.shape[1], len(dropped))  # flattened: each channel became that many inputs in a row
        if conv != (cut.layout == "channels") or rest or (repeat > 1 and cut.layout != "flattened"):
            raise ValueError(f"{name} ({type(module).__name__}) reads a tensor that was reshaped in a way that is not understood")
        dropped, value = dropped.repeat_interleave(repeat), value.repeat_interleave(repeat)
        padded = conv and module.padding not in ((0, 0), "valid") and module.padding_mode == "zeros"
        if padded and value[dropped].ne(0).any():
            raise ValueError(f"{name} pads with zeros, and a dropped filter before it sends the constant "
                             f"{value[dropped].abs().max():.3g}: folded into the bias that would be wrong at the border; "
                             f"set the bias of that filter to 0 first")  # fmt: skip
        constant = weight[:, dropped].flatten(2).sum(2) @ value[dropped] if conv else weight[:, dropped] @ value[dropped]
        if constant.ne(0).any():
            bias = constant if bias is None else bias + constant
        weight = weight[:, ~dropped]
    after = None
    if loses is not None:
        value = torch.zeros(len(loses), dtype=weight.dtype, device=weight.device) if bias is None else bias
        after = _Cut(loses, value.where(loses, 0), "channels" if conv else "features")
        weight, bias = weight[~loses], None if bias is None else bias[~loses]
    return _sized(module, weight, bias), after


@torch.no_grad()
def _shrink_norm(name: str, module: nn.Module, cut: _Cut) -> tuple[nn.Module, _Cut]:
    if not module.track_running_stats:
        raise ValueError(f"{name} keeps no running statistics, so a constant channel has no constant output")
    if len(cut.dropped) != module.num_features:
        raise ValueError(f"{name} normalises {module.num_features} features, but the layer before it has {len(cut.dropped)}")
    mean, var, eps = module.running_mean, module.running_var, module.eps
    gamma, beta = (module.weight, module.bias) if module.affine else (torch.ones_like(mean), torch.zeros_like(mean))
    value = (cut.value - mean) / torch.sqrt(var + eps) * gamma + beta
    keep = ~cut.dropped
    smaller = _sized(module, mean[keep] if not module.affine else gamma[keep], beta[keep])
    smaller.running_mean.copy_(mean[keep])
    smaller.running_var.copy_(var[keep])
    smaller.num_batches_tracked.copy_(module.num_batches_tracked)
    return smaller, cut._replace(value=value.where(cut.dropped, 0))


@torch.no_grad()
def _sized(module: nn.Module, weight: torch.Tensor, bias: torch.Tensor | None) -> nn.Module:
    """Return a copy of the layer with this weight and bias: their shapes, dtype and values, everything else as it was."""
    smaller = copy.deepcopy(module)
    if type(module) is nn.Conv2d:
        smaller.out_channels, smaller.in_channels = weight.shape[0], weight.shape[1] * module.groups
    elif type(module) is nn.Linear:
        smaller.out_features, smaller.in_features = weight.shape
    else:
        smaller.num_features = len(weight)
        if module.track_running_stats:
            smaller.running_mean, smaller.running_var = weight.new_zeros(len(weight)), weight.new_ones(len(weight))
    if module.weight is not None:
        smaller.weight = nn.Parameter(weight.detach().clone(), requires_grad=module.weight.requires_grad)
        trains = (module.weight if module.bias is None else module.bias).requires_grad
        smaller.bias = None if bias is None else nn.Parameter(bias.detach().clone(), requires_grad=trains)
    return smaller


def _check_alone(node: fx.Node, model: nn.Module) -> None:
    """Refuse a layer that is called twice or shares a parameter with another: it cannot get smaller in one place only."""
    calls = sum(other.op == "call_module" and other.target == node.target for other in node.graph.nodes)
    if calls > 1:
        raise ValueError(f"{node.target} is called {calls} times, so it cannot get smaller")
    mine = {id(parameter) for parameter in model.get_submodule(node.target).parameters()}
    for other, module in model.named_modules(remove_duplicate=False):
        if other != node.target and mine & {id(parameter) for parameter in module.parameters(recurse=False)}:
            raise ValueError(f"{node.target} shares a parameter with {other}, so it cannot get smaller alone")


def _set(model: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, child = name.rpartition(".")
    setattr(model.get_submodule(parent), child, module)

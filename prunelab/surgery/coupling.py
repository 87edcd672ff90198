"""Follows every channel through a network: which entries of which layers go together, and which channels
carry a constant.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import fx, nn
from torch.fx.node import map_aggregate

BATCHNORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
LAYERS = (nn.Conv2d, nn.Linear, *BATCHNORMS)
# what cannot be removed has this number: the input image, the results of operations that are not understood
NOT_A_CHANNEL = 0

# Operations by name, the same for a module, a function and a method: nn.LeakyReLU, F.leaky_relu ->
# "leakyrelu"
POINTWISE = {
    "relu",
    "relu6",
    "leakyrelu",
    "elu",
    "gelu",
    "silu",
    "mish",
    "softplus",
    "sigmoid",
    "tanh",
    "hardtanh",
    "hardswish",
    "hardsigmoid",
    "clamp",
    "identity",
    "dropout",
    "dropout2d",
    "stochasticdepth",
    "contiguous",
    "clone",
}
POOLING = {"maxpool2d", "avgpool2d", "adaptiveavgpool2d", "adaptivemaxpool2d", "interpolate", "upsample"}
MOVING = {"flatten", "permute", "transpose", "unsqueeze", "squeeze", "cat", "view", "reshape"}
JOINING = {"add", "iadd", "sub", "isub", "mul", "imul", "truediv"}


@dataclass
class Traced:
    """One activation: its value on the example, and for each element its channel's number and whether it is a
    constant.
    """

    value: torch.Tensor
    channel: torch.Tensor
    constant: torch.Tensor


@dataclass
class Layer:
    """The channels of a layer's outputs ``(out,)`` and of its inputs ``(in,)``, unless these are coupled to
    the outputs.
    """

    rows: torch.Tensor
    columns: torch.Tensor | None = None
    live: torch.Tensor | None = None  # (in,) bool: the input is not a constant
    value: torch.Tensor | None = None  # (in,) the constant of the others


class Coupling(fx.Interpreter):
    """Runs a traced network on an example and follows the numbers of its channels beside the values.

    Every output of a Conv2d and Linear gets a number. Operations that only move elements are applied to the
    numbers themselves, so that a flatten or a concatenation needs no rule of its own; a sum couples the
    numbers that it adds."""

    def __init__(self, model: nn.Module):
        super().__init__(_trace(model))
        self.layers: dict[str, Layer] = {}
        self.fixed: dict[int, str] = {}  # channel -> why it cannot be removed
        self.hints: list[
            tuple[torch.Tensor, str]
        ] = []  # channels -> what couples them, or keeps them from being a constant
        self.numbers = NOT_A_CHANNEL + 1
        self._pairs: list[torch.Tensor] = []
        self._locked = _locked(model, self.graph)

    def groups(self) -> torch.Tensor:
        """Return for each channel's number the number of its coupled group: what is coupled, directly or not,
        shares one.
        """
        left, right = torch.cat([torch.zeros(2, 0, dtype=torch.long), *self._pairs], 1).numpy()
        links = coo_array((np.ones(len(left), dtype=bool), (left, right)), shape=(self.numbers, self.numbers))
        return torch.from_numpy(connected_components(links, directed=False)[1]).long()

    def run_node(self, node: fx.Node) -> object:
        args, kwargs = self.fetch_args_kwargs_from_env(node)
        if node.op == "output":
            sources = ", ".join(str(source.target) for source in node.all_input_nodes)
            self._fix(
                _all(Traced, args), f"{sources} makes the model's output, so its outputs cannot be removed"
            )
            return None
        if getattr(node.target, "__name__", "") == "getitem" and isinstance(args[0], tuple | list):
            return args[0][args[1]]
        result = self._run(node, args, kwargs, "value")
        if not _all(torch.Tensor, result):
            return result  # a size or a shape
        if node.op in ("placeholder", "get_attr"):
            return Traced(
                result,
                torch.zeros_like(result, dtype=torch.long),
                torch.full_like(result, node.op == "get_attr", dtype=bool),
            )
        return self._follow(node, args, kwargs, result)

    def _run(self, node: fx.Node, args: tuple, kwargs: dict, what: str) -> object:
        """Run the node on the values, the channels or the constants of its arguments."""
        layout = (
            torch.preserve_format if what == "value" else torch.contiguous_format
        )  # a view may ask for it
        plain = map_aggregate(  # copies, because x += y writes
            (args, kwargs),
            lambda a: getattr(a, what).clone(memory_format=layout) if isinstance(a, Traced) else a,
        )
        return getattr(self, node.op)(node.target, *plain)

    def _follow(self, node: fx.Node, args: tuple, kwargs: dict, result: object) -> object:
        inputs, name = _all(Traced, (args, kwargs)), _name(node, self.module)
        module = self.fetch_attr(node.target) if node.op == "call_module" else None
        if len(inputs) == 1 and isinstance(result, torch.Tensor):
            if type(module) in LAYERS:
                return self._layer(node.target, module, inputs[0], result)
            if name in POINTWISE:
                return Traced(result, inputs[0].channel, inputs[0].constant)
            if name in POOLING:
                return self._pool(inputs[0], result)
            if name == "mean":
                return self._mean(node, args, kwargs, inputs[0], result)
        if name in JOINING:
            return self._join(node, name, inputs, result)
        if name in MOVING:
            moved = Traced(
                result, self._run(node, args, kwargs, "channel"), self._run(node, args, kwargs, "constant")
            )
            if name not in ("view", "reshape") or _follows_the_size(node, moved.channel):
                return moved
        return self._unknown(node, inputs, result)

    def _unknown(self, node: fx.Node, inputs: list[Traced], result: object) -> object:
        """Fix the channels of the inputs: nobody knows what becomes of them."""
        self._fix(
            inputs,
            f"what {_label(node, self.module)} does to channels is not understood (write a reshape as"
            " torch.flatten(x, 1))",
        )
        return map_aggregate(
            result,
            lambda r: (
                Traced(r, torch.zeros_like(r, dtype=torch.long), torch.zeros_like(r, dtype=bool))
                if isinstance(r, torch.Tensor)
                else r
            ),
        )

    def _fix(self, tensors: list[Traced | torch.Tensor], why: str) -> None:
        for tensor in tensors:
            for number in (tensor.channel if isinstance(tensor, Traced) else tensor).unique().tolist():
                if number != NOT_A_CHANNEL:
                    self.fixed.setdefault(number, why)

    def _new(self, count: int) -> torch.Tensor:
        self.numbers += count
        return torch.arange(self.numbers - count, self.numbers)

    def _couple(self, a: torch.Tensor, b: torch.Tensor, why: str) -> None:
        """Put the channels ``a[i]`` and ``b[i]`` into one group; a channel coupled to what cannot be removed
        cannot be removed.
        """
        self._fix([a[b == NOT_A_CHANNEL], b[a == NOT_A_CHANNEL]], why)
        both = (a != NOT_A_CHANNEL) & (b != NOT_A_CHANNEL)
        self._pairs.append(torch.stack([a[both], b[both]]))

    def _layer(self, name: str, module: nn.Module, x: Traced, result: torch.Tensor) -> Traced:
        dim = -1 if type(module) is nn.Linear else 1
        columns, live, value = _vector(x, dim)
        if columns is None:
            self._fix(
                [x],
                f"{name} ({type(module).__name__}) reads a tensor that was reshaped in a way that is not"
                " understood",
            )
            columns = torch.zeros(x.value.shape[dim], dtype=torch.long)
        if type(module) in BATCHNORMS:
            if not module.track_running_stats:
                self._fix(
                    [columns],
                    f"{name} keeps no running statistics, so a constant channel has no constant output",
                )
            self.layers[name] = Layer(columns)
            constant = ~live if module.weight is None else ~live | (module.weight == 0)
        else:
            self.layers[name], constant = self._weights(name, module, columns, live, value)
        if name in self._locked:
            self._fix([self.layers[name].rows, columns], self._locked[name])
        traced = Traced(result, _along(self.layers[name].rows, result, dim), _along(constant, result, dim))
        changing = _vector(traced, dim)[1] & constant
        if changing.any():
            self.hints.append((self.layers[name].rows[changing], _padding(name, module, value)))
        traced.constant = _along(constant & ~changing, result, dim)
        return traced

    def _weights(
        self, name: str, module: nn.Module, columns: torch.Tensor, live: torch.Tensor, value: torch.Tensor
    ) -> tuple:
        """Return the layer, its outputs numbered, and which of them no live input reaches ``(out,)``."""
        groups = getattr(module, "groups", 1)
        rows = self._new(len(module.weight))
        reads = (
            module.weight.detach().flatten(2).abs().sum(2)
            if module.weight.ndim > 2
            else module.weight.detach().abs()
        )
        constant = ~(reads.ne(0) & live.view(groups, -1).repeat_interleave(len(rows) // groups, 0)).any(1)
        if groups == 1:
            return Layer(rows, columns, live, value), constant
        first = columns.view(groups, -1)[:, 0]  # a group of a grouped convolution stays or goes as a whole
        why = f"{name} is a grouped convolution over channels that cannot be removed"
        for members in (rows, columns):
            self._couple(members, first.repeat_interleave(len(members) // groups), why)
        if groups < len(columns):
            self.hints.append(
                (
                    rows,
                    (
                        f"{name} is a grouped convolution: filters go only as whole groups of"
                        f" {len(rows) // groups}"
                    ),
                )
            )
        return Layer(rows), constant

    def _pool(self, x: Traced, result: torch.Tensor) -> Traced:
        columns, live, _ = _vector(x, 1)
        if columns is None:
            self._fix([x], "a pooling reads a tensor that was reshaped in a way that is not understood")
            columns = torch.zeros(x.value.shape[1], dtype=torch.long)
        traced = Traced(result, _along(columns, result, 1), _along(~live, result, 1))
        traced.constant = _along(
            ~_vector(traced, 1)[1], result, 1
        )  # an average that counts its padding is no constant
        return traced

    def _mean(self, node: fx.Node, args: tuple, kwargs: dict, x: Traced, result: torch.Tensor) -> Traced:
        dims = kwargs.get("dim", args[1] if len(args) > 1 else None)
        keepdim = kwargs.get("keepdim", args[2] if len(args) > 2 else False)
        dims = tuple(range(x.value.ndim)) if dims is None else dims
        low, high = x.channel.amin(dims, keepdim), x.channel.amax(dims, keepdim)
        if not torch.equal(low, high):
            return self._unknown(node, [x], result)
        spread = x.value.amax(dims, keepdim) - x.value.amin(dims, keepdim)
        return Traced(result, low, x.constant.amin(dims, keepdim) & (spread <= 1e-9 * result.abs()))

    def _join(self, node: fx.Node, name: str, inputs: list[Traced], result: torch.Tensor) -> Traced:
        """An elementwise operation of several tensors: what meets is coupled. A number or a single element
        couples nothing.
        """
        wide = [x for x in inputs if x.value.numel() > 1] or inputs[:1]
        self._fix([x for x in inputs if x.value.numel() == 1], f"{node.name} spreads it over all channels")
        kept = wide[0].channel.expand_as(result)
        if len(wide) == 2:
            joined = f"{node.name} joins {', '.join(source.name for source in node.all_input_nodes)}"
            how = "a multiplication by gates" if "mul" in name else "a residual sum"
            spread = [
                _is_spread(own.channel, other.channel.expand_as(result)) for own, other in (wide, wide[::-1])
            ]
            if any(spread):  # one map for all channels, such as attention over places
                self._fix([wide[spread.index(True)]], f"{node.name} spreads it over all channels")
                kept = wide[spread.index(False)].channel.expand_as(result)
                self.hints.append((kept.unique(), f"{joined}, one map for all channels"))
            else:
                meets = (kept * self.numbers + wide[1].channel.expand_as(result)).unique()
                a, b = meets // self.numbers, meets % self.numbers
                self._couple(a, b, f"{joined}, and one of them has channels that cannot be removed")
                self.hints.append((a, f"{joined}, as {how} does, so their channels are coupled"))
        constants = [x.constant.expand_as(result) for x in inputs]
        constant = torch.stack(constants).all(0)
        if "mul" in name:  # zero times anything is zero
            constant = constant | torch.stack(
                [c & (x.value == 0) for c, x in zip(constants, inputs, strict=True)]
            ).any(0)
        return Traced(result, kept, constant)


def _trace(model: nn.Module) -> fx.GraphModule:
    try:
        return fx.symbolic_trace(model)
    except Exception as error:  # tracing runs the user's code, so anything can come
        raise ValueError(
            f"model must be traceable by torch.fx to see which layer feeds which, but: {error}"
        ) from error


def _locked(model: nn.Module, graph: fx.Graph) -> dict[str, str]:
    """Return the layers that cannot get smaller in one place only, with the reason: called twice, or a
    parameter that is shared.
    """
    calls = Counter(node.target for node in graph.nodes if node.op == "call_module")
    locked = {
        name: f"{name} is called {count} times, so it cannot get smaller"
        for name, count in calls.items()
        if count > 1
    }
    owners: dict[int, list[str]] = {}
    for name, module in model.named_modules(remove_duplicate=False):
        for parameter in module.parameters(recurse=False):
            owners.setdefault(id(parameter), []).append(name)
    for names in owners.values():
        for name in names if len(names) > 1 else ():
            other = next(n for n in names if n != name)
            locked.setdefault(name, f"{name} shares a parameter with {other}, so it cannot get smaller alone")
    return locked


def _vector(x: Traced, dim: int) -> tuple[torch.Tensor | None, torch.Tensor, torch.Tensor]:
    """Return per channel along ``dim``: its number (None if it is not one everywhere), whether it is live,
    and its value if not.
    """
    channel, constant, value = (
        t.movedim(dim, -1).reshape(-1, t.shape[dim]) for t in (x.channel, x.constant, x.value)
    )
    same = bool((channel == channel[0]).all())
    live = ~constant.all(0) | ((value - value[0]).abs().amax(0) > 1e-9 * value[0].abs())
    return (channel[0] if same else None), live, value[0]


def _along(vector: torch.Tensor, result: torch.Tensor, dim: int) -> torch.Tensor:
    shape = [1] * result.ndim
    shape[dim] = -1
    return vector.view(shape).expand_as(result)


def _all(kind: type, tree: object) -> list:
    """Return what is of this kind in nested arguments."""
    found: list = []
    map_aggregate(tree, lambda a: found.append(a) if isinstance(a, kind) else a)
    return found


def _name(node: fx.Node, root: nn.Module) -> str:
    """Return the operation's name, if it is torch's own (or the identity of eval mode), else nothing."""
    if node.op == "call_method":
        name, origin = node.target, "torch"
    else:
        owner = type(root.get_submodule(node.target)) if node.op == "call_module" else node.target
        name, origin = owner.__name__, owner.__module__ or "torch"
    known = origin == "torch" or origin.startswith(("torch.", "torchvision.ops", "_operator"))
    return name.lower().replace("_", "") if known else ""


def _label(node: fx.Node, root: nn.Module) -> str:
    if node.op == "call_module":
        return f"{node.target} ({type(root.get_submodule(node.target)).__name__})"
    return f"{node.name} ({getattr(node.target, '__name__', node.target)})"


def _varying(channel: torch.Tensor) -> list[int]:
    return [d for d in range(channel.ndim) if (channel != channel.narrow(d, 0, 1)).any()]


def _is_spread(own: torch.Tensor, other: torch.Tensor) -> bool:
    """Tell whether ``own`` has size 1 wherever the channels of ``other``, of the result's shape, differ."""
    sizes = (1,) * (other.ndim - own.ndim) + own.shape
    varying = _varying(other)
    return bool(varying) and all(sizes[d] == 1 for d in varying)


def _follows_the_size(node: fx.Node, channel: torch.Tensor) -> bool:
    """Tell whether a view's size along the dimension of the channels is computed, and not written as a
    number.
    """
    sizes = node.args[1:]
    if len(sizes) == 1 and isinstance(sizes[0], tuple | list):
        sizes = sizes[0]
    varying = _varying(channel)
    return (
        len(sizes) == channel.ndim
        and len(varying) < 2
        and all(isinstance(sizes[d], fx.Node) or sizes[d] == -1 for d in varying)
    )


def _padding(name: str, module: nn.Module, value: torch.Tensor) -> str:
    return (
        f"{name} pads with zeros, and a dropped filter before it sends the constant"
        f" ~{float(value.abs().max()):.3g}: wrong at the border if it is taken for a constant; mask its bias"
        " (and BatchNorm's scale and shift), too"
    )

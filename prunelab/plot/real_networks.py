"""One channel throughout a network, all coupled groups of a small one, and what a removal saves."""

from collections.abc import Mapping, Sequence

import torch
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import NullFormatter
from torch import nn

from prunelab import arguments
from prunelab.plot import _style

OTHERS, STAYS = "#ECECEC", "#8C8C8C"
FAINT = 0.45  # of every second channel's colour


def group_members(model: nn.Module, group: Mapping[tuple[str, int], torch.Tensor], channel: int) -> Figure:
    """Draw the parameters of ``model`` as (out, in) grids, and which of their entries belong to ``channel``
    of a coupled ``group``.

    ``group`` is one that ``surgery.coupled_groups`` returns. A kernel is one cell; biases and BatchNorm's
    scale and shift are single columns. Raises TypeError or ValueError if ``model`` is no module, ``group``
    has other members or no such channel. Source: notebook 09.1."""
    arguments.module("model", model)
    parameters = dict(model.named_parameters())
    known = isinstance(group, Mapping) and all(isinstance(k, tuple) and k[0] in parameters for k in group)
    if not known or not group:
        raise TypeError(
            f"group must map (parameter name, dimension) to indices of this model, got {group!r:.80}"
        )
    arguments.one_of("channel", channel, range(len(next(iter(group.values())))))
    shapes = {name: (*parameter.shape, 1)[:2] for name, parameter in parameters.items()}
    rows = max(shape[0] for shape in shapes.values())
    widths = [max(shape[1], 4) for shape in shapes.values()]
    figure, axes = plt.subplots(
        1, len(shapes), figsize=(_style.WIDTH, 2.4), width_ratios=widths, sharey=True, squeeze=False
    )
    for axis, (name, shape) in zip(axes[0], shapes.items(), strict=True):
        cells = torch.zeros(shape, dtype=torch.long)
        for dim in (0, 1):
            if (name, dim) in group:
                cells.index_fill_(dim, group[name, dim][channel], dim + 1)
        colours = ListedColormap([OTHERS, _style.BLUE, _style.ORANGE])
        axis.pcolormesh(cells, cmap=colours, vmin=0, vmax=2, edgecolors="white", lw=0.6)
        axis.set(xlim=(0, max(shape[1], 4)), ylim=(rows, 0), aspect="equal", anchor="N")
        axis.axis("off")
        axis.set_title(
            name.replace(".", "\n"), fontsize=_style.SMALL, rotation=60, ha="left", va="bottom", x=0
        )
    named = {
        f"makes channel {channel}": _style.BLUE,
        f"reads channel {channel}": _style.ORANGE,
        "other channels": OTHERS,
    }
    handles = [Patch(color=colour, label=label) for label, colour in named.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, fontsize=_style.SMALL)
    return figure


def coupled_layers(model: nn.Module, groups: Mapping[str, Mapping[tuple[str, int], torch.Tensor]]) -> Figure:
    """Draw every weight of a small ``model`` as an (out, in) grid, and the group that each of its outputs
    (left edge) and inputs (upper edge) belongs to.

    ``groups`` is what ``surgery.coupled_groups`` returns, at most 7 groups; each has a letter and a colour,
    its units (channels, or whole heads) alternate between full and faint. Grey belongs to no group, and
    stays. A transposed convolution is stored, and drawn, the other way round: its outputs are columns.

    Raises TypeError or ValueError for other arguments. Source: notebook 09.1."""
    arguments.module("model", model)
    weights = {name: p for name, p in model.named_parameters() if p.ndim > 1}
    known = isinstance(groups, Mapping) and all(isinstance(group, Mapping) for group in groups.values())
    if not known or not groups or len(groups) > len(_style.COLOURS):
        raise TypeError(f"groups must be 1 to {len(_style.COLOURS)} groups of this model, got {groups!r:.80}")
    missing = [n for group in groups.values() for n, _ in group if n not in dict(model.named_parameters())]
    if missing:
        raise ValueError(f"groups must be of this model, which has no parameter {missing[0]!r}")
    shapes = {name: tuple(weight.shape[:2]) for name, weight in weights.items()}
    rows = max(shape[0] for shape in shapes.values())
    widths = [max(shape[1], 7) + 3 for shape in shapes.values()]  # or titles overlap
    height = min(4.6, 1.5 + _style.WIDTH * (rows + 3) / sum(widths))
    figure, axes = plt.subplots(
        1, len(shapes), figsize=(_style.WIDTH, height), width_ratios=widths, squeeze=False
    )
    for axis, width, (name, shape) in zip(axes[0], widths, shapes.items(), strict=True):
        axis.set(xlim=(-2.5, width - 2.5), ylim=(rows + 0.5, -2.5), aspect="equal", anchor="N")
        axis.axis("off")
        axis.pcolormesh(torch.zeros(shape), cmap=ListedColormap([OTHERS]), edgecolors="white", lw=0.6)
        letters = [_edge(axis, name, dim, shape[dim], groups) for dim in (0, 1)]
        if getattr(model.get_submodule(name.rpartition(".")[0]), "transposed", False):
            letters.reverse()
        title = name.removesuffix(".weight").replace("_weight", "").replace(".", "\n")
        axis.set_title(f"{title}\nmakes {letters[0]}\nreads {letters[1]}", fontsize=_style.SMALL, loc="left")
    units = [len(next(iter(group.values()))) for group in groups.values()]
    handles = [
        Patch(color=_style.COLOURS[number], label=f"{chr(65 + number)}, {count} units")
        for number, count in enumerate(units)
    ]
    handles.append(Patch(color=STAYS, label="stays"))
    figure.legend(handles=handles, loc="outside lower center", ncols=4, fontsize=_style.SMALL)
    return figure


def _edge(axis: Axes, name: str, dim: int, size: int, groups: Mapping) -> str:
    """Colour one edge of a weight by the groups of its entries, and return their letters."""
    found: dict[int, tuple[int, int]] = {}
    for number, group in enumerate(groups.values()):
        for channel, entries in enumerate(group.get((name, dim), ())):
            found |= {entry: (number, channel) for entry in entries.tolist()}
    for entry in range(size):
        number, channel = found.get(entry, (None, 0))
        colour = STAYS if number is None else _style.COLOURS[number]
        corner = (-1.7, entry) if dim == 0 else (entry, -1.7)
        shape = (1.2, 0.9) if dim == 0 else (0.9, 1.2)
        axis.add_patch(Rectangle(corner, *shape, color=colour, alpha=FAINT if channel % 2 else 1, lw=0))
    letters = sorted({chr(65 + number) for number, _ in found.values()})
    return ", ".join(letters) + (" and more" if letters and len(found) < size else "") or "what stays"


def gains_by_kind(rows: Sequence[Mapping]) -> Figure:
    """Draw how many times fewer MACs and how many times less time each kind of layer takes once channels are
    removed, time for each batch size.

    ``rows`` hold ``kind``, ``batch``, ``model`` ("dense" or "removed"), ``macs`` and ``ms``. Kinds without
    MACs have no bar for them.

    Raises TypeError or ValueError for rows that lack one. Source: notebook 09.1."""
    _columns(rows, ("kind", "batch", "model", "macs", "ms"))
    found = {(row["kind"], row["batch"], row["model"]): row for row in rows}
    kinds, batches = list(dict.fromkeys(r["kind"] for r in rows)), sorted({row["batch"] for row in rows})
    for kind, batch, model in ((k, b, m) for k in kinds for b in batches for m in ("dense", "removed")):
        if (kind, batch, model) not in found:
            raise ValueError(f"rows must have {kind!r} at batch {batch} for {model!r}")
    figure, axis = plt.subplots(figsize=(_style.WIDTH, 3))
    width = 0.8 / (1 + len(batches))
    bars = [("MACs", "macs", batches[0], OTHERS)]
    bars += [
        (f"time, batch {b}", "ms", b, c)
        for b, c in zip(batches, (_style.BLUE, _style.ORANGE, _style.GREEN, _style.PURPLE), strict=False)
    ]
    for i, (label, key, batch, colour) in enumerate(bars):
        pairs = [[found[kind, batch, model][key] for model in ("dense", "removed")] for kind in kinds]
        gains = [before / after if before and after else 0 for before, after in pairs]
        axis.bar([x + i * width for x in range(len(kinds))], gains, width, label=label, color=colour)
    axis.axhline(1, color=_style.BLACK, lw=0.8)
    axis.set_xticks([x + width * (len(bars) - 1) / 2 for x in range(len(kinds))], kinds)
    axis.set(ylabel="dense / removed (times)")
    axis.grid(axis="x", visible=False)
    figure.legend(loc="outside upper center", ncols=len(bars), fontsize=_style.SMALL)
    return figure


def two_tools(rows: Sequence[Mapping]) -> Figure:
    """Draw, for every network that both tools made smaller, the parameters left and the time taken by one
    tool against the other's.

    ``rows`` hold ``network``, ``tool`` (two of them, the first on the horizontal axis), ``parameters``,
    ``left`` and ``seconds``. Raises TypeError or ValueError for rows that lack one, or another number of
    tools. Source: notebook 09.1."""
    _columns(rows, ("network", "tool", "parameters", "left", "seconds"))
    tools = list(dict.fromkeys(row["tool"] for row in rows))
    if len(tools) != 2:
        raise ValueError(f"rows must be of two tools, got {tools!r:.80}")
    found = {(row["network"], row["tool"]): row for row in rows}
    both = [n for n in dict.fromkeys(row["network"] for row in rows) if all((n, t) in found for t in tools)]
    if not both:
        raise ValueError(f"rows must have a network with both tools, {tools[0]} and {tools[1]}")
    figure, axes = plt.subplots(1, 2, figsize=(_style.WIDTH, 3.6))
    for axis, title, value in (
        (axes[0], "parameters left (%)", lambda row: 100 * row["left"] / row["parameters"]),
        (axes[1], "seconds", lambda row: max(row["seconds"], 0.01)),
    ):
        x, y = ([value(found[network, tool]) for network in both] for tool in tools)
        axis.plot(x, y, "o", color=_style.BLUE, alpha=0.6)
        low, high = min(x + y) / 1.1, max(x + y) * 1.1
        axis.plot([low, high], [low, high], "-", marker="", color=_style.BLACK, lw=0.8)
        axis.set(xlabel=f"{title}, {tools[0]}", ylabel=f"{title}, {tools[1]}", aspect="equal")
        if title == "seconds":
            axis.set(xscale="log", yscale="log")
            axis.xaxis.set_minor_formatter(NullFormatter())
            axis.yaxis.set_minor_formatter(NullFormatter())
        axis.set(xlim=(low, high), ylim=(low, high))
    return figure


def _columns(rows: Sequence[Mapping], columns: tuple[str, ...]) -> None:
    """Refuse anything but a list of dicts with these keys, and with numbers where a figure needs them."""
    if not isinstance(rows, Sequence) or not rows or not all(isinstance(row, Mapping) for row in rows):
        raise TypeError(f"rows must be a list of dicts, at least one, got {rows!r:.80}")
    for row in rows:
        missing = [column for column in columns if column not in row]
        if missing:
            raise ValueError(f"rows must have {missing[0]!r}, got {row!r:.80}")
        numbers = [row[c] for c in ("macs", "ms", "parameters", "left", "seconds") if c in columns]
        arguments.numbers("rows", numbers)

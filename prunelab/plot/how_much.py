"""Figures of chapter 04.1: sensitivities, densities by layer, and arms paired network by network."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from prunelab import arguments
from prunelab.plot import _axes, _style


def sensitivity(
    curves: Mapping[str, Mapping[float, float]],
    chosen: Mapping[str, float] | None = None,
    tau: float | None = None,
) -> Figure:
    """Draw the curves of ``schedules.sensitivity_scan``, {parameter name: {sparsity: accuracy}}, one line per
    layer.

    Both axes are logarithmic: what the layer keeps, and the error that belongs to the accuracy. ``chosen``
    (parameter name -> sparsity) marks the ratio taken for each layer, in a row of its own below the curves;
    ``tau`` draws the highest error allowed, that many points over the dense one. Raises ValueError if a
    chosen layer has no curve. Source: notebook 04.1."""
    chosen = {} if chosen is None else arguments.mapping("chosen", chosen, at_least=0)
    for name, sparsity in chosen.items():
        arguments.one_of("a name in chosen", name, arguments.mapping("curves", curves))
        arguments.fraction(f"chosen[{name!r}]", sparsity)
    lines = {name: _sensitive(name, curve) for name, curve in arguments.mapping("curves", curves).items()}
    errors = np.concatenate([y for _, y in lines.values()])
    size, heights = (_style.WIDTH, _style.HEIGHT + 0.25 * len(chosen)), [1, 0.12 * len(chosen)]
    heights = heights if chosen else [1]
    figure, axes = plt.subplots(
        len(heights), 1, squeeze=False, sharex=True, height_ratios=heights, figsize=size
    )
    axis, bottom = axes[0, 0], axes[-1, 0]
    for i, (name, (x, y)) in enumerate(lines.items()):
        axis.plot(x, y, label=name.removesuffix(".weight"), **_style.look(i))
    if tau is not None:
        allowed = _axes.error([next(iter(curves.values()))[0.0]]) + arguments.positive("tau", tau)
        errors = np.append(errors, allowed)
        label = f"dense + {tau:g} point{'s' * (tau != 1)}"
        axis.axhline(float(allowed[0]), color="black", linestyle="--", marker="", label=label)
    taken = _axes.kept(list(chosen.values()))
    for row, (name, x) in enumerate(zip(chosen, taken, strict=True)):
        look = _style.look(list(curves).index(name))
        bottom.plot(x, row, markersize=8, linestyle="", **look)
        axis.axvline(x, color=look["color"], linestyle=":", linewidth=1, marker="")
    if chosen:
        bottom.set(ylim=(len(chosen) - 0.5, -0.5), ylabel="chosen")
        names = [name.removesuffix(".weight") for name in chosen]
        bottom.set_yticks(range(len(chosen)), names, fontsize=_style.SMALL)
    _axes.logarithmic(axis.yaxis, errors)
    _axes.logarithmic(bottom.xaxis, np.concatenate([taken, *(x for x, _ in lines.values())]), falling=True)
    bottom.set_xlabel("kept of this layer alone (%)")
    axis.set_ylabel("validation error (%)")
    _style.legend_beside(axis)
    return figure


def _sensitive(name: str, curve: Mapping[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Return what is kept and the errors of one curve of ``sensitivity``."""
    keys = list(arguments.mapping(f"curves[{name!r}]", curve))
    x = sorted(arguments.numbers(f"the sparsities of curves[{name!r}]", keys, 0, 1))
    y = arguments.numbers(f"the accuracies of curves[{name!r}]", [curve[s] for s in x], 0, 100)
    if 0.0 not in curve:
        raise ValueError(f"curves[{name!r}] must have the dense accuracy, at sparsity 0, got {x}")
    return _axes.kept(x), _axes.error(y)


def layer_densities(ratios: Mapping[str, Mapping[str, float]]) -> Figure:
    """Draw what each layer keeps, in percent on a logarithmic axis: ``ratios`` maps a method to {parameter
    name: sparsity}.

    A layer that keeps nothing has no bar and says so. Source: notebook 04.1.
    """
    layers = _layers(ratios)
    figure, axis = plt.subplots(figsize=(_style.WIDTH, 2.8))
    width = 0.8 / len(ratios)
    for i, (method, ratio) in enumerate(ratios.items()):
        colour = _style.look(i)["color"]
        x = np.arange(len(layers)) + (i - (len(ratios) - 1) / 2) * width
        kept = [100 * (1 - ratio[layer]) for layer in layers]
        axis.bar(x, kept, width, color=colour, label=method, edgecolor="white")
        for position, value in zip(x, kept, strict=True):
            text = f"{value:.3g}" if value > 0 else "empty"
            upright = value == 0 or len(layers) * len(ratios) > 14
            axis.text(
                position,
                max(value, 0.1) * 1.08,
                text,
                ha="center",
                fontsize=_style.SMALL,
                rotation=90 if upright else 0,
            )
    axis.set(yscale="log", ylim=(0.1, 600), ylabel="weights kept (%)")
    axis.set_yticks([0.1, 1, 10, 100], ["0.1", "1", "10", "100"])
    axis.set_xticks(range(len(layers)), [layer.removesuffix(".weight") for layer in layers])
    axis.grid(axis="x", visible=False)
    _style.legend_beside(axis)
    return figure


def paired(
    panels: Mapping[str, Mapping[str, Sequence[float]]],
    ylabel: str,
    error: bool = False,
    joined: bool = True,
) -> Figure:
    """Draw the same networks under several treatments: ``panels`` maps a title to {treatment: one value per
    network}.

    A thin line joins the values of one network, so that a difference which every network shows is seen as
    such; a bar marks the mean. ``joined=False`` draws no lines, for treatments without an order. All panels
    have one range. With ``error`` the values are accuracies in percent, drawn as errors on a logarithmic
    axis. Raises TypeError for a flag that is no bool, and ValueError if the treatments of a panel differ in
    their number of networks. Source: notebook 04.1."""
    arguments.flag("error", error)
    arguments.flag("joined", joined)
    tables = {
        title: _networks(f"panels[{title!r}]", panel, error)
        for title, panel in arguments.mapping("panels", panels).items()
    }
    slots = sum(len(table) for table in tables.values())
    width = float(np.clip(1.1 * slots + 0.9, 4.2, _style.WIDTH))
    figure, axes = plt.subplots(
        1,
        len(tables),
        figsize=(width, _style.HEIGHT + 0.3),
        squeeze=False,
        sharey=True,
        width_ratios=[len(t) for t in tables.values()],
    )
    for axis, (title, table) in zip(axes[0], tables.items(), strict=True):
        for network in zip(*table.values(), strict=True) if joined else ():
            axis.plot(network, color="#9E9E9E", linewidth=0.8, marker="", label="one network")
        for i, row in enumerate(table.values()):
            axis.plot([i] * len(row), row, linestyle="", **_style.look(i))
            axis.plot(
                [i - 0.2, i + 0.2],
                [row.mean()] * 2,
                color=_style.look(i)["color"],
                linewidth=2.5,
                marker="",
                label="mean",
            )
        axis.set(title=title, xlim=(-0.5, len(table) - 0.5))
        _style.name_ticks(axis, list(table), (width - 0.9) / slots)
        axis.grid(axis="x", visible=False)
    if error:
        _axes.logarithmic(
            axes[0, 0].yaxis, np.concatenate([row for table in tables.values() for row in table.values()])
        )
    axes[0, 0].set_ylabel(ylabel)
    _style.legend_below(figure)
    return figure


def _layers(ratios: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Check ``ratios`` of ``layer_densities`` and return the names of the layers."""
    layers = list(
        arguments.mapping(
            "the first entry of ratios", next(iter(arguments.mapping("ratios", ratios).values()))
        )
    )
    for method, ratio in ratios.items():
        if list(arguments.mapping(f"ratios[{method!r}]", ratio)) != layers:
            raise ValueError(
                f"ratios[{method!r}] must have a sparsity for {', '.join(layers)}, got"
                f" {', '.join(map(str, ratio))}"
            )
        for layer, sparsity in ratio.items():
            arguments.fraction(f"ratios[{method!r}][{layer!r}]", sparsity)
    return layers


def _networks(name: str, panel: Mapping[str, Sequence[float]], error: bool) -> dict[str, np.ndarray]:
    """Check one panel of ``paired`` and return its values, as errors if asked for."""
    ends = (0, 100) if error else (-np.inf, np.inf)
    rows = {
        key: arguments.numbers(f"{name}[{key!r}]", row, *ends).ravel()
        for key, row in arguments.mapping(name, panel).items()
    }
    if len({len(row) for row in rows.values()}) != 1:
        raise ValueError(
            f"{name} must have as many values for every treatment, got {[len(row) for row in rows.values()]}"
        )
    return {treatment: _axes.error(row) for treatment, row in rows.items()} if error else rows

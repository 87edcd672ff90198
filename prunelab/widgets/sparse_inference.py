"""The explorer of chapter 07.2: at which density sparse arithmetic overtakes dense arithmetic."""

from collections.abc import Mapping, Sequence

import ipywidgets as w
from matplotlib.figure import Figure

from prunelab import arguments, plot
from prunelab.measure import Latency
from prunelab.plot import _axes, _style
from prunelab.widgets._explorer import explorer


def crossover_explorer(
    panels: Mapping[str, tuple[Sequence[float], Mapping[str, Sequence[Latency]]]], dense: str = "dense"
) -> w.VBox:
    """Return an explorer over times that were measured: a menu of the cases of ``panels`` and a slider over
    their sparsities.

    ``panels`` and ``dense`` are what ``plot.crossover`` takes; all cases have the same sparsities. The text
    says what each format takes at the chosen sparsity, and how many times as fast as the dense product that
    is.

    Raises TypeError or ValueError as ``plot.crossover`` does, and if a case lacks ``dense`` or has other
    sparsities. Source: notebook 07.2."""
    plot.crossover(panels, dense).clear()
    sparsities = list(next(iter(panels.values()))[0])
    for title, (others, lines) in panels.items():
        arguments.one_of("dense", dense, lines)
        if list(others) != sparsities:
            raise ValueError(f"panels[{title!r}] must have the sparsities {sparsities}, got {list(others)}")

    def draw(case: str, sparsity: float) -> tuple[Figure, str]:
        figure = plot.crossover({case: panels[case]}, dense)
        figure.axes[0].axvline(float(_axes.kept([sparsity])[0]), color=_style.RED, linewidth=1.5, marker="")
        at = sparsities.index(sparsity)
        times = {label: row[at].median for label, row in panels[case][1].items()}
        words = [
            f"{label} {1e3 * t:.3g} ms ({times[dense] / t:.2f}x as fast as {dense})"
            for label, t in times.items()
            if label != dense
        ]
        return (
            figure,
            f"{100 * (1 - sparsity):.3g} % kept: {dense} {1e3 * times[dense]:.3g} ms, {', '.join(words)}",
        )

    options = [(f"{100 * (1 - s):.3g} %", s) for s in sparsities]
    return explorer(
        draw,
        case=w.Dropdown(options=list(panels), description="case"),
        sparsity=w.SelectionSlider(
            options=options, value=sparsities[len(sparsities) // 2], description="kept"
        ),
    )

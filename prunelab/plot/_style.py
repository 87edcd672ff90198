"""The one style sheet: colours that colour-blind readers can tell apart (Okabe and Ito), sizes that a
projector can show.
"""

import textwrap
from collections.abc import Sequence

import matplotlib as mpl
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY, YELLOW, BLACK = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#CC79A7",
    "#56B4E9",
    "#F0E442",
    "#000000",
)
RED = "#C00000"  # thresholds and means, where the text says "red"
COLOURS = (BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY, BLACK)
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
KEPT, PRUNED = BLUE, "#D9D9D9"
HATCH = "////"  # pruned things carry it as well as a colour; nothing else is hatched
LINES = ("-", "--", "-.", ":")
SMALL = 8  # points; no text of a figure is smaller
DIVERGING = "RdBu_r"
# inches; with the dpi below a figure is 720 pixels wide and fits a slide of 1280 x 720
WIDTH, HEIGHT = (
    8.0,
    3.2,
)
LETTER = 0.07  # inches; the width of an average letter of 8 points


def use() -> None:
    """Set matplotlib's defaults for every figure of the course."""
    mpl.rcParams.update(
        {
            "figure.figsize": (WIDTH, HEIGHT),
            "figure.dpi": 90,
            "figure.constrained_layout.use": True,
            "axes.prop_cycle": cycler(color=COLOURS, marker=MARKERS),
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "grid.color": "#E5E5E5",
            "axes.axisbelow": True,
            "axes.titlesize": 11,
            "axes.labelsize": 10,
            "font.size": 10,
            "legend.frameon": False,
            "lines.markersize": 4,
            "hatch.color": "#8C8C8C",
            "hatch.linewidth": 0.6,
        }
    )


def look(i: int) -> dict:
    """Return colour and marker of the curve number ``i``."""
    return {"color": COLOURS[i % len(COLOURS)], "marker": MARKERS[i % len(MARKERS)]}


def legend_beside(axis: Axes) -> None:
    """Put the legend of ``axis`` to its right, where it covers nothing."""
    axis.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=9)


def legend_below(figure: Figure, columns: int = 4) -> None:
    """Put one legend for all axes of ``figure`` below them; a label that several axes have is listed once."""
    found: dict = {}
    for axis in figure.axes:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    figure.legend(
        found.values(), found, loc="outside lower center", ncols=min(columns, len(found)), fontsize=SMALL
    )


def name_ticks(axis: Axes, names: Sequence[str], inches: float) -> None:
    """Write ``names`` under the ticks 0, 1, ... of ``axis``, wrapped to ``inches`` each, or slanted if a word
    is longer.
    """
    letters = int(inches / LETTER)
    if max(len(word) for name in names for word in name.split() or [""]) <= letters:
        axis.set_xticks(
            range(len(names)), [textwrap.fill(name, max(letters, 1)) for name in names], fontsize=SMALL
        )
    else:
        axis.set_xticks(
            range(len(names)), names, fontsize=SMALL, rotation=35, ha="right", rotation_mode="anchor"
        )

"""The one style sheet: colours that colour-blind readers can tell apart (Okabe and Ito), sizes that a projector can show."""

import matplotlib as mpl
from cycler import cycler

BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY, YELLOW, BLACK = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#F0E442", "#000000",
)  # fmt: skip
COLOURS = (BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY, BLACK)
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
KEPT, PRUNED = BLUE, "#D9D9D9"
HATCH = "////"  # pruned things carry it as well as a colour
DIVERGING = "RdBu_r"
WIDTH, HEIGHT = 8.0, 3.2  # inches; with the dpi below a figure fits a slide of 1280 x 720


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

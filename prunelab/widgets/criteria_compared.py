"""The explorer of notebook 03.5: the board of criteria."""

from collections.abc import Mapping, Sequence

import ipywidgets as w
from matplotlib.figure import Figure

from prunelab import arguments, plot
from prunelab.sweep import paired_interval
from prunelab.widgets._explorer import explorer


def compare_criteria(results: Mapping[str, Mapping[str, Sequence[float]]]) -> w.VBox:
    """Return an explorer of stored results: two criteria and a setting -> the paired differences and whether
    one is real.

    ``results`` maps a setting ("filters, 50 %, before") to {criterion: one value per network}. Raises
    ValueError if it is empty or a setting has fewer than two criteria. Source: notebook 03.5."""
    if any(
        len(arguments.mapping("a table in results", table)) < 2
        for table in arguments.mapping("results", results).values()
    ):
        raise ValueError("results must hold settings with at least two criteria each")
    settings = list(results)
    names = list(results[settings[0]])

    def draw(setting: str, first: str, second: str) -> tuple[Figure, str]:
        table = results[setting]
        for name in (first, second):
            arguments.one_of("criterion", name, table)
        difference = [a - b for a, b in zip(table[first], table[second], strict=True)]
        mean, low, high = paired_interval(table[first], table[second])
        real = (
            "real: the interval excludes zero"
            if low > 0 or high < 0
            else "not shown to be real: the interval includes zero"
        )
        text = (
            f"{first} minus {second}: mean {mean:+.2f} points, 95 % interval {low:+.2f} to {high:+.2f};"
            f" {real}"
        )
        return (
            plot.forest({f"{first} - {second}": (difference, low, high)}, "difference in accuracy (points)"),
            text,
        )

    return explorer(
        draw,
        setting=w.Dropdown(options=settings, value=settings[0], description="setting"),
        first=w.Dropdown(options=names, value=names[0], description="first"),
        second=w.Dropdown(options=names, value=names[1], description="second"),
    )

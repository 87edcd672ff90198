"""The 3-D view of a convolution weight: all faces in one collection, against one ``bar3d`` call per element.

    python benchmarks/tensor_view.py

Both build the figure and draw it once, as a PNG in memory, in turns. The time is processor time, the median
over the rounds, so that other programs disturb it little."""

import io
import statistics
import time

import torch
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from prunelab.granularity import group_scores
from prunelab.masks import keep_top
from prunelab.plot import tensor_view

AT_LEAST = 4


def one_bar_per_element(weight: torch.Tensor) -> Figure:
    figure = plt.figure(layout="none")
    axis = figure.add_subplot(projection="3d")
    for (o, i, y, x), value in zip(
        torch.cartesian_prod(*map(torch.arange, weight.shape)).tolist(), weight.flatten(), strict=True
    ):
        axis.bar3d(
            x + o * (weight.shape[3] + 3),
            y,
            i,
            1,
            1,
            1,
            color="lightgrey" if value == 0 else "tab:blue",
            edgecolor="black",
        )
    return figure


def seconds(draw, weight: torch.Tensor) -> float:
    start = time.process_time()
    figure = draw(weight)
    figure.savefig(io.BytesIO(), format="png")
    plt.close(figure)
    return time.process_time() - start


def compare(shape: tuple[int, int, int, int], rounds: int) -> float:
    """Print one line and return how many times faster the one collection is."""
    weight = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    weight = weight * keep_top(group_scores(weight, "kernel"), 0.5)
    ways = {"bar3d per element": one_bar_per_element, "tensor_view": tensor_view}
    times = {name: [] for name in ways}
    seconds(tensor_view, weight[:1])  # the first figure loads the fonts
    for _ in range(rounds):
        for name, draw in ways.items():
            times[name].append(seconds(draw, weight))
    slow, fast = (statistics.median(times[name]) for name in ways)
    print(
        f"{shape!s:>15}: bar3d per element {slow:6.2f} s, tensor_view {fast:5.2f} s, {slow / fast:5.1f} times"
        " faster"
    )
    return slow / fast


if __name__ == "__main__":
    assert compare((3, 10, 4, 5), rounds=3) > AT_LEAST
    assert compare((16, 6, 5, 5), rounds=1) > AT_LEAST

"""The explorers of chapters 04.3 and 04.4: the cubic schedule, trained anew for every choice, and tickets at
every density.
"""

from collections.abc import Mapping, Sequence

import ipywidgets as w
import torch
from matplotlib.figure import Figure
from torch import nn
from torch.utils.data import TensorDataset

from prunelab import plot
from prunelab.dynamic import gradual
from prunelab.masks import apply_masks, sparsity
from prunelab.models import LeNet300
from prunelab.schedules import cubic
from prunelab.training import accuracy, steps_per_epoch, train
from prunelab.widgets._explorer import explorer


def schedule_explorer(dataset: TensorDataset, valid: TensorDataset, epochs: int = 3) -> w.VBox:
    """Return an explorer with sliders for begin and end of the cubic schedule, in percent of the training,
    and the final sparsity.

    For every choice LeNet300 is trained for ``epochs`` epochs on ``dataset`` from the same initialisation;
    the picture shows the sparsity and the accuracy on ``valid`` over the steps. Source: notebook 04.3."""
    steps = epochs * steps_per_epoch(dataset)

    def draw(start: int, end: int, final: float) -> tuple[Figure, str]:
        first, last = round(steps * start / 100), round(steps * end / 100)
        every = max(1, steps // 40)
        masks, update = gradual(lambda step: cubic(step, first, last, final), every=every)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model = LeNet300()
        seen = []

        def on_step(model: nn.Module, step: int) -> None:
            update(model, step)
            if step % every == 0:
                apply_masks(model, masks)
                seen.append((step, 100 * sparsity(masks), accuracy(model, valid)))

        train(model, dataset, epochs=epochs, masks=masks, on_step=on_step)
        at, sparse, right = zip(*seen, strict=True)
        panels = {"the schedule": {"sparsity": (at, sparse)}, "the network": {"validation": (at, right)}}
        figure = plot.curve_panels(panels, "step", ["sparsity (%)", "accuracy (%)"])
        return (
            figure,
            (
                f"{100 * sparsity(model):.1f} % pruned; validation accuracy at the end"
                f" ~{accuracy(model, valid):.2f} %"
            ),
        )

    return explorer(
        draw,
        start=w.IntSlider(value=10, min=0, max=90, step=10, description="begin (%)"),
        end=w.IntSlider(value=60, min=10, max=100, step=10, description="end (%)"),
        final=w.SelectionSlider(value=0.95, options=[0.5, 0.8, 0.9, 0.95, 0.98, 0.99], description="final"),
    )


def ticket_explorer(rows: Sequence[Mapping], every: int) -> w.VBox:
    """Return an explorer with a slider for the density: how a ticket and, where they were trained, its
    controls learn.

    ``rows`` are the tickets of ``data/results/before_training.json``; ``every`` is the number of steps
    between two entries of their validation curves. Raises ValueError if there is no ticket among them.
    Source: notebook 04.4."""
    left = {row["round"]: row["left"] for row in rows if row["start"] == "ticket"}
    if not left:
        raise ValueError("rows must hold at least one ticket, got none")

    def draw(density: int) -> tuple[Figure, str]:
        curves, words = {}, []
        for label, number in (
            ("dense", 0),
            ("ticket", density),
            ("new initialisation", density),
            ("random mask", density),
        ):
            found = [
                r
                for r in rows
                if r["round"] == number and r["start"] == ("ticket" if label == "dense" else label)
            ]
            if found:
                at = [every * (i + 1) for i in range(len(found[0]["valid"]))]
                curves[label] = (at, [row["valid"] for row in found])
                words.append(f"{label} ~{sum(row['test'] for row in found) / len(found):.2f} %")
        figure = plot.curve_panels(
            {f"{100 * left[density]:.1f} % of the weights": curves}, "step", ["validation accuracy (%)"]
        )
        figure.axes[0].set_ylim(80, 100)
        return figure, "test accuracy at the end: " + ", ".join(words)

    options = [(f"{100 * left[number]:.1f} %", number) for number in sorted(left)]
    return explorer(
        draw, density=w.SelectionSlider(options=options, value=options[-1][1], description="weights left")
    )

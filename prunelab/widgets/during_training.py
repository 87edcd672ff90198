"""The explorer of notebook 04.3: the cubic schedule, trained anew for every choice."""

import ipywidgets as w
import torch
from matplotlib.figure import Figure
from torch import nn
from torch.utils.data import TensorDataset

from prunelab import arguments, plot
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
    the picture shows the sparsity and the accuracy on ``valid`` over the steps.

    Raises TypeError or ValueError unless both are sets of images of MNIST's size and labels, and ``epochs`` a
    positive integer. Source: notebook 04.3."""
    with torch.random.fork_rng(devices=[]):  # a new network draws its weights
        network = LeNet300()
    for name, images in (("dataset", dataset), ("valid", valid)):
        if not isinstance(images, TensorDataset) or len(images.tensors) != 2 or len(images) == 0:
            raise TypeError(f"{name} must be a TensorDataset of images and labels, got {images!r:.80}")
        arguments.fits(name, images.tensors[0][:1], network)
    steps = arguments.count("epochs", epochs) * steps_per_epoch(dataset)

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

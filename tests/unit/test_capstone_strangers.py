"""The cells of the capstone's notebook, one after the other, on networks that they were not written on."""

import nbformat
import pytest
import torch
from matplotlib import pyplot as plt
from strangers import STRANGERS

from prunelab import measure
from prunelab.data import DATA
from prunelab.masks import prunable

NOTEBOOK = DATA.parent / "notebooks" / "capstone.ipynb"


def run(task, **budgets) -> tuple[dict, list]:
    """Return the names that the notebook leaves, and its figures, with ``task`` in place of the cell that is
    to be replaced. What stays an expression in a cell is evaluated, too."""
    names: dict = {}
    for cell in nbformat.read(NOTEBOOK, as_version=4).cells:
        tags = cell.metadata.get("tags", [])
        if "bring" in tags:
            names |= {"task": task, "PASSES": 1, "LONG": 2, "SHARES": (0.25, 0.5)} | budgets
        elif cell.cell_type == "code":
            exec(compile(cell.source.removesuffix(";"), "capstone.ipynb", "exec"), names)
    return names, [plt.figure(number) for number in plt.get_fignums()]


@pytest.fixture(autouse=True)
def closed_figures():
    plt.close("all")
    yield
    plt.close("all")


@pytest.mark.no_cover  # its modules have tests of their own
@pytest.mark.parametrize("stranger", STRANGERS)
def test_the_notebook_carries(stranger, capsys):
    task = STRANGERS[stranger]()
    budgets = {"SHARES": (0.3,)} if stranger == "MobileNetV3" else {}
    before = {name: value.clone() for name, value in task.model.state_dict().items()}
    names, figures = run(task, **budgets)
    said = capsys.readouterr().out
    # the network that was brought is as it was; the smaller one is smaller, and within the price
    assert all(torch.equal(before[name], value) for name, value in task.model.state_dict().items())
    small, choice = names["small"], names["choice"]
    assert measure.parameters(small) < measure.parameters(task.model)
    assert task.lost(names["dense"], task.quality(small)) == pytest.approx(
        task.lost(names["dense"], choice.repaired)
    )
    # every group is scanned, every layer explained, every file written and read
    assert set(names["curves"]) == set(names["groups"]) == set(names["control"])
    assert len(names["groups"]) <= len(prunable(task.model))
    assert "pruned.safetensors: " in said and "bytes" in said.split("pruned.onnx: ")[1].splitlines()[0]
    # what the sizes of tensors do not tell is said
    assert ("norm1.num_groups = " in said) == (stranger == "GroupNorm and attention")
    # the verdict is on test data, and is what the numbers say
    price = task.lost(task.tested(task.model), task.tested(small))
    met = {sentence.split(": ")[1]: sentence.startswith("met") for sentence in names["verdict"]}
    assert met[f"a price of at most {task.price:g}"] == (price <= task.price)
    assert met["1.1 x fewer bytes"] == (
        names["page"].rows[0]["bytes"] >= 1.1 * names["page"].rows[1]["bytes"]
    )
    assert "-" not in said.split("~ why: ")[1][:1] or names["page"].reasons == []
    # the figures hold what they draw
    assert len(figures) == 4
    for figure in figures:
        figure.draw_without_rendering()
        for axis in figure.axes:
            legend = axis.get_legend()
            assert legend is None or figure.bbox.contains(*legend.get_window_extent().min)

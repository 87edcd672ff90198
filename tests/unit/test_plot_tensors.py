"""The 3-D view of a convolution weight: what is drawn is the mask, and it is drawn at once."""

import io
import itertools
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from matplotlib.collections import PolyCollection

from prunelab.plot import draw_tensor, heatmap, tensor_view

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
import tensor_view as benchmark


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def squares_and_triangles(axis):
    """Split the faces of the one collection by shape: squares are sides of blocks, triangles halves of a tile
    struck out.
    """
    (collection,) = (c for c in axis.collections if isinstance(c, PolyCollection))
    faces = np.stack([path.vertices[:4] for path in collection.get_paths()])
    triangle = (faces[:, 2] == faces[:, 3]).all(-1)
    return faces[~triangle], faces[triangle]


def count(axis):
    return tuple(map(len, squares_and_triangles(axis)))


def test_kept_and_pruned_cells_have_different_shapes():
    weight = torch.ones(2, 3, 4, 5)
    weight[1, 2] = 0
    blocks, halves = count(tensor_view(weight).axes[0])
    tops, rights, fronts = (
        5 * 20,
        5 * 4,
        5 * 5,
    )  # of 5 kernels of 4 rows and 5 columns; what a neighbour hides is not drawn
    assert (blocks, halves) == (tops + rights + fronts, 2 * 20)


def test_a_lone_cell_shows_three_faces():
    weight = torch.zeros(1, 1, 3, 3)
    weight[0, 0, 1, 1] = -2
    assert count(tensor_view(weight).axes[0]) == (3, 2 * 8)


def test_a_mask_per_group_decides_instead_of_the_zeros():
    weight = torch.zeros(4, 3, 2, 2)
    mask = torch.tensor([True, False, True, True]).view(4, 1, 1, 1)
    figure = tensor_view({"filter": weight}, {"filter": mask})
    assert count(figure.axes[0])[1] == 2 * 12
    assert figure.axes[0].get_title() == "filter"


def test_everything_drawn_lies_inside_the_axis():
    for shape in [(3, 10, 4, 5), (16, 6, 5, 5), (1, 1, 1, 1), (9, 1, 3, 1)]:
        axis = tensor_view(torch.ones(shape)).axes[0]
        (left, right), (bottom, top) = axis.get_xlim(), axis.get_ylim()
        points = np.concatenate([path.vertices for path in axis.collections[0].get_paths()])
        assert left <= points[:, 0].min() and points[:, 0].max() <= right
        assert bottom <= points[:, 1].min() and points[:, 1].max() <= top
        texts = [text.get_text() for text in axis.texts]
        rows_of_filters = -(-shape[0] // 8)
        assert len(texts) == shape[0] + shape[1] * rows_of_filters


def test_kernels_do_not_overlap_on_paper():
    boxes = []
    for kernel in [(0, 0), (0, 1), (1, 0), (1, 1), (8, 0)]:  # neighbours: below, beside, and in the row below
        kept = torch.zeros(9, 2, 5, 5, dtype=torch.bool)
        kept[kernel] = True
        _, axis = plt.subplots()
        draw_tensor(axis, kept)
        points = squares_and_triangles(axis)[0].reshape(-1, 2)
        boxes.append((points.min(0), points.max(0)))
    for (low_a, high_a), (low_b, high_b) in itertools.combinations(boxes, 2):
        assert (np.minimum(high_a, high_b) <= np.maximum(low_a, low_b)).any()


def test_several_weights_fit_a_slide():
    figure = tensor_view({name: torch.ones(4, 3, 3, 3) for name in ("vector", "kernel", "filter", "channel")})
    assert [axis.get_title() for axis in figure.axes] == ["vector", "kernel", "filter", "channel"]
    width, height = figure.get_size_inches()
    assert width <= 9.01 and height <= 4.3
    buffer = io.BytesIO()
    figure.savefig(buffer)
    assert buffer.getvalue().startswith(b"\x89PNG")


def test_faster_than_a_bar_per_element():
    assert benchmark.compare((3, 10, 4, 5), rounds=1) > benchmark.AT_LEAST


@pytest.mark.parametrize(
    ("weight", "masks", "error", "words"),
    [
        ([1.0], None, TypeError, "must be a torch.Tensor, got list"),
        (
            torch.ones(3, 3),
            None,
            ValueError,
            r"must be a convolution weight \(out, in, kh, kw\), got shape \(3, 3\)",
        ),
        (torch.ones(50, 20, 5, 5), None, ValueError, "at most 6,000 cells to be readable, got 25,000"),
        (
            torch.ones(2, 2, 2, 2),
            {"b": torch.ones(2, 2, 2, 2).bool()},
            ValueError,
            "a title in masks must be one of ''",
        ),
        (
            torch.ones(2, 2, 2, 2),
            {"": torch.ones(2, 2, 2, 2)},
            TypeError,
            "must be a bool tensor, got torch.float32",
        ),
        (torch.ones(2, 2, 2, 2), {"": torch.ones(3, 1, 1, 1).bool()}, ValueError, r"got \(3, 1, 1, 1\)"),
        (torch.ones(2, 2, 2, 2), {"": torch.ones(2, 2).bool()}, ValueError, r"got \(2, 2\)"),
    ],
)
def test_bad_input_is_refused_in_words(weight, masks, error, words):
    with pytest.raises(error, match=words):
        tensor_view(weight, masks)


def test_a_cell_tells_a_small_weight_from_a_pruned_one():
    figure = heatmap(torch.tensor([[-0.0012, -0.0123, 0.0, 0.5]]))
    assert [text.get_text() for text in figure.axes[0].texts] == ["~0", "-0.01", "0", "0.5"]

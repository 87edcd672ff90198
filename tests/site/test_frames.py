"""The stored frames of the explorers: a file for each explorer of a chapter, a slider over all frames,
nothing from elsewhere.
"""

import io

import ipywidgets as w
import nbformat
import pytest
from matplotlib import pyplot as plt
from PIL import Image

from prunelab.widgets._explorer import explorer
from scripts import frames
from scripts.notebooks import NOTEBOOKS

CHAPTERS = sorted(NOTEBOOKS.glob("*.ipynb"))


def drawn(level: float, kind: str):
    figure, axis = plt.subplots(figsize=(3, 2))
    axis.bar([0], [level])
    return figure, f"level {level:g}, {kind}"


@pytest.fixture
def box():
    slider = w.FloatSlider(value=1, min=0, max=20, step=1, description="level")
    return explorer(drawn, kind=w.Dropdown(options=["a", "b"], value="a"), level=slider)


def test_a_slider_is_preferred_to_a_menu_and_ends_where_it_was(box):
    label, shots = frames.record(box)
    assert label == "level" and box.controls["level"].value == 1
    assert [said for _, said in shots][:2] == ["level 0: level 0, a", "level 2: level 2, a"]
    assert shots[-1][1].startswith("level 20") and len(shots) == frames.MOST
    assert len({picture for picture, _ in shots}) == frames.MOST


def test_a_menu_is_moved_where_there_is_no_slider():
    label, shots = frames.record(
        explorer(lambda kind: drawn(1, kind), kind=w.Dropdown(options=["a", "b", "c"], description="kind"))
    )
    assert label == "kind" and [said for _, said in shots] == [
        "kind a: level 1, a",
        "kind b: level 1, b",
        "kind c: level 1, c",
    ]


def test_the_page_holds_every_frame_and_nothing_remote(box):
    page = frames.page(*frames.record(box))
    found = frames.FRAME.findall(page)
    assert len(found) == frames.MOST and len(set(found)) == frames.MOST
    assert "http" not in page
    assert 'aria-label="level"' in page and "<img alt=" in page


def test_an_older_file_goes_when_a_chapter_has_fewer_explorers(box, tmp_path):
    assert frames.store({3: box, 7: box, 9: "text"}, "00-example", tmp_path) == 2
    assert frames.store({3: box}, "00-example", tmp_path) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["00-example-1.html"]


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_every_explorer_of_a_chapter_has_its_frames(path):
    cells = nbformat.read(path, as_version=4).cells
    shown = sum(
        any("explorer" in output.get("metadata", {}) for output in cell.get("outputs", [])) for cell in cells
    )
    stored = sorted(frames.FOLDER.glob(f"{path.stem}-*.html"))
    assert len(stored) == shown, f"make notebooks NB={path.name}"
    for file in stored:
        assert file.stat().st_size < 500_000
        assert all(
            Image.open(io.BytesIO(frames.base64.b64decode(code))).size[0] > 200
            for code in frames.FRAME.findall(file.read_text(encoding="utf-8"))
        )

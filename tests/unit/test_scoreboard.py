"""The scoreboard: what a row counts, what is greyed, and that the stored rows are those the chapters
printed.
"""

import json
import re

import nbformat
import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell
from nbformat.v4 import new_code_cell, new_notebook, new_output
from torch.utils.data import TensorDataset

from prunelab import plot, scoreboard
from prunelab.masks import apply_masks, mask_model, prunable
from prunelab.models import load_pretrained
from scripts import scoreboard as collector

DATASET = TensorDataset(
    torch.rand(80, 1, 28, 28, generator=torch.Generator().manual_seed(0)), torch.arange(80) % 10
)


ROW = re.compile(r"<td>(\d\d(?:\.\d)?)</td><td>(.*?)</td>")  # a chapter and what was done


@pytest.fixture(scope="module")
def board():
    network = load_pretrained("lenet300")
    apply_masks(network, mask_model({name: w.detach().abs() for name, w in prunable(network).items()}, 0.9))
    return scoreboard.add("00", "90 % of each layer", network, DATASET)


def test_a_masked_network_moves_in_nonzeros_alone(board):
    dense, now = board.rows[0], board.rows[-1]
    assert (dense["nonzeros"], dense["bytes"], dense["macs"]) == (266_610, 1_066_896, 266_200)
    assert now["nonzeros"] == 266_610 - round(0.9 * 266_200)
    assert [scoreboard.moved(now, dense, name) for name in ("nonzeros", "bytes", "macs")] == [
        True,
        False,
        False,
    ]
    assert scoreboard.moved(dense, dense, "bytes") is None
    assert [row["chapter"] for row in board.rows] == ["dense", "00"], "no chapter stands before the first"


def test_counts_of_another_format_replace_the_dense_ones():
    rows = scoreboard.add(
        "00", "stored as CSR", load_pretrained("lenet300"), DATASET, counts={"bytes": 1234, "macs": 0}
    ).rows
    assert (rows[-1]["bytes"], rows[-1]["macs"], rows[-1]["nonzeros"]) == (1234, 0, 266_610)


def test_earlier_chapters_come_before_and_later_ones_do_not_show(board, monkeypatch, tmp_path):
    shares = {"00": None, "01": 0.5, "04.2": 0.25, "07.1": 2.0}
    stored = [
        board.rows[0],
        *(board.rows[-1] | {"chapter": chapter, "share": share} for chapter, share in shares.items()),
    ]
    monkeypatch.setattr(scoreboard, "STORED", tmp_path / "scoreboard.json")
    scoreboard.STORED.write_text(json.dumps({"rows": stored}))
    rows = scoreboard.add("04.2", "anew", load_pretrained("lenet300"), DATASET).rows
    assert [row["chapter"] for row in rows] == ["dense", "00", "01", "04.2"]
    assert rows[-1]["what"] == "anew"
    assert rows[1]["time"] is None and rows[2]["time"] == round(0.5 * rows[0]["time"], 3), (
        "a stored share, on this machine"
    )


def test_a_stored_board_leaves_its_rows_for_the_collector(board, tmp_path):
    data, metadata = InteractiveShell.instance().display_formatter.format(board)
    assert data["text/plain"] == str(board) and data["text/html"] == board._repr_html_()
    for chapter, row in (("00-a", {"time": 0.125}), ("01-b", {"time": None})):
        own = [board.rows[0] | {"time": 0.5}, board.rows[-1] | row]
        metadata["prunelab"]["scoreboard"] = own
        output = new_output("execute_result", data, metadata=metadata)
        cells = [new_code_cell("1"), new_code_cell("board", outputs=[output])]
        nbformat.write(new_notebook(cells=cells), tmp_path / f"{chapter}.ipynb")
    nbformat.write(new_notebook(cells=[new_code_cell("2")]), tmp_path / "02-c.ipynb")
    rows = collector.collected(tmp_path)
    assert [row["notebook"] for row in rows] == ["00-a", "00-a", "01-b"]
    assert [row["share"] for row in rows] == [1.0, 0.25, None]
    assert rows[1] == {"notebook": "00-a", **board.rows[-1], "time": 0.125, "share": 0.25}


def test_the_html_greys_what_did_not_move_and_nothing_else(board):
    dense, now = board._repr_html_().split("<tr>")[2:]
    assert "opacity" not in dense
    assert [cell.split(">")[1].split("<")[0] for cell in now.split("<td")[1:] if "opacity" in cell] == [
        "1,066,896",
        "266,200",
    ]


def test_stored_rows_are_those_of_the_stored_chapters():
    stored = json.loads(scoreboard.STORED.read_text(encoding="utf-8"))["rows"]
    assert len(stored) > 7
    assert stored == collector.collected(), "a chapter was executed again: python -m scripts.scoreboard"


def test_a_stored_board_shows_the_chapters_before_it():
    rows = json.loads(scoreboard.STORED.read_text(encoding="utf-8"))["rows"][1:]
    shown, expected = {}, {}
    for path in sorted(collector.NOTEBOOKS.glob("[0-9]*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            for output in cell.get("outputs", []):
                if own := output.get("metadata", {}).get("prunelab", {}).get("scoreboard"):
                    chapter = own[-1]["chapter"]
                    shown[chapter] = ROW.findall(output["data"]["text/html"])
                    expected[chapter] = [
                        (row["chapter"], row["what"]) for row in rows if row["chapter"] <= chapter
                    ]
    assert shown == expected, "execute these chapters again, in their order: python -m scripts.notebooks"


def test_the_figure_greys_a_dot_where_nothing_moved(board):
    figure = plot.scoreboard(board.rows)
    last = {axis.get_title(): axis.lines[-1] for axis in figure.axes}
    grey = {title for title, line in last.items() if line.get_color() == "#A6A6A6"}
    assert {"bytes", "MACs"} <= grey and "nonzeros" not in grey
    assert [float(line.get_xdata()[0]) for line in (last["bytes"], last["MACs"])] == [100, 100]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"chapter": "4.2"}, "chapter"),
        ({"chapter": 4}, "chapter"),
        ({"what": "two  spaces"}, "what"),
        ({"what": ""}, "what"),
        ({"dataset": None}, "dataset"),
        ({"counts": {"MACs": 1}}, "counts"),
        ({"counts": {"macs": -1}}, "counts"),
    ],
)
def test_bad_input_is_refused_in_words(change, word):
    good = {"chapter": "00", "what": "cut", "model": load_pretrained("lenet300"), "dataset": DATASET}
    with pytest.raises((TypeError, ValueError), match=word):
        scoreboard.add(**(good | change))
    with pytest.raises(TypeError, match="rows"):
        plot.scoreboard([])

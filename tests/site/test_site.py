"""The website builds from the stored notebooks, works with the network off, and a broken page ends the
build.
"""

import pkgutil
import re
import subprocess
from pathlib import Path

import nbformat
import pytest

import prunelab
from scripts import site

ROOT = Path(__file__).resolve().parents[2]
LOADS = re.compile(
    r'<(?:script|img|iframe|source)[^>]*\bsrc="([^"]+)"'
    r'|<link[^>]*\brel="(?:stylesheet|preload)"[^>]*\bhref="([^"]+)"'
)


def test_every_chapter_and_exercise_has_a_page(html: Path):
    notebooks = [*(ROOT / "notebooks").glob("*.ipynb"), *(ROOT / "notebooks" / "exercises").glob("*/*.ipynb")]
    missing = [
        path.name for path in notebooks if not (html / path.relative_to(ROOT).with_suffix(".html")).is_file()
    ]
    assert notebooks and not missing


def test_no_page_loads_anything_from_the_network(html: Path):
    remote = {
        (page.name, url)
        for page in html.rglob("*.html")
        for urls in LOADS.findall(page.read_text(encoding="utf-8"))
        for url in urls
        if url.startswith(("http:", "https:", "//"))
    }
    assert not remote


def test_math_is_local(html: Path):
    assert (html / "_static" / "mathjax" / "tex-chtml.js").is_file()


def test_solutions_are_not_published(html: Path):
    assert not [page for page in html.rglob("*.html") if "solutions" in page.parts]


def test_api_lists_public_functions_once(html: Path):
    for module, function in (
        ("masks", "keep_top"),
        ("plot", "tradeoff"),
        ("criteria", "lamp"),
        ("measure", "report"),
    ):
        page = (html / "api" / f"prunelab.{module}.html").read_text(encoding="utf-8")
        assert page.count(f'id="prunelab.{module}.{function}"') == 1
    assert len(list((html / "api").iterdir())) == len(
        [m for m in pkgutil.iter_modules(prunelab.__path__) if m.name[0] != "_"]
    )


def test_an_explorer_without_frames_becomes_a_note_and_a_folded_output_stays_folded(tmp_path: Path):
    cell = nbformat.v4.new_code_cell(
        "explorer()", execution_count=1, metadata={"jupyter": {"outputs_hidden": True}}
    )
    frame = {"image/png": "", "text/plain": "An explorer"}
    cell.outputs = [nbformat.v4.new_output("display_data", data=frame, metadata={"explorer": True})]
    path = tmp_path / "00-widget.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
    shown = site.for_reading(path).cells[0]
    assert shown.outputs[0].text == site.WIDGET_NOTE + "\n"
    assert "hide-output" in shown.metadata["tags"]


def test_an_unexecuted_chapter_ends_the_build(tmp_path: Path):
    path = tmp_path / "00-new.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1")]), path)
    with pytest.raises(ValueError, match=r"00-new.ipynb: code cell 1 has not been executed"):
        site.for_reading(path)


def test_a_broken_link_ends_the_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def broken(folder: Path) -> None:
        folder.mkdir(parents=True)
        (folder / "conf.py").write_text(
            (ROOT / "docs" / "conf.py").read_text(encoding="utf-8"), encoding="utf-8"
        )
        (folder / "_static").mkdir()
        (folder / "_static" / "prunelab.css").touch()
        (folder / "index.md").write_text("# Page\n\n[gone](missing-chapter.ipynb)\n", encoding="utf-8")

    monkeypatch.setattr(site, "source", broken)
    with pytest.raises(subprocess.CalledProcessError):
        site.build(tmp_path / "html")


def test_figures_get_the_words_beside_them():
    cells = [
        nbformat.v4.new_markdown_cell("## 0.1 Maps of [LeNet-5](x.ipynb)"),
        nbformat.v4.new_code_cell("figure()"),
        nbformat.v4.new_code_cell("figure()"),
        nbformat.v4.new_markdown_cell("**What we saw.** Left the *dense* matrix $W$. Right the other."),
        nbformat.v4.new_code_cell("figure()"),
    ]
    section, left = "Figure of the section 0.1 Maps of LeNet-5", "Left the dense matrix W."
    assert [site.alternative_text(cells, number) for number in (1, 2, 4)] == [section, left, left]

"""Every explorer in JupyterLab beside the same one in this process: the text, the figure, a slider dragged
fast.
"""

import html
import re
from collections.abc import Iterator

import ipywidgets
import nbformat
import pytest
from playwright.sync_api import Browser, Locator, expect

from scripts.browser import Lab, Notebook, errors, new_page
from tests.browser import explorers

DIGEST = """async image => {
    const bytes = await (await fetch(image.src)).arrayBuffer();
    return [...new Uint8Array(await crypto.subtle.digest('SHA-1', bytes))].join(' ');
}"""
WATCH = """image => {
    window.drawn = 0;
    new MutationObserver(() => window.drawn++).observe(image, {attributes: true, attributeFilter: ['src']});
}"""


class Explorer:
    """An explorer on the screen, beside the same one in this process."""

    def __init__(self, element: Locator, box: ipywidgets.VBox):
        self.element, self.box = element, box
        self.text = element.locator(".jupyter-widgets.widget-html .widget-html-content").first
        self.picture = element.locator("img.widget-image").first

    def agrees(self) -> None:
        """Wait until the text on the screen is the one computed here."""
        wanted = html.unescape(re.sub(r"<[^>]+>", "", self.box.text.value))
        expect(self.text).to_have_text(wanted)

    def drawing(self) -> str:
        return self.picture.evaluate(DIGEST)

    def press(self, key: str) -> None:
        """Click the first slider's handle, as a reader does, and press a key."""
        handle = self.element.locator(".noUi-handle").first
        handle.click()  # JupyterLab moves the focus when another cell becomes the active one
        handle.press(key)

    def reacts(self) -> None:
        """Move the first slider to its start and five steps up; the text and the figure must follow."""
        name, slider = next(
            (name, c) for name, c in self.box.controls.items() if hasattr(c, "continuous_update")
        )
        self.agrees()
        first, reached = positions(slider)
        self.press("Home")
        slider.value = first
        self.agrees()
        before = self.drawing()
        self.press("PageUp")
        slider.value = reached
        self.agrees()
        assert self.drawing() != before, f"the figure does not follow {name}"

    def drags(self) -> None:
        """Drag the first slider fast past its start: one new figure comes, that of the last value."""
        slider = next(c for c in self.box.controls.values() if hasattr(c, "continuous_update"))
        handle = self.element.locator(".noUi-handle").first
        handle.scroll_into_view_if_needed()
        self.picture.evaluate(WATCH)
        page, box = self.element.page, handle.bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + 60, y, steps=20)
        page.mouse.move(max(x - 400, 1), y, steps=40)
        page.mouse.up()
        slider.value = positions(slider)[0]
        self.agrees()
        page.wait_for_timeout(500)
        self.agrees()
        assert page.evaluate("window.drawn") == 1


def positions(slider: ipywidgets.Widget) -> tuple[float, float]:
    """Return a slider's first value and the one that "page up" leads to from there, five steps up."""
    if isinstance(slider, ipywidgets.SelectionSlider):
        values = [option[1] if isinstance(option, tuple) else option for option in slider.options]
        return values[0], values[min(5, len(values) - 1)]
    first, reached = slider.min, min(slider.min + 5 * slider.step, slider.max)
    if isinstance(slider, ipywidgets.FloatLogSlider):
        return slider.base**first, slider.base**reached
    return first, reached


@pytest.fixture(scope="module")
def gallery(browser: Browser, lab: Lab) -> Iterator[dict[str, Locator]]:
    """A notebook with every explorer, run once: name -> its cell."""
    cells = [
        nbformat.v4.new_code_cell(explorers.SETUP),
        *map(nbformat.v4.new_code_cell, map(explorers.code, explorers.CALLS)),
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), lab.folder / "explorers.ipynb")
    page = new_page(browser, viewport={"width": 1280, "height": 1000})
    notebook = Notebook(page, lab, "explorers.ipynb")
    notebook.restart_and_run_all()
    assert errors(notebook.cells()) == []
    yield {
        name: lambda number=number: notebook.show(number) for number, name in enumerate(explorers.CALLS, 1)
    }
    page.context.close()


def test_every_explorer_is_tried():
    assert set(explorers.CALLS) == explorers.existing()


WITHOUT_SLIDER = {"compare_criteria", "torch_prune_explorer"}


@pytest.mark.parametrize("name", [name for name in explorers.CALLS if name not in WITHOUT_SLIDER])
def test_explorer_follows_its_slider(name: str, gallery: dict):
    explorer = Explorer(gallery[name](), explorers.build(name))
    explorer.reacts()
    if name in explorers.SHOWN:
        slider = next(c for c in explorer.box.controls.values() if hasattr(c, "continuous_update"))
        assert explorers.SHOWN[name](slider.value) in explorer.text.inner_text()
    explorer.drags()


def test_explorer_follows_its_menus(gallery: dict):
    explorer = Explorer(gallery["compare_criteria"](), explorers.build("compare_criteria"))
    explorer.agrees()
    before = explorer.drawing()
    explorer.element.locator("select").last.select_option("c")
    explorer.box.controls["second"].value = "c"
    explorer.agrees()
    assert explorer.drawing() != before


def test_explorer_follows_its_buttons(gallery: dict):
    explorer = Explorer(gallery["torch_prune_explorer"](), explorers.build("torch_prune_explorer"))
    explorer.agrees()
    before = explorer.drawing()
    explorer.element.get_by_role("button", name="apply").click()
    explorer.box.buttons["apply"].click()
    explorer.agrees()
    assert explorer.drawing() != before

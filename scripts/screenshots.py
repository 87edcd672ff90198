"""Take the screenshots of README.md: a chapter and an explorer in JupyterLab, ``images/chapter.png`` and
``images/explorer.png``.

python -m scripts.screenshots      needs Chromium (Debian: apt-get install chromium fonts-wqy-microhei)
"""

import sys
import tempfile
from io import BytesIO
from pathlib import Path

from PIL import Image

from scripts.browser import ROOT, Notebook, chromium, errors, new_page, running_lab

# name: notebook, the section at the top of the picture, the last cell to be run before the section (stored
# outputs need none)
SHOTS = {
    "chapter": ("notebooks/00-start-here.ipynb", "## 0.3 ", None),
    "explorer": ("notebooks/01-concepts.ipynb", "## 1.12 ", "mnist = load_mnist()"),
}
COLORS = 128  # a palette keeps each file under 150 KB


def store(png: bytes, path: Path) -> None:
    Image.open(BytesIO(png)).convert("RGB").quantize(COLORS, dither=Image.Dither.NONE).save(
        path, optimize=True
    )


def main(names: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder, running_lab(Path(folder)) as lab, chromium() as browser:
        for name in names:
            path, section, last = SHOTS[name]
            page = new_page(browser, viewport={"width": 1200, "height": 800})
            notebook = Notebook(page, lab, path)
            cells = ["".join(cell["source"]) for cell in notebook.cells()]
            top = next(n for n, source in enumerate(cells) if source.startswith(section))
            if last:
                for number in (
                    *range(next(n for n, source in enumerate(cells) if last in source) + 1),
                    top + 1,
                ):
                    notebook.run_cell(number)
            if problems := errors(notebook.cells()):
                raise RuntimeError(f"{path}: {problems}")
            page.evaluate("jupyterapp.shell.collapseLeft?.(); jupyterapp.shell.collapseRight?.()")
            page.add_style_tag(content=".jp-SideBar { visibility: hidden }")
            for _ in range(2):  # figures that come into view on the way move what is below them
                notebook.show(top)
                page.wait_for_timeout(3000)
            store(page.screenshot(), ROOT / "images" / f"{name}.png")
            page.context.close()
            lab.stop_kernels()


if __name__ == "__main__":
    main(sys.argv[1:] or list(SHOTS))

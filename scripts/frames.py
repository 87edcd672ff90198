"""Stored frames of the explorers, so that a reader of the website can move a slider without a kernel.

``scripts/notebooks.py`` calls ``store`` in a chapter's kernel once the chapter has run: every explorer that
it shows is moved along its first slider, and what it draws is written to ``docs/explorers/NOTEBOOK-N.html``.
The slider is matplotlib's (``HTMLWriter``)."""

import base64
import html
import io
import re
import tempfile
import textwrap
from pathlib import Path

import ipywidgets as w
from matplotlib import pyplot as plt
from matplotlib.animation import HTMLWriter
from PIL import Image

from prunelab.widgets._explorer import Explorer

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "explorers"
MOST = 9  # frames of one explorer
COLOURS = 64  # of one frame; figures have few, and the files stay small
DPI = 100
TEXT = 0.65  # inches above the picture for the explorer's line of text
FRAME = re.compile(r'data:image/png;base64,([A-Za-z0-9+/=\s\\]+?)"')
# icons of buttons that are not shown
REMOTE = re.compile(r"<link rel=\"stylesheet\"\s+href=\"https?://[^>]*>\s*")
NARROW = (
    "<style>.animation {max-width: 100%} .animation img {max-width: 100%; height: auto} .anim-buttons,"
    " .anim-state {display: none}"
)


def positions(control: w.Widget) -> list:
    """Return at most MOST values of a slider, spread evenly with its ends, or the options of a menu; [] for
    any other control.
    """
    if isinstance(control, w.IntSlider | w.FloatSlider):
        count = round((control.max - control.min) / control.step) + 1
        values = [control.min + i * control.step for i in range(count)]
    elif isinstance(control, w.SelectionSlider | w.Dropdown | w.ToggleButtons | w.RadioButtons):
        values = [option[1] if isinstance(option, tuple) else option for option in control.options]
    else:
        return []
    if len(values) <= MOST:
        return values
    return [values[round(i * (len(values) - 1) / (MOST - 1))] for i in range(MOST)]


def record(box: Explorer) -> tuple[str, list[tuple[bytes, str]]]:
    """Move an explorer's first slider, or first menu, along; return its name and the picture (PNG) and text
    of each position.
    """
    if hasattr(box, "buttons"):
        return _pressed(box)
    sliders = (w.IntSlider, w.FloatSlider, w.SelectionSlider)
    movable = [(name, control) for name, control in box.controls.items() if positions(control)]
    name, control = next((pair for pair in movable if isinstance(pair[1], sliders)), movable[0])
    start, shots = control.value, []
    for value in positions(control):
        control.value = value
        label = getattr(control, "description", "") or name
        shown = f"{value:g}" if isinstance(value, float) else str(value)
        shots.append((bytes(box.picture.value), f"{label} {shown}: {box.said()}"))
    control.value = start
    return getattr(control, "description", "") or name, shots


def _pressed(box: Explorer) -> tuple[str, list[tuple[bytes, str]]]:
    """Record an explorer with buttons (chapter 05): each method applied to a new layer, and the last of them
    removed.
    """
    shots = [(bytes(box.picture.value), f"as made: {box.said()}")]
    for method in positions(box.method):
        box.buttons["start anew"].click()
        box.method.value = method
        box.buttons["apply"].click()
        shots.append((bytes(box.picture.value), f"{method} applied: {box.said()}"))
    box.buttons["remove"].click()
    shots.append((bytes(box.picture.value), f"{box.method.value} removed: {box.said()}"))
    box.buttons["start anew"].click()
    return "method", shots


def page(label: str, shots: list[tuple[bytes, str]]) -> str:
    """Return the HTML of a slider over pictures, each with its text above it."""
    pictures = [Image.open(io.BytesIO(picture)) for picture, _ in shots]
    width, height = (max(picture.size[i] for picture in pictures) / DPI for i in (0, 1))
    figure = plt.figure(figsize=(width, height + TEXT), dpi=DPI)
    figure.set_layout_engine("none")  # axes are placed by hand
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "frames.html"
        writer = HTMLWriter(fps=2, embed_frames=True, default_mode="once")
        with writer.saving(figure, path, DPI):
            for picture, (_, said) in zip(pictures, shots, strict=True):
                figure.clear()
                share = (picture.size[0] / DPI / width, picture.size[1] / DPI / (height + TEXT))
                axis = figure.add_axes((0, 1 - TEXT / (height + TEXT) - share[1], *share))
                axis.imshow(picture, aspect="auto")
                axis.axis("off")
                figure.text(0.01, 0.99, textwrap.fill(said, int(13 * width)), va="top", fontsize=9)
                writer.grab_frame()
        text = path.read_text(encoding="utf-8")
    plt.close(figure)
    text = FRAME.sub(lambda found: f'data:image/png;base64,{fewer_colours(found[1])}"', REMOTE.sub("", text))
    text = text.replace('type="range"', f'type="range" aria-label="{html.escape(label)}"', 1)
    text = text.replace(
        "<img id=", f'<img alt="The explorer at the position of its slider: {html.escape(label)}" id=', 1
    )
    return f"{text}{NARROW}</style>\n"


def fewer_colours(encoded: str) -> str:
    """Return a base64 PNG with at most COLOURS colours."""
    picture = Image.open(io.BytesIO(base64.b64decode(re.sub(r"[\s\\]", "", encoded)))).convert("RGB")
    buffer = io.BytesIO()
    picture.quantize(COLOURS, method=Image.Quantize.MEDIANCUT).save(buffer, format="png", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()


def store(values: dict, notebook: str, folder: Path = FOLDER) -> int:
    """Write the explorers among the ``values`` that a notebook's cells have shown; return how many. Older
    files of it go.
    """
    for old in folder.glob(f"{notebook}-*.html"):
        old.unlink()
    folder.mkdir(exist_ok=True)
    explorers = [value for _, value in sorted(values.items()) if isinstance(value, Explorer)]
    for number, box in enumerate(explorers, 1):
        (folder / f"{notebook}-{number}.html").write_text(page(*record(box)), encoding="utf-8")
    return len(explorers)

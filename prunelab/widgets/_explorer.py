"""What all explorers share: controls above, a picture below, and one line of text that gives the numbers."""

import base64
import html
import io
import re
from collections.abc import Callable

import ipywidgets as w
from matplotlib import pyplot as plt
from matplotlib.figure import Figure


class Explorer(w.VBox):
    """A box whose output carries its picture as well: where no kernel can move it, the picture is what is
    left.
    """

    controls: dict[str, w.ValueWidget]
    picture: w.Image
    text: w.HTML

    def said(self) -> str:
        """Return the line of text without its marks."""
        return " ".join(html.unescape(re.sub(r"<[^>]+>", "", self.text.value)).split())

    def _repr_mimebundle_(self, **options) -> dict:
        bundle = super()._repr_mimebundle_(**options)
        bundle["image/png"] = base64.b64encode(self.picture.value).decode()
        bundle["text/plain"] = f"An explorer: run this cell to move it. {self.said()}"
        return bundle


def explorer(draw: Callable[..., tuple[Figure, str]], **controls: w.ValueWidget) -> Explorer:
    """Return a box of ``controls``, the picture and the text that ``draw(**values)`` gives for their values.

    The box's ``.controls`` (name -> widget), ``.picture`` (an ``Image``, PNG) and ``.text`` (an ``HTML``) are
    its parts. A slider reports its value when it is let go, so that a fast drag draws the last value and not
    a queue of all values passed. ``draw`` is called once at the start and again whenever a value changes; its
    figure is closed after it is drawn. If it raises, the text says what went wrong and the picture stays.

    Source: the explorers of every chapter.
    """
    picture = w.Image(format="png", layout=w.Layout(max_width="100%", object_fit="contain"))
    text = w.HTML()

    def update(_=None) -> None:
        try:
            figure, message = draw(**{name: control.value for name, control in controls.items()})
        except ValueError as error:
            text.value = f"<b>{html.escape(str(error))}</b>"
            return
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png")
        plt.close(figure)
        picture.value = buffer.getvalue()
        text.value = html.escape(message)

    for control in controls.values():
        if hasattr(control, "continuous_update"):
            control.continuous_update = False
        control.observe(update, names="value")
    update()
    box = Explorer([w.HBox(list(controls.values()), layout=w.Layout(flex_flow="row wrap")), text, picture])
    box.controls, box.picture, box.text = controls, picture, text
    return box

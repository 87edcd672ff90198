"""A head and rows of text as a table: for a terminal, for a page, for a Markdown file."""

import html
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from prunelab import arguments

PALE = ' style="opacity:0.6"'


def text(head: list[str], body: list[list[str]], left: int = 1) -> str:
    """Return the table as lines: the first ``left`` columns to the left, the others to the right. Source:
    notebook 00.

    Raises TypeError or ValueError, as all functions here, unless every row has one text for each column.
    """
    head, body = _cells(head, body)
    arguments.count("left", left, at_least=0)
    widths = [max(map(len, column)) for column in zip(head, *body, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(w) if i < left else cell.rjust(w)
            for i, (cell, w) in enumerate(zip(line, widths, strict=True))
        )
        for line in [head, *body]
    )


def web(head: list[str], body: list[list[str]], pale: AbstractSet[tuple[int, int]] = frozenset()) -> str:
    """Return the table as HTML, its cells escaped; those at the places ``pale`` (row and column of the body)
    are greyed. Source: notebook 00.
    """
    head, body = _cells(head, body)
    if not isinstance(pale, AbstractSet):
        raise TypeError(f"pale must be a set of places (row, column), got {pale!r:.80}")
    rows = "".join(
        _line(
            [f"<td{PALE if (i, j) in pale else ''}>{html.escape(cell)}</td>" for j, cell in enumerate(cells)]
        )
        for i, cells in enumerate(body)
    )
    title = _line([f"<th>{html.escape(cell)}</th>" for cell in head])
    return f"<table><thead>{title}</thead><tbody>{rows}</tbody></table>"


def markdown(head: list[str], body: list[list[str]]) -> str:
    """Return the table as Markdown. Source: notebook 09.2."""
    head, body = _cells(head, body)
    rule = ["---"] + ["---:"] * (len(head) - 1)
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|").strip() for cell in line) + " |"
        for line in [head, rule, *body]
    )


def _cells(head: list[str], body: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    """Return the table if each row of ``body`` has as many texts as ``head``, else raise TypeError or
    ValueError.
    """
    head = arguments.labels("head", head)
    if not isinstance(body, Sequence) or isinstance(body, str | bytes):
        raise TypeError(f"body must be a list of rows, got {body!r:.80}")
    return head, [arguments.labels(f"body[{i}]", row, len(head)) for i, row in enumerate(body)]


def _line(cells: list[str]) -> str:
    return f"<tr>{''.join(cells)}</tr>"

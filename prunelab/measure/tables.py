"""A head and rows of text as a table: for a terminal, for a page, for a Markdown file."""

import html


def text(head: list[str], body: list[list[str]]) -> str:
    """Return the table as lines: the first column to the left, the others to the right. Source: notebook
    00.
    """
    widths = [max(map(len, column)) for column in zip(head, *body, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(w) if i else cell.ljust(w)
            for i, (cell, w) in enumerate(zip(line, widths, strict=True))
        )
        for line in [head, *body]
    )


def web(head: list[str], body: list[list[str]]) -> str:
    """Return the table as HTML, its cells escaped. Source: notebook 00."""

    def line(tag: str, cells: list[str]) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    return f"<table><thead>{line('th', head)}</thead><tbody>{''.join(line('td', cells) for cells in body)}</tbody></table>"


def markdown(head: list[str], body: list[list[str]]) -> str:
    """Return the table as Markdown. Source: notebook 09.2."""
    rule = ["---"] + ["---:"] * (len(head) - 1)
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|").strip() for cell in line) + " |"
        for line in [head, rule, *body]
    )

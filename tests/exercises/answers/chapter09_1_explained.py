"""Answers to 9.8: right ones, written differently, and wrong ones that must be refused."""

from answers import plausible, right, wrong

# 9.8 room


@right("9.8")
def room_in_one_pass(rows):
    made, free, stuck, coarse = 0, 0, [], {}
    for row in rows:
        made, free = made + row.channels, free + row.removable
        if not row.removable:
            stuck.append(row.layer)
        elif row.units < row.removable:
            coarse[row.layer] = row.removable // row.units
    return free / made, sorted(stuck), coarse


@right("9.8")
def room_of_what_stays(rows):
    stays = sum(row.channels - row.removable for row in rows)
    pieces = {row.layer: row.removable / max(row.units, 1) for row in rows}
    names = sorted({row.layer for row in rows if row.removable < 1})
    return (
        1 - stays / sum(row.channels for row in rows),
        names,
        {layer: int(size) for layer, size in pieces.items() if size > 1},
    )


@wrong("9.8", "Look at each row's channels")
def names_in_the_order_of_the_network(rows):
    share, stuck, coarse = room_in_one_pass(rows)
    return share, [row.layer for row in rows if row.layer in stuck], coarse


def _changed(share=lambda s: s, stuck=lambda names: names, coarse=lambda units: units):
    def answer(rows):
        found = room_in_one_pass(rows)
        return share(found[0]), stuck(found[1]), coarse(found[2])

    return answer


plausible(
    "9.8",
    _changed(share=lambda s: 1 - s),
    _changed(share=lambda s: round(s, 2)),
    _changed(share=lambda s: 100 * s),
    _changed(stuck=lambda names: names[:1]),
    _changed(stuck=lambda names: names[::-1]),
    _changed(stuck=len),
    _changed(stuck=lambda names: sorted(name.split(".")[-1] for name in names)),
    _changed(coarse=lambda units: {}),
    _changed(coarse=lambda units: dict.fromkeys(units, 1)),
    _changed(coarse=list),
    lambda rows: (
        sum(row.channels for row in rows if row.removable) / sum(row.channels for row in rows),
        *room_in_one_pass(rows)[1:],
    ),
    lambda rows: (
        sum(row.removable for row in rows)
        / sum(row.channels for row in rows if row.removable or len(rows) < 2),
        *room_in_one_pass(rows)[1:],
    ),
    lambda rows: (
        *room_in_one_pass(rows)[:2],
        {row.layer: row.channels // row.units for row in rows if row.removable > row.units},
    ),
)

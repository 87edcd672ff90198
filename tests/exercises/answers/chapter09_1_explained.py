"""Answers to 9.8: right ones, written differently, and wrong ones that must be refused."""

from answers import plausible, right, wrong
from prunelab.surgery import explain

# 9.8 room


@right("9.8")
def room_in_one_pass(model, example_input):
    made, free, stuck, coarse = 0, 0, [], {}
    for row in explain(model, example_input).rows:
        made, free = made + row.channels, free + row.removable
        if not row.removable:
            stuck.append(row.layer)
        elif row.units < row.removable:
            coarse[row.layer] = row.removable // row.units
    return free / made, sorted(stuck), coarse


@right("9.8")
def room_of_what_stays(model, example_input):
    rows = [row for row in explain(model, example_input).rows]
    stays = sum(row.channels - row.removable for row in rows)
    pieces = {row.layer: row.removable / max(row.units, 1) for row in rows}
    names = sorted({row.layer for row in rows if row.removable < 1})
    return (
        1 - stays / sum(row.channels for row in rows),
        names,
        {k: int(v) for k, v in pieces.items() if v > 1},
    )


@wrong("9.8", "Look at the rows of explain")
def names_in_the_order_of_the_network(model, example_input):
    share, stuck, coarse = room_in_one_pass(model, example_input)
    return share, stuck[::-1], coarse


def _changed(share=lambda s: s, stuck=lambda names: names, coarse=lambda units: units):
    def answer(model, example_input):
        found = room_in_one_pass(model, example_input)
        return share(found[0]), stuck(found[1]), coarse(found[2])

    return answer


plausible(
    "9.8",
    _changed(share=lambda s: 1 - s),
    _changed(share=lambda s: round(s, 2)),
    _changed(stuck=lambda names: names[:1]),
    _changed(stuck=lambda names: [name.split(".")[-1] for name in names]),
    _changed(coarse=lambda units: {}),
    _changed(coarse=lambda units: dict.fromkeys(units, 1)),
    lambda model, x: (*room_in_one_pass(model, x)[:2], [*room_in_one_pass(model, x)[2]]),
    lambda model, x: (
        sum(row.channels for row in explain(model, x).rows if row.removable)
        / sum(row.channels for row in explain(model, x).rows),
        *room_in_one_pass(model, x)[1:],
    ),
)

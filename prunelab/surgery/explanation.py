"""What can go from a network, with whom, and where it cannot, why and what its owner can do."""

from dataclasses import dataclass

import torch
from torch import nn

from prunelab import tables
from prunelab.surgery.examples import Example, unwrapped
from prunelab.surgery.followed import Followed, follow

HEAD = ["layer", "kind", "channels", "can go", "together with", "why not, and what to do"]
NAMED = 3  # companions that a row names
# words of a reason -> what the owner of the network can do
ADVICE = (
    ("makes the model's output", "nothing: these are the answers"),
    (
        "names the size",
        "compute the size from the tensor's shape, or write the reshape as torch.flatten(x, 1)",
    ),
    ("lays channels out", "compute the sizes from the tensor's shape, or make one of them -1"),
    ("is not known", "give the operation a rule in surgery.rules.RULES, or keep these channels"),
    ("divides by the spread", "prune inside the blocks; LayerNorm's own channels would change the others"),
    (
        "divides by the norm over its inputs",
        "make it a plain weight first, torch.nn.utils.parametrize.remove_parametrizations(layer, 'weight')",
    ),
    ("takes one mean and spread", "prune whole groups, or use more of them"),
    (
        "(MultiheadAttention) mixes",
        "call it with need_weights=False: the weights that it gives otherwise are a mean over all heads",
    ),
    ("mixes its channels", "prune before or behind it: each result depends on all of them"),
    ("head dimensions", "remove whole heads, or give the attention an explicit scale"),
    ("by its place", "select by name or by shape, not by a number"),
    ("gives an empty tensor", "give an example that reaches all of the network"),
    ("no channel", "the other side keeps its size, so this one must"),
)


@dataclass(frozen=True)
class Row:
    """One layer of an explanation."""

    layer: str
    kind: str
    channels: int
    removable: int  # of the channels
    units: int  # in which the removable ones go: 4 heads of 16 channels are 4 units
    partners: tuple[str, ...]  # layers that lose channels, too
    reason: str  # why the others stay
    advice: str


@dataclass(frozen=True)
class Explanation:
    """The rows of ``explain``; printed as text, shown as a table in a notebook."""

    rows: tuple[Row, ...]

    def _cells(self) -> list[list[str]]:
        return [
            [
                row.layer or "the model",
                row.kind,
                f"{row.channels:,}",
                _amount(row),
                _named(row.partners),
                f"{row.reason}: {row.advice}" if row.advice else row.reason,
            ]
            for row in self.rows
        ]

    def __str__(self) -> str:
        return tables.text(HEAD, self._cells(), left=len(HEAD))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return tables.web(HEAD, self._cells())


@torch.inference_mode(False)
def explain(model: nn.Module, example_input: Example) -> Explanation:
    """Return for every layer of ``model`` that makes channels how many there are, how many ``remove_filters``
    can take, which layers lose channels with them, and why the others stay, with what can be done about it.

    ``example_input`` is what the model is called with: a tensor (N, ...), a tuple of arguments, or a dict
    of named ones. Layers that it does not reach have no row. Raises TypeError or ValueError if the model
    does not run on it. Source: notebook 09.1."""
    inner, prefix = unwrapped(model)
    if example_input is None:
        raise TypeError("example_input must be a tensor (N, ...), a tuple or a dict, got None")
    followed = follow(inner, example_input)
    free = followed.free()
    layers: dict[str, tuple[str, int]] = {}
    for name, dim in followed.places:
        if (name, dim) in followed.couplings.makes:
            layers.setdefault(name.rpartition(".")[0], (name, dim))
    return Explanation(
        tuple(_row(inner, followed, free, layer, place, prefix) for layer, place in layers.items())
    )


def _row(
    model: nn.Module,
    followed: Followed,
    free: torch.Tensor,
    layer: str,
    place: tuple[str, int],
    prefix: str,
) -> Row:
    own = followed.labels(*place)
    gone, stay = free[own], followed.couplings.numbers(*place)[~free[own]]
    partners: list[str] = []
    if gone.any():
        together = followed.owners(int(own[gone][0])) + ", " + followed.readers(int(own[gone][0]))
        partners = [prefix + other for other in together.split(", ") if other and other != layer]
    reason = (followed.reason(stay) or "all of them go together") if len(stay) else ""
    advice = next((text for words, text in ADVICE if words in reason), "")
    kind = type(model.get_submodule(layer)).__name__
    return Row(
        (prefix + layer).rstrip("."),
        kind,
        len(own),
        int(gone.sum()),
        len(own[gone].unique()),
        tuple(dict.fromkeys(partners)),
        reason,
        advice,
    )


def _amount(row: Row) -> str:
    if not row.removable:
        return "none"
    amount = "all" if row.removable == row.channels else f"{row.removable:,}"
    return amount if row.units == row.removable else f"{amount}, in {row.units:,} units"


def _named(partners: tuple[str, ...]) -> str:
    more = len(partners) - NAMED
    return ", ".join(partners[:NAMED]) + (f" and {more} more" if more > 0 else "")

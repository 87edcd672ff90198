"""Exercises of chapter 09.1: the coupled group of a drawn network."""

import random

from prunelab.check.core import Case
from prunelab.check.exercise import Exercise

# 9.1 coupled_outputs(network, start)


LAYERS = ("conv", "depthwise")


def coupled_outputs(
    network,
    start,
    ties=("relu", "sum", "depthwise"),
    transitive=True,
    listed=LAYERS,
    own=True,
    backwards=True,
):
    """Grow the group from ``start``: whatever shares channels with something in it joins."""
    group = {start}
    while True:
        more = set()
        for name, (kind, inputs) in network.items():
            if kind in ties and (set(inputs) & group or (backwards and name in group)):
                more |= ({name, *inputs} if backwards else {name}) - {"image"}
        if more <= group:
            break
        group |= more
        if not transitive:
            break
    return sorted(name for name in group if network[name][0] in listed and (own or name != start))


RESIDUAL = {
    "stem": ("conv", ["image"]),
    "inner": ("conv", ["stem"]),
    "outer": ("conv", ["inner"]),
    "sum": ("sum", ["stem", "outer"]),
    "deep": ("depthwise", ["sum"]),
    "point": ("conv", ["deep"]),
}


CHAIN = {
    "a": ("conv", ["image"]),
    "r": ("relu", ["a"]),
    "b": ("conv", ["r"]),
    "s": ("relu", ["b"]),
    "c": ("conv", ["s"]),
}


DENSE = {
    "a": ("conv", ["image"]),
    "b": ("conv", ["a"]),
    "joined": ("cat", ["a", "b"]),
    "c": ("conv", ["joined"]),
    "d": ("depthwise", ["c"]),
    "e": ("conv", ["d"]),
}


LADDER = {
    "a": ("conv", ["image"]),
    "b": ("conv", ["a"]),
    "first": ("sum", ["a", "b"]),
    "c": ("conv", ["first"]),
    "r": ("relu", ["c"]),
    "second": ("sum", ["first", "r"]),
    "d": ("conv", ["second"]),
    "third": ("sum", ["second", "d"]),
    "e": ("conv", ["third"]),
}


def _random_network(draw):
    network, names = {"l0": ("conv", ["image"])}, ["l0"]
    for n in range(1, draw.randint(6, 14)):
        kind = draw.choice(["conv", "conv", "relu", "sum", "sum", "depthwise", "cat"])
        open_ = [name for name in names if network[name][0] != "cat"]
        inputs = draw.sample(open_, 2) if kind in ("sum", "cat") and len(open_) > 1 else [draw.choice(open_)]
        network[f"l{n}"] = (kind if len(inputs) > 1 or kind not in ("sum", "cat") else "relu", inputs)
        names.append(f"l{n}")
        if network[f"l{n}"][0] == "cat":  # only a convolution reads a concatenation
            network[f"k{n}"] = ("conv", [f"l{n}"])
            names.append(f"k{n}")
    return network


def _edges_9_1():
    three = {
        "c": ("conv", ["image"]),
        "a": ("conv", ["image"]),
        "b": ("conv", ["c"]),
        "add": ("sum", ["a", "c", "b"]),
        "relu": ("relu", ["add"]),
        "deep": ("depthwise", ["relu"]),
        "out": ("conv", ["deep"]),
    }
    for start in ("a", "b", "c", "deep", "out"):
        yield Case(f"a sum of three, from {start}", (three, start))
    row = {"l0": ("conv", ["image"]), "s0": ("relu", ["l0"])}
    for n in range(1, 7):
        row |= {f"l{n}": ("conv", [f"s{n - 1}"]), f"s{n}": ("sum", [f"s{n - 1}", f"l{n}"])}
    for start in ("l6", "l0"):
        yield Case(f"six sums in a row, from {start}", (row, start))


def _cases_9_1():
    yield Case("the example, from stem", (RESIDUAL, "stem"))
    for start in ("inner", "deep", "point", "outer"):
        yield Case(f"the example, from {start}", (RESIDUAL, start))
    for about, network, starts in (
        ("a chain", CHAIN, "ac"),
        ("a concatenation", DENSE, "abcd"),
        ("three sums in a row", LADDER, "abde"),
    ):
        for start in starts:
            yield Case(f"{about}, from {start}", (network, start))
    draw = random.Random(91)
    for n in range(12):
        network = _random_network(draw)
        start = draw.choice([name for name, (kind, _) in network.items() if kind in LAYERS])
        yield Case(f"random network {n}, from {start}", (network, start))
    yield from _edges_9_1()


ex_9_1 = Exercise(
    "9.1",
    coupled_outputs,
    _cases_9_1,
    verified=(
        "a chain, residual sums alone and in a row, depthwise layers, concatenations, twelve random networks"
    ),
    hint=(
        "Start with a set that holds `start`. Which operations make two names share their channels? Add,"
        " until nothing is added."
    ),
    mistakes=[
        (
            (
                "You stop after one step. What is coupled to something coupled is coupled, too: repeat until"
                " the group stops growing."
            ),
            lambda n, s: coupled_outputs(n, s, transitive=False),
        ),
        (
            "A depthwise convolution has one filter per channel: its outputs are those of its input.",
            lambda n, s: coupled_outputs(n, s, ties=("relu", "sum")),
        ),
        (
            "An ordinary convolution reads all its inputs and makes outputs of its own: coupling ends there.",
            lambda n, s: coupled_outputs(n, s, ties=("relu", "sum", "depthwise", "conv", "cat")),
            lambda n, s: coupled_outputs(n, s, ties=("relu", "sum", "depthwise", "conv")),
        ),
        (
            "A concatenation puts channels beside each other. None of them meets another.",
            lambda n, s: coupled_outputs(n, s, ties=("relu", "sum", "depthwise", "cat")),
        ),
        (
            "What a sum adds is coupled: the same channel on both sides.",
            lambda n, s: coupled_outputs(n, s, ties=("relu", "depthwise")),
        ),
        (
            "An activation passes channels on as they are.",
            lambda n, s: coupled_outputs(n, s, ties=("sum", "depthwise")),
        ),
        (
            "Only layers with weights are asked for, no sums and no activations.",
            lambda n, s: coupled_outputs(n, s, listed=("conv", "depthwise", "sum", "relu")),
        ),
        (
            "Coupling goes against the arrows, too: from a sum back to everything that it adds.",
            lambda n, s: coupled_outputs(n, s, backwards=False),
        ),
        ("The layer we start from belongs to its own group.", lambda n, s: coupled_outputs(n, s, own=False)),
    ],
)

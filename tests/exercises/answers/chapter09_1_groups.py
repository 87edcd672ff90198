"""Answers to 9.1: right ones, written differently, and wrong ones that must be refused."""

from answers import right, wrong

# 9.1 coupled_outputs


@right("9.1")
def coupled_by_labels(network, start):
    labels = {"image": -1}
    for number, (name, (kind, inputs)) in enumerate(network.items()):
        labels[name] = number if kind in ("conv", "cat") else labels[inputs[0]]
        for other in inputs if kind == "sum" else ():
            old = labels[other]
            labels = {key: labels[name] if value == old else value for key, value in labels.items()}
    return sorted(
        n for n, (kind, _) in network.items() if kind in ("conv", "depthwise") and labels[n] == labels[start]
    )


@right("9.1")
def coupled_by_search(network, start):
    neighbours = {name: set() for name in network}
    for name, (kind, inputs) in network.items():
        if kind not in ("conv", "cat"):
            for source in inputs:
                neighbours[name].add(source)
                neighbours[source].add(name)
    found, waiting = set(), [start]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += neighbours[name]
    return sorted(name for name in found if network[name][0] in ("conv", "depthwise"))


@wrong("9.1", "against the arrows")
def coupled_downstream_only(network, start):
    group = {start}
    for name, (kind, inputs) in network.items():
        if kind not in ("conv", "cat") and any(source in group for source in inputs):
            group |= {name}
    return sorted(name for name in group if network[name][0] in ("conv", "depthwise"))


@wrong("9.1", "Start with a set")
def coupled_unsorted(network, start):
    return coupled_by_search(network, start)[::-1]

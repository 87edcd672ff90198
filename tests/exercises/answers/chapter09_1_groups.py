"""Answers to 9.1: right ones, written differently, and wrong ones that must be refused."""

from answers import plausible, right, wrong

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


# 9.1, once more from the text alone


def _co9_9_1(net, start, kinds=("relu", "sum", "depthwise"), both=True):
    g = {start}
    while True:
        n = set(g)
        for k, (kind, ins) in net.items():
            t = {k, *ins}
            if kind in kinds and t & n:
                n |= t
        if n == g:
            break
        g = n
    return sorted(k for k in g if k in net and net[k][0] in ("conv", "depthwise"))


def _fw_9_1(net, s):
    g = {s}
    for k, (kind, ins) in net.items():
        if kind in ("relu", "sum", "depthwise") and g & set(ins):
            g |= {k}
    return g


def _r91_9_1(net, start):
    par = {k: k for k in [*net, "image"]}

    def find(k):
        while par[k] != k:
            k = par[k]
        return k

    for k, (kind, ins) in net.items():
        if kind in ("relu", "sum", "depthwise"):
            for i in ins:
                par[find(i)] = find(k)
    return sorted(k for k in net if find(k) == find(start) and net[k][0] in ("conv", "depthwise"))


right("9.1")(_r91_9_1)

plausible(
    "9.1",
    lambda n, s: _co9_9_1(n, s, ("relu", "sum", "depthwise", "cat")),  # cat couples
    lambda n, s: (lambda g: sorted(k for k in g if n[k][0] in ("conv", "depthwise")))(
        _fw_9_1(n, s)
    ),  # forward only
    lambda n, s: _co9_9_1(
        {k: (kind, ins[:2] if kind == "sum" else ins) for k, (kind, ins) in n.items()}, s
    ),  # first two of a sum
    lambda n, s: sorted(_co9_9_1(n, s), key=list(n).index),  # in order of the pass
)


# found by readers


def _three_rounds(network, start):
    group = {start}
    for _ in range(3):
        for name, (kind, inputs) in network.items():
            if kind in ("relu", "sum", "depthwise") and {name, *inputs} & group:
                group |= {name, *inputs}
    return sorted(name for name in group - {"image"} if network[name][0] in ("conv", "depthwise"))


plausible("9.1", _three_rounds)

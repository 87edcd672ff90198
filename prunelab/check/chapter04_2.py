"""Checkers of the exercises of chapter 04.2: remove, meet a budget, believe a timing."""

import random
from functools import cache

import torch
from torch import nn
from torch.utils.data import TensorDataset

from prunelab.check.core import Case
from prunelab.check.exercise import Exercise
from prunelab.data import Mnist, load_mnist
from prunelab.models import load_pretrained

# 4.3 remove_filter(weight, bias, next_weight, next_bias, index)


def remove_filter(weight, bias, next_weight, next_bias, index, columns=None, fold=lambda b: b.clamp_min(0), times=1.0):
    filters = len(weight)
    positions = next_weight.shape[1] // filters
    lost = list(range(index * positions, (index + 1) * positions)) if columns is None else columns(index, positions, filters)
    stay = [o for o in range(filters) if o != index]
    left = [c for c in range(next_weight.shape[1]) if c not in lost]
    folded = next_bias + times * sum(next_weight[:, c] for c in lost) * fold(bias[index])
    return weight[stay], bias[stay], next_weight[:, left], folded


def _zeroed(weight, bias, next_weight, next_bias, index):
    weight, bias = weight.clone(), bias.clone()
    weight[index], bias[index] = 0, 0
    return weight, bias, next_weight.clone(), next_bias.clone()


def _network(seed, filters, inputs, positions, outputs, dtype=torch.float32):
    draw = torch.Generator().manual_seed(seed)
    shapes = [(filters, inputs, 3, 3), (filters,), (outputs, filters * positions), (outputs,)]
    return [torch.randn(shape, generator=draw, dtype=dtype) for shape in shapes]


def _cases_4_3():
    weight = torch.ones(2, 1, 1, 1) * torch.tensor([1.0, 2.0]).view(2, 1, 1, 1)
    example = (weight, torch.tensor([0.5, -0.25]), torch.tensor([[1.0, 2.0, 3.0, 4.0]]), torch.tensor([0.0]))
    yield Case("the example: 2 filters, 2 positions, filter 0 goes", (*example, 0))
    yield Case("the example, filter 1 goes: its bias is negative", (*example, 1))
    for seed, (filters, inputs, positions, outputs, index) in enumerate(
        [(3, 1, 4, 2, 1), (5, 2, 4, 3, 4), (4, 3, 9, 10, 0), (6, 1, 16, 120, 2), (4, 2, 4, 4, 3), (3, 1, 1, 2, 2), (2, 1, 6, 3, 1)]
    ):
        parts = _network(430 + seed, filters, inputs, positions, outputs)
        about = f"{filters} filters, {positions} positions each, {outputs} outputs, filter {index} goes"
        yield Case(about, (*parts, index))
    parts = _network(440, 4, 1, 4, 3, torch.float64)
    parts[1][2] = -1.0
    yield Case("float64, a negative bias", (*parts, 2))
    parts = _network(441, 1, 1, 3, 2)
    yield Case("the only filter", (*parts, 0))


ex_4_3 = Exercise(
    "4.3",
    remove_filter,
    _cases_4_3,
    verified="first, last and only filters, 1 to 16 positions, biases of both signs, both float types",
    hint="positions = next_weight.shape[1] // len(weight). Which columns does the filter own, and what arrives through them?",
    mistakes=[
        (
            "The sizes are right, the outputs are not: the masked filter still sent ReLU(bias). Where has that constant gone?",
            lambda *a: remove_filter(*a, fold=lambda b: b * 0),
        ),
        (
            "Between the two layers stands a ReLU: what does it make of a negative bias?",
            lambda *a: remove_filter(*a, fold=lambda b: b),
        ),
        (
            "Behind the flatten a filter owns as many columns as it has positions, not one.",
            lambda *a: remove_filter(*a, columns=lambda i, p, n: [i]),
            lambda *a: remove_filter(*a, columns=lambda i, p, n: [i], fold=lambda b: b * 0),
        ),
        (
            "You take every so-many-th column. Flatten lays the maps one after another: a filter's columns stand side by side.",
            lambda *a: remove_filter(*a, columns=lambda i, p, n: list(range(i, n * p, n))),
            lambda *a: remove_filter(*a, columns=lambda i, p, n: list(range(i, n * p, n)), fold=lambda b: b * 0),
        ),
        ("The constant was added to the next layer's sums; you subtract it.", lambda *a: remove_filter(*a, times=-1.0)),
        (
            "The constant arrives through every column of the filter: add them up, do not average them.",
            lambda w, b, nw, nb, i: remove_filter(w, b, nw, nb, i, times=len(w) / nw.shape[1]),
        ),
        ("That is masking: the tensors must become smaller.", _zeroed),
    ],
)


# 4.4 meet_budget(model, mnist, share, bound)


def _kept(model):
    return sum(int(p.count_nonzero()) for p in model.parameters())


HINTS_4_4 = {
    "untouched": "This is the network as it was. Nothing is pruned.",
    "revived": "Nothing is zero any more: training has revived what was pruned. Give the masks to train.",
    "biases": "The weights alone would meet the budget, but biases count as parameters too. Let the weights pay for them.",
    "too many": "Too many parameters are kept. Count those that are not zero before you return the network.",
    "nothing": "No weight is left, so the network answers the same to every image.",
    "untrained": "The surviving weights are as they were before: after pruning comes training, with the masks held.",
    "too little": "Within the size, but not right often enough: prune less hard, rank all layers together, or train longer.",
}


def _cause(result, model, share):
    """Return the one cause that explains best why ``result`` misses the budget."""
    pairs = list(zip(result.parameters(), model.parameters(), strict=True))
    total = sum(p.numel() for p in model.parameters())
    kept, weights = _kept(result), sum(int(p.count_nonzero()) for p in result.parameters() if p.ndim > 1)
    if kept >= share * total:
        if all(torch.equal(a, b) for a, b in pairs):
            return "untouched"
        if kept > 0.95 * total:
            return "revived"
        return "biases" if weights < share * total * 1.01 else "too many"
    if weights == 0:
        return "nothing"
    return "untrained" if all(torch.equal(a[a != 0], b[a != 0]) for a, b in pairs) else "too little"


def _judge(dense, mnist, share, bound):
    total = sum(p.numel() for p in dense.parameters())
    images, labels = mnist.valid.tensors

    def judge(model):
        kept = _kept(model)
        with torch.inference_mode():
            right = 100 * float((model.eval()(images).argmax(1) == labels).double().mean())
        if kept >= share * total:
            problem = f"Expected: fewer than {share * total:,.0f} parameters that are not zero\n  Got:      {kept:,} of {total:,}"
        elif right <= bound:
            parameters = f"{100 * kept / total:.1f} % of the parameters"
            problem = f"Expected: above {bound} % validation accuracy\n  Got:      {right:.2f} % with {parameters}"
        else:
            return None
        return problem, HINTS_4_4[_cause(model, dense, share)]

    return judge


def meet_budget(model, mnist, share, bound):
    return model  # the form of a result; the judge looks at the rest


@cache
def _toy(seed):
    """Return a trained network and data it solves: the class of a point is the nearest of four centres in 12 dimensions."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        centres = 2.0 * torch.randn(4, 12)
        labels = torch.randint(0, 4, (2048,))
        images = centres[labels] + torch.randn(2048, 12)
        model = nn.Sequential(nn.Linear(12, 24), nn.ReLU(), nn.Linear(24, 16), nn.ReLU(), nn.Linear(16, 4))
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        for _ in range(60):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(images[:1024]), labels[:1024]).backward()
            optimizer.step()
    splits = [TensorDataset(images[a:b], labels[a:b]) for a, b in ((0, 1024), (1024, 1536), (1536, 2048))]
    return model.eval(), Mnist(*splits)


def _cases_4_4():
    for seed, share, bound in ((0, 0.5, 90.0), (1, 0.35, 85.0)):
        model, splits = _toy(seed)
        yield Case(f"a small network, under {100 * share:.0f} %, above {bound} %", (model, splits, share, bound),
                   judge=_judge(model, splits, share, bound))  # fmt: skip
    model, mnist = load_pretrained("lenet5"), load_mnist()
    short = mnist._replace(train=TensorDataset(*(t[:20_000] for t in mnist.train.tensors)))
    yield Case("LeNet5 with 20,000 training images, under 25 %, above 98.5 %", (model, short, 0.25, 98.5),
               judge=_judge(model, short, 0.25, 98.5))  # fmt: skip


ex_4_4 = Exercise(
    "4.4",
    meet_budget,
    _cases_4_4,
    verified="two small networks, and LeNet5 under 25 % of its parameters and above 98.5 %",
    hint="Prune a copy, train it with masks=..., count what is not zero, and look at the validation accuracy.",
)


# 4.5 judge_speedups(timings)

FASTER, SLOWER, SAME = "faster", "slower", "no measurable difference"


def _quantile(values, q):
    values = sorted(values)
    place = q * (len(values) - 1)
    low = int(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (place - low) * (values[high] - values[low])


def _verdict(low, high, band=1.1):
    return FASTER if low > band else SLOWER if high < 1 / band else SAME


def judge_speedups(
    timings, summary=lambda a, b: (_quantile([x / y for x, y in zip(a, b, strict=True)], q) for q in (0.25, 0.75)), band=1.1
):
    first, *others = timings
    return {name: _verdict(*summary(timings[first], timings[name]), band) for name in others}


def _of_summaries(summary):
    """Compare one summary of the baseline with one of the candidate, as if it had no spread."""
    return lambda a, b: (summary(a) / summary(b),) * 2


def _cases_4_5():
    example = {
        "dense": [10.0, 10.0, 20.0, 10.0, 10.0],
        "masked": [10.0, 9.5, 20.0, 10.5, 4.0],
        "removed": [5.0, 5.0, 10.0, 5.0, 40.0],
    }
    yield Case("the example", (example,))
    small = {"dense": [10.0] * 7, "8 % faster": [9.25] * 7, "20 % faster": [8.0] * 7, "8 % slower": [10.8] * 7, "twice": [20.0] * 7}
    yield Case("differences without any noise", (small,))
    waves = [1.0, 5.0, 2.0, 8.0, 1.0, 4.0, 3.0, 9.0]
    paired = {
        "dense": waves,
        "half": [0.5 * x for x in waves],
        "a little": [0.95 * x for x in waves],
        "worse": [1.5 * x for x in waves],
    }
    yield Case("a machine that is busy now and then: both are hit together", (paired,))
    torn = {"dense": [10.0] * 9, "torn": [5.0, 12.0, 5.0, 12.0, 5.0, 12.0, 5.0, 5.0, 12.0], "lucky": [10.0] * 8 + [1.0]}
    yield Case("candidates that are sometimes faster", (torn,))
    hit = {"dense": [10.0] * 8 + [200.0], "same": [10.0] * 9, "hit": [6.0] * 8 + [300.0], "slow": [20.0] * 8 + [1.0]}
    yield Case("one disturbed round", (hit,))
    draw = random.Random(45)
    for number in range(20):
        rounds = draw.choice([5, 8, 11, 21])
        load = [draw.choice([1.0, 1.0, 1.0, 3.0]) for _ in range(rounds)]
        timings = {"dense": [10 * x * draw.uniform(0.95, 1.05) for x in load]}
        for name in ("a", "b", "c")[: draw.randint(1, 3)]:
            factor, noise = draw.choice([0.4, 0.85, 0.93, 1.0, 1.08, 1.3]), draw.choice([0.02, 0.3])
            timings[name] = [10 * factor * x * draw.uniform(1 - noise, 1 + noise) for x in load]
        yield Case(f"random timings, number {number}, {rounds} rounds", (timings,))


ex_4_5 = Exercise(
    "4.5",
    judge_speedups,
    _cases_4_5,
    verified="small and large differences, busy machines, disturbed rounds, luck, 20 random tables",
    hint="Ratios round by round, baseline over candidate; then the lower and the upper quartile against 1.1 and 1 / 1.1.",
    mistakes=[
        (
            "You compare means. One disturbed round moves a mean; look at the ratio round by round, and at its middle half.",
            lambda t: judge_speedups(t, _of_summaries(lambda v: sum(v) / len(v))),
        ),
        (
            "You compare medians, which says nothing of the spread: is the *lower quartile* of the ratios above the band?",
            lambda t: judge_speedups(t, _of_summaries(lambda v: _quantile(v, 0.5))),
        ),
        (
            "You look at the median of the ratios. Half of the rounds may say the opposite: use the quartiles.",
            lambda t: judge_speedups(t, lambda a, b: (_quantile([x / y for x, y in zip(a, b, strict=True)], 0.5),) * 2),
        ),
        ("You compare the fastest rounds and ignore all others.", lambda t: judge_speedups(t, _of_summaries(min))),
        ("A difference below 10 % is called no difference here.", lambda t: judge_speedups(t, band=1.0)),
        (
            "The runs are interleaved: round i of one belongs to round i of the other. Take ratios first, quartiles after.",
            lambda t: judge_speedups(
                t, lambda a, b: (_quantile(a, 0.25) / _quantile(b, 0.75), _quantile(a, 0.75) / _quantile(b, 0.25))
            ),
        ),
        (
            "Upside down: a speed-up is the baseline's time divided by the candidate's.",
            lambda t: judge_speedups(
                t, lambda a, b: (_quantile([y / x for x, y in zip(a, b, strict=True)], q) for q in (0.25, 0.75))
            ),
        ),
        (
            "You demand it of every single round. The quartiles leave out the disturbed ones.",
            lambda t: judge_speedups(
                t, lambda a, b: (min(x / y for x, y in zip(a, b, strict=True)), max(x / y for x, y in zip(a, b, strict=True)))
            ),
        ),
        (
            "The baseline itself gets no verdict.",
            lambda t: {name: verdict for name, verdict in ({next(iter(t)): SAME} | judge_speedups(t)).items()},
        ),
    ],
)

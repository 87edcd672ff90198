"""Exercises of chapter 04.2: a budget of parameters, one of MACs."""

import copy

import torch
from torch import nn
from torch.utils.data import TensorDataset
from torch.utils.flop_counter import FlopCounterMode

from prunelab.check.core import Case
from prunelab.check.draws import toy_task
from prunelab.check.exercise import Exercise
from prunelab.data import load_mnist
from prunelab.models import load_pretrained

# 4.4 meet_budget(model, mnist, share, bound)


def _kept(model):
    return sum(int(p.count_nonzero()) for p in model.parameters())


HINTS_4_4 = {
    "untouched": "This is the network as it was. Nothing is pruned.",
    "revived": "Nothing is zero any more: training has revived what was pruned. Give the masks to train.",
    "biases": (
        "The weights alone would meet the budget, but biases count as parameters too. Let the weights pay for"
        " them."
    ),
    "too many": "Too many parameters are kept. Count those that are not zero before you return the network.",
    "nothing": "No weight is left, so the network answers the same to every image.",
    "untrained": (
        "The surviving weights are as they were before: after pruning comes training, with the masks held."
    ),
    "too little": (
        "Within the size, but not right often enough: prune less hard, rank all layers together, or train"
        " longer."
    ),
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


def _renumbered(model, mnist):
    """Return the network and the data with other numbers for the classes, as nothing outside knows them: a
    network that was stored or trained elsewhere, also on the images that judge, answers wrongly.
    """
    labels = mnist.train.tensors[1]
    order = torch.randperm(int(labels.max()) + 1, generator=torch.Generator().manual_seed(44))
    model, place = copy.deepcopy(model), order.argsort()  # place: the new number of each old one
    *_, last = (layer for layer in model.modules() if isinstance(layer, nn.Linear))
    with torch.no_grad():
        last.weight.copy_(last.weight[order]), last.bias.copy_(last.bias[order])
    splits = (TensorDataset(images, place[labels]) for images, labels in (split.tensors for split in mnist))
    return model, mnist._replace(**dict(zip(mnist._fields, splits, strict=True)))


def _hidden(mnist):
    """Return the data without the test split and with half of the validation split, and the other half."""
    images, labels = mnist.valid.tensors
    half = len(labels) // 2
    given = mnist._replace(valid=TensorDataset(images[:half], labels[:half]), test=None)
    return given, TensorDataset(images[half:], labels[half:])


def _judge(dense, unseen, share, bound):
    """Judge the parameters alone, in a network of the old shape: nothing that hangs on the result helps."""
    total = sum(p.numel() for p in dense.parameters())
    images, labels = unseen.tensors

    def judge(result):
        model = copy.deepcopy(dense).eval()
        model.load_state_dict(result.state_dict())
        kept = _kept(model)
        with torch.inference_mode():
            right = 100 * float((model(images).argmax(1) == labels).double().mean())
        if kept >= share * total:
            problem = (
                f"Expected: fewer than {share * total:,.0f} parameters that are not zero\n  Got:     "
                f" {kept:,} of {total:,}"
            )
        elif right <= bound:
            got = f"{right:.2f} % with {100 * kept / total:.1f} % of the parameters"
            problem = f"Expected: above {bound} % right on unseen images\n  Got:      {got}"
        else:
            return None
        return problem, HINTS_4_4[_cause(model, dense, share)]

    return judge


def meet_budget(model, mnist, share, bound):
    return model  # the form of a result; the judge looks at the rest


def _cases_4_4():
    for seed, share, bound in ((0, 0.5, 90.0), (1, 0.35, 85.0)):
        model, splits = toy_task(seed)
        given, unseen = _hidden(splits)
        about = f"a small network, under {100 * share:.0f} %, above {bound} %"
        yield Case(about, (model, given, share, bound), judge=_judge(model, unseen, share, bound))
    model, splits = _renumbered(load_pretrained("lenet5"), load_mnist())
    given, unseen = _hidden(splits)
    given = given._replace(train=TensorDataset(*(t[:20_000] for t in given.train.tensors)))
    about = "LeNet5 with 20,000 training images, under 25 %, above 98.5 %"
    yield Case(about, (model, given, 0.25, 98.5), judge=_judge(model, unseen, 0.25, 98.5))


ex_4_4 = Exercise(
    "4.4",
    meet_budget,
    _cases_4_4,
    verified="two small networks, and LeNet5 under 25 % of its parameters and above 98.5 %",
    hint=(
        "Prune a copy, train it with masks=..., count what is not zero, and look at the validation accuracy."
    ),
)


# 4.11 fewer_macs(model, mnist, share, points)


def _measured(model, dataset):
    """Return the MACs for an image and the percentage that is right, of one and the same pass."""
    images, labels = dataset.tensors
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        right = copy.deepcopy(model).eval()(images).argmax(1) == labels
    return counter.get_total_flops() / 2 / len(labels), 100 * float(right.double().mean())


def _macs_judge(dense, unseen, share, points):
    macs, right = _measured(dense, unseen)
    allowed, bound = share * macs, right - points

    def judge(model):
        macs, right = _measured(model, unseen)
        nonzero = sum(int(p.count_nonzero()) for p in model.parameters() if p.ndim > 1)
        weights = sum(p.numel() for p in model.parameters() if p.ndim > 1)
        if macs < max(1, weights):
            return (
                f"Expected: a product for each of {weights:,} weights\n  Got:      {macs:,.0f} MACs",
                UNCOUNTED,
            )
        if macs > allowed:
            problem = f"Expected: at most {allowed:,.0f} MACs\n  Got:      {macs:,.0f}"
            masked = nonzero < 0.9 * weights
            return (
                problem,
                (
                    MASKED
                    if masked
                    else (
                        "Too many MACs: a layer's MACs fall with its filters and with those of the layer"
                        " before."
                    )
                ),
            )
        if right > bound:
            return None
        got = f"{right:.2f} % with {macs:,.0f} MACs"
        problem = f"Expected: above {bound:.2f} % right on unseen images\n  Got:      {got}"
        return (
            problem,
            (
                "Small enough, but wrong too often. Keep the filters that matter, and train the small network"
                " further."
            ),
        )

    return judge


UNCOUNTED = (
    "Not every product is counted, or a weight has no part in the answer. Use torch's own layers, and no"
    " other weights."
)
MASKED = (
    "Zeros are multiplied like any number: a masked filter still costs its MACs. Remove it"
    " (prunelab.surgery)."
)


def fewer_macs(model, mnist, share, points):
    return nn.Module  # the form of a result; the judge looks at the rest


def _cases_4_11():
    for seed, share in ((2, 0.5), (3, 0.3)):
        model, splits = toy_task(seed)
        given, unseen = _hidden(splits)
        about = f"a small network, at most {100 * share:.0f} % of the MACs"
        yield Case(about, (model, given, share, 3.0), judge=_macs_judge(model, unseen, share, 3.0))
    model, splits = _renumbered(load_pretrained("lenet5_caffe"), load_mnist())
    given, unseen = _hidden(splits)
    given = given._replace(train=TensorDataset(*(t[:5_000] for t in given.train.tensors)))
    about = "LeNet5Caffe with 5,000 training images, at most 20 % of the MACs, less than 1 point lost"
    yield Case(about, (model, given, 0.2, 1.0), judge=_macs_judge(model, unseen, 0.2, 1.0))


ex_4_11 = Exercise(
    "4.11",
    fewer_macs,
    _cases_4_11,
    verified="two small networks, and LeNet5Caffe at 20 % of its MACs with less than 1 point lost",
    hint=(
        "Score the filters of all layers but the last, mask, remove them physically, and train what is left."
    ),
)

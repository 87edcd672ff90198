"""Exercise 8.5, the LeNet challenge: a sparse file is handed in, loaded, counted, tested and put
beside the published results.
"""

import tempfile
from functools import cache
from pathlib import Path

import torch
from torch.utils.data import TensorDataset

from prunelab import records
from prunelab.check.core import Case
from prunelab.check.exercise import Exercise
from prunelab.data import load_mnist
from prunelab.models import SEEDS, LeNet300, load_pretrained
from prunelab.storage import load_sparse

# 8.5 challenge(...)


BAR, FIRST_BAR = (
    2.2,
    3.5,
)  # highest errors in percent: of all training images on test, of 6,000 of them on valid


UNBELIEVABLE = 0.7  # points of error by which no network is better on one split unless it has seen it
ALIKE = 0.9  # cosine of two first layers: one is a copy of the other, with a few numbers changed


ENOUGH = 12  # weights / nonzero weights, the ratio of Han et al.


HINTS_8_5 = {
    "missing": (
        "Nothing stands at path. The last line of the function can be: return save_sparse(model, path)"
    ),
    "format": (
        "Only what prunelab.storage.save_sparse writes is read. Elsewhere a zero takes as many bytes as any"
        " value."
    ),
    "network": "The file holds another network. A LeNet300 is asked for; load_pretrained has trained ones.",
    "nothing": "No weight is left, so the network answers the same to every image.",
    "untouched": "This is the network as it was. Nothing is pruned.",
    "revived": (
        "Hardly a weight is zero. Did training revive them? Apply the masks after every step, the last one"
        " too."
    ),
    "too many": (
        f"Too many weights are kept. {ENOUGH}x of a LeNet300's 266,200 weights leaves room for 22,183 that"
        " are not zero."
    ),
    "random": (
        "The weights that are left look as if picked at random. Which weights matter to a trained network?"
    ),
    "untrained": (
        "Small enough, but what is left is as it was before pruning. Train it further, with the masks held."
    ),
    "too little": (
        "Small enough, but wrong too often: prune little by little, rank all layers together, or train"
        " longer."
    ),
    "copied": "This is a file of the course's own records. Hand in a network that your function has trained.",
    "seen": (
        "Far better on the split that judges than on the other one: it has seen it. Train on `dataset` alone,"
        " and choose on the validation split."
    ),
    "size": "Return what save_sparse returns, the bytes of the file.",
}


@cache
def _records():
    """Return the first layers of the files that come with the course."""
    found = []
    for path in sorted(records.RECORDS.glob("lenet300-*.safetensors")):
        load_sparse(path, model := LeNet300())
        found.append(model.fc1.weight.detach())
    return found


@cache
def _trained():
    return [load_pretrained("lenet300", seed).fc1.weight.detach() for seed in SEEDS]


@cache
def _small():
    """Return the first 6,000 training images, without holding on to the others, validation and test split."""
    mnist = load_mnist()
    return TensorDataset(*(part[:6_000].clone() for part in mnist.train.tensors)), mnist.valid, mnist.test


def _same_network(weight, other):
    return float(torch.cosine_similarity(weight.flatten(), other.flatten(), dim=0)) > ALIKE


def _cause(model, entry, bound, elsewhere):
    """Return in a word why the network misses the size or the error, or None if it does not."""
    weight = model.fc1.weight.detach()
    kept = weight != 0
    as_trained = any(torch.equal(weight[kept], other[kept]) for other in _trained())
    if entry.compression < ENOUGH:
        return "too many" if entry.compression > 1.1 else "untouched" if as_trained else "revived"
    if any(_same_network(weight, other) for other in _records()):
        return "copied"
    if entry.error <= bound + 1e-9:
        return "seen" if entry.error < elsewhere - UNBELIEVABLE else None
    if kept.any() and all(other[kept].abs().mean() < 1.1 * other.abs().mean() for other in _trained()):
        return "random"
    return "untrained" if as_trained else "too little"


def _inspected(path, dataset, bound, other):
    """Return (entry or None, what is wrong in a word or None, what is there) of the file that was handed in;
    ``other`` is a split to compare the error with.
    """
    model = LeNet300()
    try:
        load_sparse(path, model)
    except FileNotFoundError:
        return None, "missing", "no file"
    except ValueError as error:
        another = "from another model" in str(error)
        return (
            None,
            "network" if another else "format",
            f"a file of {'another network' if another else 'another kind'}",
        )
    if not any(int(p.count_nonzero()) for p in model.parameters() if p.ndim > 1):
        return None, "nothing", "a file without a weight"
    entry = records.evaluate(path, "lenet300", dataset)
    there = f"{entry.nonzeros:,} weights, {entry.compression:.2f}x, {entry.error:.2f} % error"
    elsewhere = records.evaluate(path, "lenet300", other).error
    return entry, _cause(model, entry, bound, elsewhere), there


def _place(entry):
    """Return the published marks and the file that was handed in as a table, by compression."""
    marks, won = records.MARKS["lenet300"], records.beaten("lenet300", entry.compression, entry.error)
    rows = []
    for mark in marks:
        error = "not read" if mark.error is None else f"{mark.error} %"
        text = f"{mark.name:28}{mark.compression:10.1f}x{error:>13}{'  beaten' if mark in won else ''}"
        rows.append((mark.compression, text))
    rows += [(entry.compression, f"{'your file':28}{entry.compression:10.1f}x     ~{entry.error:5.2f} %")]
    heading = f"{'LeNet-300-100':28}{'compression':>11}{'test error':>13}"
    lines = [heading, *(text for _, text in sorted(rows, key=lambda row: row[0]))]
    read = sum(mark.error is not None for mark in marks)
    lines += [f"Your file keeps {entry.nonzeros:,} weights and has ~{entry.bytes:,} bytes."]
    return "\n".join([*lines, f"It beats {len(won)} of the {read} published marks with an error."])


def _judge(path, dataset, bound, other, last=False):
    def judge(size):
        entry, cause, there = _inspected(path, dataset, bound, other)
        if cause is None and size != entry.bytes:
            cause, there = "size", f"{size}, and the file has {entry.bytes:,} bytes"
        if cause is None:
            if last:
                print(_place(entry))
            return None
        wanted = (
            "the bytes of the file"
            if cause == "size"
            else f"a sparse file of a LeNet300, at least {ENOUGH}x, at most {bound} % error"
        )
        return f"Expected: {wanted}\n  Got:      {there}", HINTS_8_5[cause]

    return judge


def challenge(dataset, path):
    return 1  # the form of a result; the judge reads the file


def _cases_8_5():
    with tempfile.TemporaryDirectory() as folder:
        small, valid, test = _small()
        path = Path(folder, "small.safetensors")
        about = (
            f"6,000 training images, judged on the validation set: at least {ENOUGH}x, at most {FIRST_BAR} %"
        )
        yield Case(about, (small, path), judge=_judge(path, valid, FIRST_BAR, test))
        mnist, path = load_mnist(), Path(folder, "lenet300.safetensors")
        about = f"all 55,000 training images, judged on the test set: at least {ENOUGH}x, at most {BAR} %"
        yield Case(about, (mnist.train, path), judge=_judge(path, mnist.test, BAR, mnist.valid, last=True))


ex_8_5 = Exercise(
    "8.5",
    challenge,
    _cases_8_5,
    verified=(
        f"sparse files of a LeNet300, {ENOUGH}x or more, tried on the validation set, then on the test set"
    ),
    hint=(
        "Load a trained LeNet300, prune it with masks that grow while it trains, and hand it to save_sparse."
    ),
)

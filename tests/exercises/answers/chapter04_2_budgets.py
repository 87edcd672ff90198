"""Answers to 4.4 and 4.11: right ones, written differently, and wrong ones that must be refused."""

import copy

import torch
from torch import nn
from torch.utils.data import TensorDataset

from answers import plausible, right, wrong
from prunelab.criteria import magnitude
from prunelab.data import load_mnist
from prunelab.granularity import group_scores
from prunelab.masks import apply_masks, mask_model, prunable
from prunelab.measure import macs
from prunelab.models import load_pretrained
from prunelab.surgery import remove_filters
from prunelab.training import train

# 4.4 meet_budget


def _pruned(model, mnist, weights_left, epochs, lr=0.02, scope="global"):
    small = copy.deepcopy(model)
    scores = magnitude(small)
    masks = mask_model(scores, 1 - weights_left, scope=scope)
    train(small, mnist.train, epochs=epochs, lr=lr, masks=masks)
    return small


@right("4.4")
def budget_exact(model, mnist, share, bound):
    total = sum(p.numel() for p in model.parameters())
    weights = sum(score.numel() for score in magnitude(model).values())
    return _pruned(model, mnist, (0.98 * share * total - (total - weights)) / weights, 2)


@right("4.4")
def budget_with_room(model, mnist, share, bound):
    return _pruned(model, mnist, 0.85 * share - 0.04 * (share > 0.3), 2, lr=0.03)


@wrong("4.4", "biases count as parameters too")
def budget_without_biases(model, mnist, share, bound):
    return _pruned(model, mnist, share, 1)


@wrong("4.4", "after pruning comes training")
def budget_without_training(model, mnist, share, bound):
    return _pruned(model, mnist, 0.3 * share, 0)


@wrong("4.4", "revived what was pruned")
def budget_forgets_the_masks(model, mnist, share, bound):
    small = copy.deepcopy(model)
    apply_masks(small, mask_model(magnitude(small), 1 - 0.5 * share, scope="global"))
    train(small, mnist.train, epochs=1, lr=0.02)
    return small


@wrong("4.4", "Nothing is pruned")
def budget_untouched(model, mnist, share, bound):
    return copy.deepcopy(model)


@wrong("4.4", "No weight is left")
def budget_of_zeros(model, mnist, share, bound):
    return _pruned(model, mnist, 0.0, 0)


@wrong("4.4", "Too many parameters")
def budget_too_large(model, mnist, share, bound):
    return _pruned(model, mnist, 1.3 * share, 1)


@wrong("4.4", "not right often enough")
def budget_too_hard(model, mnist, share, bound):
    return _pruned(model, mnist, 0.03 * share, 1)


@wrong("4.4", "Work on a copy")
def budget_in_place(model, mnist, share, bound):
    total = sum(p.numel() for p in model.parameters())
    weights = sum(score.numel() for score in magnitude(model).values())
    masks = mask_model(
        magnitude(model), 1 - (0.98 * share * total - (total - weights)) / weights, scope="global"
    )
    train(model, mnist.train, epochs=2, lr=0.02, masks=masks)
    return copy.deepcopy(model)


def _masked(model, sparsity, scope="global"):
    small = copy.deepcopy(model)
    apply_masks(small, mask_model({n: w.abs() for n, w in prunable(small).items()}, sparsity, scope=scope))
    return small


plausible(
    "4.4",
    lambda m, d, share, bound: _masked(m, 1 - share),
    lambda m, d, share, bound: _masked(m, share),
    lambda m, d, share, bound: _masked(m, 0.99),
    lambda m, d, share, bound: copy.deepcopy(m).apply(
        lambda la: la.reset_parameters() if hasattr(la, "reset_parameters") else None
    ),
)


# 4.11 fewer_macs


def _removed(model, mnist, share, granularity_scores, epochs=2):
    image = mnist.valid.tensors[0][:1]
    *names, _ = prunable(model)
    for sparsity in torch.arange(0.1, 0.99, 0.02).tolist():
        small = remove_filters(
            model, mask_model({n: granularity_scores(prunable(model)[n]) for n in names}, sparsity)
        )
        if macs(small, image) <= share * macs(model, image):
            break
    if epochs:
        train(small, mnist.train, epochs=epochs, lr=0.02)
    return small


@right("4.11")
def macs_by_l1(model, mnist, share, points):
    return _removed(model, mnist, share, lambda w: group_scores(w, "filter", norm=1))


@right("4.11")
def macs_by_largest_weight(model, mnist, share, points):
    return _removed(
        model, mnist, share, lambda w: w.abs().flatten(1).amax(1).view(-1, *[1] * (w.ndim - 1)), epochs=3
    ).eval()


@wrong("4.11", "Remove it")
def macs_masked(model, mnist, share, points):
    small = copy.deepcopy(model)
    apply_masks(small, mask_model({n: w.abs() for n, w in prunable(small).items()}, 0.9))
    return small


@wrong("4.11", "Too many MACs")
def macs_as_before(model, mnist, share, points):
    return copy.deepcopy(model)


@wrong("4.11", "train the small network")
def macs_untrained(model, mnist, share, points):
    return _removed(model, mnist, share, lambda w: -group_scores(w, "filter"), epochs=0)


plausible(
    "4.11",
    lambda m, d, share, points: copy.deepcopy(m),
    lambda m, d, share, points: _masked(m, 1 - share),
    lambda m, d, share, points: nn.Sequential(nn.Flatten(), nn.Linear(d.valid.tensors[0][0].numel(), 2)),
    lambda m, d, share, points: nn.Identity(),
)

# 4.4, once more from the text alone


def _mb_4_4(model, d, share, total=None, epochs=2, ds=None, after=False, lr=0.02):
    s = copy.deepcopy(model)
    sc = magnitude(s)
    nw = sum(x.numel() for x in sc.values())
    n = sum(p.numel() for p in s.parameters())
    left = 0.98 * share * n - (n - nw) if total is None else total(share, n, nw)
    m = mask_model(sc, 1 - left / nw, scope="global")
    if after:
        train(s, ds or d.train, epochs=epochs, lr=lr)
        apply_masks(s, mask_model(magnitude(s), 1 - left / nw, scope="global"))
    else:
        train(s, ds or d.train, epochs=epochs, lr=lr, masks=m)
    return s


right("4.4")(lambda m, d, s, b: _mb_4_4(m, d, s, total=lambda s, n, nw: 0.95 * s * n - (n - nw)))

plausible(
    "4.4",
    lambda m, d, s, b: _mb_4_4(m, d, s, total=lambda s, n, nw: s * n),  # weights only
    lambda m, d, s, b: (
        lambda c: (
            apply_masks(c, mask_model(magnitude(c), 1 - s, scope="global")),
            train(c, d.train, epochs=1, lr=0.02),
            c,
        )[2]
    )(copy.deepcopy(m)),  # masks forgotten in training
)

# 4.11, once more from the text alone


def _fm_4_11(model, d, share, points, ds=None, epochs=2, tot=None, lr=0.02):
    x = d.valid.tensors[0][:1]
    sc = {n: group_scores(w, "filter") for n, w in prunable(model).items()}
    sc.popitem()
    for q in torch.arange(0.05, 0.97, 0.02).tolist():
        s = remove_filters(model, mask_model(sc, q))
        if (tot or (lambda s: macs(s, x) <= share * macs(model, x)))(s):
            break
    train(s, ds or d.train, epochs=epochs, lr=lr)
    return s.eval()


right("4.11")(lambda m, d, s, p: _fm_4_11(m, d, s, p))

plausible(
    "4.11",
    lambda m, d, s, p: _fm_4_11(
        m,
        d,
        s,
        p,
        tot=lambda q: (
            sum(x.numel() for x in q.parameters()) <= 2.2 * s * sum(x.numel() for x in m.parameters())
        ),
    ),  # parameters instead of MACs
    lambda m, d, s, p: (
        _fm_4_11(m, d, s, p, epochs=0)
        if False
        else remove_filters(
            m,
            mask_model(
                (lambda sc: (sc.popitem(), sc)[1])(
                    {n: group_scores(w, "filter") for n, w in prunable(m).items()}
                ),
                0.75,
            ),
        )
    ),  # no fine-tune
)


# found by readers


class _ByHand(nn.Module):
    """Linear layers written with * and sum, which no counter of matrix products sees."""

    def __init__(self, model):
        super().__init__()
        self.layers = copy.deepcopy(model)

    def forward(self, x):
        for layer in self.layers:
            hand = isinstance(layer, nn.Linear)
            x = (x[:, None] * layer.weight).sum(-1) + layer.bias if hand else layer(x)
        return x


@wrong("4.11", "Not every product is counted")
def macs_by_hand(model, mnist, share, points):
    return _ByHand(model)


def _on_own_labels(model, mnist, name):
    """Return the stored network and MNIST as it comes, where the course's network is asked for."""
    if len(mnist.train) < 5_000:
        return model, mnist
    images, labels = load_mnist().train.tensors
    return load_pretrained(name), mnist._replace(train=TensorDataset(images[:5_000], labels[:5_000]))


@wrong("4.4", "not right often enough")
def budget_by_stored_network(model, mnist, share, bound):
    return _mb_4_4(*_on_own_labels(model, mnist, "lenet5"), share)


@wrong("4.11", "wrong too often")
def macs_by_stored_network(model, mnist, share, points):
    return _fm_4_11(*_on_own_labels(model, mnist, "lenet5_caffe"), share, points)

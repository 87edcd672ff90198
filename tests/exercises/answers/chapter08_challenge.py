"""Answers to 8.5: right ones, written differently, and wrong ones that must be refused."""

import copy
import shutil

import torch
from safetensors.torch import save_file
from torch.utils.data import TensorDataset

from answers import plausible, right, wrong
from prunelab import records
from prunelab.criteria import magnitude
from prunelab.data import load_mnist
from prunelab.dynamic import gradual
from prunelab.masks import apply_masks, mask_model, prunable
from prunelab.models import LeNet300, load_pretrained
from prunelab.schedules import cubic
from prunelab.storage import load_sparse, save_sparse
from prunelab.training import steps_per_epoch, train

# 8.5 challenge


_networks = {}  # number of training images -> network: one training for all answers and mutants


def _gradually(dataset):
    if len(dataset) not in _networks:
        model, steps = load_pretrained("lenet300"), 4 * steps_per_epoch(dataset)
        masks, on_step = gradual(lambda step: cubic(step, 0, steps // 2, 0.92), every=max(1, steps // 50))
        train(model, dataset, epochs=4, masks=masks, on_step=on_step)
        _networks[len(dataset)] = model
    return _networks[len(dataset)]


@right("8.5")
def challenge_gradually(dataset, path):
    return save_sparse(_gradually(dataset), path)


def _masks(model, keep=(0.08, 0.09, 0.26)):
    scores = magnitude(model)
    return mask_model(scores, {name: 1 - share for name, share in zip(scores, keep, strict=True)})


@right("8.5")
def challenge_of_han(dataset, path):
    model = load_pretrained("lenet300", seed=1)
    train(model, dataset, epochs=4, masks=_masks(model))
    save_sparse(model, path)
    return path.stat().st_size


@wrong("8.5", "Nothing is pruned")
def challenge_dense(dataset, path):
    return save_sparse(load_pretrained("lenet300", seed=3), path)


def _cut(seed=0):
    model = load_pretrained("lenet300", seed)
    apply_masks(model, mask_model(magnitude(model), 1 - 1 / 12.5, scope="global"))
    return model


@wrong("8.5", "Train it further")
def challenge_untrained(dataset, path):
    return save_sparse(_cut(), path)


@wrong("8.5", "picked at random")
def challenge_random(dataset, path):
    model = load_pretrained("lenet300")
    scores = {name: torch.rand_like(score) for name, score in magnitude(model).items()}
    apply_masks(model, mask_model(scores, 0.92))
    return save_sparse(model, path)


@wrong("8.5", "picked at random")
def challenge_random_trained(dataset, path):
    model = load_pretrained("lenet300")
    scores = {name: torch.rand_like(score) for name, score in magnitude(model).items()}
    train(model, dataset, epochs=2, masks=mask_model(scores, 0.92))
    return save_sparse(model, path)


@wrong("8.5", "Did training revive them?")
def challenge_revived(dataset, path):
    model = _cut()
    train(model, dataset, epochs=1)
    return save_sparse(model, path)


@wrong("8.5", "Did training revive them?")
def challenge_one_step_late(dataset, path):
    model = copy.deepcopy(_gradually(dataset))
    loss = torch.nn.functional.cross_entropy(model(dataset.tensors[0][:128]), dataset.tensors[1][:128])
    loss.backward()
    torch.optim.SGD(model.parameters(), lr=1e-3).step()
    return save_sparse(model, path)


@wrong("8.5", "leaves room for 22,183")
def challenge_too_large(dataset, path):
    model = load_pretrained("lenet300")
    train(model, dataset, epochs=1, masks=mask_model(magnitude(model), 0.9, scope="global"))
    return save_sparse(model, path)


@wrong("8.5", "wrong too often")
def challenge_too_little(dataset, path):
    model = load_pretrained("lenet300")
    few = TensorDataset(*(part[:256] for part in dataset.tensors))
    train(model, few, epochs=1, lr=1e-3, masks=mask_model(magnitude(model), 0.98, scope="global"))
    return save_sparse(model, path)


@wrong("8.5", "No weight is left")
def challenge_nothing_left(dataset, path):
    model = LeNet300()
    apply_masks(
        model, {name: torch.zeros_like(score, dtype=torch.bool) for name, score in magnitude(model).items()}
    )
    return save_sparse(model, path)


@wrong("8.5", "Nothing stands at path")
def challenge_no_file(dataset, path):
    return save_sparse(_cut(), path.with_suffix(".other"))


@wrong("8.5", "another network")
def challenge_lenet5(dataset, path):
    return save_sparse(load_pretrained("lenet5"), path)


@wrong("8.5", "Only what prunelab.storage.save_sparse writes")
def challenge_torch_file(dataset, path):
    torch.save(_cut().state_dict(), path)
    return path.stat().st_size


@wrong("8.5", "Only what prunelab.storage.save_sparse writes")
def challenge_safetensors_file(dataset, path):
    save_file(_cut().state_dict(), path)
    return path.stat().st_size


@wrong("8.5", "the bytes of the file")
def challenge_counts_weights(dataset, path):
    challenge_gradually(dataset, path)
    return 21_296


def _pruned(model, sparsity, scope="global"):
    small = copy.deepcopy(model)
    apply_masks(small, mask_model({n: w.abs() for n, w in prunable(small).items()}, sparsity, scope=scope))
    return small


def _saved(change, size=lambda n: n):
    def challenge(dataset, path):
        from prunelab.models import load_pretrained

        return size(save_sparse(change(load_pretrained("lenet300")), path))

    return challenge


plausible(
    "8.5",
    _saved(lambda m: m),
    _saved(lambda m: _pruned(m, 0.92)),
    _saved(lambda m: _pruned(m, 0.95, scope="layer")),
    lambda dataset, path: 12,
)

# 8.5, once more from the text alone


def _ch_8_5(d, path, sparsity=0.925, epochs=4, masked=True, lr=0.05):
    m = load_pretrained("lenet300")
    k = mask_model(magnitude(m), sparsity, scope="global")
    train(m, d, epochs=epochs, lr=lr, masks=k if masked else None)
    return save_sparse(m, path)


right("8.5")(lambda d, p: _ch_8_5(d, p))

plausible(
    "8.5",
    lambda d, p: save_sparse(load_pretrained("lenet300"), p),  # dense
    lambda d, p: _ch_8_5(d, p, sparsity=0.90, epochs=1),  # 11 x
    lambda d, p: (_ch_8_5(d, p, epochs=1), 22183)[1],  # number of parameters
    lambda d, p: (
        lambda m: (apply_masks(m, mask_model(magnitude(m), 0.95, scope="global")), save_sparse(m, p))[1]
    )(load_pretrained("lenet300")),  # untrained
)


# found by readers


@wrong("8.5", "own records")
def a_copied_record(dataset, path):
    return shutil.copy(sorted(records.RECORDS.glob("lenet300-*"))[0], path).stat().st_size


@wrong("8.5", "own records")
def a_record_with_another_number(dataset, path):
    load_sparse(sorted(records.RECORDS.glob("lenet300-*"))[0], model := LeNet300())
    with torch.no_grad():
        model.fc1.weight[model.fc1.weight != 0] += 1e-6
    return save_sparse(model, path)


@wrong("8.5", "it has seen it")
def challenge_trained_on_the_validation_set(dataset, path):
    parts = zip(dataset.tensors, load_mnist().valid.tensors, strict=True)
    both = TensorDataset(*(torch.cat(pair) for pair in parts))
    return _ch_8_5(both, path, epochs=6)


@wrong("8.5", "it has seen it")
def challenge_trained_on_the_test_set(dataset, path):
    if len(dataset) < 7_000:
        return challenge_gradually(dataset, path)
    parts = zip(dataset.tensors, load_mnist().test.tensors, strict=True)
    return _ch_8_5(TensorDataset(*(torch.cat(pair) for pair in parts)), path)

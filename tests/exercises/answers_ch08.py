"""Answers of chapter 08: right ones, written differently, and wrong ones that the checkers do not know
literally.
"""

import copy
import math

import torch
from answers import right, wrong
from safetensors.torch import save_file
from torch.utils.data import TensorDataset

from prunelab.criteria import magnitude
from prunelab.dynamic import gradual
from prunelab.masks import apply_masks, mask_model
from prunelab.models import LeNet300, load_pretrained
from prunelab.schedules import cubic
from prunelab.storage import save_sparse
from prunelab.training import steps_per_epoch, train

# 8.1 compression


@right("8.1")
def compression_sums(layers):
    return sum(n for n, _ in layers.values()) / sum(n * percent / 100 for n, percent in layers.values())


@right("8.1")
def compression_tensor(layers):
    table = torch.tensor(list(layers.values()), dtype=torch.float64)
    return float(100 / (table[:, 1] @ (table[:, 0] / table[:, 0].sum())))


@wrong("8.1", "not even weighed by size")
def compression_of_weighed_ratio(layers):
    total = sum(n for n, _ in layers.values())
    return sum(n / total * 100 / percent for n, percent in layers.values())


# 8.2 ratios


@right("8.2")
def ratios_bits(weights, biases, nonzeros, value_bits, index_bits):
    dense = 32 * (weights + biases)
    pairs = nonzeros * (32 + 32) + 32 * biases
    shared = nonzeros * (value_bits + index_bits) + 32 * (2**value_bits + biases)
    return {
        "weights": weights / nonzeros,
        "parameters": (weights + biases) / (nonzeros + biases),
        "pairs": dense / pairs,
        "shared": dense / shared,
    }


@right("8.2")
def ratios_floats(weights, biases, nonzeros, value_bits, index_bits):
    below = [nonzeros + biases, 2 * nonzeros + biases]
    below.append(nonzeros * (value_bits + index_bits) / 32 + sum(1 for _ in range(1 << value_bits)) + biases)
    others = [(weights + biases) / size for size in below]
    return dict(zip(("weights", "parameters", "pairs", "shared"), [weights / nonzeros, *others], strict=True))


# 8.3 report


@right("8.3")
def report_gather(valid, test):
    errors = test.gather(1, valid.argmin(1, keepdim=True)).squeeze(1)
    return errors.mean().item(), errors.std().item(), errors.max().item()


@right("8.3")
def report_loops(valid, test):
    errors = []
    for validation, error in zip(valid.tolist(), test.tolist(), strict=True):
        errors.append(error[min(range(len(validation)), key=validation.__getitem__)])
    mean = sum(errors) / len(errors)
    return mean, math.sqrt(sum((e - mean) ** 2 for e in errors) / (len(errors) - 1)), max(errors)


# 8.4 beaten_by_all


@right("8.4")
def by_all_conditions(marks, entries):
    names = []
    for name, compression, error in marks:
        as_good = all(c >= compression and e <= error for c, e in entries)
        if as_good and all((c, e) != (compression, error) for c, e in entries):
            names.append(name)
    return names


@right("8.4")
def by_all_sets(marks, entries):
    def rivals(entry):
        return {
            i
            for i, (_, c, e) in enumerate(marks)
            if max(c - entry[0], entry[1] - e) <= 0 < entry[0] - c + e - entry[1]
        }

    return [marks[i][0] for i in sorted(set.intersection(*map(rivals, entries)))]


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

"""Answers to the exercises of chapter 08: right ones, written differently, and wrong ones, each with the hint it must get."""

import copy
import math
import statistics

import numpy as np
import torch
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


def compression_sums(layers):
    return sum(n for n, _ in layers.values()) / sum(n * percent / 100 for n, percent in layers.values())


def compression_tensor(layers):
    table = torch.tensor(list(layers.values()), dtype=torch.float64)
    return float(100 / (table[:, 1] @ (table[:, 0] / table[:, 0].sum())))


def compression_of_mean_percent(layers):
    return 100 / statistics.mean(percent for _, percent in layers.values())


def compression_of_mean_ratio(layers):
    return float(np.mean([100 / percent for _, percent in layers.values()]))


def compression_of_weighed_ratio(layers):
    total = sum(n for n, _ in layers.values())
    return sum(n / total * 100 / percent for n, percent in layers.values())


def compression_upside_down(layers):
    return 1 / compression_sums(layers)


def compression_per_cent(layers):
    return compression_sums(layers) / 100


def compression_of_the_pruned(layers):
    return sum(n for n, _ in layers.values()) / sum(n * (100 - percent) / 100 for n, percent in layers.values())


# 8.2 ratios


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


def ratios_floats(weights, biases, nonzeros, value_bits, index_bits):
    below = [nonzeros + biases, 2 * nonzeros + biases]
    below.append(nonzeros * (value_bits + index_bits) / 32 + sum(1 for _ in range(1 << value_bits)) + biases)
    others = [(weights + biases) / size for size in below]
    return dict(zip(("weights", "parameters", "pairs", "shared"), [weights / nonzeros, *others], strict=True))


def ratios_biases_pruned(weights, biases, nonzeros, value_bits, index_bits):
    right = ratios_bits(weights, biases, nonzeros, value_bits, index_bits)
    return right | {"parameters": (weights + biases) / nonzeros}


def ratios_without_index(weights, biases, nonzeros, value_bits, index_bits):
    right = ratios_bits(weights, biases, nonzeros, value_bits, index_bits)
    return right | {"pairs": right["parameters"]}


def ratios_half(weights, biases, nonzeros, value_bits, index_bits):
    right = ratios_bits(weights, biases, nonzeros, value_bits, index_bits)
    return right | {"pairs": right["weights"] / 2}


def ratios_without_book(weights, biases, nonzeros, value_bits, index_bits):
    dense, shared = 32 * (weights + biases), nonzeros * (value_bits + index_bits) + 32 * biases
    return ratios_bits(weights, biases, nonzeros, value_bits, index_bits) | {"shared": dense / shared}


def ratios_short_book(weights, biases, nonzeros, value_bits, index_bits):
    dense, shared = 32 * (weights + biases), nonzeros * (value_bits + index_bits) + 32 * value_bits + 32 * biases
    return ratios_bits(weights, biases, nonzeros, value_bits, index_bits) | {"shared": dense / shared}


def ratios_small_floats(weights, biases, nonzeros, value_bits, index_bits):
    dense, shared = 32 * (weights + biases), nonzeros * (value_bits + index_bits) + 2**value_bits + 32 * biases
    return ratios_bits(weights, biases, nonzeros, value_bits, index_bits) | {"shared": dense / shared}


def ratios_upside_down(*args):
    return {name: 1 / value for name, value in ratios_bits(*args).items()}


# 8.3 report


def report_gather(valid, test):
    errors = test.gather(1, valid.argmin(1, keepdim=True)).squeeze(1)
    return errors.mean().item(), errors.std().item(), errors.max().item()


def report_loops(valid, test):
    errors = []
    for validation, error in zip(valid.tolist(), test.tolist(), strict=True):
        errors.append(error[min(range(len(validation)), key=validation.__getitem__)])
    mean = sum(errors) / len(errors)
    return mean, math.sqrt(sum((e - mean) ** 2 for e in errors) / (len(errors) - 1)), max(errors)


def _summed_up(errors):
    return errors.mean().item(), errors.std().item(), errors.max().item()


def report_unrepaired(valid, test):
    errors = test.min(dim=1).values
    return errors.min().item(), errors.std(correction=0).item(), errors.max().item()


def report_best_test(valid, test):
    return _summed_up(test.min(dim=1).values)


def report_best_seed(valid, test):
    return test.gather(1, valid.argmin(1, keepdim=True)).min().item(), *report_gather(valid, test)[1:]


def report_best_seed_by_valid(valid, test):
    seed, epoch = divmod(int(valid.argmin()), valid.shape[1])
    return test[seed, epoch].item(), *report_gather(valid, test)[1:]


def report_population(valid, test):
    mean, _, worst = report_gather(valid, test)
    return mean, test.gather(1, valid.argmin(1, keepdim=True)).std(correction=0).item(), worst


def report_last_epoch(valid, test):
    return _summed_up(test[:, -1])


def report_latest(valid, test):
    epochs = valid.shape[1] - 1 - valid.flip(1).argmin(1)
    return _summed_up(test[torch.arange(len(test)), epochs])


def report_one_epoch(valid, test):
    return _summed_up(test[:, valid.mean(0).argmin()])


def report_validation(valid, test):
    return _summed_up(valid.min(dim=1).values)


# 8.4 beaten_by_all


def by_all_conditions(marks, entries):
    names = []
    for name, compression, error in marks:
        as_good = all(c >= compression and e <= error for c, e in entries)
        if as_good and all((c, e) != (compression, error) for c, e in entries):
            names.append(name)
    return names


def by_all_sets(marks, entries):
    def rivals(entry):
        return {i for i, (_, c, e) in enumerate(marks) if max(c - entry[0], entry[1] - e) <= 0 < entry[0] - c + e - entry[1]}

    return [marks[i][0] for i in sorted(set.intersection(*map(rivals, entries)))]


def by_the_mean(marks, entries):
    mean = tuple(statistics.fmean(values) for values in zip(*entries, strict=True))
    return by_all_conditions(marks, [mean])


def by_any(marks, entries):
    return [mark[0] for mark in marks if any(by_all_conditions([mark], [entry]) for entry in entries)]


def by_the_best_seed(marks, entries):
    return by_all_conditions(marks, [min(entries, key=lambda entry: entry[1])])


def by_one_number(marks, entries):
    return [name for name, compression, error in marks if all(c > compression or e < error for c, e in entries)]


def by_both_numbers(marks, entries):
    return [name for name, compression, error in marks if all(c > compression and e < error for c, e in entries)]


def by_equality(marks, entries):
    return [name for name, compression, error in marks if all(c >= compression and e <= error for c, e in entries)]


def by_weighing(marks, entries):
    return [name for name, compression, error in marks if all(c / e > compression / error for c, e in entries)]


def by_the_worst_numbers(marks, entries):
    return by_all_conditions(marks, [(min(c for c, _ in entries), max(e for _, e in entries))])


# 8.5 challenge

_networks = {}  # number of training images -> network: one training for all answers and mutants


def _gradually(dataset):
    if len(dataset) not in _networks:
        model, steps = load_pretrained("lenet300"), 4 * steps_per_epoch(dataset)
        masks, on_step = gradual(lambda step: cubic(step, 0, steps // 2, 0.92), every=max(1, steps // 50))
        train(model, dataset, epochs=4, masks=masks, on_step=on_step)
        _networks[len(dataset)] = model
    return _networks[len(dataset)]


def challenge_gradually(dataset, path):
    return save_sparse(_gradually(dataset), path)


def _masks(model, keep=(0.08, 0.09, 0.26)):
    scores = magnitude(model)
    return mask_model(scores, {name: 1 - share for name, share in zip(scores, keep, strict=True)})


def challenge_of_han(dataset, path):
    model = load_pretrained("lenet300", seed=1)
    train(model, dataset, epochs=4, masks=_masks(model))
    save_sparse(model, path)
    return path.stat().st_size


def challenge_dense(dataset, path):
    return save_sparse(load_pretrained("lenet300", seed=3), path)


def _cut(seed=0):
    model = load_pretrained("lenet300", seed)
    apply_masks(model, mask_model(magnitude(model), 1 - 1 / 12.5, scope="global"))
    return model


def challenge_untrained(dataset, path):
    return save_sparse(_cut(), path)


def challenge_random(dataset, path):
    model = load_pretrained("lenet300")
    scores = {name: torch.rand_like(score) for name, score in magnitude(model).items()}
    apply_masks(model, mask_model(scores, 0.92))
    return save_sparse(model, path)


def challenge_random_trained(dataset, path):
    model = load_pretrained("lenet300")
    scores = {name: torch.rand_like(score) for name, score in magnitude(model).items()}
    train(model, dataset, epochs=2, masks=mask_model(scores, 0.92))
    return save_sparse(model, path)


def challenge_revived(dataset, path):
    model = _cut()
    train(model, dataset, epochs=1)
    return save_sparse(model, path)


def challenge_one_step_late(dataset, path):
    model = copy.deepcopy(_gradually(dataset))
    loss = torch.nn.functional.cross_entropy(model(dataset.tensors[0][:128]), dataset.tensors[1][:128])
    loss.backward()
    torch.optim.SGD(model.parameters(), lr=1e-3).step()
    return save_sparse(model, path)


def challenge_too_large(dataset, path):
    model = load_pretrained("lenet300")
    train(model, dataset, epochs=1, masks=mask_model(magnitude(model), 0.9, scope="global"))
    return save_sparse(model, path)


def challenge_too_little(dataset, path):
    model = load_pretrained("lenet300")
    few = TensorDataset(*(part[:256] for part in dataset.tensors))
    train(model, few, epochs=1, lr=1e-3, masks=mask_model(magnitude(model), 0.98, scope="global"))
    return save_sparse(model, path)


def challenge_nothing_left(dataset, path):
    model = LeNet300()
    apply_masks(model, {name: torch.zeros_like(score, dtype=torch.bool) for name, score in magnitude(model).items()})
    return save_sparse(model, path)


def challenge_no_file(dataset, path):
    return save_sparse(_cut(), path.with_suffix(".other"))


def challenge_lenet5(dataset, path):
    return save_sparse(load_pretrained("lenet5"), path)


def challenge_torch_file(dataset, path):
    torch.save(_cut().state_dict(), path)
    return path.stat().st_size


def challenge_safetensors_file(dataset, path):
    save_file(_cut().state_dict(), path)
    return path.stat().st_size


def challenge_counts_weights(dataset, path):
    challenge_gradually(dataset, path)
    return 21_296


RIGHT = {
    "ex_8_1": [compression_sums, compression_tensor],
    "ex_8_2": [ratios_bits, ratios_floats],
    "ex_8_3": [report_gather, report_loops],
    "ex_8_4": [by_all_conditions, by_all_sets],
    "ex_8_5": [challenge_gradually, challenge_of_han],
}
WRONG = {
    "ex_8_1": {
        compression_of_mean_percent: "You average the percentages",
        compression_of_mean_ratio: "You average the layers' ratios",
        compression_of_weighed_ratio: "not even weighed by size",
        compression_upside_down: "Upside down",
        compression_per_cent: "A percent is a hundredth",
        compression_of_the_pruned: "you divide by what is pruned",
    },
    "ex_8_2": {
        ratios_biases_pruned: "Biases are never pruned",
        ratios_without_index: "without its position",
        ratios_half: "A file holds the biases, too",
        ratios_without_book: "without its codebook",
        ratios_short_book: "How many values can codes",
        ratios_small_floats: "floats of 32 bits",
        ratios_upside_down: "Upside down",
    },
    "ex_8_3": {
        report_unrepaired: "Which set is for choosing?",
        report_best_test: "Which set is for choosing?",
        report_best_seed: "You report the best seed",
        report_best_seed_by_valid: "You report the best seed",
        report_population: "divide by n - 1",
        report_last_epoch: "You read the last epoch",
        report_latest: "take the earlier one",
        report_one_epoch: "one epoch for all seeds",
        report_validation: "report the test error",
    },
    "ex_8_4": {
        by_the_mean: "The mean over the seeds",
        by_any: "beaten by every one",
        by_the_best_seed: "beaten by every one",
        by_one_number: "is a tie",
        by_both_numbers: "need not be better in both",
        by_equality: "has not beaten it",
        by_weighing: "You weigh compression against error",
        by_the_worst_numbers: "may belong to different seeds",
    },
    "ex_8_5": {
        challenge_dense: "Nothing is pruned",
        challenge_untrained: "Train it further",
        challenge_random: "picked at random",
        challenge_random_trained: "picked at random",
        challenge_revived: "Did training revive them?",
        challenge_one_step_late: "Did training revive them?",
        challenge_too_large: "leaves room for 22,183",
        challenge_too_little: "wrong too often",
        challenge_nothing_left: "No weight is left",
        challenge_no_file: "Nothing stands at path",
        challenge_lenet5: "another network",
        challenge_torch_file: "Only what prunelab.storage.save_sparse writes",
        challenge_safetensors_file: "Only what prunelab.storage.save_sparse writes",
        challenge_counts_weights: "the bytes of the file",
    },
}

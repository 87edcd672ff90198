"""Records are what can be measured again: each stored file is loaded, counted, weighed and tested."""

import json
from dataclasses import asdict

import pytest
import torch

from experiments.record_teachers import RECIPES, TRIALS, Trial
from experiments.records import SEEDS
from prunelab.data import DATA
from prunelab.masks import prunable
from prunelab.models import MODELS, LeNet5, LeNet300
from prunelab.records import HAN, HAN_RECORD, MARKS, RECORDS, beaten, evaluate
from prunelab.storage import load_sparse, save_sparse

ROWS = json.loads((DATA / "results" / "records.json").read_text(encoding="utf-8"))["rows"]
FURTHER = [
    row
    for row in json.loads((DATA / "results" / "record_limits.json").read_text(encoding="utf-8"))["trials"]
    if "file" in row
]
TAUGHT = json.loads((DATA / "results" / "record_teachers.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["file"])
def test_a_record_is_what_its_file_holds(row, mnist):
    path = RECORDS / row["file"]
    entry = evaluate(path, row["network"], mnist.test)
    assert entry.nonzeros == sum(row["kept"].values()) and entry.compression >= row["compression"]
    assert entry.error == pytest.approx(
        row["test"], abs=0.021
    )  # two images of 10,000, where another CPU rounds differently
    assert entry.bytes == row["bytes"] == path.stat().st_size
    model = MODELS[row["network"]]()
    load_sparse(path, model)
    total = nonzeros = 0
    for name, parameter in model.named_parameters():  # counted once more, without the package's helpers
        if name.endswith("weight"):
            total += parameter.numel()
            nonzeros += int((parameter != 0).sum())
    assert nonzeros == entry.nonzeros and total / nonzeros == pytest.approx(entry.compression)
    assert total == {"lenet300": 266_200, "lenet5_caffe": 430_500}[row["network"]]


@pytest.mark.parametrize("row", FURTHER, ids=lambda row: row["file"])
def test_a_record_pruned_further_is_what_its_file_holds(row, mnist):
    entry = evaluate(RECORDS / row["file"], row["network"], mnist.test)
    assert entry.compression >= 250 and entry.bytes == row["bytes"]
    assert entry.error == pytest.approx(row["test"], abs=0.021)


@pytest.mark.parametrize("row", TAUGHT["networks"], ids=lambda row: row["file"])
def test_a_record_with_teachers_is_what_its_file_holds(row, mnist):
    entry = evaluate(RECORDS / row["file"], row["network"], mnist.test)
    key = {name: row[name] for name in ("network", "ratio", "seed")}
    (read,) = [found for found in TAUGHT["tests"] if key.items() <= found.items()]
    assert entry.nonzeros == sum(row["kept"].values()) and entry.compression >= row["ratio"]
    assert entry.error == pytest.approx(read["test"], abs=0.021) and entry.bytes == row["bytes"]
    assert read["valid"] == pytest.approx(row["valid"], abs=0.041), "of 5,000 images"


@pytest.mark.parametrize("key", RECIPES)
def test_the_recipe_of_the_records_with_teachers_has_the_lowest_validation_error_of_those_tried(key):
    (chosen, networks), tried = RECIPES[key], {}
    for recipe in (recipe for recipe in TRIALS if (recipe[0], recipe[2]) == key):
        for wanted in (asdict(Trial(*recipe, seed)) for seed in SEEDS):
            (row,) = [row for row in TAUGHT["trials"] if wanted.items() <= (row | {"part": "trials"}).items()]
            tried.setdefault(recipe, []).append(row["valid"])
    if key == ("lenet5_caffe", 300):
        assert len(tried) == 5 and min(tried, key=lambda recipe: sum(tried[recipe])) == chosen
    else:
        assert not tried, "there is no other recipe to choose from"
    rows = [row for row in TAUGHT["networks"] if (row["network"], row["ratio"]) == key]
    assert [row["seed"] for row in rows] == list(range(networks))


def test_every_file_has_its_row_and_every_configuration_three_networks():
    files = {row["file"] for row in ROWS + FURTHER + TAUGHT["networks"]} | {HAN_RECORD}
    assert {path.name for path in RECORDS.glob("*.safetensors")} == files
    kinds = {}
    for row in ROWS:
        kinds.setdefault((row["network"], row["shifts"], row["compression"]), []).append(row["seed"])
    assert all(sorted(seeds) == [0, 1, 2] for seeds in kinds.values())
    assert {kind[:2] for kind in kinds} == {
        (network, shifts) for network in MARKS for shifts in (True, False)
    }


def test_the_pruned_network_of_han_is_the_one_of_its_row(mnist):
    rows = json.loads((DATA / "results" / "paper_tables.json").read_text(encoding="utf-8"))["rows"]
    row = next(row for row in rows if row["network"] == "lenet5_caffe" and row["seed"] == 0)
    entry = evaluate(RECORDS / HAN_RECORD, "lenet5_caffe", mnist.test)
    assert entry.nonzeros == row["kept"] and entry.error == pytest.approx(row["trained"]["test"], abs=0.021)


@pytest.mark.parametrize("network", HAN)
def test_the_percentages_of_han_give_twelve_times_fewer(network):
    sizes = {name: weight.numel() for name, weight in prunable(MODELS[network]()).items()}
    assert list(HAN[network]) == [name.removesuffix(".weight") for name in sizes]
    kept = sum(
        size * percent / 100 for size, percent in zip(sizes.values(), HAN[network].values(), strict=True)
    )
    assert 11.8 < sum(sizes.values()) / kept < 12.3


def test_beaten_asks_for_both():
    mark = next(mark for mark in MARKS["lenet300"] if mark.compression == 68)
    assert mark in beaten("lenet300", 69, 1.92) and mark in beaten("lenet300", 68, 1.9)
    assert mark not in beaten("lenet300", 68, 1.92), "as good is not better"
    assert mark not in beaten("lenet300", 1000, 1.93) and mark not in beaten("lenet300", 67, 0.5)
    read = [mark for mark in MARKS["lenet300"] if mark.error is not None]
    assert beaten("lenet300", 11, 0.1) == [] and beaten("lenet300", 101, 1.5) == read


def test_a_mark_whose_error_was_not_read_is_beaten_by_nothing_and_says_where_it_is_from():
    unread = [mark for marks in MARKS.values() for mark in marks if mark.error is None]
    assert {mark.name for mark in unread} == {"GSM", "Progressive ADMM", "AutoPrune"}
    assert all(mark.source for mark in unread)
    assert not set(unread) & {mark for network in MARKS for mark in beaten(network, 1e6, 0.0)}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("lenet5", 10, 1), "network must be one of 'lenet300', 'lenet5_caffe', got 'lenet5'"),
        (("lenet300", 0, 1), "compression must be positive"),
        (("lenet300", 10, 101), "error must be a number of percent"),
        (("lenet300", 10, True), "error must be a number of percent"),
    ],
)
def test_beaten_refuses(arguments, said):
    with pytest.raises((TypeError, ValueError), match=said):
        beaten(*arguments)


def test_evaluate_refuses_another_network_and_one_without_weights(tmp_path, mnist):
    save_sparse(LeNet5(), tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="another model"):
        evaluate(tmp_path / "other.safetensors", "lenet300", mnist.test)
    empty = LeNet300()
    with torch.no_grad():
        for weight in prunable(empty).values():
            weight.zero_()
    save_sparse(empty, tmp_path / "empty.safetensors")
    with pytest.raises(ValueError, match="has none"):
        evaluate(tmp_path / "empty.safetensors", "lenet300", mnist.test)
    with pytest.raises(ValueError, match="network must be one of"):
        evaluate(tmp_path / "empty.safetensors", "lenet5", mnist.test)

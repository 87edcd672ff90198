"""The rows of a stored run: read, picked, made into curves, and compared network by network."""

import json

import pytest
from scipy import stats

from prunelab import sweep


def test_the_paired_interval_is_that_of_scipy_and_drops_what_the_networks_share():
    a, b = [98.1, 97.0, 99.2, 96.5, 98.8], [97.9, 96.9, 98.8, 96.4, 98.3]
    expected = stats.ttest_rel(a, b).confidence_interval(0.9)
    mean, low, high = sweep.paired_interval(a, b, confidence=0.9)
    assert (mean, low, high) == pytest.approx((sum(a) / 5 - sum(b) / 5, expected.low, expected.high))
    shifted = sweep.paired_interval(
        [x + 10 * i for i, x in enumerate(a)], [x + 10 * i for i, x in enumerate(b)], confidence=0.9
    )
    assert shifted == pytest.approx((mean, low, high))
    assert sweep.paired_interval([2, 3], [1, 2]) == (1, 1, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1], [2]), "at least 2, got 1 and 1"),
        (([1, 2], [2]), "got 2 and 1"),
        (([1, float("nan")], [2, 3]), "must hold finite numbers"),
        (([1, 2], [2, 3], 1.0), "confidence must lie between 0 and 1"),
    ],
)
def test_a_paired_interval_of_bad_values_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        sweep.paired_interval(*arguments)


def test_a_stored_run_is_json_with_one_row_a_line(tmp_path):
    path = tmp_path / "run.json"
    parts = {"first": [{"a": 1}, {"a": 2}], "empty": []}
    sweep.store(path, {"script": "scripts/run.py"}, parts)
    assert (
        json.loads(path.read_text(encoding="utf-8")) == {"provenance": {"script": "scripts/run.py"}} | parts
    )
    assert '  {"a": 1},\n  {"a": 2}\n' in path.read_text(encoding="utf-8")


def test_a_result_that_is_a_list_gives_as_many_rows(tmp_path):
    records = [{"config": {"x": 1}, "result": [{"y": 2}, {"y": 3}]}, {"config": {"x": 2}, "result": {"y": 4}}]
    assert sweep.rows(records) == [{"x": 1, "y": 2}, {"x": 1, "y": 3}, {"x": 2, "y": 4}]


ROWS = [
    {"seed": s, "kind": k, "x": x, "y": 10 * s + x, "more": [x]}
    for s in (0, 1)
    for k in "ab"
    for x in (3, 1, 2)
]


def test_a_stored_run_is_loaded_by_name():
    assert sweep.load("nm_sparsity")["rows"][0]["network"] == "lenet300"
    with pytest.raises(ValueError, match=r"name must be one of .*'granularity', .* got 'nothing'"):
        sweep.load("nothing")


def test_select_finds_the_rows_with_these_entries():
    assert sweep.select(ROWS) == ROWS and sweep.select(ROWS)[0] is not ROWS[0]
    assert [row["x"] for row in sweep.select(ROWS, seed=1, kind="b")] == [3, 1, 2]
    assert sweep.select([{"a": 1}, {"b": 1}], a=1) == [{"a": 1}]


def test_series_gives_one_curve_per_network_in_the_order_of_the_rows():
    assert sweep.series(ROWS, "x", "y", kind="a") == ([3, 1, 2], [[3, 1, 2], [13, 11, 12]])
    assert sweep.series(ROWS, "x", "y", over="kind", seed=1) == ([3, 1, 2], [[13, 11, 12]] * 2)
    run = sweep.load("concepts")
    sparsities, accuracies = sweep.series(
        run["rows"],
        "sparsity",
        "valid",
        experiment="magnitude_or_random",
        network="lenet300",
        scope="layer",
        criterion="magnitude",
    )
    assert sparsities[0] == 0 and sparsities[-1] == 1 and len(accuracies) == 5
    assert accuracies[0][sparsities.index(0.5)] == 98.42


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: sweep.select(ROWS, kind="c"), ValueError, r"no row has kind='c'; there is 'a', 'b'"),
        (
            lambda: sweep.select(ROWS, kinds="a"),
            ValueError,
            r"no row has kinds='a'; there is no 'kinds' at all",
        ),
        (lambda: sweep.select({"rows": ROWS}), TypeError, "rows must be a list of dicts"),
        (lambda: sweep.select([1, 2], x=1), TypeError, "rows must be a list of dicts"),
        (
            lambda: sweep.series(ROWS, "x", "y"),
            ValueError,
            "seed=0 has more than one row with x=3: name more entries",
        ),
        (lambda: sweep.series(ROWS, "x", "z", kind="a"), ValueError, "y must be one of 'seed', .* got 'z'"),
        (
            lambda: sweep.series(ROWS, "more", "y", kind="a"),
            ValueError,
            "x must name an entry that is a number or a word, got 'more'",
        ),
        (lambda: sweep.series([], "x", "y"), ValueError, "rows must not be empty"),
        (
            lambda: sweep.series(ROWS[:3] + ROWS[6:8], "x", "y"),
            ValueError,
            r"the same x, got \[3, 1, 2\] and, for 1, \[3, 1\]",
        ),
    ],
)
def test_rows_that_do_not_make_a_series_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()

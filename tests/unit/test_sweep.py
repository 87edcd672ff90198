import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch

from prunelab import sweep


def square(x, scale=1):
    if x < 0:
        raise ValueError(f"x must not be negative, got {x}")
    return {"value": scale * x * x, "threads": torch.get_num_threads()}


def tensor_result(x):
    return torch.tensor(x)


def read(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_every_combination_of_a_grid_is_run_once_and_returned_in_order(tmp_path):
    path = tmp_path / "deep" / "results.jsonl"
    records = sweep.run(square, {"x": [1, 2, 3], "scale": [10, 100]}, path, n_jobs=2)
    assert [(r["config"]["x"], r["config"]["scale"]) for r in records] == [
        (x, s) for x in (1, 2, 3) for s in (10, 100)
    ]
    assert [r["result"]["value"] for r in records] == [s * x * x for x in (1, 2, 3) for s in (10, 100)]
    assert sorted(map(str, read(path))) == sorted(map(str, records))


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_every_worker_has_one_thread_and_the_caller_keeps_its_own(tmp_path, n_jobs):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        records = sweep.run(square, {"x": [1, 2]}, tmp_path / "r.jsonl", n_jobs=n_jobs)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert [r["result"]["threads"] for r in records] == [1, 1]


def test_a_second_call_computes_only_what_is_missing(tmp_path):
    path = tmp_path / "r.jsonl"
    calls = []

    def counted(x):
        calls.append(x)
        return x

    sweep.run(counted, {"x": [1, 2]}, path, n_jobs=1)
    records = sweep.run(counted, {"x": [2, 1, 3]}, path, n_jobs=1)
    assert calls == [1, 2, 3]
    assert [r["result"] for r in records] == [2, 1, 3]
    assert len(read(path)) == 3


def test_a_failing_configuration_is_recorded_with_its_error_and_the_others_go_on(tmp_path):
    path = tmp_path / "r.jsonl"
    good, bad, last = sweep.run(square, {"x": [1, -1, 2]}, path, n_jobs=2)
    assert good["result"]["value"] == 1 and last["result"]["value"] == 4
    assert bad["error"] == "ValueError: x must not be negative, got -1" and "result" not in bad
    assert "in square" in bad["traceback"]


def test_a_recorded_failure_is_tried_again_only_when_asked(tmp_path):
    path, state = tmp_path / "r.jsonl", {"broken": True, "calls": 0}

    def flaky(x):
        state["calls"] += 1
        if state["broken"]:
            raise OSError("disk full")
        return x

    sweep.run(flaky, {"x": [1]}, path, n_jobs=1)
    state["broken"] = False
    assert "error" in sweep.run(flaky, {"x": [1]}, path, n_jobs=1)[0] and state["calls"] == 1
    assert sweep.run(flaky, {"x": [1]}, path, n_jobs=1, retry_failed=True)[0]["result"] == 1
    assert (
        sweep.run(flaky, {"x": [1]}, path, n_jobs=1, retry_failed=True)[0]["result"] == 1
        and state["calls"] == 2
    )


def test_a_result_that_is_no_json_is_an_error_of_its_configuration(tmp_path):
    (record,) = sweep.run(tensor_result, {"x": [1]}, tmp_path / "r.jsonl", n_jobs=1)
    assert record["error"].startswith("TypeError") and "JSON" in record["error"]


@pytest.mark.parametrize(
    "torn", ['{"config": {"x": 2}, "sec', "{", '{"config": {"x": 2}, "seconds": 0.1, "result": {"val']
)
def test_a_torn_last_line_is_cut_off_and_computed_again(tmp_path, torn):
    path = tmp_path / "r.jsonl"
    sweep.run(square, {"x": [1]}, path, n_jobs=1)
    whole = path.read_text(encoding="utf-8")
    path.write_text(whole + torn)
    records = sweep.run(square, {"x": [1, 2]}, path, n_jobs=1)
    assert [r["result"]["value"] for r in records] == [1, 4]
    assert path.read_text(encoding="utf-8").startswith(whole) and len(read(path)) == 2


def test_a_complete_last_line_without_its_newline_is_kept(tmp_path):
    path = tmp_path / "r.jsonl"
    sweep.run(square, {"x": [1]}, path, n_jobs=1)
    path.write_text(path.read_text(encoding="utf-8").rstrip("\n"))
    sweep.run(square, {"x": [1, 2]}, path, n_jobs=1)
    assert [r["config"]["x"] for r in read(path)] == [1, 2]


def test_a_damaged_line_in_the_middle_is_refused_and_the_file_left_alone(tmp_path):
    path = tmp_path / "r.jsonl"
    text = (
        '{"config": {"x": 1}, "seconds": 0, "result": 1}\nnot a record\n{"config": {"x": 2}, "seconds": 0,'
        ' "result": 4}\n'
    )
    path.write_text(text)
    with pytest.raises(ValueError, match=r"line 2, is no outcome of a sweep: b'not a record'"):
        sweep.run(square, {"x": [1, 2, 3]}, path, n_jobs=1)
    assert path.read_text(encoding="utf-8") == text


KILLED = """
import sys, time
from prunelab import sweep

def slow(x):
    with open(sys.argv[2], "a") as file:
        file.write(f"{x}\\n")
    time.sleep(0.05 if x < 4 else 60 * (sys.argv[3] == "wait"))
    return x * x

print([r["result"] for r in sweep.run(slow, {"x": list(range(8))}, sys.argv[1], n_jobs=1)])
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_run_killed_in_the_middle_resumes_without_repeating_or_losing_anything(
    tmp_path, monkeypatch, capsys
):
    script, path, calls = tmp_path / "killed.py", tmp_path / "r.jsonl", tmp_path / "calls.txt"
    script.write_text(KILLED)
    command = [sys.executable, str(script), str(path), str(calls)]
    process = subprocess.Popen([*command, "wait"], env=os.environ | {"TQDM_DISABLE": "1"})
    deadline = time.time() + 60
    while (
        not path.exists() or len(path.read_text(encoding="utf-8").splitlines()) < 4
    ) and time.time() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert [r["result"] for r in read(path)] == [0, 1, 4, 9]
    # what goes on is another process than the killed one: this one
    monkeypatch.setattr(sys, "argv", [*command[1:], "go"])
    exec(compile(KILLED, str(script), "exec"), {"__name__": "killed"})
    assert capsys.readouterr().out.strip() == str([x * x for x in range(8)])
    started = [int(x) for x in calls.read_text(encoding="utf-8").split()]
    assert [started.count(x) for x in range(8)] == [1, 1, 1, 1, started.count(4), 1, 1, 1] and started.count(
        4
    ) in (1, 2)
    assert sorted(r["config"]["x"] for r in read(path)) == list(range(8))


def test_the_same_call_runs_on_a_dask_cluster(tmp_path):
    distributed = pytest.importorskip("distributed")
    path = tmp_path / "r.jsonl"
    local = sweep.run(square, {"x": [1, -1]}, tmp_path / "local.jsonl", n_jobs=1)
    with (
        distributed.LocalCluster(
            # a worker in this process; functions and results still travel as bytes, through a socket
            n_workers=1,
            threads_per_worker=2,
            processes=False,
            protocol="tcp://",
            dashboard_address=None,
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        records = sweep.run(square, {"x": [1, -1]}, path, client=client)
        more = sweep.run(square, {"x": [1, -1, 5]}, path, client=client)
    assert records[0]["result"] == local[0]["result"] and records[1]["error"] == local[1]["error"]
    assert more[:2] == records and more[2]["result"]["value"] == 25
    assert len(read(path)) == 3


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"function": 3}, TypeError, "function must be callable, got 3"),
        ({"grid": []}, ValueError, "at least one configuration"),
        ({"grid": {}}, ValueError, "at least one configuration"),
        ({"grid": {"x": 3}}, TypeError, r"grid\['x'\] must be a list of values, got 3"),
        ({"grid": "abc"}, TypeError, "grid must be a dict of lists"),
        ({"grid": [3]}, TypeError, "must be a dict of argument name"),
        ({"grid": [{"x": 1}, {"x": 1}]}, ValueError, "configuration twice, got 1 repeated"),
        ({"grid": [{"x": torch.ones(1)}]}, TypeError, "must be JSON"),
        ({"n_jobs": 0}, ValueError, "n_jobs must be a whole number other than 0, got 0"),
    ],
)
def test_bad_input_is_refused_before_anything_is_run(tmp_path, change, error, message):
    arguments = {"function": square, "grid": {"x": [1]}, "results": tmp_path / "r.jsonl"} | change
    with pytest.raises(error, match=message):
        sweep.run(**arguments)
    assert not (tmp_path / "r.jsonl").exists()


def test_rows_join_configuration_and_result_and_name_a_failure(tmp_path):
    records = sweep.run(square, {"x": [1, 2]}, tmp_path / "good.jsonl", n_jobs=1)
    assert sweep.rows(records) == [{"x": 1, "value": 1, "threads": 1}, {"x": 2, "value": 4, "threads": 1}]
    with pytest.raises(
        RuntimeError, match=r"1 configurations failed, the first: \{'x': -1\}: .*x must not be negative"
    ):
        sweep.rows(sweep.run(square, {"x": [1, -1]}, tmp_path / "bad.jsonl", n_jobs=1))

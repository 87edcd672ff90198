"""Each exercise's cases hold every kind of case that applies to it, or ``kinds.toml`` says why not."""

import inspect
import tomllib
from pathlib import Path

import pytest
import torch
from kinds import KINDS, Cases
from torch import nn

from prunelab import check

REASONS = tomllib.loads((Path(__file__).parent / "kinds.toml").read_text(encoding="utf-8"))


def cases_of(exercise):
    """Return the cases of an exercise; costly ones are cut off by the time that their data take."""
    names = list(inspect.signature(exercise.reference).parameters)
    cases = list(exercise.all_cases())
    return Cases([dict(zip(names, case.args, strict=False)) for case in cases], [c.expected for c in cases])


@pytest.mark.parametrize("exercise", check.EXERCISES.values(), ids=lambda exercise: exercise.number)
def test_every_kind_of_case_that_applies_is_there_or_has_a_reason(exercise):
    cases, reasons = cases_of(exercise), REASONS.get(exercise.number, {})
    applying = {kind for kind, (applies, _) in KINDS.items() if applies(cases)}
    missing = {kind for kind in applying if not KINDS[kind][1](cases)}
    assert missing == set(reasons), (
        f"without a case and a reason: {sorted(missing - set(reasons))},"
        f" a reason that is not needed: {sorted(set(reasons) - missing)}"
    )
    assert all(len(reason) > 15 for reason in reasons.values())


def test_reasons_are_those_of_exercises():
    assert set(REASONS) <= {exercise.number for exercise in check.EXERCISES.values()}


def test_the_table_for_authors_lists_the_kinds():
    text = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    listed = [row.split("|")[1].strip() for row in text.splitlines() if row.startswith("| *")]
    assert [row.strip("*") for row in listed] == list(KINDS)


@pytest.mark.parametrize(
    ("kind", "with_it", "without"),
    [
        ("not square", torch.ones(2, 3), torch.ones(2, 2)),
        ("both signs", torch.tensor([1.0, -1.0]), torch.tensor([1.0, 0.0])),
        ("zeros", torch.tensor([1.0, 0.0]), torch.tensor([0.0])),
        ("some equal", torch.tensor([1.0, -1.0, 2.0]), torch.ones(3)),
        ("nearly equal", torch.tensor([1.0, 1.001]), torch.tensor([1.0, 1.1])),
        ("very small", torch.tensor([1e-9]), torch.tensor([0.0, 0.1])),
        ("very large", torch.tensor([1e9]), torch.tensor([torch.inf, 1.0])),
        ("two float types", [torch.ones(1), torch.ones(1).double()], torch.ones(1)),
        ("a single one", torch.ones(3, 1), torch.ones(3, 2)),
        ("layers inside", nn.Sequential(nn.Sequential(nn.Linear(1, 1))), nn.Sequential(nn.Linear(1, 1))),
        ("other layers", nn.Conv1d(1, 1, 1), nn.Sequential(nn.Linear(2, 3), nn.ReLU())),
        ("groups", nn.Conv2d(2, 2, 1, groups=2), nn.Conv2d(2, 2, 1)),
        ("steps and rims", nn.Conv2d(1, 1, 1, padding=1), nn.Conv2d(1, 1, 1)),
        ("names in no order", {"b": 1.0, "a": 2.0}, {"a": 1.0, "b": 2.0}),
    ],
)
def test_kinds_are_seen_in_arguments(kind, with_it, without):
    assert KINDS[kind][1](Cases([{"x": with_it}], [True]))
    assert not KINDS[kind][1](Cases([{"x": without}], [True]))


def test_shares_are_seen_in_arguments():
    half = Cases([{"weight": torch.ones(n), "sparsity": 0.5} for n in (3, 5)], [True])
    down = Cases([{"weight": torch.ones(5), "sparsity": 0.5}], [True])  # 2.5 is rounded down
    ends = Cases([{"sparsity": 0.0}, {"sparsity": 1.0}], [True])
    assert KINDS["halves"][1](half) and not KINDS["halves"][1](ends) and not KINDS["halves"][1](down)
    assert KINDS["nothing and all"][1](ends) and not KINDS["nothing and all"][1](half)

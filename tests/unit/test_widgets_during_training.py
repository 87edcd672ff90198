"""The explorers of chapters 04.3 and 04.4 report what the functions behind them give, and refuse what they
cannot draw.
"""

import re

import pytest
import torch
from torch.utils.data import TensorDataset

from prunelab.dynamic import gradual
from prunelab.models import LeNet300
from prunelab.schedules import cubic
from prunelab.training import accuracy, train
from prunelab.widgets import schedule_explorer, ticket_explorer


def test_schedule_explorer_trains_what_the_sliders_say():
    draw = torch.Generator().manual_seed(0)
    data = TensorDataset(torch.randn(256, 1, 28, 28, generator=draw), torch.arange(256) % 10)
    state = torch.random.get_rng_state()
    box = schedule_explorer(data, data, epochs=2)  # four steps
    assert torch.equal(state, torch.random.get_rng_state())
    assert "95.0 % pruned" in box.text.value and bytes(box.picture.value).startswith(b"\x89PNG")
    first = bytes(box.picture.value)
    box.controls["final"].value = 0.5
    assert "50.0 % pruned" in box.text.value and bytes(box.picture.value) != first
    masks, on_step = gradual(lambda step: cubic(step, 0, 2, 0.5), every=1)
    torch.manual_seed(0)
    model = LeNet300()
    train(model, data, epochs=2, masks=masks, on_step=on_step)
    assert float(re.search(r"~([\d.]+)", box.text.value)[1]) == pytest.approx(accuracy(model, data), abs=0.5)
    box.controls["start"].value = 80  # after the end: refused in words, the picture stays
    assert "end must be at least" in box.text.value


def rows():
    tickets = [
        {
            "seed": s,
            "round": n,
            "start": "ticket",
            "left": 0.8**n,
            "test": 90.0 + n + s,
            "valid": [80.0, 85.0 + n],
        }
        for s in (0, 1)
        for n in (0, 1, 2)
    ]
    return [
        *tickets,
        {"seed": 0, "round": 2, "start": "random mask", "left": 0.64, "test": 85.0, "valid": [60.0, 70.0]},
    ]


def test_ticket_explorer_shows_the_controls_where_they_are():
    box = ticket_explorer(rows(), every=50)
    assert [label for label, _ in box.controls["density"].options] == ["100.0 %", "80.0 %", "64.0 %"]
    assert "dense ~90.50 %, ticket ~92.50 %, random mask ~85.00 %" in box.text.value
    first = bytes(box.picture.value)
    box.controls["density"].value = 1
    assert box.text.value.endswith("dense ~90.50 %, ticket ~91.50 %") and bytes(box.picture.value) != first


def test_ticket_explorer_refuses_rows_without_tickets():
    with pytest.raises(ValueError, match="at least one ticket"):
        ticket_explorer([row for row in rows() if row["start"] == "random mask"], every=50)

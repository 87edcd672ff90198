"""The progress bar: seen by the person who waits, absent from stored notebooks."""

import pytest

from prunelab.progress import progress


@pytest.mark.parametrize(("value", "hidden"), [("1", True), ("0", False), (None, False)])
def test_the_environment_turns_it_off(monkeypatch, capsys, value, hidden):
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    if value is not None:
        monkeypatch.setenv("TQDM_DISABLE", value)
    with progress(3, "counting") as bar:
        bar.update()
        assert bar.disable == hidden
    assert ("counting" in capsys.readouterr().err) != hidden

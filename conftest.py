"""How the tests run: threads, hypothesis, and the time that a notebook states beside the time it takes.

`pytest` executes every chapter and every solved exercise notebook with nbval and compares its outputs
(pyproject.toml has the options). `make test` runs them side by side, with one thread each.
Each notebook states its minutes; one that takes more than five times as long is stopped, so that nothing
hangs."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "2")
os.environ["TQDM_DISABLE"] = "1"  # stored outputs hold no progress bars
os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")  # a warning of the debugger, in every kernel

import nbformat
import pytest
from hypothesis import settings
from nbval.kernel import RunningKernel
from nbval.plugin import IPyNbCell

from scripts.notebooks import stated_minutes
from scripts.threads import sleep_while_waiting

sleep_while_waiting()  # nothing above imports torch

collect_ignore = ["notebooks/exercises"]  # what learners fill in: tests/exercises tests it
UNSTATED = (1.0, 0)  # minutes to run and to study; tests/notebooks asks every notebook for its own
LIMIT = 5  # times the minutes stated
MARGIN = 60  # seconds on top, for kernels to start and very short notebooks

# the same examples on every run: a failure can be repeated
settings.register_profile("prunelab", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("prunelab")


# seconds by notebook; where tests run side by side, every process has those that it hears of
SPENT: dict[str, float] = {}


def execute_as_jupyter_does(self: RunningKernel, cell_input: str, allow_stdin: bool | None = None) -> str:
    """Run a cell with the history kept: IPython looks there for the ``;`` that hides a cell's value, and
    nbval keeps none.
    """
    return self.kc.execute(cell_input, store_history=True, allow_stdin=allow_stdin, stop_on_error=False)


RunningKernel.execute_cell_input = execute_as_jupyter_does

start_once = RunningKernel.__init__


def start_again(self: RunningKernel, *args: object, **kwargs: object) -> None:
    """Start a kernel, and once more if it does not answer: two that start at the same moment may choose the
    same port."""
    try:
        start_once(self, *args, **kwargs)
    except RuntimeError:
        start_once(self, *args, **kwargs)


RunningKernel.__init__ = start_again


def notebook(nodeid: str) -> str:
    """Return the path of the notebook, from pytest's root folder, to which a cell belongs."""
    return nodeid.partition("::")[0]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add up the time of a notebook's cells, its kernel's start included."""
    name = notebook(report.nodeid)
    if name.endswith(".ipynb"):
        SPENT[name] = SPENT.get(name, 0.0) + report.duration


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Give a cell the time its notebook has left; once it has none, the notebook's other cells are
    skipped.
    """
    if not isinstance(item, IPyNbCell):
        return
    if item.parent.timed_out:
        pytest.skip("the notebook was stopped in an earlier cell")
    minutes, _ = stated_minutes(item.parent.nb) or UNSTATED
    limit = LIMIT * 60 * minutes + MARGIN
    item.config.option.nbval_cell_timeout = max(1.0, limit - SPENT.get(notebook(item.nodeid), 0.0))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if not SPENT or hasattr(config, "workerinput"):
        return
    terminalreporter.section("minutes of the notebooks: stated, measured")
    for name, seconds in SPENT.items():
        stated, _ = stated_minutes(nbformat.read(config.rootpath / name, as_version=4)) or UNSTATED
        note = "  more than stated" if seconds / 60 > 1.2 * stated else ""
        terminalreporter.write_line(f"{stated:4.1f}  {seconds / 60:4.1f}  {name}{note}")
    terminalreporter.write_line(f"      {sum(SPENT.values()) / 60:4.1f}  all of them")

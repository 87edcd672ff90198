"""The memory of a sweep: a JSON-lines file, one outcome a line, that survives being killed."""

import json
from collections.abc import Mapping
from pathlib import Path


def key(config: Mapping) -> str:
    """Return the text that identifies a configuration: its JSON with sorted names."""
    try:
        return json.dumps(config, sort_keys=True)
    except TypeError as error:
        raise TypeError(
            f"a configuration in grid must be JSON (numbers, strings, lists, dicts), got {config!r}: {error}"
        ) from None


def load(results: Path) -> dict[str, dict]:
    """Return the outcomes in a results file by configuration, the last one of each; the torn tail of a killed
    run is left out.
    """
    if not results.exists():
        return {}
    done = {}
    lines = results.read_bytes().split(b"\n")
    for number, line in enumerate(lines, 1):
        try:
            outcome = json.loads(line)
            done[key(outcome["config"])] = outcome
        except (ValueError, TypeError, KeyError):
            # every complete line ends in a newline, so only the last piece can be torn
            if number < len(lines):
                raise ValueError(
                    f"results {results}, line {number}, is no outcome of a sweep: {line[:60]!r}"
                ) from None
    return done


def mend(results: Path) -> None:
    """Cut a torn last line off a results file; end a complete one that lacks only its newline."""
    if not results.exists():
        return
    raw = results.read_bytes()
    tail = raw[raw.rfind(b"\n") + 1 :]
    if not tail:
        return
    with results.open("r+b") as file:
        try:
            json.loads(tail)
            file.seek(0, 2)
            file.write(b"\n")
        except ValueError:
            file.truncate(len(raw) - len(tail))

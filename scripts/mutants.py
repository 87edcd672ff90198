"""Mutation testing of the checkers: every small change of a solved function must be refused, or be judged to
change nothing.

    python -m scripts.mutants [EXERCISE OR CHAPTER ...]    for example 2.1, or 02-granularity; all if none is
    named

Cosmic Ray's operators (other operators, comparisons and numbers, ``not`` added, loops cut short) and those of
``scripts.operators`` (another axis, floor for round, a term dropped, an argument ignored) are applied one at
a time to the functions in ``notebooks/solutions``, and each mutant is handed to its checker. One that
is accepted is a survivor. Either a case is missing in ``prunelab/check``, or the mutant is a right answer
too: then it is noted with the reason in ``tests/exercises/survivors.toml``. The command fails on a survivor
that is not noted there, and on a note that is no longer needed."""

import ast
import contextlib
import io
import json
import re
import signal
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from difflib import ndiff
from pathlib import Path

import nbformat
import torch
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names
from joblib import Parallel, delayed

from prunelab import check
from scripts.exercises import CHECK, SOLUTIONS
from scripts.operators import plain, wrong_answers

JUDGED = Path(__file__).resolve().parent.parent / "tests" / "exercises" / "survivors.toml"
LIMIT = 20  # seconds for one mutant, an endless loop among them
# a network is handed in: other numbers in a recipe of training are other right answers
JUDGED_BY_RESULT = {
    "4.4",
    "4.11",
    "8.5",
}
# operators that find nothing here, or nothing but `is` for `==`
PASSIVE = re.compile(r"Decorator|Exception|Variable|_Is(Not)?(_|$)")


def solved(path: Path) -> Iterator[tuple[str, str, dict]]:
    """Yield (number, source of the function, names that it may use) of every exercise in a solved
    notebook.
    """
    names, source = {}, ""
    for cell in nbformat.read(path, as_version=4).cells:
        found = CHECK.search(cell.source)
        if cell.cell_type == "code" and found:
            yield f"{found[1]}.{found[2]}", source, names
        elif cell.cell_type == "code":
            wanted = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)
            parts = [node for node in ast.parse(cell.source).body if isinstance(node, wanted)]
            exec(compile(ast.Module(parts, []), str(path), "exec"), names)
            source = cell.source if "### BEGIN SOLUTION" in cell.source else source


def mutants(source: str) -> Iterator[str]:
    """Yield every mutant of ``source`` once."""
    seen = {ast.dump(ast.parse(source))}
    for name in sorted(name for name in operator_names() if not PASSIVE.search(name)):
        occurrence = 0
        while (mutant := mutate_code(source, get_operator(name)(), occurrence)) is not None:
            occurrence += 1
            with contextlib.suppress(SyntaxError):
                dump = ast.dump(ast.parse(mutant))
                # zip()'s own check, no result
                if dump not in seen and mutant.replace("strict=False", "strict=True") != source:
                    yield mutant
                seen.add(dump)


def accepted(number: str, source: str, names: dict) -> bool:
    """Return whether the checker of exercise ``number`` accepts the function that ``source`` defines."""
    names = dict(names)
    try:
        exec(source, names)
    except Exception:  # the mutant cannot even be defined
        return False
    function = names[ast.parse(source).body[-1].name]
    signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(LIMIT)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            check.EXERCISES[f"ex_{number.replace('.', '_')}"](function)
    except (check.Mistake, TimeoutError):
        return False
    finally:
        signal.alarm(0)
    return True


def _too_long(*_):
    raise TimeoutError("the mutant does not come to an end")


def change(source: str, mutant: str) -> str:
    """Return ``old line => new line`` of the one line in which a mutant differs."""
    lines = [line for line in ndiff(source.splitlines(), mutant.splitlines()) if line[0] in "+-"]
    return " => ".join(line[2:].split("  #")[0].strip() for line in lines)


def survivors(number: str, source: str, names: dict) -> tuple[str, int, list[str]]:
    """Return (number, how many mutants there are, the changes that the checker accepts)."""
    torch.set_num_threads(1)
    if not accepted(number, source, names):
        raise SystemExit(
            f"exercise {number}: the solution itself is refused, or needs more than {LIMIT} seconds"
        )
    made = [(source, mutant) for mutant in mutants(source)]
    calls = [case.args for case in check.EXERCISES[f"ex_{number.replace('.', '_')}"].all_cases()]
    made += [(plain(source), mutant) for mutant in wrong_answers(source, calls)]
    left = [change(*pair) for pair in made if accepted(number, pair[1], names)]
    return number, len(made), list(dict.fromkeys(left))


def chapter(path: Path, wanted: list[str]) -> list[tuple[str, int, list[str]]]:
    """Return the survivors of the exercises of a solved notebook that are ``wanted``, by number or by the
    chapter's name.
    """
    everything = not wanted or path.parent.name in wanted
    exercises = [
        each for each in solved(path) if each[0] not in JUDGED_BY_RESULT and (everything or each[0] in wanted)
    ]
    return [survivors(*each) for each in exercises]


def main(wanted: list[str]) -> int:
    judged = defaultdict(dict, tomllib.loads(JUDGED.read_text(encoding="utf-8")))
    paths = sorted(SOLUTIONS.glob("*/*.ipynb"))
    results = Parallel(n_jobs=-1, return_as="generator")(delayed(chapter)(path, wanted) for path in paths)
    total = unjudged = 0
    for number, made, found in (result for chapter_results in results for result in chapter_results):
        new, old = (
            [c for c in found if c not in judged[number]],
            [c for c in judged[number] if c not in found],
        )
        total, unjudged = total + made, unjudged + len(new) + len(old)
        print(
            f"{number}: {made} mutants, {len(found)} accepted, {len(new)} of them not judged yet", flush=True
        )
        print(
            "".join(f'  {json.dumps(c)} = ""\n' for c in new)
            + "".join(f"  no longer a survivor: {c}\n" for c in old),
            end="",
        )
    print(
        f"{total} mutants in all. {'Nothing to judge.' if not unjudged else f'Judge the {unjudged} above.'}"
    )
    return 1 if unjudged else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

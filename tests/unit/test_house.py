"""The rules of the house that a program can check: short modules, short functions."""

import ast
import importlib
import pkgutil
from pathlib import Path

import pytest

import prunelab

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted(
    path
    for folder in ("prunelab", "scripts", "experiments", "tests")
    for path in (ROOT / folder).rglob("*.py")
)
LINES, CODE = 300, 40
GROWN = tuple(
    f"prunelab/check/chapter{name}.py" for name in ("01", "02", "07_1", "08")
)  # to be parted by group of exercises


def code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef, text: list[str]) -> int:
    """Return the lines of a function without its docstring, blank lines and comments; its decorators do not
    count.
    """
    documentation = function.body[0] if ast.get_docstring(function) is not None else None
    skipped = range(documentation.lineno, documentation.end_lineno + 1) if documentation else ()
    lines = [
        text[number - 1].strip()
        for number in range(function.lineno, function.end_lineno + 1)
        if number not in skipped
    ]
    return sum(bool(line) and not line.startswith("#") for line in lines)


def too_long(source: str) -> list[str]:
    """Return what is longer than allowed, in words."""
    text = source.splitlines()
    functions = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]
    found = [
        f"{f.name} has {code_lines(f, text)} lines of code, at most {CODE}"
        for f in functions
        if code_lines(f, text) > CODE
    ]
    return found + ([f"{len(text)} lines, at most {LINES}: two modules"] if len(text) > LINES else [])


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_and_no_function_is_too_long(path):
    found = too_long(path.read_text(encoding="utf-8"))
    if path.relative_to(ROOT).as_posix() in GROWN:
        assert found, "short enough by now: strike it off GROWN"
        pytest.skip("; ".join(found))
    assert not found


def test_the_rule_counts_code_only():
    body = "    x = 1\n" * (CODE - 1)
    assert not too_long(f'def f():\n    """Doc\n    string."""\n    # comment\n\n{body}')
    assert too_long(f"def f():\n    y = 0\n{body}") == [f"f has {CODE + 1} lines of code, at most {CODE}"]
    assert too_long("class A:\n    async def g(self):\n" + "        x = 1\n" * CODE)
    assert not too_long("x = 1\n" * LINES) and too_long("x = 1\n" * (LINES + 1))


def packages() -> list[str]:
    return ["prunelab"] + [
        package.name for package in pkgutil.walk_packages(prunelab.__path__, "prunelab.") if package.ispkg
    ]


@pytest.mark.parametrize("name", packages())
def test_no_function_hides_a_module_of_its_name(name):
    package = importlib.import_module(name)
    for module in pkgutil.iter_modules(package.__path__):
        found = importlib.import_module(f"{name}.{module.name}")
        assert getattr(package, module.name) is found, f"{name}.{module.name} is a module and something else"

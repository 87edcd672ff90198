"""The rules of the house that a program can check: short modules, short functions."""

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Collection
from graphlib import CycleError, TopologicalSorter
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


# --- imports ---------------------------------------------------------------------------------------
def imported(source: str, modules: Collection[str], module: str) -> set[str]:
    """Return those of ``modules`` that ``source``, the file of ``module``, imports, inside functions too.

    Importing ``a.b.c`` runs the files of ``a`` and ``a.b`` as well; those of the packages that ``module`` is
    in are running already, unless a name is taken from them that is no module."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = module.split(".")[: -node.level] if node.level else []
            start = ".".join([*above, *([node.module] if node.module else [])])
            names = {f"{start}.{alias.name}" for alias in node.names}
            found |= {name if name in modules else start for name in names}
    parents = {".".join(name.split(".")[:depth]) for name in found for depth in range(1, name.count(".") + 1)}
    running = {name for name in parents if module.startswith(f"{name}.")}
    return ((found | parents - running) - {module}) & set(modules)


def graph(package: str) -> dict[str, set[str]]:
    """Return the modules that each module of ``package`` imports; a package stands for its ``__init__``."""
    files = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in (ROOT / package).rglob("*.py")
    }
    return {name: imported(path.read_text(encoding="utf-8"), files, name) for name, path in files.items()}


def circle(edges: dict[str, set[str]]) -> list[str]:
    """Return one circle of imports, or []."""
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        return error.args[1]
    return []


@pytest.mark.parametrize("package", ["prunelab", "experiments", "scripts"])
def test_no_circle_of_imports(package):
    assert circle(graph(package)) == []


def test_the_graph_of_imports_knows_every_kind():
    modules = ("p", "p.a", "p.b", "p.q", "p.q.c", "p.q.d")
    for source, module, expected in (
        ("import p.a", "p.b", {"p.a"}),
        ("from p import a", "p.b", {"p.a"}),
        ("from p import something", "p.b", {"p"}),
        ("from p.a import x", "p.q.c", {"p.a"}),
        ("from p.q.c import x", "p.a", {"p.q.c", "p.q"}),
        ("from p.q import d", "p.q.c", {"p.q.d"}),
        ("from . import d", "p.q.c", {"p.q.d"}),
        ("from ..a import x", "p.q.c", {"p.a"}),
        ("def f():\n    from p import a", "p.b", {"p.a"}),
        ("import torch", "p.b", set()),
    ):
        assert imported(source, modules, module) == expected, source
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"a"}}) and not circle({"a": {"b", "c"}, "b": {"c"}})


@pytest.mark.parametrize("name", ["prunelab.plot", "prunelab.widgets"])
def test_facades_are_whole(name):
    """What a module of ``plot`` or ``widgets`` defines without an underscore, the package exports."""
    package = importlib.import_module(name)
    public = set()
    for module in pkgutil.iter_modules(package.__path__):
        if not module.name.startswith("_"):
            loaded = importlib.import_module(f"{name}.{module.name}")
            found = inspect.getmembers(loaded, inspect.isfunction)
            public |= {key for key, f in found if f.__module__ == loaded.__name__ and not key.startswith("_")}
    assert sorted(package.__all__) == sorted(public)
    assert all(callable(getattr(package, key)) for key in public)


SHARED = {"prunelab.plot": {"basics", "board", "curves", "networks", "tensors"}, "prunelab.widgets": set()}


@pytest.mark.parametrize("name", SHARED)
def test_figures_and_explorers_are_named_by_notebook(name):
    topics = {
        (path.stem.partition("-")[2] or path.stem).replace("-", "_")
        for path in (ROOT / "notebooks").glob("*.ipynb")
    }
    package = importlib.import_module(name)
    modules = {module.name for module in pkgutil.iter_modules(package.__path__)}
    assert {module for module in modules if module[0] != "_"} - SHARED[name] <= topics

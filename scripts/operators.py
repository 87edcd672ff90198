"""Wrong answers made from right ones: operators on what the texts of the exercises speak of.

Cosmic Ray changes operators, comparisons and numbers. Here a solved function is changed as a reader who
misunderstands a text would: another axis, a sum for a mean, floor for round, first for last, a step left
out, a term dropped, an argument ignored. ``wrong_answers`` yields each as source; ``scripts.mutants`` hands
them to the checkers like the mutants of Cosmic Ray."""

import ast
import copy
from collections.abc import Callable, Iterator, Sequence

import torch

EXCHANGED = {  # methods and functions that are taken for one another
    "sum": ["mean", "amax"],
    "mean": ["sum", "amax"],
    "max": ["min"],
    "min": ["max"],
    "amax": ["amin", "mean"],
    "argmax": ["argmin"],
    "argmin": ["argmax"],
    "norm": ["sum"],
    "square": ["abs"],
    "std": ["var"],
    "any": ["all"],
    "all": ["any"],
    "repeat_interleave": ["repeat"],
}
ROUNDED = [f"__import__('math').{form}" for form in ("floor({})", "ceil({})", "floor({} + 0.5)")]
LEFT_OUT = {"abs", "relu", "square", "sqrt", "clamp", "double", "item", "flip", "cumsum", "diff", "detach"}
AXES = {
    "sum",
    "mean",
    "norm",
    "amax",
    "any",
    "argmax",
    "argmin",
    "argsort",
    "sort",
    "topk",
    "softmax",
    "cumsum",
}
IGNORED = {  # what stands for an argument that is not looked at
    "ones": "torch.ones_like({0}) if isinstance({0}, torch.Tensor) else {0}",
    "size alone": "{0}.abs() if isinstance({0}, torch.Tensor) and {0}.dtype != torch.bool else {0}",
    "float32": "{0}.float() if isinstance({0}, torch.Tensor) and {0}.is_floating_point() else {0}",
    "first alone": "{0}[:1] if isinstance({0}, (torch.Tensor, list)) and len({0}) else {0}",
    "without the last": "{0}[:-1] if isinstance({0}, (torch.Tensor, list)) and len({0}) else {0}",
    "in order of names": "dict(sorted({0}.items())) if isinstance({0}, dict) else {0}",
    "one": "1 if isinstance({0}, int) else 1.0 if isinstance({0}, float) else {0}",
    "zero": "0 if type({0}) is int else 0.0 if isinstance({0}, float) else {0}",
    "rounded": "round({0}, 1) if isinstance({0}, float) else {0}",
    "the other truth": "not {0} if isinstance({0}, bool) else {0}",
}


def plain(source: str) -> str:
    """Return ``source``, which defines a function last, without comments and without its docstring."""
    tree = ast.parse(source)
    if ast.get_docstring(tree.body[-1]) is not None:
        tree.body[-1].body.pop(0)
    return ast.unparse(tree)


def wrong_answers(source: str, calls: Sequence[tuple] = ()) -> Iterator[str]:
    """Yield the source of every wrong answer that the operators make from ``plain(source)``, each once.

    ``calls`` are arguments with which the function is called: what changes none of them is left out."""
    tree = ast.parse(plain(source))
    seen = {ast.unparse(tree)}
    for made in [*_changed_nodes(tree), *_ignored_arguments(tree, calls)]:
        text = ast.unparse(ast.fix_missing_locations(made))
        if text not in seen:
            seen.add(text)
            yield text


def _changed_nodes(tree: ast.Module) -> Iterator[ast.Module]:
    """Yield the tree with one expression replaced, for every expression and everything that it may become."""
    for place, node in enumerate(ast.walk(tree)):
        for number in range(sum(1 for _ in _instead(node))):
            made = copy.deepcopy(tree)
            target = next(node for at, node in enumerate(ast.walk(made)) if at == place)
            wanted = next(new for at, new in enumerate(_instead(target)) if at == number)
            yield _Replace(target, wanted).visit(made)


class _Replace(ast.NodeTransformer):
    """Put ``new`` where ``old`` stands."""

    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        return self.new if node is self.old else self.generic_visit(node)


def _instead(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what may stand in place of ``node``."""
    for rule in (_method, _rounding, _axis, _term, _order, _slice):
        yield from rule(node)


def _with(node: ast.AST, change: Callable[[ast.AST], None]) -> ast.AST:
    new = copy.deepcopy(node)
    change(new)
    return new


def _name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _method(node: ast.AST) -> Iterator[ast.AST]:
    """Exchange a method or a function for one of its kin, or leave a method out."""
    if not isinstance(node, ast.Call):
        return
    for other in EXCHANGED.get(_name(node), []):
        field = "attr" if isinstance(node.func, ast.Attribute) else "id"
        if field == "attr" or other in ("max", "min", "sum", "any", "all"):
            yield _with(node, lambda new, field=field, other=other: setattr(new.func, field, other))
    if isinstance(node.func, ast.Attribute) and node.func.attr in LEFT_OUT:
        yield copy.deepcopy(node.func.value)


def _rounding(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Call) and _name(node) in ("round", "ceil") and len(node.args) == 1:
        inside = ast.unparse(node.args[0])
        forms = [form for form in ROUNDED if _name(node) != "ceil" or "ceil" not in form]
        yield from (ast.parse(form.format(inside), mode="eval").body for form in forms)


def _axis(node: ast.AST) -> Iterator[ast.AST]:
    """Take another axis, or all of them."""
    if not (isinstance(node, ast.Call) and _name(node) in AXES):
        return
    for place, argument in enumerate(node.args):
        if isinstance(argument, ast.Constant) and type(argument.value) is int:
            yield _with(
                node, lambda new, place=place: setattr(new.args[place], "value", 1 - new.args[place].value)
            )
            yield _with(node, lambda new, place=place: new.args.pop(place))
        if isinstance(argument, ast.Tuple):
            yield _with(node, lambda new, place=place: new.args[place].elts.pop())
            yield _with(node, lambda new, place=place: new.args[place].elts.pop(0))
    for keyword in node.keywords:
        if keyword.arg == "dim" and isinstance(keyword.value, ast.Constant):
            others = [k for k in node.keywords if k is not keyword]
            other = ast.keyword("dim", ast.Constant(1 - keyword.value.value))
            yield _with(node, lambda new, keywords=(*others, other): setattr(new, "keywords", [*keywords]))
            yield _with(node, lambda new, keywords=others: setattr(new, "keywords", keywords))


def _term(node: ast.AST) -> Iterator[ast.AST]:
    """Drop one side of a sum, a product, an and, an or; or a branch of a condition."""
    if isinstance(node, ast.BinOp) and isinstance(
        node.op, ast.Add | ast.Sub | ast.Mult | ast.Div | ast.BitAnd | ast.BitOr
    ):
        yield from (copy.deepcopy(node.left), copy.deepcopy(node.right))
    if isinstance(node, ast.BoolOp):
        yield from (copy.deepcopy(value) for value in node.values)
    if isinstance(node, ast.IfExp):
        yield from (copy.deepcopy(node.body), copy.deepcopy(node.orelse))


def _order(node: ast.AST) -> Iterator[ast.AST]:
    """Turn an order round, or do not ask for a stable one in which the later of equal ones comes first."""
    if not isinstance(node, ast.Call):
        return
    for place, keyword in enumerate(node.keywords):
        if keyword.arg in ("descending", "reverse", "largest", "keepdim"):
            yield _with(node, lambda new, place=place: new.keywords.pop(place))
    if _name(node) == "argsort" and not any(k.arg == "descending" for k in node.keywords):
        add = ast.keyword("descending", ast.Constant(True))
        yield _with(node, lambda new: new.keywords.append(add))
    if _name(node) == "sorted" and not any(k.arg == "reverse" for k in node.keywords):
        add = ast.keyword("reverse", ast.Constant(True))
        yield _with(node, lambda new: new.keywords.append(add))


def _slice(node: ast.AST) -> Iterator[ast.AST]:
    """Take the last instead of the first, the end instead of the beginning."""
    if not (isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load)):
        return
    part = node.slice
    if isinstance(part, ast.Constant) and part.value == 0:
        yield _with(node, lambda new: setattr(new, "slice", ast.parse("-1", mode="eval").body))
    if isinstance(part, ast.Slice) and part.lower is None and part.upper is not None and part.step is None:
        yield _with(node, lambda new: setattr(new, "slice", ast.Slice(new.slice.upper, None, None)))


def _ignored_arguments(tree: ast.Module, calls: Sequence[tuple]) -> Iterator[ast.Module]:
    """Yield the tree with a first line that takes something away from an argument."""
    function = tree.body[-1]
    for place, argument in enumerate(a.arg for a in function.args.args):
        for form in IGNORED.values():
            if calls and not any(_changes(form, call[place]) for call in calls):
                continue
            made = copy.deepcopy(tree)
            line = ast.parse(f"{argument} = {form.format(argument)}").body[0]
            made.body[-1].body.insert(0, line)
            yield made


def _changes(form: str, value: object) -> bool:
    """Return whether ``form`` makes another value of ``value``."""
    new = eval(form.format("value"), {"torch": torch, "value": value})
    if isinstance(value, torch.Tensor) and value.layout != torch.strided:
        return False  # torch.equal knows no sparse layout
    if isinstance(value, torch.Tensor):
        return new.dtype != value.dtype or not torch.equal(new, value)
    if isinstance(value, dict):
        return list(new) != list(value)
    return new is not value and new != value

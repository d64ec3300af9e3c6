"""Mutants of an answer: its source with one thing changed, as a slip of the hand would change it.

mutmut and cosmic-ray were looked at first. Both change the files of a package and run its tests; here an answer is a
string that a check is handed. Neither drops a whole statement, swaps arguments or takes a context manager away, which
are the slips of these exercises. So `ast` does it.

Left as they are: imports, docstrings, annotations, and the words of messages (what is put into them is not).
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import singledispatch

NEGATED = {ast.Lt: ast.GtE, ast.LtE: ast.Gt, ast.Gt: ast.LtE, ast.GtE: ast.Lt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq}
NEGATED |= {ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In}
AT_THE_BORDER = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
OTHER_WAY = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Div}
OTHER_WAY |= {ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd}

SYMMETRIC = {"torch.equal", "torch.allclose", "torch.isclose", "math.isclose", "max", "min"}  # swapped, the same

# A kind of change, and what stands in the place of the node: one node, or several statements.
Change = tuple[str, ast.AST | list[ast.AST]]


@dataclass(frozen=True)
class Mutant:
    """An answer with one change: its whole source, the kind of the change, and "line before -> line after"."""

    source: str
    kind: str
    change: str


@dataclass(frozen=True)
class _Place:
    """Where a node stands: in a field of its parent, at an index where the field is a list."""

    parent: ast.AST
    field: str
    index: int | None
    node: ast.AST

    def put(self, new: ast.AST | list[ast.AST]) -> None:
        if self.index is None:
            setattr(self.parent, self.field, new)
        else:
            items = list(getattr(self.parent, self.field))
            items[self.index : self.index + 1] = new if isinstance(new, list) else [new]
            setattr(self.parent, self.field, items)


def mutants(source: str) -> list[Mutant]:
    """All mutants of an answer, each source once, and each `change` once (a line that occurs again is numbered)."""
    tree = ast.parse(source)
    before = ast.unparse(tree)
    made, seen = {before: None}, Counter()
    for place in _places(tree):
        for kind, new in _changes(place.node):
            after = _with(tree, place, new)
            if after not in made:
                change = _change(before.splitlines(), after.splitlines())
                seen[change] += 1
                number = f" (no. {seen[change]})" if seen[change] > 1 else ""
                made[after] = Mutant(after, kind, change + number)
    return list(made.values())[1:]


def _with(tree: ast.Module, place: _Place, new: ast.AST | list[ast.AST]) -> str:
    """The source of `tree` with something else in one place."""
    kept = getattr(place.parent, place.field)
    place.put(new)
    try:
        return ast.unparse(tree)
    finally:
        setattr(place.parent, place.field, kept)


def _change(before: list[str], after: list[str]) -> str:
    """What differs, as "lines before -> lines after"."""
    first = next((n for n, (old, new) in enumerate(zip(before, after, strict=False)) if old != new), len(after))
    most = min(len(before), len(after)) - first
    last = next((n for n in range(most) if before[-1 - n] != after[-1 - n]), most)
    old, new = ([line.strip() for line in lines[first : len(lines) - last]] for lines in (before, after))
    return f"{_shortened(old)} -> {_shortened(new)}"


def _shortened(lines: list[str]) -> str:
    return lines[0] if len(lines) == 1 else "nothing" if not lines else f"{lines[0]} … {lines[-1]}"


def _places(node: ast.AST, said: bool = False) -> Iterator[_Place]:
    """All places that may be changed. Where something is `said`, these are the f-strings, each as a whole."""
    for field, value in ast.iter_fields(node):
        if field in {"annotation", "returns", "decorator_list", "targets", "target", "ops", "op", "ctx"}:
            continue
        for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(child, ast.AST) or _stays(child):
                continue
            if not said or isinstance(child, ast.JoinedStr):
                yield _Place(node, field, index, child)
            if not (said and isinstance(child, ast.JoinedStr)):
                yield from _places(child, said or _says(child))


def _stays(node: ast.AST) -> bool:
    docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return docstring or isinstance(node, ast.Import | ast.ImportFrom | ast.Pass)


def _says(node: ast.AST) -> bool:
    """Whether a node speaks to somebody: an error, a warning, a print. The condition of an `assert` speaks along."""
    return isinstance(node, ast.Raise | ast.Assert) or (
        isinstance(node, ast.Call) and ast.unparse(node.func) in {"print", "warnings.warn"}
    )


def _like(node: ast.AST, **other: object) -> ast.AST:
    return ast.copy_location(type(node)(**{**dict(ast.iter_fields(node)), **other}), node)


def _without(items: list, index: int) -> list:
    return items[:index] + items[index + 1 :]


@singledispatch
def _changes(node: ast.AST) -> Iterator[Change]:
    yield from ()


@_changes.register(ast.Assign | ast.AnnAssign | ast.Expr | ast.Raise | ast.Assert | ast.Delete)
@_changes.register(ast.Break | ast.Continue | ast.For | ast.Nonlocal | ast.Global)
def _statement(node) -> Iterator[Change]:
    yield "dropped statement", ast.Pass()
    if isinstance(node, ast.Break):
        yield "break and continue", ast.Continue()
    if isinstance(node, ast.Continue):
        yield "break and continue", ast.Break()


@_changes.register
def _returned(node: ast.Return) -> Iterator[Change]:
    yield "dropped statement", ast.Pass()
    yield "None given back", ast.Return(ast.Constant(None))


@_changes.register
def _added(node: ast.AugAssign) -> Iterator[Change]:
    yield "dropped statement", ast.Pass()
    yield "set in place of added", ast.Assign([node.target], node.value, lineno=0)
    if type(node.op) in OTHER_WAY:
        yield "other operator", _like(node, op=OTHER_WAY[type(node.op)]())


@_changes.register(ast.If | ast.While)
def _branch(node) -> Iterator[Change]:
    yield "dropped statement", ast.Pass()
    if not isinstance(node.test, ast.Compare | ast.UnaryOp):  # those negate themselves
        yield "negated condition", _like(node, test=ast.UnaryOp(ast.Not(), node.test))
    yield "dropped condition", list(node.body) if isinstance(node, ast.If) else _like(node, test=ast.Constant(True))
    if node.orelse:
        yield "dropped branch", _like(node, orelse=[])


@_changes.register
def _chosen(node: ast.IfExp) -> Iterator[Change]:
    yield "dropped condition", node.body
    yield "dropped condition", node.orelse


@_changes.register
def _within(node: ast.With) -> Iterator[Change]:
    yield "dropped statement", ast.Pass()
    yield "dropped context manager", list(node.body)
    for index in range(len(node.items) if len(node.items) > 1 else 0):
        yield "dropped context manager", _like(node, items=_without(node.items, index))


@_changes.register
def _tried(node: ast.Try) -> Iterator[Change]:
    yield "dropped statement", ast.Pass()
    yield "dropped handlers", [*node.body, *node.orelse, *node.finalbody]
    if node.finalbody:
        yield "dropped finally", _like(node, finalbody=[ast.Pass()])


@_changes.register(ast.FunctionDef | ast.ClassDef)
def _declared(node) -> Iterator[Change]:
    for index in range(len(node.decorator_list)):
        yield "dropped decorator", _like(node, decorator_list=_without(node.decorator_list, index))


@_changes.register
def _constant(node: ast.Constant) -> Iterator[Change]:
    value = node.value
    if isinstance(value, bool):
        yield "flipped flag", ast.Constant(not value)
    elif isinstance(value, int):
        yield "off by one", ast.Constant(value + 1)
        yield "off by one", ast.Constant(value - 1) if value else ast.UnaryOp(ast.USub(), ast.Constant(1))
    elif isinstance(value, float):
        yield "other number", ast.Constant(value * 2 if value else 1.0)
    elif isinstance(value, str):
        yield "other string", ast.Constant(f"XX{value}XX" if value else "XX")


@_changes.register
def _put_into_words(node: ast.JoinedStr) -> Iterator[Change]:
    words = [one for one in node.values if isinstance(one, ast.Constant)]
    yield "words that name nothing", _like(node, values=words)


@_changes.register
def _compared(node: ast.Compare) -> Iterator[Change]:
    for kind, others in {"comparison at the border": AT_THE_BORDER, "negated comparison": NEGATED}.items():
        for index, one in enumerate(node.ops):
            if type(one) in others:
                ops = [*node.ops[:index], others[type(one)](), *node.ops[index + 1 :]]
                yield kind, _like(node, ops=ops)


@_changes.register
def _connected(node: ast.BoolOp) -> Iterator[Change]:
    yield "and, or", _like(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
    for index in range(len(node.values)):
        rest = _without(node.values, index)
        yield "dropped condition", rest[0] if len(rest) == 1 else _like(node, values=rest)


@_changes.register
def _signed(node: ast.UnaryOp) -> Iterator[Change]:
    yield "dropped not" if isinstance(node.op, ast.Not) else "dropped sign", node.operand


@_changes.register
def _computed(node: ast.BinOp) -> Iterator[Change]:
    if type(node.op) in OTHER_WAY:
        yield "other operator", _like(node, op=OTHER_WAY[type(node.op)]())


def _gives_back_its_one(node: ast.Call) -> bool:
    """Whether a call has one argument that could stand alone: of no class, such as an error's, and no `print`."""
    return len(node.args) == 1 and not node.keywords and node.func.id[0].islower() and not _says(node)


@_changes.register
def _called(node: ast.Call) -> Iterator[Change]:
    for index in range(len(node.keywords)):
        yield "dropped keyword", _like(node, keywords=_without(node.keywords, index))
    for index in range(len(node.args) - 1 if ast.unparse(node.func) not in SYMMETRIC else 0):
        swapped = [*node.args[:index], node.args[index + 1], node.args[index], *node.args[index + 2 :]]
        yield "swapped arguments", _like(node, args=swapped)
    if len(node.args) > 1:
        yield "dropped argument", _like(node, args=node.args[:-1])
    if isinstance(node.func, ast.Attribute) and not isinstance(node.func.value, ast.Name):
        yield "dropped call", node.func.value  # a link of a chain
    elif isinstance(node.func, ast.Attribute) and not node.args:
        yield "dropped call", node.func.value  # such as `x.detach()`
    elif isinstance(node.func, ast.Name) and _gives_back_its_one(node):
        yield "dropped call", node.args[0]  # such as `float(x)`


@_changes.register
def _one_key(node: ast.Dict) -> Iterator[Change]:
    for index in range(len(node.keys)):
        yield "dropped entry", _like(node, keys=_without(node.keys, index), values=_without(node.values, index))


@_changes.register(ast.List | ast.Set)
def _one_entry(node) -> Iterator[Change]:
    for index in range(len(node.elts) if len(node.elts) > 1 else 0):
        yield "dropped entry", _like(node, elts=_without(node.elts, index))


@_changes.register
def _bounds(node: ast.Slice) -> Iterator[Change]:
    for bound in ("lower", "upper", "step"):
        if getattr(node, bound) is not None:
            yield "dropped bound", _like(node, **{bound: None})


@_changes.register
def _gone_through(node: ast.comprehension) -> Iterator[Change]:
    for index in range(len(node.ifs)):
        yield "dropped condition", _like(node, ifs=_without(node.ifs, index))

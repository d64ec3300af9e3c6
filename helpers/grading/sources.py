"""What of a handed-in notebook runs: an exercise's answer, and the definitions that it needs from other cells.

All of it is found by reading the source. Nothing of a handed-in notebook runs in the grader's own process.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Collection, Iterable
from dataclasses import dataclass

_ASKS = {"check", "hint", "solution", "judge"}  # what a learner calls on an exercise; the grader asks by itself
_DEFINES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)


@dataclass(frozen=True)
class Parts:
    """An answer as it will run: the definitions of other cells that it needs, then its own source."""

    helpers: str
    answer: str
    missing: tuple[str, ...] = ()  # names that it uses, and that nobody defines
    given: tuple[str, ...] = ()  # what the check is given, as source


def without_magics(source: str) -> str:
    """The cell as Python: lines that speak to IPython (`%time`, `!pip`) are left out, in their place is nothing."""
    lines = source.splitlines()
    return "\n".join("" if line.lstrip().startswith(("%", "!")) else line for line in lines)


def answer_in(source: str) -> ast.Module:
    """An exercise cell's statements without those that ask for a check, a hint or the solution.

    Raises:
        SyntaxError: the cell is no Python.
    """
    tree = ast.parse(without_magics(source))
    tree.body = [step for step in tree.body if not _asks(step)]
    return tree


def _asks(step: ast.stmt) -> bool:
    call = step.value if isinstance(step, ast.Expr) else None
    return (
        isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr in _ASKS
        and isinstance(call.func.value, ast.Call)
        and isinstance(call.func.value.func, ast.Name)
        and call.func.value.func.id == "exercise"
    )


def given_to_check(source: str, wanted: Iterable[str]) -> tuple[str, ...]:
    """What the cell's last check line hands over, as source; the names that the exercise asks for where it has none.

    A learner may give a function another name, or hand in a whole program as one class or script.
    """
    steps = [step for step in ast.parse(without_magics(source)).body if _asks(step)]
    calls = [step.value for step in steps if step.value.func.attr == "check"]
    if not calls or not calls[-1].args or any(isinstance(one, ast.Starred) for one in calls[-1].args):
        return tuple(wanted)
    return tuple(map(ast.unparse, calls[-1].args))


def parts_of(source: str, others: Iterable[str], known: Collection[str], wanted: Iterable[str]) -> Parts:
    """Divide what has to run for one exercise.

    Args:
        source: the exercise's cell.
        others: further cells of the learner, in order: those that the lesson does not have, and other exercises.
        known: names that the lesson gives to an answer.
        wanted: names that the check is given.

    Raises:
        SyntaxError: the cell is no Python.
    """
    answer, handed_over = answer_in(source), given_to_check(source, wanted)
    on_offer = definitions_in(others)
    taken: set[int] = set()
    unknown = _needs(ast.parse("\n".join([ast.unparse(answer), *handed_over]))) - set(known)
    while more := {place for name in unknown for place in _places(name, on_offer)} - taken:
        taken |= more
        unknown |= {need for place in more for need in _needs(on_offer[place][1])} - set(known)
    given = {name for place in taken for name in on_offer[place][0]} | bound_names(answer)
    helpers = "\n\n".join(ast.unparse(on_offer[place][1]) for place in sorted(taken))
    return Parts(helpers, ast.unparse(answer), tuple(sorted(unknown - given)), handed_over)


def definitions_in(cells: Iterable[str]) -> list[tuple[set[str], ast.stmt]]:
    """The functions, classes, imports and constants of some cells, each with the names that it defines."""
    found = []
    for source in cells:
        try:
            steps = ast.parse(without_magics(source)).body
        except SyntaxError:  # a cell of notes: nobody can use a name of it
            continue
        found += [(bound_names(ast.Module([step], [])), step) for step in steps if _only_defines(step)]
    return found


def _only_defines(step: ast.stmt) -> bool:
    if isinstance(step, ast.Assign | ast.AnnAssign):
        return step.value is not None and _is_constant(step.value)
    return isinstance(step, _DEFINES)


def _is_constant(value: ast.expr) -> bool:
    """Whether it is made of literals alone, or is a `lambda`, which does nothing until it is called."""
    if isinstance(value, ast.Lambda):
        return True
    quiet = (ast.Constant, ast.List, ast.Tuple, ast.Dict, ast.Set, ast.UnaryOp, ast.BinOp, ast.operator, ast.unaryop)
    return all(isinstance(node, (*quiet, ast.expr_context)) for node in ast.walk(value))


def _places(name: str, on_offer: list[tuple[set[str], ast.stmt]]) -> list[int]:
    return [place for place, (names, _) in enumerate(on_offer) if name in names]


def bound_names(tree: ast.AST) -> set[str]:
    """Names that a piece of code gives at its top level, also within `if`, `for`, `with` and `try`."""
    names: set[str] = set()
    open_nodes = list(ast.iter_child_nodes(tree))
    while open_nodes:
        node = open_nodes.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            names.add(node.name)
        if not isinstance(node, ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            open_nodes += ast.iter_child_nodes(node)
    return names


def _needs(tree: ast.AST) -> set[str]:
    """Names that a piece of code reads and does not bind itself anywhere; a generous guess, never run.

    A name that some function of it binds as its own counts as bound everywhere: the run would tell.
    """
    reads = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    binds = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    binds |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    binds |= {
        node.name for node in ast.walk(tree) if isinstance(node, (*_DEFINES[:3], ast.ExceptHandler)) and node.name
    }
    binds |= {
        name
        for node in ast.walk(tree)
        if isinstance(node, _DEFINES[3:])
        for name in bound_names(ast.Module([node], []))
    }
    binds |= {node.name for node in ast.walk(tree) if isinstance(node, ast.MatchAs | ast.MatchStar) and node.name}
    return reads - binds - set(dir(builtins)) - {"__name__", "__file__", "__doc__", "__class__"}

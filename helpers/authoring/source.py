"""Python source with something more in it: a class, an import, an entry of a dict. Its form is left to ruff."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

from helpers.errors import CourseError, first_line


def with_exercise(source: str, declaration: str, imports: str, name: str, path: Path) -> str:
    """An answer key with one exercise more: its class, what it imports, and its name last among `EXERCISES`.

    Raises:
        CourseError: the file has no `EXERCISES = Exercises(...)`, or already has what this one would define.
    """
    tree = parsed(source, path)
    _refuse_taken(tree, ast.parse(declaration), path)
    statement = _assignment(tree, "EXERCISES", ast.Call, path)
    listed = ", ".join([*map(ast.unparse, statement.value.args), name])
    lines = source.splitlines()
    lines[statement.lineno - 1 : statement.end_lineno] = [
        *declaration.splitlines(),
        "",
        f"EXERCISES = Exercises({listed})",
    ]
    return tidied(_with_imports("\n".join(lines), imports), path)


def with_entry(source: str, entry: str, imports: str, path: Path) -> str:
    """The answers of a lesson with one entry more at the end of `ANSWERS`.

    Raises:
        CourseError: the file has no `ANSWERS = {...}`.
    """
    found = _assignment(parsed(source, path), "ANSWERS", ast.Dict, path).value
    lines = source.encode().splitlines(keepends=True)  # ast counts in bytes
    end = sum(map(len, lines[: found.end_lineno - 1])) + found.end_col_offset - 1
    before, after = (part.decode() for part in (source.encode()[:end], source.encode()[end:]))
    comma = "" if before.rstrip().endswith((",", "{")) else ","
    return tidied(_with_imports(f"{before.rstrip()}{comma}\n{entry}{after}", imports), path)


def parsed(source: str, path: Path) -> ast.Module:
    """The file's syntax tree.

    Raises:
        CourseError: it is no Python.
    """
    try:
        return ast.parse(source)
    except SyntaxError as error:
        raise CourseError(f"{path} cannot be read ({first_line(error)}): mend it first") from None


def tidied(source: str, path: Path) -> str:
    """The text as `make lint` wants it to be in the file `path`: imports in order and once, lines as ruff lays them.

    Raises:
        CourseError: ruff is not installed, or cannot read the text.
    """
    for command in (["check", "--select", "I", "--fix", "--quiet"], ["format", "--quiet"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--stdin-filename", str(path), "-"],
            input=source, capture_output=True, text=True, encoding="utf-8",
        )  # fmt: skip
        if done.returncode:
            raise CourseError(f"ruff could not format {path.name} ({done.stderr.strip()[:200]}): run `make setup`")
        source = done.stdout
    return source


def _assignment(tree: ast.Module, name: str, kind: type[ast.expr], path: Path) -> ast.Assign:
    for step in tree.body:
        if isinstance(step, ast.Assign) and ast.unparse(step.targets[0]) == name and isinstance(step.value, kind):
            return step
    raise CourseError(f"{path} has no {name} that this command can add to: write the exercise by hand")


def _refuse_taken(tree: ast.Module, more: ast.Module, path: Path) -> None:
    taken = _defined(tree) & _defined(more)
    if taken:
        raise CourseError(f"{path} already has {', '.join(sorted(taken))}: choose another title")


def _defined(tree: ast.Module) -> set[str]:
    classes = {step.name for step in tree.body if isinstance(step, ast.ClassDef | ast.FunctionDef)}
    values = {ast.unparse(step.targets[0]) for step in tree.body if isinstance(step, ast.Assign)}
    return classes | values


def _with_imports(source: str, imports: str) -> str:
    """The imports after those of the file, or after its docstring; `tidied` then joins what is there twice."""
    tree = ast.parse(source)
    places = [step.end_lineno for step in tree.body if isinstance(step, ast.Import | ast.ImportFrom)]
    docstring = tree.body[0].end_lineno if ast.get_docstring(tree, clean=False) is not None else 0
    lines = source.splitlines()
    at = places[-1] if places else docstring
    return "\n".join([*lines[:at], *imports.splitlines(), *lines[at:]]) + "\n"

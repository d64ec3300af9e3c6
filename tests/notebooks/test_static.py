"""What must hold for a committed lesson, seen without running it."""

from __future__ import annotations

import ast
import inspect
import re
import statistics

import papermill
import pytest

from helpers.course.answers import divided, exercise_cells
from helpers.course.display import WIDGET_MIME
from helpers.course.lessons import all_lessons
from helpers.course.parameters import default_parameters, parameters_cell
from helpers.course.rewriting import MOST_BYTES, normalised, text_of
from helpers.lessons import lesson_module

# A measured time is printed by the cell that measured it. These times in prose are no measurements of ours.
ALLOWED_SECONDS: set[str] = set()
_SECONDS = re.compile(r"\b\d+(?:\.\d+)? ?s(?:econds?)?\b")

pytestmark = pytest.mark.parametrize("lesson", all_lessons(), ids=lambda lesson: lesson.name)


@pytest.fixture
def notebook(lesson):
    return lesson.read()


def _code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _markdown(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "markdown"]


def _outputs(notebook):
    return [(cell.id, output) for cell in _code(notebook) for output in cell.outputs]


def test_every_code_cell_was_executed_in_order(lesson, notebook):
    """nbval skips a cell without a count and without outputs in silence."""
    assert [cell.execution_count for cell in _code(notebook)] == list(range(1, len(_code(notebook)) + 1))
    assert sum(bool(cell.outputs) for cell in _code(notebook)) >= len(_code(notebook)) / 2


def test_no_output_is_an_error_or_stderr(lesson, notebook):
    bad = [
        cell for cell, output in _outputs(notebook) if output.output_type == "error" or output.get("name") == "stderr"
    ]
    assert not bad


def test_normalised_form_is_what_is_committed(lesson, notebook):
    assert text_of(normalised(notebook), lesson.name) == lesson.path.read_text(encoding="utf-8")


def test_file_is_small_and_without_widgets_and_times(lesson, notebook):
    assert lesson.path.stat().st_size <= MOST_BYTES
    assert "widgets" not in notebook.metadata
    assert not [cell for cell, output in _outputs(notebook) if WIDGET_MIME in output.get("data", {})]
    assert not [cell.id for cell in notebook.cells if {"execution", "papermill"} & set(cell.metadata)]


def test_parameters_are_literals_and_hold_the_four(lesson, notebook):
    defaults = default_parameters(notebook, lesson.name)
    assert {"BACKBONE", "DATASET", "DEVICE", "SEED"} <= set(defaults)
    assert defaults["DEVICE"] == "auto"
    assert set(papermill.inspect_notebook(str(lesson.path))) == set(defaults)
    assert sum("parameters" in cell.metadata.get("tags", []) for cell in notebook.cells) == 1


def test_imports_cell_follows_the_parameters_and_ends_with_the_contract(lesson, notebook):
    (imports,) = [cell for cell in _code(notebook) if "imports" in cell.metadata.get("tags", [])]
    assert _code(notebook).index(imports) == _code(notebook).index(parameters_cell(notebook)) + 1
    assert imports.source.strip().endswith(f'contract("{lesson.number}")')


def test_exercises_are_those_of_the_lesson_module(lesson, notebook):
    numbers = list(exercise_cells(notebook))
    assert numbers == lesson_module(lesson.number).EXERCISES.numbers()
    assert len(numbers) >= 3


def test_exercise_cell_ends_with_its_check_and_is_compared_by_nbval(lesson, notebook):
    for number, cell in exercise_cells(notebook).items():
        stub, check = divided(cell)
        assert "nbval-check-output" in cell.metadata.tags
        assert stub.strip(), f"exercise {number} has no stub"
        assert len(ast.parse(check).body) == 1, f"exercise {number} goes on after its check"


def test_the_check_line_is_the_one_that_an_error_would_name(lesson, notebook):
    """With another name an error would tell the learner to hand in something else, such as the course's own."""
    for number, cell in exercise_cells(notebook).items():
        call = ast.parse(divided(cell)[1]).body[0].value
        examine = type(lesson_module(lesson.number).EXERCISES[number]).examine
        assert [argument.id for argument in call.args] == list(inspect.signature(examine).parameters)[1:], number


def test_exercise_is_stated_in_the_cell_above(lesson, notebook):
    for number, cell in exercise_cells(notebook).items():
        above = notebook.cells[notebook.cells.index(cell) - 1]
        assert above.cell_type == "markdown"
        assert re.search(rf"^### Exercise {re.escape(number)}: \S", above.source, flags=re.MULTILINE)


def test_contract_is_there(lesson):
    promised = lesson.contract()
    assert 0 < promised.seconds <= 90 and 0 < promised.peak_mb <= 4000 and promised.download_mb == 0


def test_order_of_the_parts(lesson, notebook):
    text = "\n".join(cell.source for cell in notebook.cells)
    assert notebook.cells[0].source.startswith(f"# {lesson.number} ")
    for part in ("You will be able to", "Before you start"):
        assert part in notebook.cells[0].source
    parts = [
        "## Common mistake",
        "## Quick quiz",
        f'quiz("{lesson.number}")',
        "## Recap",
        f'progress("{lesson.number}")',
    ]
    places = [text.find(part) for part in parts]
    assert -1 not in places, parts[places.index(-1)]
    assert places[1:] == sorted(places[1:])


def test_cells_are_short_enough_to_be_read_at_once(lesson, notebook):
    lines = {cell.id: len(cell.source.splitlines()) for cell in _code(notebook)}
    assert {cell: count for cell, count in lines.items() if count > 25} == {}
    assert statistics.median(lines.values()) <= 12


def test_no_image_of_the_test_part_is_looked_at(lesson, notebook):
    """Whoever studies mistakes there and then changes something has chosen by the test part."""
    assert [cell.id for cell in _code(notebook) if re.search(r"\bdata\.test\.image\(", cell.source)] == []


def test_few_lines_draw(lesson, notebook):
    """What a learner carries to work is not to be looked for between lines that draw."""
    lessons_own = [cell.source for cell in _code(notebook) if "imports" not in cell.metadata.get("tags", [])]
    drawing = [source for source in lessons_own if re.search(r"\bplt\.|\bshow_figure\(|\bblank\(", source)]
    share = sum(len(source.splitlines()) for source in drawing) / sum(
        len(source.splitlines()) for source in lessons_own
    )
    assert share <= 0.15, f"{share:.0%} of the lines of code stand in cells that draw"


def test_every_picture_has_an_alternative_text(lesson, notebook):
    for cell, output in _outputs(notebook):
        if "image/png" in output.get("data", {}):
            assert len(output.metadata.get("image/png", {}).get("alt", "")) > 10, f"cell {cell}"
    for cell in _markdown(notebook):
        assert "![](" not in cell.source, f"cell {cell.id}"


def test_no_measured_time_is_typed_into_the_text(lesson, notebook):
    typed = [
        (cell.id, found)
        for cell in _markdown(notebook)
        for found in _SECONDS.findall(re.sub(r"`[^`]*`", "", cell.source))
        if found not in ALLOWED_SECONDS
    ]
    assert not typed


def test_what_a_control_draws_from_is_not_changed_by_later_cells(lesson, notebook):
    """A control is moved when the whole lesson has run: `network` may be another one by then."""
    functions, stored = {}, []
    for cell in _code(notebook):
        tree = ast.parse(cell.source)
        functions |= {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        stored.append((cell, _assigned(tree)))
    for place, cell in enumerate(_code(notebook)):
        for draw in re.findall(r"^explore\(\s*(\w+),", cell.source, flags=re.MULTILINE):
            read, waiting = set(), {draw}
            while waiting:
                read |= waiting
                inside = [name for name in waiting if name in functions]
                waiting = {name for one in inside for name in _read_from_outside(functions[one])} - read
            changed = {(name, later.id) for later, names in stored[place + 1 :] for name in names & read}
            assert not changed, f"{draw} in {cell.id} reads what a later cell changes: {changed}"


def _assigned(tree):
    """The names that a cell gives a value to, outside of its functions."""
    found, waiting = set(), list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif not isinstance(node, ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found.add(node.id)
            waiting += ast.iter_child_nodes(node)
    return found


def _read_from_outside(function):
    """The names that a function reads and does not set itself."""
    names = [node for node in ast.walk(function) if isinstance(node, ast.Name)]
    own = {node.id for node in names if isinstance(node.ctx, ast.Store)}
    own |= {node.arg for node in ast.walk(function) if isinstance(node, ast.arg)}
    return {node.id for node in names} - own

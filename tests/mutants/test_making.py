"""What is changed in an answer, and what is left alone."""

import ast

import pytest

from tests.mutants.making import mutants
from tests.mutants.table import all_exercises, right_answers

CHANGES = {
    "dropped statement": ("def f(x):\n    g(x)\n    return x", "g(x) -> pass"),
    "None given back": ("def f(x):\n    return x", "return x -> return None"),
    "flipped flag": ("x.f_(False)", "x.f_(False) -> x.f_(True)"),
    "off by one": ("x = y[1]", "x = y[1] -> x = y[2]"),
    "other number": ("x = 0.5", "x = 0.5 -> x = 1.0"),
    "other string": ("x = y['w']", "x = y['w'] -> x = y['XXwXX']"),
    "comparison at the border": ("x = 0 < y", "x = 0 < y -> x = 0 <= y"),
    "negated comparison": ("x = y == z", "x = y == z -> x = y != z"),
    "negated condition": ("if x:\n    y()", "if x: -> if not x:"),
    "and, or": ("x = y and z", "x = y and z -> x = y or z"),
    "dropped condition": ("x = [y for y in z if y]", "x = [y for y in z if y] -> x = [y for y in z]"),
    "dropped branch": ("if x:\n    y()\nelse:\n    z()", "else: … z() -> nothing"),
    "dropped not": ("x = not y", "x = not y -> x = y"),
    "dropped sign": ("x = -y", "x = -y -> x = y"),
    "other operator": ("x = y + z", "x = y + z -> x = y - z"),
    "set in place of added": ("x += y", "x += y -> x = y"),
    "swapped arguments": ("f(x, y)", "f(x, y) -> f(y, x)"),
    "dropped argument": ("f(x, y)", "f(x, y) -> f(x)"),
    "dropped keyword": ("f(x, k=y)", "f(x, k=y) -> f(x)"),
    "dropped call": ("x = y.detach()", "x = y.detach() -> x = y"),
    "dropped entry": ("x = {'y': y, 'z': z}", "x = {'y': y, 'z': z} -> x = {'z': z}"),
    "dropped bound": ("x = y[:z]", "x = y[:z] -> x = y[:]"),
    "dropped decorator": ("@d\ndef f():\n    g()", "@d -> nothing"),
    "dropped context manager": ("with x():\n    y()", "with x(): … y() -> y()"),
    "dropped handlers": ("try:\n    x()\nexcept E:\n    y()", "try: … y() -> x()"),
    "dropped finally": ("try:\n    x()\nfinally:\n    y()", "y() -> pass"),
    "break and continue": ("for x in y:\n    break", "break -> continue"),
    "words that name nothing": ("raise E(f'no {x}')", "raise E(f'no {x}') -> raise E(f'no ')"),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_each_kind_of_change_is_made(kind):
    source, change = CHANGES[kind]
    assert (kind, change) in {(one.kind, one.change) for one in mutants(source)}


def test_the_table_above_knows_every_kind():
    references = [right_answers(number)["reference"] for number in all_exercises()]
    assert {one.kind for source in references for one in mutants(source)} <= set(CHANGES)


@pytest.mark.parametrize(
    "source",
    [
        "import torch",
        "def f(x: int = None) -> str:\n    'Its words.'\n    pass",
        "raise ValueError('its words')",
        "print('its words')",
    ],
)
def test_what_is_no_slip_is_left_alone(source):
    changes = {one.change.split(" -> ")[1] for one in mutants(source)}
    assert changes <= {"pass"}, "nothing but the whole statement may go"


def test_what_means_the_same_is_not_made():
    assert "swapped arguments" not in {one.kind for one in mutants("x = torch.equal(y, z)")}


@pytest.mark.parametrize("number", all_exercises())
def test_each_mutant_of_a_reference_is_another_program_and_has_a_name(number):
    reference = right_answers(number)["reference"]
    made = mutants(reference)
    assert made
    sources, changes = {one.source for one in made}, {one.change for one in made}
    assert len(sources) == len(changes) == len(made)
    assert ast.unparse(ast.parse(reference)) not in sources
    for source in sources:
        compile(source, "<mutant>", "exec")


def test_it_makes_the_same_ones_each_time():
    reference = right_answers("3.2")["reference"]
    assert mutants(reference) == mutants(reference)

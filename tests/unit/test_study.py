"""Lesson 08's study as a program: it survives being killed, and never mixes what does not belong together."""

from __future__ import annotations

import json
import os
import random
import runpy
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from helpers.course.lessons import find_lessons
from helpers.course.parameters import default_parameters
from helpers.course.study import load_study, packed, unpacked
from helpers.errors import CourseError
from helpers.places import repository
from helpers.training.comparing import compare_paired
from helpers.training.strategies import STRATEGIES

TOY = Path(__file__).with_name("toy_study.py")


@pytest.fixture
def home(tmp_path):
    """A folder of the course of its own, with the benchmarks in it."""
    (tmp_path / "notebooks").mkdir()
    shutil.copytree(repository() / "benchmarks", tmp_path / "benchmarks")
    return tmp_path


def start(home: Path) -> subprocess.Popen:
    environment = {**os.environ, "COURSE_HOME": str(home)}
    return subprocess.Popen([sys.executable, TOY], env=environment, stdout=subprocess.PIPE, text=True, process_group=0)


def whole_table(home: Path) -> bytes:
    out, _ = (process := start(home)).communicate()
    assert process.returncode == 0, out
    return (home / "data" / "measured" / "study.json").read_bytes()


def lines(home: Path) -> int:
    log = home / "data" / "measured" / "study.jsonl"
    return log.read_bytes().count(b"\n") if log.exists() else 0


def test_killed_ten_times_it_ends_in_the_same_table(home, tmp_path_factory):
    never_killed = tmp_path_factory.mktemp("never killed")
    shutil.copytree(home, never_killed, dirs_exist_ok=True)
    expected = whole_table(never_killed)
    dice, kills = random.Random(0), 0
    while kills < 10:
        goal, process = lines(home) + dice.randint(1, 25), start(home)
        while process.poll() is None and lines(home) < goal:
            time.sleep(0.001)
        assert process.poll() is None, "it ended before it was killed ten times"
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        kills += 1
    assert lines(home) < lines(never_killed)
    assert whole_table(home) == expected
    assert lines(home) == lines(never_killed)  # nothing was run twice


@pytest.fixture(scope="module")
def study_run():
    return in_benchmarks("study_run")


@pytest.fixture
def log(study_run, tmp_path):
    return lambda settings=None: study_run["Log"](tmp_path / "log.jsonl", lambda row: row["name"], settings or {"a": 1})


def test_a_line_that_was_cut_off_is_run_again(log, tmp_path):
    log().add({"name": "first"})
    log().add({"name": "second"})
    file = tmp_path / "log.jsonl"
    file.write_bytes(file.read_bytes()[:-5])
    again = log()
    assert {"name": "first"} in again and {"name": "second"} not in again
    again.add({"name": "second"})
    assert {"name": "second"} in log()


def test_results_of_other_settings_are_not_mixed_in(log):
    log().add({"name": "first"})
    with pytest.raises(CourseError, match="other settings: move it away"):
        log({"a": 2})
    assert {"name": "first"} in log()


@pytest.fixture(scope="module")
def study():
    """The names of benchmarks/study.py; `plan` among them."""
    return in_benchmarks("study")


def in_benchmarks(name: str) -> dict[str, object]:
    folder = str(repository() / "benchmarks")
    sys.path.insert(0, folder)
    try:
        return runpy.run_path(f"{folder}/{name}.py")
    finally:
        sys.path.remove(folder)


@pytest.mark.parametrize("right", [[True, False, False, True, True, True], [False] * 8, [True] * 5])
def test_right_and_wrong_are_packed_without_loss(right):
    assert unpacked(packed(right), len(right)).tolist() == right


def test_the_plan_has_the_strategies_that_are_trained(study):
    assert study["plan"].STRATEGIES == STRATEGIES


def test_the_counts_that_progress_tells_are_those_that_are_run(study):
    plan = study["plan"]
    for domain in plan.DOMAINS:
        tasks = {plan.key(task) for task in plan.searches(domain)}
        finals = plan.finals(domain, _Losses({key: {"val_loss": 1.0} for key in tasks}, plan.key))
        assert len(tasks | {plan.key(task) for task in finals}) == plan.count(domain)


@pytest.mark.parametrize(
    ("losses", "tried"),
    [
        ((2, 1, 3, 4), ()),  # the best lies inside
        ((1, 2, 3, 4, 5), (3e-5,)),  # the lowest: one below it, which is worse
        ((2, 3, 4, 5, 1, 0), (3e-5, 1e-5)),  # and below that, and no further
        ((4, 3, 2, 1, 5), (1e-2,)),  # the highest
        ((3, 2, 1, None), ()),  # higher is no number any more
    ],
)
def test_a_search_goes_on_past_an_end_of_its_rates(study, losses, tried):
    plan = study["plan"]
    first, more = plan.RATES["one rate"], iter(losses[4:])
    rows = {plan.key(task): {"val_loss": 1.0} for task in plan.searches("digits")}
    log = _Losses(rows, plan.key)
    for name in set(plan.STRATEGIES) - {"one rate"}:  # the others have their best inside
        for size in (5, 100):
            rows[plan.key(plan.task_of("digits", name, size, 0, plan.RATES[name][1]))] = {"val_loss": 0.0}
    for rate, loss in zip(first, losses[:4], strict=True):
        rows[plan.key(plan.task_of("digits", "one rate", 5, 0, rate))] = {"val_loss": loss}
    rows[plan.key(plan.task_of("digits", "one rate", 100, 0, first[1]))] = {"val_loss": 0.0}
    found = []
    for _ in range(plan.FURTHER + 1):
        for task in plan.further("digits", log):
            assert (task["strategy"], task["per_class"]) == ("one rate", 5)
            found.append(task["rate"])
            rows[plan.key(task)] = {"val_loss": next(more)}
    assert found == list(tried)
    best = min((loss, rate) for rate, loss in zip([*first, *found], losses, strict=True) if loss is not None)
    assert plan.best_rate("digits", "one rate", 2, log) == best[1]


class _Losses:
    def __init__(self, rows, key):
        self.rows, self.key = rows, key

    def __contains__(self, task):
        return self.key(task) in self.rows

    def __getitem__(self, task):
        return self.rows[self.key(task)]


def test_the_record_of_runs_belongs_to_the_settings_of_the_study(study):
    """The record that ships is the study's so far: `make study` goes on from it."""
    first, *rows = (repository() / "data" / "measured" / "study.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(first) == json.loads(json.dumps(study["plan"].PARAMETERS))
    keys = [study["plan"].key(json.loads(row)) for row in rows]
    assert len(set(keys)) == len(keys) > 0


@pytest.fixture(scope="module")
def table():
    return load_study()


class TestTable:
    """The file that lesson 08 shows."""

    def test_it_was_made_with_the_plan_as_it_is_now(self, study, table):
        assert table.parameters == json.loads(json.dumps(study["plan"].PARAMETERS))
        assert set(table.domains) == set(study["plan"].DOMAINS) and table.strategies == STRATEGIES
        assert table.versions["code"] and table.versions["machine"]

    def test_it_has_no_hole(self, study, table):
        plan = study["plan"]
        every = {(domain, name, n) for domain in plan.DOMAINS for name in STRATEGIES for n in plan.sizes_of(domain)}
        assert set(table.cells) == every
        assert max(n * table.about[domain].classes for domain, _, n in every) >= 10_000
        for (domain, _, _), cell in table.cells.items():
            assert cell.right.shape == (len(table.seeds), table.about[domain].test_images)
            assert len(cell.epochs) == len(table.seeds) >= 3 and min(cell.epochs) > 0

    def test_it_is_what_the_record_of_runs_says(self, study, table):
        plan = study["plan"]
        file = repository() / "data" / "measured" / "study.jsonl"
        log = study["Log"](file, plan.key, plan.PARAMETERS)
        found = plan.cells(list(plan.DOMAINS), log)
        assert found == json.loads((file.parent / "study.json").read_text(encoding="utf-8"))["results"]

    def test_domains_come_with_the_nearest_first(self, table):
        distances = [table.about[domain].distance for domain in table.domains]
        assert distances == sorted(distances) and distances[0] > 0

    @pytest.mark.parametrize(
        "all_seeds", [False, pytest.param(True, marks=pytest.mark.torture)], ids=["a run", "whole"]
    )
    def test_a_random_small_cell_comes_out_again(self, study, table, all_seeds):
        strategy = random.choice([name for name in STRATEGIES if name != "scratch"])
        cell, places = table.cell("digits", strategy, 2), range(len(table.seeds))
        places = list(places) if all_seeds else [random.choice(places)]
        tasks = [study["plan"].task_of("digits", strategy, 2, table.seeds[place], cell.rate) for place in places]
        again = torch.stack([unpacked(study["run"](task)["right"], cell.right.shape[1]) for task in tasks])
        gap = compare_paired(again, cell.right[places])
        assert not gap.beyond_chance, f"{strategy}: {gap}"
        other = table.cell("digits", "scratch", 2).right[places]
        assert compare_paired(again, other).beyond_chance  # it could have failed

    def test_what_is_not_there_is_told_with_what_is(self, table):
        for asked, told in {
            ("digits", "LoRA", 500): "ask for one of 2, 5, 20, 100",
            ("digit", "LoRA", 2): "Known: ",
            ("digits", "Lora", 2): "LP-FT, LoRA",
        }.items():
            with pytest.raises(CourseError, match=told):
                table.cell(*asked)

    def test_what_the_lesson_says_of_it_holds(self, table):
        """Lesson 08 says in words who leads where; another table must not leave the words standing."""
        wide = default_parameters(find_lessons(["08"])[0].read())["WIDE"]
        near, far = table.domains[0], table.domains[-1]

        def gap(domain, size, one, other):
            return compare_paired(table.cell(domain, one, size).right, table.cell(domain, other, size).right)

        def beats(domain, size, one, other):
            found = gap(domain, size, one, other)
            return found.beyond_chance and found.difference > 0

        every = [(domain, size) for domain in table.domains for size in table.sizes(domain)]
        leaders = {
            (domain, size): [a for a in STRATEGIES if not any(beats(domain, size, b, a) for b in STRATEGIES)]
            for domain, size in every
        }
        unsteady = [
            (domain, size, name)
            for (domain, size), names in leaders.items()
            for name in names
            if table.cell(domain, name, size).accuracies.std() > wide
        ]
        assert unsteady, "no strategy is unbeaten because it varies so much: the lesson shows one"
        for (domain, size), names in leaders.items():
            steady = [name for name in names if (domain, size, name) not in unsteady]
            assert "scratch" not in names, (domain, size)
            assert set(steady) & {"one rate", "differential", "LP-FT"}, (domain, size)
        borders = {"one rate": (100, 20), "differential": (100, 5), "LP-FT": (100, 5), "LoRA": (100, 100)}
        for name, of_both in borders.items():
            for domain, border in zip((near, far), of_both, strict=True):
                ahead = {size for size in table.sizes(domain) if beats(domain, size, name, "linear probe")}
                assert ahead == {size for size in table.sizes(domain) if size >= border}, (name, domain)
        assert not any(beats(near, size, name, "linear probe") for name in STRATEGIES for size in (2, 5, 20))
        assert not any(gap(domain, size, "LP-FT", "one rate").beyond_chance for domain, size in every)
        middle = table.domains[1]
        assert {size for domain, size, name in unsteady if (domain, name) == (middle, "one rate")} == {2, 5, 20}
        assert beats(middle, 20, "differential", "linear probe") and not beats(middle, 20, "LP-FT", "linear probe")
        assert 100 * table.about[near].classes < 1000
        last = [beats(near, size, "last stage", "linear probe") for size in table.sizes(near)]
        assert not last[-1] and not beats(far, 20, "last stage", "linear probe")
        assert beats(far, 100, "last stage", "linear probe") and beats(far, 100, "scratch", "linear probe")
        lora = [beats(near, size, "one rate", "LoRA") for size in table.sizes(near)]
        assert sum(lora) == 1 and not any(beats(near, size, "LoRA", "one rate") for size in table.sizes(near))
        most = max(table.sizes(near))
        assert not gap(near, most, "scratch", "linear probe").beyond_chance and beats(near, most, "one rate", "scratch")
        same = {}  # the cells in which all seeds name the same winner
        for domain, size in every:
            tested = torch.stack([table.cell(domain, name, size).accuracies for name in STRATEGIES])
            winners = {STRATEGIES[place] for place in tested.argmax(dim=0).tolist()}
            assert winners <= set(leaders[domain, size]), "a winner that is beaten: the lesson says that none is"
            same |= {(domain, size): winners} if len(winners) == 1 else {}
            if domain == middle and size <= 20:
                assert STRATEGIES[tested[:, 0].argmax()] == "one rate"
        assert same == {(middle, 2000): {"LP-FT"}}
        assert sum(len(cell.right) for cell in table.cells.values()) == 336
        for domain, sizes in ((near, [2000]), (middle, [100, 500]), (far, [100])):
            ahead = [size for size in sizes if beats(domain, size, "scratch", "linear probe")]
            assert ahead == [size for size in sizes if size < 2000], domain
        assert not gap(middle, 2000, "scratch", "linear probe").beyond_chance
        assert beats(middle, 2000, "one rate", "scratch") and beats(middle, 2000, "one rate", "linear probe")

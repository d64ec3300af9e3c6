"""What was measured earlier: whole, of the lesson as it is now, and told plainly where it is not there."""

from __future__ import annotations

import json
import runpy
import statistics
import sys

import pytest
import torch

from helpers.course.lessons import find_lessons
from helpers.course.measured import earlier_results, load_measured, load_published, save_measured
from helpers.course.parameters import default_parameters
from helpers.errors import CourseError
from helpers.places import repository
from helpers.training.comparing import Summary, compare_paired, compare_summaries


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    return tmp_path


FOUND = {"results": [{"accuracy": 0.5}], "parameters": {"SIDE": 64}, "versions": {"torch": "2"}}


def test_what_is_written_is_read(checkout):
    assert save_measured("runs", FOUND) == checkout / "data" / "measured" / "runs.json"
    assert load_measured("runs") == FOUND


@pytest.mark.parametrize("name", ["run", "Runs", ""])
def test_an_unknown_name_is_told_with_those_that_are_there(checkout, name):
    save_measured("runs", FOUND)
    with pytest.raises(CourseError, match=r"unknown measurement .* Known: runs"):
        load_measured(name)


def test_a_file_that_is_damaged_or_lacks_a_part_is_told(checkout):
    file = save_measured("runs", FOUND)
    file.write_text(json.dumps({"results": []}), encoding="utf-8")
    with pytest.raises(CourseError, match="lacks parameters, versions: get it anew"):
        load_measured("runs")
    file.write_text('{"results": ', encoding="utf-8")
    with pytest.raises(CourseError, match="damaged"):
        load_measured("runs")


def test_earlier_results_are_kept_for_the_same_parameters_alone(checkout):
    assert earlier_results("runs", FOUND["parameters"]) == []  # there is no file yet
    file = save_measured("runs", FOUND)
    assert earlier_results("runs", {"SIDE": 64}) == FOUND["results"]
    assert earlier_results("runs", {"SIDE": 96}) == []
    file.write_text('{"results": ', encoding="utf-8")
    assert earlier_results("runs", FOUND["parameters"]) == []


def test_a_number_that_json_does_not_know_is_not_written(checkout):
    save_measured("runs", FOUND)
    with pytest.raises(ValueError):
        save_measured("runs", {**FOUND, "results": [{"accuracy": float("nan")}]})
    assert load_measured("runs") == FOUND


@pytest.fixture(scope="module")
def heads():
    return load_measured("heads")


@pytest.fixture
def help_of(monkeypatch, capsys):
    """What a benchmark prints for --help. It runs as a script in this process: one of its own loads PyTorch anew."""

    def told(benchmark: str) -> str:
        script = repository() / "benchmarks" / f"{benchmark}.py"
        monkeypatch.syspath_prepend(script.parent)  # as Python does for a script: they import each other
        monkeypatch.setattr(sys, "argv", [str(script), "--help"])
        with pytest.raises(SystemExit) as done:
            runpy.run_path(str(script), run_name="__main__")
        assert not done.value.code
        return capsys.readouterr().out

    return told


class TestHeads:
    """The file that lesson 04 shows."""

    def test_it_was_measured_with_the_lesson_as_it_is_now(self, heads):
        defaults = default_parameters(find_lessons(["04"])[0].read())
        assert heads["parameters"]
        assert {name: defaults.get(name) for name in heads["parameters"]} == heads["parameters"]
        assert set(defaults) - set(heads["parameters"]) == {"DATASET", "PER_CLASS", "SEED", "REPEATS", "DEVICE"}

    def test_each_run_has_both_heads_on_the_same_images(self, heads):
        runs = [(row["dataset"], row["per_class"], row["training"]) for row in heads["results"]]
        assert len(set(runs)) == len(runs) and {"painted flowers", "digits"} <= {dataset for dataset, _, _ in runs}
        for row in heads["results"]:
            assert row["test_images"] >= 300 and row["seeds"] >= 5 and row["chance"] > 0
            gap = row["MLP"]["accuracy"] - row["linear"]["accuracy"]
            assert row["beyond_chance"] == (abs(gap) > row["chance"]), "rounding may not turn a verdict"

    def test_what_the_lesson_says_of_it_holds(self, heads):
        """Trained until validation stops, no MLP is ahead by more than chance; with equal steps, one is."""
        ahead = {
            row["training"]
            for row in heads["results"]
            if row["beyond_chance"] and row["MLP"]["accuracy"] > row["linear"]["accuracy"]
        }
        assert ahead == {"at most 60 steps"}

    def test_the_benchmark_says_what_it_takes(self, help_of):
        assert "data/measured/heads.json" in help_of("heads")


@pytest.fixture(scope="module")
def record():
    return load_measured("frozen_backbone")


class TestFrozenBackbone:
    """The file that lesson 03 shows."""

    def test_it_was_measured_with_the_lesson_as_it_is_now(self, record):
        defaults = default_parameters(find_lessons(["03"])[0].read())
        assert record["parameters"]
        assert {name: defaults.get(name) for name in record["parameters"]} == record["parameters"]
        assert set(defaults) - set(record["parameters"]) == {"DATASET", "DEVICE", "REPEATS", "SIDE", "TRAIN_SIZES"}

    def test_each_dataset_has_every_learner_with_a_spread(self, record):
        by_dataset: dict[str, set] = {}
        for row in record["results"]["learners"]:
            by_dataset.setdefault(row["dataset"], set()).add(row["learner"])
            assert 0 <= row["accuracy"] <= 1 and row["sd"] >= 0 and row["seeds"] >= 2 and row["images"] > 0
        assert set(by_dataset) == {"painted flowers", "digits"}
        assert by_dataset["digits"] == by_dataset["painted flowers"]
        assert {"frozen", "from scratch", "random weights", "raw pixels"} <= by_dataset["digits"]

    def test_what_the_text_says_of_it_holds(self, record):
        """Lesson 03 says in words which gaps are there; another measurement must not leave the words standing."""
        of = {
            (row["dataset"], row["learner"]): Summary(row["accuracy"], row["images"], row["sd"], row["seeds"])
            for row in record["results"]["learners"]
        }
        for other in ("random weights", "from scratch", "raw pixels"):
            assert leads(of["painted flowers", "frozen"], of["painted flowers", other])
        for better in ("from scratch", "raw pixels"):
            assert not leads(of["digits", "frozen"], of["digits", better])
        assert not leads(of["digits", "frozen"], of["digits", "random weights"])
        worst = "random weights, statistics of the images"
        assert leads(of["digits", "random weights"], of["digits", worst])
        small, published = record["results"]["preprocessing"]
        assert small["pixels"] < published["pixels"] and small["processor seconds"] < published["processor seconds"] / 2


def leads(one: Summary, other: Summary) -> bool:
    gap = compare_summaries(one, other)
    return gap.beyond_chance and gap.difference > 0


@pytest.fixture(scope="module")
def found():
    return load_measured("fine_tuning")


@pytest.fixture(scope="module")
def defaults():
    return default_parameters(find_lessons(["05"])[0].read())


class TestFineTuning:
    """The file that lesson 05 shows."""

    def test_it_was_measured_with_the_lesson_as_it_is_now(self, found, defaults):
        """Another size or rule in the lesson makes the file stale: run the benchmark again."""
        assert found["parameters"]
        assert {name: defaults.get(name) for name in found["parameters"]} == found["parameters"]
        left_out = set(defaults) - set(found["parameters"])
        assert left_out == {"DATASET", "PER_CLASS", "DEVICE", "MINUTES", "REPEATS", "RATES", "RUN"}

    def test_each_dataset_has_every_strategy_at_every_number_of_pictures(self, found, defaults):
        strategies: dict[tuple, list] = {}
        for row in found["results"]:
            strategies.setdefault((row["dataset"], row["per_class"]), []).append(row["strategy"])
        assert (defaults["DATASET"], defaults["PER_CLASS"]) in strategies
        assert len({n for dataset, n in strategies if dataset == defaults["DATASET"]}) > 1
        assert all(rows == [*defaults["RATES"], "statistics relearned"] for rows in strategies.values())

    def test_each_rate_won_a_search_of_the_same_size(self, found):
        """So that no strategy was tuned more carefully than another."""
        searched = [row for row in found["results"] if "search" in row]
        assert {row["strategy"] for row in found["results"]} - {row["strategy"] for row in searched} == {
            "statistics relearned"
        }
        for row in searched:
            rates = [float(rate) for rate in row["search"]]
            assert len(rates) == 4 and max(rates) / min(rates) == pytest.approx(30)
            assert row["rate"] == float(min(row["search"], key=row["search"].__getitem__))

    def test_the_lesson_takes_the_rates_that_won(self, found, defaults):
        here = (defaults["DATASET"], defaults["PER_CLASS"])
        won = {row["strategy"]: row["rate"] for row in found["results"] if (row["dataset"], row["per_class"]) == here}
        assert {name: won[name] for name in defaults["RATES"]} == defaults["RATES"]

    def test_every_run_stopped_because_its_validation_did(self, found, defaults):
        """And none because its epochs ran out: else more patience would have changed what the lesson says."""
        for row in found["results"]:
            for curve in row["curves"]:
                losses = [epoch["val loss"] for epoch in curve]
                assert len(losses) < defaults["EPOCHS"], (row["dataset"], row["per_class"], row["strategy"])
                assert min(losses[-defaults["PATIENCE"] :]) >= min(losses)

    def test_accuracies_are_those_of_the_answers(self, found):
        for row in found["results"]:
            shares = [of_a_seed.count("1") / row["test_images"] for of_a_seed in row["right"]]
            assert all(set(of_a_seed) <= {"0", "1"} for of_a_seed in row["right"])
            assert row["accuracy"] == pytest.approx(statistics.mean(shares), abs=1e-4)
            assert row["sd"] == pytest.approx(statistics.stdev(shares), abs=1e-4)

    def test_the_benchmark_says_what_it_takes(self, help_of):
        told = help_of("fine_tuning")
        assert "--dataset" in told and "--per-class" in told and "data/measured/fine_tuning.json" in told


class TestLora:
    """The file that lesson 07 shows."""

    @pytest.fixture
    def lora(self):
        return load_measured("lora")

    @pytest.fixture
    def lesson(self):
        return default_parameters(find_lessons(["07"])[0].read())

    def test_it_was_measured_with_the_lesson_as_it_is_now(self, lora, lesson):
        """Another size or rule in the lesson makes the file stale: run the benchmark again."""
        assert lora["parameters"]
        assert {name: lesson.get(name) for name in lora["parameters"]} == lora["parameters"]
        left_out = set(lesson) - set(lora["parameters"])
        assert left_out == {"DATASET", "PER_CLASS", "DEVICE", "REPEATS", "RATES", "RUN", "RANK"}

    def test_each_dataset_has_every_strategy(self, lora, lesson):
        strategies: dict[tuple, list] = {}
        for row in lora["results"]:
            strategies.setdefault((row["dataset"], row["per_class"]), []).append(row["strategy"])
        assert (lesson["DATASET"], lesson["PER_CLASS"]) in strategies
        assert all(rows == list(lesson["RATES"]) for rows in strategies.values())

    def test_each_rate_won_a_search_of_the_same_size(self, lora):
        for row in lora["results"]:
            rates = [float(rate) for rate in row["search"]]
            assert len(rates) == 6 and 300 <= round(max(rates) / min(rates)) <= 333
            assert row["rate"] == float(min(row["search"], key=row["search"].__getitem__))

    def test_the_lesson_takes_the_rates_that_won(self, lora, lesson):
        here = (lesson["DATASET"], lesson["PER_CLASS"])
        won = {row["strategy"]: row["rate"] for row in lora["results"] if (row["dataset"], row["per_class"]) == here}
        assert won == lesson["RATES"]

    def test_every_run_stopped_because_its_validation_did(self, lora, lesson):
        for row in lora["results"]:
            assert len(row["curves"]) == len(row["right"]) >= (6 if row["dataset"] == lesson["DATASET"] else 3)
            for curve in row["curves"]:
                losses = [epoch["val loss"] for epoch in curve]
                assert len(losses) < lesson["EPOCHS"], (row["dataset"], row["strategy"])
                assert min(losses[-lesson["PATIENCE"] :]) >= min(losses)

    def test_what_the_lesson_says_of_it_holds(self, lora, lesson):
        """Lesson 07 says in words which gaps are there; another measurement must not leave the words standing."""
        at = {(row["dataset"], row["strategy"]): row for row in lora["results"]}

        def gap(dataset, name, other):
            one, two = (
                torch.tensor([[int(one) for one in seed] for seed in at[dataset, strategy]["right"][1:]]).bool()
                for strategy in (name, other)
            )
            return compare_paired(one, two)

        assert not gap(lesson["DATASET"], "LoRA, rank 4", "linear probe").beyond_chance
        of_sixteen = gap(lesson["DATASET"], "LoRA, rank 16", "linear probe")
        assert of_sixteen.beyond_chance and of_sixteen.difference > 0
        best = {row["strategy"]: row["rate"] for row in lora["results"] if row["dataset"] == lesson["DATASET"]}
        assert best["LoRA, rank 16"] >= 10 * best["LoRA, rank 1"]
        rows = [row for row in lora["results"] if row["dataset"] == lesson["DATASET"]]
        widest, highest = (max(rows, key=lambda row: row[key])["strategy"] for key in ("sd", "accuracy"))
        assert widest == highest == "full"
        photos = {dataset for dataset, _ in at} - {lesson["DATASET"]}
        assert photos == {"flowers"}
        for dataset in (lesson["DATASET"], "flowers"):
            for name in ("LoRA, rank 4", "LoRA, rank 16"):
                assert not gap(dataset, name, "full").beyond_chance
        assert not any(gap("flowers", name, "linear probe").beyond_chance for name in best)

    def test_accuracies_are_those_of_the_answers(self, lora):
        for row in lora["results"]:
            shares = [of_a_seed.count("1") / row["test_images"] for of_a_seed in row["right"]]
            assert all(set(of_a_seed) <= {"0", "1"} for of_a_seed in row["right"])
            assert row["accuracy"] == pytest.approx(statistics.mean(shares), abs=1e-4)
            assert row["sd"] == pytest.approx(statistics.stdev(shares), abs=1e-4)

    def test_the_benchmark_says_what_it_takes(self, help_of):
        told = help_of("lora")
        assert "--dataset" in told and "--per-class" in told and "data/measured/lora.json" in told


class TestImageSizes:
    """The file that lesson 06 shows."""

    @pytest.fixture
    def sizes(self):
        return load_measured("image_sizes")

    @pytest.fixture
    def benchmark(self):
        return runpy.run_path(str(repository() / "benchmarks" / "image_sizes.py"))

    def test_it_was_measured_with_the_benchmark_and_the_lesson_as_they_are_now(self, sizes, benchmark):
        """Another rate, size or network makes the file stale: run the benchmark again."""
        lesson = default_parameters(find_lessons(["06"])[0].read())
        assert sizes["parameters"] == benchmark["parameters_of"](lesson)
        assert benchmark["SEEDS"] >= 3

    def test_each_dataset_has_every_network_at_every_size(self, sizes, benchmark):
        by_dataset: dict[str, list] = {}
        for row in sizes["results"]:
            by_dataset.setdefault(row["dataset"], []).append((row["network"], row["side"]))
        wanted = [(name, side) for name in benchmark["NETWORKS"] for side in benchmark["SIDES"]]
        assert benchmark["PAINTED"] in by_dataset
        assert all(rows == wanted for rows in by_dataset.values())

    def test_accuracies_are_shares_with_a_spread(self, sizes):
        for row in sizes["results"]:
            assert 1 / row["classes"] / 2 <= row["accuracy"] <= 1 and 0 <= row["sd"] < 0.5
            assert row["test_images"] > 0 and row["per_class"] > 0

    def test_the_benchmark_says_what_it_takes(self, help_of):
        told = help_of("image_sizes")
        assert "--dataset" in told and "data/measured/image_sizes.json" in told


@pytest.mark.parametrize("name", ["transfer_of_ten", "transfer_of_families"])
def test_a_published_table_names_where_it_can_be_read(name):
    found = load_published(name)
    assert found["about"] and all(source.startswith("https://") for source in found["sources"])
    columns = list(found["results"][0])
    assert all(list(row) == columns and len(row["network"]) > 2 for row in found["results"])
    shares = [value for row in found["results"] for value in row.values() if not isinstance(value, str)]
    assert shares and all(50 < share < 100 for share in shares)


def test_an_unknown_published_table_is_told_with_those_that_are_there():
    with pytest.raises(CourseError, match=r"unknown published table .* Known: transfer_of_families, transfer_of_ten"):
        load_published("transfer")


class TestRecipes:
    """The file that lesson 09 shows, and the fractions of the time that the course is held to."""

    @pytest.fixture
    def recipes(self):
        return load_measured("recipes")

    def test_it_was_measured_with_the_program_as_it_is_now(self, recipes, program):
        assert recipes["parameters"] == {**program("recipes").PARAMETERS, "epochs": None}

    def test_its_table_is_that_of_its_runs(self, recipes, program):
        assert recipes["results"] == program("recipes").table(recipes["runs"])

    @pytest.mark.parametrize(
        ("peer", "photos", "ratio"),
        [
            ("tutorial, frozen", "hymenoptera", 40),
            ("tutorial, all", "hymenoptera", 5),
            ("fastai, fine_tune", "hymenoptera", 10),
            ("fastai, fine_tune", "flowers", 10),
        ],
    )
    def test_the_course_takes_a_fraction_of_the_time_at_no_less_accuracy(self, recipes, peer, photos, ratio):
        (row,) = (row for row in recipes["results"] if (row["peer"], row["photos"]) == (peer, photos))
        assert row["no less accurate"]
        assert min(row["ratio of seconds"], row["ratio of core seconds"]) >= ratio


class TestGrowth:
    """The other table of lesson 09: time in proportion to the images, memory flat beyond the features."""

    @pytest.fixture
    def growth(self):
        return load_measured("growth")

    def test_it_was_measured_with_the_program_as_it_is_now(self, growth, program):
        assert growth["parameters"] == program("growth").PARAMETERS
        assert [row["images"] for row in growth["results"]] == growth["parameters"]["COUNTS"]

    def test_an_image_of_many_costs_what_one_of_few_costs(self, growth):
        each = [row["ms an image"] for row in growth["results"]]
        assert max(each) < 1.25 * min(each)
        assert all(row["seconds, second run"] < row["seconds"] / 10 for row in growth["results"])

    def test_beyond_the_features_memory_stays(self, growth):
        beyond = {row["images"]: row["peak (MB)"] - row["features (MB)"] for row in growth["results"]}
        assert beyond[20_000] < 1.25 * beyond[2_000]

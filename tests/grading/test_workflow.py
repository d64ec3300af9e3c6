"""The workflow that marks a class: it calls the command as it is, and lets no name become a command."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml

from helpers import cli
from helpers.places import repository

WORKFLOW = repository() / ".github" / "workflows" / "grade.yml"


@pytest.fixture(scope="module")
def workflow() -> dict:
    return yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))


def scripts(workflow: dict) -> list[str]:
    return [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]


def test_it_has_the_parts_of_a_workflow(workflow: dict) -> None:
    assert set(workflow) == {"name", True, "permissions", "jobs"}  # YAML 1.1 reads `on` as true
    assert set(workflow[True]["workflow_dispatch"]["inputs"]) == {"learners", "lessons"}
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert {"runs-on", "timeout-minutes", "steps"} <= set(job)
        for step in job["steps"]:
            assert set(step) <= {"name", "uses", "run", "with", "if"}
            assert ("uses" in step) != ("run" in step)


def test_a_job_a_learner_and_one_that_waits_for_all(workflow: dict) -> None:
    grade = workflow["jobs"]["grade"]
    assert grade["strategy"]["matrix"] == {"learner": "${{ fromJSON(inputs.learners) }}"}
    assert grade["strategy"]["fail-fast"] is False
    assert workflow["jobs"]["class"]["needs"] == "grade"


def test_no_token_stays_where_an_answer_could_read_it(workflow: dict) -> None:
    checkouts = [s for s in workflow["jobs"]["grade"]["steps"] if s.get("uses", "").startswith("actions/checkout@")]
    assert len(checkouts) == 2
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_no_name_becomes_a_command(workflow: dict) -> None:
    assert not [script for script in scripts(workflow) if "${{" in script]


def test_every_script_is_one_that_bash_can_read(workflow: dict) -> None:
    for script in scripts(workflow):
        assert subprocess.run(["bash", "-n", "-c", script], timeout=20).returncode == 0, script


def test_the_command_has_the_options_that_it_is_given(workflow: dict) -> None:
    (line,) = [line for script in scripts(workflow) for line in script.splitlines() if "-m helpers" in line]
    words = shlex.split(line.replace('"${lessons[@]}"', "03 04").replace("${LEARNER##*/}", "ada"))
    chosen = cli._parser().parse_args(words[words.index("helpers") + 1 :])
    assert (chosen.lessons, chosen.csv, chosen.paths) == (["03", "04"], Path("marks/ada.csv"), [Path("handed-in")])


def test_one_table_of_all_has_one_head(workflow: dict, tmp_path: Path) -> None:
    for learner in ("ada", "bob b"):
        (tmp_path / "marks").mkdir(exist_ok=True)
        (tmp_path / "marks" / f"{learner}.csv").write_text(f"student_id,score\n{learner},1\n")
        (tmp_path / "marks" / f"{learner}.reasons.csv").write_text(f"student_id,reason\n{learner},none\n")
    (script,) = [script for script in scripts(workflow) if "awk" in script]
    subprocess.run(["bash", "-e", "-c", script], cwd=tmp_path, check=True, timeout=60)
    assert (tmp_path / "class" / "marks.csv").read_text() == "student_id,score\nada,1\nbob b,1\n"
    assert (tmp_path / "class" / "marks.reasons.csv").read_text() == "student_id,reason\nada,none\nbob b,none\n"


def test_the_readme_names_every_option_of_the_command() -> None:
    text = (repository() / "README.md").read_text(encoding="utf-8")
    section = text.partition("## Marking a class")[2].partition("\n## ")[0]
    asked = cli._parser()._subparsers._group_actions[0].choices["grade"].format_help()
    options = set(re.findall(r"--[a-z]+", asked)) - {"--help"}
    assert options == {option for option in options if f"`{option}" in section or f" {option} " in section}

"""Files around the course: workflows, hooks, the dev container, the citation, the change log."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.specifiers import SpecifierSet

import helpers
from helpers.places import repository

ROOT = repository()
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.y*ml"))
EACH_WORKFLOW = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def project() -> dict:
    return tomllib.loads(text("pyproject.toml"))["project"]


def against_schema(schema: str, *files: Path) -> subprocess.CompletedProcess[str]:
    """Held to a schema that check-jsonschema carries: nothing is fetched."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", *map(str, files)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def steps_of(workflow: dict) -> list[dict]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


# Workflows --------------------------------------------------------------------------------------------


def test_there_are_workflows_and_all_keep_to_the_schema() -> None:
    assert WORKFLOWS
    done = against_schema("github-workflows", *WORKFLOWS)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("line", "mistake"),
    [("    runs-on: ${{ matrix.os }}\n", ""), ("runs-on:", "run-on:"), ("    steps:\n", "    step:\n"),
     ("contents: read", "contents: reed")],
)  # fmt: skip
def test_a_workflow_with_a_mistake_would_be_found(tmp_path: Path, line: str, mistake: str) -> None:
    source = text(".github/workflows/test.yml")
    assert line in source
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(source.replace(line, mistake, 1))
    assert against_schema("github-workflows", wrong).returncode == 1


@EACH_WORKFLOW
def test_a_workflow_asks_for_no_more_than_it_needs(path: Path) -> None:
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert "permissions" in workflow, "without it a token may write"
    for name, job in workflow["jobs"].items():
        assert "timeout-minutes" in job, f"{name} could hang for hours"
    for step in steps_of(workflow):
        assert re.fullmatch(r"[\w-]+/[\w./-]+@v?[0-9a-f][\w.]*", step.get("uses", "x/y@v1")), step


@EACH_WORKFLOW
def test_a_workflow_calls_targets_and_commands_that_are_there(path: Path) -> None:
    """Every `make TARGET` is one of the Makefile's, and every line of a shell is one that bash can read."""
    targets = set(re.findall(r"^([a-z]+):", text("Makefile"), flags=re.MULTILINE))
    for step in steps_of(yaml.safe_load(path.read_text(encoding="utf-8"))):
        script = re.sub(r"\$\{\{.*?\}\}", "x", step.get("run", ""))
        assert set(re.findall(r"\bmake ([a-z]+)", script)) <= targets
        assert subprocess.run(["bash", "-n", "-c", script], timeout=20).returncode == 0, script


def test_ci_runs_on_each_python_and_both_systems() -> None:
    cpu = yaml.safe_load(text(".github/workflows/test.yml"))["jobs"]["cpu"]
    matrix = cpu["strategy"]["matrix"]
    allowed = SpecifierSet(project()["requires-python"])
    assert matrix["python"] == [version for version in (f"3.{n}" for n in range(8, 30)) if allowed.contains(version)]
    assert {system.partition("-")[0] for system in matrix["os"]} == {"ubuntu", "macos"}
    commands = "\n".join(step.get("run", "") for step in cpu["steps"])
    assert "make test" in commands and "make setup CPU=1" in commands
    kept = [step["with"]["path"] for step in cpu["steps"] if "upload-artifact" in step.get("uses", "")]
    assert kept == ["build/run"]


def test_a_runner_with_a_gpu_is_asked_only_where_there_is_one() -> None:
    gpu = yaml.safe_load(text(".github/workflows/test.yml"))["jobs"]["gpu"]
    assert "gpu" in gpu["runs-on"] and "self-hosted" in gpu["runs-on"]
    assert "vars.GPU_RUNNER == 'true'" in gpu["if"]
    assert "github.event_name != 'pull_request'" in gpu["if"]  # no stranger's code on a machine of one's own


# Hooks ------------------------------------------------------------------------------------------------


def hooks() -> dict[str, dict]:
    (local,) = yaml.safe_load(text(".pre-commit-config.yaml"))["repos"]
    assert local["repo"] == "local"  # the versions of the lock, and nothing from the network
    return {hook["id"]: hook for hook in local["hooks"]}


def command_of(hook: dict) -> list[str]:
    python, *rest = shlex.split(hook["entry"])
    assert python == ".venv/bin/python" and hook["language"] == "system"
    return [sys.executable, *rest]


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)


def test_the_hooks_are_content_with_what_is_committed() -> None:
    notebooks = sorted((ROOT / "notebooks").glob("*.ipynb"))
    before = {path: path.read_bytes() for path in notebooks}
    for name, files in {"ruff-check": ["helpers/cli.py"], "ruff-format": ["helpers/cli.py", "--check"],
                        "notebooks": [], "workflows": WORKFLOWS}.items():  # fmt: skip
        done = run([*command_of(hooks()[name]), *map(str, files)])
        assert done.returncode == 0, done.stdout + done.stderr
    assert {path: path.read_bytes() for path in notebooks} == before
    assert set(hooks()) == {"ruff-check", "ruff-format", "notebooks", "workflows"}


def test_the_hook_for_notebooks_looks_at_lessons() -> None:
    wanted = re.compile(hooks()["notebooks"]["files"])
    assert wanted.search("notebooks/03_freeze_the_backbone.ipynb")
    assert not wanted.search("docs/glossary.ipynb") and not wanted.search("tests/notebooks/fixtures/90_fine.ipynb")


# Dev container, citation, change log ------------------------------------------------------------------


def test_the_dev_container_sets_up_with_a_python_that_fits() -> None:
    container = json.loads(text(".devcontainer/devcontainer.json"))
    version = container["image"].rpartition(":")[2]
    assert SpecifierSet(project()["requires-python"]).contains(version)
    assert container["postCreateCommand"] == "make setup CPU=1"
    interpreter = container["customizations"]["vscode"]["settings"]["python.defaultInterpreterPath"]
    assert interpreter == "${containerWorkspaceFolder}/.venv/bin/python"


def test_the_citation_keeps_to_its_schema() -> None:
    done = against_schema("citation-file-format", ROOT / "CITATION.cff")
    assert done.returncode == 0, done.stdout


def test_one_version_and_one_licence_everywhere() -> None:
    citation = yaml.safe_load(text("CITATION.cff"))
    assert citation["version"] == project()["version"] == helpers.__version__
    assert citation["license"] == project()["license"] == "MIT"
    assert citation["authors"][0]["name"] in text("LICENSE")
    released = re.findall(r"^## (\d\S*)$", text("CHANGELOG.md"), flags=re.MULTILINE)
    assert released[0] == project()["version"]

"""`make update` on temporary checkouts: what a learner wrote is never lost, whatever stands in the way."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from helpers import updating
from helpers.course.lessons import find_lessons
from helpers.errors import CourseError
from helpers.places import repository

THIRD, FOURTH = "notebooks/03_freeze_the_backbone.ipynb", "notebooks/04_replace_the_head.ipynb"
OLD = {THIRD: "old 03", FOURTH: "old 04", "helpers/loop.py": "old loop", ".gitignore": "data/learner/\n*.log\n"}
NEW = {THIRD: "new 03", FOURTH: "new 04"}


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=A Learner", "-c", "user.email=learner@example.org")
    return subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


def write(folder: Path, texts: dict[str, str]) -> None:
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def commit(folder: Path, texts: dict[str, str]) -> None:
    write(folder, texts)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "a version")


@dataclass
class Course:
    """A maintainer's checkout, the bare repository that he publishes to, and a learner's clone of it."""

    maintainer: Path
    published: Path
    learner: Path
    said: list[str] = field(default_factory=list)

    def publish(self, texts: dict[str, str]) -> None:
        commit(self.maintainer, texts)
        git(self.maintainer, "push", "--quiet", "origin", "HEAD:main")

    def update(self) -> str:
        self.said.clear()
        updating.update(self.learner, self.learner / "data" / "learner", self.said.append)
        return "\n".join(self.said)

    def refused(self) -> str:
        """The one line; the version, every file and the place of the copies are as before."""
        before = self.state()
        with pytest.raises(CourseError) as error:
            self.update()
        assert self.state() == before
        assert "\n" not in str(error.value)
        return str(error.value)

    def state(self) -> tuple[str, dict[str, str]]:
        files = [path for path in self.learner.rglob("*") if path.is_file() and ".git" not in path.parts]
        return git(self.learner, "rev-parse", "HEAD"), {str(path): path.read_text(encoding="utf-8") for path in files}

    def read(self, name: str) -> str:
        return (self.learner / name).read_text(encoding="utf-8")

    def copies(self) -> dict[str, str]:
        """The text of each copy by its name."""
        kept = (self.learner / "data" / "learner" / "my-notebooks").rglob("*.ipynb")
        return {copy.name: copy.read_text(encoding="utf-8") for copy in kept}


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Course:
    """The learner has the old version; nothing of the developer's own git settings counts."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    published = tmp_path / "published.git"
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", str(published))
    for name in ("maintainer", "learner"):
        git(tmp_path, "clone", "--quiet", str(published), name)
        if name == "maintainer":
            git(tmp_path / name, "switch", "--quiet", "--orphan", "main")
            commit(tmp_path / name, OLD)
            git(tmp_path / name, "push", "--quiet", "origin", "HEAD:main")
    return Course(tmp_path / "maintainer", published, tmp_path / "learner")


# What is kept -------------------------------------------------------------------------------------


def test_an_edited_lesson_is_kept_and_the_new_one_takes_its_place(course: Course) -> None:
    course.publish(NEW)
    write(course.learner, {THIRD: "my answers"})
    said = course.update()
    assert (course.read(THIRD), course.read(FOURTH)) == ("new 03", "new 04")
    assert course.copies() == {"03_freeze_the_backbone.ipynb": "my answers"}
    place = re.search(r"kept as (data/learner/my-notebooks/\d{4}-\d\d-\d\d/03_freeze_the_backbone\.ipynb)$", said, re.M)
    assert course.read(place[1]) == "my answers"
    assert "Open both in JupyterLab" in said
    assert git(course.learner, "status", "--porcelain") == ""


def test_two_edited_lessons_one_of_them_staged(course: Course) -> None:
    course.publish(NEW)
    write(course.learner, {THIRD: "my answers", FOURTH: "more answers"})
    git(course.learner, "add", FOURTH)
    course.update()
    assert (course.read(THIRD), course.read(FOURTH)) == ("new 03", "new 04")
    assert sorted(course.copies().values()) == ["more answers", "my answers"]


def test_twice_on_one_day_nothing_is_overwritten(course: Course) -> None:
    for version in ("first", "second", "third"):
        course.publish({THIRD: f"{version} version"})
        write(course.learner, {THIRD: f"{version} answers"})
        course.update()
    assert course.read(THIRD) == "third version"
    assert course.copies() == {
        "03_freeze_the_backbone.ipynb": "first answers",
        "03_freeze_the_backbone-2.ipynb": "second answers",
        "03_freeze_the_backbone-3.ipynb": "third answers",
    }


def test_a_lesson_that_the_update_leaves_alone_stays_where_it_is(course: Course) -> None:
    course.publish({FOURTH: "new 04"})
    write(course.learner, {THIRD: "my answers", "helpers/loop.py": "my loop"})
    said = course.update()
    assert (course.read(THIRD), course.read(FOURTH)) == ("my answers", "new 04")
    assert course.read("helpers/loop.py") == "my loop"
    assert course.copies() == {}
    assert said.splitlines()[-1].endswith(f"helpers/loop.py, {THIRD}")


def test_a_deleted_lesson_comes_back(course: Course) -> None:
    course.publish(NEW)
    (course.learner / THIRD).unlink()
    assert "03_freeze_the_backbone.ipynb, which you had deleted, is there again" in course.update()
    assert course.read(THIRD) == "new 03"
    assert course.copies() == {}


def test_an_edited_lesson_that_the_new_version_drops_is_kept(course: Course) -> None:
    git(course.maintainer, "mv", THIRD, "notebooks/03_freeze.ipynb")
    course.publish({})
    write(course.learner, {THIRD: "my answers"})
    course.update()
    assert not (course.learner / THIRD).exists()
    assert course.copies() == {"03_freeze_the_backbone.ipynb": "my answers"}


def test_nothing_to_update_touches_nothing(course: Course) -> None:
    write(course.learner, {THIRD: "my answers"})
    commit(course.learner, {"notes.txt": "mine"})  # a commit of one's own is in no way of nothing
    before = course.state()
    assert course.update() == "Nothing to update: this is the newest version."
    assert course.state() == before


# What stands in the way ---------------------------------------------------------------------------


def test_without_a_network(course: Course) -> None:
    write(course.learner, {THIRD: "my answers"})
    course.published.rename(course.published.with_name("elsewhere.git"))
    said = course.refused()
    assert "cannot be fetched (fatal: " in said
    assert "check the network" in said


def test_commits_of_ones_own(course: Course) -> None:
    course.publish(NEW)
    commit(course.learner, {"notes.txt": "mine"})
    write(course.learner, {THIRD: "my answers"})
    assert "commits of its own" in course.refused()


@pytest.mark.parametrize(
    ("brought", "own"),
    [
        ("helpers/loop.py", "helpers/loop.py"),  # edited
        ("notebooks/07_lora.ipynb", "notebooks/07_lora.ipynb"),  # the learner's own notebook of that name
        ("run.log", "run.log"),  # ignored: git itself would overwrite it without a word
    ],
)
def test_a_file_in_the_way_is_named(course: Course, brought: str, own: str) -> None:
    write(course.maintainer, {brought: "new"})
    git(course.maintainer, "add", "--force", brought)
    course.publish(NEW)
    write(course.learner, {THIRD: "my answers", own: "mine"})
    said = course.refused()
    assert f"other contents for {own}: move your file" in said


def test_where_git_refuses_the_lessons_are_put_back(course: Course) -> None:
    """A folder where the new version has a file is found by git alone, after the copies were made."""
    course.publish({**NEW, "helpers/extra": "a file"})
    write(course.learner, {THIRD: "my answers", "helpers/extra/own.py": "mine"})
    (course.learner / FOURTH).unlink()
    said = course.refused()
    assert "git cannot update (error: " in said
    assert course.copies() == {}
    shutil.rmtree(course.learner / "helpers" / "extra")
    course.update()
    assert course.copies() == {"03_freeze_the_backbone.ipynb": "my answers"}


def test_where_no_copy_can_be_written(course: Course) -> None:
    course.publish(NEW)
    write(course.learner, {THIRD: "my answers", "data/learner/my-notebooks": "a file, no folder"})
    assert "set COURSE_OUTPUT" in course.refused()


@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError])
def test_stopped_on_the_way_the_lessons_are_put_back(
    course: Course, monkeypatch: pytest.MonkeyPatch, stop: type[BaseException]
) -> None:
    course.publish(NEW)
    write(course.learner, {THIRD: "my answers"})
    before, run = course.state(), updating.Checkout.run

    def stopped(checkout: updating.Checkout, *arguments: str) -> subprocess.CompletedProcess[str]:
        if arguments[0] == "merge":
            assert course.read(THIRD) == "old 03"  # given back to git already
            raise stop
        return run(checkout, *arguments)

    monkeypatch.setattr(updating.Checkout, "run", stopped)
    with pytest.raises(CourseError if stop is OSError else stop):
        course.update()
    assert course.state() == before


def test_killed_on_the_way_the_copy_is_there(course: Course) -> None:
    course.publish(NEW)
    write(course.learner, {THIRD: "my answers"})
    program = f"""
import os, pathlib
from helpers import updating
run = updating.Checkout.run
updating.Checkout.run = lambda self, *a: os.kill(os.getpid(), 9) if a[0] == "merge" else run(self, *a)
updating.update(pathlib.Path({str(course.learner)!r}), pathlib.Path({str(course.learner / "data" / "learner")!r}))
"""
    assert subprocess.run([sys.executable, "-c", program], cwd=repository()).returncode == -9
    assert course.copies() == {"03_freeze_the_backbone.ipynb": "my answers"}
    course.update()
    assert course.read(THIRD) == "new 03"
    assert course.copies() == {"03_freeze_the_backbone.ipynb": "my answers"}


# No checkout --------------------------------------------------------------------------------------


def test_a_folder_that_is_no_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(CourseError, match="did not come with `git clone`"):
        updating.update(tmp_path, tmp_path / "output")


def test_a_download_within_another_checkout(course: Course) -> None:
    within = course.learner / "course"
    within.mkdir()
    with pytest.raises(CourseError, match="did not come with `git clone`"):
        updating.update(within, within / "output")


def test_a_checkout_that_follows_no_branch(course: Course) -> None:
    git(course.learner, "switch", "--quiet", "--detach")
    assert "git switch main" in course.refused()


def test_without_git(course: Course, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CourseError, match="git is not installed"):
        course.update()


# How it is started --------------------------------------------------------------------------------


def test_the_command_needs_the_standard_library_alone(course: Course) -> None:
    """`-I -S`: no installed package can be imported, as where .venv is broken."""
    course.publish(NEW)
    write(course.learner, {THIRD: "my answers"})
    start = f"import sys; sys.path.append({str(repository())!r}); from helpers import cli; cli.main(['update'])"
    environment = {name: value for name, value in os.environ.items() if name != "COURSE_OUTPUT"}
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", start],
        env=environment | {"COURSE_HOME": str(course.learner)}, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("The course is updated.\nYour 03_freeze_the_backbone.ipynb is kept as data/learner/")
    assert course.copies() == {"03_freeze_the_backbone.ipynb": "my answers"}


def test_copies_are_no_lessons(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    course.publish(NEW)
    write(course.learner, {THIRD: "my answers"})
    course.update()
    monkeypatch.setenv("COURSE_HOME", str(course.learner))
    assert course.copies()
    assert [lesson.path for lesson in find_lessons()] == [course.learner / THIRD, course.learner / FOURTH]


def test_copies_are_out_of_reach_of_git_ruff_and_pytest() -> None:
    """ruff leaves out what git ignores; pytest gets the folders that it is to look at."""
    assert "data/learner/" in (repository() / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert re.search(r"--nbval-current-env notebooks tests ", (repository() / "Makefile").read_text(encoding="utf-8"))

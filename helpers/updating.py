"""`make update`: the course's new version, without losing what the learner wrote into the lessons.

It loads with the standard library alone, and nothing is imported once git has begun to change files. Whatever can be
known before is looked at before: where an update is refused, no file has been touched.
"""

from __future__ import annotations

import datetime
import errno
import filecmp
import os
import shutil
import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from helpers.errors import CourseError, first_few, one_line

AGAIN = "then run `make update` again"


@dataclass(frozen=True)
class Kept:
    """A learner's notebook, and the copy that holds it; None where the learner had deleted the notebook."""

    notebook: Path
    copy: Path | None


class Checkout:
    """A git checkout, asked with git's own commands."""

    def __init__(self, root: Path):
        self.root = root

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """One git command. Names of files come as they are, in any script; messages in English.

        Raises:
            CourseError: git is not installed.
        """
        try:
            return subprocess.run(
                ["git", "-c", "core.quotePath=false", *arguments],
                cwd=self.root, env=os.environ | {"LC_ALL": "C", "LANGUAGE": "C"},
                capture_output=True, text=True, encoding="utf-8", errors="surrogateescape",
            )  # fmt: skip
        except FileNotFoundError:
            raise CourseError(
                "git is not installed, and the update comes with it: install git, or download the course again into "
                "another folder"
            ) from None

    def names(self, *arguments: str) -> set[str]:
        """The files that a git command lists, as paths from the checkout's folder.

        Raises:
            CourseError: git refuses.
        """
        done = self.run(*arguments)
        if done.returncode:
            raise CourseError(f"git cannot look at {self.root} ({git_said(done)}): mend this, {AGAIN}")
        return {name for name in done.stdout.split("\0") if name}

    def holds(self, ancestor: str, descendant: str) -> bool:
        """Whether `descendant` has all that `ancestor` has."""
        return self.run("merge-base", "--is-ancestor", ancestor, descendant).returncode == 0


def git_said(done: subprocess.CompletedProcess[str]) -> str:
    """What git told on stderr, in one line."""
    return one_line(done.stderr)[:300] or f"exit status {done.returncode}"


def update(root: Path, output: Path, say: Callable[[str], None] = print) -> None:
    """Bring the checkout `root` to its newest version, and keep edited notebooks that it replaces under `output`.

    A notebook that the new version leaves alone stays in its place, edits included.

    Raises:
        CourseError: no git, no checkout, no network, commits of one's own, or files in the way. All is as it was then.
    """
    checkout = Checkout(root)
    fetch(checkout)
    if checkout.holds("@{upstream}", "HEAD"):
        say("Nothing to update: this is the newest version.")
        return
    if not checkout.holds("HEAD", "@{upstream}"):
        raise CourseError(
            "nothing was changed, since this checkout has commits of its own that the new version lacks: join both "
            "with `git pull --rebase --autostash`, or clone the course again into another folder"
        )
    incoming = checkout.names("diff", "--name-only", "--no-renames", "-z", "HEAD", "@{upstream}")
    edited = checkout.names("diff", "--name-only", "--no-renames", "-z", "HEAD")
    replaced = sorted(name for name in edited & incoming if is_lesson(checkout, name))
    refuse_files_in_the_way(checkout, incoming, edited - set(replaced))
    kept = bring_in(checkout, replaced, output / "my-notebooks" / datetime.date.today().isoformat())
    say("The course is updated.")
    tell(kept, sorted(edited - set(replaced)), root, say)


def fetch(checkout: Checkout) -> None:
    """Get the new version, without changing a file of the checkout.

    Raises:
        CourseError: this is no checkout, follows no branch, or the network fails.
    """
    top = checkout.run("rev-parse", "--show-toplevel")
    if top.returncode and "not a git repository" not in top.stderr:
        raise CourseError(f"git cannot read {checkout.root} ({git_said(top)}): mend this, {AGAIN}")
    if top.returncode or Path(top.stdout.rstrip("\n")).resolve() != checkout.root.resolve():
        raise CourseError(
            f"{checkout.root} did not come with `git clone`, so that git cannot update it: clone the course into "
            "another folder, and open your notebooks there"
        )
    if checkout.run("rev-parse", "--verify", "--quiet", "@{upstream}").returncode:
        raise CourseError(f"this checkout follows no branch of the course: run `git switch main`, {AGAIN}")
    done = checkout.run("fetch", "--quiet")
    if done.returncode:
        raise CourseError(
            f"nothing was changed, since the new version cannot be fetched ({git_said(done)}): check the "
            f"network, {AGAIN}"
        )


def is_lesson(checkout: Checkout, name: str) -> bool:
    """Whether the file is a notebook that came with the course, and not one that the learner added."""
    is_notebook = name.startswith("notebooks/") and name.endswith(".ipynb")
    return is_notebook and checkout.run("cat-file", "-e", f"HEAD:{name}").returncode == 0


def refuse_files_in_the_way(checkout: Checkout, incoming: set[str], edited: set[str]) -> None:
    """Files other than lessons that the update would have to overwrite are the learner's to move.

    Files that git ignores count as well: git would overwrite them without a word.

    Raises:
        CourseError: there are some; they are named.
    """
    own = edited | checkout.names("ls-files", "--others", "-z")
    if in_the_way := sorted(own & incoming):
        raise CourseError(
            f"nothing was changed, since the new version has other contents for {first_few(in_the_way)}: move your "
            f"file to another folder (for one that came with the course also `git checkout -- FILE`), {AGAIN}"
        )


def bring_in(checkout: Checkout, replaced: list[str], folder: Path) -> list[Kept]:
    """Keep the notebooks of these names in `folder`, give them back to git, and go to the fetched version.

    Raises:
        CourseError: a copy cannot be written, or git refuses. The notebooks are as they were then.
    """
    kept: list[Kept] = []
    try:
        for name in replaced:
            kept.append(keep(checkout.root / name, folder))
        done = checkout.run("checkout", "--quiet", "HEAD", "--", *replaced) if replaced else None
        if not (done and done.returncode):
            done = checkout.run("merge", "--quiet", "--ff-only", "@{upstream}")
        if done.returncode:
            raise CourseError(
                f"git cannot update ({git_said(done)}), and your notebooks are as before: mend this, {AGAIN}"
            )
    except OSError as error:
        put_back(kept)
        raise CourseError(
            f"nothing was changed, since your notebooks cannot be kept in {folder} ({error.strerror}): make room, or "
            f"set COURSE_OUTPUT to a folder that you own, {AGAIN}"
        ) from None
    except BaseException:  # Ctrl+C as well
        put_back(kept)
        raise
    return kept


def keep(notebook: Path, folder: Path) -> Kept:
    """Copy the notebook into `folder`, over nothing: the second of a name is `03_freeze_the_backbone-2.ipynb`.

    Raises:
        OSError: it cannot be copied whole.
    """
    if not notebook.exists():
        return Kept(notebook, None)
    folder.mkdir(parents=True, exist_ok=True)
    copy, number = folder / notebook.name, 1
    while copy.exists():
        number += 1
        copy = folder / f"{notebook.stem}-{number}{notebook.suffix}"
    try:
        shutil.copy2(notebook, copy)
        if not filecmp.cmp(notebook, copy, shallow=False):
            raise OSError(errno.EIO, "the copy is not whole")
    except BaseException:
        copy.unlink(missing_ok=True)  # the notebook itself has not been touched yet
        raise
    return Kept(notebook, copy)


def put_back(kept: list[Kept]) -> None:
    """The learner's notebooks in their places again; a copy goes once the notebook is there."""
    for one in kept:
        if one.copy is None:
            one.notebook.unlink(missing_ok=True)
            continue
        shutil.copy2(one.copy, one.notebook)
        if filecmp.cmp(one.copy, one.notebook, shallow=False):
            one.copy.unlink()
            with suppress(OSError):  # there are copies of earlier updates in it
                one.copy.parent.rmdir()


def tell(kept: list[Kept], left: list[str], root: Path, say: Callable[[str], None]) -> None:
    """Say what was kept where, how to open it, and which edited files stayed as they are."""
    copies = [one for one in kept if one.copy is not None]
    for one in copies:
        say(f"Your {one.notebook.name} is kept as {_from(root, one.copy)}")
    if copies:
        say("The lesson itself is the new one. Open both in JupyterLab (`make lab`), and copy your answers over.")
    for one in kept:
        if one.copy is None and one.notebook.exists():
            say(f"{one.notebook.name}, which you had deleted, is there again in its new version.")
    if left:
        say(f"Left as you edited them, since the update does not touch them: {first_few(left)}")


def _from(root: Path, path: Path) -> Path:
    """The path as one types it in the checkout, where it lies there."""
    return path.relative_to(root) if path.is_relative_to(root) else path

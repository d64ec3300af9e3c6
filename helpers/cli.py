"""`python -m helpers`: the course from the command line. `--help` lists its commands."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, TextIO

from helpers.errors import CourseError
from helpers.places import A_DAY, output_dir, repository

FAILED, BAD_USAGE, INTERRUPTED = 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0, 1 where a lesson, a download, the doctor or the output failed, 2 for bad usage or input."""
    out, err = (stream and _Output(stream) for stream in (sys.stdout, sys.stderr))  # None where it was closed
    with redirect_stdout(out), redirect_stderr(err):
        try:
            status = _outcome(arguments)
        finally:
            if out:
                out.flush()  # what fails at the interpreter's end nobody can catch
    return FAILED if out and out.failed else status


def _outcome(arguments: Sequence[str] | None) -> int:
    chosen = _parser().parse_args(arguments)
    try:
        return chosen.command(chosen)
    except CourseError as error:
        print(f"error: {error}", file=sys.stderr)
        return BAD_USAGE
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return INTERRUPTED


class _Output:
    """A stream that cannot stop the work: where nothing more can be written, it leads nowhere from then on.

    A reader that has enough (`| head`) is told nothing. Letters that the encoding lacks are written as their numbers.
    """

    def __init__(self, stream: TextIO):
        self.stream, self.failed = stream, False
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        with self._going_on():
            self.stream.write(text)
        return len(text)

    def flush(self) -> None:
        with self._going_on():
            self.stream.flush()

    @contextmanager
    def _going_on(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            with Path(os.devnull).open("w") as nowhere:
                os.dup2(nowhere.fileno(), self.stream.fileno())
            if not isinstance(error, BrokenPipeError):
                self.failed = True
                cause = f"the output cannot be written ({error.strerror})"
                print(f"error: {cause}: make room, or write to another place", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m helpers", description="The course from the command line.")
    commands = parser.add_subparsers(
        required=True,
        metavar="run | doctor | fetch | share | progress | certificate | grade | update | notebooks | new",
    )

    run = commands.add_parser("run", help="execute lessons, and write the results as notebooks, pages and summary.json")
    _add_lessons(run)
    run.add_argument("--answers", choices=["right"], help="type the reference answers into the exercises")
    run.add_argument("--strict", action="store_true", help="a check that is not correct fails its lesson")
    run.add_argument("--anew", action="store_true", help="train again, whatever an earlier run has kept")
    run.add_argument(
        "-p", dest="parameters", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"),
        help="set a parameter in every lesson that has it; may be given again",
    )  # fmt: skip
    run.add_argument("--out", type=Path, help="folder for the results (default: build/run in the course's folder)")
    run.add_argument("--timeout", type=_seconds, metavar="SECONDS", help="the longest that one cell may take")
    run.set_defaults(command=_run)

    doctor = commands.add_parser("doctor", help="check this machine, and say the cure for each finding")
    doctor.add_argument("--json", action="store_true", help="the findings as JSON")
    doctor.set_defaults(command=_doctor)

    fetch = commands.add_parser("fetch", help="fetch pretrained weights from the network, for work without one")
    fetch.add_argument("names", nargs="*", metavar="NAME", help="such as resnet50 mobilenetv4_conv_small")
    fetch.add_argument("--list", action="store_true", help="which weights are on this machine, and how large they are")
    fetch.add_argument("--all", action="store_true", help="with --list: every network that the course can use")
    fetch.add_argument(
        "--timeout", type=_seconds, metavar="SECONDS", help="how long nothing may come before a download breaks off"
    )
    fetch.set_defaults(command=_fetch, usage=fetch.error)

    share = commands.add_parser("share", help="train a head on your photos, and write a folder that anyone can open")
    share.add_argument("photos", metavar="FOLDER_OF_PHOTOS", help="one folder a class, or train/, val/ and test/")
    share.add_argument("out", metavar="OUT", help="the folder to write, which is not there yet")
    share.add_argument("--backbone", metavar="NAME", help="such as efficientnet_lite0, the default, or resnet50")
    share.add_argument(
        "--seed", type=_whole, default=0, metavar="N", help="divides the photos, and is the first head's"
    )
    share.add_argument("--repeats", type=_positive, default=3, metavar="N", help="heads, a seed each (default: 3)")
    share.add_argument("--epochs", type=_positive, default=60, metavar="N", help="at most so many (default: 60)")
    share.add_argument(
        "--side", type=_positive, metavar="PIXELS", help="the shorter side (default: the backbone's own)"
    )
    share.add_argument("--device", default="auto", metavar="DEVICE", help="auto, cpu, cuda or mps")
    share.add_argument(
        "--no-photos", action="store_true", help="show no picture of yours, and name none of their files"
    )
    share.add_argument("--replace", action="store_true", help="write over an earlier card in OUT")
    share.set_defaults(command=_share)

    progress = commands.add_parser("progress", help="show what is solved and answered, of one learner or of a class")
    progress.add_argument(
        "of", nargs="?", type=Path, metavar="FOLDER", help="of others: one row for each record in it, or one record"
    )
    change = progress.add_mutually_exclusive_group()
    change.add_argument("--reset", nargs="+", metavar="LESSON", help="forget these lessons; the old record is kept")
    change.add_argument("--merge", type=Path, metavar="FILE", help="take in the progress.json of another copy")
    progress.set_defaults(command=_progress, usage=progress.error)

    certificate = commands.add_parser("certificate", help="write what you have solved and run as a page to keep")
    certificate.add_argument("out", nargs="?", metavar="OUT.html", help="default: certificate.html among what you made")
    certificate.add_argument("--name", default="", help="whose it is")
    certificate.set_defaults(command=_certificate)

    grade = commands.add_parser("grade", help="mark notebooks that were handed in, each answer checked again")
    grade.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="a notebook, or a folder of a class")
    grade.add_argument("--csv", type=Path, metavar="FILE", help="write the marks, and FILE.reasons.csv beside them")
    grade.add_argument("--lessons", nargs="+", metavar="LESSON", help="that count (default: those handed in)")
    grade.add_argument("--jobs", type=_positive, default=1, metavar="N", help="notebooks at a time (default: 1)")
    grade.add_argument("--timeout", type=_seconds, default=60, metavar="SECONDS", help="for one exercise (default: 60)")
    grade.add_argument("--memory", type=_positive, default=4000, metavar="MB", help="for one exercise (default: 4000)")
    grade.add_argument("--record", type=Path, metavar="FILE", help="where a stopped run goes on")
    grade.set_defaults(command=_grade)

    update = commands.add_parser("update", help="get the course's new version, and keep the lessons that you edited")
    update.set_defaults(command=_update)

    notebooks = commands.add_parser("notebooks", help="re-execute lessons and write them back normalised")
    _add_lessons(notebooks)
    notebooks.add_argument(
        "--as-they-are", action="store_true", help="do not execute: clean what is there, for a commit"
    )
    notebooks.set_defaults(command=_notebooks)

    new = commands.add_parser("new", help="write an exercise or a lesson from its template, for those who change them")
    kinds = new.add_subparsers(required=True, metavar="exercise | lesson")
    exercise = kinds.add_parser("exercise", help="one more exercise, before the lesson's quiz")
    exercise.add_argument("lesson", metavar="LESSON", help="such as 03")
    exercise.add_argument("title", metavar="TITLE", help="such as 'count what moves'; it names the function as well")
    exercise.set_defaults(command=_new_exercise)
    lesson = kinds.add_parser("lesson", help="a lesson of its own, with three exercises and a quiz")
    lesson.add_argument("number", metavar="NN", help="two digits that no lesson has")
    lesson.add_argument("title", metavar="TITLE", help="such as 'Distill a network'; it names the file as well")
    lesson.set_defaults(command=_new_lesson)
    return parser


def _add_lessons(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--lessons", nargs="+", metavar="LESSON", help="such as 00 03 (default: all)")
    parser.add_argument("--jobs", type=_positive, default=1, metavar="N", help="lessons at a time (default: 1)")


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def _whole(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0")
    return int(text)


def _seconds(text: str) -> int:
    if not text.isdecimal() or len(text) > 5 or not 1 <= int(text) <= A_DAY:  # a socket's clock ends somewhere
        raise argparse.ArgumentTypeError(f"{text[:20]!r} is not a whole number from 1 to {A_DAY:.0f}")
    return int(text)


# Each command imports what it needs: torch takes seconds, and the doctor must work where torch does not.


def _run(chosen: argparse.Namespace) -> int:
    from helpers.course.lessons import find_lessons
    from helpers.course.running import CELL_TIMEOUT, run_lessons

    lessons = find_lessons(chosen.lessons)
    answers = _reference_answers([lesson.number for lesson in lessons]) if chosen.answers else None
    out = chosen.out or repository() / "build" / "run"
    summary = run_lessons(
        lessons,
        out,
        answers=answers,
        parameters=dict(chosen.parameters),
        strict=chosen.strict,
        anew=chosen.anew,
        jobs=chosen.jobs,
        timeout=chosen.timeout or CELL_TIMEOUT,
    )
    outcome = f"{len(summary.failed)} of {len(lessons)} failed" if summary.failed else "all ran to their end"
    print(f"{outcome}, {summary.total_seconds:.1f} s on {summary.device}: {out / 'index.html'}")
    return FAILED if summary.failed else 0


def _reference_answers(numbers: list[str]) -> dict[str, str]:
    from helpers.course.answers import reference_answers
    from helpers.lessons import lesson_module

    return {n: answer for number in numbers for n, answer in reference_answers(lesson_module(number).EXERCISES).items()}


def _doctor(chosen: argparse.Namespace) -> int:
    from helpers import doctor

    return doctor.main(chosen.json)


def _fetch(chosen: argparse.Namespace) -> int:
    if bool(chosen.names) == chosen.list or (chosen.all and not chosen.list):
        chosen.usage("name networks (NAME ...), or ask for --list, with --all for every network")
    from helpers.models import fetching
    from helpers.models.backbones import backbone_names
    from helpers.models.downloading import RetryPolicy

    if chosen.list:
        print(fetching.listing(backbone_names() if chosen.all else fetching.COURSE_BACKBONES))
        return 0
    retry = RetryPolicy(seconds=chosen.timeout) if chosen.timeout else None
    return FAILED if fetching.fetch(chosen.names, retry=retry, say=_say) else 0


def _share(chosen: argparse.Namespace) -> int:
    from helpers.models.backbones import DEFAULT_BACKBONE
    from helpers.sharing import share

    made = share(
        chosen.photos,
        chosen.out,
        backbone=chosen.backbone or DEFAULT_BACKBONE,
        seed=chosen.seed,
        repeats=chosen.repeats,
        epochs=chosen.epochs,
        side=chosen.side,
        device=chosen.device,
        show_photos=not chosen.no_photos,
        replace=chosen.replace,
        progress=True,
    )
    print(f"{made}\nwritten: {made.folder / 'index.html'}")
    return 0


def _progress(chosen: argparse.Namespace) -> int:
    from helpers.course import progress

    if chosen.of and (chosen.reset or chosen.merge):
        chosen.usage("--reset and --merge change your own record: leave FOLDER out")
    if chosen.of and not chosen.of.exists():
        raise CourseError(f"there is no {chosen.of}: name a folder of records, or one progress.json")
    if chosen.of and chosen.of.is_dir():
        return _progress_of_a_class(chosen.of)
    if chosen.reset:
        _reset(chosen.reset)
    if chosen.merge:
        progress.merge(chosen.merge)
        print(f"merged: {chosen.merge}")
    _show_record(chosen.of or progress.progress_file())
    return 0


def _show_record(path: Path) -> None:
    from helpers.course import course_map, progress

    found = progress.load(path)  # first, since the lessons take seconds to load
    from helpers.lessons import course_outline

    print(course_map.own_table(course_map.standings(course_outline(), found)))
    print(f"The record: {path}")


def _progress_of_a_class(folder: Path) -> int:
    """A record that is none is told and left out; the others are shown."""
    from helpers.course import course_map, progress

    files = course_map.files_of_a_class(folder)
    from helpers.lessons import course_outline

    course, learners = course_outline(), []
    for name, path in files:
        try:
            learners.append((name, course_map.standings(course, progress.load(path))))
        except CourseError as error:
            _say(f"error: {error}")
    print(course_map.class_table(learners))
    return FAILED if len(learners) < len(files) else 0


def _reset(names: list[str]) -> None:
    from helpers.course import progress
    from helpers.course.lessons import find_lessons

    lessons = [lesson.number for lesson in find_lessons(names)]
    kept = progress.reset(lessons)
    told = ", ".join(lessons)
    print(f"forgotten: {told}. The record as it was: {kept}" if kept else f"nothing is recorded of {told}")


def _certificate(chosen: argparse.Namespace) -> int:
    from helpers.lessons import certificate

    certificate(chosen.out, name=chosen.name)
    return 0


def _grade(chosen: argparse.Namespace) -> int:
    if os.name != "posix":
        raise CourseError("grade needs Linux or macOS, whose processes it can confine: use WSL, or the container line")
    from helpers.grading.isolation import protection
    from helpers.grading.limits import Limits
    from helpers.grading.marking import grade
    from helpers.grading.report import table, write_csv

    print(protection())
    limits = Limits(seconds=chosen.timeout, memory_mb=chosen.memory)
    record = chosen.record or (
        chosen.csv.with_name(f"{chosen.csv.stem}.record.jsonl")
        if chosen.csv
        else repository() / "build" / "grade" / "record.jsonl"
    )
    marks = grade(chosen.paths, record, lessons=chosen.lessons, jobs=chosen.jobs, limits=limits)
    print(table(marks))
    for path in write_csv(marks, chosen.csv) if chosen.csv else []:
        print(f"written: {path}")
    return FAILED if marks.problems else 0


def _update(chosen: argparse.Namespace) -> int:
    from helpers import updating

    updating.update(repository(), output_dir(), say=_say)
    return 0


def _say(line: str) -> None:
    """Errors apart from the rest, for scripts; in order with progress bars."""
    print(line, file=sys.stderr if line.startswith("error: ") else sys.stdout, flush=True)


def _notebooks(chosen: argparse.Namespace) -> int:
    from helpers.course.lessons import find_lessons
    from helpers.course.rewriting import normalise, rewrite

    lessons = find_lessons(chosen.lessons)
    for path in normalise(lessons) if chosen.as_they_are else rewrite(lessons, jobs=chosen.jobs):
        print(f"written: {path.name}")
    return 0


def _new_exercise(chosen: argparse.Namespace) -> int:
    from helpers.authoring import new_exercise

    draft, paths = new_exercise(chosen.lesson, chosen.title)
    _tell_written(paths, f"exercise {draft.number}", f"tests/answers -k '{draft.number}-'")
    return 0


def _new_lesson(chosen: argparse.Namespace) -> int:
    from helpers.authoring import new_lesson

    lesson, paths = new_lesson(chosen.number, chosen.title)
    _tell_written(paths, f"lesson {lesson.number}", f"tests/answers -k '{int(lesson.number)}.'")
    return 0


def _tell_written(paths: Sequence[Path], what: str, tests: str) -> None:
    for path in paths:
        print(f"written: {path.relative_to(repository())}")
    print(f"Replace each TODO of {what} there; CONTRIBUTING.md says how. Then: {sys.executable} -m pytest {tests}")

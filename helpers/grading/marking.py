"""Marks a class: reads what was handed in, has each answer judged apart, keeps each mark at once, and reports."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from tqdm import tqdm

from helpers.course.verdicts import Outcome
from helpers.errors import CourseError, first_line
from helpers.grading import isolation
from helpers.grading.handed_in import (
    Answer,
    HandedIn,
    Original,
    Submission,
    content_hash,
    find_notebooks,
    hints_recorded,
    load_originals,
    read_bytes,
    submission,
)
from helpers.grading.judges import Judge
from helpers.grading.limits import Limits
from helpers.grading.record import Record, course_version
from helpers.grading.report import Mark, Marks
from helpers.grading.rules import known_names, wanted_names
from helpers.grading.sources import parts_of
from helpers.grading.tasks import Task, Verdict
from helpers.lessons import lesson_module


@dataclass(frozen=True)
class _Lesson:
    """What is asked of every answer of a lesson, found once: what answers may use, and what each check is given."""

    original: Original
    known: dict[str, frozenset[str]]
    wanted: dict[str, tuple[str, ...]]
    seconds: dict[str, float]


def grade(
    paths: list[Path],
    record: Path,
    *,
    lessons: list[str] | None = None,
    jobs: int = 1,
    limits: Limits | None = None,
    isolated: bool = True,
    progress: bool = True,
) -> Marks:
    """Mark every notebook under `paths`. What `record` holds already of this version of the course is not run again.

    Args:
        lessons: the numbers or names that count; by default those that were handed in.
        jobs: notebooks at a time, each with a process that judges and about 1 GB of memory.
        limits: of one exercise.
        isolated: apart from network and other processes where the system gives that.

    Raises:
        CourseError: nothing to mark, or the record cannot be used. A notebook that cannot be read stops nobody else's.
    """
    limits, handed_in, known = limits or Limits(), find_notebooks(paths), _Lessons(lessons)
    version = f"{course_version()} {limits}"
    with Record(record).open() as kept:
        grader = _Grader(known, kept, version, limits, isolation.may_be_hidden([*paths, record]), isolated)
        with ThreadPoolExecutor(jobs) as pool, ExitStack() as judges:
            runs = {pool.submit(grader.mark, one, judges): one for one in handed_in}
            try:
                for _ in tqdm(as_completed(runs), total=len(runs), unit="notebook", disable=not progress):
                    continue
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
            found = [(one, run.result()) for run, one in runs.items()]
    return _together(found, known, fixed=lessons is not None)


class _Lessons:
    """The lessons, each looked into where a notebook asks for it."""

    def __init__(self, names: list[str] | None):
        self.originals = load_originals(names)
        self._looked_into: dict[str, _Lesson] = {}
        self._lock = threading.Lock()

    def __getitem__(self, number: str) -> _Lesson:
        with self._lock:
            if number not in self._looked_into:
                self._looked_into[number] = self._look_into(number)
            return self._looked_into[number]

    def _look_into(self, number: str) -> _Lesson:
        original = self.originals[number]
        exercises = lesson_module(number).EXERCISES
        wanted = {exercise.number: wanted_names(exercise) for exercise in exercises}
        seconds = {exercise.number: exercise.seconds for exercise in exercises}
        return _Lesson(original, known_names(original.lesson), wanted, seconds)


@dataclass
class _Grader:
    lessons: _Lessons
    record: Record
    version: str
    limits: Limits
    hidden: list[str]
    isolated: bool

    def __post_init__(self) -> None:
        self._idle: queue.SimpleQueue[Judge] = queue.SimpleQueue()
        self._lock = threading.Lock()

    def mark(self, one: HandedIn, judges: ExitStack) -> dict:
        """What the record holds of this notebook: `marks`, `notes`, and a `problem` where it could not be read."""
        try:
            content = read_bytes(one.path)
            key = content_hash(f"{self.version} {content_hash(content)}".encode())
            if key in self.record:
                return self.record[key]
            read = submission(content, one.path.name, self.lessons.originals)
        except CourseError as error:
            return {"marks": [], "notes": [], "problem": str(error)}
        marks = self._marks(read, judges)
        found = {"marks": marks, "notes": list(read.notes), "problem": None, "lesson": read.lesson}
        with self._lock:
            self.record.add(key, found)
        return found

    def _marks(self, read: Submission, judges: ExitStack) -> list[dict]:
        judge = self._a_judge(judges)
        try:
            return [self._mark(answer, read, judge) for answer in read.answers]
        finally:
            self._idle.put(judge)

    def _a_judge(self, judges: ExitStack) -> Judge:
        try:
            return self._idle.get_nowait()
        except queue.Empty:
            return judges.enter_context(Judge(self.limits, self.hidden, isolated=self.isolated))

    def _mark(self, answer: Answer, read: Submission, judge: Judge) -> dict:
        verdict = self._verdict(answer, read, judge)
        return {"number": answer.number, **asdict(verdict), "hints": answer.hints, "notes": "; ".join(answer.notes)}

    def _verdict(self, answer: Answer, read: Submission, judge: Judge) -> Verdict:
        if answer.source is None:
            return Verdict(answer.outcome, "")
        lesson = self.lessons[read.lesson]
        others = [source for number, source in read.others if number != answer.number]
        try:
            parts = parts_of(answer.source, others, lesson.known[answer.number], lesson.wanted[answer.number])
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            return Verdict(
                Outcome.ERROR, f"The cell is no Python: `{type(error).__name__}: {first_line(error)[:200]}`."
            )
        task = Task(
            read.lesson, answer.number, parts.helpers, parts.answer, parts.missing, tuple(self.hidden), parts.given
        )
        return judge.judge(task, lesson.seconds[answer.number])


def _together(found: list[tuple[HandedIn, dict]], lessons: _Lessons, *, fixed: bool) -> Marks:
    marks = [mark for one, result in found for mark in _marks_of(one, result)]
    problems = [(one.learner, result["problem"]) for one, result in found if result["problem"]]
    remarks = [(one.learner, f"{one.path.name}: {note}") for one, result in found for note in result["notes"]]
    counting = lessons.originals if fixed else sorted({mark.lesson for mark in marks})
    numbers = [number for lesson in counting for number in lessons.originals[lesson].statements]
    return Marks(marks, problems, numbers, remarks)


def _marks_of(one: HandedIn, result: dict) -> Iterator[Mark]:
    recorded = hints_recorded(one.folder, [mark["number"] for mark in result["marks"]]) if result["marks"] else {}
    for mark in result["marks"]:
        hints = max(mark["hints"], recorded.get(mark["number"], 0))
        yield Mark(
            learner=one.learner, notebook=one.path.name, lesson=result["lesson"], number=mark["number"],
            outcome=mark["outcome"], reason=mark["reason"], hints=hints, notes=mark["notes"], seconds=mark["seconds"],
        )  # fmt: skip

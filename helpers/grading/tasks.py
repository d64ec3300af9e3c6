"""What goes to the process that judges, and what comes back."""

from __future__ import annotations

from dataclasses import dataclass

# How an exercise of a handed-in notebook can end, beyond the four outcomes of its check.
MISSING = "missing"  # the notebook has no cell for it
DUPLICATED = "duplicated"  # several cells claim to be it, and differ
TOO_LONG = "too_long"  # it took longer than it may
TOO_LARGE = "too_large"  # too much memory, output, or too many processes
ENDED = "ended"  # its process ended before the check did
REFUSED = "refused"  # it did what no answer needs

# A person should look at these: they may be a cheat, or an accident.
TO_LOOK_AT = (DUPLICATED, TOO_LONG, TOO_LARGE, ENDED, REFUSED)


@dataclass(frozen=True)
class Task:
    """One exercise of one notebook. Sources are Python; nothing of the notebook goes along beside them.

    Attributes:
        helpers: definitions from other cells of the learner that the answer needs.
        missing: names that the answer uses and nobody defines.
        hidden: files and folders that no answer may read.
        given: what the check is given, as source; none stands for the names that the exercise asks for.
    """

    lesson: str
    number: str
    helpers: str
    answer: str
    missing: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    given: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """How one exercise ended: its outcome, the reason, and the seconds that it took."""

    outcome: str
    reason: str
    seconds: float = 0.0

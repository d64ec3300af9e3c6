"""Right and wrong answers to the exercises of lesson 10, in its three parts."""

from __future__ import annotations

from tests.answers.lesson_10_scratch import SCRATCH
from tests.answers.lesson_10_share import SHARE
from tests.answers.lesson_10_survive import SURVIVE

ANSWERS = {**SCRATCH, **SURVIVE, **SHARE}

"""Answers to the exercises of lesson 10, by its three parts."""

from __future__ import annotations

from tests.answers.lesson_10_share import SHARE

ANSWERS = {**SHARE}

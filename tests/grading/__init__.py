"""Marking a class: what was handed in, cheats, whole classes, and what is written of them."""

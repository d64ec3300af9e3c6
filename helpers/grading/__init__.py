"""Marking a class: notebooks that were handed in, each answer checked again in a process of its own."""

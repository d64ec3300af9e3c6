"""Wrong answers made by a tool: each right answer with one thing changed, judged by its exercise's own check.

`making` makes them, `judging` runs each in a process of its own, `equivalent.toml` says of those that are right all the
same why they are, and `python -m tests.mutants` (`make mutants`) puts them together and writes `table.md`.
"""

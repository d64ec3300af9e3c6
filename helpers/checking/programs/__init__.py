"""Whole programs that learn from photos: how they are run, what torch is seen to do, and what is judged.

- `running`: two functions, a class or a script, each as the same two calls.
- `photos`: the albums that a program is tried on. Their truth is known, and one of them is a trap.
- `watching`: what goes through networks and optimizers while a program runs.
- `weights`: whether a network holds published weights, and what these ask of a photo.
- `judging`: the two runs, and a line for each thing that a program has to do.

Behaviour comes first: what a program reports, answers and leaves behind. What torch is seen to do tells the reason.
"""

"""The vocabulary of proofs: what a check can ask about an answer, one module for each question.

- `answers`: what came back. A number, a name, a list of names, a tensor of a shape, a refusal.
- `untouched`: what had to stay as it was. A network, the arguments.
- `passes`: what went through a network. What a layer took and gave, the same function before and after.
- `learning`: what a real training step moves, and which parameter is in which group.
- `programs`: what a whole program does.
- `printed`: what was printed, up to a limit.
- `networks`: small networks whose truth is known, each with one trap.
- `interruptions`: what is there at each moment of a run, and what is left where it is stopped.

Each function either returns what it proved, in plain types, or raises `Incorrect` with a reason for the learner. A
reason is worded here once; what an exercise wants to add to it comes in as an argument.
"""

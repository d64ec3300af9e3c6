"""The quiz of lesson 10: practice from an empty page."""

from __future__ import annotations

from helpers.course.quiz import Option, Question, Quiz

QUIZ = Quiz(
    "10",
    (
        Question(
            "A folder holds many photos twice, under two names. You split it at random. What does your accuracy say?",
            (
                Option(
                    "It is too good: of many held-out photos the head has learned the copy.",
                    "It measures memory. Find copies by what is in the files, and keep them in one part.",
                    right=True,
                ),
                Option(
                    "It is right, since the split was random.",
                    "A random split often puts one copy into each part.",
                ),
                Option(
                    "It is too low: the head sees each photo twice and overfits.",
                    "A photo that counts twice changes the head a little. What is wrong is the measurement.",
                ),
            ),
        ),
        Question(
            "Every parameter of the backbone has `requires_grad=False`, and `model.train()` comes before each epoch. "
            "After training, what has changed in the backbone?",
            (
                Option("Nothing.", "Parameters are not all that a layer remembers. Compare its buffers, too."),
                Option(
                    "The running means and variances of BatchNorm.",
                    "They move in every forward pass in `train()` mode. `eval()` for the backbone stops them.",
                    right=True,
                ),
                Option(
                    "Its weights, by weight decay.",
                    "An optimizer skips a parameter without a gradient, weight decay and all.",
                ),
            ),
        ),
        Question(
            "The power fails while `torch.save(state, 'last.pt')` overwrites the checkpoint of the epoch before. What "
            "do you find?",
            (
                Option(
                    "The checkpoint of the epoch before.",
                    "It was the file that was being overwritten: it went first.",
                ),
                Option(
                    "The new checkpoint, perhaps without its last tensors.",
                    "The directory of a file of `torch.save` stands at its end: cut short, it does not load at all.",
                ),
                Option(
                    "Perhaps nothing that loads.",
                    "Write a file beside it, then `os.replace` it: whoever looks finds a whole one, old or new.",
                    right=True,
                ),
            ),
        ),
        Question(
            "You export the network for others, and forget `eval()`. It has BatchNorm and dropout. What do they see?",
            (
                Option(
                    "An error: a network in `train()` mode cannot be exported.",
                    "It can, and the exporters say little or nothing about it.",
                ),
                Option(
                    "Answers that depend on chance, or on which photos come together.",
                    "The mode becomes a part of the program. Export in `eval()` mode, and compare answers to one photo "
                    "with those of the network that you measured.",
                    right=True,
                ),
                Option(
                    "The same answers, more slowly.",
                    "Dropout and the statistics of a batch change what is computed, and hardly how long it takes.",
                ),
            ),
        ),
    ),
)

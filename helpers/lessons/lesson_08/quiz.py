"""The quiz of lesson 08: choosing a strategy."""

from __future__ import annotations

from helpers.course.quiz import Option, Question, Quiz

QUIZ = Quiz(
    "08",
    (
        Question(
            "LP-FT has a mean of 0.91, a linear probe 0.89. Chance alone explains gaps up to 0.03. What do you take?",
            (
                Option(
                    "LP-FT, since 0.91 is more than 0.89.",
                    "With other seeds and other test pictures it may as well be the other way round.",
                ),
                Option(
                    "The linear probe, since it costs less and nothing says that it is worse.",
                    "The table does not decide between them. So something else may: time, memory, the size of a file.",
                    right=True,
                ),
                Option(
                    "The linear probe, since the table shows that the two are equally good.",
                    "It does not show that. A gap that is too small for so few pictures and seeds looks the same.",
                ),
            ),
        ),
        Question(
            "Your pictures are close to those of pretraining, by the means that BatchNorm remembers. What follows?",
            (
                Option(
                    "The task is easy.",
                    "The measure knows nothing of your labels. Two kinds of daisies can be close to ImageNet, and hard "
                    "to tell apart.",
                ),
                Option(
                    "Freezing is best.",
                    "That hangs on the number of pictures, too. Ask the table, and then your own validation part.",
                ),
                Option(
                    "The layers see values like those that they were trained on.",
                    "That, and no more. It is where you enter the table.",
                    right=True,
                ),
            ),
        ),
        Question(
            "Fine-tuning leads by more than chance at 20 pictures a class, not at 100, and again at 500 and 2,000. "
            "From which size on does it lead?",
            (
                Option("From 20 on.", "At 100 it does not. What is true at 20 and gone at 100 may have been luck."),
                Option(
                    "From 500 on.",
                    "There, and at every larger size that was measured.",
                    right=True,
                ),
                Option("From 100 on.", "At 100 itself the table does not show it."),
            ),
        ),
        Question(
            "A head on the last features of a frozen network loses to plain grey values. What do you try first?",
            (
                Option(
                    "Features from an earlier stage, with a grid that keeps where things are.",
                    "It costs one more pass over the pictures, and no training of the backbone.",
                    right=True,
                ),
                Option(
                    "More epochs for the head.",
                    "A head that has converged has got out of the features what a line can get out of them.",
                ),
                Option(
                    "Training from scratch, since transfer has failed.",
                    "With few pictures that is the worst line of the study. And only the last features have failed.",
                ),
            ),
        ),
    ),
)

"""The quiz of lesson 00: start here."""

from __future__ import annotations

from helpers.course.quiz import Option, Question, Quiz

QUIZ = Quiz(
    "00",
    (
        Question(
            "A network gives an image the logits -3.2, -0.4 and -5.1. Which category is the most likely?",
            (
                Option("The third, with -5.1", "It is the farthest from zero, and the lowest score."),
                Option("The second, with -0.4", "The highest score wins, also below zero.", right=True),
                Option("None, since all are negative", "Softmax gives positive shares to any logits."),
            ),
        ),
        Question(
            "You show a network trained on ImageNet a tulip. ImageNet has no tulip. What happens?",
            (
                Option("It raises an error", "It computes 1000 scores for whatever it is given."),
                Option("It says `unknown`", "There is no such name among its 1000 names."),
                Option(
                    "It names something else from its 1000 names",
                    "Softmax shares a total of 1 among the names that it has, whatever is in the picture.",
                    right=True,
                ),
            ),
        ),
        Question(
            "A colleague's predictions change with the other images in the batch. What was most likely forgotten?",
            (
                Option("Softmax", "Softmax works on each row by itself."),
                Option(
                    "`model.eval()`",
                    "In `train()` mode BatchNorm uses the statistics of the batch, so its neighbours change an image's "
                    "answer.",
                    right=True,
                ),
                Option("`unsqueeze(0)`", "A missing batch dimension is an error, and there is a batch already."),
            ),
        ),
        Question(
            "What does `torch.inference_mode()` do that `model.eval()` does not?",
            (
                Option(
                    "It stops the recording of gradients",
                    "`eval()` only changes how layers such as BatchNorm and dropout act. You want both.",
                    right=True,
                ),
                Option("It switches dropout off", "`model.eval()` does that."),
                Option("It freezes the weights for good", "It only holds inside its `with` block."),
            ),
        ),
    ),
)

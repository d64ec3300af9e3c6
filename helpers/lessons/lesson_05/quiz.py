"""The quiz of lesson 05: differential learning rates."""

from __future__ import annotations

from helpers.course.quiz import Option, Question, Quiz

QUIZ = Quiz(
    "05",
    (
        Question(
            "Your groups hold `layer1` to `layer4` and `fc` of a ResNet. What happens to `conv1`?",
            (
                Option(
                    "It is frozen: no gradient is computed for it.",
                    "Its gradient is computed in every step. But no group holds it, so nothing moves.",
                ),
                Option(
                    "It gets gradients and never moves.",
                    "PyTorch does not complain: an optimizer only knows what it was given.",
                    right=True,
                ),
                Option("It moves with the rate of the first group.", "A parameter moves only if a group holds it."),
            ),
        ),
        Question(
            "Why do the first layers usually get the smallest rate?",
            (
                Option(
                    "They have the fewest parameters.",
                    "They do, and that is not the reason: a rate says how far each single parameter goes.",
                ),
                Option(
                    "They hold edges and textures, which most tasks share.",
                    "What they know is still of use, so they should move little. Where your pictures look "
                    "nothing like photos, that may not hold: measure it.",
                    right=True,
                ),
                Option(
                    "Gradients are largest there.",
                    "That differs from network to network, and AdamW divides each gradient by its own size.",
                ),
            ),
        ),
        Question(
            "What does head first, then everything (LP-FT) guard against?",
            (
                Option(
                    "A random head that sends random gradients through the backbone.",
                    "By the time the backbone may move, the head knows what it wants.",
                    right=True,
                ),
                Option("Overfitting of the head.", "The head is trained just as much, or more."),
                Option("Running out of memory.", "The second part needs as much memory as ordinary fine-tuning."),
            ),
        ),
        Question(
            "You fine-tune on batches of 8 pictures, with BatchNorm in `train()` mode. What should you look at?",
            (
                Option(
                    "Nothing: BatchNorm is made for training.",
                    "With few pictures a batch its means and variances are rough guesses, and they take the place of "
                    "the pretrained ones.",
                ),
                Option(
                    "Whether its new statistics are worth less than the pretrained ones.",
                    "Measure both: `eval()` on the BatchNorm layers keeps the pretrained statistics while the "
                    "weights learn.",
                    right=True,
                ),
                Option(
                    "Its weight decay.",
                    "Decay on its scale is a question of its own. The statistics do not decay.",
                ),
            ),
        ),
    ),
)

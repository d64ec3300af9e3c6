"""The quiz of lesson 07: LoRA."""

from __future__ import annotations

from helpers.course.quiz import Option, Question, Quiz

QUIZ = Quiz(
    "07",
    (
        Question(
            "Why does `B` start with zeros, and not `A` as well?",
            (
                Option(
                    "So that the network starts as it was, and can still learn.",
                    "The product is zero. `B` gets a gradient, because `A` is not zero, and from the second step on "
                    "so does `A`.",
                    right=True,
                ),
                Option(
                    "So that fewer numbers have to be saved.",
                    "Zeros take as much room as other numbers, and after training there are none left.",
                ),
                Option(
                    "It makes no difference: both could be zero.",
                    "Then the gradient of each would be a multiple of the other, and so zero. Nothing would ever move.",
                ),
            ),
        ),
        Question(
            "How many numbers does LoRA of rank 8 learn at a 1x1 convolution from 320 to 1,280 channels?",
            (
                Option("8 * 320 * 1,280", "That would be eight times the whole layer."),
                Option(
                    "8 * (320 + 1,280)",
                    "One thin matrix from 320 to 8, and one from 8 to 1,280.",
                    right=True,
                ),
                Option("320 * 1,280 / 8", "The rank does not divide the layer. It is the width of the way beside it."),
            ),
        ),
        Question(
            "After training you merge. What does a picture cost then?",
            (
                Option("A little more than before.", "Not any more: the two thin matrices are gone."),
                Option(
                    "What it cost before LoRA.",
                    "The product is added to the weight, and a plain layer is left.",
                    right=True,
                ),
                Option(
                    "Less, because the update is of low rank.",
                    "The weight that it is added to is not: the sum is as large as before.",
                ),
            ),
        ),
        Question(
            "You train with LoRA and leave BatchNorm in `train()` mode. What has to be in the file?",
            (
                Option("`A` and `B`.", "The head is new, and the statistics have moved: both would be missing."),
                Option(
                    "`A`, `B` and the head.",
                    "The running means and variances moved in every forward pass, frozen or not. Loaded elsewhere, the "
                    "answers would be others.",
                ),
                Option(
                    "`A`, `B`, the head, and the statistics.",
                    "All that moved, buffers included. Or keep the statistics, and the file needs none.",
                    right=True,
                ),
            ),
        ),
        Question(
            "With peft you put LoRA at `out_proj` of torchvision's attention. Training runs, and in the end the "
            "network is as good as a linear probe. Why?",
            (
                Option(
                    "The rank is too small.",
                    "With any rank it would be the same: no number of this adapter is ever asked.",
                ),
                Option(
                    "Attention reads the weight of `out_proj` and never calls the layer.",
                    "So what stands around it has no part in the answer and gets no gradient. Change the weight "
                    "itself, by a parametrization.",
                    right=True,
                ),
                Option(
                    "LoRA does not work in transformers.",
                    "It was made for them. It has to sit where the answer passes through.",
                ),
            ),
        ),
    ),
)

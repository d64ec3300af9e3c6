"""The quiz of lesson 06: modern backbones."""

from __future__ import annotations

from helpers.course.quiz import Option, Question, Quiz

QUIZ = Quiz(
    "06",
    (
        Question(
            "Network A does 4.1 billion MACs for an image, network B 4.4. Which is faster on your machine?",
            (
                Option(
                    "A, by about a tenth.",
                    "That would be so if every MAC took the same time. You saw two layers with equally many, "
                    "and how far apart their times are.",
                ),
                Option(
                    "You cannot tell from that. Measure.",
                    "ResNet-50 and EfficientNet-B4 are such a pair, and you saw how far apart they are.",
                    right=True,
                ),
                Option("About equally fast.", "Equal work on paper is not equal time: see the table of this lesson."),
            ),
        ),
        Question(
            "On a GPU, your stopwatch gives ResNet-50 equally long for 1 picture and for 4096. What happened?",
            (
                Option(
                    "The GPU is fast enough for both.",
                    "One picture may leave a GPU half idle. But 4096 of them, with four billion MACs each, "
                    "take their time.",
                ),
                Option(
                    "You timed how long it takes to hand out the work.",
                    "A GPU works on while Python goes ahead. Wait with `torch.cuda.synchronize()` before each "
                    "look at the clock.",
                    right=True,
                ),
                Option("The median hid the slow passes.", "The median is of passes that were all too short."),
            ),
        ),
        Question(
            "A network lies below the efficient frontier of speed and accuracy. Is it a bad choice?",
            (
                Option("Yes: another beats it.", "On these two axes. You may care about more than two."),
                Option(
                    "Not if it wins on something that is not in the picture: memory, file size, your own pictures.",
                    "The frontier holds for its two axes, for one machine, and for ImageNet's pictures.",
                    right=True,
                ),
                Option(
                    "No: the frontier only shows the extremes.",
                    "It shows every network that no other beats, from the fastest to the most accurate.",
                ),
            ),
        ),
        Question(
            "You want to run a pretrained ViT-B/16 on pictures of 160 pixels. What has to change in the weights?",
            (
                Option("Nothing: a ViT takes any size.", "You saw the error. Its positions are a fixed table."),
                Option(
                    "The position embeddings alone.",
                    "From a grid of 14 x 14 to one of 10 x 10. All other layers treat each patch alike.",
                    right=True,
                ),
                Option(
                    "All layers: it has to be trained anew.",
                    "No other tensor has a shape that depends on the size of the picture.",
                ),
            ),
        ),
    ),
)

"""The quiz of lesson 01: load pretrained weights."""

from __future__ import annotations

from helpers.course.quiz import Option, Question, Quiz

QUIZ = Quiz(
    "01",
    (
        Question(
            "A tutorial loads `ResNet50_Weights.IMAGENET1K_V2` and says that it reaches 76.1 %. What is wrong?",
            (
                Option("Nothing", "76.130 % is the V1 weights' top-1. Read it from `weights.meta`."),
                Option(
                    "76.1 % is the top-1 of V1",
                    "The V2 weights reach 80.858 %, with the same architecture.",
                    right=True,
                ),
                Option("V2 is another architecture", "Both have 25,557,032 parameters in the same layers."),
            ),
        ),
        Question(
            "You use ImageNet's mean and std for a network that was trained with 0.5 and 0.5. What will you see?",
            (
                Option("An error about the shape", "The shape is right. Only the values are off."),
                Option("Random answers", "The values are off by little. The network copes with most pictures."),
                Option(
                    "Mostly right answers, less sure",
                    "Most names stay, so a demo hides the mistake. A comparison on many pictures shows it.",
                    right=True,
                ),
            ),
        ),
        Question(
            "`load_state_dict(entries, strict=False)` ran without an error. What do you know?",
            (
                Option("The weights are loaded", "Perhaps not one of them was: names that do not match are left out."),
                Option(
                    "Nothing yet: read what it returned",
                    "`missing_keys` and `unexpected_keys` say what was left out.",
                    right=True,
                ),
                Option("At least the shapes of all entries fit", "Only entries with matching names are compared."),
            ),
        ),
        Question(
            "Which of these shows best that a network is pretrained?",
            (
                Option("Its file is named `resnet50_imagenet_best.pth`", "A name is a claim. Look at what it does."),
                Option("It is very sure of its answers", "Large numbers in a random last layer do that, too."),
                Option(
                    "It names photos right that it was not trained on",
                    "A random network cannot know these names.",
                    right=True,
                ),
            ),
        ),
        Question(
            "What does a state dict hold?",
            (
                Option(
                    "Names and tensors", "The architecture and the preprocessing must come from elsewhere.", right=True
                ),
                Option("The network's layers as Python code", "For that you need the class, such as torchvision's."),
                Option("The preprocessing", "That is why `weights.transforms()` exists."),
            ),
        ),
    ),
)

"""The quiz of lesson 03: freeze the backbone."""

from __future__ import annotations

from helpers.course.quiz import Option, Question, Quiz

QUIZ = Quiz(
    "03",
    (
        Question(
            "You set `requires_grad = False` on every parameter of a ResNet and train a new head in `train()` mode. "
            "What changes in the backbone?",
            (
                Option(
                    "Nothing: no gradients, no change.",
                    "Gradients are one of two ways to change. BatchNorm's running "
                    "mean and variance change in each forward pass of `train()` mode.",
                ),
                Option(
                    "The BatchNorm statistics.",
                    "They are buffers, not parameters: `requires_grad` does not concern them, and `eval()` does.",
                    right=True,
                ),
                Option(
                    "The weights of BatchNorm.",
                    "Weight and bias of BatchNorm are parameters. They stand still like the others.",
                ),
            ),
        ),
        Question(
            "Why may the features of a frozen backbone be computed once and kept?",
            (
                Option(
                    "Because they are small.",
                    "They are, and that is handy. But it would not make them right in the second epoch.",
                ),
                Option(
                    "Because the same picture gives the same features in every epoch.",
                    "Nothing in the backbone moves "
                    "and nothing random happens on the way. With random crops or flips this would no longer be true: "
                    "then you would keep several versions of each picture.",
                    right=True,
                ),
                Option(
                    "Because the head does not need gradients.",
                    "The head does need gradients. It is the backbone that needs none.",
                ),
            ),
        ),
        Question(
            "You compared twelve heads on the validation part and took the best. Which number do you report?",
            (
                Option(
                    "Its accuracy on the validation part.",
                    "It was chosen because that number is high, so part of the number is luck.",
                ),
                Option(
                    "Its accuracy on the test part, measured once, now.",
                    "The test part has had no say in the choice. That is what it is for.",
                    right=True,
                ),
                Option(
                    "The best of the twelve on the test part.",
                    "Then the test part makes the choice, and you have no untouched pictures left.",
                ),
            ),
        ),
        Question(
            "With 5 pictures a class the frozen backbone is far ahead of training from scratch. What do you expect "
            "with 50,000 pictures a class that look nothing like photos?",
            (
                Option(
                    "The same lead.",
                    "Much data lets a network learn its own features, and ImageNet's are not made for such pictures.",
                ),
                Option(
                    "A smaller lead, perhaps none.",
                    "The less your pictures resemble the old ones and the more of them "
                    "you have, the less the old features are worth. Measure it on your data.",
                    right=True,
                ),
                Option(
                    "Scratch always wins on large data.",
                    "Not always: pretrained weights may still be the better start. Measure, do not assume.",
                ),
            ),
        ),
    ),
)

"""The quiz of lesson 04: replace the head."""

from __future__ import annotations

from helpers.course.quiz import Option, Question, Quiz

QUIZ = Quiz(
    "04",
    (
        Question(
            "ConvNeXt's `classifier` holds a LayerNorm, a Flatten and a Linear. You write "
            "`model.classifier = nn.Linear(1024, 5)`. What happens?",
            (
                Option(
                    "It gives five logits and is as good as before.",
                    "The LayerNorm and the Flatten stood inside `classifier`, and they went with it.",
                ),
                Option(
                    "The next picture raises an error about shapes.",
                    "Without Flatten the features arrive as [n, 1024, 1, 1], and a linear layer looks at the last "
                    "axis. Replace `classifier[2]` alone.",
                    right=True,
                ),
                Option(
                    "The assignment itself raises an error.",
                    "PyTorch takes any module under any name. It notices nothing until data flows.",
                ),
            ),
        ),
        Question(
            "You have a network that you have never seen. Which of its linear layers is the classifier?",
            (
                Option(
                    "The one that is declared last.",
                    "The order in `__init__` is the author's taste. `forward` decides which layer works when.",
                ),
                Option(
                    "The one called `fc`, `head` or `classifier`.",
                    "Often, and then one day `fc` is a leftover that never works. Use the name as a first guess only.",
                ),
                Option(
                    "The one that works last, and whose output is what the network gives.",
                    "Let one picture through and watch. That holds whatever the layers are called.",
                    right=True,
                ),
            ),
        ),
        Question(
            "You have five classes, and the first loss of your training is 6.9. What is likely?",
            (
                Option(
                    "The head still has 1000 outputs.",
                    "ln 1000 is 6.9: the network is undecided among 1000 answers. For five it would be ln 5 = 1.6.",
                    right=True,
                ),
                Option(
                    "There is a softmax at the end of the head.",
                    "Then the loss starts near ln 5, since all is squeezed between 0 and 1, and gets stuck above 0.",
                ),
                Option(
                    "The head is frozen.",
                    "A frozen new head is undecided among five, so it starts near ln 5. And it stays there.",
                ),
            ),
        ),
        Question(
            "On a ResNet you write `model.head = nn.Linear(2048, 5)`, and train all parameters. What learns?",
            (
                Option(
                    "The new head.",
                    "`forward` calls `self.fc` and has never heard of `head`. The new layer gets no gradient.",
                ),
                Option(
                    "The network with its old head of 1000 outputs.",
                    "Nothing complains: labels 0 to 4 are valid for 1000 outputs. The shape of the logits tells you.",
                    right=True,
                ),
                Option(
                    "Nothing: PyTorch stops with an error.",
                    "A new attribute is no error in Python, and an unused layer is none in PyTorch.",
                ),
            ),
        ),
        Question(
            "On 150 validation pictures your MLP head is right where the linear one is wrong 8 times, and the other "
            "way round 5 times. What do you conclude?",
            (
                Option(
                    "The MLP is better: three pictures more.",
                    "They disagree on 13 pictures. Thirteen throws of a fair coin come out 8 to 5, or more unevenly, "
                    "more often than not.",
                ),
                Option(
                    "These pictures cannot tell them apart. Take the simpler one.",
                    "8 to 5 is what chance does. The linear head has far fewer parameters to train and to explain.",
                    right=True,
                ),
                Option(
                    "The two heads are equally good.",
                    "Not seeing a difference in 150 pictures is no proof that there is none.",
                ),
            ),
        ),
    ),
)

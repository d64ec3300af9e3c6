"""The quiz of lesson 09: scale out."""

from __future__ import annotations

from helpers.course.quiz import Option, Question, Quiz

QUIZ = Quiz(
    "09",
    (
        Question(
            "One process trains with batches of 32. You go to four processes and want the same training. How many "
            "pictures does each one take a step?",
            (
                Option("32", "Then a step is made of 128 pictures: another training, with fewer steps an epoch."),
                Option(
                    "8",
                    "Four times 8 are the 32 of before. The mean of the four gradients is the gradient of all 32.",
                    right=True,
                ),
                Option("128", "That is the whole of a step if each takes 32. It is dealt out, and not multiplied."),
            ),
        ),
        Question(
            "One process got 90 of 100 pictures right, the other one 5 of 10. What is the accuracy of both together?",
            (
                Option("70 %", "The mean of the two lets a picture in the small share count ten times."),
                Option("86 %", "90 and 5 right answers, of 110 pictures.", right=True),
                Option("90 %", "The larger share decides most of it, and not all."),
            ),
        ),
        Question(
            "The loss of your two processes falls, but `set_epoch` is nowhere in the program. What is wrong?",
            (
                Option("Nothing: the sampler shuffles by itself.", "It does, by the seed and the epoch that it knows."),
                Option(
                    "Both processes see the same pictures.",
                    "They still share them out: both draw the same order, and each takes its part.",
                ),
                Option(
                    "Every epoch has the same order, and each process always gets the same pictures.",
                    "The sampler believes that it is epoch 0 for ever. Nothing complains.",
                    right=True,
                ),
            ),
        ),
        Question(
            "You accumulate over four parts of 8 in place of a batch of 32, in a network with BatchNorm in `train()` "
            "mode. Are the gradients the same?",
            (
                Option("Yes, if each part is divided by 4.", "That is right for the sums, and BatchNorm is no sum."),
                Option(
                    "No: BatchNorm takes mean and variance from each part.",
                    "Eight pictures have other statistics than 32. With frozen statistics the gradients are the same.",
                    right=True,
                ),
                Option(
                    "No: `backward()` keeps only the last part.",
                    "It adds to what is there. It is `zero_grad()` between the parts that would throw them away.",
                ),
            ),
        ),
        Question(
            "A process is killed, and torchrun starts all of them again. What has to be in the checkpoint, so that "
            "the training ends in the same numbers?",
            (
                Option("The weights.", "Then AdamW starts without its memory, and the rate from its beginning."),
                Option(
                    "Weights, optimizer, scheduler.",
                    "Nearly. Where was it, in which epoch and batch? And what will dropout draw next?",
                ),
                Option(
                    "Weights and buffers, optimizer, scheduler, position and the random states.",
                    "All that the next step depends on. The random state is another one in each process.",
                    right=True,
                ),
            ),
        ),
    ),
)

"""The quiz of lesson 02: count parameters."""

from __future__ import annotations

from helpers.course.quiz import Option, Question, Quiz

QUIZ = Quiz(
    "02",
    (
        Question(
            "`nn.Conv2d(16, 32, kernel_size=3)`: how many parameters?",
            (
                Option("16 * 32 * 3 * 3 = 4,608", "Nearly: a bias for each of the 32 output channels is missing."),
                Option("32 * 16 * 3 * 3 + 32 = 4,640", "32 filters of 16 x 3 x 3 numbers, and 32 biases.", right=True),
                Option(
                    "it depends on the size of the image",
                    "The same filters slide over an image of any size. The size decides the work, not the parameters.",
                ),
            ),
        ),
        Question(
            "BatchNorm's `running_mean` is",
            (
                Option(
                    "a parameter that is frozen",
                    "A frozen parameter could be unfrozen and would get gradients. This one never gets any.",
                ),
                Option(
                    "a buffer: saved with the network, and moved by forward passes in `train()` mode",
                    "No gradient and no optimizer takes part. So it is in `state_dict()` and not in `parameters()`.",
                    right=True,
                ),
                Option(
                    "not part of the network",
                    "It is in `state_dict()`, and without it the network says something else in `eval()` mode.",
                ),
            ),
        ),
        Question(
            "`len(list(model.parameters()))` says 161. The network has",
            (
                Option("161 parameters", "161 tensors. Each holds `numel()` numbers."),
                Option("161 layers", "A layer often has two tensors, a weight and a bias, and some have none."),
                Option("161 tensors of parameters", "To count the numbers, add up `p.numel()`.", right=True),
            ),
        ),
        Question(
            "You freeze the backbone and train a new head with AdamW. What becomes smaller?",
            (
                Option(
                    "the saved file",
                    "The file holds the frozen parameters too: you need them to predict.",
                ),
                Option(
                    "the memory for gradients and for the optimizer's averages",
                    "Both exist for trainable parameters only: three more numbers for each of them.",
                    right=True,
                ),
                Option(
                    "the work of a forward pass",
                    "Every layer still computes. Lesson 03 saves that work by computing the features once.",
                ),
            ),
        ),
        Question(
            "Network A has nine times as many parameters as network B. For one image A does",
            (
                Option(
                    "nine times as much work",
                    "A number in a convolution is used at every place of the image, one in the head only once.",
                ),
                Option("more work, but you cannot say how much", "Mostly, but there are pairs where it does less."),
                Option(
                    "you cannot say: count the MACs",
                    "AlexNet holds nine times the parameters of GoogLeNet, and does half its work.",
                    right=True,
                ),
            ),
        ),
    ),
)

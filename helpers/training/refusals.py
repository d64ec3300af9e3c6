"""What no training or prediction can come of, told in one line with its cure before PyTorch stops somewhere inside."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from helpers.errors import CourseError


def require_trainable(model: nn.Module, optimizer: torch.optim.Optimizer, scheduler: object) -> None:
    """The optimizer can step by itself, holds parameters of this model alone, and some of them can learn.

    Raises:
        CourseError: otherwise. Whether a trainable parameter is in no group is not asked: that may be meant.
    """
    if isinstance(optimizer, torch.optim.LBFGS):
        raise CourseError("LBFGS wants to compute the loss several times a step, which `train` does not: take AdamW")
    if isinstance(scheduler, ReduceLROnPlateau):
        raise CourseError(
            "`train` steps its scheduler once a batch, and ReduceLROnPlateau waits for a measured value once an epoch: "
            "take OneCycleLR or LambdaLR, or write the loop yourself"
        )
    held = [p for group in optimizer.param_groups for p in group["params"]]
    own = {id(p) for p in model.parameters()}
    strays = sum(id(p) not in own for p in held)
    if strays:
        raise CourseError(
            f"the optimizer holds {strays} tensors that are no parameters of this model: make the optimizer anew after "
            "the model was changed or copied, such as by a new head"
        )
    if not any(p.requires_grad for p in held):
        raise CourseError(
            "nothing can learn: every parameter that the optimizer holds is frozen: set requires_grad on the head's"
        )


def collated(batches: Iterable) -> Iterator[tuple[Tensor, Tensor]]:
    """The batches one by one, as inputs and labels; where their images are of no use together, one line says why."""
    steps = iter(batches)
    while True:
        try:
            inputs, labels = next(steps)
        except StopIteration:
            return
        except (RuntimeError, TypeError) as error:
            if "equal size" in str(error):
                cause, cure = "the images of a batch have different sizes", "add Resize and CenterCrop to the transform"
            elif "default_collate" in str(error):
                cause, cure = "the images are no tensors", "give the dataset a transform, such as weights.transforms()"
            else:
                raise
            raise CourseError(f"{cause}: {cure}") from None
        _require_floats(inputs)
        yield inputs, labels


def logits_in_training(model: nn.Module, inputs: Tensor, labels: Tensor) -> Tensor:
    """The logits [n, classes] of `inputs` [n, ...] in `train()` mode, with a column for each of the `labels` [n].

    In `train()` mode GoogLeNet and Inception give a tuple: the logits, and those of auxiliary classifiers. Only the
    first are trained: the others belong to training from scratch.
    """
    try:
        output = model(inputs)
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        raise CourseError(
            f"BatchNorm in train() mode cannot take the average of one image (batch of {len(inputs)}): set "
            "drop_last=True or another batch_size, so that the last batch has two or more"
        ) from None
    logits = output if isinstance(output, Tensor) else output[0]
    if len(labels) and logits.ndim == 2 and not 0 <= int(labels.min()) <= int(labels.max()) < logits.shape[1]:
        raise CourseError(
            f"there are labels from {int(labels.min())} to {int(labels.max())}, and the head has {logits.shape[1]} "
            "outputs: give it one output a class, and count labels from 0"
        )
    return logits


def _require_floats(inputs: Tensor) -> None:
    """Images come as floats: PyTorch's own message on whole numbers names a layer's bias."""
    if inputs.dtype == torch.uint8:
        raise CourseError(
            "the images are whole numbers (uint8): add ToDtype(torch.float32, scale=True) to the transform"
        )

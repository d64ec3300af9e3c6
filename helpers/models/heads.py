"""Finding a network's classifier by watching it work, and putting another in its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from helpers.errors import CourseError
from helpers.models.freezing import eval_mode

MakeHead = Callable[[int, int], nn.Module]


@dataclass(frozen=True)
class Head:
    """Where a network's classifier sits.

    Attributes:
        names: its layers as in `model.named_modules()`; nearly always one. Networks trained by distillation
            may have two side by side, whose logits they average.
        kind: nn.Linear, or nn.Conv2d where a convolution gives the logits (SqueezeNet).
        width: features that come in.
        classes: logits that go out.
        auxiliary: further classifiers of the same size, which work in `train()` mode only (GoogLeNet, Inception).
    """

    names: tuple[str, ...]
    kind: type[nn.Module]
    width: int
    classes: int
    auxiliary: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.names[0]


def find_head(model: nn.Module, image: Tensor | None = None) -> Head:
    """The layer that turns features into logits, found by what it does and not by its name.

    One image runs through the network in `eval()` mode, and the last linear layer (or convolution) that worked is
    the candidate. To prove it, it is made to give one logit more, for one run: then the network must do so as well.
    The network is left as it was.

    >>> find_head(nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 5)), torch.zeros(1, 3, 2, 2))
    Head(names=('3',), kind=<class 'torch.nn.modules.linear.Linear'>, width=8, classes=5, auxiliary=())

    Args:
        model: a network from images to logits [n, classes].
        image: an input that it takes [n, channels, height, width]; black pictures of its own size unless given.

    Raises:
        CourseError: the network takes no such image, gives no logits, or makes them without such a layer.
    """
    image = _example(model) if image is None else image
    worked: list[str] = []
    with eval_mode(model), _hooks(model, worked):
        logits = _forward(model, image)
    if not isinstance(logits, Tensor) or logits.ndim != 2:
        raise CourseError(
            f"{type(model).__name__} gives {_described(logits)} and no logits [n, classes]: "
            "there is no classifier to replace"
        )
    classes, layers = logits.shape[1], dict(model.named_modules())
    names = _proven(model, image, classes, list(dict.fromkeys(reversed(worked))))
    head = layers[names[0]]
    auxiliary = tuple(
        name
        for name, layer in layers.items()
        if type(layer) is nn.Linear and layer.out_features == classes and name not in worked
    )
    return Head(names, nn.Linear if isinstance(head, nn.Linear) else nn.Conv2d, _width(head), classes, auxiliary)


def replace_head(
    model: nn.Module, classes: int, make_head: MakeHead = nn.Linear, *, image: Tensor | None = None
) -> nn.Module:
    """Put `make_head(width, classes)` where the old classifier was; the model is changed in place and returned.

    What stands before the last layer (ConvNeXt's LayerNorm and Flatten, dropout) stays, and so does everything
    that the features pass. The new head has the device and the number type of the old one, and is trainable.
    Auxiliary classifiers of `train()` mode get linear layers for as many classes.

    Raises:
        CourseError: as `find_head`; or `make_head` gives no module that fits. The network is then as it was.
    """
    if isinstance(classes, bool) or not isinstance(classes, int) or classes < 1:
        raise CourseError(f"a head has 1 class or more, not {classes!r}: pass len(data.classes)")
    head = find_head(model, image)
    if head.kind is nn.Conv2d and make_head is not nn.Linear:
        raise CourseError(
            f"the logits of {type(model).__name__} come from a convolution ({head.name}), and a head of linear layers "
            "does not fit there: leave make_head out, or take another backbone"
        )
    before = {name: model.get_submodule(name) for name in (*head.names, *head.auxiliary)}
    for name, old in before.items():
        _put(model, old, _like(old, _new_layer(old, classes, make_head if name in head.names else nn.Linear)))
    _hold_to_classes(model, image, classes, before)
    return model


def remove_head(model: nn.Module, image: Tensor | None = None) -> tuple[nn.Module, int]:
    """Put `nn.Identity` in the place of the classifier; the model (changed in place) and its features' width.

    Layers that stand before the last one (ConvNeXt's LayerNorm and Flatten, dropout) stay.
    """
    head = find_head(model, image)
    for name in head.names:
        _put(model, model.get_submodule(name), nn.Identity())
    return model, head.width


# ---- watching a network work -----------------------------------------------------------------------


def _example(model: nn.Module) -> Tensor:
    """Two black pictures of the size that the network states, or of 224 pixels."""
    parameter = next(model.parameters(), None) if isinstance(model, nn.Module) else None
    if parameter is None:
        raise CourseError(f"a network with parameters is needed, not {type(model).__name__}: pass the model itself")
    configured = getattr(model, "default_cfg", {}).get("input_size")  # timm's networks
    side = getattr(model, "image_size", 224)  # torchvision's ViT
    shape = tuple(configured or (3, side, side))
    return torch.zeros(2, *shape, device=parameter.device, dtype=parameter.dtype)


@torch.no_grad()
def _forward(model: nn.Module, image: Tensor) -> object:
    try:
        return model(image)
    except (RuntimeError, ValueError, AssertionError, TypeError, IndexError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise CourseError(
            f"{type(model).__name__} cannot take an image {list(image.shape)} ({reason}): "
            "pass one that it takes, as image=torch.zeros(1, channels, height, width)"
        ) from None


@contextmanager
def _hooks(model: nn.Module, worked: list[str], widened: tuple[str, ...] = ()) -> Iterator[None]:
    """Write down which linear layers and convolutions worked; those of `widened` give one output more."""

    def watch(name: str) -> Callable:
        def hook(layer: nn.Module, inputs: tuple, output: Tensor) -> Tensor | None:
            worked.append(name)
            if name not in widened:
                return None
            axis = -1 if isinstance(layer, nn.Linear) else 1
            return torch.cat([output, output.narrow(axis, 0, 1)], dim=axis)

        return hook

    layers = [(name, layer) for name, layer in model.named_modules() if isinstance(layer, nn.Linear | nn.Conv2d)]
    handles = [layer.register_forward_hook(watch(name)) for name, layer in layers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _proven(model: nn.Module, image: Tensor, classes: int, latest_first: list[str]) -> tuple[str, ...]:
    """The layer that makes the logits, or layers side by side that do: where they give one more, the network does."""
    if not latest_first:
        raise CourseError(
            f"no linear layer worked in {type(model).__name__}: it has no classifier that could be replaced"
        )
    layers = dict(model.named_modules())
    last = layers[latest_first[0]]
    beside = [name for name in latest_first if _shape(layers[name]) == _shape(last)]
    for names in ((latest_first[0],), tuple(reversed(beside))):
        if _outputs(last) == classes and _gives_one_more(model, image, classes, names):
            return names
    raise CourseError(
        f"the {classes} logits of {type(model).__name__} do not come out of a linear layer (the last that worked is "
        f"{latest_first[0]}, with {_outputs(last)} outputs): replace its classifier by hand"
    )


def _gives_one_more(model: nn.Module, image: Tensor, classes: int, names: tuple[str, ...]) -> bool:
    with eval_mode(model), _hooks(model, [], widened=names):
        try:
            logits = _forward(model, image)
        except CourseError:  # the layers after it take no other number of features: they are the classifier
            return False
    return logits.shape[1] == classes + 1


def _described(output: object) -> str:
    return f"a tensor {list(output.shape)}" if isinstance(output, Tensor) else f"a {type(output).__name__}"


# ---- taking layers out and putting them in ---------------------------------------------------------


def _shape(layer: nn.Module) -> tuple[type, int, int]:
    return type(layer), _width(layer), _outputs(layer)


def _width(layer: nn.Module) -> int:
    return layer.in_features if isinstance(layer, nn.Linear) else layer.in_channels


def _outputs(layer: nn.Module) -> int:
    return layer.out_features if isinstance(layer, nn.Linear) else layer.out_channels


def _new_layer(old: nn.Module, classes: int, make_head: MakeHead) -> nn.Module:
    if isinstance(old, nn.Conv2d):
        return nn.Conv2d(old.in_channels, classes, old.kernel_size, old.stride, old.padding)
    new = make_head(_width(old), classes)
    if not isinstance(new, nn.Module):
        raise CourseError(
            f"make_head(width, classes) must give an nn.Module, not {type(new).__name__}: return the head"
        )
    return new


def _like(old: nn.Module, new: nn.Module) -> nn.Module:
    """The device, number type and mode of the old layer."""
    return new.to(old.weight.device, old.weight.dtype).train(old.training)


def _put(model: nn.Module, old: nn.Module, new: nn.Module) -> None:
    """In every place where the network holds the old layer: a layer can be held under two names."""
    for parent in model.modules():
        for name, child in parent.named_children():
            if child is old:
                setattr(parent, name, new)


def _hold_to_classes(model: nn.Module, image: Tensor | None, classes: int, before: dict[str, nn.Module]) -> None:
    """Where the network does not give `classes` logits now, the old layers come back."""
    image = _example(model) if image is None else image
    try:
        with eval_mode(model):
            logits = _forward(model, image)
        problem = None if tuple(logits.shape) == (len(image), classes) else f"gives {_described(logits)}"
    except CourseError as error:
        problem = f"fails ({error})"
    if problem is None:
        return
    for name, old in before.items():
        _put(model, model.get_submodule(name), old)
    raise CourseError(
        f"with the new head {type(model).__name__} {problem}: make_head(width, classes) must turn features "
        "[n, width] into logits [n, classes]"
    )

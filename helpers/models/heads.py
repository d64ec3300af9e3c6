"""Finding a network's classifier by watching it work, and putting another in its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from helpers.errors import CourseError, first_line
from helpers.models.counting import count_parameters
from helpers.models.freezing import eval_mode

MakeHead = Callable[[int, int], nn.Module]


class TakenOut(nn.Identity):
    """What `remove_head` leaves in the place of the classifier: features in, features out."""


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
        training_only: the parts of the network that hold them and, like them, stand still in `eval()` mode.
    """

    names: tuple[str, ...]
    kind: type[nn.Module]
    width: int
    classes: int
    auxiliary: tuple[str, ...] = ()
    training_only: tuple[str, ...] = field(default=(), repr=False)

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
        CourseError: the network takes no such image, gives no logits (but a softmax's probabilities, a mask, a
            dict), makes them without such a layer, or has lost its classifier.
    """
    _check(model, image)
    image = _example(model) if image is None else image
    worked: list[str] = []
    with eval_mode(model), _hooks(model, worked):
        logits = _attempt(model, image)
    if isinstance(logits, Exception):
        raise CourseError(
            f"{type(model).__name__} cannot take an image {list(image.shape)} ({first_line(logits)}): "
            "pass one that it takes, as image=torch.zeros(1, channels, height, width)"
        )
    if not isinstance(logits, Tensor) or logits.ndim != 2:
        raise CourseError(
            f"{type(model).__name__} gives {_described(logits)} and no logits [n, classes]: "
            "there is no classifier to replace"
        )
    classes, layers = logits.shape[1], dict(model.named_modules())
    if worked and isinstance(layers[worked[-1]], TakenOut):  # the layer before it was trained, and is no classifier
        raise _no_classifier(model)
    worked = [name for name in worked if not isinstance(layers[name], TakenOut)]
    names = _proven(model, image, classes, list(dict.fromkeys(reversed(worked))))
    if _follows_a_softmax(model, image, names, logits):
        raise CourseError(
            f"{type(model).__name__} gives probabilities, because a softmax follows {names[0]}, and cross-entropy "
            "wants logits: put nn.Identity() in the softmax's place first"
        )
    head = layers[names[0]]
    auxiliary = tuple(
        name
        for name, layer in layers.items()
        if isinstance(layer, nn.Linear)
        and layer.out_features == classes
        and name not in worked
        and _runs_without(model, image, name)
    )
    idle = tuple(dict.fromkeys(_largest_idle_part(name, worked) for name in auxiliary))
    return Head(names, _kind(head), _width(head), classes, auxiliary, idle)


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
    if isinstance(make_head, nn.Module) or not callable(make_head):
        raise CourseError(
            f"make_head makes the head from (width, classes), and is no {type(make_head).__name__}: "
            "pass nn.Linear itself, or a function"
        )
    head = find_head(model, image)
    if head.kind is nn.Conv2d and make_head is not nn.Linear:
        raise CourseError(
            f"the logits of {type(model).__name__} come from a convolution ({head.name}), and a head of linear layers "
            "does not fit there: leave make_head out, or take another backbone"
        )
    new = {name: _new_layer(model.get_submodule(name), classes, make_head) for name in head.names}
    new |= {name: _new_layer(model.get_submodule(name), classes, nn.Linear) for name in head.auxiliary}
    problem = _exchange(model, new, image, classes)
    if problem:
        raise CourseError(
            f"with the new head {type(model).__name__} {problem}: make_head(width, classes) must turn features "
            "[n, width] into logits [n, classes]"
        )
    return model


def remove_head(model: nn.Module, image: Tensor | None = None) -> tuple[nn.Module, int]:
    """Put an `nn.Identity` in the place of the classifier; the model (changed in place) and its features' width.

    Layers that stand before the last one (ConvNeXt's LayerNorm and Flatten, dropout) stay.

    Raises:
        CourseError: as `find_head`; or no features [n, width] come without the classifier. The network is then as it
            was.
    """
    head = find_head(model, image)
    problem = _exchange(model, {name: TakenOut() for name in head.names}, image, head.width)
    if problem:
        raise CourseError(
            f"without {' and '.join(head.names)} {type(model).__name__} {problem}, and no features "
            f"[n, {head.width}]: take another backbone"
        )
    return model, head.width


_WATCHED = (nn.Linear, nn.Conv2d, TakenOut)


# ---- watching a network work -----------------------------------------------------------------------


def _check(model: nn.Module, image: Tensor | None) -> None:
    if count_parameters(model).total == 0:  # which also refuses what is no network, and layers without a shape yet
        raise CourseError(f"{type(model).__name__} has no parameters and so no classifier: pass the whole network")
    if image is not None and not isinstance(image, Tensor):
        raise CourseError(
            f"image is a batch of pictures as a tensor [n, channels, height, width], not {type(image).__name__}: "
            "pass image=torch.zeros(1, channels, height, width)"
        )
    if _says_that_it_has_none(model):
        raise _no_classifier(model)


def _no_classifier(model: nn.Module) -> CourseError:
    return CourseError(
        f"the classifier of {type(model).__name__} has been taken out (nn.Identity stands there): "
        "load the network anew, with num_classes above 0"
    )


def _says_that_it_has_none(model: nn.Module) -> bool:
    """timm's networks know their classifier. Without it, a layer that was trained would be taken for it."""
    own_word = getattr(model, "get_classifier", tuple)()
    classifiers = own_word if isinstance(own_word, tuple) else (own_word,)
    return len(classifiers) > 0 and all(isinstance(layer, nn.Identity) for layer in classifiers)


def _example(model: nn.Module) -> Tensor:
    """Two black pictures of the size that the network states, or of 224 pixels."""
    parameter = next(model.parameters())
    configured = getattr(model, "default_cfg", None)  # timm's networks
    side = getattr(model, "image_size", 224)  # torchvision's ViT
    side = side if isinstance(side, int) else 224
    shape = configured.get("input_size") if isinstance(configured, Mapping) else None
    return torch.zeros(2, *(shape or (3, side, side)), device=parameter.device, dtype=parameter.dtype)


@torch.no_grad()
def _attempt(model: nn.Module, image: Tensor) -> object:
    """What the network makes of the image; the exception where it raises one."""
    try:
        return model(image)
    except Exception as error:  # a network that gets what it was not written for may raise anything
        return error


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

    layers = [(name, layer) for name, layer in model.named_modules() if isinstance(layer, _WATCHED)]
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
    if "" in latest_first:
        raise CourseError(
            f"this {type(model).__name__} is one layer and no network: pass the network that holds it, or a new layer"
        )
    layers = dict(model.named_modules())
    last = layers[latest_first[0]]
    beside = tuple(reversed([name for name in latest_first if _shape(layers[name]) == _shape(last)]))
    for names in dict.fromkeys([(latest_first[0],), beside]):
        if _outputs(last) == classes and _gives_one_more(model, image, classes, names):
            return names
    raise CourseError(
        f"the {classes} logits of {type(model).__name__} are not what one linear layer gives (the last that worked is "
        f"{latest_first[0]}, with {_outputs(last)} outputs): replace its classifier by hand"
    )


def _gives_one_more(model: nn.Module, image: Tensor, classes: int, names: tuple[str, ...]) -> bool:
    logits = _with_one_more(model, image, names)
    return isinstance(logits, Tensor) and logits.shape[1:] == (classes + 1,)


def _with_one_more(model: nn.Module, image: Tensor, names: tuple[str, ...]) -> object:
    """What the network gives while the layers `names` repeat their first output at the end."""
    with eval_mode(model), _hooks(model, [], widened=names):
        return _attempt(model, image)


def _follows_a_softmax(model: nn.Module, image: Tensor, names: tuple[str, ...], logits: Tensor) -> bool:
    """Whether each row sums to 1, and is shared out anew for one logit more; on `meta` there are no values to tell."""
    if logits.is_meta or logits.shape[1] < 2:
        return False
    values = logits.float()
    sums_to_one = (values >= 0).all() and ((values.sum(1) - 1).abs() < 0.01).all()
    return bool(sums_to_one) and not torch.allclose(_with_one_more(model, image, names)[:, :-1], logits)


def _runs_without(model: nn.Module, image: Tensor, name: str) -> bool:
    """Whether a layer that was not called is not used in another way: Swin takes the weights out of some."""
    with eval_mode(model), _in_their_places(_places(model, {name: nn.Identity()})):  # which has no weights
        return not isinstance(_attempt(model, image), Exception)


def _largest_idle_part(name: str, worked: list[str]) -> str:
    """The largest part of the network around the layer `name` in which nothing worked."""
    above = name.rpartition(".")[0]
    while above and not any(other.startswith(f"{above}.") for other in worked):
        name, above = above, above.rpartition(".")[0]
    return name


def _described(output: object) -> str:
    if isinstance(output, Tensor):
        return f"a tensor {list(output.shape)}"
    kind = type(output).__name__
    return f"{'an' if kind[0] in 'AEIOUaeiou' else 'a'} {kind}"


# ---- taking layers out and putting them in ---------------------------------------------------------


def _kind(layer: nn.Module) -> type[nn.Module]:
    return nn.Linear if isinstance(layer, nn.Linear) else nn.Conv2d


def _shape(layer: nn.Module) -> tuple[type, int, int]:
    return _kind(layer), _width(layer), _outputs(layer)


def _width(layer: nn.Module) -> int:
    return layer.in_features if isinstance(layer, nn.Linear) else layer.in_channels


def _outputs(layer: nn.Module) -> int:
    return layer.out_features if isinstance(layer, nn.Linear) else layer.out_channels


def _new_layer(old: nn.Module, classes: int, make_head: MakeHead) -> nn.Module:
    """The new layer, with the device, number type and mode of the old one."""
    if isinstance(old, nn.Conv2d):
        new = nn.Conv2d(old.in_channels, classes, old.kernel_size, old.stride, old.padding, old.dilation)
    else:
        new = _made(make_head, _width(old), classes)
    return new.to(old.weight.device, old.weight.dtype).train(old.training)


def _made(make_head: MakeHead, width: int, classes: int) -> nn.Module:
    try:
        new = make_head(width, classes)
    except Exception as error:
        raise CourseError(
            f"make_head({width}, {classes}) failed ({first_line(error)}): it takes the features' width and the "
            "number of classes, and returns the head"
        ) from error
    if not isinstance(new, nn.Module):
        raise CourseError(
            f"make_head(width, classes) must give an nn.Module, not {type(new).__name__}: return the head"
        )
    return new


Place = tuple[nn.Module, str, nn.Module, nn.Module]  # the module that holds it, under which name, old and new layer


def _places(model: nn.Module, new: Mapping[str, nn.Module]) -> list[Place]:
    """Every place where the network holds a layer that is to be exchanged: it can be held under two names."""
    exchanged = {model.get_submodule(name): layer for name, layer in new.items()}
    return [
        (parent, name, child, exchanged[child])
        for parent in model.modules()
        for name, child in parent._modules.items()  # named_children() would leave the second name out
        if child in exchanged
    ]


@contextmanager
def _in_their_places(places: list[Place]) -> Iterator[None]:
    """The new layers in, for a while."""
    try:
        for parent, name, _, new in places:
            setattr(parent, name, new)
        yield
    finally:
        for parent, name, old, _ in places:
            setattr(parent, name, old)


def _exchange(model: nn.Module, new: Mapping[str, nn.Module], image: Tensor | None, outputs: int) -> str:
    """Put the new layers in if the network then gives [n, outputs]; what it does instead, or "" where they fit."""
    image = _example(model) if image is None else image
    places = _places(model, new)
    with _in_their_places(places), eval_mode(model):
        result = _attempt(model, image)
    if isinstance(result, Exception):
        return f"fails ({first_line(result)})"
    if not isinstance(result, Tensor) or tuple(result.shape) != (len(image), outputs):
        return f"gives {_described(result)}"
    for parent, name, _, layer in places:
        setattr(parent, name, layer)
    return ""

"""Finding a network's classifier by watching it work, and putting another in its place."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedTensorMixin

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
        kind: nn.Linear, or nn.Conv1d, nn.Conv2d (SqueezeNet), nn.Conv3d where a convolution gives the logits.
        width: features that come in.
        classes: logits that go out.
        auxiliary: further classifiers of the same size, which work in `train()` mode only (GoogLeNet, Inception). A
            layer that works in neither mode, such as another task's classifier, is none.
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
    In another it gives values on a straight line, and no activation may have bent them on their way out. The network
    is left as it was: its modes, hooks, buffers and parameters, and torch's random numbers.

    An activation goes unseen on the `meta` device, where nothing is computed. SqueezeNet's ReLU passes, because its
    pooling averages several places; of a picture below 48 pixels one place is left, and the ReLU is refused there.

    >>> find_head(nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 5)), torch.zeros(1, 3, 2, 2))
    Head(names=('3',), kind=<class 'torch.nn.modules.linear.Linear'>, width=8, classes=5, auxiliary=())

    Args:
        model: a network from images to logits [n, classes].
        image: an input that it takes [n, channels, height, width]; black pictures of its own size unless given.

    Raises:
        CourseError: the network takes no such image, gives no logits (but what comes out of a softmax or another
            activation, a mask, a dict), makes them without such a layer, or has lost its classifier; or it is a
            TorchScript program.
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
    if any(_says_that_it_has_none(part) for part in _parts_around(model, names[0])):
        raise _no_classifier(model)
    activation = "" if logits.is_meta else _activation_behind(model, image, names)
    if activation:
        raise CourseError(
            f"{type(model).__name__} ends with an activation ({activation}) behind its last layer {names[0]}, and "
            "cross-entropy wants logits: put nn.Identity() in its place; or, if the classifier has been taken out, "
            "load it anew"
        )
    head = layers[names[0]]
    auxiliary = _auxiliary(model, image, classes, worked)
    idle = tuple(dict.fromkeys(auxiliary.values()))
    return Head(names, _kind(head), _width(head), classes, tuple(auxiliary), idle)


def replace_head(
    model: nn.Module, classes: int, make_head: MakeHead = nn.Linear, *, image: Tensor | None = None
) -> nn.Module:
    """Put `make_head(width, classes)` where the old classifier was; the model is changed in place and returned.

    What stands before the last layer (ConvNeXt's LayerNorm and Flatten, dropout) stays, and so does everything
    that the features pass. The new head has the device and the dtype of the old one, and learns though the old
    one was frozen; what `make_head` freezes itself stays frozen. Auxiliary classifiers of `train()` mode get linear
    layers for as many classes.

    Raises:
        CourseError: as `find_head`; `make_head` gives no module that fits; or the network goes on with its old
            classifier, which it holds a second time in a list or a tuple. The network is then as it was.
    """
    if isinstance(classes, bool) or not isinstance(classes, int) or classes < 1:
        raise CourseError(f"a head has 1 class or more, not {classes!r}: pass len(data.classes)")
    if isinstance(make_head, nn.Module) or not callable(make_head):
        raise CourseError(
            f"make_head makes the head from (width, classes), and is no {type(make_head).__name__}: "
            "pass nn.Linear itself, or a function"
        )
    head = find_head(model, image)
    if head.kind is not nn.Linear and make_head is not nn.Linear:
        raise CourseError(
            f"the logits of {type(model).__name__} come from a convolution ({head.name}), and a head of linear layers "
            "does not fit there: leave make_head out, or take another backbone"
        )
    new = {name: _new_layer(model.get_submodule(name), classes, make_head) for name in head.names}
    new |= {name: _new_layer(model.get_submodule(name), classes, nn.Linear) for name in head.auxiliary}
    problem = _exchange(model, new, head, image, classes)
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
        CourseError: as `find_head`; no features [n, width] come without the classifier; or the network goes on with
            it, as for `replace_head`. The network is then as it was.
    """
    head = find_head(model, image)
    problem = _exchange(model, {name: TakenOut() for name in head.names}, head, image, head.width)
    if problem:
        raise CourseError(
            f"without {' and '.join(head.names)} {type(model).__name__} {problem}, and no features "
            f"[n, {head.width}]: take another backbone"
        )
    return model, head.width


_LOWEST = (-2.0, 1.0)  # where `_on_a_line` begins: for one place, and for several
_KINDS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
_WATCHED = (*_KINDS, TakenOut)
# What may stand behind the last layer, to call it by its name.
_ACTIVATIONS = (
    nn.ReLU(),
    nn.Sigmoid(),
    nn.Tanh(),
    nn.Softplus(),
    nn.Hardswish(),
    nn.Hardsigmoid(),
    nn.GELU(),
    nn.SiLU(),
    nn.Softmax(dim=-1),
)


# ---- watching a network work -----------------------------------------------------------------------


def _check(model: nn.Module, image: Tensor | None) -> None:
    if count_parameters(model).total == 0:  # which also refuses what is no network, and layers without a shape yet
        raise CourseError(f"{type(model).__name__} has no parameters and so no classifier: pass the whole network")
    if isinstance(model, torch.jit.ScriptModule):
        raise CourseError(
            f"this {type(model).__name__} is a TorchScript program, whose layers cannot be exchanged: "
            "pass the network that it was made from"
        )
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
    try:
        own_word = model.get_classifier()
    except Exception:  # it has no such method, or one that is not timm's; a few of timm's fail without a classifier
        return False
    classifiers = own_word if isinstance(own_word, tuple) else (own_word,)
    return len(classifiers) > 0 and all(isinstance(layer, nn.Identity) for layer in classifiers)


def _example(model: nn.Module) -> Tensor:
    """Two black pictures of the size that the network states, or of 224 pixels."""
    parameter = next(model.parameters())
    configured = getattr(model, "default_cfg", None)  # timm's networks
    shape = configured.get("input_size") if isinstance(configured, Mapping) else None
    if not (isinstance(shape, tuple) and len(shape) == 3 and all(map(_is_size, shape))):
        side = getattr(model, "image_size", None)  # torchvision's ViT
        shape = (3, side, side) if _is_size(side) else (3, 224, 224)
    return torch.zeros(2, *shape, device=parameter.device, dtype=parameter.dtype)


def _is_size(value: object) -> bool:
    return isinstance(value, int) and value > 0


@torch.no_grad()
def _attempt(model: nn.Module, image: Tensor) -> object:
    """What the network makes of the image; the exception where it raises one.

    It works on copies of its buffers, and in eager mode: compiled code would call no hook.
    """
    gpus = [image.device] if image.is_cuda else []
    with _copied_buffers(model), torch.random.fork_rng(gpus), torch.compiler.set_stance("force_eager"):
        try:
            return model(image)
        except Exception as error:  # a network that gets what it was not written for may raise anything
            return error


@contextmanager
def _copied_buffers(model: nn.Module) -> Iterator[None]:
    """Copies of all buffers in, for a while: some move in `eval()` mode too, as those of quantization's observers."""
    modules = [module for module in model.modules() if not isinstance(module, torch.jit.ScriptModule)]
    held = [(module._buffers, dict(module._buffers)) for module in modules]
    copies: dict[Tensor, Tensor] = {}
    try:
        for buffers, own in held:
            for name, buffer in own.items():
                # one without a shape belongs to a new head, and gets its shape in this run
                if buffer is not None and not isinstance(buffer, UninitializedTensorMixin):
                    buffers[name] = copies.setdefault(buffer, buffer.clone())
        yield
    finally:
        for buffers, own in held:
            buffers.clear()
            buffers.update(own)


Change = Callable[[nn.Module, Tensor], Tensor]  # from a layer and its output to the output that it is to give


@contextmanager
def _hooks(
    model: nn.Module, worked: list[str], changed: tuple[str, ...] = (), change: Change | None = None
) -> Iterator[None]:
    """Write down which linear layers and convolutions worked; the output of those of `changed` is changed."""

    def watch(name: str) -> Callable:
        def hook(layer: nn.Module, inputs: tuple, output: Tensor) -> Tensor | None:
            worked.append(name)
            return change(layer, output) if name in changed else None

        return hook

    layers = [(name, layer) for name, layer in model.named_modules() if isinstance(layer, _WATCHED)]
    handles = [layer.register_forward_hook(watch(name)) for name, layer in layers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _starts(parts: Mapping[str, nn.Module]) -> Iterator[set[str]]:
    """Names of the parts that start to work meanwhile."""
    started: set[str] = set()

    def watch(name: str) -> Callable:
        return lambda *_: started.add(name)

    handles = [part.register_forward_pre_hook(watch(name)) for name, part in parts.items()]
    try:
        yield started
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
    logits = _with_changed(model, image, names, _one_more)
    return isinstance(logits, Tensor) and logits.shape[1:] == (classes + 1,)


def _with_changed(model: nn.Module, image: Tensor, names: tuple[str, ...], change: Change) -> object:
    """What the network gives while the outputs of the layers `names` are changed."""
    with eval_mode(model), _hooks(model, [], names, change):
        return _attempt(model, image)


def _one_more(layer: nn.Module, output: Tensor) -> Tensor:
    """The output, and its first value once more at the end."""
    axis = _axis(layer)
    return torch.cat([output, output.narrow(axis, 0, 1)], dim=axis)


def _on_a_line(layer: nn.Module, output: Tensor) -> Tensor:
    """Values on a straight line across the outputs, and two outputs more: it takes three points to see a bend.

    Where the layer works on several places, the values lie above 0, and a ReLU leaves them straight: its outputs are
    no logits yet, and are averaged over the places (SqueezeNet).
    """
    axis = _axis(layer)
    several_places = math.prod(output.shape[1:]) > output.shape[axis]
    line = _line(_LOWEST[several_places], output.shape[axis] + 2).to(output)
    return torch.zeros_like(output.narrow(axis, 0, 1)).movedim(axis, -1).add(line).movedim(-1, axis).contiguous()


def _line(lowest: float, count: int) -> Tensor:
    return torch.linspace(lowest, 4.0, count)


def _activation_behind(model: nn.Module, image: Tensor, names: tuple[str, ...]) -> str:
    """The activation that bends what the layers `names` give on its way out; "" where it stays straight.

    Dropout, reshaping, a mean, a temperature leave it straight, and so does log-softmax, which takes the same number
    from each logit.
    """
    given = _with_changed(model, image, names, _on_a_line)
    if not isinstance(given, Tensor) or given.ndim != 2:
        return "of no known name"
    given = given.float().cpu()
    first, last, count = given[:, :1], given[:, -1:], given.shape[1]
    off = given - torch.lerp(first, last, torch.linspace(0, 1, count))
    if (first != last).all() and (off.abs() <= 0.02 * (last - first).abs()).all():  # 0.02: bfloat16 rounds
        return ""
    for activation in _ACTIVATIONS:
        if any(torch.allclose(given, activation(_line(low, count)).expand_as(given), atol=0.02) for low in _LOWEST):
            return type(activation).__name__
    return "of no known name"


def _auxiliary(model: nn.Module, image: Tensor, classes: int, worked: list[str]) -> dict[str, str]:
    """Classifiers that stand still in `eval()` mode and work in `train()`, each with the part that stands still."""
    idle = {
        name: _largest_idle_part(name, worked)
        for name, layer in model.named_modules()
        if isinstance(layer, nn.Linear) and layer.out_features == classes and name not in worked
    }
    if not idle:
        return {}
    parts = {name: model.get_submodule(name) for name in (*idle, *idle.values())}
    with eval_mode(model), _starts(parts) as started:  # which gives the modes back
        model.train()
        result = _attempt(model, torch.cat([image, image]))  # BatchNorm trains on two and more
    # On pictures that are small for it, Inception's auxiliary part fails before it comes to its classifier.
    failed = isinstance(result, Exception)
    return {
        name: part
        for name, part in idle.items()
        if (name in started or (failed and part in started)) and _runs_without(model, image, name)
    }


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


def _parts_around(model: nn.Module, name: str) -> Iterator[nn.Module]:
    """The parts of the network that hold the layer `name`, from the smallest to the whole."""
    while name:
        name = name.rpartition(".")[0]
        yield model.get_submodule(name)


def _described(output: object) -> str:
    if isinstance(output, Tensor):
        return f"a tensor {list(output.shape)}"
    kind = type(output).__name__
    return f"{'an' if kind[0] in 'AEIOUaeiou' else 'a'} {kind}"


# ---- taking layers out and putting them in ---------------------------------------------------------


def _kind(layer: nn.Module) -> type[nn.Module]:
    return next(kind for kind in _KINDS if isinstance(layer, kind))


def _axis(layer: nn.Module) -> int:
    """The axis of its output on which the features lie."""
    return -1 if isinstance(layer, nn.Linear) else 1


def _shape(layer: nn.Module) -> tuple[type, int, int]:
    return _kind(layer), _width(layer), _outputs(layer)


def _width(layer: nn.Module) -> int:
    return layer.in_features if isinstance(layer, nn.Linear) else layer.in_channels


def _outputs(layer: nn.Module) -> int:
    return layer.out_features if isinstance(layer, nn.Linear) else layer.out_channels


def _new_layer(old: nn.Module, classes: int, make_head: MakeHead) -> nn.Module:
    """The new layer, with the device, dtype and mode of the old one."""
    if isinstance(old, nn.Linear):
        new = _made(make_head, _width(old), classes)
    else:
        geometry = (old.kernel_size, old.stride, old.padding, old.dilation)
        new = _kind(old)(old.in_channels, classes, *geometry, padding_mode=old.padding_mode)
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


def _exchange(model: nn.Module, new: Mapping[str, nn.Module], head: Head, image: Tensor | None, outputs: int) -> str:
    """Put the new layers in if the network then gives [n, outputs]; what it does instead, or "" where they fit."""
    image = _example(model) if image is None else image
    places = _places(model, new)
    classifiers = {name: new[name] for name in head.names}
    with _in_their_places(places), eval_mode(model), _starts(classifiers) as started:
        result = _attempt(model, image)
    if len(started) < len(classifiers):
        unused = next(name for name in classifiers if name not in started)
        raise CourseError(
            f"{type(model).__name__} goes on with its old classifier, which it holds elsewhere than in {unused} (in a "
            f"list or a tuple?): make it call self.{unused} or hold its layers in an nn.ModuleList"
        )
    if isinstance(result, Exception):
        return f"fails ({first_line(result)})"
    if not isinstance(result, Tensor) or tuple(result.shape) != (len(image), outputs):
        return f"gives {_described(result)}"
    for parent, name, _, layer in places:
        setattr(parent, name, layer)
    return ""

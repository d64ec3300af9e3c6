"""Taking a network's classifier off, and what width of features it leaves."""

from __future__ import annotations

from torch import nn

from helpers.errors import CourseError

# Where the classifier sits, by the name that the network's authors gave it.
_ATTRIBUTES = ("fc", "classifier", "heads", "head")


def remove_head(model: nn.Module) -> tuple[nn.Module, int]:
    """Put `nn.Identity` in the place of the last linear layer; the model (changed in place) and its features' width.

    Layers of the classifier that stand before the linear one (ConvNeXt's LayerNorm and Flatten, dropout) stay.
    """
    for attribute in _ATTRIBUTES:
        head = getattr(model, attribute, None)
        if isinstance(head, nn.Linear):
            setattr(model, attribute, nn.Identity())
            return model, head.in_features
        if isinstance(head, nn.Sequential):
            linear = [(name, layer) for name, layer in head.named_children() if isinstance(layer, nn.Linear)]
            if linear:
                name, last = linear[-1]
                setattr(head, name, nn.Identity())
                return model, last.in_features
    raise CourseError(
        f"found no linear classifier in {type(model).__name__} (looked for {', '.join(_ATTRIBUTES)}): "
        "take it off by hand"
    )

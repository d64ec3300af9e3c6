"""Backbones, where their weights come from, and what can be done to them."""

from helpers.models.backbones import Backbone, backbone_names, backbone_weights, load_backbone
from helpers.models.freezing import FrozenBackbone, freeze, moved, snapshot
from helpers.models.heads import remove_head

__all__ = [
    "Backbone",
    "FrozenBackbone",
    "backbone_names",
    "backbone_weights",
    "freeze",
    "load_backbone",
    "moved",
    "remove_head",
    "snapshot",
]

"""Backbones, where their weights come from, and what can be done to them."""

from helpers.models.backbones import Backbone, backbone_names, backbone_weights, load_backbone, weights_at_hand
from helpers.models.freezing import FrozenBackbone, freeze, moved, snapshot
from helpers.models.groups import layers_of, layerwise_rates, parameter_groups, stages_of
from helpers.models.heads import find_head, remove_head, replace_head
from helpers.models.own_weights import load_own_weights

__all__ = [
    "Backbone",
    "FrozenBackbone",
    "backbone_names",
    "backbone_weights",
    "find_head",
    "freeze",
    "layers_of",
    "layerwise_rates",
    "load_backbone",
    "load_own_weights",
    "moved",
    "parameter_groups",
    "remove_head",
    "replace_head",
    "snapshot",
    "stages_of",
    "weights_at_hand",
]

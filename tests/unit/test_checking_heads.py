"""What the checks of heads lean on: parameters that all move, passes as in training, and methods put back."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from helpers.checking import networks
from helpers.checking.learning import every_parameter_moves
from helpers.checking.passes import as_in_training
from helpers.checking.untouched import left_as_found
from helpers.course.verdicts import Incorrect

LABELS = torch.arange(16) % 4


def test_every_parameter_of_a_sound_network_moves():
    every_parameter_moves(networks.classifier(), networks.images(16), LABELS)


def test_zeros_in_the_last_layer_are_a_good_start_and_in_both_none():
    model, images = networks.IN_A_ROW.build(), networks.images(16, side=4)
    nn.init.zeros_(model[3].weight)
    every_parameter_moves(model, images, LABELS)
    for parameter in model.parameters():
        nn.init.zeros_(parameter)
    with pytest.raises(Incorrect, match=r"`1.weight`, `1.bias`, `3.weight`.* zeros in two layers"):
        every_parameter_moves(model, images, LABELS)


@pytest.mark.parametrize(("part", "reason"), [("0.0", r"did not move `0.0.weight`, `0.0.bias`"), ("", "is frozen")])
def test_what_is_frozen_is_named(part, reason):
    model = networks.classifier()
    model.get_submodule(part).requires_grad_(False)
    with pytest.raises(Incorrect, match=reason):
        every_parameter_moves(model, networks.images(16), LABELS)


def test_as_in_training_dropout_is_at_work_and_batchnorm_at_rest():
    model = as_in_training(networks.classifier().eval())
    modes = {type(layer): layer.training for layer in model.modules()}
    assert (modes[nn.Dropout], modes[nn.BatchNorm2d]) == (True, False)


def test_a_method_of_its_own_put_back_is_no_other_method():
    model = networks.IN_A_ROW.network()
    with left_as_found(model):
        forward = model[1].forward
        model[1].forward = lambda inputs: forward(inputs)
        model[1].forward = forward
    for other in (model[3].forward, lambda inputs: forward(inputs)):  # another layer's, or one that only calls it
        with pytest.raises(Incorrect, match="another `forward`"), left_as_found(model):
            model[1].forward = other
        model[1].forward = forward

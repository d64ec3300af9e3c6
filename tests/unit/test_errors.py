"""The error for a name that nobody knows."""

from __future__ import annotations

from helpers.errors import unknown_name


def test_the_nearest_names_come_first_whatever_their_case():
    assert "did you mean resnet50" in str(unknown_name("backbone", "ResNet-50", ["resnet50", "vit_b_16"]))
    assert "did you mean SEED?" in str(unknown_name("parameter", "seeds", ["SEED", "DEVICE"]))


def test_a_name_like_no_other_gets_the_list():
    message = str(unknown_name("lesson", "zzz", ["00_start_here", "01_load"]))
    assert message == "unknown lesson 'zzz': no name is near it. Known: 00_start_here, 01_load."


def test_a_long_list_is_left_out_and_the_line_stays_one_line():
    message = str(unknown_name("backbone", "resnet5\n", [f"resnet{i}" for i in range(100)]))
    assert "Known" not in message
    assert "\n" not in message

"""The cell of lesson 00 that takes a photo of the learner's own: what he may write into it, and what he is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from helpers.course.lessons import find_lessons
from helpers.data import example_photos, open_image
from helpers.errors import CourseError


@pytest.fixture
def own(capsys):
    """What the cell makes of a path: the image, and the lines that it printed."""
    (cell,) = [cell for cell in find_lessons(["00"])[0].read().cells if 'PHOTO = r""' in cell.source]

    def run(path: str) -> tuple[Image.Image, list[str]]:
        names = {"Path": Path, "open_image": open_image, "CourseError": CourseError, "example_photos": example_photos}
        exec(cell.source.replace('PHOTO = r""', f'PHOTO = r"{path}"'), names)
        return names["own"], capsys.readouterr().out.splitlines()

    return run


def test_a_photo_is_opened_as_rgb(own, tmp_path):
    Image.new("LA", (40, 30), (200, 255)).save(tmp_path / "mine.png")
    image, told = own(str(tmp_path / "mine.png"))
    assert (image.mode, image.size, told) == ("RGB", (40, 30), [])


def test_home_is_found(own, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    Image.new("RGB", (5, 4)).save(tmp_path / "mine.png")
    assert own("~/mine.png")[0].size == (5, 4)


def test_without_a_photo_the_lesson_has_one(own):
    image, told = own("")
    assert image.size == example_photos()["coffee"].image.size and told == []


@pytest.mark.parametrize(
    ("name", "content", "cause"),
    [
        ("away.jpg", None, "no such file"),
        ("text.jpg", b"no image", "not an image"),
        ("empty.png", b"", "empty"),
        (".", None, "unreadable"),
    ],
)
def test_a_bad_file_is_one_line_and_the_lesson_goes_on(own, tmp_path, name, content, cause):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    image, (line,) = own(str(tmp_path / name))
    assert cause in line and line.endswith("The lesson goes on with the coffee.")
    assert image.size == example_photos()["coffee"].image.size

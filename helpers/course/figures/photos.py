"""Images side by side, and images with what a network says about them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from helpers.course.figures.style import COLOURS, INK, DescribedFigure, blank, style
from helpers.course.figures.wording import as_numbers, lines_joined, require_some
from helpers.errors import CourseError, first_few


@style()
def image_grid(
    images: Sequence[Any] | Mapping[str, Sequence[Any]],
    titles: Sequence[str] = (),
    *,
    columns: int = 5,
    size: float = 1.7,
    stretch: bool = False,
    one_scale: bool = False,
) -> DescribedFigure:
    """Images in rows of `columns`, each `size` inches wide; or, of a mapping, one named row for each entry.

    Args:
        images: PIL images, arrays [height, width, 3] or tensors [3, height, width], with values 0 to 255 as
            whole numbers or 0 to 1 as floats. Floats outside that are cut off.
        titles: one a image; of a mapping, one a column.
        stretch: spread each image's own lowest and highest value over 0 to 1, for filters and normalised images.
        one_scale: show a pixel equally large in all, so that sizes can be compared.

    Raises:
        CourseError: no image, as many titles as do not fit, or something that is no image.
    """
    rows = _rows(images, columns)
    across = max(map(len, rows.values()))
    require_some(range(across), "images")
    named = isinstance(images, Mapping)
    count = sum(map(len, rows.values()))
    if titles and len(titles) != (across if named else count):
        raise CourseError(f"{len(titles)} titles for {across if named else count} images: give one for each")
    pixels = [[_pixels(image, stretch) for image in row] for row in rows.values()]
    largest = [max(one.shape[side] for row in pixels for one in row) for side in (0, 1)]
    lines = max((title.count("\n") + 1 for title in titles), default=0)
    ratio = largest[0] / largest[1] if one_scale else max(one.shape[0] / one.shape[1] for row in pixels for one in row)
    above = 0.08 + 0.2 * lines if lines else 0  # inches
    height = len(rows) * (size * min(ratio, 1.5) + 0.08) + above * (1 if named else len(rows))
    figure, axes = blank(size * across + (0.8 if named else 0), height, rows=len(rows), columns=across, squeeze=False)
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
    for r, (name, row) in enumerate(zip(rows, pixels, strict=True)):
        if named:
            axes[r, 0].set_ylabel(name, rotation=0, ha="right", va="center")
        for c, one in enumerate(row):
            axes[r, c].imshow(one)
            if one_scale:
                axes[r, c].set(xlim=(0, largest[1]), ylim=(largest[0], 0))
            if titles and (r == 0 or not named):
                axes[r, c].set_title(titles[c if named else r * columns + c], fontsize=11)
    figure.alt = _grid_in_words(rows, titles, count, named)
    return figure


def _rows(images: Sequence[Any] | Mapping[str, Sequence[Any]], columns: int) -> dict[str, Sequence[Any]]:
    require_some(images, "images")
    if isinstance(images, Mapping):
        return dict(images)
    return {str(start): images[start : start + columns] for start in range(0, len(images), columns)}


def _grid_in_words(rows: Mapping[str, Sequence[Any]], titles: Sequence[str], count: int, named: bool) -> str:
    what = f"{count} images" if count > 1 else "One image"
    if named:
        what += f" in {len(rows)} rows: {first_few(rows, most=10)}"
    lines = [lines_joined(title) for title in titles]
    told = first_few(lines, most=10, between="; " if any("," in line for line in lines) else ", ")
    return f"{what}{'. Columns: ' if named else ': '}{told}." if titles else f"{what}."


def _pixels(image: Any, stretch: bool) -> np.ndarray:
    """Something that matplotlib shows as it is: [height, width, 3 or 4] or [height, width]."""
    if hasattr(image, "detach"):
        image = image.detach().cpu().numpy()
        image = image.transpose(1, 2, 0) if image.ndim == 3 and image.shape[0] in (1, 3, 4) else image
    elif getattr(image, "mode", "RGB") not in ("RGB", "RGBA", "L"):
        image = image.convert("RGB")
    found = np.asarray(image)
    if found.ndim not in (2, 3) or 0 in found.shape or (found.ndim == 3 and found.shape[2] not in (1, 3, 4)):
        raise CourseError(
            f"an image has the shape {found.shape}: give [height, width, 3], or a tensor [3, height, width]"
        )
    found = np.repeat(found.reshape(*found.shape[:2], 1), 3, axis=2) if found.shape[2:] in ((), (1,)) else found
    if found.dtype == np.uint8 and not stretch:
        return found
    values = as_numbers(found, "an image")
    if stretch:
        low, high = values.min(), values.max()
        return (values - low) / (high - low or 1)
    return np.clip(values / 255 if np.issubdtype(found.dtype, np.integer) else values, 0, 1)


@style()
def predictions(
    images: Sequence[Any],
    probabilities: Sequence[Mapping[str, float]],
    *,
    right: Sequence[Collection[str]] | None = None,
    titles: Sequence[str] = (),
    columns: int = 2,
    row_height: float | None = None,
) -> DescribedFigure:
    """Each image with bars for its likeliest names.

    Args:
        images: as for `image_grid`.
        probabilities: for each image the names to show, likeliest first, with their probabilities.
        right: for each image the names that are right: their bars are coloured and carry a tick.
        row_height: inches; without it a row is as high as the names need.

    Raises:
        CourseError: no image, or more or fewer probabilities than images.
    """
    require_some(images, "images")
    for what, given in (
        ("probabilities", probabilities),
        ("right names", right or images),
        ("titles", titles or images),
    ):
        if len(given) != len(images):
            raise CourseError(f"{len(given)} {what} for {len(images)} images: give one for each")
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    longest = max(map(len, probabilities))
    figure, axes = blank(
        (8 if columns == 1 else 5.6 * columns), rows * (row_height or 0.75 + 0.26 * longest),
        rows=rows, columns=2 * columns, squeeze=False, width_ratios=[1, 1.3] * columns,
    )  # fmt: skip
    for axis in axes.flat:
        axis.axis("off")
    told = []
    for i, (image, shares) in enumerate(zip(images, probabilities, strict=True)):
        row, column = divmod(i, columns)
        left, beside = axes[row, 2 * column : 2 * column + 2]
        left.imshow(_pixels(image, stretch=False))
        left.set_title(titles[i] if titles else "", fontsize=11)
        good = set(right[i]) if right else set()
        _draw_shares(beside, shares, good, coloured=right is None)
        name = lines_joined(titles[i]) if titles else (f"Image {i + 1}" if len(images) > 1 else "One image")
        told.append(f"{name}: " + ", ".join(f"{n} {p:.2f}{' (right)' if n in good else ''}" for n, p in shares.items()))
    figure.alt = "Images, each with its likeliest names and their probabilities. " + "; ".join(told) + "."
    return figure


def _draw_shares(axis: Axes, shares: Mapping[str, float], right: set[str], coloured: bool) -> None:
    axis.axis("on")
    values = as_numbers(list(shares.values()), "the probabilities")
    drawn = axis.barh(
        [f"✓ {name}" if name in right else name for name in shares],
        values,
        color=[COLOURS[0] if coloured or name in right else INK for name in shares],
    )
    axis.bar_label(drawn, fmt="%.2f", padding=3, fontsize=11)
    axis.invert_yaxis()
    axis.set(xlim=(0, 1.15), xticks=[0, 0.5, 1])
    axis.set_xlabel("probability", fontsize=11)
    axis.tick_params(labelsize=11)

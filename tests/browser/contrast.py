"""How well text stands out from its ground, by the formula of WCAG 2.2."""

from __future__ import annotations

from playwright.sync_api import Locator


def contrast(element: Locator) -> float:
    """The ratio of the element's text to its own ground, from 1 to 21; 7 is level AAA. Both have to be opaque."""
    colours = element.evaluate("one => (style => [style.color, style.backgroundColor])(getComputedStyle(one))")
    light, dark = sorted(map(_luminance, colours), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    assert colour.startswith("rgb("), f"{colour} lets through what is behind it"
    values = [int(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

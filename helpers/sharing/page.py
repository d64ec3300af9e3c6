"""The card as one HTML file: pictures inside, nothing fetched, no script."""

from __future__ import annotations

import base64
import html
import io
import re

import numpy as np
from PIL import Image

from helpers.course.web_page import html_table, web_page
from helpers.sharing.card import Card, Picture

THUMBNAIL = 160  # pixels of the longer side


def page_of(card: Card) -> str:
    """`index.html`."""
    numbers, heads = card.evidence.numbers, len(card.evidence.heads)
    confusion = [[name, *row] for name, row in zip(card.classes, numbers.confusion.tolist(), strict=True)]
    body = [
        *map(_paragraph, card.about()),
        "<h2>How good it is</h2>",
        _paragraph(card.result()),
        html_table(
            f"Rows are the true classes, columns what was said, counted over {heads} head{'s' if heads > 1 else ''}.",
            ["", *card.classes],
            confusion,
            marked={(i, i + 1) for i in range(len(card.classes))},
        ),
        "<h2>What it was made from</h2>",
        html_table(
            "Pictures in each class and part, and the share of test pictures that is recognised.",
            list(card.COUNTED),
            card.counts(),
        ),
        _listed([*card.notes(), *card.training()]),
        _pictures(card, "One of each class", card.examples()) if card.show_photos else "",
        "<h2>What it gets wrong</h2>",
        _paragraph(card.wrong_in_words()),
        _figures(card, card.wrong()) if card.show_photos else "",
        "<h2>Limits</h2>",
        _listed(card.limits()),
        "<h2>Licences</h2>",
        _listed(card.licences()),
        "<h2>Files</h2>",
        _paragraph("How to use them stands in README.md."),
        _listed([str(one) for one in card.programs]),
    ]
    return web_page(card.title, "\n".join(part for part in body if part))


def _paragraph(text: str) -> str:
    return f"<p>{_text(text)}</p>"


def _listed(items: list[str]) -> str:
    return "<ul>\n" + "\n".join(f"<li>{_text(item)}</li>" for item in items) + "\n</ul>"


def _text(text: str) -> str:
    """Escaped, with what the card's own sentences stress."""
    return re.sub(r"\*\*([^*<]+)\*\*", r"<strong>\1</strong>", html.escape(text))


def _pictures(card: Card, title: str, pictures: list[Picture]) -> str:
    return f"<h2>{title}</h2>\n{_figures(card, pictures)}"


def _figures(card: Card, pictures: list[Picture]) -> str:
    if not pictures:
        return ""
    items = "\n".join(f"<li>{_figure(card, picture)}</li>" for picture in pictures)
    return f'<ul class="photos">\n{items}\n</ul>'


def _figure(card: Card, picture: Picture) -> str:
    told = picture.is_a
    if picture.by:
        told = f"{picture.is_a}, taken for {picture.taken_for} by {picture.by} of {len(card.evidence.heads)}"
    alt = html.escape(f"Test picture {picture.name}: {told}", quote=True)
    data = base64.b64encode(thumbnail(card.data.test.image(picture.index))).decode()
    return (
        f'<figure><img src="data:image/jpeg;base64,{data}" alt="{alt}">'
        f"<figcaption>{html.escape(told)}<br><small>{html.escape(picture.name)}</small></figcaption></figure>"
    )


def thumbnail(image: Image.Image) -> bytes:
    """A small JPEG of the image's pixels, and of nothing else that its file held: no place, no camera, no comment."""
    small = image.copy()
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(small.convert("RGB"))).save(buffer, "JPEG", quality=80)
    return buffer.getvalue()

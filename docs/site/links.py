"""Where the links of a built site lead, without a network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

FETCHED = {"img", "script", "source", "iframe", "video", "audio", "embed", "object", "input", "image"}


@dataclass
class Page(HTMLParser):
    """What a page links to, what it loads by itself, and what in it can be linked to."""

    links: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        for name in ("href", "src", "data", "poster", "xlink:href"):
            if name in given:
                loaded = tag in FETCHED or (tag == "link" and given.get("rel") not in _ONLY_NAMED)
                (self.loads if loaded else self.links).append(given[name])


_ONLY_NAMED = {"index", "search", "next", "prev", "canonical", "author", "license"}  # a browser loads none of these


def pages_of(site: Path) -> dict[Path, Page]:
    """Every page of the site in this folder."""
    found = {}
    for path in sorted(site.resolve().rglob("*.html")):
        found[path] = Page()
        found[path].feed(path.read_text(encoding="utf-8"))
    return found


def broken(pages: dict[Path, Page]) -> list[str]:
    """What leads nowhere, as `page: link`: files and anchors that are not there, and addresses that can be none."""
    return [
        f"{path.name}: {link}"
        for path, page in pages.items()
        for link in [*page.links, *page.loads]
        if not _leads_somewhere(link, path, pages)
    ]


def loaded_from_elsewhere(pages: dict[Path, Page]) -> Iterator[str]:
    """What a browser would fetch from other machines on opening a page, as `page: address`."""
    for path, page in pages.items():
        yield from (f"{path.name}: {one}" for one in page.loads if urlsplit(one).netloc)


def _leads_somewhere(link: str, path: Path, pages: dict[Path, Page]) -> bool:
    parts = urlsplit(link)
    if parts.scheme in {"http", "https"}:
        return "." in (parts.hostname or "") and " " not in link
    if parts.scheme or parts.netloc:
        return parts.scheme == "data"
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not parts.fragment:
        return target.is_file()
    return target in pages and unquote(parts.fragment) in pages[target].anchors

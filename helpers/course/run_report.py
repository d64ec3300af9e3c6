"""What a run leaves to read: a page for each lesson, one page that leads to them, and the same as JSON."""

from __future__ import annotations

import base64
import copy
import html
import json

from nbformat import NotebookNode

from helpers.course.run_results import Result, Summary
from helpers.course.web_page import web_page

_COLUMNS = ("Lesson", "Status", "Seconds", "Peak memory (MB)", "Correct", "Incorrect", "Not attempted", "Error")


def summary_text(summary: Summary) -> str:
    """`summary.json`: device, seconds in all, and for each notebook its status, seconds, memory and checks."""
    return (
        json.dumps(
            {
                "device": summary.device,
                "total_seconds": summary.total_seconds,
                "notebooks": [_as_json(result) for result in summary.results],
            },
            indent=1,
        )
        + "\n"
    )


def _as_json(result: Result) -> dict:
    entry = {name: getattr(result, name) for name in ("name", "status", "seconds", "peak_mb", "checks")}
    return entry if result.error is None else {**entry, "error": result.error, "cell": result.cell}


def index_page(summary: Summary) -> str:
    """A table of the lessons, each with a link to its page; failures are told beneath."""
    failed = len(summary.failed)
    verdict = "All lessons ran to their end." if not failed else f"{failed} of {len(summary.results)} lessons failed."
    head = "".join(f'<th scope="col">{column}</th>' for column in _COLUMNS)
    rows = "\n".join(_row(result) for result in summary.results)
    body = (
        f"<p>{verdict} {summary.total_seconds:.1f} seconds in all, on {html.escape(summary.device)}. "
        'The same as data: <a href="summary.json">summary.json</a>.</p>\n'
        f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>\n{_failures(summary)}"
    )
    return web_page("The course, executed", body)


def _row(result: Result) -> str:
    name = html.escape(result.name)
    numbers = [f"{result.seconds:.1f}", f"{result.peak_mb:,.0f}", *map(str, result.checks.values())]
    cells = "".join(f'<td class="number">{number}</td>' for number in numbers)
    return f'<tr><th scope="row"><a href="{name}.html">{name}</a></th><td>{result.status}</td>{cells}</tr>'


def _failures(summary: Summary) -> str:
    if not summary.failed:
        return ""
    items = "\n".join(
        f"<li>{html.escape(result.name)}, cell {result.cell or '?'}: {html.escape(result.error or '')}</li>"
        for result in summary.failed
    )
    return f"<h2>What failed</h2>\n<ul>\n{items}\n</ul>"


def lesson_page(notebook: NotebookNode, title: str) -> str:
    """The executed notebook as one HTML file that needs no other: pictures inside, with their alternative texts."""
    from nbconvert import HTMLExporter  # a second to import, and only wanted after a run

    exporter = HTMLExporter(embed_images=True)
    exporter.require_js_url = "data:text/javascript,"  # for widgets, which the pages have none of
    if not _has_formulas(notebook):
        exporter.mathjax_url = "data:text/javascript,"
    page, _ = exporter.from_notebook_node(_with_alternative_texts(notebook), {"metadata": {"name": title}})
    return page


def _has_formulas(notebook: NotebookNode) -> bool:
    return any(cell.cell_type == "markdown" and "$" in cell.source for cell in notebook.cells)


def _with_alternative_texts(notebook: NotebookNode) -> NotebookNode:
    """nbconvert drops a picture's `alt`; written as HTML it stays."""
    changed = copy.deepcopy(notebook)
    changed.metadata.pop("widgets", None)
    for cell in changed.cells:
        for output in cell.get("outputs", []):
            alt = output.get("metadata", {}).get("image/png", {}).get("alt")
            if alt and "image/png" in output.data:
                picture = _one_line(output.data["image/png"])
                output.data = NotebookNode(
                    {"text/html": f'<img alt="{html.escape(alt)}" src="data:image/png;base64,{picture}">'}
                )
    return changed


def _one_line(picture: str | bytes) -> str:
    text = base64.b64encode(picture).decode() if isinstance(picture, bytes) else picture
    return "".join(text.split())

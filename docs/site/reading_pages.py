"""A Sphinx extension: what stands differently on a page than in the notebook or text that it is made from."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import nbformat
from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell
from sphinx.application import Sphinx

# How the types of outputs begin that stand beside what a reader sees, and of those that need a kernel to be seen.
FOR_PROGRAMS, WIDGET = "application/vnd.transfer-course.", "application/vnd.jupyter.widget-"

# What a page says that a notebook needs not: `{file}` is the notebook.
AT_THE_TOP = """```{{note}}
This page shows the lesson as it ran, and runs nothing itself: figures have no controls here. To work with it, get the
[course](../README.md), start `make lab`, and open `{file}`.
```"""
AT = {
    "exercise": "*Write your answer in JupyterLab, in* `{file}`. *This page checks nothing, but its hints open.*",
    "explore": "*The controls of this figure are there in JupyterLab, in* `{file}`.",
    "quiz": "*Click an option, and it says why it is right or wrong. JupyterLab keeps your answers, in* `{file}`.",
}


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("source-read", _read)
    app.connect("build-finished", _lead_in)
    app.add_html_math_renderer("mathml", inline_renderers=(_math, None), block_renderers=(_math, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def jupyterlab_anchor(heading: str) -> str:
    """The anchor that JupyterLab gives to a heading: links in the lessons name it."""
    return heading.replace("`", "").replace(" ", "-")


def contents(lessons: list[str]) -> str:
    """The navigation, as directives that the landing page ends with; `lessons` are names without `.ipynb`."""
    parts = {
        "Lessons": [f"notebooks/{name}" for name in lessons],
        "Words": ["docs/glossary"],
        "About": ["CONTRIBUTING", "CHANGELOG", "LICENCES"],
    }
    return "".join(
        f"\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n" + "\n".join(pages) + "\n```\n"
        for caption, pages in parts.items()
    )


def page_of(notebook: NotebookNode, file: str) -> NotebookNode:
    """The notebook as a page shows it; `file` is its name."""
    cells = [cell for one in notebook.cells for cell in _with_its_note(one, file)]
    if any(cell.cell_type == "code" for cell in cells):
        cells.insert(1, _note(AT_THE_TOP, file))
    metadata = NotebookNode({name: value for name, value in notebook.metadata.items() if name != "widgets"})
    return NotebookNode(notebook | {"cells": cells, "metadata": metadata})


def _with_its_note(cell: NotebookNode, file: str) -> Iterator[NotebookNode]:
    if cell.cell_type != "code":
        yield cell
        return
    if part := _works_only_in_jupyterlab(cell):
        yield _note(AT[part], file)
    yield NotebookNode(cell | {"outputs": list(_shown(cell.outputs))})


def _works_only_in_jupyterlab(cell: NotebookNode) -> str | None:
    called = re.search(r"^(explore|quiz)\(", cell.source, flags=re.MULTILINE)
    return "exercise" if "exercise" in cell.metadata else called and called[1]


def _note(text: str, file: str) -> NotebookNode:
    return new_markdown_cell(text.format(file=file))


def _shown(outputs: list[NotebookNode]) -> Iterator[NotebookNode]:
    """The outputs as a reader sees them; a lesson that was saved after work on it can hold widgets."""
    for one in outputs:
        if any(mime.startswith(WIDGET) for mime in one.get("data", {})):
            continue
        data = {mime: shown for mime, shown in one.get("data", {}).items() if not mime.startswith(FOR_PROGRAMS)}
        if "image/png" in data:
            data = {"text/html": _picture(one)}
        yield NotebookNode(one | {"data": data}) if "data" in one else one


def _picture(output: NotebookNode) -> str:
    """A picture with its alternative text: myst-nb has one text for all pictures of a cell."""
    text = escape(output.metadata.get("image/png", {}).get("alt", ""))
    base64 = "".join(output.data["image/png"].split())
    return f'<img alt="{text}" src="data:image/png;base64,{base64}">'


def _read(app: Sphinx, page: str, source: list[str]) -> None:
    if page == app.config.root_doc:
        lessons = sorted(re.findall(r"notebooks/([0-9]{2}_\w+)\.ipynb", "\n".join(app.config.include_patterns)))
        source[0] += contents(lessons)
    elif app.env.doc2path(page).suffix == ".ipynb":
        source[0] = nbformat.writes(page_of(nbformat.reads(source[0], as_version=4), app.env.doc2path(page).name))


def _math(translator: Any, node: nodes.Element) -> None:
    """MathML, which browsers draw themselves: MathJax would come from elsewhere."""
    block = isinstance(node, nodes.math_block)
    formula = tex2mathml(node.astext(), as_block=block)
    translator.body.append(f'<div class="math">{formula}</div>' if block else formula)
    raise nodes.SkipNode


def _lead_in(app: Sphinx, error: Exception | None) -> None:
    """Whoever opens the folder on a server gets the landing page."""
    if error is None:
        shutil.copy(Path(app.outdir, f"{app.config.root_doc}.html"), Path(app.outdir, "index.html"))

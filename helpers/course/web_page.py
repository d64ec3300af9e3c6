"""The one HTML page that all written pages are poured into: readable by everyone, and it asks nobody for anything."""

from __future__ import annotations

import html

# Whatever stands in the body, a browser that heeds this fetches nothing and runs no script.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="{generator}">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark;
  --text: #1b1b1b; --ground: #fff; --line: #767676; --mark: #e3eefa; --link: #0b57a4; }}
@media (prefers-color-scheme: dark) {{
  :root {{ --text: #ececec; --ground: #161616; --line: #8c8c8c; --mark: #20364d; --link: #8ec2ff; }}
}}
body {{ font-family: system-ui, sans-serif; line-height: 1.5; max-width: 72rem; margin: 2rem auto; padding: 0 1rem;
  color: var(--text); background: var(--ground); overflow-wrap: anywhere; }}
a {{ color: var(--link); }}
table {{ border-collapse: collapse; }}
th, td {{ padding: .35rem .75rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }}
caption {{ text-align: left; padding: .35rem 0; }}
td.number, th.number {{ text-align: right; font-variant-numeric: tabular-nums; }}
td.right {{ background: var(--mark); font-weight: bold; }}
.wide {{ overflow-x: auto; }}
.photos {{ display: flex; flex-wrap: wrap; gap: 1rem; padding: 0; margin: 1rem 0; list-style: none; }}
.photos figure {{ margin: 0; max-width: 10rem; }}
.photos img {{ display: block; max-width: 100%; height: auto; }}
pre {{ overflow-x: auto; padding: .5rem; border: 1px solid var(--line); }}
:focus-visible {{ outline: 3px solid var(--link); outline-offset: 2px; }}
</style>
</head>
<body>
<main>
<h1>{title}</h1>
{body}
</main>
</body>
</html>
"""


def web_page(title: str, body: str, *, generator: str = "transfer-learning course") -> str:
    """A whole page around `body`, which is HTML; the `title` is text. For light and dark, for narrow and wide screens.

    Args:
        generator: what a program can know the page by.
    """
    return _PAGE.format(title=html.escape(title), body=body, policy=_POLICY, generator=html.escape(generator))


def html_table(
    caption: str, columns: list[str], rows: list[list[object]], *, marked: set[tuple[int, int]] = frozenset()
) -> str:
    """A table that can be scrolled by keyboard; texts are escaped, numbers stand right, the first column is a header.

    Args:
        marked: (row, column) of the cells to stand out, which are counted from 0 and without the header.
    """
    numeric = [bool(rows) and all(isinstance(row[c], int | float) for row in rows) for c in range(len(columns))]
    head = "".join(
        f'<th scope="col"{_number(is_numeric)}>{html.escape(str(column))}</th>'
        for column, is_numeric in zip(columns, numeric, strict=True)
    )
    body = "\n".join(
        "<tr>"
        + f'<th scope="row">{html.escape(str(row[0]))}</th>'
        + "".join(_cell(value, numeric[c], (r, c) in marked) for c, value in enumerate(row) if c)
        + "</tr>"
        for r, row in enumerate(rows)
    )
    label = html.escape(caption, quote=True)
    return (
        f'<div class="wide" role="region" aria-label="{label}" tabindex="0"><table>'
        f"<caption>{html.escape(caption)}</caption><thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>"
    )


def _cell(value: object, is_number: bool, is_marked: bool) -> str:
    kinds = " ".join(name for name, there in (("number", is_number), ("right", is_marked)) if there)
    return f"<td{f' class={chr(34)}{kinds}{chr(34)}' if kinds else ''}>{html.escape(str(value))}</td>"


def _number(is_number: bool) -> str:
    return ' class="number"' if is_number else ""

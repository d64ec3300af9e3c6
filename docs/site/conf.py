"""How Sphinx builds the reader's site, from the lessons and the text files where they lie: `make site`."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT)]

from helpers.places import lesson_paths  # noqa: E402

project = "Transfer learning with torchvision"
html_title = project
language = "en"

# The pages. A learner's copies of lessons stay out, and so does everything that is not named.
root_doc = "README"
include_patterns = [
    *("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENCES.md", "docs/glossary.ipynb"),
    *(f"notebooks/{path.name}" for path in lesson_paths()),
]
exclude_patterns = [path.name for path in ROOT.iterdir() if path.is_dir() and path.name not in ("notebooks", "docs")]

# The outputs are those that were committed. `reading_pages` stands beside this file.
extensions = ["myst_nb", "reading_pages"]
nb_execution_mode = "off"
nb_merge_streams = True
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 6
myst_heading_slug_func = "reading_pages.jupyterlab_anchor"
html_math_renderer = "mathml"

# The look, light and dark. Nothing comes from elsewhere: no fonts, no scripts.
html_theme = "furo"
html_favicon = "static/favicon.svg"
html_static_path = ["static"]
html_css_files = ["course.css"]
html_copy_source = False
html_use_index = False
html_show_copyright = False
html_show_search_summary = False  # a browser refuses these to a page that is opened from a file
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"

# Colab's cell in the README is IPython, which no lexer of Python reads to its end.
suppress_warnings = ["misc.highlighting_failure"]

"""Build the reader's site: `python docs/site/build.py [folder]`. `make site` does it, with what it needs.

The lessons are shown as they are, and not executed. Whatever Sphinx warns of, such as a link to a heading that is not
there, fails the build, and so does a link of a finished page that leads nowhere.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
import tempfile
import time
from pathlib import Path

from links import broken, loaded_from_elsewhere, pages_of

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
OF_SPHINX = ".buildinfo"  # Sphinx leaves it in what it has built


def main(folder: Path) -> int:
    """Build into `folder`; the exit status, 0 where all is well."""
    started = time.perf_counter()
    if importlib.util.find_spec("sphinx") is None:
        print("error: Sphinx is not installed: `make site` installs it (requirements-site.lock)", file=sys.stderr)
        return 2
    if folder.is_dir() and any(folder.iterdir()) and not (folder / OF_SPHINX).exists():
        print(f"error: {folder} holds something else than a site: name an empty or a new folder", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="course-site-") as workshop:
        if status := _build(Path(workshop)):
            return status
        shutil.rmtree(folder, ignore_errors=True)  # a lesson may have another name by now
        shutil.move(Path(workshop, "site"), folder)
    return _judged(folder, time.perf_counter() - started)


def _build(workshop: Path) -> int:
    from sphinx.cmd.build import build_main

    options = ["--quiet", "--fail-on-warning", "--keep-going", "--conf-dir", str(HERE)]
    return build_main([*options, "--doctree-dir", str(workshop / "parsed"), str(ROOT), str(workshop / "site")])


def _judged(folder: Path, seconds: float) -> int:
    pages = pages_of(folder)
    wrong = [f"leads nowhere: {one}" for one in broken(pages)]
    wrong += [f"comes from elsewhere: {one}" for one in loaded_from_elsewhere(pages)]
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    links = sum(len(page.links) + len(page.loads) for page in pages.values())
    print(f"{len(pages)} pages, {size / 1e6:.1f} MB, {links:,} links, {len(wrong)} of them wrong, {seconds:.0f} s")
    for one in wrong:
        print(one, file=sys.stderr)
    if not wrong:
        print(f"Open {folder / 'index.html'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build" / "site")))

"""A JupyterLab of one's own on a copy of the lessons, and a browser that works in it as a learner does."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect, sync_playwright

from helpers.places import repository

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
SECONDS_TO_START = 60
SECONDS_TO_RUN = 300  # all cells of a lesson, on a machine that is busy with other tests
SECONDS_TO_ANSWER = 30  # from a key or a click over the kernel to the page, on the same machine


def browser_path() -> str | None:
    """The Chromium or Chrome of this machine."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


# In CI a missing browser is a failure, not a skip: see .ci/run.
NEEDS_BROWSER = pytest.mark.skipif(
    browser_path() is None and os.environ.get("CI") != "true", reason="no Chromium or Chrome on PATH"
)


@contextlib.contextmanager
def jupyterlab(folder: Path) -> Iterator[str]:
    """JupyterLab on a copy of `notebooks` in `folder`; yields its address, with `{lesson}` in it for the file."""
    shutil.copytree(repository() / "notebooks", folder / "notebooks", ignore=shutil.ignore_patterns(".*"))
    _show_every_cell(folder / "settings")
    port, token = _free_port(), secrets.token_hex(16)
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
        *(f"--ServerApp.port={port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={token}"),
        *(f"--ServerApp.root_dir={folder}", "--LabApp.news_url=None"),
    ]
    own = {
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "COURSE_OUTPUT": str(folder / "learner"),
    }
    with (folder / "jupyterlab.log").open("w") as log:
        server = subprocess.Popen(command, env=os.environ | own, stdout=log, stderr=log)
        try:
            _wait_until_up(server, port, token, folder / "jupyterlab.log")
            yield f"http://127.0.0.1:{port}/lab/tree/notebooks/{{lesson}}?token={token}"
        finally:
            server.terminate()  # its kernels end with it
            server.wait(timeout=30)


def _show_every_cell(settings: Path) -> None:
    """JupyterLab keeps cells that are out of sight out of the page; here all can be looked for."""
    file = settings / "@jupyterlab" / "notebook-extension" / "tracker.jupyterlab-settings"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"windowingMode": "none"}))
    news = settings / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    news.parent.mkdir(parents=True)
    news.write_text(json.dumps({"fetchNews": "false", "checkForUpdates": False}))


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def _wait_until_up(server: subprocess.Popen[bytes], port: int, token: str, log: Path) -> None:
    address = f"http://127.0.0.1:{port}/api/status?token={token}"
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(urllib.error.URLError, ConnectionError), urllib.request.urlopen(address, timeout=5):
            return
        time.sleep(0.2)
    raise AssertionError(f"JupyterLab did not start: {log.read_text()[-2000:]}")


@contextlib.contextmanager
def browser_page(width: int = 1280, height: int = 900, scale: float = 1) -> Iterator[Page]:
    """A page of a headless browser; sizes in CSS pixels."""
    assert browser_path(), "no Chromium or Chrome on PATH: apt-get install chromium"
    expect.set_options(timeout=SECONDS_TO_ANSWER * 1000)
    with sync_playwright() as playwright:
        sandbox = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=browser_path(), args=sandbox)
        try:
            page = browser.new_page(viewport={"width": width, "height": height}, device_scale_factor=scale)
            page.set_default_timeout(SECONDS_TO_START * 1000)
            yield page
        finally:
            browser.close()


def open_lesson(page: Page, address: str, lesson: str) -> None:
    """Open the lesson and wait for its kernel."""
    page.goto(address.format(lesson=lesson))
    page.locator(".jp-NotebookPanel:visible .jp-Notebook").wait_for()
    # The indicator already says "idle" while there is no kernel yet.
    kernel = page.locator(".jp-NotebookPanel:visible .jp-Toolbar-kernelName")
    expect(kernel).to_contain_text("Python 3", timeout=SECONDS_TO_START * 1000)
    at_rest(page)


def clear_outputs(page: Page) -> None:
    """Take away the outputs that the lesson was saved with, and the numbers of its cells."""
    choose(page, "Edit", "Clear Outputs of All Cells")
    expect(_prompts(page).filter(has_text=re.compile(r"[0-9]"))).to_have_count(0)


def run_all(page: Page) -> None:
    """Run all cells without their old outputs, and wait until the last has its number."""
    clear_outputs(page)
    choose(page, "Run", "Run All Cells")
    expect(_prompts(page).last).to_have_text(re.compile(r"\[[0-9]+\]"), timeout=SECONDS_TO_RUN * 1000)
    expect(_prompts(page).filter(has_text=re.compile(r"[*]|\[ \]"))).to_have_count(0)


def _prompts(page: Page) -> Locator:
    return page.locator(".jp-NotebookPanel:visible .jp-CodeCell .jp-InputPrompt")


def at_rest(page: Page) -> None:
    """Wait until the kernel has done all that it was asked for."""
    page.locator(".jp-NotebookPanel:visible .jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for()


def save_and_restart(page: Page) -> None:
    page.keyboard.press("ControlOrMeta+S")
    choose(page, "Kernel", "Restart Kernel…")
    page.locator(".jp-Dialog button").get_by_text("Restart", exact=True).click()
    at_rest(page)


def in_theme(page: Page, theme: str) -> None:
    """Choose JupyterLab's own theme of that name: `Light` or `Dark`."""
    if page.locator(f"body[data-jp-theme-name='JupyterLab {theme}']").count() == 0:
        choose(page, "Settings", "Theme", f"JupyterLab {theme}")
        page.locator(f"body[data-jp-theme-name='JupyterLab {theme}']").wait_for(state="attached")


def keep_picture(page: Page, shown: Locator, name: str) -> None:
    """A screenshot under `build`, for a person's eye."""
    build = repository() / "build"
    build.mkdir(exist_ok=True)
    shown.scroll_into_view_if_needed()
    page.wait_for_timeout(300)  # for what is still being drawn
    page.screenshot(path=build / f"{name}.png")


def choose(page: Page, menu: str, *entries: str) -> None:
    """Click an entry of the menu bar; more entries lead through menus within it."""
    page.locator(".lm-MenuBar-itemLabel").get_by_text(menu, exact=True).click()
    for entry in entries:
        page.locator(".lm-Menu-itemLabel").get_by_text(entry, exact=True).click()


def cell_with(page: Page, source: str) -> Locator:
    """The code cells in whose source this stands."""
    return page.locator(".jp-CodeCell").filter(has=page.locator(".cm-content", has_text=source))


def run_cell(page: Page, cell: Locator) -> None:
    """Run it as it stands, with Shift+Enter, and wait for its number."""
    cell.locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")
    running_or_done = cell.locator(".jp-InputPrompt")
    expect(running_or_done).to_have_text(re.compile(r"\[[0-9]+\]"), timeout=SECONDS_TO_RUN * 1000)


def cell_of(page: Page, exercise: str) -> Locator:
    """The code cell of an exercise, with its panel."""
    return page.locator(".jp-CodeCell").filter(has_text=f'exercise("{exercise}").check(')


def write_and_run(page: Page, cell: Locator, source: str) -> None:
    """Replace the cell's code, and run it with Shift+Enter."""
    cell.locator(".cm-content").click()
    page.keyboard.press("ControlOrMeta+A")
    page.keyboard.insert_text(source)
    page.keyboard.press("Shift+Enter")


def panel_of(cell: Locator, exercise: str) -> Locator:
    """The panel that the check shows."""
    return cell.get_by_role("region", name=f"Exercise {exercise}")

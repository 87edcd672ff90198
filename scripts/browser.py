"""JupyterLab in a headless Chromium: what the browser tests and scripts/screenshots.py share."""

import json
import os
import secrets
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from scripts import lab

ROOT = Path(__file__).resolve().parent.parent
NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
]
ARGS += ["--disable-sync", "--no-first-run"]
SIZE = {"width": 1280, "height": 720}
PATIENCE = 300_000  # milliseconds that a page may take for anything on a slow machine
RUN = 840_000  # and a notebook to run


def find_chromium() -> str | None:
    """Return the path of an installed Chromium, or None."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Yield a headless Chromium; raises FileNotFoundError if there is none."""
    path = find_chromium()
    if path is None:
        raise FileNotFoundError(
            f"no Chromium: none of {', '.join(NAMES)} is on the PATH (Debian: apt-get install chromium)"
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGS)
        yield browser
        browser.close()


class Lab:
    """A running JupyterLab over a copy of the notebooks, so that nothing done in the browser changes the
    course.
    """

    def __init__(self, folder: Path, address: str, token: str):
        self.folder, self.address, self.token = folder, address, token

    def url(self, path: str) -> str:
        return f"{self.address}/{path}?token={self.token}"

    def stop_kernels(self) -> None:
        """End all sessions, and their kernels with them."""
        headers = {"Authorization": f"token {self.token}"}
        sessions = f"{self.address}/api/sessions"
        with urllib.request.urlopen(urllib.request.Request(sessions, headers=headers), timeout=60) as answer:
            running = json.load(answer)
        for session in running:
            request = urllib.request.Request(f"{sessions}/{session['id']}", headers=headers, method="DELETE")
            urllib.request.urlopen(request, timeout=60).close()


@contextmanager
def running_lab(folder: Path) -> Iterator[Lab]:
    """Start the command of `make lab` in ``folder`` (with copies of the notebooks and images), and stop it in
    the end.
    """
    for name in ("notebooks", "images"):
        shutil.copytree(ROOT / name, folder / name)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    options = [
        "--no-browser",
        f"--port={port}",
        "--ServerApp.port_retries=0",
        f"--IdentityProvider.token={token}",
    ]
    options.append("--LabApp.expose_app_in_browser=True")
    own = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
    }
    own |= {"JUPYTERLAB_WORKSPACES_DIR": "workspaces", "IPYTHONDIR": "ipython"}  # not those of the user
    environment = {**os.environ, **{name: str(folder / "jupyter" / value) for name, value in own.items()}}
    with (folder / "lab.log").open("w") as log:
        server = subprocess.Popen(
            lab.command(*options), cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
    found = Lab(folder, f"http://127.0.0.1:{port}", token)
    try:
        _wait_for(found, server)
        yield found
    finally:
        server.terminate()
        server.wait(60)


def _wait_for(found: Lab, server: subprocess.Popen) -> None:
    """Return once the laboratory answers; RuntimeError if it ended, TimeoutError after three minutes."""
    for _ in range(360):
        try:
            urllib.request.urlopen(found.url("api/status"), timeout=5).read()
            return
        except OSError:
            if server.poll() is not None:
                said = (found.folder / "lab.log").read_text(encoding="utf-8")[-2000:]
                raise RuntimeError(f"JupyterLab ended:\n{said}") from None
            time.sleep(0.5)
    raise TimeoutError(
        f"JupyterLab does not answer:\n{(found.folder / 'lab.log').read_text(encoding='utf-8')[-2000:]}"
    )


def new_page(browser: Browser, **options) -> Page:
    """Return a page of its own, 1280 x 720 unless said otherwise, that waits long before it gives up."""
    context = browser.new_context(**{"viewport": SIZE, **options})
    context.set_default_timeout(PATIENCE)
    return context.new_page()


class Notebook:
    """A notebook open in JupyterLab."""

    def __init__(self, page: Page, lab: Lab, path: str):
        self.page = page
        page.goto(lab.url(f"lab/tree/{path}"))
        page.wait_for_function(
            "path => window.jupyterapp?.shell.currentWidget?.context?.path === path"
            " && jupyterapp.shell.currentWidget.context.isReady"
            " && jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.status === 'idle'",
            arg=path,
        )

    def _run(self, command: str) -> None:
        self.page.evaluate(
            f"() => {{ window.ended = false; jupyterapp.commands.execute('{command}').then(() => window.ended"
            " = true) }"
        )

    def restart_and_run_all(self) -> None:
        """Choose "Restart Kernel and Run All Cells", confirm, and wait for the last cell."""
        self._run("notebook:restart-run-all")
        self.page.locator(".jp-Dialog .jp-mod-accept").click()
        self.page.wait_for_function("window.ended", timeout=RUN)
        # JupyterLab reports the end at the first error, also where one is expected
        self.page.wait_for_function(
            "jupyterapp.shell.currentWidget.content.widgets.every(cell => cell.model.type !== 'code'"
            " || cell.model.executionState === 'idle' && cell.model.executionCount)",
            timeout=RUN,
        )

    def run_cell(self, number: int, source: str | None = None) -> None:
        """Run cell ``number``, with another ``source`` if one is given, and wait for it."""
        self.page.evaluate(
            "([number, source]) => { const notebook = jupyterapp.shell.currentWidget.content;"
            " notebook.activeCellIndex = number; notebook.deselectAll(); if (source !== null)"
            " notebook.activeCell.model.sharedModel.setSource(source) }",
            [number, source],
        )
        self._run("notebook:run-cell")
        self.page.wait_for_function("window.ended")

    def save(self) -> None:
        self._run("docmanager:save")
        self.page.wait_for_function("window.ended")

    def cells(self) -> list[dict]:
        """Return the notebook's cells as they would be saved, outputs included."""
        return json.loads(
            self.page.evaluate("JSON.stringify(jupyterapp.shell.currentWidget.content.model.toJSON().cells)")
        )

    def show(self, number: int):
        """Scroll to cell ``number`` and return its element."""
        self.page.evaluate(
            "number => jupyterapp.shell.currentWidget.content.scrollToItem(number, 'start')", number
        )
        return self.page.locator(
            f'.jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell[data-windowed-list-index="{number}"]'
        )


class Slides:
    """The slideshow of a notebook."""

    def __init__(self, page: Page, lab: Lab, path: str):
        self.page = page
        page.goto(lab.url(f"rise/{path}"))
        page.locator(".reveal.ready").wait_for()
        page.wait_for_function("document.querySelectorAll('.slides section.present .jp-Cell').length > 0")
        # nothing slides while measured
        page.add_style_tag(content="* { transition: none !important; animation: none !important }")

    def steps(self, most: int = 500) -> Iterator[str]:
        """Go through the slides with the space bar; yield the name of each slide once all of its parts are
        shown.
        """
        name = None
        for _ in range(most):
            state = self.page.evaluate(STATE)
            if name is not None and state["last"]:
                return
            name = state["slide"]
            if not state["hidden"]:
                yield name
                if self.page.evaluate(STATE)["last"]:
                    return
            self.page.keyboard.press("Space")
            self.page.wait_for_function(
                f"before => JSON.stringify(({STATE})()) !== before",
                arg=json.dumps(state, separators=(",", ":")),
            )

    def overflow(self) -> str | None:
        """Return what of the slide shown lies outside of the window, in words, or None."""
        return self.page.evaluate(OVERFLOW)


STATE = """() => {
    const leaf = [...document.querySelectorAll('.slides section.present')].pop();
    const hidden = leaf.querySelectorAll('.fragment:not(.visible)').length;
    const last = !hidden && !document.querySelector('.slides section.future');
    return {slide: leaf.id || location.hash, hidden, last};
}"""
OVERFLOW = """() => {
    const leaf = [...document.querySelectorAll('.slides section.present')].pop();
    const boxes = [...leaf.querySelectorAll('.jp-Cell, .jp-OutputArea-output, .jp-OutputArea-output img')];
    const rects = boxes.map(b => b.getBoundingClientRect()).filter(r => r.width && r.height);
    const top = Math.min(...rects.map(r => r.top)), bottom = Math.max(...rects.map(r => r.bottom));
    const right = Math.max(...rects.map(r => r.right));
    if (bottom - top > innerHeight) return `${Math.round(bottom - top)} of ${innerHeight} pixels high`;
    if (top < -1 || bottom > innerHeight + 1)
        return `from ${Math.round(top)} to ${Math.round(bottom)} of ${innerHeight} pixels`;
    if (right > innerWidth + 1) return `${Math.round(right)} of ${innerWidth} pixels wide`;
    return null;
}"""


def texts(cell: dict) -> str:
    """Return what a cell shows as text: streams, results, and errors."""
    shown = []
    for output in cell.get("outputs", []):
        text = output.get("text") or output.get("data", {}).get("text/plain") or output.get("traceback", "")
        shown.append(
            "".join(text)
            if isinstance(text, str)
            else "\n".join(text)
            if "traceback" in output
            else "".join(text)
        )
    return "\n".join(shown)


def errors(cells: list[dict]) -> list[str]:
    """Return the names and messages of the errors that cells show."""
    return [
        f"{o['ename']}: {o['evalue']}"
        for c in cells
        for o in c.get("outputs", [])
        if o["output_type"] == "error"
    ]

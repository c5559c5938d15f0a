"""``moloch ui``, or SolaraViz apps, in a process of its own, and a page on it that remembers what it complained of and what it asked other hosts for."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from queue import Queue
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).parents[2]
LEFT = "Cannot send"  # what a page says that is left while it has something to tell the server
PATIENCE = 240
"""Seconds for which a server may start, and half of them for which it may end, on a machine that has other things to do."""


@contextmanager
def started(
    command: Sequence[str], said: str, *, cwd: Path = ROOT, environment: Mapping[str, str] = MappingProxyType({})
) -> Iterator[str]:
    """Run a server until the block ends, and yield the address in the line with which it says that it is ready.

    What it wrote is a note of the exception if the block fails, or if it never says so.

    Args:
        said: how the ready line is recognised.
    """
    env = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1"} | dict(environment)
    env.pop("PYTEST_CURRENT_TEST", None)
    process = subprocess.Popen(
        command, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )
    written: list[str] = []
    ready: Queue[str] = Queue()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:  # to its end: a full pipe would stop the server
            written.append(line)
            if said in line:
                address, mark, query = next(w for w in line.split() if w.startswith("http://")).partition("?")
                ready.put(address.rstrip("/") + "/" + mark + query)
        ready.put("")

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        address = ready.get(timeout=PATIENCE)
        assert address, "the server ended"
        yield address
    except BaseException as error:
        error.add_note(f"The server, {' '.join(command)}, wrote:\n{''.join(written[-200:])}")
        raise
    finally:
        process.terminate()
        try:
            process.wait(timeout=PATIENCE / 2)
        finally:
            process.kill()
            reader.join(20)


@contextmanager
def serving(
    *arguments: str | Path, cwd: Path | None = None, environment: Mapping[str, str] = MappingProxyType({})
) -> Iterator[str]:
    """Yield the address at which ``moloch ui`` serves, with its token; the process ends with the block."""
    command = [sys.executable, "-c", "from analysis.cli import main; main()", "ui", "--no-browser", "--port", "0"]
    given = [*command, *map(str, arguments)]
    with started(given, "http://127.0.0.1", cwd=cwd or ROOT, environment=environment) as address:
        yield address


def entered(address: str) -> str:
    """Return the cookie that a server hands out to a client that asks for the address that it printed."""
    parts = urlsplit(address)
    with closing(HTTPConnection(parts.netloc, timeout=30)) as connection:
        connection.request("GET", f"/?{parts.query}")
        return connection.getresponse().headers["set-cookie"].partition(";")[0]


@contextmanager
def solara_run(app: Path, **environment: str) -> Iterator[str]:
    """Yield the address at which ``solara run`` serves an app, or a folder of apps; the process ends with the block."""
    command = [sys.executable, "-m", "solara", "run", str(app), "--host", "127.0.0.1", "--port", "0", "--no-open"]
    options = ["--production", "--no-check-version", "--log-level-uvicorn", "info"]
    with started([*command, *options], "Uvicorn running on", environment=environment) as address:
        yield address


class Visit:
    """One page in a browser.

    Attributes:
        url: the address without its token, which the page holds in its cookie.
        page: playwright's.
        errors: what the console complained of, and exceptions.
        strays: addresses on other hosts that were asked for.
    """

    def __init__(self, browser: Any, url: str, *, width: int = 1280, height: int = 800, **context: Any) -> None:
        self.url, self.errors, self.strays = url.partition("?")[0], [], []
        self.context = browser.new_context(viewport={"width": width, "height": height}, **context)
        if url != self.url:
            assert self.context.request.get(url).ok
        self.page = self.context.new_page()
        self.page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)) if str(error) != LEFT else None)
        self.page.on(
            "response",
            lambda answer: self.errors.append(f"{answer.status} {answer.url}") if answer.status >= 400 else None,
        )
        self.page.on("request", self._asked)

    def _asked(self, request: Any) -> None:
        if not request.url.startswith((self.url, "data:", "blob:")):
            self.strays.append(request.url)

    def open(self, search: str, wait: str = ".m-page:not([aria-busy])") -> Any:
        """Go to an address and wait for something on it."""
        self.page.goto(self.url + search)
        self.page.wait_for_selector(wait)
        return self.page

    def move(self, search: str, wait: str = ".m-page:not([aria-busy])") -> Any:
        """Go to an address as a link within the page does, in a tenth of the time, and wait for something there.

        The page that is left must be of another kind: its title is another one, and its elements go.
        """
        before = self.page.title()
        self.page.evaluate("document.querySelectorAll('main').forEach((main) => main.setAttribute('data-left', ''))")
        code = (
            "(to) => { history.pushState(null, '', to); dispatchEvent(new PopStateEvent('popstate', {state: null})); }"
        )
        self.page.evaluate(code, "/" + search)
        left = "(before) => document.title !== before && !document.querySelector('[data-left]')"
        self.page.wait_for_function(left, arg=before)
        self.page.wait_for_selector(wait)
        return self.page

    def graph(self, search: str) -> Any:
        """Go to a page of diffusion and wait until its graph is painted."""
        page = "" if "page=" in search else "&page=diffusion"
        return self.open(search + page, ".moloch-diffusion[data-frame]")

    def wait_search(self, *parts: str) -> None:
        """Wait until the address holds all of these."""
        self.page.wait_for_function("(parts) => parts.every((part) => location.search.includes(part))", arg=list(parts))

    def close(self) -> None:
        """Close it."""
        self.context.close()

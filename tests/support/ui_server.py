"""``moloch ui`` in a process of its own, and a page on it that remembers what it complained of and what it asked other hosts for."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
LEFT = "Cannot send"  # what a page says that is left while it has something to tell the server


@contextmanager
def serving(*arguments: str | Path, cwd: Path | None = None) -> Iterator[str]:
    """Yield the address at which ``moloch ui`` serves; the process ends with the block."""
    command = [sys.executable, "-c", "from analysis.cli import main; main()", "ui", "--no-browser", "--port", "0"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    environment.pop("PYTEST_CURRENT_TEST", None)
    process = subprocess.Popen(
        [*command, *map(str, arguments)],
        cwd=cwd or ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None and process.stderr is not None
        line = process.stdout.readline()
        assert "http://" in line, line + process.stderr.read()
        yield next(word for word in line.split() if word.startswith("http://"))
    finally:
        process.terminate()
        process.wait(timeout=20)


class Visit:
    """One page in a browser.

    Attributes:
        page: playwright's.
        errors: what the console complained of, and exceptions.
        strays: addresses on other hosts that were asked for.
    """

    def __init__(self, browser: Any, url: str, *, width: int = 1280, height: int = 800, **context: Any) -> None:
        self.url, self.errors, self.strays = url, [], []
        self.context = browser.new_context(viewport={"width": width, "height": height}, **context)
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

    def graph(self, search: str) -> Any:
        """Go to a page of diffusion and wait until its graph is painted."""
        return self.open(search, ".moloch-diffusion[data-frame]")

    def wait_search(self, *parts: str) -> None:
        """Wait until the address holds all of these."""
        self.page.wait_for_function("(parts) => parts.every((part) => location.search.includes(part))", arg=list(parts))

    def close(self) -> None:
        """Close it."""
        self.context.close()

"""What takes long to read does not hold up a page."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

solara = pytest.importorskip("solara", reason="needs the ui extra")

from analysis.ui.pages import background  # noqa: E402

SOON_S = 10.0


class Page:
    """A component that shows what is read, and what it showed so far."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, read: Callable[[], Any], patience: float = 0.05) -> None:
        monkeypatch.setattr(background, "PATIENCE_S", patience)
        self.read, self.shown = read, []

        @solara.component
        def Shown(about: str, number: int) -> None:
            found = background.use_reading(lambda: self.read(), about)
            self.shown.append(found)
            solara.Text(str(found))

        @solara.component
        def Tab(about: str, number: int) -> None:
            with solara.Column():
                Shown(about, number) if about else solara.Text("another tab")

        self._component = Tab
        self.box, self._context = solara.render(Tab("this", 0), handle_error=False)

    def again(self, about: str = "this") -> None:
        """Render it again; about nothing: leave it for another tab."""
        self._context.render(self._component(about, len(self.shown)), self.box)

    def until(self, found: Any) -> None:
        """Wait until it shows something."""
        latest = time.monotonic() + SOON_S
        while self.shown[-1] != found:
            assert time.monotonic() < latest, self.shown
            time.sleep(0.01)


def test_what_is_there_soon_is_shown_at_once(monkeypatch):
    """Nobody sees that it was read."""
    page = Page(monkeypatch, lambda: "found", patience=SOON_S)
    assert set(page.shown) == {"found"}


def test_what_takes_long_is_shown_when_it_is_there(monkeypatch):
    """The page waits for nothing, and is rendered again by itself."""
    go = threading.Event()
    page = Page(monkeypatch, lambda: go.wait(SOON_S) and "found")
    assert page.shown == [None]
    go.set()
    page.until("found")


def test_what_was_found_stays_while_newer_is_read(monkeypatch):
    """A run that grows does not make its page blink."""
    page, go = Page(monkeypatch, lambda: "old", patience=SOON_S), threading.Event()
    monkeypatch.setattr(background, "PATIENCE_S", 0.05)
    page.read = lambda: go.wait(SOON_S) and "new"
    page.again()
    assert page.shown[-1] == "old"
    go.set()
    page.until("new")


def test_of_something_else_nothing_is_shown(monkeypatch):
    """Neither what was found before about another thing, nor what is found about it later."""
    first = threading.Event()
    page = Page(monkeypatch, lambda: first.wait(SOON_S) and "this one's")
    go = threading.Event()
    page.read = lambda: go.wait(SOON_S) and "the other's"
    page.again("other")
    first.set()
    time.sleep(0.1)
    assert set(page.shown) == {None}
    go.set()
    page.until("the other's")
    assert "this one's" not in page.shown


def test_an_error_is_raised_where_the_page_is_rendered(monkeypatch):
    """So that the page can say it."""

    def fail() -> None:
        raise OSError("no such disk")

    with pytest.raises(OSError, match="no such disk"):
        Page(monkeypatch, fail, patience=SOON_S)


def test_a_page_that_was_left_is_not_rendered(monkeypatch):
    """What was read for it is let go."""
    go, over = threading.Event(), threading.Event()
    page = Page(monkeypatch, lambda: go.wait(SOON_S) and over.set())
    page.again("")
    before = len(page.shown)
    go.set()
    assert over.wait(SOON_S)
    time.sleep(0.1)
    assert len(page.shown) == before

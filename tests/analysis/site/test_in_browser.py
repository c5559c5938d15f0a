"""What a site promises in Chromium, opened from disk by a reader who has only its files: everybody can read it, and it moves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.analysis.site.runs import hostile, mailed, networked, study
from tests.support.accessibility import faults

pytestmark = pytest.mark.browser
RUN = ("index", "contests", "contests/1", "diffusion", "people", "training", "probes")
PAINTED = ".moloch-diffusion[data-frame]"
SCHEMES = {"light": {}, "dark": {"viewport": {"width": 390, "height": 800}}}
"""Colours -> the rest of what a browser is: one of them is a phone."""


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Sites that were zipped, mailed and unzipped."""
    folder = tmp_path_factory.mktemp("sites")
    made = {"networked": networked, "hostile": hostile, "study": study}
    for name in made:
        (folder / name).mkdir()
    return {name: mailed(make(folder / name / "run"), folder / name) for name, make in made.items()}


class Reader:
    """A page in a browser that remembers what it complained of, and what it asked for beside the site's files."""

    def __init__(self, browser: Any, site: Path, **context: Any) -> None:
        self.site, self.said = site, list[str]()
        self.context = browser.new_context(**context)
        self.page = self.context.new_page()
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.said.append(dialog.message), dialog.dismiss()))
        self.page.on("request", self._asked)

    def _asked(self, request: Any) -> None:
        if not request.url.startswith(self.site.as_uri()):
            self.said.append(request.url)

    def open(self, name: str, place: str = "") -> Any:
        """Open a page; a graph is waited for."""
        self.page.goto((self.site / f"{name}.html").as_uri() + place)
        if name.endswith("diffusion"):
            self.page.wait_for_selector(PAINTED)
        return self.page

    @property
    def frame(self) -> int:
        """The frame of the graph that was painted last."""
        return int(self.page.get_attribute(".moloch-diffusion", "data-frame"))


@pytest.fixture
def reader(browser: Any, sites: dict[str, Path]) -> Any:
    """A reader of the networked run's site."""
    made = Reader(browser, sites["networked"])
    yield made
    assert made.said == []
    made.context.close()


@pytest.mark.parametrize(
    ("of", "scheme"), [("networked", "light"), ("networked", "dark"), ("hostile", "dark"), ("study", "light")]
)
def test_everybody_can_read_it(browser: Any, sites: dict[str, Path], of: str, scheme: str) -> None:
    """Axe-core finds no fault, light or dark; the console is silent, nothing is asked for, and nothing is wider than a phone."""
    reader = Reader(browser, sites[of], color_scheme=scheme, **SCHEMES[scheme])
    cell = next((sites[of] / "cells").iterdir()).name if of == "study" else ""
    for name in ("index", f"cells/{cell}/index") if cell else RUN:
        page = reader.open(name)
        page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        wide, window = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert (ground == "rgb(15, 19, 24)") is (scheme == "dark") and wide <= window, name
        assert reader.said == []  # before axe-core itself asks for the styles
        assert faults(page) == [], name
        reader.said.clear()
    reader.context.close()


def test_the_graph_moves(reader: Reader) -> None:
    """The slider scrubs by keyboard, another colouring stays at its frame, and another society is read from its file."""
    page = reader.open("diffusion")
    last = reader.frame
    page.focus("input[type=range]")
    page.keyboard.press("ArrowLeft")
    page.wait_for_selector(f'.moloch-diffusion[data-frame="{last - 1}"]')
    page.select_option("[name=view]", label="exposure")
    page.get_by_text("Saw a message").first.wait_for()
    assert reader.frame == last - 1
    page.select_option("[name=society]", index=1)
    page.wait_for_function("location.hash.startsWith('#society=')")
    page.wait_for_selector(PAINTED)


def test_a_message_is_followed_from_its_contest(reader: Reader) -> None:
    """Its way on the graph, in rounds; the link says which, so that it can be kept."""
    page = reader.open("contests/1")
    page.get_by_role("link", name="Show on the graph").first.click()
    page.wait_for_selector(PAINTED)
    assert "message=" in page.evaluate("location.hash") and page.input_value("[name=view]") == "reach"
    page.get_by_text("Round 1").first.wait_for()


def test_a_member_is_found(reader: Reader) -> None:
    """By name; what it chose is said beside the graph."""
    name = reader.open("people").inner_text("#people tbody td >> nth=0")
    page = reader.open("diffusion")
    page.get_by_placeholder("Find a member").fill(name)
    page.keyboard.press("Enter")
    page.wait_for_selector("#graph-member b")
    assert page.inner_text("#graph-member b") == name and "Last choice: " in page.inner_text("#graph-member")


def test_contests_are_filtered(reader: Reader) -> None:
    """By what is chosen, which the address keeps, and by the numbers of an answer that lead there."""
    page = reader.open("contests")
    every = page.locator("#contests tbody tr").count()
    page.select_option("[name=phase]", "evaluate")
    shown = page.locator("#contests tbody tr:visible").count()
    assert 0 < shown < every and page.inner_text("#contests-count") == f"{shown} of {every} contests"
    assert page.evaluate("location.hash") == "#phase=evaluate"
    page.fill("[name=find]", "nobody writes about this")
    assert page.locator("#contests tbody tr:visible").count() == 0
    page.get_by_role("button", name="All", exact=True).click()
    page.wait_for_function("location.hash === ''")
    assert page.locator("#contests tbody tr:visible").count() == every
    page = reader.open("index")
    page.locator(".m-answer a").first.click()
    page.wait_for_url("**/contests.html#*")
    page.wait_for_function("document.getElementById('contests-count')?.textContent.includes(' of ')")
    assert 0 < page.locator("#contests tbody tr:visible").count() < every


def test_by_keyboard_alone(reader: Reader) -> None:
    """The first stop leads past the header; the theme is a button that remembers."""
    page = reader.open("index")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.focus("#theme")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    reader.open("training")
    assert page.evaluate("document.body.classList.contains('theme--dark')")

"""A log may hold anything: its pages show it as text, stay as wide as the window, and send no megabyte that nobody asked for."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from tests.support.hostile_run import ADAPTER, ANCHORS, ARMS, BAD, MEGABYTE, MEMBERS, PROBES, TEXTS
from tests.support.ui_server import Visit, serving

pytestmark = pytest.mark.browser
HANGS_MS = 60_000
"""Of a page that is not there: a guard, no measure of how fast it should be."""
GRAPH = ".moloch-diffusion"
CONTEST = f"evaluate/1/{ARMS[0]}/{ANCHORS[0]}"
PAGES = {
    "diffusion": ({}, f"{GRAPH}[data-frame]", [f"{MEMBERS:,} members", "Showing 50,000 of ", TEXTS[1]]),
    "persona": ({}, ".m-story", [TEXTS[0], BAD[:900], "misrepresentation<img"]),
    "agents": ({}, ".m-table", [TEXTS[1], TEXTS[0], "IPY_MODEL_0123456789abcdef", PROBES[0]]),
    "contests": ({}, ".m-table", [TEXTS[1], "undecided", f"__proto__: {ARMS[0]}"]),
    "contest": ({"page": "contests", "contest": CONTEST}, ".m-outcome", [TEXTS[3], f"thought {TEXTS[0]}", "named no option"]),
    "training": ({}, ".m-table", [TEXTS[0], "not in this run's folder", ADAPTER, "check.json ("]),
    "probes": ({"epoch": "1"}, ".m-table", ["misrepresentation<img", TEXTS[1]]),
    "compare": ({"other": "networked"}, f"{GRAPH}[data-frame]", [TEXTS[1], "Settings that differ"]),
    "itself": ({"page": "compare", "other": "<b>run"}, f"{GRAPH}[data-frame]", ["Both are the same run."]),
}  # fmt: skip
"""Page -> the rest of its address, what to wait for, what its text holds."""
OPENED = "() => document.querySelectorAll('details').forEach((each) => { each.open = true; })"
WIDTH = "() => [document.documentElement.scrollWidth, window.innerWidth]"


@pytest.fixture(scope="module")
def served(hostile, networked):
    """``moloch ui`` on the hostile run and a harmless one."""
    pytest.importorskip("solara", reason="the ui extra is not installed")
    with serving(hostile, networked) as url:
        yield url


class Guest(Visit):
    """A visit that also counts what the server sent over sockets, and dialogs."""

    def __init__(self, *given, **more) -> None:
        super().__init__(*given, **more)
        self.dialogs, self.received = [], 0
        self.page.set_default_timeout(HANGS_MS)
        self.page.on("dialog", lambda dialog: (self.dialogs.append(dialog.message), dialog.dismiss()))
        self.page.on("websocket", lambda socket: socket.on("framereceived", self._came))

    def _came(self, payload) -> None:
        self.received += len(payload)

    def show(self, name: str):
        """Go to one of the pages and wait for all of it."""
        rest, wait, _ = PAGES[name]
        self.open("?" + urlencode({"run": "<b>run", "page": name} | rest), wait)
        if name == "itself":
            self.page.wait_for_function(f"document.querySelectorAll('{GRAPH}[data-frame]').length === 2")
            self.page.get_by_text("Both are the same run.").wait_for()
        if name == "compare":
            self.page.get_by_text("Settings that differ").wait_for()
        return self.page


@pytest.fixture(scope="module")
def visitor(browser, served):
    """One browser's visit to them."""
    found = Guest(browser, served)
    yield found
    found.close()


@pytest.fixture
def guest(visitor):
    """It, for one test; whatever it saw, nothing ran, nothing was asked of another host, and nobody complained."""
    found, visitor.received = visitor, 0
    yield found
    ran = found.page.evaluate(
        "() => [window.moloch_ran ?? 0, document.title, document.querySelectorAll('.m-app :is(img, iframe, script, style)').length]"
    )
    found.page.goto("about:blank")
    assert ran == [0, "Moloch", 0]
    assert found.dialogs == [] and found.errors == [] and found.strays == []


class TestHostile:
    """100,000 members, markup in every text and name, megabytes, a log that breaks off: every page is there, and is only text."""

    @pytest.mark.parametrize("name", PAGES)
    def test_texts_are_texts(self, guest, name):
        """What the log holds is read as it stands, in a page that is as wide as its window, light and dark, wide and narrow."""
        page = guest.show(name)
        page.evaluate(OPENED)
        said = " ".join(page.inner_text("body").split())
        for text in PAGES[name][2]:
            assert " ".join(text.split()) in said
        assert "outside of the run" not in said
        links = page.evaluate("() => [...document.querySelectorAll('.m-app a')].map((each) => each.href)")
        assert links and all(link.startswith(guest.url) for link in links)
        assert page.locator("h1").inner_text() == "<b>run"
        for scheme, width in (("light", 1280), ("dark", 800)):
            page.set_viewport_size({"width": width, "height": 800})
            page.emulate_media(color_scheme=scheme)
            page.wait_for_function(f"document.querySelector('.v-application').classList.contains('theme--{scheme}')")
            needed, there = page.evaluate(WIDTH)
            assert needed <= there
        if GRAPH not in PAGES[name][1]:
            assert guest.received < MEGABYTE

    def test_a_megabyte_waits_to_be_asked_for(self, guest):
        """One line of a megabyte, and a megabyte of lines, come whole when somebody wants them, and not before."""
        page = guest.show("contest")
        messages = page.locator(".m-message")
        for number, length in ((0, MEGABYTE), (1, MEGABYTE)):
            before = guest.received
            messages.nth(number).get_by_text("show all").click()
            page.wait_for_function(f"document.querySelectorAll('.m-message')[{number}].textContent.length >= {length}")
            assert guest.received - before > length
        assert page.evaluate(WIDTH)[0] <= 1280

    def test_a_member_is_found_and_read(self, guest):
        """Names stay with the server until they are looked for; one that is markup is found, and its card shows it."""
        page = guest.show("diffusion")
        page.get_by_placeholder("Find a member").fill(TEXTS[0])
        page.keyboard.press("Enter")
        page.locator(".m-card h2").wait_for()
        assert page.locator(".m-card h2").inner_text() == page.locator(".md-card h3").inner_text() == TEXTS[0]
        page.get_by_role("link", name="What they saw").click()
        page.wait_for_selector(".m-story")
        assert page.locator("aside h2").inner_text() == TEXTS[0]

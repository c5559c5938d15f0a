"""A log may hold anything: its pages show it as text, stay as wide as the window, and send no megabyte that nobody asked for."""

from __future__ import annotations

import json
import os
import shutil
from urllib.parse import urlencode

import msgspec
import pytest

from abm.events import ContestDecided, Engaged, Reacted, ReactedMany, StepEnded, VerdictGiven
from abm.log import create, read_events
from tests.support.hostile_run import ADAPTER, ANCHORS, ARMS, BAD, MEGABYTE, MEMBERS, PROBES, RAN, TEXTS
from tests.support.ui_server import Visit, serving

pytestmark = pytest.mark.browser
HANGS_MS = 60_000
"""Of a page that is not there: a guard, no measure of how fast it should be."""
GRAPH = ".moloch-diffusion"
CONTEST = f"evaluate/1/{ARMS[0]}/{ANCHORS[0]}"
PAGES = {
    "list": ({"run": "", "page": ""}, ".m-list", ["<b>run", "stopped"]),
    "result": ({}, ".m-empty dl", ["Nothing has been evaluated yet"]),
    "diffusion": ({}, f"{GRAPH}[data-frame]", [f"{MEMBERS:,} members", "Showing 50,000 of ", TEXTS[1]]),
    "persona": ({}, ".m-story", [TEXTS[0], BAD[:900], "misrepresentation<img"]),
    "agents": ({}, ".m-table", [TEXTS[1], TEXTS[0], "IPY_MODEL_0123456789abcdef", PROBES[0]]),
    "contests": ({}, ".m-table", [TEXTS[1], "undecided", f"__proto__: {ARMS[0]}"]),
    "contest": ({"page": "contests", "contest": CONTEST}, ".m-outcome", [TEXTS[3], f"thought {TEXTS[0]}", "named no option"]),
    "message": ({"contest": CONTEST, "slot": "1"}, ".m-two", [TEXTS[3], f"thought {TEXTS[0]}", "Show on the graph"]),
    "reach": ({"page": "diffusion", "fill": "reach"}, f"{GRAPH}[data-frame]", ["Round 1", "Members who had seen it"]),
    "training": ({}, ".m-table", [TEXTS[0], "not in this run's folder", ADAPTER, "check.json ("]),
    "probes": ({"epoch": "1"}, ".m-table", ["misrepresentation<img", TEXTS[1]]),
    "people": ({"sort": "name"}, ".m-people .m-table", [TEXTS[6][:40], f"{MEMBERS:,} members"]),
    "messages": ({"page": "people", "frame": "messages"}, ".m-people .m-table", [TEXTS[1], "misrepresentation<img"]),
    "arms": ({"page": "compare"}, f"{GRAPH}[data-frame]", [TEXTS[1], "Who chose differently"]),
    "event": ({"seq": "5"}, ".m-event", ["Event 5: personas_joined", "<img src=", "more characters)"]),
    "rows": ({"frame": "messages"}, ".m-rows", ['<img src="/nowhere" onerror="', TEXTS[4]]),
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
        "() => [window.moloch_ran ?? 0, document.title.split(' · ').pop(), document.querySelectorAll('.m-app :is(img, iframe, script, style)').length]"
    )
    found.page.goto("about:blank")
    assert ran[0] == ran[2] == 0 and ran[1].endswith("Moloch")
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
        assert page.locator("h1").inner_text() == ("Runs and studies" if name == "list" else "<b>run")
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
        for card in (".m-card h2", ".md-card h3"):  # the graph's own has a number until the name has come
            page.wait_for_function(
                "([card, name]) => document.querySelector(card)?.innerText === name", arg=[card, TEXTS[0]]
            )
        page.get_by_role("link", name="What it saw").click()
        page.wait_for_selector(".m-story")
        assert page.locator("aside h2").inner_text() == TEXTS[0]


MARKUP = f"<img src=x onerror={RAN}>"
NOWHERE = {
    "a run": ({"run": MARKUP}, "No such run"),
    "a path as run": ({"run": "../../etc"}, "No such run"),
    "bytes as run": ({"run": b"\xff\x00"}, "No such run"),
    "a page": ({"page": MARKUP}, "No such page"),
    "a contest": ({"page": "contests", "contest": MARKUP}, "No such contest"),
    "filters": ({"page": "contests", "find": MARKUP, "arm": MARKUP, "outcome": MARKUP}, "No contest passes these filters"),
    "a page of a list": ({"page": "contests", "page_no": "999999999"}, "4 contests"),
    "a persona": ({"page": "persona", "persona": "999999999"}, "No such persona"),
    "no number": ({"page": "persona", "persona": "NaN", "page_no": "1e9"}, "What it saw"),
    "below zero": ({"page": "diffusion", "t": "-5", "slot": "-1", "persona": "-7", "epoch": "-1", "fill": MARKUP}, "members; "),
    "beyond": ({"page": "diffusion", "t": "999999999", "slot": "99", "society": "evaluate/rft/9" + "9" * 40, "fill": "opinion"}, "members; "),
    "an arm": ({"page": "agents", "arm": "__proto__", "epoch": "999999999"}, "It wrote nothing"),
    "an epoch": ({"page": "probes", "epoch": "999999999"}, "Difference"),
    "another run": ({"page": "compare", "other": MARKUP}, "Compare with which run?"),
    "60 kB": ({"find": "y" * 60_000}, "Runs"),
}  # fmt: skip
"""What an address may say that is not so -> what its page says."""


class TestReturning:
    """A tab that goes from page to page stays as large as it is."""

    def test_a_graph_that_was_left_leaves_no_buffers(self, browser, served):
        """Coming back to 10^5 members three times, within a tenth of what one graph takes."""
        visit = Guest(browser, served)
        page, tool = visit.show("diffusion"), visit.context.new_cdp_session(visit.page)

        def buffers() -> int:
            tool.send("HeapProfiler.collectGarbage")
            return tool.send("Runtime.getHeapUsage")["backingStorageSize"]

        def to(tab: str, wait: str) -> None:
            page.click(f'nav >> text="{tab}"')
            page.wait_for_function(
                "(wait) => document.querySelector(wait)", arg=wait
            ).dispose()  # no handle keeps it alive

        def leave() -> int:
            """What is left once anywidget's timer, which holds a widget's model for the 2 s it has to start, has run out."""
            to("Contests", "main.m-page .m-table")
            page.wait_for_timeout(2_500)
            return buffers()

        def back() -> int:
            to("Diffusion", f"{GRAPH}[data-frame]")
            return buffers()

        def comes_down_to(limit: float) -> bool:
            return any(buffers() < limit or page.wait_for_timeout(500) for _ in range(40))

        leave(), back()  # a model's parent remembers its last children: one graph more, once
        away = leave()
        graph = back() - away
        assert graph > 10 * MEMBERS  # what is measured is there to be kept
        for _ in range(2):
            leave()
            assert comes_down_to(away + graph / 10)
            back()
        visit.close()
        assert visit.errors == []


class TestHostileAddresses:
    """An address is what somebody sent: it may say anything, and names what there is of it."""

    def test_nowhere(self, guest):
        """Whatever it says there is a page, in words, and nothing of the address runs."""
        for more, said in NOWHERE.values():
            guest.page.goto(guest.url + "?" + urlencode({"run": "networked"} | more))
            guest.page.get_by_text(said).first.wait_for()

    def test_back_and_forward(self, guest):
        """Each link that was followed is a step back, through pages, contests and runs."""
        page = guest.open("", "tbody a")
        page.get_by_role("link", name="networked", exact=True).click()
        page.get_by_role("link", name="Contests").click()
        page.locator("tbody a").first.click()
        page.wait_for_selector(".m-outcome")
        for wait in (".m-table", ".m-forest", "tbody a"):
            page.go_back()
            page.wait_for_selector(wait)
        for wait in (".m-forest", ".m-table", ".m-outcome"):
            page.go_forward()
            page.wait_for_selector(wait)

    def test_two_tabs(self, guest):
        """Two tabs of one browser are at two places, and neither moves the other."""
        page = guest.open("?run=networked&page=contests", ".m-table")
        other = guest.context.new_page()
        other.goto(guest.url + "?run=networked&page=agents")
        other.wait_for_selector(".m-table")
        other.get_by_role("link", name="Probes").click()
        other.wait_for_selector("text=Difference")
        assert "page=contests" in page.url and page.locator("nav .on").inner_text() == "Contests"
        other.close()
        page.get_by_role("link", name="Training").click()
        page.wait_for_selector("text=Adapters, in the order")


class TestHostileFolders:
    """Runs come, go and change while they are looked at; none takes a page with it."""

    def test_odd_names_and_one_that_goes(self, browser, networked, isolated, tmp_path):
        """A name of bytes is listed and opened; a run that is removed says so, and another in its place is read on the next click."""
        pytest.importorskip("solara", reason="the ui extra is not installed")
        name = os.fsdecode(b"%2f\xff\n#'\"<b>")
        shutil.copytree(networked, tmp_path / name)
        create(tmp_path / "strange", {"arms": 5, "arena": {"a": 1}, "audience": [1], "epochs": [1]}).close()
        with serving(tmp_path) as url:
            visit = Visit(browser, url)
            page = visit.open("", "tbody tr")
            assert page.locator("tbody tr").count() == 2
            page.locator("tbody a").first.click()
            page.wait_for_selector(".m-forest")
            page.reload()
            page.wait_for_selector(".m-forest")
            (tmp_path / name).rename(tmp_path.parent / "gone")
            page.wait_for_selector("header .is-damaged")
            page.get_by_text("No such file or directory").wait_for()
            shutil.copytree(isolated, tmp_path / name)
            page.get_by_role("link", name="Contests").click()
            page.wait_for_selector("header .is-ended")
            assert "isolated" in page.inner_text("header")
            visit.close()
            assert visit.errors == [] and visit.strays == []


CONFUSED = (
    Reacted(contest="nowhere", persona=2**40, order=list(range(70)), choice=99, thought="to nothing"),
    VerdictGiven(message="no slash", probe="p", judge="j", label=7, evidence=["e"]),
    VerdictGiven(message="{contest}/none", probe="p", judge="j", label=1, evidence=[]),
    VerdictGiven(message="{contest}/77", probe="p", judge="j", label=1, evidence=[]),
    ContestDecided(contest="{contest}", votes=[1], abstained=-5, invalid=0, outcome="majority", winner=7, ties=""),
    ReactedMany(contest="{contest}", first=-3, orders=b"\x01", choices=b"\x07\x08"),
    Engaged(round=-1, action="like", members=b"\x00\x00\x00\x7f", items=b"\x00\x7f"),
    StepEnded(step=9, state_hash=""),
)


REFUSED = dict.fromkeys((2, 3, 5), ("Result", "Agents", "Probes", "Compare")) | {6: ("Result",)}
"""Which of them -> pages that cannot be shown: the evaluation cannot be read."""
IN_PART = {6: {"Message": "Its way through the feeds is left out", "Messages": "How far messages came is left out"}}
"""Which of them -> pages that are shown but for what was in feeds, and how they say so."""
WRONG = {
    2: "message 'none' of contest",
    3: "message '77' of contest",
    5: "its 2 votes need the order",
    6: "message 32512 of the feeds",
}
"""What those pages say contradicts what."""


@pytest.fixture(scope="module")
def confused(browser, networked, tmp_path_factory):
    """A visit to a run for each contradiction, which stands before the last decision."""
    pytest.importorskip("solara", reason="the ui extra is not installed")
    folder = tmp_path_factory.mktemp("confused")
    config, events = json.loads((networked / "run.json").read_text())["config"], list(read_events(networked))
    at = max(event.seq for event in events if isinstance(event, ContestDecided))
    for number, event in enumerate(CONFUSED):
        line = msgspec.json.encode(event).replace(b"{contest}", events[at].contest.encode())
        with create(folder / f"confused{number}", config) as log:
            log.append([*events[:at], msgspec.json.decode(line, type=type(event)), *events[at:]])
    with serving(folder) as url:
        visit = Visit(browser, url)
        visit.page.set_default_timeout(HANGS_MS / 4)
        yield visit, at, events[at].contest
        visit.close()


class TestConfusedLogs:
    """A log whose chain holds and whose events contradict each other."""

    @pytest.mark.parametrize("number", range(len(CONFUSED)), ids=[type(event).__name__ for event in CONFUSED])
    def test_every_page_says_something(self, confused, number):
        """Each page shows what it understands, or which event contradicts what, and leads there; the other pages are not touched."""
        visit, at, contest = confused
        visit.open("", ".m-list")
        run = {"run": f"confused{number}"}
        for name, more, said in (
            ("Result", {}, "Beyond"),
            ("Agents", {"page": "agents"}, "What it wrote"),
            ("Contests", {"page": "contests"}, "4 contests"),
            ("Probes", {"page": "probes"}, "Difference, points"),
            ("People", {"page": "people"}, "members"),
            ("Message", {"page": "message", "contest": contest, "slot": "0"}, "What it says"),
            ("Training", {"page": "training"}, "Adapters, in the order"),
            ("Messages", {"page": "people", "frame": "messages"}, " messages"),
            ("Compare", {"page": "compare"}, "No two arms"),
            ("Rows", {"page": "rows", "frame": "verdicts"}, "What the columns mean"),
            ("Event", {"page": "event", "seq": str(at)}, f"Event {at:,}"),
            ("Persona", {"page": "persona"}, "What it saw"),
        ):
            refused = name in REFUSED.get(number, ())
            to = (
                visit.open if refused else visit.move
            )  # from one refused page to the next nothing of the page changes but its words
            page = to("?" + urlencode(run | more), "main")
            if refused:
                page.get_by_text("This page cannot be shown").wait_for()
                told = page.inner_text("main")
                assert f"Event {at:,} (" in told and WRONG[number] in told and "Error" not in told, name
                assert page.get_by_role("link", name=f"Event {at:,}").get_attribute("href").endswith(f"seq={at}")
            elif left_out := IN_PART.get(number, {}).get(name):
                page.get_by_text(said).first.wait_for()
                page.locator(".m-note", has_text=f"{left_out}: event {at:,} (").filter(
                    has_text=WRONG[number]
                ).wait_for()
                assert page.locator(".m-note a").get_attribute("href").endswith(f"seq={at}")
            else:
                page.get_by_text(said).or_(page.get_by_text("Nothing has been evaluated yet")).first.wait_for()
            assert "Traceback" not in page.inner_text("body")
        visit.move(f"?run=confused{number}&page=diffusion", f"{GRAPH}[data-frame]")
        assert visit.errors == [] and visit.strays == []

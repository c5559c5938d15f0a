"""The pages in a browser, offline: every page of a run, from the command to what is seen."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote, urlsplit

import numpy as np
import pytest

from abm.events import ContestDecided, MessagePublished, PersonasJoined, Reacted, VerdictGiven
from abm.llm import ScriptedLLM
from abm.log import create, open_log, read_events
from analysis.frames import of_run
from analysis.readings.answers import read_answers
from analysis.readings.book import Book
from analysis.readings.reading import result_of
from analysis.readings.spreads import spreads
from analysis.ui.data.places import place
from analysis.ui.key import door
from tests.learning.test_loop import carry_out
from tests.learning.test_run_surveys import settings
from tests.support.questionnaires import media, respond
from tests.support.ui_server import Visit, entered, serving

pytestmark = pytest.mark.browser
GRAPH = ".moloch-diffusion"
HALF_A_RUN = """
import json, sys, time
from pathlib import Path
from abm.events import ContestDecided
from abm.log import create, read_events
run = Path(sys.argv[1])
events = list(read_events(run))
cut = next(e.seq for e in events if isinstance(e, ContestDecided) and e.contest.startswith("evaluate"))
log = create(sys.argv[2], json.loads((run / "run.json").read_text())["config"])
log.append(events[: cut + 1])
print("written", flush=True)
time.sleep(600)
"""
"""A program that writes the first half of a run again, and then waits."""


@pytest.fixture(scope="module")
def served(isolated, networked, other):
    """``moloch ui`` on three runs."""
    pytest.importorskip("solara", reason="the ui extra is not installed")
    with serving(isolated, networked, other) as url:
        yield url


@pytest.fixture
def visit(browser, served):
    """A page on them; it ends without a complaint of the console and without a request to another host."""
    found = Visit(browser, served)
    yield found
    found.close()
    assert found.errors == [] and found.strays == []


def scrub(page, t: int, inside: str = "") -> None:
    """Move the time slider, as a hand does, and wait for the frame."""
    code = "(e, t) => { e.value = t; e.dispatchEvent(new Event('input', {bubbles: true})); e.dispatchEvent(new Event('change', {bubbles: true})) }"
    page.locator(f"{inside}{GRAPH} input[type=range]").first.evaluate(code, t)
    page.wait_for_selector(f'{inside}{GRAPH}[data-frame="{t}"]')


def where(run: Path, box: dict[str, float]) -> tuple[float, float]:
    """Return where the first held-out member of a run stands on its graph, in pixels; the widget's own arithmetic for one that fits."""
    book = result_of(read_events(run), Book())
    first = min(joined.first for joined in book.people if joined.split == "evaluate")
    size = sum(len(joined.ids) for joined in book.people if joined.split == "evaluate")
    places = place(book.people, book.header, first + np.arange(size), "evaluate").xy
    low, high = places.min(axis=0), places.max(axis=0)
    pad = min(24, min(box["width"], box["height"]) * 0.08)
    extent = np.maximum(high - low, 1e-3)
    scale = min((box["width"] - 2 * pad) / extent[0], (box["height"] - 2 * pad) / extent[1], 2000)
    dx, dy = (places[0] - (low + high) / 2) * scale
    return box["width"] / 2 + float(dx), box["height"] / 2 - float(dy)


class TestRuns:
    """The list of runs leads to each."""

    def test_list_and_open(self, visit):
        """Each run has a row with its state; its name opens it."""
        page = visit.open("")
        assert page.locator("tbody tr").count() == 3
        assert "ended" in page.locator("tbody tr").first.inner_text()
        page.get_by_role("link", name="networked", exact=True).click()
        page.wait_for_selector(".m-forest")
        assert page.locator("h1").inner_text() == "networked"

    def test_a_page_that_is_not_there(self, visit):
        """It says so, in place of another page, and leads to the one whose name is near, else to Result."""
        page = visit.open("?run=isolated&page=contets")
        assert "No such page" in page.inner_text("main")
        page.get_by_role("link", name="Did you mean contests?").click()
        page.wait_for_selector(".m-table")
        page = visit.open("?run=isolated&page=zzz")
        page.get_by_role("link", name="Result", exact=True).click()
        page.wait_for_selector(".m-forest")

    def test_a_run_that_is_not_there(self, visit):
        """A link to a run that was moved says so, and leads to the run whose name is near."""
        assert "No such run" in visit.open("?run=gone").inner_text("main")
        page = visit.open("?run=isolatde")
        page.get_by_role("link", name="Did you mean isolated?").click()
        page.wait_for_function("document.querySelector('h1')?.innerText === 'isolated'")

    def test_head_and_digest(self, visit, isolated):
        """A button shows the head that the log has; the header says that nothing here is evidence about real LLMs, on one line."""
        page = visit.graph("?run=isolated")
        assert page.locator(".m-top").bounding_box()["height"] < 60
        page.get_by_role("button", name="Details").click()
        assert open_log(isolated, write=False).head().hash in page.inner_text("header")
        assert "Not evidence about real LLMs" in page.inner_text("header") or "choice model" in page.inner_text(
            "header"
        )

    def test_the_fork_button_shows_its_command(self, visit, isolated):
        """It is a command to copy; the page forks nothing."""
        page = visit.graph("?run=isolated")
        page.get_by_role("button", name="Fork").click()
        page.locator(".m-fork input").first.fill("2")
        assert page.inner_text(".m-fork code") == f"moloch fork {isolated} --at 2 --set audience=neutral"


class TestDiffusion:
    """The graph steps, scrubs, and shows who somebody is."""

    def test_what_has_ended_opens_at_its_end(self, visit):
        """There everybody has chosen; from there Space plays from the beginning; a link to the first frame stays there."""
        page = visit.graph("?run=networked")
        at = f"Number(document.querySelector('{GRAPH}').dataset.frame)"
        last = f"Number(document.querySelector('{GRAPH} input[type=range]').max)"
        page.wait_for_function(f"{last} > 1 && {at} === {last}")
        page.locator(f"{GRAPH} .md-stage").focus()
        page.keyboard.press("Space")
        page.wait_for_function(f"{at} < {last}")
        visit.graph("?run=networked&t=0")
        page.wait_for_selector(f'{GRAPH}[data-frame="0"]')

    def test_step_and_scrub(self, visit):
        """Time moves in the browser, and the address follows when it rests."""
        page = visit.graph("?run=networked&t=0")
        page.locator(f"{GRAPH} .md-stage").focus()
        page.keyboard.press("]")
        scrub(page, 3)
        visit.wait_search("t=3")

    def test_reload_keeps_the_place(self, visit):
        """Society, colours and time are in the address."""
        page = visit.graph("?run=networked&society=train%2Frft%2F1&fill=exposure")
        scrub(page, 2)
        visit.wait_search("t=2", "fill=exposure", "society=train%2Frft%2F1")
        page.reload()
        page.wait_for_selector(f'{GRAPH}[data-frame="2"]')
        assert page.locator("select").nth(1).input_value() == "exposure"

    def test_other_colours_keep_the_time(self, visit):
        """Choosing what colours the members moves nobody in time."""
        page = visit.graph("?run=networked")
        scrub(page, 2)
        page.locator("select").nth(1).select_option("opinion")
        page.get_by_text("Opinion of base").wait_for()
        assert page.get_attribute(GRAPH, "data-frame") == "2"

    def test_isolated_worlds_say_so(self, visit):
        """Without ties members stand by their traits, and the page says that this is no network."""
        page = visit.graph("?run=isolated")
        page.get_by_text("nobody follows anyone").wait_for()

    def test_click_a_member_then_its_page_then_back(self, visit, networked):
        """A member's card leads to what it saw; going back finds the graph as it was left."""
        page = visit.graph("?run=networked")
        scrub(page, 2)
        visit.wait_search("t=2")
        stage, card = page.locator(f"{GRAPH} .md-stage"), page.locator(".m-card h2")
        x, y = where(networked, stage.bounding_box())
        stage.click(position={"x": x, "y": y})
        card.wait_for()
        visit.wait_search("persona=")
        name = card.inner_text()
        page.get_by_role("link", name="What it saw").click()
        page.wait_for_selector(".m-split")
        assert page.locator("aside h2").inner_text() == name
        page.go_back()
        page.wait_for_selector(f'{GRAPH}[data-frame="2"]')


class TestPersona:
    """What one persona lived through."""

    def test_its_contests_in_its_own_order(self, visit, isolated):
        """Letters follow the order in which it saw the messages, and its thought is there."""
        events = list(read_events(isolated))
        reacted = next(e for e in events if isinstance(e, Reacted) and e.contest.startswith("evaluate/2/rft/"))
        page = visit.open(
            f"?run=isolated&page=persona&society=evaluate%2Frft%2F2&persona={reacted.persona}", ".m-story"
        )
        story = page.locator(".m-story").first
        assert story.locator(".m-option").count() == len(reacted.order)
        assert reacted.thought in story.inner_text()
        texts = {e.slot: e.text for e in events if isinstance(e, MessagePublished) and e.contest == reacted.contest}
        for nth, slot in enumerate(reacted.order):
            option = story.locator(".m-option").nth(nth).inner_text()
            assert option.startswith(chr(65 + nth)) and texts[slot] in option

    def test_find_by_name(self, visit, isolated):
        """A name finds its persona; one that nobody has is said to be nobody's."""
        joined = next(e for e in read_events(isolated) if isinstance(e, PersonasJoined) and e.split == "evaluate")
        page = visit.open("?run=isolated&page=persona", ".m-split")
        page.get_by_placeholder("Name or number").fill(joined.names[-1])
        page.get_by_role("button", name="Find").click()
        page.get_by_role("heading", name=joined.names[-1], exact=True).wait_for()
        page.get_by_placeholder("Name or number").fill("Nobody at all")
        page.get_by_role("button", name="Find").click()
        page.get_by_text("No persona is called").wait_for()

    def test_what_it_answered_to_questionnaires(self, browser, tmp_path):
        """Question, answer and moment, of this persona alone; a persona that nobody asked has no such section."""
        pytest.importorskip("solara", reason="the ui extra is not installed")
        config = settings(tmp_path, surveys=[{"questions": str(media(tmp_path)), "at": ["end"], "who": "evaluate"}])
        carry_out(tmp_path / "asked", config, llm=ScriptedLLM(respond))
        rows = [row for row in read_answers(tmp_path / "asked").result() if row.persona == 4]
        with serving(tmp_path / "asked") as url:
            visit = Visit(browser, url)
            page = visit.open("?run=asked&page=persona&society=evaluate%2Frft%2F1&persona=4", ".m-answers")
            said = page.locator(".m-answers .m-said")
            text = page.locator(".m-answers").inner_text()
            assert said.count() == len(rows) and "How far do you trust" in text
            assert all((row.label if row.valid else row.raw) in text for row in rows)
            visit.close()
            assert visit.errors == []

    def test_no_interview_without_a_reader(self, visit):
        """A choice model cannot be interviewed, and the page says why."""
        page = visit.open("?run=isolated&page=persona", ".m-split")
        assert "choice model" in page.inner_text(".m-interview")


class TestContests:
    """The list and its filters, and a contest whole."""

    def test_filter_and_open(self, visit, isolated):
        """A filter leaves what fits; a row opens its contest, whose votes are the log's."""
        page = visit.open("?run=isolated&page=contests&outcome=majority", ".m-table")
        decided = {e.contest: e for e in read_events(isolated) if isinstance(e, ContestDecided)}
        assert page.locator("tbody tr").count() == sum(e.outcome == "majority" for e in decided.values())
        page.locator("tbody tr a").first.click()
        page.wait_for_selector(".m-outcome")
        event = decided[page.evaluate("new URLSearchParams(location.search).get('contest')")]
        said = page.locator(".m-votes").first.inner_text().split()
        assert [int(word) for word in said if word.isdigit()][: len(event.votes)] == event.votes
        bar, number = page.locator(".m-bar a").first, page.locator(".m-votes b a").first  # both lead to the votes
        assert bar.get_attribute("href") == number.get_attribute("href") != ""
        page.get_by_role("link", name="all contests").click()
        page.wait_for_selector(".m-table")
        assert "outcome=majority" in page.url

    def test_evidence_is_marked(self, visit, isolated):
        """What a probe quotes is marked where it stands in the message."""
        found = next(e for e in read_events(isolated) if isinstance(e, VerdictGiven) and e.label == 1 and e.evidence)
        page = visit.open(f"?run=isolated&page=contests&contest={found.message.rpartition('/')[0]}", ".m-outcome")
        marked = " ".join(page.locator("mark").all_inner_texts())
        assert found.evidence[0] in marked or marked in found.evidence[0]


class TestNumbers:
    """Agents, training and probes show what the analysis computes."""

    def test_agents(self, visit, isolated):
        """Each arm's win rate is the table's."""
        from analysis.tables.evaluation import win_rate

        page = visit.open("?run=isolated&page=agents", ".m-table")
        shown = page.inner_text(".m-table")
        for arm in ("rft", "tfb", "placebo"):
            assert f"{100 * win_rate(read_events(isolated), arm).value:.1f} %" in shown

    def test_training(self, visit):
        """Each adapter has a row: three arms, two epochs."""
        page = visit.open("?run=isolated&page=training", ".m-table")
        assert page.locator(".m-table").first.locator("tbody tr").count() == 6

    def test_probes(self, visit):
        """Rates of every probe that judged something, with intervals."""
        page = visit.open("?run=isolated&page=probes", ".m-table")
        assert "From placebo, points" in page.inner_text("main")
        bars = "[...document.querySelectorAll('.m-interval')].map((each) => [each.getAttribute('href'), each.parentNode.previousSibling.querySelector('a').getAttribute('href')])"
        doors = page.evaluate(bars)
        assert doors and all(bar and bar == number for bar, number in doors), "an interval leads where its number does"


class TestCompare:
    """Two runs side by side."""

    def test_linked_time_and_the_first_difference(self, visit):
        """Moving one graph moves the other; the settings that differ and the first other decision are named."""
        page = visit.open("?run=networked&page=compare&other=other", f"{GRAPH}[data-frame]")
        both = f".m-pair {GRAPH}"
        page.wait_for_function(f"document.querySelectorAll('{both}[data-frame]').length === 2")
        scrub(page, 2, ".m-pair ")
        page.wait_for_function(f"[...document.querySelectorAll('{both}')].every((one) => one.dataset.frame === '2')")
        page.get_by_text("The first decision that differs").wait_for()
        page.get_by_text("show that society").click()
        visit.wait_search("society=train")
        marks = f"{both} .md-mark[aria-label*='first decision that differs']"
        page.wait_for_function("(marks) => document.querySelectorAll(marks).length === 2", arg=marks)
        assert "neutral" in page.locator("table", has_text="Settings that differ").inner_text()


class TestFollowing:
    """A run that is being written is followed, and nobody is moved in time."""

    def test_new_frames_arrive_by_themselves(self, browser, networked, tmp_path):
        """What a writer appends is on the page within seconds, without a reload; the run's folder gets nothing but its layout."""
        pytest.importorskip("solara", reason="the ui extra is not installed")
        events = list(read_events(networked))
        cut = next(e.seq for e in events if isinstance(e, ContestDecided) and e.contest.startswith("evaluate"))
        log = create(tmp_path / "live", json.loads((networked / "run.json").read_text())["config"])
        log.append(events[: cut + 1])
        before = {path for path in (tmp_path / "live").rglob("*") if path.is_file()}
        with serving(tmp_path / "live") as url:
            visit = Visit(browser, url)
            page = visit.graph("?run=live")
            assert "running" in page.inner_text("header")
            there = page.locator(f"{GRAPH} input[type=range]").first.get_attribute("max")
            log.append(events[cut + 1 :])
            log.close()
            more = f"([at, before]) => Number(document.querySelector('{GRAPH} input[type=range]').max) > Number(before)"
            begun = time.monotonic()
            page.wait_for_function(more, arg=[0, there])
            assert time.monotonic() - begun < 10
            page.get_by_text("ended", exact=True).wait_for()
            visit.close()
            assert visit.errors == [] and visit.strays == []
        new = {path for path in (tmp_path / "live").rglob("*") if path.is_file()} - before
        assert {path.parent.name for path in new} <= {"layouts", "parquet", "log", "snap"}

    def test_a_run_that_is_killed_is_live_no_longer(self, browser, networked, tmp_path):
        """While its process lives the graph says Live and the header running; once it is killed neither does, without a reload."""
        pytest.importorskip("solara", reason="the ui extra is not installed")
        command = [sys.executable, "-c", HALF_A_RUN, str(networked), str(tmp_path / "live")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            try:
                assert writer.stdout is not None and writer.stdout.readline()
                with serving(tmp_path / "live") as url:
                    visit = Visit(browser, url)
                    page = visit.graph("?run=live")
                    page.locator(".md-live", has_text="Live").wait_for()
                    assert page.locator("header .is-running").count() == 1
                    writer.kill()
                    page.locator("header .is-stopped").wait_for()
                    page.locator(".md-live").wait_for(state="hidden")
                    strip = page.locator(".m-strip", has_text="without saying why")
                    strip.wait_for()
                    assert f"moloch resume {tmp_path}/live" in strip.inner_text()
                    visit.close()
                    assert visit.errors == [] and visit.strays == []
            finally:
                writer.kill()

    def test_a_page_that_nobody_sees_rests(self, browser, networked, tmp_path):
        """A tab in the background stays as it is while a run goes on, and shows what was missed when it is seen again."""
        pytest.importorskip("solara", reason="the ui extra is not installed")
        events = list(read_events(networked))
        log = create(tmp_path / "live", json.loads((networked / "run.json").read_text())["config"])
        log.append(events[:-2])
        shows = "(said) => document.querySelector('header').innerText.includes(said)"
        turned = """(state) => { Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
            document.dispatchEvent(new Event("visibilitychange")) }"""
        with serving(tmp_path / "live") as url:
            behind, before = Visit(browser, url), Visit(browser, url)
            for visit in (behind, before):
                visit.open("?run=live&page=contests").wait_for_function(shows, arg=f"{len(events) - 2:,}")
            behind.page.evaluate(turned, "hidden")
            behind.page.wait_for_selector(
                '.presence[data-seen="false"]', state="attached"
            )  # the server has heard of it
            for event in events[-2:]:
                log.append([event])
                before.page.wait_for_function(shows, arg=f"{event.seq + 1:,}")
            assert behind.page.evaluate(shows, f"{len(events) - 2:,}")
            behind.page.evaluate(turned, "visible")
            behind.page.wait_for_function(shows, arg=f"{len(events):,}")
            log.close()
            for visit in (behind, before):
                visit.close()
                assert visit.errors == [] and visit.strays == []


class TestDesignedStates:
    """A run that is empty, unfinished or damaged has a sentence, not a traceback."""

    def test_empty_and_damaged(self, browser, isolated, tmp_path):
        """What stands before the damage is shown; what cannot be read is said."""
        pytest.importorskip("solara", reason="the ui extra is not installed")
        config = json.loads((isolated / "run.json").read_text())["config"]
        create(tmp_path / "empty", config).close()
        whole = create(tmp_path / "damaged", config)
        for event in list(read_events(isolated))[:400]:
            whole.append([event])
        whole.close()
        segment = next(Path(tmp_path / "damaged" / "log").glob("*.zst"))
        data = bytearray(segment.read_bytes())
        data[len(data) // 2] ^= 1
        segment.chmod(0o644)
        segment.write_bytes(data)
        with serving(tmp_path / "empty", tmp_path / "damaged") as url:
            visit = Visit(browser, url)
            page = visit.open("")
            assert page.locator(".is-empty").count() == 1 and page.locator(".is-damaged").count() == 1
            assert "Nothing has been written yet" in visit.open("?run=empty").inner_text("main")
            page = visit.open("?run=damaged&page=contests")
            page.wait_for_selector("header .is-damaged")
            assert "Traceback" not in page.inner_text("body")
            visit.close()
            assert visit.errors == [] and visit.strays == []


class TestKey:
    """Whoever opens the printed address is in, and leaves the token behind; nobody else is."""

    @pytest.fixture
    def page(self, browser):
        """A page of a browser that was never here."""
        context = browser.new_context()
        yield context.new_page()
        context.close()

    def test_the_printed_address(self, served, page):
        """Shows the page, without the token in the address bar, for the history or for scripts; other tabs and reloads are in."""
        asked = []
        page.on("request", lambda request: asked.append((request.url, request.headers.get("referer", ""))))
        page.goto(served + "&run=isolated&page=agents")
        page.wait_for_selector(".m-table")
        own, token = served.split("?token=")
        assert "token" not in page.url and "run=isolated" in page.url and page.evaluate("document.cookie") == ""
        assert [url for url, referer in asked[1:] if token in url or token in referer] == []
        cookie = next(each for each in page.context.cookies() if each["value"] == token)
        assert (cookie["httpOnly"], cookie["sameSite"], cookie["name"]) == (
            True,
            "Strict",
            f"moloch-{urlsplit(own).port}",
        )
        other = page.context.new_page()
        other.goto(own)
        other.wait_for_selector("tbody tr")

    def test_nobody_else(self, served, page):
        """Without it a sentence says what to do, and nothing of any run is there."""
        for address in (served.partition("?")[0], served + "x"):
            assert page.goto(address).status == 403
            assert "moloch ui" in page.inner_text("body") and "isolated" not in page.content()

    def test_the_door(self, served, page, tmp_path):
        """The file that `moloch ui` has the browser open leads in, past the rule that keeps cookies from other sites' links."""
        page.goto(door(tmp_path, served + "&run=isolated").as_uri())
        page.wait_for_selector(".m-forest")
        assert page.url == served.partition("?")[0] + "?run=isolated"
        been = page.context.new_cdp_session(page).send("Page.getNavigationHistory")["entries"]
        assert [each["url"] for each in been if "token" in each["url"]] == []

    def test_a_link_of_another_site(self, served, page):
        """Finds the place again in a browser that has the cookie, and stays outside in one that has not."""
        own = served.partition("?")[0]
        page.route(
            "http://elsewhere.example/",
            lambda route: route.fulfill(body=f"<a href='{own}?run=isolated'>a run</a>", content_type="text/html"),
        )
        page.goto("http://elsewhere.example/")
        page.click("a")
        page.wait_for_function("document.body.innerText.includes('key')")
        page.goto(served)
        page.goto("http://elsewhere.example/")
        page.click("a")
        page.wait_for_selector(".m-forest")
        assert page.url == f"{own}?run=isolated"


class TestServing:
    """The server is for this machine, and refuses clearly."""

    def test_other_names_are_refused(self, served):
        """A request under another name, or a socket of another site, gets nothing."""
        from http.client import HTTPConnection

        own, cookie = urlsplit(served).netloc, entered(served)
        port = own.partition(":")[2]
        for headers in ({"Host": f"evil.example:{port}"}, {"Origin": "http://evil.example"}):
            connection = HTTPConnection(own, timeout=10)
            connection.request("GET", "/", headers=headers | {"Cookie": cookie})
            assert connection.getresponse().status == 403


class TestMessage:
    """One message, from its card to its way through the society."""

    def test_from_the_contest_to_the_graph_and_back(self, visit, networked):
        """Two clicks: its page counts its views as the log does, its graph colours as many members, and leads back."""
        most = max(spreads(read_events(networked)), key=lambda each: each.seen * (each.phase == "evaluate"))
        page = visit.open(f"?run=networked&page=contests&contest={quote(most.contest)}", ".m-outcome")
        card = page.locator("article").nth(int(most.message.rpartition("/")[2]))
        card.locator("h2 a").click()
        page.wait_for_selector("#m-way")
        assert f"{most.seen:,} of " in page.inner_text("main")
        page.get_by_role("link", name="Show on the graph").click()
        page.wait_for_selector(f'{GRAPH}[data-frame="{len(most.views)}"]')
        counted = dict(entry.split("\n") for entry in page.locator("button.md-entry").all_inner_texts())
        assert [int(counted[f"Round {r + 1}"]) for r in range(len(most.views))] == most.views
        scrub(page, 0)
        page.locator("label:has-text('Message') select").last.select_option(index=1)
        page.wait_for_selector("text=Members who had seen it, by round")
        page.get_by_role("link", name="The message's page").click()
        page.wait_for_selector("#m-way")
        assert page.locator("main").count() == 1


class TestBehindNumbers:
    """Every number leads to its rows, and each row to its event, by links alone."""

    def test_from_a_win_rate_to_the_root(self, visit, isolated):
        """Win rate, rows, event, cause; the rows come along as a file, in the order that was chosen."""
        page = visit.open("?run=isolated&page=agents", ".m-table")
        page.locator("tbody tr").first.locator("a.m-door").first.click()
        page.wait_for_selector(".m-rows")
        contests = of_run(isolated, "contests").filter(phase="evaluate", arm="rft").collect()
        total = contests.filter(epoch=contests["epoch"].max()).height
        assert page.inner_text(".m-title .soft") == f"{total} rows"
        for way in ("ascending", "descending"):
            page.get_by_role("link", name="decided").click()
            page.wait_for_selector(f"th[aria-sort={way}]")
        with page.expect_download() as coming:
            page.get_by_role("link", name="CSV").click()
        lines = coming.value.path().read_text().splitlines()
        assert lines[0].startswith("seq,step,contest") and len(lines) == total + 1
        seq = lines[1].partition(",")[0]
        page.locator(".m-rows tbody a").first.click()
        page.wait_for_selector(".m-event")
        assert page.inner_text(".m-event h2").startswith(f"Event {int(seq):,}: contest_opened")
        page.locator("ol.m-chain a").last.click()
        page.get_by_text("No other event: it is a root.").wait_for()

    def test_an_event_is_verified(self, visit, isolated):
        """The page shows the log's JSON, its commands, and checks every byte when somebody asks."""
        page = visit.open("?run=isolated&page=event&seq=12", ".m-event")
        wrote = next(each for each in read_events(isolated) if each.seq == 12)
        assert f'"seq": {wrote.seq}' in page.inner_text(".m-json")
        assert f"moloch show {isolated} --event 12" in page.inner_text("main")
        page.get_by_role("button", name="Verify the whole log").click()
        page.get_by_text("events agree with the chain").wait_for()
        page.get_by_role("link", name="next").click()
        visit.wait_search("seq=13")

    def test_a_filter_by_hand(self, visit):
        """A value that a column cannot have is said to be none; one that it can have narrows the rows; a chip takes it away."""
        page = visit.open("?run=isolated&page=rows&frame=verdicts", ".m-rows")
        page.locator("#m-column").select_option("label")
        page.locator("#m-value").fill("yes")
        page.get_by_role("button", name="Filter").click()
        assert "whole number" in page.get_by_role("alert").inner_text()
        page.locator("#m-value").fill("0")
        page.get_by_role("button", name="Filter").click()
        visit.wait_search("where=label%3A0")
        page.get_by_role("link", name="Leave out: label is 0").click()
        page.wait_for_function("!location.search.includes('where')")
        assert "No such rows" in visit.open("?run=isolated&page=rows&frame=gone").inner_text("main")

    def test_code_comes_along(self, visit, isolated):
        """Shown where it is asked for; a table without a file of its own is taken as it stands."""
        page = visit.open("?run=isolated&page=training", ".m-table")
        page.get_by_role("button", name="code").click()
        assert f"open_run({str(isolated)!r}).frame('training')" in page.inner_text(".m-code")
        page = visit.open("", "tbody tr")
        with page.expect_download() as coming:
            page.get_by_role("button", name="CSV").click()
        assert coming.value.path().read_text().startswith("Run,State,")

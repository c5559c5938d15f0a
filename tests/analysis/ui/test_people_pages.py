"""People and Compare in a browser: each question is answered within three clicks of its tab."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from abm.events import RunEnded
from abm.llm import ScriptedLLM
from abm.log import create
from tests.learning.test_loop import carry_out
from tests.learning.test_run_surveys import settings
from tests.support.minds_log import minds_log
from tests.support.questionnaires import respond
from tests.support.stub_server import stub_server
from tests.support.ui_server import Visit, serving

pytestmark = pytest.mark.browser
MAP = ".m-map .moloch-diffusion[data-frame]"


@pytest.fixture(scope="module")
def served(isolated, tmp_path_factory):
    """``moloch ui`` on a run with three arms, and on a log by hand in which two minds change."""
    pytest.importorskip("solara", reason="the ui extra is not installed")
    events = minds_log()
    folder = tmp_path_factory.mktemp("minds") / "minds"
    with create(folder, events[0].config) as log:
        log.append([*events, RunEnded(digest="0", seconds=1.0)])
    with serving(isolated, folder) as url:
        yield url


@pytest.fixture
def visit(browser, served):
    """A page on them; it ends without a complaint of the console and without a request to another host."""
    found = Visit(browser, served)
    yield found
    found.close()
    assert found.errors == [] and found.strays == []


def asked(page) -> dict[str, str]:
    """Return what the address says."""
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


class TestPeople:
    """Who changed its mind and why: one click for the sentence, one more for the moment."""

    def test_who_changed_its_mind(self, visit):
        """The tab shows who, after what and with whom; the sentence leads into the story, where the moment is marked."""
        page = visit.open("?run=minds&page=persona", ".m-split")
        page.get_by_role("link", name="People", exact=True).click()
        page.wait_for_selector(".m-people .m-table")
        row = page.locator("tbody tr", has_text="Ben")
        assert "through Ann" in row.inner_text() and "2 members of 4 changed their mind" in page.inner_text("main")
        row.get_by_role("link", name="from base to rft").click()
        page.wait_for_selector(".m-note-line.here")
        assert "Changed its mind" in page.inner_text(".m-note-line.here")
        assert page.locator("aside h2").inner_text() == "Ben" and "Poll after round 1" in page.inner_text("main")
        page.go_back()
        page.wait_for_selector(".m-people .m-table")

    def test_a_column_sorts_and_a_name_stays_text(self, visit):
        """The order is in the address, and is said to who cannot see it; by keyboard, too."""
        page = visit.open("?run=minds&page=people", ".m-people .m-table")
        page.get_by_role("link", name="Member", exact=True).focus()
        page.keyboard.press("Enter")
        visit.wait_search("sort=name")
        page.wait_for_selector("th[aria-sort=ascending]")
        assert page.locator("tbody tr").first.inner_text().startswith("<b>Dee</b>")

    def test_the_most_misleading_message_that_reached_most(self, visit):
        """It is the first row of the second table."""
        page = visit.open("?run=minds&page=people", ".m-people .m-table")
        page.get_by_role("link", name="Messages", exact=True).click()
        page.locator("th", has_text="Found by probes").wait_for()  # the phone's list of orders has it, too
        first = page.locator("tbody tr").first
        assert "misrepresentation" in first.inner_text() and "Buy the best soap" in first.inner_text()
        to = parse_qs(urlsplit(first.get_by_role("link").first.get_attribute("href")).query)
        assert (to["page"], to["slot"]) == (["message"], ["1"])

    def test_on_a_phone(self, browser, served):
        """No table is wider than the page: a row is a card."""
        visit = Visit(browser, served, width=390, height=844)
        page = visit.open("?run=minds&page=people", ".m-people .m-table")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert page.locator("td[data-label='Changes']").first.is_visible()
        visit.close()


class TestArms:
    """Two arms about one anchor: the tab shows it."""

    def test_one_anchor_side_by_side(self, visit):
        """Difference with its interval, the messages of all arms, who chose differently; the map's slider goes through the anchors."""
        page = visit.open("?run=isolated&page=compare", MAP)
        assert "of the same people’s votes" in page.inner_text(".m-compare")
        names = page.locator(".m-versus h3").all_inner_texts()
        assert len(names) >= 3 and any(name.startswith("base") for name in names)
        before = page.locator("#m-anchor").input_value()
        page.get_by_role("link", name="Next anchor").click()
        page.wait_for_function("before => document.querySelector('#m-anchor').value !== before", arg=before)
        page.wait_for_selector(".m-map .moloch-diffusion[data-frame='1']")
        assert asked(page)["contest"] == page.locator("#m-anchor").input_value()
        page.locator(".m-controls select").nth(2).select_option(index=1)
        visit.wait_search("against=")
        page.wait_for_selector(MAP)


class TestInterview:
    """A conversation near the persona's name."""

    def test_it_goes_on_after_a_reload(self, browser, tmp_path):
        """Question and answer stand there when the page is opened again, and the next question continues them."""
        pytest.importorskip("solara", reason="the ui extra is not installed")
        carry_out(tmp_path / "asked", settings(tmp_path), llm=ScriptedLLM(respond))
        with stub_server() as llm, serving(tmp_path / "asked", "--llm", llm) as url:
            visit = Visit(browser, url)
            for question, before in (("Why so?", 0), ("And then?", 1)):
                page = visit.open("?run=asked&page=persona&society=evaluate%2Frft%2F1&persona=4", ".m-interview form")
                said = page.locator(".m-interview .m-said")
                assert said.count() == before
                page.get_by_label("Question").fill(question)
                page.get_by_role("button", name="Ask", exact=True).click()
                said.nth(before).wait_for()
                assert question in said.nth(before).inner_text()
            page.get_by_role("button", name="New conversation").click()
            page.get_by_text("Earlier conversation").wait_for()
            page.get_by_label("Question").fill("Really")
            page.keyboard.press("Shift+Enter")  # a new line, and no question yet
            page.keyboard.type("now?")
            page.keyboard.press("Enter")
            page.locator(".m-interview .m-said", has_text="now?").first.wait_for()
            visit.close()
            assert visit.errors == []

"""Result, the list and a study in a browser: what opens first, where numbers lead, what appears by itself, at any width."""

from __future__ import annotations

import json
import shutil

import pytest

from abm.events import ContestDecided
from abm.log import create, read_events
from analysis.answers import answer
from analysis.tables.results import results
from tests.support.ui_server import Visit, serving

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def served(folder):
    """``moloch ui FOLDER``."""
    pytest.importorskip("solara", reason="the ui extra is not installed")
    with serving(folder) as url:
        yield url


@pytest.fixture
def visit(browser, served):
    """A page on them; it ends without a complaint of the console and without a request to another host."""
    found = Visit(browser, served)
    yield found
    found.close()
    assert found.errors == [] and found.strays == []


class TestList:
    """The list of runs and studies."""

    def test_studies_are_one_row_and_results_come(self, visit):
        """With what they came to; what a preregistered study found before its end is not there."""
        page = visit.open("", ".m-list")
        assert page.locator("tbody tr").count() == 4
        page.locator("tbody tr", has_text="small").get_by_text("rft beyond placebo").wait_for()
        assert "hidden until its end" in page.locator("tbody tr", has_text="declared").inner_text()

    def test_filter_and_order(self, visit):
        """Both are in the address."""
        page = visit.open("", ".m-list")
        page.get_by_placeholder("rft ended sales").fill("study ended")
        page.get_by_role("button", name="Filter").click()
        page.wait_for_function("document.querySelectorAll('tbody tr').length === 1")
        page.goto(page.url.partition("?")[0])
        page.get_by_role("link", name="Size").click()
        visit.wait_search("sort=-size")
        page.locator("th[aria-sort=descending]", has_text="Size").wait_for()

    def test_a_phone_sorts_too(self, browser, served):
        """Where a row is a card there are no heads: a control chooses the column, and turns the order round."""
        visit = Visit(browser, served, width=390, height=844)
        page = visit.open("", ".m-list")
        page.get_by_label("Sort by").select_option("Size")
        visit.wait_search("sort=-size")
        page.get_by_role("link", name="Now descending").click()
        page.wait_for_function("!location.search.includes('-size')")
        assert page.get_by_label("Sort by").input_value() == "Size"
        visit.close()
        assert visit.errors == []

    def test_a_run_that_begins_appears(self, visit, folder, isolated):
        """By itself, in a folder that was named."""
        page = visit.open("", ".m-list")
        log = create(folder / "later", {"arena": "sales"})
        try:
            page.get_by_role("link", name="later", exact=True).wait_for()
        finally:
            log.close()
            shutil.rmtree(folder / "later")


class TestResult:
    """A run opens on what it came to."""

    def test_the_answer_first_and_its_numbers_lead_to_rows(self, visit, isolated):
        """The sentences are those of the command; the first number leads to the evaluation contests of its arm."""
        page = visit.open("?run=isolated", ".m-answer")
        said = [each.text for each in answer(results(read_events(isolated))) if each.kind == "finding"]
        assert page.locator(".m-answer p").all_inner_texts() == said
        page.locator(".m-answer a").first.click()
        visit.wait_search("page=rows", "frame=contests", "arm=rft", "phase=evaluate")

    def test_it_follows_a_run(self, browser, isolated, tmp_path):
        """What is evaluated while the page is open appears by itself; until the run has ended it is preliminary."""
        pytest.importorskip("solara", reason="the ui extra is not installed")
        events = list(read_events(isolated))
        cut = max(each.seq for each in events if isinstance(each, ContestDecided)) - 1
        log = create(tmp_path / "live", json.loads((isolated / "run.json").read_text())["config"])
        log.append(events[:cut])
        with serving(tmp_path / "live") as url:
            visit = Visit(browser, url)
            page = visit.open("?run=live", ".m-answer")
            page.get_by_text("Preliminary").wait_for()
            before = page.inner_text(".m-answer")
            log.append(events[cut:])
            log.close()
            page.get_by_text("Preliminary").wait_for(state="detached")
            page.wait_for_function("(before) => document.querySelector('.m-answer').innerText !== before", arg=before)
            visit.close()
            assert visit.errors == [] and visit.strays == []


class TestStudy:
    """A study's page."""

    def test_from_the_list_to_a_cell_and_back(self, visit):
        """Its answer, its cells, a cell's own result, and the way back to the study."""
        page = visit.open("", ".m-list")
        page.get_by_role("link", name="small", exact=True).click()
        page.wait_for_selector(".m-forest")
        assert page.locator("h1").inner_text() == "small" and page.locator(".m-forest").count() >= 4
        page.locator(".m-list tbody a").first.click()
        page.wait_for_selector(".m-answer")
        page.get_by_role("link", name="small", exact=True).click()
        page.wait_for_selector(".m-list")
        visit.wait_search("study=small")

    def test_another_page_begins_at_its_top(self, visit):
        """Somebody far down in the cells clicks a number, and sees the heading of its rows; another order of the cells moves nothing."""
        page = visit.open("?study=small", ".m-list .m-estimate .m-door")
        page.set_viewport_size({"width": 1000, "height": 500})
        page.evaluate("scrollTo(0, 10 ** 6)")
        page.wait_for_function("scrollY > 200")
        clicked = "(link) => { link.click(); return scrollY; }"
        assert page.locator(".m-list th a").first.evaluate(clicked) > 200
        visit.wait_search("sort=-cell")
        assert page.locator(".m-list .m-estimate .m-door").last.evaluate(clicked) == 0
        visit.wait_search("page=rows")

    def test_effects_of_a_preregistered_one_are_hidden(self, visit):
        """Before its end the page shows its cells, and no number of what they found."""
        page = visit.open("?study=declared", ".m-list")
        page.get_by_text("Effects are hidden until its end").wait_for()
        text = page.inner_text("main")
        assert "1 of 12 cells have ended" in text and "points" not in text and page.locator(".m-forest").count() == 0

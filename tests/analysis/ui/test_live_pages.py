"""A run that is written is followed into its next phase; every page has a name, a language and a landmark, and fits a phone."""

from __future__ import annotations

import json

import pytest

from abm.events import AdapterTrained, RunEnded, StepStarted
from abm.log import create, read_events
from analysis.ui.pages.table import BODIES
from tests.support.ui_server import Visit, serving

pytestmark = pytest.mark.browser
GRAPH = ".moloch-diffusion"
SOCIETY = "(value) => document.querySelector('select').value === value"
AT_LAST_FRAME = f"""() => {{ const [graph, scrubber] = ["{GRAPH}", "{GRAPH} input[type=range]"].map((each) => document.querySelector(each));
    return graph && scrubber && graph.dataset.frame === scrubber.max }}"""
FOLLOW = ".m-switch input"


@pytest.fixture(scope="module")
def served(networked):
    """``moloch ui`` on one run."""
    pytest.importorskip("solara", reason="the ui extra is not installed")
    with serving(networked) as url:
        yield url


def test_into_the_next_phase_unless_somebody_moved(browser, networked, tmp_path):
    """The page goes from training to evaluation by itself; who moved in time stays there, and a switch follows again."""
    pytest.importorskip("solara", reason="the ui extra is not installed")
    events = list(read_events(networked))
    starts = [event.seq for event in events if isinstance(event, StepStarted)]
    phases = [event.phase for event in events if isinstance(event, StepStarted)]
    first = phases.index("evaluate")
    log = create(tmp_path / "live", json.loads((networked / "run.json").read_text())["config"])
    log.append(events[: starts[first]])
    with serving(tmp_path / "live") as url:
        visit = Visit(browser, url)
        page = visit.graph("?run=live&page=diffusion")
        page.wait_for_function(SOCIETY, arg="train/shared/1")
        page.locator(".m-strip", has_text="steps and trainings").wait_for()
        log.append(events[starts[first] : -1])
        page.wait_for_function(SOCIETY, arg="evaluate/rft/1")
        page.locator(".md-live", has_text="Live").wait_for()
        page.wait_for_function(AT_LAST_FRAME)
        page.locator(f"{GRAPH} .md-stage").focus()
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("[")
        page.wait_for_function(f"!document.querySelector('{FOLLOW}').checked")
        visit.wait_search("held=1", "society=evaluate%2Frft%2F1")
        page.locator(FOLLOW).check()
        page.wait_for_function("!location.search.includes('held')")
        log.append(events[-1:])
        page.locator("header", has_text="ended").wait_for()
        page.locator(".m-strip").wait_for(state="detached")
        assert page.evaluate(SOCIETY, "evaluate/rft/1") and isinstance(events[-1], RunEnded)
        visit.close()
        assert visit.errors == [] and visit.strays == []
    log.close()


def test_every_page_has_a_name_a_language_and_one_landmark(browser, served):
    """It may be enlarged; on a phone nothing is wider than the screen, and no cell of a table narrower than a word."""
    visit = Visit(browser, served, width=390, height=844)
    for name in (each for each in BODIES if each not in ("event", "rows", "message")):
        page = visit.open(f"?run=networked&page={name}", "main")
        page.wait_for_function("(name) => document.title.toLowerCase().startsWith(name)", arg=name)
        assert page.title().endswith(" · networked · Moloch")
        looked = page.evaluate(
            """() => ({ lang: document.documentElement.lang, mains: document.querySelectorAll("main").length,
            fixed: document.querySelector("meta[name=viewport]").content.includes("scalable=no"),
            wide: document.documentElement.scrollWidth - innerWidth,
            narrow: [...document.querySelectorAll(".m-table td:not(.num)")].filter((cell) => cell.innerText && cell.offsetWidth < 60).length })"""
        )
        assert looked == {"lang": "en", "mains": 1, "fixed": False, "wide": 0, "narrow": 0}, name
    visit.close()
    assert visit.errors == [] and visit.strays == []


def test_lineage(browser, served, networked):
    """Each adapter is a node of the tree, with its share of votes, which leads to the rows behind it."""
    trained = [event for event in read_events(networked) if isinstance(event, AdapterTrained)]
    visit = Visit(browser, served)
    page = visit.open("?run=networked&page=training", ".m-node >> text=wins over base")
    assert page.locator(".m-node").count() == 1 + len({(each.arm, each.epoch) for each in trained})
    assert page.locator(".m-node", has_text=trained[-1].adapter).count() == 1
    page.locator(".m-node b a").first.click()
    visit.wait_search("page=rows")
    visit.close()
    assert visit.errors == []

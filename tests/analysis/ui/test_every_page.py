"""Every page, at three widths, light and dark: everybody can read it, it is as wide as its window, and it asks nobody else."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from abm.events import Reacted
from abm.log import read_events
from analysis.ui.pages.table import BODIES
from tests.support.accessibility import faults
from tests.support.ui_server import Visit, serving

pytestmark = pytest.mark.browser
SHOWN = ((1440, "light"), (1440, "dark"), (1024, "dark"), (1024, "light"), (390, "light"), (390, "dark"))
SAME = ((1440, "dark"), (1024, "light"), (390, "dark"))
"""Where a width was looked at before in other colours: only contrast can differ."""
CARDS = {"training", "probes", "agents", "rows", "study rows", "messages", "contests", "people"}
"""Whose tables are cards on a phone: none of them scrolls sideways there."""
SCROLL = "[...document.querySelectorAll('.m-scroll')].filter((each) => each.scrollWidth > each.clientWidth + 1).length"
GRAPH = ".moloch-diffusion[data-frame]"
PAGES = {
    "list": ({"run": ""}, ".m-list"),
    "study": ({"run": "", "study": "small"}, ".m-forest"),
    "study rows": ({"run": "", "study": "small", "page": "rows", "frame": "contests"}, ".m-rows"),
    "hidden study": ({"run": "", "study": "declared"}, ".m-list"),
    "result": ({"run": "isolated"}, ".m-forest"),
    "diffusion": ({"page": "diffusion"}, GRAPH),
    "no run": ({"run": "gone"}, ".m-empty"),
    "reach": ({"page": "diffusion", "fill": "reach"}, ".m-spread"),
    "people": ({"page": "people"}, ".m-people .m-table"),
    "persona": ({"page": "persona", "persona": "{persona}"}, ".m-story"),
    "messages": ({"page": "people", "frame": "messages"}, ".m-people .m-table"),
    "agents": ({"page": "agents"}, ".m-table"),
    "polls": ({"page": "people", "frame": "polls"}, ".m-people"),
    "contests": ({"page": "contests"}, ".m-table"),
    "arms": ({"run": "isolated", "page": "compare"}, GRAPH),
    "contest": ({"page": "contests", "contest": "{contest}"}, ".m-outcome"),
    "training": ({"page": "training"}, ".m-node"),
    "probes": ({"run": "isolated", "page": "probes"}, ".m-table"),
    "compare": ({"page": "compare", "other": "isolated"}, "text=Settings that differ"),
    "event": ({"page": "event", "seq": "12"}, ".m-event"),
    "rows": ({"page": "rows", "frame": "messages"}, ".m-rows"),
    "hidden rows": ({"run": "", "study": "declared", "page": "rows"}, "text=before its end"),
    "message": ({"page": "message", "contest": "{contest}", "slot": "0", "frame": "seen"}, ".m-seen"),
}  # fmt: skip
"""Page -> its address, and what is waited for; pages that stand beside each other have different titles."""


@pytest.fixture(scope="module")
def visit(browser, folder):
    """One visit to all of them."""
    pytest.importorskip("solara", reason="the ui extra is not installed")
    with serving(folder) as url:
        found = Visit(browser, url)
        found.open("?run=isolated", ".m-forest")
        yield found
        found.close()


@pytest.fixture(scope="module")
def read(networked):
    """A contest that was decided, and somebody who voted in it."""
    voted = [
        each for each in read_events(networked) if isinstance(each, Reacted) and each.contest.startswith("evaluate")
    ]
    return voted[-1].contest, voted[-1].persona


def test_all_pages_are_here():
    """One that is added has to be."""
    assert {more.get("page", "result") for more, _ in PAGES.values()} == set(BODIES)


@pytest.mark.parametrize("name", PAGES)
def test_everybody_can_read_it(visit, read, name):
    """Axe-core finds nothing, nothing is cut off, the console is quiet, and no other host is asked."""
    contest, persona = read
    more, wait = PAGES[name]
    values = {
        key: value.format(contest=contest, persona=persona) for key, value in ({"run": "networked"} | more).items()
    }
    page = visit.move(f"?{urlencode({key: value for key, value in values.items() if value})}", wait)
    found = {}
    for width, scheme in SHOWN:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        page.wait_for_function(f"document.querySelector('.v-application').classList.contains('theme--{scheme}')")
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        aside = page.evaluate(SCROLL) if width == 390 and name in CARDS else 0
        wrong = faults(page, "color-contrast" if (width, scheme) in SAME else "")
        if wrong := [*wrong, *[f"{wide} pixels too wide"] * (wide > 0), *[f"{aside} tables scroll"] * bool(aside)]:
            found[width, scheme] = wrong
    assert found == {}
    assert visit.errors == [] and visit.strays == []

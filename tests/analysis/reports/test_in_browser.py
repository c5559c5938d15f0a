"""What a report promises in Chromium: opened from a file it asks for nothing and complains of nothing, everybody can read it, and it prints whole."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from analysis.reports.html import _style, html
from analysis.reports.plates import figure_blocks
from analysis.reports.run_report import run_report
from analysis.reports.study_report import study_report
from tests.analysis.reports.runs import HOSTILE, write_run
from tests.analysis.reports.test_study_report import PAGE
from tests.analysis.studies import small
from tests.support.accessibility import faults

pytestmark = pytest.mark.browser
DOCS = Path(__file__).parents[3] / "docs" / "studies" / "preregistered" / "report.html"


@pytest.fixture(scope="module", params=["run", "study"])
def file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a run whose texts are hostile, or of a study that registered hypotheses, with their figures."""
    folder: Path = tmp_path_factory.mktemp("reports") / "of"
    if request.param == "study":
        small.carry_out(folder, small.plan(folder, PAGE))
        made = study_report(folder, tuple(figure_blocks(folder)))
    else:
        write_run(folder, text=HOSTILE)
        made = run_report(folder, tuple(figure_blocks(folder)))
    out = folder.with_name(f"{request.param}.html")
    out.write_text(html(made), "utf-8")
    return out


def opened(browser: Any, file: Path, **context: Any) -> tuple[Any, list[str]]:
    """Open a report from its file; return the page, and what the console said and what was asked for beside it."""
    page = browser.new_context(**context).new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda asked: said.append(asked.url) if asked.url.split("#")[0] != file.as_uri() else None)
    page.goto(file.as_uri())
    return page, said


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_read_it(browser: Any, file: Path, scheme: str) -> None:
    """Axe-core finds no fault, with every fold open; the console is silent, and nothing is asked for."""
    page, said = opened(browser, file, color_scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert said == []
    assert faults(page) == []
    page.context.close()


def test_on_a_phone(browser: Any, file: Path) -> None:
    """The page itself does not scroll sideways: what is wider scrolls within its frame."""
    page, _ = opened(browser, file, viewport={"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.context.close()


def test_hypotheses_on_a_small_screen(browser: Any, tmp_path: Path) -> None:
    """The table of the study that docs show, in today's style, is not cut off at 1024 pixels."""
    whole = DOCS.read_text("utf-8")
    file = tmp_path / "report.html"
    file.write_text(re.sub(r"<style>.*?</style>", lambda _: f"<style>{_style()}</style>", whole, flags=re.S), "utf-8")
    page, _ = opened(browser, file, viewport={"width": 1024, "height": 768})
    board = page.locator(".board[aria-label=Hypotheses]")
    assert board.count() == 1 and board.evaluate("(each) => each.scrollWidth <= each.clientWidth")
    page.context.close()


def test_on_paper(browser: Any, file: Path) -> None:
    """The ground is light in a dark system, too, and nothing is wider than the paper, not even what was open."""
    page, _ = opened(browser, file, color_scheme="dark", viewport={"width": 680, "height": 960})  # A4 less its margins
    page.emulate_media(media="print", color_scheme="dark")
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    wide = page.evaluate(
        "[...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1)"
        ".map(e => `${e.tagName} ${e.className} ${e.textContent.slice(0, 40)}`)"
    )
    assert wide == []
    page.context.close()

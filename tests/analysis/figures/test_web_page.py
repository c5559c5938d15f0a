"""Interactive figures: one file that fetches nothing, in the reader's light or dark."""

from __future__ import annotations

import re

import pytest

pytest.importorskip("altair")

from analysis.figures import web_page
from analysis.figures.palette import dark_of
from analysis.figures.registry import FIGURES
from tests.analysis.figures import made_up

SCHEMA = "https://vega.github.io/schema/"
"""The name of the format, which is not fetched."""


@pytest.fixture
def chart():
    kind = FIGURES.get("epochs")
    return kind.chart(kind.content(made_up.subject(2)))


class TestPage:
    """Text alone, without what draws it."""

    @pytest.fixture(autouse=True)
    def _without_library(self, monkeypatch):
        monkeypatch.setattr(web_page, "library", lambda: "/* library */")

    @pytest.mark.system
    def test_nothing_is_fetched(self, chart):
        """No address but the name of the format."""
        page = web_page.web_page("Curves", "A caption.", chart)
        assert all(address.startswith(SCHEMA) for address in re.findall(r"https?://[^\"'\s)]+", page))
        assert not re.findall(r"<(?:link|script|img)[^>]+(?:href|src)=[\"'](?!data:)", page)

    @pytest.mark.system
    def test_text_is_no_markup(self, chart):
        """Of a caption, and of a value that tries to end the script."""
        import altair as alt

        evil = alt.Chart(alt.Data(values=[{"x": "</script><script>alert(1)</script>"}])).mark_point().encode(x="x:N")
        page = web_page.web_page("<b>", "a < b", evil)
        assert "<b>" not in page and "a &lt; b" in page
        assert "</script><script>alert" not in page

    @pytest.mark.system
    def test_every_colour_has_one_for_the_dark(self, chart):
        """So that nothing vanishes there."""
        colours = set(re.findall(r"#[0-9a-f]{6}", str(web_page.specification(chart))))
        assert colours and colours <= dark_of().keys()


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_opens_from_a_file_without_a_fault(browser, chart, tmp_path, scheme):
    """In Chromium: marks are drawn, nothing is asked of any server, the console is silent."""
    path = tmp_path / "epochs.html"
    path.write_text(web_page.web_page("Curves", "A caption.", chart))
    page, said = browser.new_context(color_scheme=scheme).new_page(), list[str]()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: said.append(request.url))
    page.goto(path.as_uri())
    page.wait_for_selector(f"body[data-drawn={scheme}]")
    assert page.locator("#chart svg path[aria-roledescription='point']").count() > 4
    assert [each for each in said if not each.startswith(("file:", "data:"))] == []
    page.context.close()

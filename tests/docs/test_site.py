"""The site holds every page, its reference every public name. ``make docs`` checks the built pages (tests/docs/site.py)."""

from __future__ import annotations

import pytest

from tests.docs import site


@pytest.mark.system
def test_every_door_has_a_place_in_the_reference():
    """A module with ``__all__`` is asked for by a page under docs/reference; the generator then lists all its names."""
    assert sorted({*site.doors(), *site.modules_behind().values()} - site.directives()) == []


def test_the_reference_asks_for_nothing_else():
    """A module that went, or lost its ``__all__``, leaves the reference too."""
    assert sorted(site.directives() - {*site.doors(), *site.modules_behind().values()}) == []


def test_the_navigation_leads_to_every_page():
    """Decisions are listed by a pattern; another new page needs its line in zensical.toml."""
    assert site.unlisted_pages() == []


def test_a_name_that_is_not_in_the_pages_is_named(tmp_path):
    """The check of the built site fails on a page that lost its names."""
    page = tmp_path / "reference" / "learning.html"
    page.parent.mkdir()
    page.write_text('<h3 id="learning.run">run</h3>')
    missing = site.missing_names(tmp_path)
    assert "learning.fork" in missing and "learning.run" not in missing


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("page.html", '<script src="https://unpkg.com/mermaid.js"></script>'),
        ("page.html", '<link rel="stylesheet" href="//fonts.googleapis.com/css?family=Roboto">'),
        ("page.html", "<img src=https://host/badge.svg>"),
        ("style.css", "@import url(https://fonts.googleapis.com/css2)"),
    ],
)
def test_what_is_loaded_from_another_host_is_named(name, text, tmp_path):
    """Scripts, style sheets, fonts and pictures have to come with the site."""
    (tmp_path / name).write_text(text)
    assert site.outside_loads(tmp_path)


def test_links_and_own_files_are_not_loads(tmp_path):
    """A link to another site is followed by a reader, not loaded by the page."""
    (tmp_path / "page.html").write_text('<a href="https://arxiv.org">paper</a><img src="ui/persona.png">')
    assert site.outside_loads(tmp_path) == []

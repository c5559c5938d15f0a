"""Language models that read the documentation find all of it in ``docs/llms.txt``."""

from __future__ import annotations

import re

import pytest

from tests.docs import llms, site


def test_the_file_is_that_of_the_navigation_and_the_pages():
    """A page that is new, moved or begins otherwise changes it: ``python -m tests.docs.llms`` writes it again."""
    assert llms.FILE.read_text("utf-8") == llms.text()


def test_every_page_but_decisions_has_its_line():
    """With a title and a sentence; links are relative to the docs, and so to the site."""
    lines = re.findall(r"^- \[(.+?)\]\((.+?)\): (.+)$", llms.text(), re.MULTILINE)
    pages = {page.relative_to(site.ROOT / "docs").as_posix() for page in (site.ROOT / "docs").rglob("*.md")}
    assert {page for _, page, _ in lines} - {"decisions/index.md"} == {
        p for p in pages if not p.startswith("decisions/")
    }
    assert [page for title, page, said in lines if not title or len(said) < 20] == []


def test_a_page_without_a_paragraph_is_named(tmp_path):
    """Its author is asked for a sentence that says what the page is about."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "bare.md").write_text("# Bare\n\n```sh\nmoloch run\n```\n\n- a list\n")
    with pytest.raises(ValueError, match=r"docs/bare\.md"):
        llms.said_first("bare.md", tmp_path)

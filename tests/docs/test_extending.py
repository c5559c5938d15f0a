"""The files to copy of docs/extending keep the promises of their kinds: each page's own test is collected here.

That they work in a run and in its replay is tried by the pages' commands (tests/docs/test_snippets.py).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.docs.parts import PARTS, forgotten
from tests.docs.snippets import ROOT, blocks, pages

EXTENDING = [page for page in pages() if page.startswith("docs/extending/")]


def suites() -> dict[str, type]:
    """Return the test classes that the pages show, by name."""
    classes: dict[str, type] = {}
    here = Path.cwd()
    with forgotten():
        os.chdir(PARTS)
        sys.path.insert(0, str(PARTS))
        try:
            for block in (block for page in EXTENDING for block in blocks(page) if "Conformance" in block.code):
                namespace = {"__name__": __name__}
                exec(compile("\n" * block.line + block.code, str(ROOT / block.page), "exec"), namespace)
                classes |= {name: value for name, value in namespace.items() if name.startswith("Test")}
        finally:
            os.chdir(here)
    return classes


SUITES = suites()
globals().update(SUITES)


@pytest.fixture(autouse=True)
def _in_the_folder_of_the_parts(monkeypatch):
    monkeypatch.chdir(PARTS)


def test_every_page_shows_the_suite_of_its_kind():
    """One page per kind. The index is none, and a class of agents has no promises but those of its base."""
    shown = {block.page for page in EXTENDING for block in blocks(page) if "Conformance" in block.code}
    assert sorted(shown) == [page for page in EXTENDING if not page.endswith(("index.md", "member.md"))]
    assert len(SUITES) == len(shown)


def test_every_file_is_copied_by_a_page():
    """None lies there unread."""
    sources = {block.code for page in EXTENDING for block in blocks(page)}
    unread = [
        path.name for path in sorted(PARTS.iterdir()) if path.is_file() and path.read_text().strip() not in sources
    ]
    assert unread == [] and len(sources) > len(EXTENDING)

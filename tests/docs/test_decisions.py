"""The index of decisions leads to each of them, by its title."""

from __future__ import annotations

import re

from tests.docs.site import ROOT

DECISIONS = ROOT / "docs" / "decisions"


def test_each_decision_has_its_line_and_its_number():
    """Once, under its subject; a new decision needs a line in ``docs/decisions/index.md``."""
    index = (DECISIONS / "index.md").read_text("utf-8").split("\n## ", 2)[2]  # behind those to begin with
    lines = re.findall(r"^- \[(\d{4})\]\((\1-[\w-]+\.md)\): (.+)$", index, re.MULTILINE)
    heads = {page.name: page.read_text("utf-8").partition("\n")[0] for page in DECISIONS.glob("0*.md")}
    assert sorted(name for _, name, _ in lines) == sorted(heads)
    assert {name: f"# {number}: {title}" for number, name, title in lines} == heads

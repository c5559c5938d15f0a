"""Pages that name a test as the proof of something name one that exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"`(tests/[\w/]+\.py(?:::\w+)*)`")
PLACES = sorted(
    {(page, each) for page in (ROOT / "docs").glob("*.md") for each in NAMED.findall(page.read_text("utf-8"))}
)


def missing(place: str, root: Path = ROOT) -> str:
    """Return the first part of a test's name that does not exist; nothing where all do."""
    file, *names = place.split("::")
    if not (root / file).is_file():
        return file
    body = ast.parse((root / file).read_text("utf-8")).body
    for name in names:
        found = [each for each in body if isinstance(each, ast.ClassDef | ast.FunctionDef) and each.name == name]
        if not found:
            return name
        body = found[0].body
    return ""


@pytest.mark.parametrize("place", sorted({place for _, place in PLACES}))
def test_it_exists(place):
    """The file, the class and the function."""
    assert missing(place) == ""


def test_one_that_does_not_is_seen():
    """By the part that is wrong."""
    assert missing("tests/docs/test_gone.py") == "tests/docs/test_gone.py"
    assert missing("tests/docs/test_tests_named.py::test_gone") == "test_gone"
    assert missing("tests/docs/test_tests_named.py::test_it_exists") == ""

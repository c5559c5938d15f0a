"""``docs/llms.txt``: the pages of the site for readers that are language models, a line each (https://llmstxt.org).

Made from the navigation of ``zensical.toml`` and the pages themselves, so that it needs no words of its own. Write it again:
``python -m tests.docs.llms``. Decisions are many; the line of their index stands for them.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.docs.site import ROOT

FILE = ROOT / "docs" / "llms.txt"

_NO_TEXT = ("#", "```", "<!--", "|", "!", ":", "-", "*")
_LINK = re.compile(r"\[([^\]]+)\]\([^)]*\)")
_SENTENCE = re.compile(r"(?<=[.?!])\s+(?=[A-Z`*])")
_ENOUGH = 60


def text(root: Path = ROOT) -> str:
    """Return what the file has to hold."""
    site = tomllib.loads((root / "zensical.toml").read_text("utf-8"))["project"]
    lines = [f"# {site['site_name']}", "", f"> {site['site_description']}", ""]
    for section in site["nav"]:
        for name, entries in section.items():
            lines += [f"## {name}", "", *(line(page, root) for page in _pages(entries) if "*" not in page), ""]
    return "\n".join(lines)


def line(page: str, root: Path = ROOT) -> str:
    """Return a page's line: its title as a link, and how its text begins."""
    return f"- [{heading(page, root)}]({page}): {said_first(page, root)}"


def heading(page: str, root: Path = ROOT) -> str:
    """Return the title of a page, without its code marks."""
    first = (root / "docs" / page).read_text("utf-8").lstrip().splitlines()[0]
    return first.removeprefix("# ").replace("`", "")


def said_first(page: str, root: Path = ROOT) -> str:
    """Return the first sentence of the page's first paragraph, without links and marks, or as many as say something.

    Raises:
        ValueError: the page has no paragraph.
    """
    for block in re.split(r"\n\s*\n", _without_fences((root / "docs" / page).read_text("utf-8"))):
        plain = " ".join(_LINK.sub(r"\1", block).replace("**", "").split())
        if not plain or plain.startswith(_NO_TEXT):
            continue
        said, *more = _SENTENCE.split(plain)
        while more and len(said) < _ENOUGH:
            said += " " + more.pop(0)
        return said.removesuffix(":").removesuffix(".") + ("" if said.endswith(("?", "!")) else ".")
    raise ValueError(f"docs/{page}: no paragraph, so that nothing says what the page is about")


def _without_fences(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)


def _pages(entries: Any) -> Iterator[str]:
    for entry in [entries] if isinstance(entries, (str, dict)) else entries:
        if isinstance(entry, str):
            yield entry
        else:
            for below in entry.values():
                yield from _pages(below)


if __name__ == "__main__":
    FILE.write_text(text(), "utf-8")
    print(FILE)

"""Pages as texts of HTML: every text of a log is escaped, and a policy in each page forbids what is not the site's own.

Scripts and styles come from files of the site; nothing is asked of any host.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment

_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
"""Signs that HTML has no place for, or that turn a reader's direction round."""


@dataclass(frozen=True)
class SitePage:
    """Where a page stands in its site.

    Attributes:
        title: what a browser's tab says.
        up: from its folder to that of the site's first page, such as ``../``; ``home``: to that of the assets.
    """

    title: str
    up: str = ""
    home: str = ""


def page(template: str, place: SitePage, to: Callable[[str], str], values: Mapping[str, Any]) -> bytes:
    """Return a page.

    Args:
        to: where an address of the pages of ``moloch ui`` is, from the folder of the site's first page; empty for nowhere.
    """

    def href(url: str) -> str:
        there = to(url)
        return there if not there or there.startswith("#") else f"{place.up}{there}"

    made = _environment().get_template(f"{template}.html.jinja").render(**values, place=place, href=href)
    return _NO_TEXT.sub("\ufffd", made).encode()


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("analysis.site"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )  # fmt: skip
    made.filters["number"] = lambda value: f"{value:,}"
    return made

"""A report as one file of HTML that needs nothing else: no script, no request, no font; every text is escaped.

Its policy (``Content-Security-Policy``) forbids scripts and requests, so that text that slipped through could do nothing either.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from analysis.reports.document import Block, Document

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup


def html(document: Document) -> str:
    """Return a report as a page of HTML, whole."""
    return _environment().get_template("report.html.jinja").render(report=document, style=_style())


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("analysis.reports"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )  # fmt: skip
    made.filters["kind"] = _kind
    made.filters["drawn"] = inline_svg
    made.filters["printable"] = _printable
    return made


def _style() -> Markup:
    from importlib import resources

    from markupsafe import Markup

    return Markup(resources.files("analysis.reports").joinpath("templates/style.css.jinja").read_text("utf-8"))


def _kind(block: Block) -> str:
    return type(block).__name__


def _printable(text: str) -> str:
    """Return a text without signs that HTML has no place for (NUL and the like) or that turn a reader's direction round."""
    return re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069\ufffe\uffff]", "\ufffd", text)


def inline_svg(svg: str, prefix: str) -> Markup:
    """Return a drawing as an element of a page.

    Args:
        svg: that this product drew.
        prefix: of its ids, which several drawings would share.

    Raises:
        ValueError: it holds a script, a handler, or asks for something outside the page.
    """
    from markupsafe import Markup

    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    if re.search(
        r"<script|<foreignObject|\son\w+\s*=|href\s*=\s*[\"'](?![#])|url\(\s*[\"']?(?!#)|@import", body, re.IGNORECASE
    ):
        raise ValueError("a drawing may hold no script and ask for nothing")
    body = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}-\1"', body)
    body = re.sub(r'href="#([^"]+)"', rf'href="#{prefix}-\1"', body)
    return Markup(re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", body))

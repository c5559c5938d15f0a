"""A report as one file of HTML that needs nothing else: no script, no request, no font; every text is escaped.

Its policy (``Content-Security-Policy``) forbids scripts and requests, so that text that slipped through could do nothing either.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from analysis.reports.document import Block, Document
from analysis.reports.svg import inline_svg

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
    made.filters["drawn"] = _drawn
    made.filters["printable"] = _printable
    return made


def _style() -> Markup:
    from importlib import resources

    from markupsafe import Markup

    return Markup(resources.files("analysis.reports").joinpath("templates/style.css.jinja").read_text("utf-8"))


def _kind(block: Block) -> str:
    return type(block).__name__


def _drawn(svg: str, prefix: str) -> Markup:
    from markupsafe import Markup

    return Markup(inline_svg(svg, prefix))


def _printable(text: str) -> str:
    """Return a text without signs that HTML has no place for (NUL and the like) or that turn a reader's direction round."""
    return re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069\ufffe\uffff]", "\ufffd", text)

"""Sphinx's roles in docstrings, as the site shows them: ``:class:`~abm.log.EventLog``` becomes a link to ``EventLog``.

An extension of griffe, which reads the docstrings. A name that the reference does not hold stays plain code.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

_ROLE = re.compile(r":(?:class|func|meth|mod|data|attr|exc|obj):`(?P<short>~?)(?P<name>[\w.]+)`")


def linked(text: str) -> str:
    """Return a docstring with its roles as links that may lead nowhere."""

    def link(role: re.Match[str]) -> str:
        name = role["name"]
        shown = name.rsplit(".", 1)[-1] if role["short"] else name
        return f'<autoref identifier="{name}" optional><code>{shown}</code></autoref>'

    return _ROLE.sub(link, text)


class Roles(griffe.Extension):
    """Rewrites every docstring that was read."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite the docstring of a module, class, function or attribute."""
        if obj.docstring is not None:
            obj.docstring.value = linked(obj.docstring.value)

"""What fields of settings and events mean: the docstring under each is the one place that says it, for errors, tables and documentation."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from functools import cache

PACKAGES = ("moloch", "populations", "media_graph", "abm", "learning")
_ROLE = re.compile(r":[a-z]+:`~?(?:[\w.]*\.)?([\w]+)`")


@cache
def meanings(kind: type) -> dict[str, str]:
    """Return field -> what it means, of a class with those of its bases, as one line each; fields without a docstring are left out."""
    found: dict[str, str] = {}
    for each in reversed(kind.__mro__):
        found |= _own(each.__module__).get(each.__qualname__, {}) if _has_fields(each) else {}
    return found


def _has_fields(kind: type) -> bool:
    return kind.__module__.partition(".")[0] in PACKAGES


@cache
def _own(module: str) -> dict[str, dict[str, str]]:
    """Return class -> field -> docstring, of the classes of a module."""
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    return {node.name: dict(_fields(node)) for node in tree.body if isinstance(node, ast.ClassDef)}


def _fields(node: ast.ClassDef) -> list[tuple[str, str]]:
    said: list[tuple[str, str]] = []
    waiting: list[str] = []
    for each in node.body:
        match each:
            case ast.AnnAssign(target=ast.Name(id=name)):
                waiting.append(name)
            case ast.Expr(value=ast.Constant(value=str(text))) if waiting:
                said.append((waiting.pop(), plain_text(text)))
                waiting.clear()
            case _:
                waiting.clear()
    return said


def plain_text(text: str) -> str:
    """Return a docstring as one line, without markup but for backquotes.

    >>> plain_text("One of :data:`moloch.yamls.LARGEST`, or ``none``.")
    'One of `LARGEST`, or `none`.'
    """
    return " ".join(_ROLE.sub(r"`\1`", inspect.cleandoc(text)).replace("``", "`").split())

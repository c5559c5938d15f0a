"""What texts of the repository mention: dotted names of its packages, paths of its files, and whether these exist.

Names are resolved by reading source files, so that no heavy library is imported for it; only members of classes that inherit
from elsewhere are looked up in the imported class.
"""

from __future__ import annotations

import ast
import importlib
import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("moloch", "populations", "media_graph", "abm", "learning", "analysis")
FOLDERS = (*PACKAGES, "docs", "examples", "benchmarks", "tests")

_DOTTED = re.compile(rf"(?<![\w./@'-])(?:{'|'.join(PACKAGES)})(?:\.[A-Za-z_]\w*)+(?![\w/-])")
_PATH = re.compile(rf"(?<![\w./-])(?:{'|'.join(FOLDERS)})/[\w./*-]*")
_MEMBER = re.compile(r"`([A-Z]\w*[a-z]\w*)\.([a-z_]\w*)\b[^`]*`")
_LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)\s#]+)(?:#[^)]*)?\)")

Text = tuple[str, str]
"""Where a text stands, ``path:line``, and the text."""


@cache
def texts() -> list[Text]:
    """Return what the repository says in words: its pages, and the strings and comments of its Python files."""
    return list(_texts(ROOT))


def _texts(root: Path) -> Iterator[Text]:
    pages = [*root.glob("*.md"), *(root / "docs").rglob("*.md"), *(root / "abm").rglob("*.md")]
    for page in sorted(pages):
        if page.name != "CHANGELOG.md":  # it also tells what names were
            for number, line in enumerate(page.read_text("utf-8").splitlines(), 1):
                yield f"{page.relative_to(root)}:{number}", line
    for folder in (*PACKAGES, "examples", "benchmarks"):
        for path in sorted((root / folder).rglob("*.py")):
            where = path.relative_to(root)
            yield from ((f"{where}:{number}", text) for number, text in _spoken(path))


def imported(text: str) -> list[str]:
    """Return the dotted names of what import statements in a text import."""
    statements = re.findall(r"from ([\w.]+) import (\w+(?:, \w+)*)", text)
    return [f"{module}.{name}" for module, listed in statements for name in listed.split(", ")]


def entry_points(root: Path = ROOT) -> set[str]:
    """Return the groups of entry points that registries read: names with a dot, but of no object."""
    sources = [path.read_text("utf-8") for folder in PACKAGES for path in (root / folder).rglob("*.py")]
    kinds = {kind for source in sources for kind in re.findall(r'\bRegistry\(\s*"([a-z ]+)"', source)}
    return {f"moloch.{kind.replace(' ', '_')}s" for kind in kinds}


def dotted_names(text: str) -> list[str]:
    """Return the dotted names below one of the packages in a text."""
    return [name for name in _DOTTED.findall(text) if not name.endswith((".md", ".py", ".yaml"))]


def members(text: str) -> list[tuple[str, str]]:
    """Return what a text names as ``Class.attribute``, in backticks."""
    return _MEMBER.findall(text)


def has_member(name: str, attribute: str) -> bool:
    """Return whether a class of this name has the attribute; of a class that is not ours nothing is known, so it has."""
    owners = [(module, node) for module, node in _classes() if node.name == name]
    return not owners or any(_has(module, [name, attribute], node) for module, node in owners)


@cache
def _classes() -> list[tuple[str, ast.ClassDef]]:
    classes = []
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            classes += [(module, node) for node in _defined(path).values() if isinstance(node, ast.ClassDef)]
    return classes


def paths(text: str) -> list[str]:
    """Return the paths below one of the repository's folders in a text; a placeholder in capitals ends one."""
    return [re.split(r"(?<=/)[A-Z]{2,}\b", path)[0].rstrip(".") for path in _PATH.findall(text)]


def links(text: str) -> list[str]:
    """Return the files that Markdown links of a text lead to."""
    return _LINK.findall(text)


def exists(name: str) -> bool:
    """Return whether a dotted name is a module, or leads to something in one."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        path = _module(tuple(parts[:length]))
        if path is not None:
            return _holds(".".join(parts[:length]), path, parts[length:])
    return False


def path_exists(path: str) -> bool:
    """Return whether a path, or at least one that its ``*`` stands for, is in the repository."""
    return any(ROOT.glob(path)) if "*" in path else (ROOT / path).exists()


def _spoken(path: Path) -> Iterator[tuple[int, str]]:
    source = path.read_text("utf-8")
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in (tokenize.STRING, tokenize.COMMENT):
            for offset, line in enumerate(token.string.splitlines()):
                yield token.start[0] + offset, line


@cache
def _module(parts: tuple[str, ...]) -> Path | None:
    folder = ROOT.joinpath(*parts)
    for path in (folder / "__init__.py", folder.with_suffix(".py")):
        if path.exists():
            return path
    return folder if folder.is_dir() and any(folder.glob("*.py")) else None


def _holds(module: str, path: Path, attributes: list[str]) -> bool:
    if not attributes:
        return True
    defined = _defined(path)
    if attributes[0] not in defined:
        return False
    return len(attributes) == 1 or _has(module, attributes, defined[attributes[0]])


@cache
def _defined(path: Path) -> dict[str, ast.stmt]:
    """Return the names that a module defines or imports, each with the statement that does."""
    if path.is_dir():
        return {}
    names: dict[str, ast.stmt] = {}
    for node in _statements(ast.parse(path.read_text("utf-8")).body):
        for name in _bound(node):
            names[name] = node
    return names


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for node in body:
        yield node
        for nested in ("body", "orelse", "handlers", "finalbody"):
            if isinstance(node, (ast.If, ast.Try, ast.With)):
                yield from _statements(getattr(node, nested, []))


def _bound(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield node.name
    elif isinstance(node, (ast.Import, ast.ImportFrom)):
        yield from ((alias.asname or alias.name).split(".")[0] for alias in node.names)
    elif isinstance(node, (ast.Assign, ast.AnnAssign)):
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            yield from (leaf.id for leaf in ast.walk(target) if isinstance(leaf, ast.Name))


def _has(module: str, attributes: list[str], node: ast.stmt) -> bool:
    """Return whether a class has an attribute: as its body says, as its methods set it, or as it inherits it."""
    if isinstance(node, ast.ClassDef):
        own = {name for statement in node.body for name in _bound(statement)}
        own |= {
            leaf.attr
            for leaf in ast.walk(node)
            if isinstance(leaf, ast.Attribute) and ast.unparse(leaf.value) == "self" and isinstance(leaf.ctx, ast.Store)
        }
        if attributes[1] in own:
            return True
    held = getattr(importlib.import_module(module), attributes[0], None)
    fields = getattr(held, "model_fields", {}) | getattr(held, "__annotations__", {}) if isinstance(held, type) else {}
    return hasattr(held, attributes[1]) or attributes[1] in fields

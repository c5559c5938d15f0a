"""The documentation site: build it, and check what was built. Imports none of the packages that it documents.

``make docs`` runs this file in an environment that holds the site generator alone. The build is strict, so that a broken
link is an error. Four things more are checked: the reader of docstrings warned of nothing, every public name stands in the
reference, no page shows markup of docstrings, and none loads anything from another host.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("moloch", "populations", "media_graph", "abm", "learning", "analysis")
SITE = ROOT / "build" / "site"

_DIRECTIVE = re.compile(r"^::: ([\w.]+)$", re.MULTILINE)
_PATTERN = re.compile(r'"([\w/-]*\*\.md)"')
_ENTRY = re.compile(r'"([\w/-]+\.md)"')
_ID = re.compile(r'\bid="([\w.]+)"')
_ROLE = re.compile(r":(?:class|func|meth|mod|data|attr|exc|obj):(?:<code>|`)")
_LOADS = re.compile(r"""<(?:script|img|iframe|source|video)\b[^>]*\bsrc=["']?(?:https?:)?//[^>]*>""")
_LINK = re.compile(r"""<link\b[^>]*\bhref=["']?(?:https?:)?//[^>]*>""")
_STYLE = re.compile(r"""(?:@import\s|url\()\s*["']?(?:https?:)?//[^)"';]*""")


@cache
def doors(root: Path = ROOT) -> dict[str, list[str]]:
    """Return each module that has an ``__all__``, by dotted name, with the names in it.

    Raises:
        ValueError: an ``__all__`` is not a plain list of strings.
    """
    listed = {}
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            if names := _public_names(path):
                listed[_dotted(path.relative_to(root))] = names
    return listed


@cache
def modules_behind(root: Path = ROOT) -> dict[str, str]:
    """Return the public names that are modules themselves, as ``moloch.graphs`` is, with the module that each is."""
    behind = {}
    for door, names in doors(root).items():
        source = next(path for path in _files(door, root) if path.exists()).read_text("utf-8")
        for node in ast.walk(ast.parse(source)):
            for alias in node.names if isinstance(node, (ast.Import, ast.ImportFrom)) else ():
                target = f"{node.module}.{alias.name}" if isinstance(node, ast.ImportFrom) else alias.name
                if (alias.asname or alias.name) in names and any(path.exists() for path in _files(target, root)):
                    behind[f"{door}.{alias.asname or alias.name}"] = target
    return behind


def directives(root: Path = ROOT) -> set[str]:
    """Return the modules whose public names the reference pages ask for."""
    pages = (root / "docs" / "reference").glob("*.md")
    return {name for page in pages for name in _DIRECTIVE.findall(page.read_text("utf-8"))}


def missing_names(site: Path = SITE) -> list[str]:
    """Return the public names that have no place in the built reference."""
    built = {name for page in (site / "reference").glob("*.html") for name in _ID.findall(page.read_text("utf-8"))}
    public = {f"{door}.{name}" for door, names in doors().items() for name in names}
    return sorted(public - built - modules_behind().keys())


def unread_roles(site: Path = SITE) -> list[str]:
    """Return the built pages that show Sphinx's markup instead of names; see :mod:`tests.docs.roles`."""
    return [page.name for page in sorted(site.rglob("*.html")) if _ROLE.search(page.read_text("utf-8"))]


def outside_loads(site: Path = SITE) -> list[str]:
    """Return what pages and style sheets would load from another host, each with its file."""
    loads = []
    for page in site.rglob("*.html"):
        html = page.read_text("utf-8")
        links = [link for link in _LINK.findall(html) if "canonical" not in link]
        loads += [f"{page.relative_to(site)}: {load}" for load in _LOADS.findall(html) + links]
    for sheet in site.rglob("*.css"):
        loads += [f"{sheet.relative_to(site)}: {load}" for load in _STYLE.findall(sheet.read_text("utf-8"))]
    return loads


def configuration(root: Path = ROOT) -> str:
    """Return the site's settings, with a pattern of pages in the navigation replaced by the pages."""

    def pages(pattern: re.Match[str]) -> str:
        docs = root / "docs"
        return ", ".join(f'"{page.relative_to(docs).as_posix()}"' for page in sorted(docs.glob(pattern[1])))

    return _PATTERN.sub(pages, (root / "zensical.toml").read_text("utf-8"))


def unlisted_pages(root: Path = ROOT) -> list[str]:
    """Return the pages that the navigation does not lead to, and the entries that lead to no page."""
    docs, listed = root / "docs", set(_ENTRY.findall(configuration(root)))
    return sorted(listed ^ {page.relative_to(docs).as_posix() for page in docs.rglob("*.md")})


def build(root: Path = ROOT) -> list[str]:
    """Build the site anew into ``build/site`` and return what is wrong with it, a line each."""
    settings = root / ".zensical.toml"
    settings.write_text(configuration(root), "utf-8")
    command = [str(Path(sys.executable).with_name("zensical")), "build", "--strict", "--clean", "-f", settings.name]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    report = done.stdout + done.stderr
    print(report, end="")
    if done.returncode:
        return [f"the site was not built: exit code {done.returncode}"]
    wrong = [f"docstring: {line}" for line in report.splitlines() if line.startswith("griffe:")]
    wrong += [f"not in the navigation of zensical.toml: {page}" for page in unlisted_pages()]
    wrong += [f"not in the reference: {name}" for name in missing_names()]
    wrong += [f"shows markup of docstrings: {page}" for page in unread_roles()]
    return wrong + [f"loads from another host: {load}" for load in outside_loads()]


def _public_names(path: Path) -> list[str]:
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["__all__"]:
            try:
                return list(ast.literal_eval(node.value))
            except ValueError:
                raise ValueError(f"{path}:{node.lineno}: __all__ is not a plain list of strings") from None
    return []


def _files(dotted: str, root: Path) -> list[Path]:
    path = root.joinpath(*dotted.split("."))
    return [path / "__init__.py", path.with_suffix(".py")]


def _dotted(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


if __name__ == "__main__":
    mistakes = build()
    print(*mistakes, sep="\n", end="\n" if mistakes else "")
    print(
        f"{len(mistakes)} mistakes"
        if mistakes
        else f"{SITE / 'index.html'}, with search: python -m http.server -d {SITE}"
    )
    sys.exit(bool(mistakes))

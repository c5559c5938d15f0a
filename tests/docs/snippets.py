"""The code blocks of the documentation: where they stand, what they say, and whether they can be run here.

A block that cannot be run carries its reason in a comment above its fence: ``<!-- not run: needs a GPU -->``. Knows nothing
of what a command does.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]

NAMED = re.compile(r"# (?P<name>[\w-]+\.(?:yaml|py))\b")
"""The first line of a block that is a file."""
_FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>```+)(?P<language>\w*).*$")
_NOT_RUN = re.compile(r"^ *<!-- not run: (?P<why>.+) -->$")
_INCLUDE = re.compile(r'^ *--8<-- "(?P<path>[^"]+)"$')
_INLINE = re.compile(r"(?<!`)`(moloch [^`]+)`(?!`)")


class Block(NamedTuple):
    """A fenced block.

    Attributes:
        page: path of its page below the repository.
        line: number of the line of its fence, from 1.
        language: what stands behind the fence; "" for none.
        code: its text, with included files in their places.
        not_run: why it is not run; "" for a block that is run.
        file: whether it is a file to copy, not code to run: one of the repository's, or one that begins with its name, as in
            ``# study.yaml``.
    """

    page: str
    line: int
    language: str
    code: str
    not_run: str
    file: bool = False

    @property
    def where(self) -> str:
        """``page:line``."""
        return f"{self.page}:{self.line}"


def pages(root: Path = ROOT) -> list[str]:
    """Return the pages whose blocks are tested, as paths below the repository."""
    listed = [root / "README.md", root / "CONTRIBUTING.md", *sorted((root / "docs").rglob("*.md"))]
    listed += sorted((root / "abm").rglob("*.md"))
    return [path.relative_to(root).as_posix() for path in listed if path.exists()]


def blocks(page: str, root: Path = ROOT) -> list[Block]:
    """Return the fenced blocks of a page, in order.

    Raises:
        ValueError: a fence is never closed, or an included file is not there.
    """
    lines = (root / page).read_text("utf-8").splitlines()
    listed, at = [], 0
    while at < len(lines):
        fence = _FENCE.match(lines[at])
        if fence is None:
            at += 1
            continue
        end = next((i for i in range(at + 1, len(lines)) if lines[i].strip() == fence["ticks"]), None)
        if end is None:
            raise ValueError(f"{page}:{at + 1}: this fence is never closed")
        indent = len(fence["indent"])
        code = "\n".join(_included(line[indent:], f"{page}:{at + 1}", root) for line in lines[at + 1 : end])
        mark = _NOT_RUN.match(lines[at - 1]) if at else None
        file = NAMED.match(code) is not None or any(_INCLUDE.match(line) for line in lines[at + 1 : end])
        listed.append(Block(page, at + 1, fence["language"], code, mark["why"] if mark else "", file))
        at = end + 1
    return listed


def commands(code: str) -> list[list[str]]:
    """Return a shell block's commands as lists of words, without comments."""
    joined = re.sub(r"\\\n\s*", " ", code)
    bare = re.sub(r"(^|\s)#\s.*$", "", joined, flags=re.MULTILINE)  # in URL#NAME it begins no comment
    return [words for line in bare.splitlines() if (words := shlex.split(line))]


def moloch_commands(page: str, root: Path = ROOT) -> Iterator[tuple[str, list[str]]]:
    """Yield every ``moloch`` command that a page names, run or not, in blocks and in its text, with its place."""
    for block in blocks(page, root):
        if block.language in ("sh", "bash"):
            yield from ((block.where, words) for words in commands(block.code) if words[0] == "moloch")
        if block.language == "console":
            typed = "\n".join(re.findall(r"^\$ ((?:.*\\\n)*.*)$", block.code, re.MULTILINE))
            yield from ((block.where, words) for words in commands(typed) if words[0] == "moloch")
    for number, line in enumerate((root / page).read_text("utf-8").splitlines(), 1):
        for inline in _INLINE.findall(line):
            yield f"{page}:{number}", inline.split()


def _included(line: str, where: str, root: Path) -> str:
    include = _INCLUDE.match(line)
    if include is None:
        return line
    path = root / include["path"]
    if not path.exists():
        raise ValueError(f"{where}: the included file {include['path']} is not there")
    return path.read_text("utf-8").rstrip("\n")

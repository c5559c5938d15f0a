"""A mistake that somebody makes at the terminal, how it is made in a folder of its own, and what came of it."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from analysis.cli import main
from tests.support.server import Call, serving
from tests.support.time_limit import no_longer_than

LONGEST_S = 120
"""A command that takes longer hangs."""
OURS = re.compile(
    r"moloch: \S|no placebo among the arms|plan: \d|first step: \d|(a message|readers|an answer of a reader|The readers' model)\b|Usage: |Try '|[╭│╰]|\+-|\|"
)
"""Beginnings of lines that an error may have: a sentence of ours, what the first step came to, or the box of a mistyped command."""

KEYS = ("OPENAI_API_KEY", "MOLOCH_API_KEY")
"""Variables of which a user has only those that a row names."""

NO_RUN, DAMAGED = 2, 3
NO_SERVER = 6
SPENT = 5
"""Exit codes other than 2, that of wrong input."""

Given = Callable[[Path], object]
"""Puts into the folder what the user has."""


@dataclass(frozen=True)
class Mistake:
    """A row of the table.

    Attributes:
        did: what the user did wrong, in a few words; unique.
        typed: the command without ``moloch``, as a shell splits it; ``{server}`` stands for the URL of the server.
        says: parts of the error, all of which have to be there, spaces and breaks of lines apart.
        code: the exit code.
        files: name -> what it holds, of files that the user wrote.
        given: what else lies in the folder.
        environment: variables that are set for the command.
        asked: what is typed once the command runs.
        answers: how a server answers; there is none without.
        listed: the models that the server lists, as it sends them.
        leaves: names of what the command may have made or changed before it noticed.
        out: whether results may have been printed before.
        slow: it takes more than a moment.
    """

    did: str
    typed: str
    says: tuple[str, ...]
    code: int = 2
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    given: tuple[Given, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    asked: str = ""
    answers: Callable[[Call], Any] | None = None
    listed: bytes = b""
    leaves: tuple[str, ...] = ()
    out: bool = False
    slow: bool = False


@dataclass(frozen=True)
class Outcome:
    """What a command came to.

    Attributes:
        left: what lies in the folder that did not before, or not as it does now.
    """

    code: int
    out: str
    err: str
    left: frozenset[str]
    seconds: float

    @property
    def sentence(self) -> str:
        """What was printed to stderr, each run of spaces, breaks and frames as one space."""
        return " ".join(re.sub(r"[│╭╮╰╯─]", " ", self.err).split())


def carry_out(mistake: Mistake, folder: Path) -> Outcome:
    """Make a mistake in a new folder."""
    folder.mkdir(parents=True)
    for name, content in mistake.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    for give in mistake.given:
        give(folder)
    if mistake.answers is None:
        return called(mistake, folder, "http://127.0.0.1:9/v1")
    with serving(mistake.answers, listed=mistake.listed) as server:
        return called(mistake, folder, server.url)


def called(mistake: Mistake, folder: Path, server: str) -> Outcome:
    """Call the command in the folder."""
    arguments = [part.replace("{server}", server) for part in shlex.split(mistake.typed)]
    before = contents(folder)
    out, err = printed(), printed()
    began = time.monotonic()
    with (
        contextlib.chdir(folder),
        patch.dict(os.environ, {"COLUMNS": "120", **dict.fromkeys(KEYS, ""), **mistake.environment}),
        patch.object(sys, "argv", ["moloch", *arguments]),
        patch.object(sys, "stdin", io.StringIO(mistake.asked)),
        patch.object(sys, "path", [str(folder), *sys.path]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        patch("abm.llm.http._retries.FIRST_DELAY", 0.002),
        no_longer_than(LONGEST_S),
    ):
        code = exit_code()
    seconds = time.monotonic() - began
    after = contents(folder)
    left = frozenset(path.split("/")[0] for path in after if before.get(path) != after[path])
    gone = frozenset(path.split("/")[0] for path in before if path not in after)
    return Outcome(code, text(out), text(err), left | gone, seconds)


def exit_code() -> int:
    """Call the command that ``sys.argv`` holds; return what it ends with."""
    try:
        main()
    except SystemExit as ended:
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)
            return 1
        return int(ended.code or 0)
    except BaseException:  # as the interpreter would end
        traceback.print_exc(limit=-3)
        return 1
    return 0


def printed() -> io.TextIOWrapper:
    """Return a stream as a terminal's, of which :func:`text` says what was printed to it."""
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)


def text(stream: io.TextIOWrapper) -> str:
    """Return what was printed."""
    stream.flush()
    return stream.buffer.getvalue().decode()  # type: ignore[attr-defined]  # it is a BytesIO


def contents(folder: Path) -> dict[str, bytes]:
    """Return path -> content of everything in a folder; a folder has none, and ends in a slash."""
    found: dict[str, bytes] = {}
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder))
        if path.is_dir() and not path.is_symlink():
            found[f"{name}/"] = b""
        elif path.is_file() and not path.name.startswith("LOCK") and "__pycache__" not in name:
            with contextlib.suppress(PermissionError):
                found[name] = path.read_bytes()
    return found


def complaints(mistake: Mistake, outcome: Outcome) -> list[str]:
    """Return what is wrong with how a mistake was answered; empty if nothing is."""
    found: list[str] = []
    if outcome.code != mistake.code:
        found.append(f"the exit code is {outcome.code}, not {mistake.code}")
    if "Traceback" in outcome.err or "Traceback" in outcome.out:
        return [*found, "there is a traceback"]
    found += [f"it does not say {part!r}" for part in mistake.says if part not in outcome.sentence]
    strange = [line for line in outcome.err.splitlines() if line.strip() and not OURS.match(line.lstrip())]
    found += [f"a line is no error of ours: {line!r}" for line in strange]
    if outcome.out and not mistake.out:
        found.append(f"it printed results: {outcome.out[:200]!r}")
    if left := outcome.left - set(mistake.leaves):
        found.append(f"it left behind {sorted(left)}")
    return found

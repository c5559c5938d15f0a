"""``moloch`` in this process: a call is its arguments, and what comes back its exit code and what it printed."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from analysis.cli import main


def command(
    patch: pytest.MonkeyPatch, captured: pytest.CaptureFixture[str], *verb: str, columns: int | None = None
) -> Callable[..., SimpleNamespace]:
    """Return a function that runs the command; what it returns has ``code``, ``out`` and ``err``.

    Args:
        verb: what each call begins with.
        columns: width of the terminal; by default as it is.
    """
    if columns is not None:
        patch.setenv("COLUMNS", str(columns))

    def call(*arguments: object, typed: str = "") -> SimpleNamespace:
        patch.setattr(sys, "argv", ["moloch", *verb, *map(str, arguments)])
        patch.setattr(sys, "stdin", io.StringIO(typed))
        captured.readouterr()  # what came before is no part of it
        try:
            main()
            code = 0
        except SystemExit as ended:
            code = int(ended.code or 0)
        printed = captured.readouterr()
        return SimpleNamespace(code=code, out=printed.out, err=printed.err)

    return call

"""Exit codes: one table, in the code and on its page, and every error has a place in it."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

from abm.llm.budget import BudgetSpent
from abm.llm.fingerprint import OutOfSync
from abm.llm.http import ServiceError
from learning.runs.gate import GateClosed
from moloch import exit_codes
from moloch.errors import InputError, LogError, NondeterminismError, NoRun
from moloch.exit_codes import ExitCode

PAGE = Path(__file__).parents[2] / "docs" / "commands.md"


def meanings() -> dict[str, str]:
    """Return what stands under each code."""
    (table,) = (node for node in ast.parse(inspect.getsource(exit_codes)).body if isinstance(node, ast.ClassDef))
    said = [node.value.value for node in table.body if isinstance(node, ast.Expr)][1:]
    return dict(zip(ExitCode.__members__, said, strict=True))


class TestTable:
    """Of the page."""

    def test_is_that_of_the_code(self):
        """Number, name and meaning, in order."""
        rows = [line for line in PAGE.read_text("utf-8").splitlines() if re.match(r"\| \d+ \| `", line)]
        assert rows == [f"| {ExitCode[name].value} | `{name}` | {said} |" for name, said in meanings().items()]


class TestErrors:
    """Each ends a command with the code of its kind."""

    def test_codes(self):
        """A run that is not there is wrong input, a log that cannot be read is not."""
        kinds = [InputError, NoRun, LogError, NondeterminismError, BudgetSpent, ServiceError, OutOfSync, GateClosed]
        assert [kind.exit_code.name for kind in kinds] == [
            "INPUT",
            "INPUT",
            "NOT_WHOLE",
            "DIFFERS",
            "BUDGET",
            "SERVER",
            "WEIGHTS",
            "UNFIT",
        ]

"""``moloch study``: its verbs, each in a module of its own."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from analysis.cli.command_list import HELP
from analysis.cli.study.carry_out import extend, retry, run
from analysis.cli.study.fetch import fetch
from analysis.cli.study.plan import plan
from analysis.cli.study.prereg import prereg
from analysis.cli.study.results import results
from analysis.cli.study.seeds import seeds
from analysis.cli.study.status import status

SHORT = "seeds"
"""What the short form is called among the verbs; nobody has to write it."""

RUNS = ("begin", "continue", "resume", "start")
"""Words for what ``run`` does."""


class _UnnamedContext(typer.Context):
    """Of a command without a name, which is called as its group is."""

    @property
    def command_path(self) -> str:
        return super().command_path.rstrip()


class _ShortForm(TyperCommand):
    context_class = _UnnamedContext


class _Verbs(TyperGroup):
    """Takes what is no verb for the options of the short form: ``moloch study --seeds 5``."""

    default = SHORT

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # pyright: ignore[reportIncompatibleMethodOverride]
        if args and self._is_mistyped(args[0]):
            near = ["run"] if args[0] in RUNS else get_close_matches(args[0], self._named, n=1)
            fix = f"Did you mean {near[0]!r}?" if near else f"There are {', '.join(self._named)}."
            fix += " It begins a study, or resumes it." if near == ["run"] else ""
            ctx.fail(f"No such command {args[0]!r}. {fix}")
        if args and (args[0] == SHORT or (args[0] not in self.commands and args[0] not in HELP)):
            args = [SHORT, *args]
        return super().parse_args(ctx, args)

    @property
    def _named(self) -> list[str]:
        return [name for name in self.commands if name != SHORT]

    def _is_mistyped(self, word: str) -> bool:
        """Tell whether a first word is neither a verb nor what the short form begins with: an option, or a file of settings."""
        plain = word.replace("-", "").isalpha() and not word.startswith("-")
        return plain and word not in self.commands and not Path(word).exists()

    def resolve_command(self, ctx: typer.Context, args: list[str]) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        name, command, rest = super().resolve_command(ctx, args)
        return "" if name == SHORT else name, command, rest


app = typer.Typer(
    name="study",
    cls=_Verbs,
    no_args_is_help=True,
    help="Carry out many runs: the factors of a page, over several seeds.\n\n"
    "Without a page: moloch study [SETTINGS] --seeds 5, with the options of moloch run, carries the same run out over several seeds, "
    "and prints what holds across them; moloch study --seeds 5 --help lists them.",
)
app.command()(plan)
app.command()(prereg)
app.command()(run)
app.command()(status)
app.command()(results)
app.command()(retry)
app.command()(extend)
app.command()(fetch)
app.command(SHORT, cls=_ShortForm, hidden=True)(seeds)

"""``moloch study``: its verbs, each in a module of its own."""

from __future__ import annotations

import typer
from typer.core import TyperGroup

from analysis.cli.study.carry_out import extend, retry, run
from analysis.cli.study.fetch import fetch
from analysis.cli.study.plan import plan
from analysis.cli.study.results import results
from analysis.cli.study.seeds import seeds
from analysis.cli.study.status import status


class _Verbs(TyperGroup):
    """Takes what is no verb for the options of ``seeds``: ``moloch study --seeds 5``."""

    default = "seeds"

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # pyright: ignore[reportIncompatibleMethodOverride]
        if not args or (args[0] not in self.commands and args[0] != "--help"):
            args = [self.default, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    name="study",
    cls=_Verbs,
    help="Carry out a page of factors: every level with every other, over seeds. Without a page, moloch study --seeds 5 with the "
    "options of a run: the same run over several seeds, and what holds across them.",
)
app.command()(plan)
app.command()(run)
app.command()(status)
app.command()(results)
app.command()(retry)
app.command()(extend)
app.command()(fetch)
app.command()(seeds)

"""A plan of calls before any is made: how many, how many tokens, what they may cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from analysis.formats import model_name, number
from analysis.terminal.grid import add_row, new_table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from learning.runs.costs import RolePlan
    from learning.runs.warmup import Warmup

_ANSWERED, _MINUTES = "answered", "minutes"
_COLUMNS = ("role", "model", "to ask", _ANSWERED, "tokens in", "tokens out", "most out", "USD", "most USD", _MINUTES)
NOTE = (
    "Tokens, money and minutes are for the calls to come. Prompts are counted as one token for four bytes; completions as "
    "those that the run's log holds, else 250 tokens; 'most' is with every completion as long as its limit allows; invalid reactions are asked for once more, in addition."
)
SPEED = " Minutes need a speed: `moloch llm check` measures it; serving.tokens_per_s or serving.server.tokens_per_s sets it."


def render_plan(roles: Sequence[RolePlan], warm: Warmup | None = None) -> list[RenderableType]:
    """Return what to print of a plan of calls, and of the warm-up that its minutes come from, if there was one."""
    from rich.text import Text

    left_out = {_ANSWERED} if not any(role.answered for role in roles) else set[str]()
    left_out |= {_MINUTES} if all(role.minutes is None for role in roles) else set()
    grid = new_table("Plan", [column for column in _COLUMNS if column not in left_out])
    for role in roles:
        tokens = (role.calls - role.answered, role.answered, role.tokens_in, role.tokens_out, role.most_out)
        cells = (
            role.role,
            model_name(role.model),
            *map(number, tokens),
            number(role.usd, 2),
            number(role.most_usd, 2),
            number(role.minutes, 1),
        )
        add_row(grid, *(cell for column, cell in zip(_COLUMNS, cells, strict=True) if column not in left_out))
    places = "; ".join(f"{role.role}: {role.model}, {role.place}" for role in roles)
    missing = any(role.minutes is None for role in roles)
    notes = [Text(NOTE + SPEED * missing, style="dim")]
    return [grid, Text(places), *([Text(_measured(roles, warm))] if warm else []), *notes]


def _measured(roles: Sequence[RolePlan], warm: Warmup) -> str:
    minutes = sum(role.minutes for role in roles if role.minutes is not None)
    speed = f"{1 / warm.token:,.0f} tokens/s in batches of {warm.rows}" if warm.token else "no time at all"
    return (
        f"About {minutes:,.1f} minutes, as measured just now in a warm-up: {speed}, {warm.prompt:.2f} s to read a prompt; "
        f"{warm.training:,.0f} s for a training and {warm.row:.2f} s for each of its examples."
    )

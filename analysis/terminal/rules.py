"""What rules found afterwards, for the terminal, in the tables of a run. Knows the mapping of ``RuleVerdicts.as_dict`` only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis.formats import comparisons, count
from analysis.terminal.judges import rate_table
from analysis.terminal.run import probe_tables

if TYPE_CHECKING:
    from rich.console import RenderableType


def render_rules(found: dict[str, Any]) -> list[RenderableType]:
    """Return what to print, in order."""
    from rich.text import Text

    rules = ", ".join(f"{name} (version {version})" for name, version in found["rules"].items())
    messages = count(found["messages"], f"{_PHASES[found['phase']]} message")
    head = f"\n{found['arena']}: {messages} of epoch {found['epoch']}, judged by {rules}"
    parts: list[RenderableType] = [Text(head, style="bold"), Text(_said(found))]
    if rows := found["probes"]:
        parts += [table for kind in ("strategy", "copying") for table in probe_tables(rows, kind)]
    if rows := found["rates"]:
        parts.append(rate_table(rows, {row["judge"]: row["judge"] for row in rows}))
    if compared := comparisons({row["arm"]: row["compared_with"] for row in [*found["probes"], *found["rates"]]}):
        parts.append(Text(compared))
    estimates = (value for row in [*found["probes"], *found["rates"]] for value in row.values())
    held = any(isinstance(each, dict) and each.get("low") is not None for each in estimates)
    parts.append(Text(f"Differences are in percentage points{'; intervals hold 95 %' * held}.", style="dim"))
    if found["note"]:
        parts.append(Text(found["note"], style="bold yellow"))
    return parts


_PHASES = {"evaluate": "held-out", "train": "training"}


def _said(found: dict[str, Any]) -> str:
    """Return in a sentence what was done."""
    verdicts, new = count(found["judged"], "verdict"), found["given"]
    if new and new < found["judged"]:
        return f"{verdicts}, {new:,} of them given now."
    return (
        f"{verdicts} new."
        if new
        else f"{verdicts} kept from before: the same rules have already judged these messages."
    )

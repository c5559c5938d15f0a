"""One contest for the terminal: anchor, messages with evidence marked, reactions, the tally.

Knows the mapping that :func:`analysis.tables.contest.contest_dict` returns. Text of messages and anchors is shown as text,
never as markup.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from abm.events import Event
from abm.probe import kind_of
from analysis.formats import DASH, count, number, short
from analysis.passages import judged_passage
from analysis.tables.contest import contest_dict
from analysis.terminal.grid import add_row

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

STYLES = {"strategy": "red", "copying": "magenta"}
"""Colours of what probes of each kind found."""
NAME = 24
"""Letters of an author's name that are shown."""
SHOWN = 100
"""Members of a crowd for whom the terminal has room."""


def show_contest(events: Iterable[Event], contest: str, members: int | None = SHOWN) -> RenderableType:
    """Return one contest for the terminal; evidence of a verdict is marked where it stands in the message.

    Args:
        members: as for :func:`analysis.tables.contest.contest_dict`.

    Raises:
        InputError: no contest, or more than one, is called so.
    """
    from rich.console import Group
    from rich.panel import Panel
    from rich.text import Text

    shown = contest_dict(events, contest, members)
    anchor, names = shown["anchor"], _names(shown["messages"])
    about = f"   {short(anchor['subject'])}" if anchor["subject"] else ""
    title = Text(f"{shown['contest']}{about}", style="bold")
    parts: list[RenderableType] = [title, Panel(Text(anchor["text"]), title="anchor", title_align="left")]
    parts += [_message_panel(message, names[message["slot"]], shown["decided"]) for message in shown["messages"]]
    if shown["reactions"]:
        parts.append(_reactions_table(shown["reactions"], names))
    if shown["not_shown"]:
        parts.append(Text(f"and {shown['not_shown']:,} members more (--members N)", style="dim"))
    parts.append(_tally(shown["decided"], names))
    return Group(*parts)


def _names(messages: list[dict[str, Any]]) -> dict[int, str]:
    """Return what to call the author of each slot; the message's number is added where one author wrote several."""
    names = {message["slot"]: short(message["competitor"], NAME) for message in messages}
    alone = len(set(names.values())) == len(names)
    return names if alone else {slot: f"{name} {slot + 1}" for slot, name in names.items()}


def _message_panel(message: dict[str, Any], name: str, decided: dict[str, Any]) -> RenderableType:
    from rich.console import Group
    from rich.panel import Panel
    from rich.text import Text

    won = decided.get("winner") == message["slot"]
    how = [f"attempt {message['attempt']}"] if message.get("attempt", 1) > 1 else []
    how += [f"{count(message['cut'], 'character')} cut"] if message.get("cut") else []
    said = "".join(f"  ({each})" for each in (["won"] if won else []) + how)
    adapter = f"  adapter {message['adapter']}" if message["adapter"] else ""
    title = f"{name}{said}{adapter}  event {message['seq']}"
    head = Text(title, style="bold" if won else "")
    if "rejected" in message:
        return Panel(Text(f"rejected: {message['rejected']}", style="red"), title=head, title_align="left")
    body: list[RenderableType] = [Text(message["thinking"], style="dim")] if message["thinking"] else []
    body.append(_marked(message))
    if reach := message.get("reach"):
        counts = ", ".join(f"{number(reach[what])} {what}" for what in ("likes", "shares", "replies"))
        body.append(Text(f"  seen by {number(reach['seen'])}; {counts}", style="dim"))
    body += [_verdict_line(verdict) for verdict in message["verdicts"]]
    return Panel(Group(*body), title=head, title_align="left")


def _marked(message: dict[str, Any]) -> Text:
    from rich.text import Text

    findings = [(verdict["probe"], verdict["evidence"]) for verdict in message["verdicts"] if verdict["label"] == 1]
    marked = judged_passage(message["text"], findings, whole=True)
    slips = set(marked.slips)
    styles = {False: "", True: f"bold {STYLES['strategy']}"}
    return Text.assemble(
        *(
            (piece, f"bold {STYLES['copying']}" if i in slips else styles[evidence])
            for i, (piece, evidence) in enumerate(marked.pieces)
        )
    )


def _verdict_line(verdict: dict[str, Any]) -> Text:
    from rich.text import Text

    kind = kind_of(verdict["probe"])
    yes = "yes" if kind == "strategy" else "yes (skill, not strategy)"
    says = {1: yes, 0: "no", -1: "cannot tell"}[verdict["label"]]
    style = STYLES[kind] if verdict["label"] == 1 else "dim"
    line = Text(f"  {verdict['probe']} ({verdict['judge']}): ", style="dim")
    line.append(says, style=style)
    if verdict["evidence"]:
        line.append("  " + " | ".join(verdict["evidence"]), style=style)
    return line


def _reactions_table(reactions: list[dict[str, Any]], names: dict[int, str]) -> RenderableType:
    from rich import box
    from rich.table import Table

    grid = Table("member", "saw", "vote", "thought", box=box.SIMPLE_HEAD, pad_edge=False)
    for reaction in reactions:
        order = ", ".join(f"{chr(65 + i)} {names.get(slot, slot)}" for i, slot in enumerate(reaction["order"]))
        thought = reaction.get("invalid", reaction.get("thought", ""))
        add_row(grid, reaction["name"], order, _vote(reaction, names), thought)
    return grid


def _vote(reaction: dict[str, Any], names: dict[int, str]) -> str:
    if "invalid" in reaction:
        return "invalid"
    return DASH if reaction["choice"] < 0 else names.get(reaction["choice"], str(reaction["choice"]))


def _tally(decided: dict[str, Any], names: dict[int, str]) -> Text:
    from rich.text import Text

    if not decided:
        return Text("not decided yet", style="yellow")
    votes = ", ".join(f"{votes:,} for {names.get(slot, slot)}" for slot, votes in enumerate(decided["votes"]))
    winner = names.get(decided["winner"], "nobody")
    rule = f" (setting ties: {decided['ties']})" if decided["outcome"] == "tie" else ""
    return Text(
        f"{decided['outcome']}{rule}: {winner} wins; votes: {votes}; {decided['abstained']} abstained, "
        f"{decided['invalid']} invalid"
    )

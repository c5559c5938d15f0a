"""One contest, whole: anchor, messages with their verdicts, each member's order, thought and vote, the tally.

Knows events; makes no judgement of its own. Text of messages and anchors is shown as text, never as markup.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from abm.crowd import each
from abm.errors import InputError
from abm.events import (
    AnchorsListed,
    ContestDecided,
    ContestOpened,
    Event,
    MessagePublished,
    MessageRejected,
    PersonasJoined,
    Reacted,
    ReactedMany,
    ReactionInvalid,
    VerdictGiven,
)
from analysis.reach import spreads

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

SHOWN = 100
"""Members of a crowd for whom the terminal has room."""


def list_contests(events: Iterable[Event]) -> list[dict[str, Any]]:
    """Return one row per decided contest, in the order of the log."""
    return [
        {"contest": e.contest, "outcome": e.outcome, "winner": e.winner, "votes": e.votes, "seq": e.seq}
        for e in events
        if isinstance(e, ContestDecided)
    ]


def contest_dict(events: Iterable[Event], contest: str, members: int | None = None) -> dict[str, Any]:
    """Return one contest as a JSON-able mapping; every part names the ``seq`` of its event.

    Args:
        contest: the contest's id, or a part of it that no other contest has.
        members: how many of a crowd that reacted at once are among the ``reactions``, by default all; ``not_shown`` tells how
            many others there are. Members who were asked one by one are always among them.

    Raises:
        InputError: no contest, or more than one, is called so.
    """
    events = list(events)
    name = _named(events, contest)
    personas = _personas(events)
    messages: list[dict[str, Any]] = []
    reactions: list[dict[str, Any]] = []
    whole: dict[str, Any] = {"contest": name, "anchor": {}, "messages": messages, "reactions": reactions, "decided": {}}
    whole["not_shown"] = 0
    for event in events:
        match event:
            case MessagePublished(contest=of) | MessageRejected(contest=of) if of == name:
                messages.append(_message(event))
                whole["anchor"] = {"id": event.anchor}
            case ContestOpened(contest=of) if of == name:
                whole["anchor"] = {"id": event.anchor}
            case Reacted(contest=of) | ReactionInvalid(contest=of) if of == name:
                reactions.append(_reaction(event, personas))
            case ReactedMany(contest=of) if of == name:
                shown = [_reaction(reaction, personas) for reaction in each(event, members)]
                reactions.extend(shown)
                whole["not_shown"] += len(event.choices) - len(shown)
                members = None if members is None else members - len(shown)
            case ContestDecided(contest=of) if of == name:
                fields = ("seq", "votes", "abstained", "invalid", "outcome", "winner", "ties")
                whole["decided"] = {f: getattr(event, f) for f in fields}
            case VerdictGiven():
                for message in messages:
                    if message["message"] == event.message:
                        fields = ("seq", "probe", "judge", "label", "evidence")
                        message["verdicts"].append({f: getattr(event, f) for f in fields})
    whole["anchor"] |= _anchor(events, whole["anchor"].get("id", ""))
    went = {spread.message: spread for spread in spreads(events) if spread.contest == name}
    for message in messages:
        if (spread := went.get(message["message"])) is not None:
            message["reach"] = {
                "seen": spread.seen, "likes": spread.likes, "shares": len(spread.sharers), "replies": spread.replies
            }  # fmt: skip
    return whole


def _named(events: list[Event], contest: str) -> str:
    names = list(dict.fromkeys(e.contest for e in events if isinstance(e, ContestOpened)))
    found = [name for name in names if name == contest] or [name for name in names if contest in name]
    if len(found) == 1:
        return found[0]
    if not found:
        raise InputError(f"no contest {contest!r}", why=f"the log has {len(names)} contests", mend="List them first.")
    why = f"{found[0]}, {found[1]}, ..."
    raise InputError(f"{len(found)} contests hold {contest!r}", why=why, mend="Give more of the id.")


def _personas(events: list[Event]) -> dict[int, str]:
    return {e.first + i: name for e in events if isinstance(e, PersonasJoined) for i, name in enumerate(e.names)}


def _anchor(events: list[Event], anchor: str) -> dict[str, Any]:
    rows = (row for e in events if isinstance(e, AnchorsListed) for row in e.anchors if row.get("id") == anchor)
    row = next(rows, {})
    return {"subject": row.get("subject", ""), "text": row.get("text", ""), "facts": row.get("facts", {})}


def _message(event: MessagePublished | MessageRejected) -> dict[str, Any]:
    place = {f: getattr(event, f) for f in ("seq", "message", "slot", "competitor", "adapter")}
    if isinstance(event, MessageRejected):
        return place | {"rejected": event.reason, "verdicts": []}
    return place | {"thinking": event.thinking, "text": event.text, "verdicts": []}


def _reaction(event: Reacted | ReactionInvalid, personas: dict[int, str]) -> dict[str, Any]:
    name = personas.get(event.persona, f"persona {event.persona}")
    place = {"seq": event.seq, "persona": event.persona, "name": name, "order": event.order}
    if isinstance(event, ReactionInvalid):
        return place | {"invalid": event.raw}
    return place | {"thought": event.thought, "choice": event.choice}


# -- for the terminal --------------------------------------------------------------------------------------


def show_contest(events: Iterable[Event], contest: str, members: int | None = SHOWN) -> RenderableType:
    """Return one contest for the terminal; evidence of a verdict is marked where it stands in the message.

    Args:
        members: as for :func:`contest_dict`.

    Raises:
        InputError: no contest, or more than one, is called so.
    """
    from rich.console import Group
    from rich.panel import Panel
    from rich.text import Text

    whole = contest_dict(events, contest, members)
    anchor = whole["anchor"]
    title = Text(f"{whole['contest']}   anchor {anchor['id']}", style="bold")
    parts: list[RenderableType] = [title, Panel(Text(anchor["text"]), title="anchor", title_align="left")]
    parts += [_message_panel(message, whole["decided"]) for message in whole["messages"]]
    if whole["reactions"]:
        parts.append(_reactions_table(whole["reactions"]))
    if whole["not_shown"]:
        parts.append(Text(f"and {whole['not_shown']:,} members more (--members N)", style="dim"))
    parts.append(_tally(whole["decided"]))
    return Group(*parts)


def _message_panel(message: dict[str, Any], decided: dict[str, Any]) -> RenderableType:
    from rich.console import Group
    from rich.panel import Panel
    from rich.text import Text

    won = decided.get("winner") == message["slot"]
    title = f"slot {message['slot']}: {message['competitor']}{'  (won)' if won else ''}"
    head = Text(title, style="bold" if won else "")
    if "rejected" in message:
        return Panel(Text(f"rejected: {message['rejected']}", style="red"), title=head, title_align="left")
    body: list[RenderableType] = [Text(message["thinking"], style="dim")] if message["thinking"] else []
    body.append(_marked(message))
    if reach := message.get("reach"):
        counts = f"  seen by {reach['seen']:,}; {', '.join(f'{n:,} {what}' for what, n in list(reach.items())[1:])}"
        body.append(Text(counts, style="dim"))
    body += [_verdict_line(verdict) for verdict in message["verdicts"]]
    return Panel(Group(*body), title=head, title_align="left")


def _marked(message: dict[str, Any]) -> Text:
    from rich.text import Text

    text = Text(message["text"])
    for verdict in message["verdicts"]:
        for span in verdict["evidence"] if verdict["label"] == 1 else ():
            start = message["text"].find(span) if span else -1
            if start >= 0:
                text.stylize("bold red", start, start + len(span))
    return text


def _verdict_line(verdict: dict[str, Any]) -> Text:
    from rich.text import Text

    says = {1: "yes", 0: "no", -1: "cannot tell"}[verdict["label"]]
    line = Text(f"  {verdict['probe']} ({verdict['judge']}): ", style="dim")
    line.append(says, style="red" if verdict["label"] == 1 else "dim")
    if verdict["evidence"]:
        line.append("  " + " | ".join(verdict["evidence"]), style="red" if verdict["label"] == 1 else "dim")
    return line


def _reactions_table(reactions: list[dict[str, Any]]) -> RenderableType:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    grid = Table("member", "saw", "vote", "thought", box=box.SIMPLE_HEAD, pad_edge=False)
    for reaction in reactions:
        vote = "invalid" if "invalid" in reaction else "–" if reaction["choice"] < 0 else f"slot {reaction['choice']}"
        said = reaction.get("invalid", reaction.get("thought", ""))
        shown = " ".join(f"{chr(65 + i)}={slot}" for i, slot in enumerate(reaction["order"]))
        grid.add_row(Text(reaction["name"]), shown, vote, Text(said))
    return grid


def _tally(decided: dict[str, Any]) -> Text:
    from rich.text import Text

    if not decided:
        return Text("not decided yet", style="yellow")
    votes = ", ".join(f"slot {slot}: {count}" for slot, count in enumerate(decided["votes"]))
    winner = f"slot {decided['winner']}" if decided["winner"] >= 0 else "nobody"
    return Text(
        f"{decided['outcome']}: {winner} wins; votes {votes}; abstained {decided['abstained']}, "
        f"invalid {decided['invalid']} (ties: {decided['ties']})"
    )

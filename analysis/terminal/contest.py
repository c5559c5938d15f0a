"""One contest, whole: anchor, messages with their verdicts, each member's order, thought and vote, the tally.

Knows events; makes no judgement of its own. Text of messages and anchors is shown as text, never as markup.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from abm.events import ContestDecided, Event, Reacted, ReactedMany, ReactionInvalid
from abm.reactions import each
from analysis.readings.book import Book, Contest, Message
from analysis.tables.reach import spreads
from analysis.ui.data.persona import name_of
from moloch.errors import InputError

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

SHOWN = 100
"""Members of a crowd for whom the terminal has room."""
TALLY = ("seq", "votes", "abstained", "invalid", "outcome", "winner", "ties")
"""What is said of a contest that was decided."""


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
    book = Book().take_all(events)
    found = _named(book, contest)
    anchor = book.anchors.get(found.anchor, {})
    reactions, left = _reactions(events, found.contest, members)
    whole: dict[str, Any] = {
        "contest": found.contest,
        "anchor": {"id": found.anchor, "subject": anchor.get("subject", ""), "text": anchor.get("text", ""), "facts": anchor.get("facts", {})},
        "messages": [_message(message) for message in found.messages.values()],
        "reactions": [_reaction(book, reaction) for reaction in reactions],
        "not_shown": left,
        "decided": {name: getattr(found, name) for name in TALLY} if found.outcome else {},
    }  # fmt: skip
    went = {spread.message: spread for spread in spreads(events) if spread.contest == found.contest}
    for message in whole["messages"]:
        if (spread := went.get(message["message"])) is not None:
            message["reach"] = {
                "seen": spread.seen, "likes": spread.likes, "shares": len(spread.sharers), "replies": spread.replies
            }  # fmt: skip
    return whole


def _named(book: Book, contest: str) -> Contest:
    found = [name for name in book.contests if name == contest] or [name for name in book.contests if contest in name]
    if len(found) == 1:
        return book.contests[found[0]]
    if not found:
        why = f"the log has {len(book.contests)} contests"
        raise InputError(f"no contest {contest!r}", why=why, fix="List them first.")
    why = f"{found[0]}, {found[1]}, ..."
    raise InputError(f"{len(found)} contests hold {contest!r}", why=why, fix="Give more of the id.")


def _message(message: Message) -> dict[str, Any]:
    place = {f: getattr(message, f) for f in ("seq", "message", "slot", "competitor", "adapter")}
    said = {"rejected": message.rejected} if message.rejected else {"thinking": message.thinking, "text": message.text}
    fields = ("seq", "probe", "judge", "label", "evidence")
    return place | said | {"verdicts": [{f: getattr(verdict, f) for f in fields} for verdict in message.verdicts]}


def _reactions(
    events: Iterable[Event], contest: str, members: int | None
) -> tuple[list[Reacted | ReactionInvalid], int]:
    """Return the reactions to a contest, of a crowd so many at most, and how many of the crowd were left out."""
    found: list[Reacted | ReactionInvalid] = []
    left = 0
    for event in events:
        if isinstance(event, Reacted | ReactionInvalid) and event.contest == contest:
            found.append(event)
        elif isinstance(event, ReactedMany) and event.contest == contest:
            shown = list(each(event, members))
            found += shown
            left += len(event.choices) - len(shown)
            members = None if members is None else members - len(shown)
    return found, left


def _reaction(book: Book, event: Reacted | ReactionInvalid) -> dict[str, Any]:
    place = {"seq": event.seq, "persona": event.persona, "name": name_of(book, event.persona), "order": event.order}
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

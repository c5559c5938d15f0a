"""One contest as a card: the anchor, each message with its votes and verdicts, what some members thought."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import solara  # pyright: ignore[reportMissingImports]

from abm.events import (
    AnchorsListed,
    ContestDecided,
    ContestOpened,
    Event,
    MessagePublished,
    MessageRejected,
    PersonasJoined,
    Reacted,
    VerdictGiven,
)
from analysis.ui.graph.palettes import HUES

THOUGHTS = 3
"""Members of a contest whose thoughts are shown."""


class Shown(msgspec.Struct):
    """What a card shows of one contest.

    Attributes:
        subject, text: the anchor's.
        messages: by slot.
        found: slot -> probes that say that the message misbehaves.
        thoughts: (member, slot chosen or -1, thought).
    """

    contest: str
    subject: str = ""
    text: str = ""
    messages: dict[int, MessagePublished | MessageRejected] = msgspec.field(default_factory=dict)
    found: dict[int, list[str]] = msgspec.field(default_factory=dict)
    thoughts: list[tuple[str, int, str]] = msgspec.field(default_factory=list)
    decided: ContestDecided | None = None


def read_contests(setting: Sequence[Event], step: Sequence[Event]) -> list[Shown]:
    """Return the contests of a step, in the order of the log.

    Args:
        setting: the events before the first step: anchors and personas.
    """
    anchors = {row["id"]: row for event in setting if isinstance(event, AnchorsListed) for row in event.anchors}
    names = {e.first + i: name for e in setting if isinstance(e, PersonasJoined) for i, name in enumerate(e.names)}
    found: dict[str, Shown] = {}
    for event in step:
        match event:
            case MessagePublished() | MessageRejected():
                shown = found.setdefault(event.contest, Shown(event.contest))
                shown.messages[event.slot] = event
            case ContestOpened():
                shown, anchor = found.setdefault(event.contest, Shown(event.contest)), anchors.get(event.anchor, {})
                shown.subject, shown.text = anchor.get("subject", ""), anchor.get("text", "")
            case Reacted() if event.thought and len(found[event.contest].thoughts) < THOUGHTS:
                member = names.get(event.persona, f"member {event.persona}")
                found[event.contest].thoughts.append((member, event.choice, event.thought))
            case ContestDecided():
                found[event.contest].decided = event
            case VerdictGiven(label=1):
                contest, slot = event.message.rsplit("/", 1)
                found[contest].found.setdefault(int(slot), []).append(event.probe)
    return list(found.values())


@solara.component
def ContestCard(shown: Shown):
    """A card of one contest."""
    solara.Text(shown.subject or shown.contest, style={"font-weight": "600", "font-size": "16px"})
    _div([shown.text], "max-height:66px;overflow:auto;white-space:pre-line;font-size:13px;opacity:.8")
    with solara.v.Html(tag="div", style_="display:grid;grid-template-columns:1fr 1fr;gap:12px"):
        for slot in sorted(shown.messages):
            _message(shown, slot)
    for member, choice, thought in shown.thoughts:
        with solara.v.Html(tag="div", style_="font-size:13px;display:flex;gap:8px;align-items:baseline"):
            _div([], f"flex:none;width:10px;height:10px;border-radius:5px;background:{_hue(choice)}")
            _div([f"{member}: {thought}"])


def _message(shown: Shown, slot: int) -> None:
    message, decided = shown.messages[slot], shown.decided
    votes = decided.votes[slot] if decided is not None and slot < len(decided.votes) else 0
    of = max(1, sum(decided.votes)) if decided is not None else 1
    won = decided is not None and decided.winner == slot
    with solara.v.Html(tag="div", style_=f"border-left:4px solid {_hue(slot)};padding-left:10px"):
        _div([f"Message {slot + 1} · {message.competitor}"], "font-weight:600;font-size:13px")
        said = message.text if isinstance(message, MessagePublished) else f"Not published: {message.reason}"
        _div([said], "white-space:pre-line;overflow-wrap:anywhere;max-height:150px;overflow:auto", "moloch-message")
        _div([f"{votes} votes, {votes / of:.0%}{' · won' if won else ''}"], "font-size:13px;margin-top:4px")
        _div([], f"height:4px;border-radius:2px;background:{_hue(slot)};width:{votes / of:.1%}")
        if probes := shown.found.get(slot):
            _div([f"Probes say: {', '.join(probes)}"], "font-size:13px;color:#c62828")


def _hue(slot: int) -> str:
    return HUES[slot % len(HUES)][0] if slot >= 0 else "#8a939c"


def _div(children: list[Any], style: str = "", kind: str = "") -> None:
    solara.v.Html(tag="div", style_=style, class_=kind, children=children)

"""One contest as a card: the anchor, each message with its votes and verdicts, what some members thought."""

# solara says of no name that it is public
# pyright: reportPrivateImportUsage=false

from __future__ import annotations

from typing import Any

import solara

from abm.events import MessagePublished
from analysis.ui.graph.palettes import HUES, NEUTRAL
from analysis.ui.step_contests import Shown


@solara.component
def ContestCard(shown: Shown):
    """A card of one contest."""
    if shown.subject:
        solara.Text(shown.subject, style={"font-weight": "600", "font-size": "16px"})
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
        _div(
            [said],
            "font-size:14px;white-space:pre-line;overflow-wrap:anywhere;max-height:130px;overflow:auto",
            "moloch-message",
        )
        _div([f"{votes} votes, {votes / of:.0%}{' · won' if won else ''}"], "font-size:13px;margin-top:4px")
        _div([], f"height:4px;border-radius:2px;background:{_hue(slot)};width:{votes / of:.1%}")
        if probes := shown.found.get(slot):
            _div([f"Probes say: {', '.join(probes)}"], "font-size:13px;color:#c62828")


def _hue(slot: int) -> str:
    return HUES[slot % len(HUES)][0] if slot >= 0 else NEUTRAL[0]


def _div(children: list[Any], style: str = "", kind: str = "") -> None:
    solara.v.Html(tag="div", style_=style, class_=kind, children=children)

"""The contests of a step, one at a time: the anchor, each message with its votes and verdicts, what some members thought."""

# solara says of no name that it is public
# pyright: reportPrivateImportUsage=false

from __future__ import annotations

from itertools import chain
from typing import Any

import solara
from mesa.visualization.utils import update_counter

from abm.views.replay_model import ReplayModel
from analysis.formats import short
from analysis.readings.book import Book
from analysis.readings.reading import result_of
from analysis.ui.address import PageAddress
from analysis.ui.data.contests import one
from analysis.ui.data.looks import css
from analysis.ui.graph.palettes import KINDS
from analysis.ui.solaraviz.models import still

FAILED = {"strategy": "Misbehaved", "copying": "Miscopied"}
"""What probes of each kind say where they found something."""
THOUGHTS = 3
"""Members of a contest whose thoughts are shown."""


@solara.component
def Contest(model: ReplayModel):
    """The contests of the last step, one at a time, the last one first."""
    update_counter.get()
    back, set_back = solara.use_state(0)
    with still(model):
        contests = solara.use_memo(lambda: step_contests(model), [id(model), model.steps, len(model.events)])
    if not contests:
        solara.Text("No contest yet: press Step or ▶.", classes=["moloch-quiet"], style={"padding": "8px"})
        return
    at = max(0, len(contests) - 1 - back)
    with solara.Column(gap="8px", style={"padding": "0 8px", "height": "390px", "overflow": "auto"}):
        with solara.Row(style={"align-items": "center"}, gap="4px"):
            solara.Button(
                icon_name="mdi-chevron-left",
                icon=True,
                small=True,
                disabled=at == 0,
                on_click=lambda: set_back(back + 1),
                attributes={"aria-label": "Previous contest"},
            )
            solara.Text(f"Contest {at + 1} of {len(contests)} in step {model.steps}")
            solara.Button(
                icon_name="mdi-chevron-right",
                icon=True,
                small=True,
                disabled=at == len(contests) - 1,
                on_click=lambda: set_back(back - 1),
                attributes={"aria-label": "Next contest"},
            )
        Card(contests[at])


def step_contests(model: ReplayModel) -> list[dict[str, Any]]:
    """Return the contests of a model's last step, in the order of the log, as :func:`analysis.ui.data.contests.one` tells them."""
    book = result_of(chain(model.setting if model.steps else (), model.events), Book())
    return [one(book, contest, model.events, PageAddress()) for contest in book.contests.values()]


@solara.component
def Card(contest: dict[str, Any]):
    """One contest."""
    if not _text(contest["anchor"]).startswith(contest["subject"]):  # an article is its own subject
        _div([short(contest["subject"], 80)], "font-weight:600;font-size:16px")
    _div(
        _pieces(contest["anchor"]),
        "max-height:60px;overflow:auto;white-space:pre-line;font-size:13px;line-height:20px;opacity:.8",
    )
    with solara.v.Html(tag="div", style_="display:grid;grid-template-columns:1fr 1fr;gap:12px"):
        for slot, message in enumerate(contest["messages"]):
            _message(slot, message, contest["votes"])
    aside = [f"{votes['count']} {votes['label']}" for votes in contest["votes"][len(contest["messages"]) :]]
    _div(["  ·  ".join([contest["outcome"], *aside])], "font-size:13px;font-weight:500")
    for reaction in [each for each in contest["reactions"] if _said(each)][:THOUGHTS]:
        with solara.v.Html(tag="div", style_="font-size:13px;display:flex;gap:8px;align-items:baseline"):
            _div([], f"flex:none;width:10px;height:10px;border-radius:5px;background:{reaction['colour']}")
            with solara.v.Html(tag="div"):
                _div(
                    [f"{reaction['name']} chose {reaction['vote']}; saw {', '.join(reaction['order'])}"],
                    kind="moloch-quiet",
                )
                _div(_pieces(reaction["thought"]), "white-space:pre-line;overflow-wrap:anywhere")


def _message(slot: int, message: dict[str, Any], votes: list[dict[str, Any]]) -> None:
    tally = votes[slot] if slot < len(votes) else {"count": "0", "share": 0.0}
    colour = message["colour"]
    with solara.v.Html(tag="div", style_=f"border-left:4px solid {colour};padding-left:10px"):
        _div([message["name"]], "font-weight:600;font-size:13px")
        content = [f"Not published: {message['rejected']}"] if message["rejected"] else _pieces(message["text"])
        _div(
            content,
            "font-size:14px;line-height:20px;white-space:pre-line;overflow-wrap:anywhere;max-height:120px;overflow:auto",
            "moloch-message",
        )
        _div(
            [f"{tally['count']} {'vote' if tally['count'] == '1' else 'votes'}{' · won' if message['won'] else ''}"],
            "font-size:13px;margin-top:4px",
            "moloch-votes",
        )
        _div([], f"height:4px;border-radius:2px;background:{colour};width:{tally['share']:.1%}")
        for kind, says in FAILED.items():
            if failed := [each["probe"] for each in message["verdicts"] if each["bad"] and each["kind"] == kind]:
                _div([f"{says}: {', '.join(failed)}"], f"font-size:13px;color:{css(KINDS[kind])}")


def _said(reaction: dict[str, Any]) -> bool:
    return bool(_text(reaction["thought"]))


def _text(passage: dict[str, Any]) -> str:
    return "".join(text for text, _ in passage["pieces"])


def _pieces(passage: dict[str, Any]) -> list[Any]:
    """Return a passage as children of an element; what is marked is a probe's evidence."""
    marked = [
        solara.v.Html(tag="mark", class_=f"moloch-evidence{' moloch-slip' * (i in passage['slips'])}", children=[text])
        if evidence
        else text
        for i, (text, evidence) in enumerate(passage["pieces"])
    ]
    return [*marked, " …"] if passage["hidden"] else marked


def _div(children: list[Any], style: str = "", kind: str = "") -> None:
    solara.v.Html(tag="div", style_=style, class_=kind, children=children)

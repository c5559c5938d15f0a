"""Verdicts as rows: what each judge found about each message, joined with the message's place in its run.

A function of two logs, the run's and that of its verdicts; makes no calls.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from abm.events import LLMReplied, Phase, RunConfigured
from abm.log import open_log, read_events
from analysis.judges._answers import Ruling, Status
from analysis.judges._battery import Battery
from analysis.judges._calls import VERDICTS, logged, rulings
from analysis.judges._messages import Messages
from analysis.judges._plan import Item, Judge, make_plan
from analysis.judges._prompts import Wording
from analysis.readings.reading import result_of
from moloch.errors import InputError

if TYPE_CHECKING:
    import polars as pl


class VerdictRow(msgspec.Struct, frozen=True):
    """One judge's ruling about one message.

    Attributes:
        label: 1 misbehaviour, 0 none, -1 no verdict.
        verdict: true, false or a level; empty where there is none.
        why: why there is none.
        words: of the message.
    """

    message: str
    contest: str
    slot: int
    phase: Phase
    epoch: int
    arm: str
    competitor: str
    anchor: str
    probe: str
    judge: str
    label: int
    verdict: str
    status: Status
    quote: str
    reason: str
    why: str
    words: int


def row(item: Item, ruling: Ruling) -> VerdictRow:
    """Return the row of a planned question and its ruling."""
    m = item.message
    return VerdictRow(
        m.message, m.contest, m.slot, m.phase, m.epoch, m.arm, m.competitor, m.anchor, item.question.name,
        item.judge.name, ruling.label, ruling.verdict, ruling.status, ruling.quote, ruling.reason, ruling.why,
        len(m.text.split()),
    )  # fmt: skip


def read_verdicts(run: Path | str, folder: Path | str | None = None) -> list[VerdictRow]:
    """Return every verdict that was ever asked for about a run's messages, by inquiry, judge, message and question.

    Args:
        folder: the log of verdicts; by default that in the run's folder.

    Raises:
        LogError: no such run, or one of the logs cannot be read.
    """
    folder = Path(folder) if folder is not None else Path(run) / VERDICTS
    replies: dict[str, LLMReplied] = {}
    inquiries: list[dict[str, Any]] = []
    for event in logged(folder):
        if isinstance(event, LLMReplied):
            replies[event.site] = event
        elif isinstance(event, RunConfigured):
            inquiries.append(event.config)
    messages = result_of(read_events(run), Messages())
    rows: dict[tuple[str, str], VerdictRow] = {}
    for config in inquiries:
        rows |= _of(config, messages, replies)
    return list(rows.values())


def judges_of(run: Path | str) -> tuple[str, ...]:
    """Return the names of the models that were asked about a run's messages; none where nobody was.

    Raises:
        LogError: the log of verdicts cannot be read.
    """
    folder = Path(run) / VERDICTS
    if not (folder / "run.json").is_file():
        return ()
    told = (event for block in open_log(folder, write=False).blocks() for event in block.events((RunConfigured,)))
    inquiries = [event.config for event in told if isinstance(event, RunConfigured)]
    return tuple(dict.fromkeys(str(judge["name"]) for config in inquiries for judge in config.get("judges", ())))


def _of(config: dict[str, Any], messages: Messages, known: dict[str, LLMReplied]) -> dict[tuple[str, str], VerdictRow]:
    """Return (message, site) -> row of one inquiry, with the wording that it used."""
    try:
        questions = Battery.model_validate(config["battery"]).asked_in(messages.arena)
    except InputError:  # the log of verdicts is shared with runs in other arenas
        return {}
    asked = [Judge(judge["name"], judge["digest"], _closed) for judge in config["judges"]]
    pairs = [(message, question) for message in messages.published for question in questions]
    plan = make_plan(pairs, messages.anchors, asked, Wording(**config["wording"]), config["max_tokens"])
    by_site = rulings(plan, known)
    return {(i.message.message, i.site): row(i, by_site[i.site]) for i in plan.items if i.site in by_site}


def _closed() -> Any:
    raise InputError("verdicts are read here, not made")


def frame(rows: Iterable[VerdictRow]) -> pl.DataFrame:
    """Return verdicts as a Polars frame, a column per field of :class:`VerdictRow`.

    >>> frame(read_verdicts("runs/x")).group_by("probe", "judge", "arm").len()  # doctest: +SKIP
    """
    import polars as pl

    text, number = pl.String(), pl.Int64()
    schema = {
        name: number if name in ("slot", "epoch", "label", "words") else text for name in VerdictRow.__struct_fields__
    }
    return pl.DataFrame([msgspec.structs.astuple(each) for each in rows], schema=schema, orient="row")

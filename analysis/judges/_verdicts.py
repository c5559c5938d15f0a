"""Verdicts as rows: what each judge, or rule, found about each message, joined with the message's place in its run.

A function of two logs, the run's and that of its verdicts; makes no calls.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from abm.events import LLMReplied, Phase, RunConfigured
from abm.label_events import RuleApplied, RuleVerdict
from abm.log import open_log, read_events
from analysis.judges._answers import Ruling, Status
from analysis.judges._battery import Battery
from analysis.judges._calls import VERDICTS, logged, rulings
from analysis.judges._messages import Messages, PublishedMessage
from analysis.judges._plan import Item, Judge, make_plan
from analysis.judges._prompts import Wording
from analysis.readings.reading import result_of
from moloch.content import content_id
from moloch.errors import InputError

if TYPE_CHECKING:
    import polars as pl


CANNOT_TELL = "the probe cannot tell"
BETWEEN = " ... "
"""Stands between the spans of a rule's evidence."""


class VerdictRow(msgspec.Struct, frozen=True):
    """One judge's ruling about one message.

    Attributes:
        label: 1 misbehaviour, 0 none, -1 no verdict.
        verdict: true, false or a level; empty where there is none.
        why: why there is none.
        words: of the message.
        version: of the rule that judged; 0 for a model.
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
    version: int = 0

    @property
    def spans(self) -> list[str]:
        """The parts of the quote that stand in the message; ``...`` stands for what is left out between them."""
        return [part for each in self.quote.replace("…", "...").split("...") if (part := each.strip())]


def row(item: Item, ruling: Ruling) -> VerdictRow:
    """Return the row of a planned question and its ruling."""
    m = item.message
    return VerdictRow(
        m.message, m.contest, m.slot, m.phase, m.epoch, m.arm, m.competitor, m.anchor, item.question.name,
        item.judge.name, ruling.label, ruling.verdict, ruling.status, ruling.quote, ruling.reason, ruling.why,
        len(m.text.split()),
    )  # fmt: skip


def rule_row(message: PublishedMessage, rule: RuleApplied, given: RuleVerdict) -> VerdictRow:
    """Return the row of a message and what a rule found in it."""
    told = given.label >= 0
    return VerdictRow(
        message=message.message,
        contest=message.contest,
        slot=message.slot,
        phase=message.phase,
        epoch=message.epoch,
        arm=message.arm,
        competitor=message.competitor,
        anchor=message.anchor,
        probe=rule.probe,
        judge=rule.judge,
        label=given.label,
        verdict=str(given.label == 1).lower() if told else "",
        status="given" if told else "invalid",
        quote=BETWEEN.join(given.evidence),
        reason="",
        why="" if told else CANNOT_TELL,
        words=len(message.text.split()),
        version=rule.version,
    )


def texts_digest(messages: Iterable[PublishedMessage]) -> str:
    """Return a hash of messages and their texts: rules judged these, though another run has messages of the same names."""
    return content_id([[message.message, message.text] for message in messages])


def read_verdicts(run: Path | str, folder: Path | str | None = None) -> list[VerdictRow]:
    """Return every verdict that was ever asked for about a run's messages, by inquiry, judge, message and question.

    Those of rules (`moloch probe --rules`) follow those of models; of a rule that judged a message again, the last one counts.

    Args:
        folder: the log of verdicts; by default that in the run's folder.

    Raises:
        LogError: no such run, or one of the logs cannot be read.
    """
    folder = Path(folder) if folder is not None else Path(run) / VERDICTS
    replies: dict[str, LLMReplied] = {}
    inquiries: list[dict[str, Any]] = []
    rules: list[RuleApplied] = []
    for event in logged(folder):
        if isinstance(event, LLMReplied):
            replies[event.site] = event
        elif isinstance(event, RunConfigured):
            inquiries.append(event.config)
        elif isinstance(event, RuleApplied):
            rules.append(event)
    messages = result_of(read_events(run), Messages())
    rows: dict[tuple[str, str], VerdictRow] = {}
    for config in inquiries:
        rows |= _of(config, messages, replies)
    by_id = {message.message: message for message in messages.published}
    for rule in rules:
        rows |= _of_rule(rule, by_id)
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


def _of_rule(rule: RuleApplied, published: dict[str, PublishedMessage]) -> dict[tuple[str, str], VerdictRow]:
    """Return (message, rule) -> row of one rule; nothing where it judged another run's messages."""
    judged = [published[given.message] for given in rule.verdicts if given.message in published]
    if len(judged) < len(rule.verdicts) or texts_digest(judged) != rule.texts:
        return {}
    rows = [rule_row(message, rule, given) for message, given in zip(judged, rule.verdicts, strict=True)]
    return {(each.message, f"rule {each.probe}"): each for each in rows}


def _closed() -> Any:
    raise InputError("verdicts are read here, not made")


def frame(rows: Iterable[VerdictRow]) -> pl.DataFrame:
    """Return verdicts as a Polars frame, a column per field of :class:`VerdictRow`.

    >>> frame(read_verdicts("runs/x")).group_by("probe", "judge", "arm").len()  # doctest: +SKIP
    """
    import polars as pl

    text, number = pl.String(), pl.Int64()
    schema = {
        name: number if name in ("slot", "epoch", "label", "words", "version") else text
        for name in VerdictRow.__struct_fields__
    }
    return pl.DataFrame([msgspec.structs.astuple(each) for each in rows], schema=schema, orient="row")

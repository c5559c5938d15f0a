"""The report of a run as data: the answer first, then what stands behind it. Reads the run's log only."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from abm.log import open_log
from analysis.answers import AnswerSentence, RowKey, answer
from analysis.formats import count, number, percent, signed
from analysis.labels import LabelledRun
from analysis.readings.evaluation import EvaluationReading
from analysis.readings.pair_contests import DecidedPairsReading
from analysis.readings.reading import read
from analysis.readings.tasks import TaskReading
from analysis.readings.transcripts import TranscriptReading
from analysis.readings.transfer import TransferReading
from analysis.reports.account import arms_words, run_account
from analysis.reports.document import (
    Block,
    Board,
    BoardLine,
    Bullets,
    Datum,
    Document,
    Fact,
    Facts,
    Link,
    Prose,
    Section,
)
from analysis.reports.further import further_boards, further_sections
from analysis.reports.labelled import label_boards
from analysis.reports.meetings import meeting_blocks, met_boards
from analysis.reports.numbers import contest_boards, probe_boards, votes_board
from analysis.reports.origin import OriginReading, given, origin_facts, settings_code, sizes
from analysis.reports.out_of_domain import answer_boards
from analysis.reports.referee import referee_lists
from analysis.reports.rivals import rivalry_blocks
from analysis.reports.sources import ReportedRun
from analysis.reports.transcripts import choose, transcripts
from analysis.tables.results import results

NO_ALARM = "No alarm was raised: no arm diverged from base, repeated itself or lost its format beyond the thresholds."


def run_report(run: Path, figures: Sequence[Block] = ()) -> Document:
    """Return the report of a run.

    Args:
        figures: of it, as :func:`analysis.reports.plates.figure_blocks` makes them.

    Raises:
        LogError: there is no run, or its log cannot be read.
    """
    log = open_log(run, write=False)
    head = log.head()
    table = results(log.read(stop=head.seq))
    contests, others, met, asked, origin = (
        EvaluationReading(),
        TransferReading(),
        DecidedPairsReading(),
        TaskReading(),
        OriginReading(),
    )
    read(log.read(stop=head.seq), contests, others, met, asked, origin)
    found, config, name = contests.result(), log.config, shlex.quote(str(run))
    title = f"{table['arena'] or 'A run'}: {', '.join(table['arms']) or 'nothing was evaluated'}"
    last = (_reproduce(config, origin, head.hash, head.seq, name, forked=log.fork is not None),)
    if not table["arms"]:
        return Document(title, "", (Section("answer", "Answer", tuple(sentences(answer(table)))), *last), table["note"])
    seed = int(table["seed"] or 0)
    chosen = [choice for arm in table["arms"] for choice in choose(found, arm, seed)]
    reading = TranscriptReading({choice.contest for choice in chosen})
    read(log.read(stop=head.seq), reading)
    answered = answer(table)
    scope = " ".join(each.text for each in answered if each.kind == "scope")
    account, runs = run_account(table, config, origin, scope), [LabelledRun("", seed, run)]
    rows = (
        *contest_boards(found, reading.subjects, name),
        *further_boards(found, others.result(), reading.subjects, name),
        *met_boards(met.result(), reading.subjects, name),
        *answer_boards(asked.result(), name),
        *label_boards(runs),
    )
    sections = (
        Section("answer", "Answer", tuple(sentences(answered))),
        Section("design", "Design", tuple(_design(table, config))),
        Section(
            "preregistration",
            "Preregistration",
            (Prose("A single run has none: preregistration belongs to a study's page (primary:)."),),
        ),
        Section("figures", "Figures", tuple(figures) or (Prose("There is nothing to draw."),)),
        Section("results", "Results", tuple(_results(table))),
        *_further(table, runs),
        Section("alarms", "Alarms and failures", tuple(_alarms(table))),
        Section("transcripts", "Transcripts", (_how_chosen(), *transcripts(reading, chosen, name, seed))),
        Section("limits", "Limits", tuple(_limits(table))),
        Section("referee", "Referee's list", tuple(referee_lists(account))),
        Section("rows", "Rows behind the numbers", rows),
        *last,
    )
    subtitle = f"{sizes(table)}; {table['audience']} audience; seed {table['seed']}; after epoch {table['epoch']}."
    return Document(title, subtitle, sections, table["note"])


def _further(table: Mapping[str, Any], runs: Sequence[LabelledRun]) -> Iterator[Section]:
    """Yield the sections that only some runs have; of a run whose votes are evidence of nothing, none on votes."""
    told = {} if table["withheld"] else table
    meetings, rivalry = meeting_blocks(told.get("head_to_head", {})), rivalry_blocks(told.get("rivalry", ()))
    return further_sections([ReportedRun(table)], runs, meetings=meetings, rivalry=rivalry)


def sentences(answered: Sequence[AnswerSentence]) -> Iterator[Prose]:
    """Yield the sentences of an answer, each with links to its rows."""
    for each in answered:
        tone = "lead" if each.kind == "finding" else each.kind
        yield Prose(each.text, tuple(Link(_called(key), f"#{key.anchor}") for key in each.rows), tone)


def _called(key: RowKey) -> str:
    return f"{key.outcome.replace('_', ' ')}, {key.measure.replace('_', ' ')}"


def _design(table: Mapping[str, Any], config: Mapping[str, Any]) -> Iterator[Block]:
    yield Facts((
        Fact("arena", table["arena"]),
        Fact("world", str(config.get("world", "isolated"))),
        Fact("writers", table["model"]),
        Fact("audience", table["audience"]),
        Fact("arms", arms_words(table["arms"])),
        Fact("evaluation", f"{sizes(table)}, each arm against base, after epoch {table['epoch']}"),
        Fact("settings that are not the defaults", ", ".join(given(config)) or "none"),
    ))  # fmt: skip
    if rows := table.get("trainings"):
        columns = ("arm", "epoch", "method", "rows", "steps", "tokens", "tokens less those of", "adapter")
        yield Board(
            "Trainings",
            columns,
            tuple(map(_training, rows)),
            labels=3,
            note="Twins learn from as many rows in as many steps.",
        )


def _training(row: Mapping[str, Any]) -> BoardLine:
    more = f"{row['rows_of']} {signed(100 * row['more_tokens'])} %" if row["more_tokens"] is not None else "–"
    counts = (number(row[name]) for name in ("rows", "steps", "tokens"))
    cells = (row["arm"], str(row["epoch"]), row["method"], *counts, more, row["adapter"])
    return BoardLine(tuple(map(Datum, cells)))


def _results(table: Mapping[str, Any]) -> Iterator[Block]:
    yield Prose("Each number links to the contests behind it, and each of those names its event.")
    yield Prose(f"No win rates: {table['withheld']}.", tone="warning") if table["withheld"] else votes_board(table)
    yield from probe_boards(table)
    if rows := [row for row in table.get("reach", ()) if row["kind"] == "strategy"]:
        columns = ("probe", "arm", "written", "seen", "amplified, points", "views")
        yield Board("Reach of messages that misbehave", columns, tuple(map(_reach, rows)), labels=2)


def _reach(row: Mapping[str, Any]) -> BoardLine:
    from analysis.formats import difference

    shares = (percent(row[name]["value"]) for name in ("published", "seen"))
    return BoardLine(
        tuple(map(Datum, (row["probe"], row["arm"], *shares, difference(row["amplified"]), number(row["views"]))))
    )


def _alarms(table: Mapping[str, Any]) -> Iterator[Block]:
    yield from (Prose(f"{alarm['text']} (event {alarm['seq']}).", tone="warning") for alarm in table["alarms"])
    if not table["alarms"]:
        yield Prose(NO_ALARM)
    yield from (Prose(f"Flagged: {flag}.", tone="warning") for flag in table["flags"])
    failures = [
        f"{row['arm']}: {percent(row['rejected'])} of {count(row['messages'], 'message')} rejected, {percent(row['at_bound'])} met the bound on tokens"
        for row in table["writing"]
        if row["rejected"] or row["at_bound"]
    ]
    failures += [f"{why}: {count(n, 'anchor')} of the source left out" for why, n in table["dropped"].items()]
    yield Bullets((*failures, f"Invalid reactions: {percent(table['invalid_rate'])}."))


def _how_chosen() -> Prose:
    return Prose(
        "For each arm: contests drawn at random by a key that nobody chose, and those in which probes found most in the arm's message. "
        "A probe's evidence is marked."
    )


def _limits(table: Mapping[str, Any]) -> Iterator[Block]:
    said = [table["note"]] if table["note"] else []
    said += [each.text for each in answer(table) if each.kind != "finding"]
    said += [f"Readers: {table['validity']}"] if table["validity"] else []
    shown = [row for row in table["positions"] if row["position"] == 1 and row["chosen"]["value"] is not None]
    said += [f"The option shown first was chosen {percent(row['chosen']['value'])} of the time." for row in shown[:1]]
    said += [
        "Exact and lexical probes find what their rules describe, not every falsehood; rates are not corrected for their errors.",
        "The log proves that nothing in it changed by accident. Anyone who can rewrite all of it can recompute its chain: compare its head with one that was kept elsewhere.",
    ]
    yield Bullets(tuple(said))


def _reproduce(
    config: Mapping[str, Any], origin: OriginReading, head: str, events: int, name: str, *, forked: bool
) -> Section:
    blocks: list[Block] = [origin_facts(origin, head, events)]
    if forked:
        blocks.append(
            Prose(
                "This run is a fork: it shares its parent's first steps, which moloch fork makes from the parent's log."
            )
        )
    blocks += [settings_code(config)]
    checks = f"moloch log verify {name} checks every byte; moloch replay {name} --verify decides every step again, without a model."
    return Section("reproduce", "Reproduce", (*blocks, Prose(checks)))

"""The report of a study as data: the answer first, then what stands behind it. Reads the study's log and those of its cells."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from abm.log import open_log
from analysis.answers import answer, flag_lines
from analysis.formats import count, model_name, number, short
from analysis.labels import LabelledRun
from analysis.readings.alarms import Alarm, AlarmReading
from analysis.readings.evaluation import EvaluationReading
from analysis.readings.pair_contests import DecidedPair, DecidedPairsReading
from analysis.readings.reading import read
from analysis.readings.service import Service, ServiceReading
from analysis.readings.tasks import TaskReading
from analysis.readings.transcripts import TranscriptReading
from analysis.readings.transfer import TransferReading
from analysis.reports.account import compute_words, data_words, humans_words
from analysis.reports.document import (
    Block,
    Board,
    BoardLine,
    Bullets,
    Code,
    Datum,
    Document,
    Fact,
    Facts,
    Prose,
    Section,
    Transcript,
)
from analysis.reports.further import further_sections
from analysis.reports.labelled import label_boards
from analysis.reports.meetings import meetings_of_cells, strength_boards
from analysis.reports.origin import OriginReading
from analysis.reports.referee import Account, referee_lists
from analysis.reports.registered import preregistration_blocks
from analysis.reports.rivals import rivalry_boards
from analysis.reports.run_report import sentences
from analysis.reports.sources import ReportedRun, cell_anchor
from analysis.reports.study_numbers import outcome_boards, value_boards
from analysis.reports.transcripts import AT_RANDOM, WORST, Candidates, Choice, candidates
from analysis.reports.transcripts import transcripts as in_full
from analysis.studies.findings.results import StudyResults, study_results
from analysis.studies.pages.page import page_of
from analysis.studies.record.layout import Layout
from analysis.studies.record.places import run_of
from analysis.studies.record.study_log import StudyLog, StudyState
from analysis.studies.values.strengths import strength_dicts, study_strengths
from analysis.tables.results import out_of_domain
from analysis.tables.transfer import transfer_dicts, transfer_rows
from moloch import keyed
from moloch.plain_text import near_paths


@dataclass
class ReportedCell:
    """One cell's run, as a report needs it.

    Attributes:
        source: its tables that a report shows.
        met: contests between arms.
        candidates: arm -> contests that may be shown.
    """

    name: str
    path: Path
    head: str
    events: int
    origin: OriginReading
    alarms: list[Alarm]
    service: dict[str, Service]
    config: dict[str, Any]
    source: ReportedRun
    met: list[DecidedPair]
    candidates: dict[str, Candidates] = field(default_factory=dict)


def study_report(folder: Path, figures: Sequence[Block] = ()) -> Document:
    """Return the report of a study, of the cells that have ended.

    Args:
        figures: of it, as :func:`analysis.reports.plates.figure_blocks` makes them.

    Raises:
        InputError: there is no study, or no cell has ended.
        LogError: the study's own log cannot be read.
    """
    state, found = StudyLog(folder).state(), study_results(folder)
    results, name = found.as_dict(), shlex.quote(str(folder))
    runs = list(_runs(state, Layout(folder), {cell.cell for cell in found.cells}))
    answered = answer(results)
    account = _account(found, state, runs, " ".join(each.text for each in answered if each.kind == "scope"))
    rows = [row for row in results["rows"] if not row["sampled"]]
    commands = {run.name: f"moloch report {shlex.quote(f'{folder}#{run.name}')} --out cell.html" for run in runs}
    note = " ".join(results["said"].get("note", {}))
    labelled = [LabelledRun(run.name, int(run.config.get("seed") or 0), run.path) for run in runs]
    sections = (
        Section("answer", "Answer", tuple(sentences(answered))),
        Section("design", "Design", tuple(_design(found, state, account))),
        Section("preregistration", "Preregistration and deviations", tuple(preregistration_blocks(results, state))),
        Section("figures", "Figures", tuple(figures) or (Prose("There is nothing to draw."),)),
        Section("results", "Results", (_how_linked(), *outcome_boards(rows, found.by))),
        *further_sections(
            [run.source for run in runs],
            labelled,
            meetings=_strengths(folder, found.by, runs),
            rivalry=rivalry_boards(rows, found.by),
        ),
        Section("alarms", "Alarms and failed cells", tuple(_failures(results, runs))),
        Section("transcripts", "Transcripts", (_how_chosen(), *_transcripts(found, runs, folder))),
        Section("limits", "Limits", tuple(_limits(results, note))),
        Section("referee", "Referee's list", tuple(referee_lists(account))),
        Section(
            "rows",
            "Rows behind the numbers",
            (
                _cells(runs, name),
                *value_boards(found.cells, found.factors, commands),
                *meetings_of_cells({run.name: run.met for run in runs if run.met}),
                *label_boards(labelled),
            ),
        ),
        Section("reproduce", "Reproduce", tuple(_reproduce(folder, state, runs))),
    )
    told = f"{count(len(found.cells), 'cell')} of {len(found.cells) + len(found.missing):,}, {count(len(found.seeds), 'seed')}"
    return Document(f"Study {found.name}", f"{told}. {results['generalises']}", sections, note)


def _runs(state: StudyState, layout: Layout, ended: set[str]) -> Iterator[ReportedCell]:
    for name, cell in state.cells.items():
        if name in ended and (path := run_of(layout, cell)) is not None:
            yield _cell_run(name, path)


def _cell_run(name: str, path: Path) -> ReportedCell:
    log = open_log(path, write=False)
    head = log.head()
    contests, origin, alarms, served = EvaluationReading(), OriginReading(), AlarmReading(), ServiceReading()
    others, answers, met = TransferReading(), TaskReading(), DecidedPairsReading()
    read(log.read(stop=head.seq), contests, origin, alarms, served, others, answers, met)
    evaluation = contests.result()
    table = {
        "withheld": evaluation.models.withheld,
        "transfer": transfer_dicts(transfer_rows(evaluation, others.result())),
        "out_of_domain": out_of_domain(evaluation, answers),
    }
    about = origin, alarms.result(), served.result(), log.config
    run = ReportedCell(name, path, head.hash, head.seq, *about, ReportedRun(table, name), met.result())
    for arm in evaluation.arms():
        run.candidates[arm] = candidates(evaluation, arm, name)
    return run


def _strengths(folder: Path, by: Sequence[str], runs: Sequence[ReportedCell]) -> Iterator[Board]:
    """Yield strengths over the study, of one in which arms met and whose votes may be evidence."""
    if any(run.met for run in runs) and not any(run.source.table["withheld"] for run in runs):
        yield from strength_boards(strength_dicts(study_strengths(folder, by)), by)


def _how_linked() -> Prose:
    return Prose(
        "Each number links to the values of its cells, each cell to its run, whose own report (moloch report STUDY#CELL) has contests and events."
    )


def _how_chosen() -> Prose:
    return Prose(
        "For each arm: contests drawn at random over all cells by a key that nobody chose, and those in which probes found most in the "
        "arm's message. A probe's evidence is marked."
    )


def _account(found: StudyResults, state: StudyState, runs: Sequence[ReportedCell], scope: str) -> Account:
    configs = [run.config for run in runs]
    arms = dict.fromkeys((row.measured.arm, row.compared_with) for row in found.rows)
    audiences = dict.fromkeys(str(config.get("audience", "")) for config in configs)
    models = dict.fromkeys(model_name(str(config.get("model", ""))) for config in configs)
    anchors = max((row.estimate.clusters[1] for row in found.rows if len(row.estimate.clusters) > 1), default=0)
    people = max((row.estimate.clusters[2] for row in found.rows if len(row.estimate.clusters) > 2), default=0)
    sizes = [count(len(found.cells), "cell")]
    sizes += (
        [f"{count(anchors, 'anchor')} and {count(people, 'person', 'people')} in all"] if anchors and people else []
    )
    factors = ", ".join(found.factors) or "seeds alone"
    service: dict[str, dict[str, Any]] = {}
    for run in runs:
        for model, served in run.service.items():
            sums = service.setdefault(model, {"calls": 0, "tokens_in": 0, "tokens_out": 0})
            for key in sums:
                sums[key] += getattr(served, key)
    first = configs[0] if configs else {}
    return Account(
        aim=f"Whether learning from the votes of an audience changes win rates and misbehaviour, beyond what training alone changes; by {factors}.",
        arenas=f"arenas {', '.join(dict.fromkeys(str(config.get('arena', '')) for config in configs))}",
        worlds=tuple(dict.fromkeys(str(config.get("world", "isolated")) for config in configs)),
        audiences=f"{' and '.join(audiences)} audience",
        models=" and ".join(models),
        arms="; ".join(f"{arm} compared with {other}" if other else arm for arm, other in arms),
        sizes=", ".join(sizes),
        seeds=f"{count(len(found.seeds), 'seed')}, each with separate trainings",
        epochs=int(first.get("epochs", 0)),
        messages=int(first.get("messages", 2)),
        scope=scope,
        tests=_tests([row for row in found.frame_rows() if not row["sampled"]]),
        compute=compute_words(service, [run.origin for run in runs]),
        humans=humans_words("llm" if "llm" in audiences else ""),
        data=data_words(first),
        note=" ".join(found.said.get("note", {})),
    )


def _tests(rows: Sequence[Mapping[str, Any]]) -> str:
    families = sorted({str(row["family"]) for row in rows if row.get("family")})
    if not families:
        return "Several tests are corrected by Holm's method."
    by = {
        "confirmatory": "Holm's method in the confirmatory family",
        "exploratory": "Benjamini-Hochberg's over exploratory differences",
    }
    return f"Several tests are corrected: {' and '.join(by.get(name, str(name)) for name in families)}."


def _design(found: StudyResults, state: StudyState, account: Account) -> Iterator[Block]:
    page = page_of(state.page, recorded=True).page
    yield Facts((
        Fact("factors", ", ".join(f"{name}: {', '.join(map(str, levels))}" for name, levels in _levels(state).items()) or "none: cells differ in their seed"),
        Fact("seeds", ", ".join(map(str, page.each_seed))),
        Fact("arms", account.arms),
        Fact("sizes", account.sizes),
        Fact("writers", account.models),
        Fact("audiences", account.audiences),
        Fact("data", account.data),
        Fact("impossible combinations", f"{len(found.impossible):,}"),
    ))  # fmt: skip
    yield Code(
        yaml.safe_dump(state.page, sort_keys=False, allow_unicode=True),
        "The page, as the study's log has it",
        folded=True,
    )


def _levels(state: StudyState) -> dict[str, list[object]]:
    levels: dict[str, list[object]] = {}
    for cell in state.cells.values():
        for name, level in cell.planned.factors.items():
            if level not in levels.setdefault(name, []):
                levels[name].append(level)
    return levels


def _failures(results: Mapping[str, Any], runs: Sequence[ReportedCell]) -> Iterator[Block]:
    alarms = [(run.name, alarm) for run in runs for alarm in run.alarms]
    if alarms:
        lines = tuple(
            BoardLine((Datum(cell, f"#{cell_anchor(cell)}"), Datum(alarm.text), Datum(str(alarm.seq))))
            for cell, alarm in alarms
        )
        yield Board("Alarms", ("cell", "alarm", "event"), lines, labels=2)
    else:
        yield Prose("No alarm was raised in any cell.")
    if results["missing"]:
        lines = tuple(
            BoardLine(
                (Datum(each["cell"]), Datum(each["state"]), Datum(short(near_paths(each["message"]), 300) or "–"))
            )
            for each in results["missing"]
        )
        yield Board("Cells without results", ("cell", "state", "message"), lines, labels=3)
    flags = flag_lines(results["said"].get("flags", {}), results["cells"])
    yield from (Prose(f"Flagged: {line}.", tone="warning") for line in flags)


def _transcripts(found: StudyResults, runs: Sequence[ReportedCell], folder: Path) -> Iterator[Transcript]:
    """Yield transcripts of each arm, drawn and worst over all cells."""
    arms = list(dict.fromkeys(arm for run in runs for arm in run.candidates))
    chosen = list[tuple[ReportedCell, Choice]]()
    for arm in arms:
        there = [(run, run.candidates[arm]) for run in runs if arm in run.candidates]
        drawn = [(run, contest) for run, each in there for contest in each.drawn]
        drawn.sort(key=lambda each: keyed.key("report", found.name, arm, each[0].name, each[1]))
        why = f"Drawn at random among contests of {arm} (keyed by the study's name), of the cell"
        chosen += [(run, Choice(contest, arm, f"{why} {run.name}.")) for run, contest in drawn[:AT_RANDOM]]
        worst = [(score, run, contest) for run, each in there for score, contest in each.worst]
        worst.sort(key=lambda each: each[0], reverse=True)
        for (probes, spans), run, contest in worst[:WORST]:
            told = f"{count(probes, 'probe')} found something, in {count(spans, 'place')}"
            why = f"Chosen because it is among the worst of {arm}: {told}. It is not representative. Of the cell {run.name}."
            chosen.append((run, Choice(contest, arm, why)))
    for number_of, (run, choice) in enumerate(chosen):
        reading = TranscriptReading({choice.contest})
        read(open_log(run.path, write=False).read(stop=run.events), reading)
        name = shlex.quote(f"{folder}#{run.name}")
        yield from in_full(reading, [choice], name, int(run.config.get("seed") or 0), first=number_of)


def _cells(runs: Sequence[ReportedCell], name: str) -> Board:
    lines = tuple(
        BoardLine((Datum(run.name), Datum(number(run.events)), Datum(run.head), Datum(run.origin.ended.digest if run.origin.ended else "–")), cell_anchor(run.name))
        for run in runs
    )  # fmt: skip
    note = f"moloch report {name}#CELL has each cell's contests; moloch show {name}#CELL --event N prints an event with what led to it."
    return Board("Cells", ("cell", "events", "head of its log", "digest"), lines, note=note)


def _limits(results: Mapping[str, Any], note: str) -> Iterator[Block]:
    said = [note] if note else []
    said += [results["generalises"]]
    said += list(results["said"].get("validity", {}))
    said += [
        "Exact and lexical probes find what their rules describe, not every falsehood.",
        "A log proves that nothing in it changed by accident. Anyone who can rewrite all of it can recompute its chain: compare heads with those kept elsewhere.",
    ]
    yield Bullets(tuple(said))


def _reproduce(folder: Path, state: StudyState, runs: Sequence[ReportedCell]) -> Iterator[Block]:
    head = StudyLog(folder).head()
    versions = dict.fromkeys(
        ", ".join(f"{name} {version}" for name, version in run.origin.started.versions.items())
        for run in runs
        if run.origin.started
    )
    yield Facts((
        Fact("head of the study's log", head.hash),
        Fact("page", state.page_id),
        Fact("versions of moloch", ", ".join(sorted(each for each in state.versions if each))),
        *(Fact("versions", each) for each in versions),
    ))  # fmt: skip
    page = yaml.safe_dump(state.page, sort_keys=False, allow_unicode=True)
    command = "moloch study run again.yaml --out again"
    yield Code(
        f"cat > again.yaml <<'END_OF_PAGE'\n{page}END_OF_PAGE\n{command}\n",
        "Equal pages and versions give equal digests of the cells on one machine.",
    )

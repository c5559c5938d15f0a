"""What a study declared beforehand, what became of it, and where the study deviates: a section of its report.

Knows the mapping of ``analysis.studies.findings.results.StudyResults.as_dict`` and the study's state.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from analysis.answers import RowKey, level_words
from analysis.formats import DASH, count, difference, p_value
from analysis.reports.document import Block, Board, BoardLine, Bullets, Code, Datum, Fact, Facts, Prose
from analysis.studies.record.study_log import StudyState

TEXTS = (
    "question",
    "background",
    "seen",
    "sampling",
    "exclusions",
    "stopping",
    "analysis",
    "deviations_policy",
    "other",
)
"""Fields of a preregistration that are prose."""


def preregistration_blocks(results: Mapping[str, Any], state: StudyState) -> Iterator[Block]:
    """Yield the section; of a study that declared nothing, why all of it is exploratory, and what could have been seen early."""
    declared = results["preregistration"]
    if declared is None:
        yield Prose(results["exploratory"] or "Nothing was declared beforehand: every estimate is exploratory.")
        yield from _looked(results, state)
        return
    if declared["said"]:
        yield Prose(declared["said"], tone="warning")
    yield _hypotheses(declared)
    yield Prose(
        f"p is corrected over the confirmatory hypotheses (Holm, alpha {declared['alpha']:g}) and over {count(declared['looks'], 'look')}. "
        f"Declared in event {declared['event']} of the study's log, before any cell had ended."
    )
    said = declared["declared"]
    if texts := tuple(Fact(name.replace("_", " "), str(said[name])) for name in TEXTS if said.get(name)):
        yield Facts(texts)
    text = yaml.safe_dump(said, sort_keys=False, allow_unicode=True)
    yield Code(text, f"primary: as declared ({declared['id']})", folded=True)
    if found := declared["deviations"]:
        yield Prose(f"{count(len(found), 'deviation')} from what was declared:", tone="warning")
        yield Bullets(tuple(f"{each['says']} ({each['where']})" for each in found))
    else:
        yield Prose("No deviation from what was declared was found.")


def _hypotheses(declared: Mapping[str, Any]) -> Board:
    columns = ("hypothesis", "about", "points", "p, corrected", "margin, points", "conclusion", "family", "seeds")
    lines = tuple(map(_hypothesis, declared["hypotheses"]))
    levels = {f"{100 * each['level']:.4g} %" for each in declared["hypotheses"] if each["level"]}
    note = f"Intervals hold {' or '.join(sorted(levels))}, each by itself." if levels else ""
    return Board("Hypotheses", columns, lines, labels=2, note=note, decisive=True)


def _hypothesis(row: Mapping[str, Any]) -> BoardLine:
    levels = tuple((factor, level_words(level)) for factor, level in row["where"].items())
    sign = {"greater": "above", "less": "below"}.get(row["direction"], "against")
    other = {"from_base": "base", "rate": "50 %"}.get(row["measure"], row["compared_with"] or "its comparator")
    where = "".join(f", {factor} {level}" for factor, level in levels)
    about = f"{row['outcome'].replace('_', ' ')}: {row['arm']} {sign} {other}{where}"
    if minus := ", ".join(f"{factor} {level_words(level)}" for factor, level in row.get("minus", {}).items()):
        about = f"{row['outcome'].replace('_', ' ')}: {row['arm']} from {other}{where} {sign} {minus}"
    shown = {"value": row["estimate"], "low": row["low"], "high": row["high"], "se": row["se"]}
    behind = f"#{RowKey(row['arm'], row['outcome'], 'cells').anchor}" if row["cells"] else ""
    verdict = f"{row['conclusion']} ({row['needs']})" if row["needs"] else row["conclusion"]
    margin = f"{row['margin']:g}" if row["margin"] else DASH
    points = Datum(
        difference(shown), behind, RowKey(row["arm"], row["outcome"], row["measure"], levels, row["name"]).anchor
    )
    rest = (p_value(row["p_adjusted"]), margin, verdict, row["family"], str(row["n"]))
    return BoardLine((Datum(row["name"]), Datum(about), points, *map(Datum, rest)))


def _looked(results: Mapping[str, Any], state: StudyState) -> Iterator[Block]:
    """Yield what a reader should know of a study that declared nothing."""
    said = [f"It was extended {count(len(state.extensions), 'time')} after it had begun."] if state.extensions else []
    said += [f"{each.door} looked at it when {each.ended} of {each.of} cells had ended." for each in state.looks]
    said += [f"Since then {results['changed_said']}."] if results["changed_said"] else []
    said += [f"Planned, and without results: {count(len(results['missing']), 'cell')}."] if results["missing"] else []
    if said:
        yield Bullets(tuple(said))

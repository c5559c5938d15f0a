"""The section of a study's report about what was declared beforehand: hypotheses, what may be concluded, and deviations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from analysis.formats import DASH, count, difference, hypothesis_words, p_value
from analysis.reports.document import Block, Board, Bullets, Code, Datum, Line, Prose
from analysis.studies.study_log import StudyState


def preregistration_blocks(state: StudyState, results: Mapping[str, Any]) -> Iterator[Block]:
    """Yield the blocks of the section.

    Args:
        results: as ``analysis.studies.results.StudyResults.as_dict`` makes them.
    """
    told = results["preregistration"]
    if told is None:
        yield Prose(results["exploratory"])
    else:
        if told["said"]:
            yield Prose(told["said"], tone="warning")
        yield _hypotheses(told)
        yield Prose(_corrected(told))
        yield from _deviations(told)
    if said := state.page.get("primary"):
        text = yaml.safe_dump(said, sort_keys=False, allow_unicode=True)
        yield Code(text, "primary: as the study's log has it last")


def _hypotheses(told: Mapping[str, Any]) -> Board:
    columns = ("name", "family", "hypothesis", "margin", "points", "p (Holm)", "p of equivalence (Holm)", "conclusion")
    lines = tuple(
        Line(tuple(map(Datum, (
            each["name"], each["family"], hypothesis_words(each), DASH if each["margin"] is None else f"{each['margin']:g}",
            difference({"value": each["estimate"], "low": each["low"], "high": each["high"]}), p_value(each["p_adjusted"]),
            p_value(each["p_equivalence_adjusted"]), "; ".join(filter(None, (each["conclusion"], each["needs"], each["why"]))),
        ))))
        for each in told["hypotheses"]
    )  # fmt: skip
    return Board("Hypotheses", columns, lines, labels=3)


def _corrected(told: Mapping[str, Any]) -> str:
    number = sum(each["family"] == "confirmatory" for each in told["hypotheses"])
    sides = [each["name"] for each in told["hypotheses"] if each["direction"] != "two-sided"]
    one = f" One-sided: {', '.join(sides)}." if sides else ""
    looks = f" and {count(told['looks'] - 1, 'look')} before the end" if told["looks"] > 1 else ""
    return (
        f"p is corrected over {count(number, 'hypothesis', 'hypotheses')}{looks} (alpha {told['alpha']:g}).{one} Declared as {told['id']}, page "
        f"{told['page_id']}, in event {told['event']} of the study's log, before any cell had ended."
    )


def _deviations(told: Mapping[str, Any]) -> Iterator[Block]:
    if found := told["deviations"]:
        yield Prose(f"{count(len(found), 'deviation')} from what was declared:", tone="warning")
        yield Bullets(tuple(f"{each['says']} ({each['where']})" for each in found))
    else:
        yield Prose("No deviations from what was declared were found.")

"""The answer of a study, whose arms were trained several times: its intervals can hold for new trainings, and effects are tested.

Knows the mapping that ``analysis.studies.findings.results.StudyResults.as_dict`` returns: rows of the tidy frame.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from analysis.answers.sentence import AnswerSentence, RowKey, level_words, levels_of
from analysis.answers.words import Terms, could_detect, outcome_words, points_and_interval
from analysis.formats import count, known, percent, rate
from analysis.tables.conventions import headline

Row = Mapping[str, Any]
Levels = tuple[tuple[str, str], ...]


def study_answer(results: Mapping[str, Any]) -> list[AnswerSentence]:
    """Return a sentence for each arm and combination of levels, confirmatory ones first; then how far they hold, and what is missing."""
    rows = [
        row
        for row in results["rows"]
        if not row["sampled"]
        and row["kind"] in ("votes", "strategy")
        and headline(row["outcome"])
        and not row.get("between")
        and all(row[factor] is not None for factor in results["by"])  # one that averages over factors is a hypothesis's
    ]
    declared = results.get("preregistration")
    hypotheses = [_hypothesis(each) for each in declared["hypotheses"]] if declared else []
    marked = bool(hypotheses) or any(row.get("family") == "confirmatory" for row in rows)
    return [*hypotheses, *_findings(rows, results["by"], marked=marked), _scope(results), *_advice(results)]


def _hypothesis(row: Row) -> AnswerSentence:
    """Return what a declared hypothesis came to, with its own interval."""
    levels = tuple((factor, level_words(level)) for factor, level in row["where"].items())
    where = "".join(f", {factor} {level}" for factor, level in levels)
    where += "".join(f" minus {factor} {level_words(level)}" for factor, level in row.get("minus", {}).items())
    about = f"{row['name']} ({row['family']}{where}): {outcome_words(row['outcome'])} of {row['arm']}"
    other = {"from_base": "base", "rate": "50 %"}.get(row["measure"], row["compared_with"] or "its comparator")
    beyond = " of rivalry" if row["measure"] == "rivalry" else f" beyond {other}"
    value = f"{about} {points_and_interval(_estimate(row))}{beyond}: {row['conclusion']}"
    more = "; ".join(filter(None, (row["needs"], row["why"])))
    key = RowKey(row["arm"], row["outcome"], row["measure"], levels, row["name"])
    return AnswerSentence(f"{value}{f' ({more})' if more else ''}.", (key,))


def _findings(rows: Sequence[Row], by: Sequence[str], *, marked: bool) -> Iterator[AnswerSentence]:
    """Yield what each arm came to; families are named only where hypotheses were declared."""
    groups: dict[tuple[Levels, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((levels_of(row, by), row["arm"]), []).append(row)
    terms, others = Terms(), {(levels_of(row, by), row["compared_with"]) for row in rows}
    if len({levels for levels, _ in groups}) > 1:  # what arms are compared with has its place in the tables
        groups = {key: group for key, group in groups.items() if key not in others}
    first = sorted(groups.items(), key=lambda group: all(row.get("family") != "confirmatory" for row in group[1]))
    for (levels, arm), group in first:
        yield _finding(levels, arm, terms, group, marked=marked)


def _finding(levels: Levels, arm: str, terms: Terms, rows: Sequence[Row], *, marked: bool) -> AnswerSentence:
    name = terms.arm(arm)
    of = {(row["outcome"], row["measure"]): row for row in rows}
    keys, said = list[RowKey](), list[str]()
    won, beyond = of.get(("win_rate", "rate")), of.get(("win_rate", "from_comparator"))
    if withheld := next((row["withheld"] for row in rows if row["withheld"]), ""):
        said.append(f"{name}: no win rate ({withheld})")
    elif won is not None:
        keys.append(RowKey(arm, "win_rate", "rate", levels))
        share = rate(_estimate(won)) if beyond is None else percent(won["estimate"])
        said.append(f"{name} wins {share} of votes against base")
        if beyond is not None:
            keys.append(RowKey(arm, "win_rate", "from_comparator", levels))
            said[-1] += f", {_change(beyond, terms)}{_verdict(beyond, marked=marked)}"
    else:
        said.append(name)
    for outcome in dict.fromkeys(row["outcome"] for row in rows if row["outcome"] != "win_rate"):
        row = of.get((outcome, "from_comparator")) or of.get((outcome, "from_base"))
        if row is not None:
            keys.append(RowKey(arm, outcome, row["measure"], levels))
            said.append(f"{outcome_words(outcome)} {_change(row, terms)}{_verdict(row, marked=marked)}")
    where = ", ".join(f"{factor} {level}" for factor, level in levels)
    return AnswerSentence(f"{f'{where}: ' if where else ''}{'; '.join(said)}.", tuple(keys))


def _estimate(row: Row) -> dict[str, Any]:
    return {"value": row["estimate"], "low": row["low"], "high": row["high"], "se": row.get("se")}


def _change(row: Row, terms: Terms) -> str:
    of = (
        f"beyond {terms.other(row['compared_with'] or 'its comparator')}"
        if row["measure"] == "from_comparator"
        else "from base"
    )
    return f"{points_and_interval(_estimate(row))} {of}"


def _verdict(row: Row, *, marked: bool) -> str:
    """Return the conclusion as the row has it; where it has none, only whether an interval leaves zero out."""
    family = f", {row['family']}" if marked and row.get("family") else ""
    if row.get("conclusion"):
        return f": {row['conclusion']}{family}{_could(row) if row['conclusion'].startswith('cannot tell') else ''}"
    if not known(row["low"]):
        return ": no interval"
    return f": cannot tell{family}{_could(row)}" if row["low"] <= 0 <= row["high"] else family.replace(", ", ": ", 1)


def _could(row: Row) -> str:
    """Return what it would take to tell, of a hypothesis with a margin and where there is no interval; else what can be found."""
    if (needs := row.get("needs")) and (row["margin"] is not None or not known(row["low"])):
        return f" ({needs})"
    return could_detect(row.get("detectable"), "this design")


def _scope(results: Mapping[str, Any]) -> AnswerSentence:
    return AnswerSentence(results["generalises"], kind="scope")


def _advice(results: Mapping[str, Any]) -> Iterator[AnswerSentence]:
    if missing := results["missing"]:
        planned = results["cells"] + len(missing)
        yield AnswerSentence(
            f"{len(missing):,} of {count(planned, 'cell')} {'is' if len(missing) == 1 else 'are'} missing: averages are over the others.",
            kind="advice",
        )

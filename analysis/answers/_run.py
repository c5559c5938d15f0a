"""The answer of one run. Where each of its arms was trained once, intervals are of these adapters and nothing is tested.

Knows the mapping that :func:`analysis.tables.results.results` returns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from abm.probe import kind_of
from analysis.answers.sentence import AnswerSentence, RowKey
from analysis.answers.words import Terms, could_detect, outcome_words, points_and_interval
from analysis.formats import known, p_value, percent, points, rate
from analysis.statistics.estimates import of_plain

Table = Mapping[str, Any]
ADDS_UP = 5e-4
"""Shares that differ by less are the same in print."""
_PAIRED = "Differences in votes are of people who voted on the same anchor for both arms, so they need not be the difference of the two win rates."
_ONE_SOCIETY = "No intervals from one society: its members influence each other, so only seeds are independent. moloch study --like RUN --seeds 8 gives them."


def run_answer(table: Table) -> list[AnswerSentence]:
    """Return a sentence for each arm, then how far they hold, and what is missing."""
    if not table["arms"]:
        return [AnswerSentence("Nothing has been evaluated yet.", kind="advice")]
    if table["withheld"]:
        return [
            AnswerSentence(
                f"There is no answer: {table['withheld']}. Use another reader; moloch llm check MODEL --arena ARENA --audience llm says beforehand whether a model is fit to read.",
                kind="advice",
            )
        ]
    again = [*_between_trainings(table.get("competition", ())), *_trained_again(table.get("repeats", ()))]
    return [*_findings(table), *again, *_paired(table), _scope(table), *_advice(table)]


def _findings(table: Table) -> Iterator[AnswerSentence]:
    terms, arms = Terms(), table["arms"]
    for arm, row in arms.items():
        probes = [each for each in table["probes"] if each["arm"] == arm and each["kind"] == "strategy"]
        name, other = terms.arm(arm, row.get("method", "")), row["compared_with"]
        named = terms.other(other, arms.get(other, {}).get("method", "")) if other else ""
        yield _finding(name, named, arm, row, probes)


def _finding(name: str, named: str, arm: str, row: Table, probes: Sequence[Table]) -> AnswerSentence:
    other, beyond = row["compared_with"], row["against_placebo"]
    rows = [RowKey(arm, "win_rate", "rate")]
    if other and known(beyond["value"]):
        text = f"{name} wins {percent(row['win_rate']['value'])} of votes against base, {points_and_interval(beyond)} beyond {named}"
        rows.append(RowKey(arm, "win_rate", "from_comparator"))
        text += _verdict(beyond)
    else:
        text = f"{name} wins {rate(row['win_rate'])} of votes against base"
    said = []
    for probe in probes:
        measure, sentence = _probe(probe, other)
        said.append(sentence)
        rows.append(RowKey(arm, probe["probe"], measure))
    return AnswerSentence(f"{'; '.join([text, *said])}.", tuple(rows))


def _probe(row: Table, other: str) -> tuple[str, str]:
    """Return the measure that a sentence speaks of, and the sentence."""
    words, beyond = outcome_words(row["probe"]), row["placebo"]
    if not known(row["after"]["value"]):
        return "after", f"{words} was not judged"
    if not other or not known(beyond["value"]):
        return (
            "from_base",
            f"{words} {percent(row['after']['value'])} of messages, {points_and_interval(row['difference'])} from base",
        )
    if not (row["after"]["value"] or row["base"]["value"] or beyond["value"]):
        return "from_comparator", f"{words} in no message"
    return "from_comparator", f"{words} {points_and_interval(beyond)} beyond {other}{_verdict(beyond)}"


def _verdict(estimate: Table) -> str:
    """Return what an interval does not decide; nothing where it leaves zero out, which of these adapters alone says enough."""
    low, high = estimate["low"], estimate["high"]
    if not (known(low) and known(high)):
        return ": no interval" if known(estimate["se"]) else ""
    return f": cannot tell{_could(estimate)}" if low <= 0 <= high else ""


def _could(estimate: Table) -> str:
    return could_detect(of_plain(estimate).detectable, "this run")


def _between_trainings(rows: Sequence[Table]) -> Iterator[AnswerSentence]:
    """Yield the difference of arms that were both trained several times, which is of new trainings."""
    for row in rows:
        if row["method"] == "welch" and kind_of(row["outcome"]) != "copying":
            tested = f" (p = {p_value(row['estimate']['p'])})" if known(row["estimate"]["p"]) else ""
            said = f"{row['arm']}: {outcome_words(row['outcome'])} {points_and_interval(row['estimate'])} beyond {row['control']}{tested}. {row['says']}"
            yield AnswerSentence(said, (RowKey(row["arm"], row["outcome"], "from_comparator"),))


def _trained_again(rows: Sequence[Table]) -> Iterator[AnswerSentence]:
    """Yield what trainings that were repeated say of the one training of another arm: a test of the sharp null, and no interval."""
    for row in rows:
        if row["arm"] and known(row["p"]):
            trained = f"Of {len(row['values'])} trainings of {row['control']} the mean {outcome_words(row['outcome'])} is {percent(row['mean'])}"
            test = f"that {row['arm']}'s one training ({points({'value': row['difference']})} points) is one more of them has p = {p_value(row['p'])}"
            key = RowKey(row["arm"], row["outcome"], "from_comparator")
            yield AnswerSentence(
                f"{trained}; {test} (rank: {p_value(row['p_rank'])}). This is not an interval for the effect.", (key,)
            )


def _paired(table: Table) -> Iterator[AnswerSentence]:
    """Yield why win rates and their difference do not add up, where they do not: some people voted for one arm's contest alone."""
    arms = table["arms"]
    shown = [
        (row["win_rate"]["value"], arms[row["compared_with"]]["win_rate"]["value"], row["against_placebo"]["value"])
        for row in arms.values()
        if row["compared_with"] in arms
    ]
    if any(all(map(known, each)) and abs(each[0] - each[1] - each[2]) >= ADDS_UP for each in shown):
        yield AnswerSentence(_PAIRED, kind="scope")


def _several(table: Table) -> bool:
    """Tell whether some arm and its comparator were both trained several times."""
    return any(row["method"] == "welch" for row in table.get("competition", ()))


def _scope(table: Table) -> AnswerSentence:
    if table.get("one_society"):
        return AnswerSentence(_ONE_SOCIETY, kind="scope")
    text = "Intervals (95 %) are over anchors and people and of these adapters: each arm was trained once, so they say nothing about new trainings."
    if _several(table):
        text = "Other intervals (95 %) are over anchors and people and of these adapters: they say nothing about new trainings."
    return AnswerSentence(text, kind="scope")


def _advice(table: Table) -> Iterator[AnswerSentence]:
    if not any(row["compared_with"] for row in table["arms"].values()):
        said = "No arm has a comparator, such as a placebo: what training alone changes cannot be subtracted."
        yield AnswerSentence(f"{said} Add one to the arms, as in arms: [rft, placebo].", kind="advice")
    if _several(table) or table.get("one_society"):  # whose scope says what to run
        return
    yield AnswerSentence(
        "What competition does cannot be tested with one training of each arm. It takes several: moloch study --like RUN --seeds 8. "
        "moloch power says how many.",
        kind="advice",
    )

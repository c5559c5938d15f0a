"""Transcripts of a report: for each arm some contests drawn at random, and those in which probes found most; both are labelled so.

The draw is keyed by the run's seed and the arm, so that nobody chose it and anybody can make it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from abm.events import MessagePublished, MessageRejected, VerdictGiven
from abm.probe import kind_of
from analysis.formats import count, short
from analysis.passages import judged_passage
from analysis.readings.contests import Evaluation, EvaluationContest
from analysis.readings.transcripts import ReadContest, TranscriptReading
from analysis.reports.document import Excerpt, Transcript, Words
from moloch import keyed

AT_RANDOM, WORST, THOUGHTS = 2, 2, 3
"""Contests of each arm that are drawn, and that probes found most in; thoughts of each contest."""
LABELS = {1: "yes", 0: "no", -1: "cannot tell"}


class Choice(NamedTuple):
    """A contest, and why it is shown."""

    contest: str
    arm: str
    why: str


def choose(found: Evaluation, arm: str, seed: int) -> list[Choice]:
    """Return the contests of an arm's last evaluation that are shown, those drawn at random first; one may stand in both lists."""
    contests = [contest for contest in found.of(arm) if not contest.trained.rejected]
    if not contests:
        return []
    random = keyed.generator(seed, "report", arm)
    order = random.permutation(len(contests)).tolist()
    why = f"Drawn at random among {count(len(contests), 'contest')} of {arm}"
    drawn = [Choice(contests[i].contest, arm, f"{why} (keyed by seed {seed}).") for i in order[:AT_RANDOM]]
    worst = [i for i in sorted(order, key=lambda i: _found(contests[i]), reverse=True) if _found(contests[i])[0]]
    return drawn + [Choice(contests[i].contest, arm, _why_worst(contests[i], arm)) for i in worst[:WORST]]


def _found(contest: EvaluationContest) -> tuple[int, int]:
    """Return how many probes of strategy found something in the trained message, and how many spans they quoted."""
    probes = [probe for probe, label in contest.trained.labels.items() if label == 1 and kind_of(probe) == "strategy"]
    return len(probes), sum(contest.trained.hits.get(probe, 0) for probe in probes)


def _why_worst(contest: EvaluationContest, arm: str) -> str:
    probes, spans = _found(contest)
    said = f"{count(probes, 'probe')} found something, in {count(spans, 'place')}"
    return f"Chosen because it is among the worst of {arm}: {said}. It is not representative."


class Candidates(NamedTuple):
    """An arm's contests in one cell of a study that may be shown.

    Attributes:
        drawn: at random.
        worst: (probes that found something, places that they quoted), and the contest; the worst first.
    """

    drawn: list[str]
    worst: list[tuple[tuple[int, int], str]]


def candidates(found: Evaluation, arm: str, key: str) -> Candidates:
    """Return an arm's contests in one cell that may be shown.

    Args:
        key: of the draw: the cell's name.
    """
    contests = [contest for contest in found.of(arm) if not contest.trained.rejected]
    order = keyed.generator("report", key, arm).permutation(len(contests)).tolist()
    worst = sorted(order, key=lambda i: _found(contests[i]), reverse=True)[:WORST]
    found_in = [(_found(contests[i]), contests[i].contest) for i in worst]
    return Candidates([contests[i].contest for i in order[:AT_RANDOM]], [each for each in found_in if each[0][0]])


def transcripts(
    reading: TranscriptReading, chosen: Sequence[Choice], run: str, seed: int, first: int = 0
) -> list[Transcript]:
    """Return the chosen contests in full, in their order.

    Args:
        reading: of all of them.
        run: what the run is called in commands, quoted for a shell.
        seed: of the run; it keys which thoughts are shown.
        first: number of the first, counted from 0.
    """
    there = reading.result()
    made = list[Transcript]()
    for i, choice in enumerate(chosen, first):
        contest = there[choice.contest]
        if contest.messages:
            made.append(_transcript(contest, choice, reading.names, f"moloch show {run} {choice.contest}", seed, i))
    return made


def _transcript(
    contest: ReadContest, choice: Choice, names: Mapping[int, str], command: str, seed: int, number: int
) -> Transcript:
    decided = contest.decided
    messages = tuple(
        _words(message, contest.verdicts.get(slot, ()), decided is not None and decided.winner == slot)
        for slot, message in sorted(contest.messages.items())
    )
    return Transcript(
        title=f"{choice.arm}: {short(contest.subject or contest.contest, 80)}",
        why=choice.why,
        subject=contest.subject,
        about=contest.about,
        messages=messages,
        votes=_votes(contest),
        thoughts=tuple(_thoughts(contest, names, seed)),
        command=command,
        anchor=f"transcript-{number + 1}",
    )


def _words(message: MessagePublished | MessageRejected, verdicts: Sequence[VerdictGiven], won: bool) -> Words:
    title = f"{message.competitor} (event {message.seq})"
    if isinstance(message, MessageRejected):
        return Words(title, (Excerpt(f"Rejected: {message.reason}"),), won)
    findings = [(verdict.probe, verdict.evidence) for verdict in verdicts if verdict.label == 1]
    marked = judged_passage(message.text, findings, whole=True)
    slips = set(marked.slips)
    pieces = tuple(
        Excerpt(text, ("copying" if i in slips else "strategy") if evidence else "")
        for i, (text, evidence) in enumerate(marked.pieces)
    )
    lines = tuple(
        f"{verdict.probe} ({verdict.judge}): {LABELS.get(verdict.label, '?')} (event {verdict.seq})"
        for verdict in verdicts
    )
    return Words(title, pieces, won, message.thinking, lines)


def _votes(contest: ReadContest) -> str:
    if (decided := contest.decided) is None:
        return "Not decided."
    votes = ", ".join(
        f"{number:,} for {contest.messages[slot].competitor if slot in contest.messages else f'slot {slot}'}"
        for slot, number in enumerate(decided.votes)
    )
    more = (
        f"; {decided.abstained:,} abstained, {decided.invalid:,} invalid"
        if decided.abstained or decided.invalid
        else ""
    )
    return f"Votes: {votes}{more} ({decided.outcome}, event {decided.seq})."


def _thoughts(contest: ReadContest, names: Mapping[int, str], seed: int) -> Iterable[str]:
    """Yield what some voters thought, drawn at random."""
    order = keyed.generator(seed, "report thoughts", contest.contest).permutation(len(contest.thoughts)).tolist()
    for i in sorted(order[:THOUGHTS]):
        persona, slot, thought = contest.thoughts[i]
        message = contest.messages.get(slot)
        yield f"{names.get(persona) or f'member {persona}'}, for {message.competitor if message else 'neither'}: {thought}"

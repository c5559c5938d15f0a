"""One anchor in several evaluations: what each arm wrote about it, side by side, who chose differently, and a map of that."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.figures.palette import Look
from analysis.formats import count, number, short, signed
from analysis.passages import judged_passage
from analysis.readings.apart import A_ONLY, ALIKE, B_ONLY, NOT_BOTH, ChoicesApart, map_codes
from analysis.readings.book import Book
from analysis.readings.contests import EvaluationContest
from analysis.ui.address import PageAddress
from analysis.ui.data.doors import message_url
from analysis.ui.data.failures import chips
from analysis.ui.data.looks import css, looks
from analysis.ui.graph.palettes import HUES, Swatch

MOST_NAMED = 25
"""People who chose differently that are named."""


@dataclass(frozen=True)
class AnchorSide:
    """One evaluation of an anchor.

    Attributes:
        title: what to call it: the arm, or run and arm.
        book: of its run; ``run``: the run's key.
        contest: None where it is not there.
    """

    title: str
    run: str
    book: Book
    contest: EvaluationContest | None


def anchor_cards(
    sides: Sequence[AnchorSide], address: PageAddress, whole: frozenset[str] = frozenset()
) -> list[dict[str, Any]]:
    """Return the messages about an anchor: base's, once where it wrote the same for all, then one of each side.

    Args:
        whole: ids of messages that are shown whole.
    """
    there = [side for side in sides if side.contest is not None]
    bases: dict[str, list[AnchorSide]] = {}
    for side in there:
        bases.setdefault(side.contest.base.text, []).append(side)  # pyright: ignore[reportOptionalMemberAccess]
    cards = []
    for of in bases.values():
        name = "base" if len(bases) == 1 else f"base, against {', '.join(side.title for side in of)}"
        cards.append(_card(name, of[0], False, address, whole) | {"votes": [_votes(side, False) for side in of]})
    return [
        *cards,
        *(_card(side.title, side, True, address, whole) | {"votes": [_votes(side, True)]} for side in there),
    ]


def _card(name: str, side: AnchorSide, trained: bool, address: PageAddress, whole: frozenset[str]) -> dict[str, Any]:
    contest = side.contest
    assert contest is not None
    known = side.book.contests.get(contest.contest)
    slot = _slot(side, trained)
    message = known.messages.get(slot) if known is not None else None
    wrote = contest.trained if trained else contest.base
    key = message.message if message is not None else f"{contest.contest}/{slot}"
    findings = message.findings if message is not None else []
    return {
        "id": f"{side.run} {key}",
        "name": short(name, 60),
        "colour": css(looks(side.book.config).get(contest.arm if trained else "base")),
        "url": message_url(address.at(run=side.run), contest.contest, slot),
        "rejected": wrote.rejected,
        "text": judged_passage(wrote.text, findings, whole=f"{side.run} {key}" in whole).as_dict(),
        "words": count(len(wrote.text.split()), "word"),
        "failed": chips(message) if message is not None else [],
    }


def _slot(side: AnchorSide, trained: bool) -> int:
    """Return the slot of the message that an arm, or base, wrote in a contest."""
    assert side.contest is not None
    known = side.book.contests.get(side.contest.contest)
    messages = known.messages if known is not None else {}
    named = [slot for slot, message in messages.items() if (message.competitor == side.contest.arm) is trained]
    return named[0] if len(named) == 1 else int(trained)


def _votes(side: AnchorSide, trained: bool) -> str:
    contest = side.contest
    assert contest is not None
    votes = float(np.sum(contest.votes if trained else 1 - contest.votes))
    said = f"{number(votes, 0 if votes.is_integer() else 1)} of {count(len(contest.votes), 'vote')}"
    return said if trained else f"{said} against {short(side.title, 40)}"


def anchor_options(book: Book, found: Sequence[ChoicesApart]) -> list[list[str]]:
    """Return anchors as choices, each with by how much the votes for the trained message differ, in points."""
    return [[each.anchor, f"{_shift(each)} {short(book.subject(each.anchor), 60)}"] for each in found]


def apart_said(each: ChoicesApart, a: str, b: str) -> str:
    """Return how the same people chose about one anchor, in a sentence.

    Args:
        a, b: what is chosen in each: ``placebo`` and ``rft``, or ``rft in A`` and ``rft in B``.
    """
    times = np.bincount(each.codes, minlength=4).tolist()
    if not len(each.personas):
        return "Nobody voted in both."
    return (
        f"Of {count(len(each.personas), 'person', 'people')} who voted in both, {times[ALIKE]:,} chose alike, "
        f"{times[B_ONLY]:,} for {b} and not for {a}, {times[A_ONLY]:,} for {a} and not for {b}."
    )


def apart_rows(
    each: ChoicesApart, societies: tuple[str, str], arms: tuple[str, str], names: Mapping[int, str]
) -> list[dict[str, Any]]:
    """Return who chose differently, with links to the moment in the persona's story in A and in B.

    Args:
        arms: whose message competed with base's in A and in B.
        societies: run and society of A and of B, with a space between.
        names: persona index -> name.
    """
    seqs = (each.seq_a, each.seq_b)
    rows = []
    for at in np.flatnonzero(each.codes != ALIKE)[:MOST_NAMED].tolist():
        persona = int(each.personas[at])
        links = [_story(society, persona, seq) for society, seq in zip(societies, seqs, strict=True)]
        said = [_chose(float(votes[at]), arm) for votes, arm in zip((each.a, each.b), arms, strict=True)]
        rows.append({"persona": persona, "name": names.get(persona, f"member {persona}"), "said": said, "urls": links})
    return rows


def apart_facts(each: ChoicesApart, persona: int, names: tuple[str, str], arms: tuple[str, str]) -> list[list[str]]:
    """Return how one person chose in A and in B."""
    at = np.flatnonzero(each.personas == persona)
    if not len(at):
        return [["chose", "not in both"]]
    chose = (_chose(float(votes[at[0]]), arm) for votes, arm in zip((each.a, each.b), arms, strict=True))
    return [[f"where {name} competed", said] for name, said in zip(names, chose, strict=True)]


def moment_url(each: ChoicesApart, society: str, persona: int) -> str:
    """Return where a person's choice about an anchor in B stands in its story.

    Args:
        society: run and society of B, with a space between.
    """
    return _story(society, persona, each.seq_b)


def _story(society: str, persona: int, seq: int) -> str:
    run, _, key = society.rpartition(" ")
    return PageAddress(run=run, page="persona", society=key, persona=persona, seq=seq).url


def apart_map(found: Sequence[ChoicesApart], personas: NDArray[np.integer], book: Book) -> dict[str, Any]:
    """Return the map's frames, an anchor each: ``fills`` and ``frames``, as the graph takes them."""
    labels = [{"label": f"{_shift(each)} points: {short(book.subject(each.anchor), 60)}"} for each in found]
    return {"fills": map_codes(found, personas), "frames": labels}


def apart_palette(a: str, b: str, of: tuple[Look | None, Look | None] = (None, None)) -> list[Swatch]:
    """Return what the codes mean, in colours.

    Args:
        of: looks of what is chosen in A and in B; where it is one arm in two runs, none.
    """
    of_a, of_b = (look[:2] if look is not None else hue for look, hue in zip(of, HUES[:2], strict=True))
    palette = {
        NOT_BOTH: Swatch(label="Did not vote in both", light="#dfe4e8", dark="#2c343c"),
        ALIKE: Swatch(label="Chose alike", light="#8a939c", dark="#7c8792"),
        B_ONLY: Swatch(label=f"For {b} only", light=of_b[0], dark=of_b[1]),
        A_ONLY: Swatch(label=f"For {a} only", light=of_a[0], dark=of_a[1]),
    }
    return [palette[code] for code in range(4)]


def _shift(each: ChoicesApart) -> str:
    return "–" if math.isnan(each.shift) else signed(100 * each.shift, 0)


def _chose(value: float, arm: str) -> str:
    return arm if value == 1 else "base" if value == 0 else f"{arm} in {number(100 * value)} % of its choices"

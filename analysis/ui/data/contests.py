"""Contests: the list with its filters, and one whole, with its evidence, votes and thoughts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from abm.columns import Int8s, unpack
from abm.events import Event, Reacted, ReactedMany, ReactionInvalid
from abm.probe import kind_of
from abm.societies import arena_in, arm_and_audience, arm_in
from analysis.formats import count, percent, short
from analysis.judges import VerdictRow
from analysis.passages import judged_passage, passage
from analysis.readings.book import Book, Contest, Message
from analysis.readings.society import PHASES
from analysis.ui.address import PageAddress
from analysis.ui.data.doors import event_url, message_url, rows_url
from analysis.ui.data.failures import FAILURES, chips, failures
from analysis.ui.data.looks import ABSTAINED, NO_OPTION, css, slot_looks
from analysis.ui.data.references import adapter_event
from analysis.ui.data.takes import rows_take

PAGE = 50
"""Contests, or thoughts, on one page."""
OUTCOMES = ("majority", "tie", "forfeit", "void", "undecided")


def listed(book: Book, address: PageAddress) -> list[Contest]:
    """Return the contests that an address's filters let through, newest first."""
    phrase = address.find.strip().casefold()

    def fits(contest: Contest) -> bool:
        return (
            address.phase in ("", contest.step.phase)
            and address.arm in ("", contest.step.arm)
            and address.epoch in (0, contest.step.epoch)
            and address.outcome in ("", contest.outcome or "undecided", *_kinds(contest))
            and (
                not phrase or phrase in book.subject(contest.anchor).casefold() or phrase in contest.contest.casefold()
            )
        )

    return [contest for contest in reversed(book.contests.values()) if fits(contest)]


def _kinds(contest: Contest) -> set[str]:
    return {kind for message in contest.messages.values() for kind in failures(message)}


def contest_rows(book: Book, contests: Iterable[Contest], address: PageAddress) -> list[dict[str, Any]]:
    """Return contests as rows of a list."""
    rows = []
    for contest in contests:
        names = contest.competitors()
        rows.append(
            {
                "id": contest.contest,
                "url": address.at(contest=contest.contest).url,
                "subject": short(book.subject(contest.anchor), 60),
                "phase": contest.step.phase,
                "held": PHASES.get(contest.step.phase, contest.step.phase).lower(),
                "epoch": contest.step.epoch,
                "arm": contest.step.arm,
                "outcome": contest.outcome or "undecided",
                "winner": names.get(contest.winner, ""),
                "votes": _votes(book, contest, address),
                "failed": [
                    chip | {"text": f"{chip['text']}: {names.get(slot, slot)}"}
                    for slot, message in contest.messages.items()
                    for chip in chips(message)
                ],
            }
        )
    return rows


def _votes(book: Book, contest: Contest, address: PageAddress) -> list[dict[str, Any]]:
    names, total = contest.competitors(), max(1, sum(contest.votes) + contest.abstained + contest.invalid)
    shown = _colours(book, contest)

    def chose(slot: int) -> str:
        return rows_url(address, "votes", contest=contest.contest, choice=slot)

    unread = rows_url(address, "reactions", contest=contest.contest, kind="invalid")
    parts = [
        (names.get(slot, f"message {slot + 1}"), votes, shown[slot], chose(slot))
        for slot, votes in enumerate(contest.votes)
    ]
    others = (
        ("abstained", contest.abstained, css(ABSTAINED), chose(-1)),
        ("named no option", contest.invalid, css(NO_OPTION), unread),
    )
    parts += [part for part in others if part[1]]
    return [
        {"label": label, "count": f"{votes:,}", "share": votes / total, "colour": colour, "to": to}
        for label, votes, colour, to in parts
    ]


def _colours(book: Book, contest: Contest) -> dict[int, str]:
    """Return slot -> the colour of a contest's message."""
    slots = sorted({*range(len(contest.votes)), *contest.messages})
    wrote = [contest.messages[slot].competitor if slot in contest.messages else "" for slot in slots]
    return {slot: css(look) for slot, look in zip(slots, slot_looks(book.config, wrote), strict=True)}


def contest_choices(book: Book, address: PageAddress) -> list[dict[str, Any]]:
    """Return what the list can be filtered by."""
    there = book.societies()

    def choice(name: str, label: str, values: Iterable[Any], value: Any) -> dict[str, Any]:
        none = "0" if name == "epoch" else ""
        said = {phase: words.lower() for phase, words in PHASES.items()} if name == "phase" else {}
        options = [[none, "all"], *([str(each), said.get(each, str(each))] for each in values)]
        return {"name": name, "label": label, "value": str(value), "options": options}

    return [
        choice("phase", "Phase", dict.fromkeys(phase for phase, _, _ in there), address.phase),
        choice("arm", "Arm", dict.fromkeys(arm for _, arm, _ in there), address.arm),
        choice("epoch", "Epoch", sorted({epoch for _, _, epoch in there}), address.epoch),
        choice("outcome", "Outcome", [*OUTCOMES, *FAILURES], address.outcome),
    ]


def list_take(address: PageAddress, run: Path) -> dict[str, str]:
    """Return how the contests that the filters let through are taken along; as shown, where a frame does not know a filter."""
    if address.find.strip() or address.outcome not in ("", *OUTCOMES[:-1]):
        return {"name": "contests"}
    society, audience = arm_and_audience(address.arm)
    where = {"arm": arm_in(society) or None, "audience": audience or None, "held_in": arena_in(society) or None}
    place = {"phase": address.phase or None, "epoch": address.epoch or None, "outcome": address.outcome or None}
    return rows_take(address, run, "contests", **place, **where)


def one(
    book: Book,
    contest: Contest,
    events: Iterable[Event],
    address: PageAddress,
    judged: Iterable[VerdictRow] = (),
    whole: set[str] | frozenset[str] = frozenset(),
) -> dict[str, Any]:
    """Return one contest as a page shows it.

    Args:
        events: of its step; reactions to other contests among them do no harm.
        judged: what language models said of its messages.
        whole: ids of texts that are shown whole.
    """
    judged = [row for row in judged if row.message.rpartition("/")[0] == contest.contest]
    names, anchor = contest.competitors(), book.anchors.get(contest.anchor, {})
    reactions, crowd = _reactions(book, contest, events, whole, address)
    shown = _colours(book, contest)
    return {
        "id": contest.contest,
        "subject": book.subject(contest.anchor),
        "verb": str(book.arena.get("verb", "choose")),
        "place": f"{contest.step.society.label}, step {contest.step.number}",
        "seq": contest.seq,
        "anchor": passage(str(anchor.get("text", "")), whole="anchor" in whole).as_dict(),
        "facts": [[str(name), short(str(value), 60)] for name, value in (anchor.get("facts") or {}).items()],
        "outcome": _outcome(contest),
        "votes": _votes(book, contest, address),
        "event": event_url(address, contest.seq),
        "crowd": crowd,
        "reactions": reactions,
        "messages": [
            {"colour": shown[slot]}
            | _message(
                message,
                names[slot],
                slot == contest.winner,
                [row for row in judged if row.message == message.message],
                whole,
                lambda seq: event_url(address, seq),
                lambda adapter: event_url(address, adapter_event(book, adapter)),
            )
            | {"page": message_url(address, contest.contest, slot)}
            for slot, message in sorted(contest.messages.items())
        ],
    }


def _outcome(contest: Contest) -> str:
    if not contest.outcome:
        return "Not decided yet."
    names = contest.competitors()
    if contest.winner < 0:
        return {"tie": f"A tie; ties are {_tied(contest.ties)}.", "void": "Void: no valid message, or no vote."}.get(
            contest.outcome, contest.outcome
        )
    total = sum(contest.votes)
    share = percent(contest.votes[contest.winner] / total) if total else ""
    of = f" with {share} of {count(total, 'vote')}" if total else " without a vote: the other message was rejected"
    return f"{names.get(contest.winner, contest.winner)} won{of}."


def _tied(policy: str) -> str:
    return {"skip": "left out of learning"}.get(policy, policy)


def _message(
    message: Message,
    name: str,
    won: bool,
    judged: list[VerdictRow],
    whole: set[str] | frozenset[str],
    event: Callable[[int], str],
    learnt: Callable[[str], str],
) -> dict[str, Any]:
    says = {1: "yes", 0: "no", -1: "cannot tell"}
    verdicts = [
        {
            "probe": v.probe,
            "judge": v.judge,
            "says": says.get(v.label, str(v.label)),
            "bad": v.label == 1,
            "kind": kind_of(v.probe),
            "evidence": [short(e, 90) for e in v.evidence],
            "url": event(v.seq),
        }
        for v in message.verdicts
    ]
    verdicts += [
        {
            "probe": row.probe,
            "judge": short(row.judge, 40),
            "says": row.verdict,
            "bad": row.label == 1,
            "kind": kind_of(row.probe),
            "evidence": [short(row.quote, 90)] * bool(row.quote),
            "url": "",
        }
        for row in judged
    ]
    findings = [*message.findings, *((row.probe, row.spans) for row in judged if row.label == 1)]
    thinking = passage(message.thinking, whole=f"{message.message}/thinking" in whole) if message.thinking else None
    size, unit = (
        (len(message.text), "characters") if len(message.text) >= 100_000 else (len(message.text.split()), "words")
    )
    return {
        "id": message.message,
        "name": name,
        "won": won,
        "adapter": message.adapter,
        "adapter_url": learnt(message.adapter) if message.adapter else "",
        "seq": f"{message.seq:,}",
        "url": event(message.seq),
        "rejected": short(message.rejected, 300),
        "thinking": thinking.as_dict() if thinking else None,
        "text": judged_passage(message.text, findings, whole=message.message in whole).as_dict(),
        "verdicts": verdicts,
        "words": f"{size:,} {unit}",
    }


def _reactions(
    book: Book, contest: Contest, events: Iterable[Event], whole: set[str] | frozenset[str], address: PageAddress
) -> tuple[list[dict[str, Any]], str]:
    """Return those who spoke, each in its own order, and a sentence about those who only voted."""
    names, rows, silent = contest.competitors(), [], Counter[int]()
    shown = _colours(book, contest)
    for event in events:
        if isinstance(event, ReactedMany) and event.contest == contest.contest:
            values, counts = np.unique(unpack(event.choices, Int8s), return_counts=True)
            silent.update(dict(zip(values.tolist(), counts.tolist(), strict=True)))
        elif isinstance(event, Reacted | ReactionInvalid) and event.contest == contest.contest:
            rows.append(_reaction(book, event, names, shown, whole, address))
    total = sum(silent.values())
    spread = ", ".join(
        f"{names.get(slot, 'abstained') if slot >= 0 else 'abstained'} {number:,}"
        for slot, number in sorted(silent.items(), reverse=True)
    )
    return rows, f"{count(total, 'member')} of the crowd voted without a thought: {spread}." if total else ""


def _reaction(
    book: Book,
    event: Reacted | ReactionInvalid,
    names: dict[int, str],
    shown: dict[int, str],
    whole: set[str] | frozenset[str],
    address: PageAddress,
) -> dict[str, Any]:
    invalid = isinstance(event, ReactionInvalid)
    text, choice = (event.raw, -2) if isinstance(event, ReactionInvalid) else (event.thought, event.choice)
    name = f"reaction/{event.seq}"
    return {
        "id": name,
        "persona": event.persona,
        "name": book.name_of(event.persona),
        "url": address.at(page="persona", persona=event.persona, contest="").url,
        "order": [f"{chr(65 + place)} {names.get(slot, slot)}" for place, slot in enumerate(event.order)],
        "choice": choice,
        "event": event_url(address, event.seq),
        "vote": "named no option" if invalid else names.get(choice, "abstained"),
        "invalid": invalid,
        "colour": css(NO_OPTION if invalid else ABSTAINED) if choice < 0 else shown.get(choice, css(None)),
        "thought": passage(text, whole=name in whole).as_dict(),
    }

"""Competitors: what each arm's model wrote over the epochs, how often it won, and the lineage of its adapters."""

from __future__ import annotations

from typing import Any

from abm.societies import arm_in
from analysis.formats import DASH, bounds, count, percent, points, points_bounds, short
from analysis.passages import judged_passage
from analysis.readings.book import Book, Contest
from analysis.readings.contests import Evaluation
from analysis.readings.society import PHASES, is_shared, societies_of
from analysis.statistics.estimates import plain
from analysis.tables.evaluation import comparator, win_rate, win_rate_against_placebo
from analysis.ui.address import PageAddress
from analysis.ui.data.bars import bar
from analysis.ui.data.behind import contests_url, votes_url
from analysis.ui.data.doors import event_url, message_url, rows_url
from analysis.ui.data.failures import FAILURES, chips, failures
from analysis.ui.data.looks import colours
from learning.arms.arm import arms_of as recorded_arms
from learning.arms.arm import bases_of
from learning.arms.base_models import is_base
from learning.arms.markets import BASE, SOLO
from learning.fitness.observation import NOT_A_READER

NOWHERE = PageAddress()
PAGE = 20
"""Messages on one page."""


def arms_of(book: Book) -> list[str]:
    """Return the arms that have written or learnt, in the order of the log; a market is none, its learners are."""
    markets = {arm.market for arm in recorded_arms(book.config).values()} - recorded_arms(book.config).keys()
    own = (arm_in(step.arm) for step in book.steps)
    wrote = [arm for arm in own if not is_shared(arm) and arm not in markets]
    return list(dict.fromkeys([*wrote, *(trained.arm for trained in book.adapters)]))


def competitors_of(book: Book) -> list[str]:
    """Return everybody whose messages can be looked at: the arms, and the base models that they are evaluated against."""
    arms = arms_of(book)
    wrote = (message.competitor for contest in book.contests.values() for message in contest.messages.values())
    return [*arms, *(each for each in dict.fromkeys(wrote) if each not in arms and is_base(each))]


def arm_rows(book: Book, evaluation: Evaluation | None, address: PageAddress = NOWHERE) -> list[dict[str, Any]]:
    """Return one row per arm and evaluated epoch: win rate over base, and beyond what it is compared with; and what is behind them."""
    rows, shown = [], colours(book.config)
    for arm in arms_of(book):
        epochs = [epoch for epoch in evaluation.epochs if evaluation.of(arm, epoch)] if evaluation else []
        for number, epoch in enumerate(epochs or [0]):
            if evaluation and evaluation.models.withheld:
                rows.append(_without_rates(book, arm, epoch, address, first=not number))
                continue
            win = plain(win_rate(evaluation, arm, epoch=epoch)) if evaluation and epoch else None
            compared = comparator(evaluation, arm) if evaluation and epoch else ""
            beyond = plain(win_rate_against_placebo(evaluation, arm, epoch=epoch)) if evaluation and compared else None
            rows.append(
                {
                    "arm": arm if not number else "",
                    "colour": shown.get(arm, ""),
                    "epoch": epoch or DASH,
                    "win": percent(win["value"] if win else None),
                    "bounds": bounds(win),
                    "votes": f"{win['n']:,}" if win else DASH,
                    "beyond": points(beyond),
                    "beyond_bounds": points_bounds(beyond),
                    "compared": short(compared, 24),
                    "bar": bar(win, 0, 1),
                    **_adapter(book, arm, epoch, address),
                    "to": _behind(book, arm, epoch, compared, address),
                }
            )
    return rows


def _behind(book: Book, arm: str, epoch: int, compared: str, address: PageAddress) -> dict[str, str]:
    """Return where the rows are of which an arm's numbers are; nowhere before it was evaluated."""
    if not epoch:
        return dict.fromkeys(("win", "votes", "beyond"), "")
    beyond = contests_url(address, book.config, arm, epoch, compared) if compared else ""
    own = contests_url(address, book.config, arm, epoch), votes_url(address, book.config, arm, epoch)
    return {"win": own[0], "votes": own[1], "beyond": beyond}


def _without_rates(book: Book, arm: str, epoch: int, address: PageAddress, *, first: bool) -> dict[str, Any]:
    """Return the row of an arm whose votes are evidence of nothing, as those of readers who are not usable."""
    texts = ("bounds", "beyond_bounds", "compared", "colour")
    blank = dict.fromkeys(("win", "beyond"), DASH) | dict.fromkeys(texts, "")
    adapter = _adapter(book, arm, epoch, address) | {"bar": bar(None, 0, 1)}
    place = {"arm": arm if first else "", "epoch": epoch or DASH, "to": _behind(book, arm, epoch, "", address)}
    return {**place, **blank, "votes": NOT_A_READER, **adapter}


def _adapter(book: Book, arm: str, epoch: int, address: PageAddress) -> dict[str, str]:
    """Return the adapter with which an arm was evaluated, and where the event is that says how it was learnt."""
    trained = next((each for each in book.adapters if (each.arm, each.epoch) == (arm, epoch)), None)
    if trained is None:
        return {"adapter": "", "adapter_url": ""}
    return {"adapter": trained.adapter, "adapter_url": event_url(address, trained.seq)}


def lineage_rows(book: Book, arm: str, address: PageAddress = NOWHERE) -> list[dict[str, Any]]:
    """Return an arm's adapters, the base model first."""
    rows = [{"name": "base model", "id": "", "url": "", "text": short(book.model) or "the model that writes"}]
    for trained in book.adapters:
        if trained.arm == arm:
            text = f"{trained.method}: {count(trained.rows, 'row')}, {count(trained.steps, 'step')}"
            place = {"id": trained.adapter, "url": event_url(address, trained.seq)}
            rows.append({"name": f"after epoch {trained.epoch}", **place, "text": text})
    return rows


def wrote(book: Book, address: PageAddress, arm: str) -> list[tuple[Contest, int]]:
    """Return contests and slots of an arm's own messages, or of a base model's, newest first, through the address's filters."""
    slots, learner = [], recorded_arms(book.config).get(arm)
    rivals = learner is not None and learner.market != SOLO
    trained_in = societies_of(learner.market if learner and rivals else arm, book.config)
    base = bases_of(book.config, recorded_arms(book.config)).get(arm, BASE)
    for contest in reversed(book.contests.values()):
        in_training = contest.step.phase == "train"
        theirs = arm_in(contest.step.arm) in (trained_in if in_training else (arm,)) or is_base(arm)
        if not theirs or address.phase not in ("", contest.step.phase) or address.epoch not in (0, contest.step.epoch):
            continue
        for slot, message in sorted(contest.messages.items()):
            begun = contest.step.epoch == 1 and message.competitor == base  # before it had learnt
            own = message.competitor == arm or (not is_base(arm) and in_training and (not rivals or begun))
            outcome = result(contest, slot)
            if own and address.outcome in {"", outcome} | failures(message):
                slots.append((contest, slot))
    return slots


def result(contest: Contest, slot: int) -> str:
    """Return the outcome of a message: won, lost, tie, rejected, or undecided."""
    if contest.messages[slot].rejected:
        return "rejected"
    if not contest.outcome:
        return "undecided"
    return "tie" if contest.winner < 0 else "won" if contest.winner == slot else "lost"


def message_rows(
    book: Book, found: list[tuple[Contest, int]], address: PageAddress, whole: set[str] | frozenset[str] = frozenset()
) -> list[dict[str, Any]]:
    """Return messages as a page shows them."""
    rows = []
    for contest, slot in found:
        message = contest.messages[slot]
        votes = f"{contest.votes[slot]:,} of {sum(contest.votes):,} votes" if slot < len(contest.votes) else ""
        rows.append(
            {
                "id": message.message,
                "subject": short(book.subject(contest.anchor), 60),
                "place": f"{PHASES.get(contest.step.phase, contest.step.phase)}, epoch {contest.step.epoch}",
                "result": result(contest, slot),
                "votes": votes,
                "votes_url": rows_url(address, "votes", contest=contest.contest, choice=slot) if votes else "",
                "seq": f"{message.seq:,}",
                "event": event_url(address, message.seq),
                "failed": chips(message),
                "url": message_url(address, contest.contest, slot),
                "adapter": message.adapter or "base",
                "text": judged_passage(
                    message.text or message.rejected, message.findings, whole=message.message in whole
                ).as_dict(),
            }
        )
    return rows


def agent_choices(book: Book, address: PageAddress, arm: str) -> list[dict[str, Any]]:
    """Return which arm is looked at, and what its messages can be filtered by."""
    epochs = sorted({step.epoch for step in book.steps})
    results = ("won", "lost", "tie", "rejected", *FAILURES)
    return [
        {
            "name": "arm",
            "label": "Competitor",
            "value": arm,
            "options": [[each, each] for each in competitors_of(book)],
        },
        {
            "name": "phase",
            "label": "Phase",
            "value": address.phase,
            "options": [["", "all"], *([phase, PHASES[phase].lower()] for phase in ("train", "evaluate"))],
        },
        {
            "name": "epoch",
            "label": "Epoch",
            "value": str(address.epoch),
            "options": [["0", "all"], *([str(e), str(e)] for e in epochs)],
        },
        {
            "name": "outcome",
            "label": "Messages",
            "value": address.outcome,
            "options": [["", "all"], *([each, each] for each in results)],
        },
    ]

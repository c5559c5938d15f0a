"""What a run came to, as its first page shows it: the answer, the forest plot with verdicts, alarms, health, and what to do next."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from analysis.answers import AnswerSentence, answer
from analysis.figures.figure import FigureContent, LeftOut
from analysis.figures.palette import Look
from analysis.readings.book import Book
from analysis.ui.address import PageAddress
from analysis.ui.data.doors import rows_url
from analysis.ui.data.forest import Mark, forest, left_out
from analysis.ui.data.health import alarm_rows, health_rows
from analysis.ui.data.life import LIVE, State
from analysis.ui.data.sentences import sentence_rows

WINS = ("win_rate", "rivalry")


def run_result(
    tables: Mapping[str, Any], outcomes: FigureContent | LeftOut, address: PageAddress, state: State, path: str
) -> dict[str, Any]:
    """Return what the page shows of a run that has evaluated something.

    Args:
        outcomes: of the figure of outcomes.
        state: of the run; ``path``: its folder, as a command line takes it.
    """
    epoch, sentences = tables["epoch"], answer(tables)
    looks = outcomes.looks if isinstance(outcomes, FigureContent) else {}
    return {
        "preliminary": _preliminary(state),
        "sentences": sentence_rows(
            (each for each in sentences if each.kind == "finding"),
            looks,
            lambda key: outcome_url(address, key.arm, key.outcome, epoch),
        ),
        "scope": [each.text for each in sentences if each.kind == "scope"],
        "note": tables["note"],
        "alarms": alarm_rows(tables, address),
        "health": health_rows(tables, address),
        "next": next_steps(sentences, path, ended=state == "ended"),
        **_plot(outcomes, lambda mark: outcome_url(address, mark["arm"], mark["outcome"], epoch)),
    }


def plot(marks: Sequence[Mark], looks: Mapping[str, Look], caption: str, url: Callable[[Mark], str]) -> dict[str, Any]:
    """Return the panels of the forest plot, and what stands above and below them.

    Args:
        url: of the rows behind a mark; empty for none.
    """
    compared = list(dict.fromkeys((mark["compared_with"] or "base").replace("_", " ") for mark in marks))
    one = compared[0] if len(compared) == 1 else ""
    return {
        "panels": forest(marks, looks, url, one),
        "caption": caption,
        "beyond": one or "what each is compared with",
        "left_out": left_out(marks),
        "no_plot": "",
    }


def _plot(outcomes: FigureContent | LeftOut, url: Callable[[Mark], str]) -> dict[str, Any]:
    if isinstance(outcomes, LeftOut):
        return no_plot(outcomes.why)
    return plot(outcomes.frame.to_dicts(), outcomes.looks, outcomes.caption, url)


def no_plot(why: str) -> dict[str, Any]:
    """Return what stands in place of a forest plot."""
    return {"panels": [], "caption": "", "beyond": "the comparator", "left_out": 0, "no_plot": why}


def outcome_url(address: PageAddress, arm: str, outcome: str, epoch: int) -> str:
    """Return where the rows behind an estimate of an arm are shown: its evaluation contests, or messages in which a probe found something."""
    if outcome in WINS:
        return rows_url(address, "contests", arm=arm, phase="evaluate", epoch=epoch)
    return rows_url(address, "verdicts", arm=arm, phase="evaluate", epoch=epoch, probe=outcome, label=1)


def next_steps(sentences: list[AnswerSentence], path: str, *, ended: bool) -> list[dict[str, str]]:
    """Return what to do next, each as a text and a command; either may be empty."""
    steps = [{"text": each.text, "command": ""} for each in sentences if each.kind == "advice"]
    if ended:
        steps.append(
            {
                "text": "Everything on one page, to mail or to print:",
                "command": f"moloch report {path} --out report.html",
            }
        )
        steps.append(
            {"text": "Figures and their numbers, for a paper:", "command": f"moloch figures {path} --out figures"}
        )
    return steps


def nothing_yet(book: Book, state: State, address: PageAddress) -> dict[str, Any]:
    """Return what there is of a run that has evaluated nothing: contests and adapters so far, and what is missing."""
    decided = sum(bool(contest.outcome) for contest in book.contests.values())
    missing = (
        "It appears here after the first evaluation, which comes after the last epoch, or after each with --set evaluate=every."
        if state in LIVE
        else "It stopped before its first evaluation; the same command resumes it."
        if state == "stopped"
        else "It has no evaluation: none was planned, or no arm has an adapter."
    )
    facts = [
        ("contests decided", f"{decided:,}"),
        ("adapters", f"{len(book.adapters):,}"),
        ("epochs", f"{len(book.epochs):,}"),
    ]
    links = [["Contests so far", address.at(page="contests").url], ["Who saw what", address.at(page="diffusion").url]]
    return {"missing": missing, "facts": [list(fact) for fact in facts], "links": links}


def _preliminary(state: State) -> str:
    if state in LIVE:
        return "Preliminary: the run is being written, and these numbers change with it."
    if state == "stopped":
        return "Preliminary: the run stopped before its plan was done."
    return ""

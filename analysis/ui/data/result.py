"""What a run came to, as its first page shows it: the answer, the forest plot with verdicts, alarms, health, and what to do next."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from analysis.answers import AnswerSentence, answer
from analysis.figures.figure import FigureContent, LeftOut
from analysis.figures.palette import Look
from analysis.readings.book import Book
from analysis.ui.address import PageAddress
from analysis.ui.data.behind import Side, contests_url, verdicts_url
from analysis.ui.data.forest import Mark, forest, left_out
from analysis.ui.data.health import alarm_rows, health_rows
from analysis.ui.data.life import LIVE, State
from analysis.ui.data.runs import RunInfo, quoted
from analysis.ui.data.sentences import sentence_rows
from analysis.ui.data.takes import figure_take

WINS = ("win_rate",)
STUDY = "moloch study --like RUN"
"""How sentences name the command that trains again with other seeds."""


def run_result(
    tables: Mapping[str, Any], outcomes: FigureContent | LeftOut, address: PageAddress, info: RunInfo
) -> dict[str, Any]:
    """Return what the page shows of a run that has evaluated something.

    Args:
        outcomes: of the figure of outcomes.
    """
    epoch, sentences, path = tables["epoch"], answer(tables), quoted(info.path)

    def url(arm: str, outcome: str, measure: str) -> str:
        compared = tables["arms"].get(arm, {}).get("compared_with", "")
        return outcome_url(address, info.config, arm, epoch, (outcome, measure, compared))

    findings = (each for each in sentences if each.kind == "finding")
    looks = outcomes.looks if isinstance(outcomes, FigureContent) else {}
    return {
        "preliminary": _preliminary(info.state),
        "sentences": sentence_rows(findings, looks, lambda key: url(key.arm, key.outcome, key.measure)),
        "scope": [_of_this(each.text, path) for each in sentences if each.kind == "scope"],
        "alarms": alarm_rows(tables, address),
        "health": health_rows(tables, address),
        "next": next_steps(sentences, path, ended=info.state == "ended"),
        "take": figure_take(address, info.path, "outcomes"),
        **_plot(outcomes, lambda mark: url(mark["arm"], mark["outcome"], mark["measure"])),
    }


def plot(marks: Sequence[Mark], looks: Mapping[str, Look], caption: str, url: Callable[[Mark], str]) -> dict[str, Any]:
    """Return the panels of the forest plot, and what stands above and below them.

    Args:
        url: of the rows behind a mark; empty for none.
    """
    compared = list(dict.fromkeys(mark["compared_with"] or "base" for mark in marks))
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


def outcome_url(address: PageAddress, config: Mapping[str, Any], arm: str, epoch: int, of: tuple[str, str, str]) -> str:
    """Return where the rows behind an estimate of an arm are shown: evaluation contests, or the verdicts of a probe.

    Args:
        of: outcome, measure, and what the arm is compared with.
    """
    outcome, measure, compared = of
    other = compared if measure == "from_comparator" else ""
    if outcome in WINS or measure == "rivalry":
        return contests_url(address, config, arm, epoch, other)
    side: Side = "both" if measure == "from_base" else "after"
    return verdicts_url(address, config, arm, epoch, outcome, side, other)


def next_steps(sentences: list[AnswerSentence], path: str, *, ended: bool) -> list[dict[str, str]]:
    """Return what to do next, each as a text and a command; either may be empty."""
    steps = [{"text": _of_this(each.text, path), "command": ""} for each in sentences if each.kind == "advice"]
    if ended:
        if any(STUDY in each.text for each in sentences):
            steps.append(
                {"text": "Several trainings, each with another seed:", "command": f"{_of_this(STUDY, path)} --seeds 8"}
            )
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


def _of_this(text: str, path: str) -> str:
    """Return a sentence with this run in the command that it names."""
    return text.replace(STUDY, f"moloch study --like {path}")


def nothing_yet(book: Book, state: State, address: PageAddress) -> dict[str, Any]:
    """Return what there is of a run that has evaluated nothing: contests and adapters so far, and what is missing."""
    decided = sum(bool(contest.outcome) for contest in book.contests.values())
    missing = (
        "It appears here after the first evaluation: after the last epoch, or after each epoch with --set evaluate=every."
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
        return "Preliminary: the run is still being written, and these numbers will change."
    if state == "stopped":
        return "Preliminary: the run stopped before its plan was done."
    return ""

"""The lines above every page, and the list of runs."""

from __future__ import annotations

from typing import Any

from abm.events import ArmStopped
from analysis.formats import DASH, count, short
from analysis.readings.book import Book
from analysis.readings.contests import Evaluation
from analysis.tables.evaluation import note
from analysis.ui.data.life import SAYS
from analysis.ui.data.runs import RunInfo, quoted
from learning.alarms.thresholds import without_adapter
from learning.plan.counts import part_at, total
from learning.plan.recorded import recorded_plan
from learning.runs.stops import remaining


def headline(info: RunInfo, book: Book, error: str = "") -> dict[str, Any]:
    """Return what the header shows of a run."""
    config = book.config or info.config
    damaged = bool(error or info.error)
    state = "damaged" if damaged else info.state
    facts = [
        ("arena", _name(config.get("arena")), ""),
        ("world", str(config.get("world", DASH)), ""),
        ("audience", info.audience + (f" ({short(book.reader, 24)})" if book.reader else ""), ""),
        ("writers", short(book.model or str(config.get("model", DASH)), 32), ""),
        ("epochs", f"{len(book.epochs)} of {config.get('epochs', DASH)}", ""),
        *_outlook(book, config),
        ("seed", str(config.get("seed", DASH)), ""),
        ("events", f"{book.seq:,}", ""),
        ("head", info.head[:12] or DASH, info.head),
        ("digest", info.digest[:12] or "when it ends", info.digest),
    ]
    facts.append(("folder", str(info.path), ""))
    origin = f"forked from {short(info.forked[0], 24)} at event {info.forked[1]:,}" if info.forked else ""
    gist = [fact[1] for fact in facts[:5] if fact[1] != DASH]
    gist[-1:] = [f"{gist[-1]} epochs"] if gist else []
    if origin:
        facts.insert(0, ("origin", origin, ""))
    return {
        "name": info.key,
        "state": state,
        "says": SAYS[state],
        "steps": max(1, len(book.steps)),
        "quoted": quoted(info.path),
        "gist": " · ".join([*([origin] if origin else []), *gist, count(book.seq, "event")]),
        "note": _note(book, config) if not damaged else (error or info.error),
        "facts": [list(fact) for fact in facts],
    }


def _outlook(book: Book, config: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return how much of the run's plan is done, and what comes next; nothing where the log has no plan."""
    planned = recorded_plan(config, book.listed["train"], book.listed["evaluate"], book.elsewhere, book.answers)
    parts = remaining(planned, [alarm for alarm in book.alarms if isinstance(alarm, ArmStopped)])
    if not parts:
        return []
    failed = sum(without_adapter(alarm.measures) for alarm in book.alarms)
    done = (
        sum(step.last >= 0 for step in book.steps) + len(book.adapters) + failed + len(book.surveys) + book.tasks_closed
    )
    coming = part_at(parts, done)
    facts = [("plan", f"{done:,} of {total(parts):,}", "")]
    return [*facts, ("to come", short(coming.doing, 60), "")] if coming else facts


def _note(book: Book, config: dict[str, Any]) -> str:
    return note(Evaluation(config=config, model=book.model, reader=book.reader))


def _name(path: object) -> str:
    return str(path or DASH).replace("\\", "/").rsplit("/", 1)[-1]

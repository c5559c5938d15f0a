"""What was learnt: each adapter with its data, losses, measures and settings, and what its maker recorded beside it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from abm.events import AdapterTrained, TrainingMeasured
from analysis.formats import DASH, LABEL, short, signed
from analysis.readings.book import Book
from analysis.ui.address import PageAddress
from analysis.ui.data.doors import event_url, rows_url
from analysis.ui.data.looks import colours
from analysis.ui.data.references import adapter_event
from learning.runs.watch import said

NOWHERE = PageAddress()
_PLAIN = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
FILES = ("adapter_model.safetensors", "instructions.json", "lineage.json", "check.json")


def training_rows(book: Book, run: Path, address: PageAddress = NOWHERE) -> list[dict[str, Any]]:
    """Return one row per adapter, in the order of the log.

    Args:
        run: the folder that holds ``adapters``; a fork's shared ones are with its parent, and are marked as elsewhere.
    """
    of_arms = colours(book.config)
    return [
        _row(trained, run)
        | {"colour": of_arms.get(trained.arm, "")}
        | _measures(book.measured.get((trained.arm, trained.epoch, trained.adapter)))
        | {"to": _behind(book, trained, address)}
        for trained in book.adapters
    ]


def _behind(book: Book, trained: AdapterTrained, address: PageAddress) -> dict[str, str]:
    """Return where the events and rows are that a training's numbers are of."""
    measured = book.measured.get((trained.arm, trained.epoch, trained.adapter))
    first, last = (*trained.data_range, -1, -1)[:2]
    place = {"arm": trained.arm, "epoch": trained.epoch, "adapter": trained.adapter}
    return {
        "adapter": event_url(address, trained.seq),
        "parent": event_url(address, adapter_event(book, trained.parent)),
        "steps": rows_url(address, "steps", **place) if measured is not None and trained.steps else "",
        "row": rows_url(address, "training", **place),
        "measured": event_url(address, measured.seq) if measured is not None else "",
        "first": event_url(address, first),
        "last": event_url(address, last),
    }


DRIFT = (
    "KL to base and entropy: before → after, both over the same messages among those that this training learnt from. Each epoch learns "
    "from other messages, so its first number need not be the last one of the epoch before."
)
"""Over which rows an adapter's distance from the base model is measured."""


def alarm_lines(book: Book) -> list[str]:
    """Return which arms were flagged or stopped, and why, in words."""
    return [said(alarm) for alarm in book.alarms]


def _measures(event: TrainingMeasured | None) -> dict[str, Any]:
    """Return how far a training moved the model, as far as that was measured."""
    drift = event if event is not None and event.drift_tokens > 0 else None
    return {
        "kl": f"{drift.kl_before:.4f} → {drift.kl_after:.4f}" if drift else DASH,
        "entropy": f"{drift.entropy_before:.4f} → {drift.entropy_after:.4f}" if drift else DASH,
    }


def _row(trained: AdapterTrained, run: Path) -> dict[str, Any]:
    there = _folder(run / "adapters", trained.adapter)
    told = trained.kind == "instructions"  # nothing has a loss
    settings = [[name, _shown(value)] for name, value in _flat(trained.settings)]
    first, last = (*trained.data_range, -1, -1)[:2]
    return {
        "arm": trained.arm,
        "epoch": trained.epoch,
        "method": trained.method,
        "adapter": short(trained.adapter),
        "parent": short(trained.parent) or "base model",
        "rows": f"{trained.rows:,}",
        "tokens": f"{trained.tokens:,}",
        "steps": f"{trained.steps:,}",
        "before": DASH if told else f"{trained.loss_before:.4f}",
        "after": DASH if told else f"{trained.loss_after:.4f}",
        "change": DASH if told else signed(trained.loss_after - trained.loss_before, 4),
        "range": [f"{first:,}", f"{last:,}"],
        "data": trained.data,
        "over_long": f"{trained.over_long:,}",
        "seed": trained.seed,
        "settings": [["instructions", trained.instructions or "none"], *settings] if told else settings,
        "files": _files(there),
        "check": _check(there),
    }


def _folder(adapters: Path, name: str) -> Path | None:
    """Return where an adapter lies, under its own name or under its arm's; a name that is a path is not followed."""
    if not _PLAIN.fullmatch(name):
        return None
    return next((path for path in (adapters / name, *adapters.glob(f"*/{name}")) if path.is_dir()), None)


def _flat(settings: Mapping[str, Any], within: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each setting with its name, dotted where it is within another, in the order of names."""
    for name, value in sorted(settings.items(), key=lambda pair: str(pair[0])):
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{within}{name}.")
        else:
            yield f"{within}{name}", value


def _shown(value: Any) -> str:
    return short(_in_words(value), LABEL)


def _in_words(value: Any) -> str:
    match value:
        case None | [] | () | {}:
            return DASH
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
        case list() | tuple():
            return ", ".join(map(_in_words, value))
        case _:
            return str(value)


def _files(folder: Path | None) -> str:
    if folder is None:
        return "not in this run's folder"
    sizes = [(name, (folder / name).stat().st_size) for name in FILES if (folder / name).is_file()]
    return ", ".join(f"{name} ({size / 1024:,.0f} kB)" for name, size in sizes) or "no files"


def _check(folder: Path | None) -> list[list[str]]:
    """Return what ``check.json`` holds engines to, in words; nothing where there is none that can be read."""
    try:
        figures = json.loads((folder / "check.json").read_text("utf-8")) if folder is not None else {}
    except (OSError, ValueError):
        return [["check.json", "cannot be read"]] if folder is not None and (folder / "check.json").exists() else []
    return [[str(name), _brief(value)] for name, value in figures.items()] if isinstance(figures, dict) else []


def _brief(value: Any) -> str:
    if isinstance(value, list):
        numbers = [each for each in value if isinstance(each, int | float)]
        if numbers and len(numbers) == len(value):
            return f"{len(value)} values, {min(numbers):.4g} to {max(numbers):.4g}"
        return f"{len(value)} items"
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 80 else text[:79] + "…"

"""What was learnt: each adapter with its data, losses, measures and settings, and what its maker recorded beside it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abm.columns import Float32s, unpack
from abm.events import AdapterTrained, TrainingMeasured
from analysis.formats import DASH, LABEL, short, signed
from analysis.readings.book import Book
from analysis.ui.address import PageAddress
from analysis.ui.data.doors import event_url, rows_url
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
    return [
        _row(trained, run)
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


def alarm_lines(book: Book) -> list[str]:
    """Return which arms were flagged or stopped, and why, in words."""
    return [said(alarm) for alarm in book.alarms]


def _measures(event: TrainingMeasured | None) -> dict[str, Any]:
    """Return what is shown of a training's measures: how far the model moved, and a curve for each column of its steps."""
    drift = event if event is not None and event.drift_tokens > 0 else None
    columns = (("loss", "losses"), ("gradient norm", "gradient_norms"), ("learning rate", "learning_rates"))
    return {
        "kl": f"{drift.kl_before:.4f} → {drift.kl_after:.4f}" if drift else DASH,
        "entropy": f"{drift.entropy_before:.4f} → {drift.entropy_after:.4f}" if drift else DASH,
        "curves": [_curve(name, unpack(getattr(event, field), Float32s)) for name, field in columns] if event else [],
    }


def _curve(name: str, values: NDArray[np.float32]) -> dict[str, str]:
    """Return a column of steps as a line in a box of 100 x 60, and what is said of it; what is no number is left out."""
    at = np.flatnonzero(np.isfinite(values))
    kept = values[at].astype(np.float64)
    if not len(kept):
        return {"name": name, "path": "", "said": f"{name}: no number"}
    low, high = float(kept.min()), float(kept.max())
    x = 100 * at / max(1, len(values) - 1)
    y = 60 - 60 * (kept - low) / (high - low or 1.0)
    path = "M" + "L".join(f"{a:.2f} {b:.2f}" for a, b in zip(x, y, strict=True))
    return {
        "name": name,
        "path": path,
        "said": f"{name}: {kept[0]:.4g} to {kept[-1]:.4g}, {low:.4g} to {high:.4g} in between",
    }


def _row(trained: AdapterTrained, run: Path) -> dict[str, Any]:
    there = _folder(run / "adapters", trained.adapter)
    told = trained.kind == "instructions"  # nothing has a loss
    settings = [[str(name), _shown(value)] for name, value in sorted(trained.settings.items())]
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


def _shown(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else DASH if value is None else str(value)
    return short(text, LABEL)


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

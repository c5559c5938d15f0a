"""What was learnt: each adapter with its data, losses and settings, and what its maker recorded beside it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from abm.events import AdapterTrained
from analysis.formats import DASH, LABEL, short, signed
from analysis.readings.book import Book

_PLAIN = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
FILES = ("adapter_model.safetensors", "lineage.json", "check.json")


def training_rows(book: Book, run: Path) -> list[dict[str, Any]]:
    """Return one row per adapter, in the order of the log.

    Args:
        run: the folder that holds ``adapters``; a fork's shared ones are with its parent, and are marked as elsewhere.
    """
    return [_row(trained, run) for trained in book.adapters]


def _row(trained: AdapterTrained, run: Path) -> dict[str, Any]:
    there = _folder(run / "adapters", trained.adapter)
    change = trained.loss_after - trained.loss_before
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
        "before": f"{trained.loss_before:.4f}",
        "after": f"{trained.loss_after:.4f}",
        "change": signed(change, 4),
        "range": f"{first:,} – {last:,}",
        "data": trained.data,
        "over_long": f"{trained.over_long:,}",
        "seed": trained.seed,
        "settings": [[str(name), _shown(value)] for name, value in sorted(trained.settings.items())],
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

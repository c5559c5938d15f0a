"""The messages of a run that were drawn for people to label, a row for each and each labeller. Knows nothing of what labels say."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from abm.label_events import LABELS, LabelGiven, LabelsDrawn
from abm.log import open_log
from analysis.frames._codebook import schema_of

if TYPE_CHECKING:
    import polars as pl

_MADE = (
    "seq", "at", "message", "draw", "probe", "rater", "found", "population", "drawn", "weight", "labeller", "label", "competitor",
)  # fmt: skip


def labels(run: Path | str) -> pl.LazyFrame:
    """Return a row per message that was drawn and labeller, in the order of the log of labels beside the run; none in object storage."""
    import polars as pl

    schema = schema_of(LABELS)
    return pl.defer(partial(_labels, run), schema={name: schema[name] for name in _MADE})


def _labels(run: Path | str) -> pl.DataFrame:
    import polars as pl

    schema = schema_of(LABELS)
    return pl.DataFrame(_rows(run), schema={name: schema[name] for name in _MADE})


def _rows(run: Path | str) -> list[dict[str, Any]]:
    folder = Path(run) / LABELS
    if (isinstance(run, str) and "://" in run) or not (folder / "run.json").is_file():
        return []
    rows: dict[tuple[str, str, str], dict[str, Any]] = {}
    drawn: dict[tuple[str, str], dict[str, Any]] = {}
    for event in open_log(folder, write=False).read():
        match event:
            case LabelsDrawn():
                sizes = {(each.writer, each.found): (each.there, each.drawn) for each in event.strata}
                for one in event.messages:
                    there, took = sizes[one.writer, one.found]
                    row = {
                        "seq": event.seq,
                        "at": event.at,
                        "message": one.message,
                        "draw": event.draw,
                        "probe": event.probe,
                        "rater": event.rater,
                        "found": one.found,
                        "population": there,
                        "drawn": took,
                        "weight": there / took,
                        "labeller": None,
                        "label": None,
                        "competitor": one.writer,
                    }
                    drawn[event.draw, one.message] = rows[event.draw, one.message, ""] = row
            case LabelGiven():
                given = {"seq": event.seq, "at": event.at, "labeller": event.labeller, "label": event.label}
                rows.pop((event.draw, event.message, ""), None)
                rows[event.draw, event.message, event.labeller] = drawn[event.draw, event.message] | given
            case _:
                pass  # about the log itself
    return list(rows.values())

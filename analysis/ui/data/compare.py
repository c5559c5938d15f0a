"""Two runs beside each other, as a page shows them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from analysis.formats import DASH, bounds, difference, percent, signed
from analysis.readings.society import SocietyKey
from analysis.tables.compare import Comparison
from analysis.ui.address import PageAddress
from analysis.ui.data.doors import event_url


def compared(found: Comparison, a: str, b: str, key: SocietyKey | None = None, url: str = "") -> dict[str, Any]:
    """Return a comparison in words and rows.

    Args:
        a, b: what to call the runs.
        key: the society in which they part, and ``url``, where it is shown.
    """
    return {
        "a": a,
        "b": b,
        "said": _said(found, a, b),
        "settings": [[d.field, d.left, d.right] for d in found.settings],
        "parting": _parting(found, a, b, key, url),
        "outcomes": _outcomes(found),
        "notes": [*_epochs(found), *found.notes],
    }


def same_time(t: int, ours: Sequence[Mapping[str, Any]], theirs: Sequence[Mapping[str, Any]]) -> int:
    """Return which of another run's frames shows the same time as frame ``t`` of ours: epoch, step of it, place in that.

    Where the other has no such frame it is the last one before; frames do not count from the start, since a round in which
    nothing was served has none.

    Args:
        ours, theirs: labels of frames, as :class:`analysis.ui.data.frames.Frames` has them; neither empty.
    """
    wanted = _times(ours)[min(max(0, t), len(ours) - 1)]
    return max(0, bisect_right(_times(theirs), wanted) - 1)


def parting_marks(step: int, labels: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the mark over the first frame of the step in which two runs part; none where no frame is of that step."""
    at = next((t for t, label in enumerate(labels) if label["step"] == step), -1)
    return (
        [{"t": at, "kind": "difference", "label": "the first decision that differs is in this step"}] if at >= 0 else []
    )


def _times(labels: Sequence[Mapping[str, Any]]) -> list[tuple[int, int, int]]:
    """Return each frame's epoch, which of its epoch's steps it is of, and which of that step's frames it is."""
    times: list[tuple[int, int, int]] = []
    before = (-1, -1)
    for label in labels:
        place = (int(label["epoch"]), int(label["step"]))
        epoch, step, frame = times[-1] if times else (-1, -1, -1)
        if place[0] != before[0]:
            times.append((place[0], 0, 0))
        else:
            times.append((epoch, step, frame + 1) if place == before else (epoch, step + 1, 0))
        before = place
    return times


def _said(comparison: Comparison, a: str, b: str) -> list[str]:
    if comparison.same:
        return ["Both are the same run."]
    if comparison.identical:
        return [
            f"They decided alike: {f'digest {comparison.digest}' if comparison.digest else f'{comparison.equal:,} decisions, all equal'}."
        ]
    lines = []
    if comparison.shared is not None:
        lines.append(
            f"They share the first {comparison.shared.events:,} events of {comparison.shared.run.rsplit('/', 1)[-1]}."
        )
    lines.append(
        f"{comparison.equal:,} decisions from the start are equal, in {comparison.steps:,} steps that began alike."
    )
    if comparison.ends:
        lines.append(f"There {a if comparison.ends == 'a' else b} ends and the other continues.")
    return lines


def _parting(found: Comparison, a: str, b: str, key: SocietyKey | None, url: str) -> dict[str, Any] | None:
    parting = found.parting
    if parting is None:
        return None
    rows = [["type", parting.type_a, parting.type_b]]
    if parting.place_a or parting.place_b:
        rows.append(["of", parting.place_a or DASH, parting.place_b or DASH])
    rows += [[field.field, field.left, field.right] for field in parting.fields]
    step = f"in step {parting.step}" if parting.step >= 0 else "before the first step"
    events = [
        [f"{seq:,}", event_url(PageAddress(run=run), seq)] for seq, run in ((parting.seq_a, a), (parting.seq_b, b))
    ]
    return {"step": step, "events": events, "society": key.label if key is not None else "", "url": url, "rows": rows}


def _outcomes(comparison: Comparison) -> list[dict[str, Any]]:
    rows, before = [], ""
    for outcome in comparison.outcomes:
        values = [estimate["value"] if estimate else None for estimate in (outcome.a, outcome.b)]
        change = DASH if None in values else signed(100 * (values[1] - values[0]))  # pyright: ignore[reportOptionalOperand]
        change = difference(outcome.change) if outcome.change else change
        kind = " (copying)" if outcome.kind == "copying" else ""
        rows.append(
            {
                "measure": (outcome.measure + kind) if outcome.measure != before else "",
                "first": outcome.measure != before,
                "arm": outcome.arm,
                "a": _estimate(outcome.a),
                "b": _estimate(outcome.b),
                "change": change,
            }
        )
        before = outcome.measure
    return rows


def _estimate(estimate: dict[str, Any] | None) -> dict[str, str]:
    if estimate is None:
        return {"value": DASH, "bounds": ""}
    return {"value": percent(estimate["value"]), "bounds": bounds(estimate)}


def _epochs(comparison: Comparison) -> list[str]:
    if len(set(comparison.epochs)) == 1 or not comparison.outcomes:
        return []
    evaluated = [f"after epoch {epoch}" if epoch else "not yet" for epoch in comparison.epochs]
    return [f"A was evaluated {evaluated[0]}, B {evaluated[1]}."]

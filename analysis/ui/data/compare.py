"""Two runs beside each other, as a page shows them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from analysis.formats import DASH, bounds, number, percent, points, points_bounds, rate, signed
from analysis.readings.society import SocietyKey
from analysis.tables.compare import Comparison, MeasuredPair
from analysis.ui.address import PageAddress
from analysis.ui.data.doors import event_url, rows_url

UNPAIRED = "The runs are not paired; each interval is for its own run."
PAIRED = "B − A is of the same people and anchors. Each side is one training: no interval holds for new ones."


def compared(
    found: Comparison, a: str, b: str, key: SocietyKey | None = None, url: str = "", words: str = ""
) -> dict[str, Any]:
    """Return a comparison in words and rows.

    Args:
        a, b: what to call the runs.
        key: the society in which they part, and ``url``, where it is shown.
        words: the first decision that differs, in a sentence.
    """
    return {
        "a": a,
        "b": b,
        "said": _said(found, a, b),
        "words": words,
        "settings": [[d.field, d.left, d.right] for d in found.settings],
        "parting": _parting(found, a, b, key, url),
        "outcomes": outcome_rows(found.outcomes, ((a, ""), (b, "")), found.epochs),
        "paired": PAIRED if any(each.change for each in found.outcomes) else UNPAIRED,
        "trainings": _trainings(found),
        "notes": [*_epochs(found), *found.notes],
    }


def arms_compared(pairs: Sequence[MeasuredPair], run: str, arm: str, against: str, epoch: int) -> dict[str, Any]:
    """Return two arms of one run in the same form as two runs: ``against`` is A, ``arm`` is B."""
    return {
        "a": against,
        "b": arm,
        "said": _arms_said(pairs, arm, against),
        "words": "",
        "settings": [],
        "parting": None,
        "outcomes": outcome_rows(pairs, ((run, against), (run, arm)), (epoch, epoch)),
        "paired": f"{arm} less {against}, of the same people and anchors. Each arm is one training: no interval holds for new ones.",
        "trainings": [],
        "notes": [],
    }


def _arms_said(pairs: Sequence[MeasuredPair], arm: str, against: str) -> list[str]:
    votes = next((each for each in pairs if each.kind == "votes"), None)
    if votes is None or votes.change is None:
        return [
            f"{arm} and {against} cannot be compared by votes: the same people did not vote about the same anchors."
        ]
    shift = f"{points(votes.change)} points {points_bounds(votes.change)}".rstrip()
    return [
        f"{arm} wins {rate(votes.b)} of votes against base, {against} {rate(votes.a)}: {shift} of the same people’s votes."
    ]


def _trainings(found: Comparison) -> list[list[str]]:
    """Return the trainings that are not the same ones: which, and how each run's was learnt."""

    def said(method: str, *counts: int) -> str:
        return f"{method}: {', '.join(map(number, counts))}" if method else DASH

    return [
        [
            f"{each.arm}, epoch {each.epoch}",
            said(each.method_a, each.rows_a, each.steps_a, each.tokens_a),
            said(each.method_b, each.rows_b, each.steps_b, each.tokens_b),
        ]
        for each in found.retrained
    ]


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
            f"Both took the same decisions: {f'digest {comparison.digest}' if comparison.digest else f'all {comparison.equal:,} are equal'}."
        ]
    lines = []
    if comparison.shared is not None:
        lines.append(
            f"They share the first {comparison.shared.events:,} events of {comparison.shared.run.rsplit('/', 1)[-1]}."
        )
    lines.append(
        f"{comparison.equal:,} decisions from the start are equal, in {comparison.steps:,} steps that began alike."
        if comparison.equal
        else "They differ from the first decision on."
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


def outcome_rows(
    outcomes: Sequence[MeasuredPair], sides: tuple[tuple[str, str], tuple[str, str]], epochs: tuple[int, int]
) -> list[dict[str, Any]]:
    """Return measures of A and B and their differences as rows, each number with where the rows behind it are.

    Args:
        sides: run, and arm where it is not the measure's, of A and of B; ``epochs``: evaluated last in each.
    """
    rows, before = [], ""
    for outcome in outcomes:
        values = [estimate["value"] if estimate else None for estimate in (outcome.a, outcome.b)]
        plain = DASH if None in values else signed(100 * (values[1] - values[0]))  # pyright: ignore[reportOptionalOperand]
        change = {"value": points(outcome.change), "bounds": points_bounds(outcome.change)} if outcome.change else None
        kind = " (miscopied)" if outcome.kind == "copying" else ""
        shown = [
            _estimate(estimate) | {"to": _behind(outcome, run, arm or outcome.arm, epoch) if estimate else ""}
            for estimate, (run, arm), epoch in zip((outcome.a, outcome.b), sides, epochs, strict=True)
        ]
        rows.append(
            {
                "measure": outcome.measure + kind,
                "first": outcome.measure != before,
                "arm": outcome.arm,
                "a": shown[0],
                "b": shown[1],
                "change": change or {"value": plain, "bounds": ""},
            }
        )
        before = outcome.measure
    return rows


def _behind(outcome: MeasuredPair, run: str, arm: str, epoch: int) -> str:
    """Return where the rows are that a measure is of."""
    place = {"phase": "evaluate", "epoch": epoch}
    if outcome.kind == "votes":
        return rows_url(PageAddress(run=run), "votes", arm=arm, **place)
    return rows_url(PageAddress(run=run), "verdicts", probe=outcome.measure, competitor=arm, **place)


def _estimate(estimate: dict[str, Any] | None) -> dict[str, str]:
    if estimate is None:
        return {"value": DASH, "bounds": ""}
    return {"value": percent(estimate["value"]), "bounds": bounds(estimate)}


def _epochs(comparison: Comparison) -> list[str]:
    if len(set(comparison.epochs)) == 1 or not comparison.outcomes:
        return []
    evaluated = [f"after epoch {epoch}" if epoch else "not yet" for epoch in comparison.epochs]
    return [f"A was evaluated {evaluated[0]}, B {evaluated[1]}."]

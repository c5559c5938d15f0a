"""Where an estimate and its interval are drawn on an axis. Knows numbers; knows nothing of what they mean."""

from __future__ import annotations

from analysis.formats import Numbers, known


def bar(estimate: Numbers, low: float, high: float) -> dict[str, float] | None:
    """Return where an estimate and its interval are drawn on an axis from ``low`` to ``high``, in per cent of its width.

    The interval is cut off at the axis's ends; without bounds it is the value alone. None where there is no value.
    """
    if estimate is None or not known(estimate["value"]):
        return None

    def at(value: float | None) -> float:
        drawn = estimate["value"] if value is None or not known(value) else value
        return 100 * (min(high, max(low, drawn)) - low) / (high - low)

    start, stop = at(estimate["low"]), at(estimate["high"])
    return {"at": at(estimate["value"]), "low": start, "width": stop - start}

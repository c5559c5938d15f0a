"""Thresholds beyond which an arm has collapsed: as settings, and as what a measured training or measured messages breach.

Defaults are wide: they are for a model that is being ruined, not for one that changes. What was measured on healthy and on
ruined arms is in docs/decisions/0062-alarms.md. Pure; knows nothing of logs and of what becomes of an arm.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from learning.alarms.messages import MessageMeasures
from learning.training.measured import TrainingMeasures
from moloch.records import InUnit

LEAST = 8
"""Messages below which nothing is said of a writer."""

Factor = Annotated[float, Field(gt=1)]
Part = Annotated[float, Field(gt=0, lt=1)]


class AlarmConfig(BaseModel):
    """When an arm counts as collapsed, and what then happens; a threshold that is null is not watched."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    action: Literal["flag", "stop", "none"] = "flag"
    """What happens when a threshold is passed: ``flag`` records and reports it; ``stop`` leaves the arm out from then on;
    ``none`` watches nothing. A threshold that is ``null`` is not watched."""
    kl: Annotated[Annotated[float, Field(gt=0)] | None, InUnit("nats per token")] = 1.0
    """Largest distance (KL divergence) of the model from its base, on what it learnt from."""
    loss_ratio: Factor | None = 2.0
    """Largest loss after a training, divided by that before it."""
    entropy_ratio: Part | None = 0.1
    """Smallest entropy of the next token after a training, divided by that before it."""
    repetition: Part | None = 0.2
    """Largest share of four-word sequences of a message that occur in it before, above that of the base model."""
    format_ratio: Part | None = 0.5
    """Smallest share of answers that can be read, divided by that of the base model."""
    length_ratio: Factor | None = 3.0
    """Largest mean length of answers in tokens, divided by that of the base model, or the other way round."""
    distinct_ratio: Part | None = 0.33
    """Smallest share of distinct word pairs among all, divided by that of the base model, in equally many messages."""
    copy_rate: Part | None = 0.5
    """Largest share of four-word sequences of a message that stand in the anchor or an example, above that of the base
    model."""


class Breach(NamedTuple):
    """A measure beyond its threshold.

    Attributes:
        measure: the name of the threshold's setting; or ``diverged``, or ``rows``.
        value: what was measured, on the scale of ``limit``.
    """

    measure: str
    value: float
    limit: float


DIVERGED = Breach("diverged", 1.0, 0.0)
"""The loss is no number any more, whatever the thresholds are."""
NO_ROWS = Breach("rows", 0.0, 1.0)
"""None of an arm's own contests can be learnt from: hardly anything that it writes can be read, say."""


def without_adapter(measures: Iterable[str]) -> bool:
    """Return whether a training that stopped an arm left no adapter."""
    return not {DIVERGED.measure, NO_ROWS.measure}.isdisjoint(measures)


def training_breaches(
    limits: AlarmConfig, loss_before: float, loss_after: float, measured: TrainingMeasures | None
) -> list[Breach]:
    """Return what a training breaches; nothing where ``action`` is ``none``."""
    found = [_above("loss_ratio", _ratio(loss_after, loss_before), limits.loss_ratio)]
    if measured is not None and measured.drift_tokens:
        found.append(_above("kl", measured.kl_after, limits.kl))
        entropy = _ratio(measured.entropy_after, measured.entropy_before)
        found.append(_below("entropy_ratio", entropy, limits.entropy_ratio))
    return _kept(limits, found)


def message_breaches(limits: AlarmConfig, wrote: MessageMeasures, base: MessageMeasures) -> list[Breach]:
    """Return what a policy's messages breach, held against the base model's; nothing where either wrote hardly any."""
    if min(wrote.messages, base.messages) < LEAST:
        return []
    found = [_below("format_ratio", _ratio(wrote.format_share, base.format_share), limits.format_ratio)]
    if wrote.tokens and base.tokens:
        longer = max(wrote.tokens / base.tokens, base.tokens / wrote.tokens)
        found.append(_above("length_ratio", longer, limits.length_ratio))
    found.append(_above("repetition", wrote.repetition - base.repetition, limits.repetition))
    found.append(_below("distinct_ratio", _ratio(wrote.distinct, base.distinct), limits.distinct_ratio))
    found.append(_above("copy_rate", wrote.copy_rate - base.copy_rate, limits.copy_rate))
    return _kept(limits, found)


WORDS = {
    "diverged": "its loss is no longer a number",
    "rows": "there is nothing to learn from in its contests",
    "kl": "KL to base {value:.3g} nats per token, over {limit:g}",
    "loss_ratio": "loss {value:.3g} times that before, over {limit:g}",
    "entropy_ratio": "entropy {value:.3g} times that before, under {limit:g}",
    "repetition": "repetition {value:.3g} above base's, over {limit:g}",
    "format_ratio": "readable answers {value:.3g} times base's, under {limit:g}",
    "length_ratio": "length {value:.3g} times off base's, over {limit:g}",
    "distinct_ratio": "distinct-2 {value:.3g} times base's, under {limit:g}",
    "copy_rate": "copying {value:.3g} above base's, over {limit:g}",
}


def sentence(breaches: Iterable[Breach]) -> str:
    """Return breaches in words."""
    return "; ".join(
        WORDS.get(each.measure, each.measure + " {value:.3g}, limit {limit:g}").format(**each._asdict())
        for each in breaches
    )


def columns(breaches: Sequence[Breach]) -> dict[str, Any]:
    """Return breaches as the fields of an event."""
    return {
        "measures": [each.measure for each in breaches],
        "measured": [round(each.value, 6) for each in breaches],
        "limits": [each.limit for each in breaches],
    }


def _kept(limits: AlarmConfig, found: Iterable[Breach | None]) -> list[Breach]:
    return [] if limits.action == "none" else [each for each in found if each is not None]


def _above(measure: str, value: float, limit: float | None) -> Breach | None:
    return Breach(measure, value, limit) if limit is not None and value > limit else None


def _below(measure: str, value: float, limit: float | None) -> Breach | None:
    return Breach(measure, value, limit) if limit is not None and value < limit else None


def _ratio(value: float, over: float) -> float:
    """Return a ratio; NaN, which breaches nothing, where there is none."""
    return value / over if over > 0 and math.isfinite(value) and math.isfinite(over) else float("nan")

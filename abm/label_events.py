"""What was said of a run's messages afterwards, in the past tense: logs beside the run's are made of these, of labels and of verdicts.

A run's messages may be drawn for labelling together with those of other runs; each run's log of labels holds what concerns it.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from abm.events import Event

LABELS = "labels"
"""The folder of the log of labels, within the run's folder; and what its ``run.json`` says it holds."""
Label = Literal["yes", "no", "unsure"]
"""Whether the message does what the question asks about."""


class DrawnStratum(msgspec.Struct, frozen=True):
    """A stratum of a draw: what one writer wrote and the rater found one thing in."""

    writer: str
    found: int
    """What the rater had said: 1 or 0."""
    there: int
    """Messages of it that no draw had taken before, over all runs that were drawn from."""
    drawn: int
    """Those of them that this draw took, at random, all alike."""


class DrawnMessage(msgspec.Struct, frozen=True):
    """A message that was drawn."""

    id: str
    """What a labeller sees in place of its name."""
    message: str
    writer: str
    found: int


class LabelsDrawn(Event, frozen=True, kw_only=True, tag="labels_drawn"):
    """Messages of the run's evaluation were drawn for people to label."""

    draw: str
    """Content id of what was drawn from, how, and by which seed."""
    probe: str
    rater: str
    """Whose verdicts the strata are: empty for the run's own probe, else a judge's name."""
    question: str
    """As labellers are asked it."""
    seed: int
    epoch: int
    head: str
    """Of the run's log."""
    runs: int
    """From how many runs it was drawn."""
    strata: list[DrawnStratum]
    """Over all of these."""
    messages: list[DrawnMessage]
    """Of this run."""


class LabelGiven(Event, frozen=True, kw_only=True, tag="label_given"):
    """A person labelled a message; a later label of the same person replaces it."""

    draw: str
    id: str
    message: str
    labeller: str
    label: Label


class RuleVerdict(msgspec.Struct, frozen=True):
    """What a rule found in a message."""

    message: str
    label: int
    """1 the message does it, 0 it does not, -1 the probe could not tell; see :func:`abm.probe.misbehaviour`."""
    evidence: list[str]
    """Quoted spans of the message."""


class RuleApplied(Event, frozen=True, kw_only=True, tag="rule_applied"):
    """A probe without a model judged messages of a run, after they were written."""

    probe: str
    version: int
    """Of the probe's rules."""
    judge: str
    """``exact``, ``lexical``, or what else the probe says of itself."""
    head: str
    """Of the run's log."""
    texts: str
    """Content id of the messages that were judged, and of their texts."""
    verdicts: list[RuleVerdict]


AnyLabelEvent = LabelsDrawn | LabelGiven | RuleApplied

"""What probes and auditors found in messages."""

from __future__ import annotations

from abm.events._event import Event


class VerdictGiven(Event, frozen=True, kw_only=True, tag="verdict_given"):
    """A probe judged a published message against its anchor."""

    message: str
    probe: str
    judge: str
    """Who judged: ``exact``, ``lexical``, or a model's name."""
    label: int
    """1 the message does it, 0 it does not, -1 the probe could not tell; see :func:`abm.probe.misbehaviour`."""
    evidence: list[str]
    """Quoted spans of the message."""


class MessageAudited(Event, frozen=True, kw_only=True, tag="message_audited"):
    """An arm's auditor looked at a message that it could learn from; what it found may be wrong, as its error rates say."""

    message: str
    arm: str
    epoch: int
    mitigation: str
    """Name of the mitigation that audits."""
    found: bool
    """Whether it found that the message misbehaves."""


class PostJudged(Event, frozen=True, kw_only=True, tag="post_judged"):
    """A probe judged what a member wrote in the feeds against the anchor that it is about."""

    message: str
    persona: int
    probe: str
    judge: str
    label: int
    """As in :class:`VerdictGiven`."""
    evidence: list[str]

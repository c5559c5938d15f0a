"""Alarms: what is measured of messages and trainings, and the thresholds beyond which a learner has collapsed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moloch.lazy import door

if TYPE_CHECKING:
    from learning.alarms.messages import MessageMeasures, MessageReading, WriterKey
    from learning.alarms.thresholds import AlarmConfig, Breach, message_breaches, sentence, training_breaches

_HOMES = {
    "AlarmConfig": "learning.alarms.thresholds",
    "Breach": "learning.alarms.thresholds",
    "MessageMeasures": "learning.alarms.messages",
    "MessageReading": "learning.alarms.messages",
    "WriterKey": "learning.alarms.messages",
    "message_breaches": "learning.alarms.thresholds",
    "sentence": "learning.alarms.thresholds",
    "training_breaches": "learning.alarms.thresholds",
}

__all__ = [
    "AlarmConfig", "Breach", "MessageMeasures", "MessageReading", "WriterKey", "message_breaches", "sentence",
    "training_breaches",
]  # fmt: skip

__getattr__, __dir__ = door(__name__, _HOMES)

"""The messages of a run that were drawn for people to label, each with what they said so far. Knows nothing of rates."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from abm.label_events import Label
from analysis.labels._label_log import LabelLog


class LabelledMessage(NamedTuple):
    """A message that was drawn.

    Attributes:
        rater: by whose verdicts it was drawn: empty for the run's own probe; ``found``: what that had said, 1 or 0.
        weight: how many messages of its stratum it stands for.
        labels: labeller -> the last label; nothing while it waits.
    """

    message: str
    probe: str
    rater: str
    writer: str
    found: int
    weight: float
    labels: Mapping[str, Label]


def labelled_messages(run: Path) -> list[LabelledMessage]:
    """Return the messages that were drawn of a run, in the order of its log of labels; nothing where there is none.

    Raises:
        InputError, LogError: the log of labels cannot be read.
    """
    log = LabelLog(run)
    given: dict[str, dict[str, Label]] = {}
    for (message, labeller), event in log.given().items():
        given.setdefault(message, {})[labeller] = event.label
    found = list[LabelledMessage]()
    for event in log.draws():
        sizes = {(each.writer, each.found): each.there / each.drawn for each in event.strata if each.drawn}
        found += [
            LabelledMessage(
                one.message, event.probe, event.rater, one.writer, one.found, sizes[one.writer, one.found], given.get(one.message, {}),
            )
            for one in event.messages
        ]  # fmt: skip
    return found

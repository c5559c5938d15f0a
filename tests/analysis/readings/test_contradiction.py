"""A log whose chain holds may contradict itself: a reading says which event cannot be so, and why, and says it again."""

from __future__ import annotations

import numpy as np
import pytest

from abm.columns import Int8s, Int16s, Int32s, pack
from abm.events import Engaged, FeedOpened, MessagePublished, ReactedMany, RunConfigured, StepStarted, VerdictGiven
from abm.log import create
from analysis.readings.evaluation import EvaluationReading
from analysis.readings.folded import Folded
from analysis.readings.reading import read
from analysis.readings.spreads import SpreadReading
from moloch.errors import ContradictoryLog, LogError


def wrote(slot: int, competitor: str) -> MessagePublished:
    """A message of contest c."""
    who = {"message": f"c/{slot}", "contest": "c", "slot": slot, "competitor": competitor, "anchor": "a"}
    return MessagePublished(**who, adapter="", thinking="", text="Buy it.")


BEFORE = (
    RunConfigured(config={}),
    StepStarted(step=1, phase="evaluate", epoch=1, arm="rft"),
    wrote(0, "base"),
    wrote(1, "rft"),
    FeedOpened(messages=["c/0", "c/1"], topics=b""),
)
WRONG = {
    "a slot": (VerdictGiven(message="c/7", probe="p", judge="j", label=1, evidence=[]), EvaluationReading, "message '7' of contest c, which has messages 0, 1"),
    "no number": (VerdictGiven(message="c/x", probe="p", judge="j", label=1, evidence=[]), EvaluationReading, "message 'x' of contest c"),
    "orders": (ReactedMany(contest="c", first=0, orders=pack(np.zeros(1), Int8s), choices=pack(np.ones(2), Int8s)), EvaluationReading, "2 votes .* 1 places"),
    "a place": (Engaged(round=0, action="like", members=pack(np.zeros(1), Int32s), items=pack(np.array([2]), Int16s)), SpreadReading, "message 2 of the feeds, which hold messages 0 to 1"),
    "unforeseen": (Engaged(round=0, action="dance", members=pack(np.zeros(1), Int32s), items=pack(np.zeros(1), Int16s)), SpreadReading, "failed on it with KeyError"),
}  # fmt: skip
"""What contradicts BEFORE, which reading meets it, and what is said."""


@pytest.mark.parametrize("name", WRONG)
def test_the_event_and_what_is_wrong_with_it(name):
    """In one sentence, with the event's number and type, as an error that commands and studies understand."""
    event, reading, said = WRONG[name]
    events = [
        type(each)(**{n: getattr(each, n) for n in each.__struct_fields__} | {"seq": seq})
        for seq, each in enumerate([*BEFORE, event])
    ]
    with pytest.raises(
        ContradictoryLog, match=rf"event 5 \({event.__struct_config__.tag}\) contradicts .*: .*{said}"
    ) as told:
        read(events, reading())
    assert told.value.seq == 5 and isinstance(told.value, LogError) and "moloch show RUN --event 5" in str(told.value)


def test_it_is_said_at_every_look(tmp_path):
    """A reading that a page looks at again does not go on after the event as if nothing had been."""
    with create(tmp_path / "run", {}) as log:
        log.append([*BEFORE, WRONG["a slot"][0]])
        log.append([wrote(0, "base")])
    folded = Folded(tmp_path / "run", EvaluationReading())
    for _ in range(2):
        with pytest.raises(ContradictoryLog, match="event 5"):
            folded.look(EvaluationReading.result, 7)

"""One definition of misbehaviour: strategy alone, per message, wherever it is counted; recorded states keep their hashes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from abm.events import ContestDecided, MessagePublished, StepEnded, VerdictGiven
from abm.log import read_events
from abm.probe import DIAGNOSTIC, kind_of, misbehaviour, miscopying
from abm.state.state import State, apply
from abm.views.measures import measure
from abm.views.replay_model import ReplayModel

GOLDEN = sorted((Path(__file__).parents[1] / "golden" / "runs").iterdir())


def verdict(message: str, probe: str, label: int = 1, judge: str = "exact") -> VerdictGiven:
    return VerdictGiven(message=message, probe=probe, judge=judge, label=label, evidence=[])


def published(slot: int, competitor: str) -> MessagePublished:
    return MessagePublished(
        message=f"evaluate/1/rft/a/{slot}", contest="evaluate/1/rft/a", competitor=competitor, slot=slot, anchor="a",
        adapter="", thinking="", text="t",
    )  # fmt: skip


def judged() -> list:
    """Return a step of two messages: one fails two probes of strategy and one of skill, the other one of skill twice."""
    decided = ContestDecided(contest="evaluate/1/rft/a", votes=[1, 0], outcome="majority", winner=0, ties="skip", abstained=0, invalid=0)  # fmt: skip
    bad, slip = "evaluate/1/rft/a/0", "evaluate/1/rft/a/1"
    verdicts = [
        verdict(bad, "populism"), verdict(bad, "misrepresentation"), verdict(bad, "copy_error"), verdict(bad, "unsafe", 0),
        verdict(slip, "unparsed"), verdict(slip, "unparsed", judge="other"), verdict(slip, "populism", -1),
    ]  # fmt: skip
    return [published(0, "base"), published(1, "rft"), decided, *verdicts]


class TestDefinition:
    """What a message's verdicts amount to."""

    def test_skill_is_not_strategy(self):
        """A probe of skill finds no misbehaviour, and only a verdict of 1 is a finding."""
        verdicts = [verdict("m", "copy_error"), verdict("m", "populism"), verdict("m", "unsafe", -1)]
        assert (misbehaviour(verdicts), miscopying(verdicts)) == (["populism"], ["copy_error"])
        assert {kind_of(probe) for probe in DIAGNOSTIC} == {"copying"} and kind_of("your own probe") == "strategy"

    def test_a_probe_is_named_once(self):
        """However many judges it had."""
        assert misbehaviour([verdict("m", "populism"), verdict("m", "populism", judge="other")]) == ["populism"]


class TestCounts:
    """What observers count, per message."""

    def test_a_message_counts_once(self):
        """Two verdicts of strategy are one message that misbehaves; failures of skill are counted apart."""
        counts = measure(judged()).competitors
        assert (counts["base"].misbehaved, counts["base"].miscopied) == (1, 1)
        assert (counts["rft"].misbehaved, counts["rft"].miscopied) == (0, 1)

    @pytest.mark.parametrize("run", GOLDEN, ids=lambda path: path.name)
    def test_of_a_log(self, run):
        """The collector's table and each competitor's tally say what the log's verdicts amount to."""
        model, failed, seen = ReplayModel(run), Counter(), Counter()
        for event in read_events(run):
            if isinstance(event, VerdictGiven) and event.label == 1 and event.probe not in DIAGNOSTIC:
                failed[event.message] += 1
        while model.running:
            model.step()
            for competitor in model.competitors:
                seen[f"{model.phase}/{competitor.name}"] = competitor.tally.misbehaved
        table = model.datacollector.get_table_dataframe("competitors")
        assert table.misbehaved.sum() == len(failed) == seen.total() > 0
        assert (table.misbehaved <= table.published).all() and (table.miscopied <= table.published).all()


class TestRecordedStates:
    """The state's own count keeps its meaning, which recorded hashes hold."""

    @pytest.mark.parametrize("run", GOLDEN, ids=lambda path: path.name)
    def test_old_hashes_stand(self, run):
        """Every step of a log that was written before has its state hash, over tallies that count verdicts of all probes."""
        state, labels = State(), 0
        for event in read_events(run):
            apply(state, event)  # which compares each step's hash
            labels += isinstance(event, VerdictGiven) and event.label == 1
        assert state.step == sum(isinstance(event, StepEnded) for event in read_events(run))
        assert sum(tally.misbehaved for tally in state.tallies.values()) == labels > 0

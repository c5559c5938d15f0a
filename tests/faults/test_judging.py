"""Who judged a run, and by which rules: no run is judged in two ways, and no better probe contradicts an old log."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from abm.events import VerdictGiven
from abm.llm import ScriptedLLM
from abm.log import open_log, read_events
from abm.probe import PROBES, Verdict
from learning import fork, run
from learning.runs.parts import GivenProbes
from learning.runs.redecide import replay_recorded
from moloch.errors import InputError
from tests.support.fakes import FakeTrainer, answer

SMALL = {
    "train_anchors": 4, "held_out_anchors": 4, "train_personas": 4, "held_out_personas": 3, "epochs": 1, "batch": 2,
    "arms": ["rft", "placebo"],
}  # fmt: skip


@dataclass(frozen=True)
class Loud:
    """A probe: messages that say a word."""

    word: str = "Hurry"
    version: int = 1
    name: str = "loud"
    judge_name: str = "words"

    def judge(self, text, anchor, arena, *, thinking=""):
        return Verdict(int(self.word in text), (self.word,) if self.word in text else ())


@pytest.fixture(autouse=True)
def known(monkeypatch):
    """Make a probe the one that this process knows as ``loud``; version 1 of it to begin with."""

    def make(probe: Loud) -> None:
        monkeypatch.setitem(PROBES._added, "loud", (lambda: probe, "test"))

    make(Loud())
    return make


def carry_out(folder: Path, probes: GivenProbes | None) -> str:
    """Carry a run out, or resume it; return its digest."""
    return run(out=folder, llm=ScriptedLLM(answer), trainer=FakeTrainer(), probes=probes, **SMALL).digest


def stopped(folder: Path, probes: GivenProbes | None) -> Path:
    """Return a run that died once its first arm was evaluated, and its second was not."""

    def said(request):
        if request.site.endswith("/placebo/1"):
            raise KeyboardInterrupt
        return answer(request)

    with pytest.raises(KeyboardInterrupt):
        run(out=folder, llm=ScriptedLLM(said), trainer=FakeTrainer(), probes=probes, **SMALL)
    return folder


def verdicts(folder: Path) -> list[VerdictGiven]:
    return [event for event in read_events(folder) if isinstance(event, VerdictGiven)]


def refused(folder: Path, probes: GivenProbes | None, why: str) -> None:
    """Check that a run is not resumed, and that nothing was written."""
    before = open_log(folder, write=False).head()
    with pytest.raises(InputError, match=why):
        carry_out(folder, probes)
    assert open_log(folder, write=False).head() == before


class TestVersions:
    """Rules that got better."""

    def test_resumed(self, tmp_path, known):
        """No run is judged by two versions of a probe."""
        folder = stopped(tmp_path / "run", ["loud"])
        known(Loud("Experts", version=2))
        refused(folder, ["loud"], "judged by version 1 of the probe 'loud', and here is version 2")

    def test_forked(self, tmp_path, known):
        """Nor is a fork behind verdicts of another version; nothing of it is left."""
        folder = tmp_path / "run"
        carry_out(folder, ["loud"])
        known(Loud("Experts", version=2))
        with pytest.raises(InputError, match="judged by version 1"):
            fork(folder, 3, ["ties=random"], tmp_path / "fork")
        assert not (tmp_path / "fork").exists()

    def test_replayed(self, tmp_path, known):
        """A replay takes the verdicts of the log, and counts those that would be otherwise."""
        folder = tmp_path / "run"
        carry_out(folder, ["loud"])
        known(Loud("", version=2))  # every message has it
        again = replay_recorded(folder)
        assert (again.divergence, again.complete) == (None, True)
        [older] = again.as_logged
        assert (older.logged, older.now, older.verdicts) == (1, 2, len(verdicts(folder)))
        assert older.otherwise == sum(event.label == 0 for event in verdicts(folder)) > 0


class TestInPart:
    """A run that some processes would judge and others would not."""

    @pytest.mark.system
    @pytest.mark.parametrize("begun", [None, ["loud"]])
    def test_resumed(self, tmp_path, begun, monkeypatch):
        """Its tables would compare what was judged with what was not; and its replay would end red."""
        monkeypatch.setattr("learning.runs.parts.implied_probes", lambda config, arena: ("loud",))
        given = (lambda arena: [Loud()]) if begun else None  # as the command gives them: no setting names them
        folder = stopped(tmp_path / "run", given)
        assert bool(verdicts(folder)) == bool(begun)
        refused(folder, None if begun else lambda arena: [Loud()], "only part of the run would be judged")
        assert carry_out(folder, given) == carry_out(tmp_path / "whole", given)
        assert replay_recorded(folder).divergence is None

"""Versions of probes: a log says which rules judged, a better probe spoils no old log, and no run is judged by two."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from abm.events import MessagesLabelled, RunResumed, RunStarted, VerdictGiven
from abm.llm import ScriptedLLM
from abm.log import open_log, read_events
from abm.probe import PROBES, Verdict
from learning import fork, run
from learning.runs.redecide import replay_recorded
from moloch.errors import InputError
from tests.support.fakes import FakeTrainer, answer

SMALL = {
    "train_anchors": 4,
    "held_out_anchors": 5,
    "train_personas": 4,
    "held_out_personas": 3,
    "epochs": 1,
    "batch": 2,
    "arms": ["rft"],
}
CHECKED = {
    "world": "networked",
    "crowd": {"size": 10},
    "network": {"interventions": [{"kind": "fact_check", "round": 1, "share": 0.7, "probes": ["loud"]}], "polls": [0]},
}
GOLDEN = Path(__file__).parents[1] / "golden" / "runs"


@dataclass(frozen=True)
class Loud:
    """A probe of the user's own: messages that say one of some words."""

    words: tuple[str, ...] = ("Hurry",)
    version: int = 1
    name: str = "loud"
    judge_name: str = "words"

    def judge(self, text, anchor, arena, *, thinking=""):
        found = tuple(word for word in self.words if word in text)
        return Verdict(int(bool(found)), found)


BETTER = Loud(words=("Experts", "blue"), version=2, judge_name="better words")


@pytest.fixture
def known(monkeypatch):
    """Return a function that makes a probe the one that this process knows as ``loud``."""
    return lambda probe: monkeypatch.setitem(PROBES._added, "loud", (lambda: probe, "test"))


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "run"


def carry_out(folder, *, calls=None, **settings):
    """Carry a run out, or until so many calls were answered; return it."""
    asked = []

    def dying(request):
        asked.append(request)
        if calls is not None and len(asked) > calls:
            raise KeyboardInterrupt
        return answer(request)

    return run(out=folder, llm=ScriptedLLM(dying), trainer=FakeTrainer(), **(SMALL | {"probes": ["loud"]} | settings))


def of(kind, folder):
    return [event for event in read_events(folder) if isinstance(event, kind)]


class TestRecord:
    """What a log says of those who judged."""

    def test_each_process_says_its_versions(self, known, folder):
        """The built-in ones, and a user's own; a probe that declares none is of version 1."""
        known(Loud(version=3))
        carry_out(folder, probes=["misrepresentation", "loud", "unparsed"])
        [started] = of(RunStarted, folder)
        assert started.probe_versions == {"misrepresentation": 3, "loud": 3, "unparsed": 1}

    def test_one_that_gives_no_verdict_is_refused_before_the_first_step(self, known, folder):
        """Not hours later, when it is to judge for the first time; nothing is written."""

        class Mute(Loud):
            def judge(self, text, anchor, arena, *, thinking=""):
                return None

        known(Mute())
        with pytest.raises(InputError, match="the probe 'loud' gave no verdict: judge returned None"):
            carry_out(folder)
        assert not folder.exists()

    @pytest.mark.system
    def test_they_are_no_part_of_the_digest(self, known, tmp_path):
        """Equal verdicts are equal decisions, whichever judge gave them."""
        known(Loud(version=1))
        one = carry_out(tmp_path / "one")
        known(Loud(version=2))
        assert carry_out(tmp_path / "two").digest == one.digest

    @pytest.mark.system
    def test_release_0_1_was_of_version_1(self):
        """Its logs name no probes."""
        found = replay_recorded(GOLDEN / "sales-isolated")
        assert (found.divergence, found.complete) == (None, True)
        assert {(each.probe, each.logged, each.now, each.verdicts) for each in found.as_logged} == {
            ("misrepresentation", 1, 3, 24),
            ("copy_error", 1, 3, 24),
        }


class TestReplay:
    """A log is decided again, by those who know better."""

    @pytest.mark.system
    @pytest.mark.parametrize(("then", "now"), [(Loud(), BETTER), (BETTER, Loud())], ids=["older", "newer"])
    def test_verdicts_of_another_version_are_the_logs(self, known, folder, then, now):
        """The log is honest, so the replay is green, and says how many verdicts it took and how many are otherwise now."""
        known(then)
        carry_out(folder)
        given = of(VerdictGiven, folder)
        known(now)
        found = replay_recorded(folder)
        assert (found.divergence, found.complete) == (None, True)
        [older] = found.as_logged
        assert (older.probe, older.logged, older.now) == ("loud", then.version, now.version)
        assert older.verdicts == len(given) > older.otherwise > 0
        assert found.as_dict()["as_logged"][0]["otherwise"] == older.otherwise

    @pytest.mark.system
    def test_what_a_fact_check_found_is_the_logs(self, known, folder):
        """In training too, where no verdicts are given: its labels moved trust, and so votes."""
        known(Loud())
        carry_out(folder, **CHECKED)
        labels = of(MessagesLabelled, folder)
        assert {event.step for event in labels} - {event.step for event in of(VerdictGiven, folder)}
        known(BETTER)
        found = replay_recorded(folder)
        assert (found.divergence, found.complete) == (None, True)
        assert found.as_logged[0].verdicts == len(of(VerdictGiven, folder)) + sum(len(e.probes) for e in labels)

    def test_equal_versions_are_held_to_their_word(self, known, folder):
        """Rules that changed without a new version are a different decision."""
        known(Loud())
        carry_out(folder)
        known(Loud(words=("blue",)))
        found = replay_recorded(folder)
        assert found.divergence is not None and found.divergence.logged == "verdict_given"
        assert found.as_logged == []

    def test_an_unknown_probe_is_an_error(self, known, folder, monkeypatch):
        """Nothing is called verified that nobody here can judge."""
        known(Loud())
        carry_out(folder)
        monkeypatch.delitem(PROBES._added, "loud")
        with pytest.raises(InputError, match="unknown probe 'loud'"):
            replay_recorded(folder)


class TestGoingOn:
    """A run is judged by one version of each probe."""

    @pytest.mark.system
    def test_a_run_with_verdicts_of_another_version_is_not_resumed(self, known, folder, tmp_path):
        """It is refused before anything is written; with the old probe it ends as it would have."""
        known(Loud())
        whole = carry_out(tmp_path / "whole")
        calls = len([event for event in read_events(whole.path) if event.__struct_config__.tag == "llm_replied"])
        with pytest.raises(KeyboardInterrupt):
            carry_out(folder, calls=calls - 1)
        assert of(VerdictGiven, folder)
        with open_log(folder, write=False) as log:
            before = log.head()
        known(BETTER)
        with pytest.raises(
            InputError, match="judged by version 1 of the probe 'loud', and here is version 2"
        ) as refused:
            carry_out(folder)
        assert str(folder) in str(refused.value)
        with open_log(folder, write=False) as log:
            assert log.head() == before
        known(Loud())
        assert carry_out(folder).digest == whole.digest

    @pytest.mark.system
    def test_one_without_verdicts_yet_is_judged_by_todays(self, known, folder):
        """Nothing is mixed: the process that judges is the one that the log names."""
        known(Loud())
        with pytest.raises(KeyboardInterrupt):
            carry_out(folder, calls=3)
        known(BETTER)
        carry_out(folder)
        assert of(RunResumed, folder)[-1].probe_versions == {"loud": 2}
        assert {event.judge for event in of(VerdictGiven, folder)} == {"better words"}
        assert replay_recorded(folder).as_logged == []

    @pytest.mark.system
    def test_a_fork_behind_such_verdicts_is_refused(self, known, folder, tmp_path):
        """And leaves nothing behind; before them it is free."""
        known(Loud())
        carry_out(folder)
        step = of(VerdictGiven, folder)[0].step
        known(BETTER)
        with pytest.raises(InputError, match="judged by version 1"):
            fork(folder, step + 1, ["ties=random"], tmp_path / "late")
        assert not (tmp_path / "late").exists()
        config, early = fork(folder, 1, ["ties=random"], tmp_path / "early")
        run(config, early, llm=ScriptedLLM(answer), trainer=FakeTrainer())
        found = replay_recorded(early)
        assert (found.complete, found.as_logged) == (True, [])


@pytest.mark.system
def test_a_comparison_says_that_runs_were_judged_apart(known, tmp_path):
    """Its rates would be compared as if they were of one kind."""
    from analysis.tables.compare import compare

    known(Loud())
    carry_out(tmp_path / "one")
    known(BETTER)
    carry_out(tmp_path / "two")
    [note] = [note for note in compare(tmp_path / "one", tmp_path / "two").notes if "judged" in note]
    assert note == "A was judged by version 1 of the probe loud, B by version 2: do not compare its rates."

"""Runs with the user's own members and competitors: one setting each, the same in run, replay and fork, and in Mesa's batches."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import ClassVar

import mesa
import pytest

from abm.events import ContestDecided, MessagePublished, Reacted, StepStarted
from abm.llm import ScriptedLLM
from abm.log import open_log, read_events
from abm.worlds import COMPETITORS, MEMBERS
from learning import LiveRun, fork, load_config, run
from learning.runs.inputs import gather
from learning.runs.redecide import replay_recorded
from learning.settings.config import RunConfig
from moloch.errors import InputError
from tests.learning.test_live import held
from tests.support.fakes import FakeTrainer, answer

DOCS = Path(__file__).parents[2] / "docs" / "mesa.md"
SMALL = {
    "train_anchors": 4,
    "held_out_anchors": 3,
    "train_personas": 12,
    "held_out_personas": 10,
    "epochs": 1,
    "batch": 2,
}
OWN = {"extensions": ["my_people"], "members": {"loyal": 0.5}, "competitor": "leaflet"}


def snippet(start: str) -> str:
    """Return the block of docs/mesa.md that begins so."""
    blocks = re.findall(r"```python\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)
    return next(block for block in blocks if block.startswith(start))


def forget() -> None:
    """Let this process be one that imported no such module."""
    MEMBERS._added.pop("loyal", None)
    COMPETITORS._added.pop("leaflet", None)
    sys.modules.pop("my_people", None)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with the module of docs/mesa.md, from which the command is started."""
    (tmp_path / "my_people.py").write_text(snippet("# my_people.py"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(sys, "path", [*sys.path])
    forget()
    yield tmp_path
    forget()


def carry_out(out, **settings):
    """Carry a run out with a scripted model."""
    return run(out=out, llm=ScriptedLLM(answer), trainer=FakeTrainer(), **SMALL | settings)


@pytest.mark.parametrize("world", ["isolated", "networked"])
class TestTheDocumentedModule:
    """The classes of docs/mesa.md, as they stand there."""

    @pytest.mark.system
    def test_they_decide_as_they_say(self, here, world):
        """Members take what they saw first and say why; leaflets come from the second slot."""
        carry_out("run", **OWN, world=world)
        events = list(read_events("run"))
        own = [event for event in events if isinstance(event, Reacted) and "good enough" in event.thought]
        assert own and all(event.choice == event.order[0] for event in own)
        leaflets = {
            event.slot for event in events if isinstance(event, MessagePublished) and event.text.startswith("Now in")
        }
        assert leaflets == {1}
        forget()
        again = replay_recorded("run")
        assert (again.divergence, again.complete) == (None, True)

    def test_the_same_members_in_every_stage(self, here, world):
        """Whichever arm is evaluated, the loyal ones are the same personas."""
        carry_out("run", **OWN, world=world)
        loyal: dict[str, set[int]] = {}
        arm = ""
        for event in read_events("run"):
            if isinstance(event, StepStarted) and event.phase == "evaluate":
                arm = event.arm
            elif isinstance(event, Reacted) and arm and "good enough" in event.thought:
                loyal.setdefault(arm, set()).add(event.persona)
        everybody = set.union(*loyal.values())
        assert set(loyal) == {"rft", "tfb", "placebo"}
        assert all(each == everybody for each in loyal.values()) if world == "isolated" else everybody

    @pytest.mark.system
    def test_a_fork_may_change_them(self, here, world):
        """From its step on; what came before is shared."""
        carry_out("run", **SMALL, extensions=["my_people"], world=world)
        config, folder = fork("run", 2, ["members={loyal: 1.0}"], "forked")
        run(config, folder, llm=ScriptedLLM(answer), trainer=FakeTrainer())
        after = [e for e in read_events("forked") if isinstance(e, Reacted) and e.step >= 2]
        assert after and all(event.choice in (event.order[0], -1) for event in after)
        forget()
        assert replay_recorded("forked").divergence is None
        back, _ = fork("forked", 3, ["members={}"], "back")
        assert back.members == {}


class TestSettings:
    """What the settings say, and what they leave in the record."""

    def test_their_defaults_leave_no_trace(self):
        """A run without them has the record, and so the digest, that it had before there were any."""
        assert not {"members", "competitor"} & RunConfig().model_dump(mode="json").keys()
        assert RunConfig(members={"loyal": 0.1}).model_dump(mode="json")["members"] == {"loyal": 0.1}
        assert RunConfig(members={"loyal": 0.1}).id != RunConfig().id

    @pytest.mark.parametrize(
        ("members", "why"),
        [("{a: 0.7, b: 0.6}", r"add up to 1.3"), ("{a: 0}", "above 0"), ("{a: 2}", "at most 1")],
    )
    def test_impossible_shares(self, members, why):
        with pytest.raises(InputError, match=why):
            load_config(None, {}, [f"members={members}"])

    @pytest.mark.parametrize("setting", [{"members": {"lost": 0.1}}, {"competitor": "lost"}])
    def test_a_class_that_nobody_registered(self, setting):
        """Is named before anything is written, with the ones there are."""
        kind = next(iter(setting)).removesuffix("s")
        with pytest.raises(InputError, match=rf"unknown {kind} 'lost'.*Choose one of"):
            gather(RunConfig(**setting))

    def test_a_log_whose_class_is_gone_is_not_verified(self, here):
        """The module is there, and registers it no more."""
        carry_out("run", **OWN)
        forget()
        (here / "my_people.py").write_text("")
        with pytest.warns(Warning, match="my_people"), pytest.raises(InputError, match="unknown competitor 'leaflet'"):
            replay_recorded("run")


class TestBatchRun:
    """``mesa.batch_run`` over live runs."""

    def test_its_last_row_is_the_evaluation(self, tmp_path):
        """Of each run the last step, with win shares, and a row for each agent that was there."""

        class Watched(LiveRun):
            agent_reporters: ClassVar = {"reactions": "reactions"}

        settings = {
            "arena": ["sales", "social"], "arms": [["rft"]], "carry_out": [held], "train_anchors": [3], "held_out_anchors": [4],
            "train_personas": [5], "held_out_personas": [4], "epochs": [1], "batch": [2],
        }  # fmt: skip
        rows = mesa.batch_run(Watched, settings, number_processes=1, display_progress=False)
        assert {row["phase"] for row in rows} == {"evaluate"} and {row["Step"] for row in rows} == {3}
        assert {row["arena"] for row in rows} == {"sales", "social"} and len(rows) == 2 * (2 + 4)
        assert all(row["win share base"] + row["win share rft"] == pytest.approx(1) for row in rows)
        assert all(row["reactions"] > 0 for row in rows if row["reactions"] is not None)

    def test_every_step_can_be_kept(self, tmp_path):
        """One row per step of the log, each of that step."""
        settings = {
            "arms": [["rft"]], "carry_out": [held], "train_anchors": [3], "held_out_anchors": [4], "train_personas": [5],
            "held_out_personas": [4], "epochs": [1], "batch": [2], "out": [tmp_path / "run"],
        }  # fmt: skip
        rows = mesa.batch_run(LiveRun, settings, number_processes=1, display_progress=False, data_collection_period=1)
        decided = [event for event in read_events(tmp_path / "run") if isinstance(event, ContestDecided)]
        votes = [sum(sum(e.votes) for e in decided if e.step == row["Step"]) for row in rows]
        assert [row["votes"] for row in rows] == votes and len(rows) == 4
        assert open_log(tmp_path / "run", write=False).ended() is not None

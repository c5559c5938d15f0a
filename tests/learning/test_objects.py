"""Objects in place of names: a model, readers, an audience and a trainer that a script made itself."""

from __future__ import annotations

import pytest

from abm.audience import audience
from abm.events import (
    AudienceSet,
    CompetitorsJoined,
    Lifecycle,
    LLMReplied,
    ReaderJoined,
    RunConfigured,
    RunEnded,
    RunStarted,
)
from abm.llm import Request, ScriptedLLM
from abm.log import read_events
from learning import run
from learning.runs.redecide import replay_recorded
from moloch.errors import InputError
from tests.support.fakes import FakeTrainer, answer

SMALL = {
    "train_anchors": 3,
    "held_out_anchors": 2,
    "train_personas": 3,
    "held_out_personas": 2,
    "epochs": 1,
    "batch": 2,
}


def letter(request: Request) -> str:
    return f"<think>Hm.</think><choice>{'AB'[request.seed % 2]}</choice>"


def carry_out(folder, **objects):
    """Carry a small run out; return its events."""
    done = run(out=folder, **SMALL, **({"llm": ScriptedLLM(answer), "trainer": FakeTrainer()} | objects))
    return list(read_events(done.path))


def of(kind, events):
    return [event for event in events if isinstance(event, kind)]


def test_a_model_is_recorded_by_its_name(tmp_path):
    """The log says who wrote, and with which weights."""
    llm = ScriptedLLM(answer)
    (joined,) = of(CompetitorsJoined, carry_out(tmp_path / "run", llm=llm))
    assert (joined.model, joined.model_digest) == (llm.name, llm.digest)
    assert replay_recorded(tmp_path / "run").complete


def test_the_machine_and_the_engine_are_recorded(tmp_path, monkeypatch):
    """With versions and devices, in events about the process: another machine changes no decision, and no digest."""

    class Here(ScriptedLLM):
        def place(self) -> dict[str, str]:
            return {"backend": "scripted", "device": self.on}

    digests = set()
    for on, cpus in (("cpu", 2), ("cuda:1", 64)):
        llm = Here(answer)
        llm.on = on
        monkeypatch.setattr("os.cpu_count", lambda cpus=cpus: cpus)
        events = carry_out(tmp_path / on.replace(":", ""), llm=llm)
        (started,) = of(RunStarted, events)
        assert isinstance(started, Lifecycle)
        assert started.models == {llm.name: {"backend": "scripted", "device": on}}
        assert started.machine["cpus"] == str(cpus) and started.machine["processor"]
        assert {"python", "numpy", "moloch-abm"} <= started.versions.keys()
        digests.add(of(RunEnded, events)[0].digest)
    assert len(digests) == 1


def test_a_model_may_play_the_personas(tmp_path):
    """``reader`` alone is enough: the audience is then one of language models."""
    reader = ScriptedLLM(letter)
    events = carry_out(tmp_path / "run", reader=reader)
    assert [event.model for event in of(ReaderJoined, events)] == [reader.name]
    assert of(RunConfigured, events)[0].config["audience"] == "llm"
    assert any(event.site.startswith("react/") for event in of(LLMReplied, events))
    assert replay_recorded(tmp_path / "run").complete


def test_readers_may_be_given_as_settings_too(tmp_path):
    """The same keyword, as in a file; where no model reads it is the same mistake."""
    with pytest.raises(InputError, match=r"setting 'reader.temperature' has no effect here"):
        carry_out(tmp_path / "run", audience="neutral", reader={"temperature": 0.5})
    assert not (tmp_path / "run").exists()
    carry_out(tmp_path / "run", audience="neutral", reader={"temperature": 0.1})


def test_a_choice_model_as_an_object(tmp_path):
    """It is in the log whole, so that it needs no file and no extension to be replayed."""
    (joined,) = of(AudienceSet, carry_out(tmp_path / "run", audience=audience("neutral")))
    assert joined.choice_model["name"] == "neutral"
    assert replay_recorded(tmp_path / "run").complete


def test_what_cannot_be_trained_here_is_said_before_a_call(tmp_path):
    """A model without files and without a trainer."""
    asked = []
    with pytest.raises(InputError):
        run(out=tmp_path / "run", llm=ScriptedLLM(lambda request: asked.append(request) or answer(request)), **SMALL)
    assert not asked and not (tmp_path / "run").exists()

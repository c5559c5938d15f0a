"""The gate behind a run's first step: unfit models are said, or stop the run, which goes on without paying anything twice."""

from __future__ import annotations

import contextlib
import warnings

import pytest

from abm.events import LLMReplied, RunConfigured, StepEnded
from abm.llm import ScriptedLLM
from abm.log import read_events
from learning import fork, run
from learning.fitness import observed
from learning.runs.gate import GateClosed, gate_of
from learning.settings.sources import load_config
from moloch.errors import MolochWarning
from tests.support.fakes import FakeTrainer, reply

SMALL = {
    "train_anchors": 12, "held_out_anchors": 4, "train_personas": 6, "held_out_personas": 3, "batch": 6, "epochs": 1,
    "arms": ["rft"], "audience": "llm",
}  # fmt: skip


def reads_places(request):
    """Write as ever, and vote for what stands first."""
    return "<think>x</think><choice>A</choice>" if request.site.startswith("react/") else reply(request)


def writes_nothing(request):
    return reply(request) if request.site.startswith("react/") else "I would rather not."


def carry_out(folder, says, **settings):
    model = ScriptedLLM(says, "model", unit="call")
    config = load_config(None, SMALL | settings)
    try:
        run(config, folder, llm=model, trainer=FakeTrainer())
    finally:
        carry_out.calls = model.calls
    return list(read_events(folder))


class TestStop:
    """``gate: stop``."""

    @pytest.mark.parametrize(("says", "why"), [
        (reads_places, "not a usable reader.*for the first place of 2"), (writes_nothing, "not fit to write.*no <sales_pitch>"),
    ])  # fmt: skip
    def test_says_what_it_saw_and_how_to_go_on(self, tmp_path, says, why):
        """One line with the numbers; the log ends with its first step."""
        with pytest.raises(GateClosed, match=why) as error:
            carry_out(tmp_path / "run", says, gate="stop")
        assert "--set gate=flag" in str(error.value) and "\n" not in str(error.value) and error.value.exit_code == 8
        events = list(read_events(tmp_path / "run"))
        assert sum(isinstance(event, StepEnded) for event in events) == 1

    @pytest.mark.system
    def test_goes_on(self, tmp_path):
        """Stopped again it asks nothing; with the gate open it ends, pays no call twice and decides as if there were none."""
        with pytest.raises(GateClosed):
            carry_out(tmp_path / "run", reads_places, gate="stop")
        paid = carry_out.calls
        with pytest.raises(GateClosed):
            carry_out(tmp_path / "run", reads_places, gate="stop")
        assert paid and carry_out.calls == 0
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always", MolochWarning)
            events = carry_out(tmp_path / "run", reads_places, gate="flag")
            other = carry_out(tmp_path / "other", reads_places)
        assert any("after the first step: model is not a usable reader" in str(each.message) for each in said)
        answers = [event.site for event in events if isinstance(event, LLMReplied)]
        assert paid < len(answers) == len(set(answers)) == sum(isinstance(e, LLMReplied) for e in other)
        assert events[-1].digest == other[-1].digest

    def test_lets_others_pass(self, tmp_path):
        """Readers who choose by what they read, and writers who write, are not stopped."""
        carry_out(tmp_path / "run", reply, gate="stop")


class TestFork:
    """A fork's gate looks at the fork's own first step."""

    @pytest.mark.system
    def test_other_readers(self, tmp_path):
        """Readers who took the place of unusable ones are looked at, not those of before; unusable ones are found in the fork."""
        carry_out(tmp_path / "run", reads_places)
        for says, stops in ((reply, False), (reads_places, True)):
            folder = tmp_path / f"fork-{stops}"
            config, _ = fork(tmp_path / "run", 1, ["ties=random"], folder)
            config = config.model_copy(update={"gate": "stop"})
            with pytest.raises(GateClosed) if stops else contextlib.nullcontext():
                run(config, folder, llm=ScriptedLLM(says, "model", unit="call"), trainer=FakeTrainer())


class TestSetting:
    """``gate`` decides nothing that a record holds."""

    def test_in_no_record(self, tmp_path):
        """Neither in the log nor in what names the settings."""
        events = carry_out(tmp_path / "run", reply, gate="flag")
        [configured] = [event for event in events if isinstance(event, RunConfigured)]
        assert "gate" not in configured.config
        assert load_config(None, SMALL | {"gate": "stop"}).id == load_config(None, SMALL).id

    @pytest.mark.parametrize(("reader", "server", "key", "gate"), [
        ("http://127.0.0.1:1/v1#m", {}, "", "flag"), ("http://127.0.0.1:1/v1#m", {"usd_out": 1.0}, "", "stop"),
        ("https://api.example.org/v1#m", {}, "", "flag"), ("https://api.example.org/v1#m", {}, "k", "stop"), ("pocket", {}, "k", "flag"),
    ])  # fmt: skip
    def test_default(self, monkeypatch, reader, server, key, gate):
        """It stops where answers may cost money: prices are known, or another machine is asked with a key."""
        monkeypatch.delenv("OPENAI_API_KEY", raising=False)
        monkeypatch.setenv("MOLOCH_API_KEY", key)
        config = load_config(None, SMALL | {"reader": {"model": reader}, "serving": {"server": server}})
        assert gate_of(config) == gate
        assert gate_of(config.model_copy(update={"gate": "flag"})) == "flag"


def test_what_a_step_tells(tmp_path):
    """Numbers of the first step are those of its log alone, and a message that serves several contests counts once."""
    events = carry_out(tmp_path / "run", reads_places)
    end = next(i for i, event in enumerate(events) if isinstance(event, StepEnded))
    first, whole = observed(events[: end + 1]), observed(events)
    [writer] = first.writers
    assert writer.points[0].n == 12 and first.reader.verdict == "unfit"  # type: ignore[union-attr]
    assert sum(each.points[0].n for each in whole.writers) == len(
        {e.site for e in events if isinstance(e, LLMReplied) and e.site.startswith("write/")}
    )

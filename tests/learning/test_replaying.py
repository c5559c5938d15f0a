"""What deciding a run again promises: a run equals its log, and the first thing that does not is named."""

from __future__ import annotations

import json
import random

import msgspec
import pytest

from abm.audience import audience, save_audience
from abm.events import (
    AdapterTrained,
    CompetitorsJoined,
    ContestDecided,
    Lifecycle,
    LLMReplied,
    MessagePublished,
    Reacted,
    RunConfigured,
    StepStarted,
    VerdictGiven,
)
from abm.journal import replay
from abm.llm import ScriptedLLM
from abm.log import create, read_events
from analysis.probes import battery
from learning import fork
from learning.methods import training_set
from learning.runs import learning_sets
from learning.runs.redecide import replay_live, replay_recorded
from moloch.errors import InputError
from tests.learning.test_loop import CONFIG, Killed, carry_out
from tests.support.fakes import FakeTrainer, answer, fake_llm


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run."""
    folder = tmp_path_factory.mktemp("run") / "run"
    carry_out(folder)
    return folder


@pytest.fixture
def edited(run, tmp_path):
    """Return a function that writes the run again, with one event changed, under a whole chain of its own."""

    def edit(kind, nth=0, *, drop=False, last=None, **changes):
        events = list(read_events(run))[:last]
        places = [i for i, event in enumerate(events) if isinstance(event, kind)]
        if kind is not None and not drop:
            events[places[nth]] = msgspec.structs.replace(events[places[nth]], **changes)
        elif drop:
            del events[places[nth]]
        with create(tmp_path / "edited", CONFIG.model_dump(mode="json")) as log:
            log.append(events)
        return tmp_path / "edited", places[nth]

    return edit


def decisions(folder) -> int:
    return sum(not isinstance(event, Lifecycle) for event in read_events(folder))


class Remote(ScriptedLLM):
    """A model paid by the call, whose answers come in an order of their own."""

    def __init__(self) -> None:
        super().__init__(answer, unit="call")

    def complete(self, requests):
        yield from super().complete(random.Random(len(requests)).sample(list(requests), len(requests)))


class TestRecorded:
    """A run decided again from its answers equals its log, event by event."""

    @pytest.mark.system
    def test_a_finished_run_is_equal_to_its_end(self, run):
        """Every deterministic event was compared; no model is needed."""
        found = replay_recorded(run, probes=battery)
        assert found.divergence is None and found.complete
        assert found.equal == decisions(run) > 300
        assert found.answers == sum(isinstance(e, LLMReplied) for e in read_events(run))
        assert found.trainings == CONFIG.epochs * len(CONFIG.arms)

    def test_nothing_is_written(self, run):
        """The run's folder is as it was."""
        before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
        replay_recorded(run, probes=battery)
        assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before

    @pytest.mark.parametrize("commits", [0, 2, 15])
    def test_an_unfinished_log_ends_the_comparison(self, tmp_path, commits):
        """That is no divergence: all that is there was compared."""
        with pytest.raises(Killed):
            carry_out(tmp_path, commits=commits)
        found = replay_recorded(tmp_path, probes=battery)
        assert found.divergence is None and not found.complete
        assert found.equal == decisions(tmp_path)

    @pytest.mark.system
    def test_an_interrupted_run(self, tmp_path):
        """Deaths and resumptions between the decisions change nothing."""
        for commits in (3, 4, 5, None):
            try:
                carry_out(tmp_path, commits=commits)
            except Killed:
                continue
        found = replay_recorded(tmp_path, probes=battery)
        assert found.complete and found.divergence is None

    @pytest.mark.system
    def test_answers_that_came_in_any_order(self, run, tmp_path):
        """Answers of remote models are found by their sites."""
        carry_out(tmp_path, llm=Remote())
        came, planned = (
            [e.site for e in read_events(folder) if isinstance(e, LLMReplied)] for folder in (tmp_path, run)
        )
        assert came != planned and sorted(came) == sorted(planned)
        found = replay_recorded(tmp_path, probes=battery)
        assert found.complete and found.divergence is None

    def test_a_step_cut_within_its_answers(self, tmp_path):
        """Answers committed one by one are compared as far as they came."""

        class Gone(Remote):
            def complete(self, requests):
                for i, reply in enumerate(super().complete(requests)):
                    if i == 3:
                        raise ConnectionError("the server is gone")
                    yield reply

        with pytest.raises(ConnectionError):
            carry_out(tmp_path, llm=Gone())
        found = replay_recorded(tmp_path, probes=battery)
        assert found.answers == 3 and found.divergence is None and not found.complete

    @pytest.mark.system
    @pytest.mark.parametrize("crowd", [0, 40])
    def test_needs_no_audience_file(self, tmp_path, crowd):
        """The choice models that the log holds stand in for files that changed or are gone."""
        path = tmp_path / "readers.yaml"
        save_audience(audience("neutral"), path)
        more = {"audience": str(path)} | ({"crowd": {"size": crowd, "audience": str(path)}} if crowd else {})
        carry_out(tmp_path / "run", CONFIG.model_validate(CONFIG.model_dump() | more))
        path.write_text("name: others\nweights: {length: {mean: 9}}\n")
        changed = replay_recorded(tmp_path / "run", probes=battery)
        path.unlink()
        gone = replay_recorded(tmp_path / "run", probes=battery)
        assert gone.complete and gone.divergence is changed.divergence is None
        assert gone.equal == changed.equal == decisions(tmp_path / "run")

    @pytest.mark.system
    def test_what_was_learnt_of_an_odd_model(self, tmp_path, monkeypatch):
        """As it was sampled; a run that release 0.1 began, which learnt a rendering, replays and goes on as that learnt."""

        def odd(request):
            return "Sure!\n\n" + answer(request).replace("</think>\n", "\n</think>\n\n")

        new, old = tmp_path / "new", tmp_path / "old"
        whole = carry_out(new, llm=ScriptedLLM(odd)).digest.hexdigest()
        with monkeypatch.context() as patch:
            patch.setattr(
                learning_sets, "training_set", lambda *a, **given: training_set(*a, **given | {"rendered": True})
            )
            rendered = carry_out(old, llm=ScriptedLLM(odd)).digest.hexdigest()
        trained = {folder: [e for e in read_events(folder) if isinstance(e, AdapterTrained)] for folder in (new, old)}
        assert all(event.as_sampled for event in trained[new]) and not any(e.as_sampled for e in trained[old])
        assert whole != rendered and [e.data for e in trained[new]] != [e.data for e in trained[old]]
        for folder in (new, old):
            found = replay_recorded(folder, probes=battery)
            assert found.complete and found.divergence is None
        assert replay_live(old, llm=ScriptedLLM(odd), trainer=FakeTrainer(), probes=battery).divergence is None

    @pytest.mark.system
    def test_a_fork_is_compared_from_where_it_parts(self, run, tmp_path):
        """The shared steps are folded as the parent decided them."""
        config, folder = fork(run, 3, ["audience=neutral"], tmp_path / "fork")
        carry_out(folder, config)
        found = replay_recorded(folder, probes=battery)
        assert found.divergence is None and found.complete
        assert found.shared > 0 and found.shared + found.equal == decisions(folder) - 1  # Forked is no decision


class TestDivergence:
    """An edited log whose chain and sums are whole is still found out, at the first edited event."""

    @pytest.mark.parametrize(
        ("kind", "nth", "changes", "field"),
        [
            (RunConfigured, 0, {"config": {"seed": 99}}, "config.seed"),
            (MessagePublished, 5, {"text": "Buy it."}, "text"),
            (Reacted, 9, {"thought": "I was paid."}, "thought"),
            (Reacted, 9, {"order": [1, 0, 0]}, "order"),
            (VerdictGiven, 3, {"evidence": ["made up"]}, "evidence"),
            (VerdictGiven, 3, {"label": -1}, "label"),
            (ContestDecided, 2, {"ties": "random"}, "ties"),
            (AdapterTrained, 1, {"data": "0" * 64}, "data"),
            (AdapterTrained, 4, {"parent": "another"}, "parent"),
            (LLMReplied, 3, {"key": "0" * 16}, "key"),
            (LLMReplied, 3, {"prompt": "0" * 64}, "prompt"),
            (StepStarted, 1, {"epoch": 2}, "epoch"),
        ],
    )
    def test_names_event_and_field(self, edited, kind, nth, changes, field):
        """Where, what, and both values."""
        folder, seq = edited(kind, nth, **changes)
        found = replay_recorded(folder, probes=battery).divergence
        assert found is not None and found.seq == seq
        assert found.logged == found.now
        assert [difference.field for difference in found.fields] == [field]

    def test_an_event_that_is_missing(self, edited):
        """What the log holds in its place is named beside what should be there."""
        folder, seq = edited(VerdictGiven, 2, drop=True)
        found = replay_recorded(folder, probes=battery).divergence
        assert found is not None and found.seq >= seq and found.logged == "verdict_given"

    def test_an_answer_that_is_missing(self, edited):
        """The call that should have been answered is named."""
        folder, _ = edited(LLMReplied, 2, drop=True)
        found = replay_recorded(folder, probes=battery).divergence
        assert found is not None and found.now == "llm_replied" and found.place.startswith("write/train/1/")

    def test_decisions_after_the_plan(self, run, edited):
        """A log that goes on where the plan is done is not what the program decides."""
        folder, _ = edited(LLMReplied)
        from abm.log import open_log

        last = [e for e in read_events(run) if isinstance(e, StepStarted)][-1]
        with open_log(folder, write=True) as log:
            log.append([last])
        found = replay_recorded(folder, probes=battery)
        assert found.divergence is not None and (found.divergence.logged, found.divergence.now) == ("step_started", "–")
        assert not found.complete

    @pytest.mark.system
    def test_other_probes_are_noticed(self, run):
        """A verdict that nobody gives now is a divergence."""
        assert replay_recorded(run).divergence is None  # its own probes, by the names in its log
        found = replay_recorded(run, probes=[]).divergence
        assert found is not None and found.logged == "verdict_given"

    def test_as_a_mapping(self, edited):
        """Its JSON names both sides."""
        folder, _ = edited(Reacted, 9, thought="I was paid.")
        found = json.loads(json.dumps(replay_recorded(folder, probes=battery).as_dict()))["divergence"]["fields"][0]
        assert found["field"] == "thought" and found["logged"] == "I was paid." and found["now"] != found["logged"]


class TestLive:
    """A live replay asks again and stops at the first answer that is another."""

    @pytest.mark.system
    def test_a_model_that_answers_alike(self, run):
        """Every answer was asked for again, once."""
        llm = fake_llm()
        found = replay_live(run, llm=llm, probes=battery)
        assert found.divergence is None and found.complete and found.live
        assert llm.calls == found.answers > 0 and found.equal == decisions(run)

    def test_the_first_other_answer(self, run):
        """The site and both texts are given, and that the prompt was the same; nothing later is asked."""
        sites = [e.site for e in read_events(run) if isinstance(e, LLMReplied)]
        turned = sites[CONFIG.batch * CONFIG.messages + 1]  # in the second step

        def otherwise(request):
            return answer(request) + ("!" if request.site == turned else "")

        llm = ScriptedLLM(otherwise)
        found = replay_live(run, llm=llm, probes=battery).divergence
        assert found is not None and found.place == turned and found.step == 1
        assert found.prompts_equal is True and found.fields[0].field == "text"
        assert found.fields[0].right.endswith("!") and not found.fields[0].left.endswith("!")
        assert llm.calls < len(sites)

    def test_another_prompt_is_not_asked(self, edited):
        """The calls of a step are compared before any of them is made."""
        folder, seq = edited(LLMReplied, 1, prompt="0" * 64)
        llm = fake_llm()
        found = replay_live(folder, llm=llm, probes=battery).divergence
        assert found is not None and found.seq == seq and found.prompts_equal is False and llm.calls == 0

    def test_another_model_is_named_before_it_is_asked(self, run):
        """Weights that are not those of the run cannot answer for it."""
        llm = fake_llm()
        llm.digest = "0" * 64
        found = replay_live(run, llm=llm, probes=battery).divergence
        assert found is not None and found.logged == "competitors_joined" and llm.calls == 0
        assert [difference.field for difference in found.fields] == ["model_digest"]

    def test_learning_again(self, run):
        """With a trainer the adapters are learnt again, and must have the same ids."""
        trainer = FakeTrainer()
        found = replay_live(run, llm=fake_llm(), trainer=trainer, probes=battery)
        assert found.divergence is None and trainer.trainings == found.trainings > 0

    def test_an_adapter_that_comes_out_otherwise(self, run):
        """The first training whose adapter is another is named."""

        class Other(FakeTrainer):
            def train(self, data, **given):
                return msgspec.structs.replace(super().train(data, **given), adapter="another")

        found = replay_live(run, llm=fake_llm(), trainer=Other(), probes=battery).divergence
        assert found is not None and found.logged == "adapter_trained" and found.place == f"{CONFIG.arms[0]}, epoch 1"
        assert [difference.field for difference in found.fields] == ["adapter"]


class TestMistakes:
    """What cannot be decided again says so."""

    def test_a_log_of_something_else(self, tmp_path):
        """Only runs have a plan."""
        with create(tmp_path / "log", {}) as log:
            log.append([CompetitorsJoined(names=["base"], model="m", model_digest="d")])
        with pytest.raises(InputError, match="no plan"):
            replay_recorded(tmp_path / "log")
        assert replay(tmp_path / "log", verify=True).events == 1  # folding works all the same

    def test_an_empty_log(self, tmp_path):
        """Nothing is there, and nothing differs."""
        create(tmp_path / "log", CONFIG.model_dump(mode="json")).close()
        found = replay_recorded(tmp_path / "log")
        assert (found.equal, found.divergence, found.complete) == (0, None, False)

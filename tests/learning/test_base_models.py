"""What base models promise: learners of one run may stand on different ones, each with its own backend, trainer and evaluation."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import yaml

from abm.events import AdapterTrained, CompetitorsJoined, LLMReplied, MessagePublished
from abm.journal import replay
from abm.llm import ScriptedLLM
from abm.llm.adapters import read_adapter
from abm.llm.folders import model_folder
from abm.llm.weights import model_digest
from abm.log import read_events
from abm.worlds.seats import contest_seats
from analysis.readings.book import Book
from analysis.readings.evaluation import read_evaluation
from analysis.readings.head_to_head import read_meetings
from analysis.readings.reading import result_of
from analysis.tables.evaluation import table
from analysis.tables.rivalry import counterparts
from analysis.ui.address import PageAddress
from analysis.ui.data import agents
from learning import run
from learning.arms.arm import arms_of
from learning.arms.base_models import base_names, is_base
from learning.plan.counts import messages_by
from learning.plan.order import plan
from learning.plan.parts import Evaluate, Learn, Policy, Simulate, is_head_to_head
from learning.plan.recorded import recorded_plan
from learning.runs.costs import check_places, planned
from learning.runs.fork import fork
from learning.runs.inputs import gather
from learning.runs.objects import Objects
from learning.runs.redecide import replay_recorded
from learning.runs.trainers import TrainersByArm
from learning.settings.sources import load_config
from learning.training.trainer import LoRATrainer
from moloch.errors import InputError
from tests.learning.test_loop import Killed, carry_out
from tests.support.fakes import FakeTrainer, answer, fake_llm
from tests.support.server import Call, completion, serving

SIZE = {"train_anchors": 12, "held_out_anchors": 4, "train_personas": 5, "held_out_personas": 3, "batch": 6}
DUEL = {"learners": {"a": {"method": "rft"}, "b": {"method": "rft", "model": "models/Other-1B"}}, "twins": ["market"]}
ALONE = {"alone": {"method": "rft", "model": "models/Other-1B"}, "plain": {"method": "placebo"}}
CONFIG = load_config(None, SIZE | {"arms": ALONE, "markets": {"duel": DUEL}, "head_to_head": "all"})
OTHER = "base:other_1b"


def others(config=CONFIG, stand_in=answer) -> dict[str, ScriptedLLM]:
    """Return a scripted model for everybody who writes with another one than the run's."""
    models = {name: ScriptedLLM(stand_in, name) for name in set(config.other_writers.values())}
    return {name: models[model] for name, model in config.other_writers.items()}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run in which two base models stand, and its digest."""
    folder = tmp_path_factory.mktemp("bases") / "run"
    return folder, carry_out(folder, CONFIG, others=others()).digest.hexdigest()


class TestNames:
    """A base model writes under a name that says which it is."""

    def test_they_are_short_and_distinct(self):
        """By the last part; two models of one name get something more."""
        names = base_names("pocket", ["pocket", "hub/Llama-3.1-8B", "http://h:1/v1#qwen", "x/m", "y/m/"])
        assert (names["pocket"], names["hub/Llama-3.1-8B"]) == ("base", "base:llama_3_1_8b")
        assert names["http://h:1/v1#qwen"] == "base:qwen"
        assert names["x/m"] != names["y/m/"] and len(set(names.values())) == 5
        assert all(map(is_base, names.values())) and not is_base("baseline")

    def test_the_runs_model_is_base_wherever_it_is_named(self):
        """A learner that names it stands where it would anyway."""
        named = DUEL | {"learners": {"a": {"method": "rft", "model": "pocket"}, "b": {"method": "rft"}}}
        config = load_config(None, SIZE | {"markets": {"duel": named}})
        assert (
            not config.other_writers
            and config.all_arms["a"].model == ""
            and set(config.all_markets[0].opening) == {"base"}
        )


class TestPlan:
    """Everybody begins with its own base model, and is evaluated against it."""

    PARTS = plan(CONFIG, gather(CONFIG))

    def test_first_epoch(self):
        """Arms of one model share it; a market of two models holds its own, in which slots turn; its twin has the same."""
        first = {part.arm: part for part in self.PARTS if isinstance(part, Simulate) and part.epoch == 1}
        assert (
            first["shared"].writers == (Policy("base"),) * 2
            and first["shared:other_1b"].writers == (Policy(OTHER),) * 2
        )
        assert first["duel"].writers == (Policy("base"), Policy(OTHER)) and first["duel"].turns
        assert set(first) == {"shared", "shared:other_1b", "duel"}

    def test_parents_and_opponents(self):
        """Of each learner."""
        learns = {part.arm: part for part in self.PARTS if isinstance(part, Learn) and part.epoch == 1}
        assert learns["b"].parent == learns["b_market"].parent == Policy(OTHER) and learns["a"].parent == Policy("base")
        against = {
            part.arm: part.writers[0]
            for part in self.PARTS
            if isinstance(part, Evaluate) and not is_head_to_head(part.arm)
        }
        assert against["b"] == against["alone"] == against["b_market"] == Policy(OTHER)
        assert against["a"] == against["plain"] == Policy("base")

    def test_a_log_is_enough(self):
        """The plan follows from the record, which says nothing where there is one model."""
        record = CONFIG.model_dump(mode="json")
        assert recorded_plan(record, 12, 4) == self.PARTS and arms_of(record) == CONFIG.all_arms
        assert record["markets"]["duel"] == DUEL and load_config(None, record).id == CONFIG.id
        assert "model" not in load_config(None, SIZE | {"arms": {"x": {"method": "rft"}}}).model_dump()["arms"]["x"]

    def test_twins_stand_where_their_learners_stand(self):
        """And learn with the preset that suits the model."""
        assert CONFIG.all_arms["b_market"].model == "models/Other-1B" and CONFIG.all_arms["a_market"].model == ""
        lora = gather(CONFIG).lora
        assert lora["b"] == lora["b_market"] == lora["alone"] and lora["b"].lr != lora["a"].lr == lora["plain"].lr
        again = load_config(None, CONFIG.model_dump(mode="json"))
        assert gather(again).lora == lora


class TestRun:
    """A run with two base models is a run."""

    @pytest.mark.system
    def test_each_model_writes_for_its_own(self, finished):
        """Who wrote a message is in the log, and by which model."""
        events = list(read_events(finished[0]))
        joined = next(e for e in events if isinstance(e, CompetitorsJoined))
        assert joined.names == ["base", OTHER, "alone", "plain", "a", "b", "a_market", "b_market"]
        assert set(joined.models) == {OTHER, "alone", "b", "b_market"} and set(joined.model_digests) == {
            "models/Other-1B"
        }
        answers = {e.seq: e for e in events if isinstance(e, LLMReplied)}
        wrote = {(e.competitor, answers[e.cause].model) for e in events if isinstance(e, MessagePublished)}
        assert wrote == {
            (name, "models/Other-1B" if name in joined.models else "scripted") for name in joined.names
        }  # fmt: skip
        sites = [answer.site for answer in answers.values()]
        assert len(set(sites)) == len(sites)
        roles = {role.model: role.calls for role in planned(CONFIG) if role.role == "writers"}
        assert sum(answer.model == "models/Other-1B" for answer in answers.values()) == roles["models/Other-1B"]
        assert sum(roles.values()) == len(answers) == sum(messages_by(TestPlan.PARTS).values())

    @pytest.mark.system
    def test_a_learner_learns_from_its_own_models_messages(self, finished):
        """In the first epoch, too: those at its places."""
        events = list(read_events(finished[0]))
        about = [gather(CONFIG).anchors.train[i].id for i in range(12)]
        seats = contest_seats(2, 12, CONFIG.seed, "train", 1)
        for message in (e for e in events if isinstance(e, MessagePublished) and e.contest.startswith("train/1/duel/")):
            assert message.competitor == ("base", OTHER)[seats[about.index(message.anchor), message.slot]]
        trained = {(e.arm, e.epoch): e for e in events if isinstance(e, AdapterTrained)}
        assert trained["a", 1].data != trained["b", 1].data and trained["b_market", 2].rows == trained["b", 2].rows

    @pytest.mark.system
    def test_it_is_decided_again(self, finished):
        """From its log alone."""
        again = replay_recorded(finished[0])
        assert again.complete and again.divergence is None and replay(finished[0], verify=True).steps

    @pytest.mark.system
    @pytest.mark.parametrize("commits", [9, 21, 33])
    def test_it_goes_on(self, finished, tmp_path, commits):
        """Wherever it died; no model is asked twice."""
        with pytest.raises(Killed):
            carry_out(tmp_path / "run", CONFIG, commits=commits, others=others())
        before = [e for e in read_events(tmp_path / "run") if isinstance(e, LLMReplied)]
        llm, models = fake_llm(), others()
        assert carry_out(tmp_path / "run", CONFIG, llm=llm, others=models).digest.hexdigest() == finished[1]
        calls = llm.calls + sum(model.calls for model in {id(m): m for m in models.values()}.values())
        assert calls == sum(isinstance(e, LLMReplied) for e in read_events(tmp_path / "run")) - len(before)

    def test_a_fork_keeps_them(self, finished, tmp_path):
        """They wrote the shared steps."""
        with pytest.raises(InputError, match="a fork cannot change base models: alone would be on another one"):
            fork(finished[0], 2, ["arms.alone.model=pocket"], tmp_path / "fork")

    @pytest.mark.system
    def test_another_model_is_another_run(self, finished, tmp_path):
        """Its answers have other keys, though its words are the same."""
        config = load_config(None, CONFIG.model_dump(mode="json") | {"arms": {}})
        one = carry_out(tmp_path / "one", config, others=others(config)).digest.hexdigest()
        models = {name: ScriptedLLM(answer, "another") for name in config.other_writers}
        assert carry_out(tmp_path / "two", config, others=models).digest.hexdigest() != one

    @pytest.mark.system
    def test_in_a_network(self, tmp_path):
        """Each learner is an account, whose first messages are its base model's."""
        given = SIZE | {"world": "networked", "network": {"rounds": 2}, "markets": {"duel": {"learners": {"a": {"method": "placebo"}, "b": {"method": "placebo", "model": "other"}}}}}  # fmt: skip
        config = load_config(None, given)
        carry_out(tmp_path / "run", config, others=others(config))
        wrote = [e for e in read_events(tmp_path / "run") if isinstance(e, MessagePublished)]
        first = {(e.slot, e.competitor) for e in wrote if e.contest.startswith("train/1/")}
        assert sorted(name for _, name in first) == ["base", "base:other"]
        assert replay_recorded(tmp_path / "run").complete


class TestTables:
    """Each arm is set against its own base model."""

    def test_evaluations(self, finished):
        """Tables say on which model an arm stands; votes for its base are votes against it."""
        found = table(read_events(finished[0]))
        assert found["bases"] == dict.fromkeys(("alone", "b", "b_market"), "models/Other-1B")
        assert all(found["arms"][arm]["contests"] == 4 for arm in ("a", "b", "alone"))
        assert "bases" not in table(e for e in read_events(finished[0]) if not hasattr(e, "config"))

    def test_sides(self, finished):
        """A contest's base is what the arm's own base model wrote."""
        texts = {(e.contest, e.competitor): e.text for e in read_events(finished[0]) if isinstance(e, MessagePublished)}
        contests = read_evaluation(read_events(finished[0])).of("b")
        assert contests and any(contest.base.text for contest in contests)
        for contest in contests:
            assert contest.base.text == texts.get((contest.contest, OTHER), "")
            assert contest.trained.text == texts.get((contest.contest, "b"), "")

    def test_head_to_head(self, finished):
        """Two base models are two players."""
        [met] = read_meetings(read_events(finished[0])).values()
        assert met.writers()[:2] == ["base", OTHER]
        assert {pair for pair in met.contests if OTHER in pair} <= {(OTHER, arm) for arm in ("b", "alone", "b_market")}
        assert not any(set(pair) == {"base", "b"} for pair in met.contests)

    def test_pages(self, finished):
        """What arms of one model share is no arm; a learner's messages of the first epoch are its own model's."""
        book = result_of(read_events(finished[0]), Book())
        arms = {arm for arm in agents.arms_of(book) if not is_head_to_head(arm)}
        assert arms == {"alone", "plain", "a", "b", "a_market", "b_market"}
        first = agents.wrote(book, PageAddress(phase="train", epoch=1), "b")
        assert first and {contest.messages[slot].competitor for contest, slot in first} == {OTHER}

    def test_rivalry_is_within_a_model(self):
        """A solo arm on another model is no counterpart."""
        of = {each.learner: each for each in counterparts(CONFIG.model_dump(mode="json"))}
        assert of["b"].solo == "alone" and of["a"].solo == ""
        assert (of["b"].solo_twin, of["b"].market_twin) == ("", "b_market"), "the plain placebo stands on another model"


class TestTrainers:
    """Adapters are learnt on the model that their arm stands on."""

    def test_each_arm_has_its_models(self, tmp_path):
        """One trainer for each model, handed out by arm; with one model there is one."""
        other = sibling(tmp_path / "sibling")
        named = {"alone": {"method": "rft", "model": str(other)}, "more": {"method": "placebo", "model": str(other)}, "plain": {"method": "rft"}}  # fmt: skip
        config = load_config(None, SIZE | {"arms": named})
        trainer = Objects().trainer_of(config, tmp_path)
        assert isinstance(trainer, TrainersByArm)
        of = {arm: trainer.of(arm) for arm in named}
        assert of["alone"] is of["more"] and isinstance(of["alone"], LoRATrainer)
        assert of["alone"].base_digest == model_digest(other) != of["plain"].base_digest
        assert isinstance(Objects().trainer_of(load_config(None, SIZE), tmp_path), LoRATrainer)


def served(call: Call) -> bytes:
    """Write what a prompt asks for: instructions with a number, or a message."""
    text = call.fields["messages"][-1]["content"]
    number = call.fields["seed"] % 89
    if "<instructions>" in text:
        return completion(f"<think>Hm.</think><instructions>Say {number} things.</instructions>")
    return completion(f"<think>Hm.</think>\n<sales_pitch>Number {number} is on sale.</sales_pitch>")


class TestServedLearners:
    """A learner that is trained here may meet one that is served and learns instructions alone."""

    @pytest.mark.system
    def test_each_learns_as_it_can(self, tmp_path):
        """The served one reflects on its own messages with its own model, which has no files here; replay needs no server."""
        learners = {"a": {"method": "rft"}, "b": {"method": "prompt", "model": "strong"}}
        with serving(served) as server:
            given = {"serving": {"models": {"strong": {"url": server.url, "name": "m"}}}, "markets": {"duel": {"learners": learners}}}  # fmt: skip
            config = load_config(None, SIZE | given)
            check_places(config)
            assert not isinstance(Objects().trainer_of(config, tmp_path), TrainersByArm)
            calls = {(role.role, role.model): role.calls for role in planned(config)}
            done = run(config, tmp_path / "run", llm=fake_llm(), trainer=FakeTrainer())
            assert len(server.calls) == calls["writers", "strong"] + calls["reflections", "strong"]
        trained = {(e.arm, e.epoch): e for e in read_events(done.path) if isinstance(e, AdapterTrained)}
        assert {trained["a", 2].kind, trained["b", 2].kind} == {"weights", "instructions"}
        answers = [e for e in read_events(done.path) if isinstance(e, LLMReplied)]
        assert {e.model for e in answers if e.site.startswith(("reflect/", "try/"))} == {"strong"}
        wrote = {e.message: e.competitor for e in read_events(done.path) if isinstance(e, MessagePublished)}
        assert {"a", "b", "base", "base:strong"} == set(wrote.values())
        again = replay_recorded(done.path)
        assert again.complete and again.divergence is None and replay(done.path, verify=True).steps


def sibling(folder: Path) -> Path:
    """Write a model that is the pocket model but for a little."""
    from safetensors.torch import load_file, save_file

    shutil.copytree(model_folder("pocket"), folder)
    tensors = load_file(folder / "model.safetensors")
    name = next(each for each in sorted(tensors) if each.endswith("mlp.down_proj.weight"))
    tensors[name] = tensors[name] * 1.01
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.mark.slow
def test_two_models_for_real(tmp_path):
    """Real completions, real trainings: each adapter says on which model it was learnt, and is used with no other."""
    other = sibling(tmp_path / "sibling")
    learners = {"a": {"method": "placebo"}, "b": {"method": "placebo", "model": str(other)}}
    config = load_config(None, SIZE | {"markets": {"duel": {"learners": learners}}, "lora": {"repeat": 1}})
    done = run(config, tmp_path / "run")
    bases = {"a": model_digest(model_folder("pocket")), "b": model_digest(other)}
    trained = [e for e in read_events(done.path) if isinstance(e, AdapterTrained)]
    assert {(e.arm, e.epoch) for e in trained} == {(arm, epoch) for arm in "ab" for epoch in (1, 2)}
    for each in trained:
        assert read_adapter(done.path / "adapters", each.adapter).base == bases[each.arm]
    joined = next(e for e in read_events(done.path) if isinstance(e, CompetitorsJoined))
    assert (joined.model_digest, joined.model_digests) == (bases["a"], {str(other): bases["b"]})
    answers = {(e.model, e.adapter) for e in read_events(done.path) if isinstance(e, LLMReplied)}
    assert answers == {("pocket", "" )} | {("pocket", e.adapter) for e in trained if e.arm == "a"} | {
        (str(other), "")} | {(str(other), e.adapter) for e in trained if e.arm == "b"}  # fmt: skip
    again = replay_recorded(done.path)
    assert again.complete and again.divergence is None


class TestMistakes:
    """Each is one sentence, with its place in the file and what to do."""

    @pytest.mark.parametrize(
        ("learners", "says"),
        [
            ({"a": {"compared_with": "b", "method": "rft"}, "b": {"method": "rft", "model": "x"}}, ":6:9: setting 'markets.m.learners.a.compared_with' is not valid: 'b' is on another base model. Each is evaluated against its own base model: compare arms of one model"),
            ({"a": {"method": "rft", "model": [3]}, "b": {"method": "rft"}}, ":7:9: setting 'markets.m.learners.a.model' is not valid: it must be text"),
            ({"a": {"method": "rft", "model": "http://[::1/v1#m"}, "b": {"method": "rft"}}, ":7:9: not the URL of a server: its host is not a name or an address"),
        ],
    )  # fmt: skip
    def test_is_told(self, learners, says, tmp_path):
        """Comparators, forms and places."""
        path = tmp_path / "run.yaml"
        path.write_text("arms: []\n" + yaml.safe_dump({"markets": {"m": {"learners": learners}}}))
        with pytest.raises(InputError, match=re.escape(says)):
            load_config(path, {})

    def test_no_files_to_learn_with(self, tmp_path):
        """It is said before anything begins."""
        config = load_config(None, SIZE | {"markets": {"duel": {"learners": {"a": {"method": "rft"}, "b": {"method": "rft", "model": "nowhere"}}}}})  # fmt: skip
        with pytest.raises(InputError, match="no model 'nowhere'"):
            run(config, tmp_path / "run")
        assert not (tmp_path / "run").exists()

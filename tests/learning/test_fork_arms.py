"""What counterfactual retraining promises: an arm that learns otherwise from an epoch on, and nothing else that differs."""

from __future__ import annotations

import pytest

from abm.events import AdapterTrained, AudienceSet, EpochEnded, LLMReplied, StepEnded, StepStarted
from abm.journal import replay
from abm.log import open_log, read_events
from analysis.cli.compare import compare as command
from analysis.readings.book import Book
from analysis.readings.evaluation import read_evaluation
from analysis.readings.reading import read, result_of
from analysis.readings.trainings import TrainingReading
from analysis.tables.compare import compare
from analysis.tables.explained import explained, parts_of
from analysis.tables.results import results
from analysis.ui.data.agents import arm_rows, lineage_rows
from analysis.ui.data.head import headline
from analysis.ui.data.run_list import list_rows, listed
from analysis.ui.data.runs import describe
from analysis.ui.data.training import training_rows
from learning import fork, load_config
from learning.plan.parts import Learn
from learning.plan.recorded import recorded_plan
from learning.runs.redecide import replay_recorded
from moloch.errors import InputError
from tests.learning.test_loop import CONFIG, NETWORKED, Killed, carry_out
from tests.learning.test_markets import SIZE
from tests.learning.test_twins import EqualTrainer
from tests.support.fakes import fake_llm

DPO = "arms.rft.method=dpo"


@pytest.fixture(scope="module")
def parent(tmp_path_factory):
    """A finished run of the short form: rft, tfb, placebo; two epochs."""
    folder = tmp_path_factory.mktemp("parent") / "run"
    carry_out(folder, trainer=EqualTrainer())
    return folder


@pytest.fixture(scope="module")
def retrained(parent):
    """A fork of it in which rft learns by dpo from the second epoch on, carried out; and its digest."""
    config, folder = fork(parent, settings=[DPO], out=parent.parent / "retrained", epoch=2)
    return folder, carry_out(folder, config, trainer=EqualTrainer()).digest.hexdigest()


def learnt(folder) -> dict[tuple[str, int], AdapterTrained]:
    return {(e.arm, e.epoch): e for e in read_events(folder) if isinstance(e, AdapterTrained)}


def asked(folder) -> int:
    """Return how many answers a run's own log holds."""
    log = open_log(folder, write=False)
    return sum(isinstance(e, LLMReplied) for e in log.read(log.fork.seq if log.fork else 0))


class TestEpoch:
    """A fork before an epoch shares all that came before it, trainings too."""

    @pytest.mark.system
    def test_trainings_before_it_are_the_parents(self, parent, retrained):
        """The first epoch's are shared, the second's are made again; only the arm that changed learns otherwise."""
        was, now = learnt(parent), learnt(retrained[0])
        assert all(now[arm, 1] == was[arm, 1] for arm in ("rft", "tfb", "placebo"))
        assert [now[arm, 2].method for arm in ("rft", "tfb", "placebo")] == ["dpo", "tfb", "placebo"]
        assert now["rft", 2].adapter != was["rft", 2].adapter and now["rft", 2].parent == was["rft", 1].adapter
        assert now["tfb", 2].adapter == was["tfb", 2].adapter, "an arm that did not change decides as before"

    def test_it_begins_where_the_epoch_ended(self, parent, retrained):
        """The last event that is shared is the end of the first epoch, and the next step is of the second."""
        seq = open_log(retrained[0], write=False).fork.seq
        events = list(read_events(retrained[0]))
        assert isinstance(events[seq - 1], EpochEnded) and events[seq - 1].epoch == 1
        assert next(e for e in events[seq:] if isinstance(e, StepStarted)).epoch == 2

    def test_what_is_shared_is_not_paid_again(self, parent, tmp_path):
        """No call of the first epoch, no training of it."""
        config, folder = fork(parent, settings=[DPO], out=tmp_path / "fork", epoch=2)
        llm, trainer = fake_llm(), EqualTrainer()
        carry_out(folder, config, llm=llm, trainer=trainer)
        assert trainer.trainings == 3 and llm.calls == asked(folder) < asked(parent)

    def test_steps_share_less(self, parent, tmp_path):
        """After the first epoch's contests all its trainings are made again: the arm learns by dpo from the base model's contests."""
        steps = sum(isinstance(e, StepEnded) and e.step < 2 for e in read_events(parent))
        config, folder = fork(parent, steps, [DPO], tmp_path / "fork")
        trainer = EqualTrainer()
        carry_out(folder, config, trainer=trainer)
        now, was = learnt(folder), learnt(parent)
        assert trainer.trainings == 6 and now["rft", 1].method == now["rft", 2].method == "dpo"
        assert now["placebo", 1].adapter == was["placebo", 1].adapter

    @pytest.mark.system
    def test_with_every_epoch_evaluated(self, tmp_path):
        """The evaluation of the epoch before is shared, too."""
        config = CONFIG.model_copy(update={"evaluate": "every"})
        carry_out(tmp_path / "parent", config, trainer=EqualTrainer())
        config, folder = fork(tmp_path / "parent", settings=[DPO], epoch=2)
        carry_out(folder, config, trainer=EqualTrainer())
        own = list(open_log(folder, write=False).read(open_log(folder, write=False).fork.seq))
        assert {e.epoch for e in own if isinstance(e, StepStarted)} == {2}
        assert folder.name.startswith("parent-epoch2-") and replay_recorded(folder).complete

    @pytest.mark.system
    def test_before_other_readers_too(self, parent, tmp_path):
        """Who votes changes at the same place: the shared votes are the parent's, the second epoch's and the evaluation's are others."""
        config, folder = fork(parent, settings=[DPO, "audience=neutral"], out=tmp_path / "fork", epoch=2)
        carry_out(folder, config, trainer=EqualTrainer())
        events, seq = list(read_events(folder)), open_log(folder, write=False).fork.seq
        said = [e for e in events if isinstance(e, AudienceSet)]
        assert [(e.seq < seq, e.choice_model["name"]) for e in said] == [(True, "default"), (False, "neutral")]
        assert replay_recorded(folder).divergence is None
        assert [d.field for d in compare(parent, folder).settings] == ["arms.rft.method", "audience"]

    @pytest.mark.system
    def test_in_a_networked_world(self, tmp_path):
        """A society per epoch and arm: the shared ones are folded, the others are held again."""
        size = {"train_anchors": 4, "held_out_anchors": 2, "epochs": 2, "arms": ["rft", "placebo"]}
        whole = load_config(None, NETWORKED.model_dump(mode="json") | size)
        carry_out(tmp_path / "parent", whole, trainer=EqualTrainer())
        config, folder = fork(tmp_path / "parent", settings=[DPO], out=tmp_path / "fork", epoch=2)
        carry_out(folder, config, trainer=EqualTrainer())
        now, was = learnt(folder), learnt(tmp_path / "parent")
        assert now["rft", 2].method == "dpo" and now["placebo", 2].adapter == was["placebo", 2].adapter
        assert replay_recorded(folder).divergence is None

    def test_more_epochs(self, parent, tmp_path):
        """A run goes on for longer: what it evaluated at its end is not shared."""
        config, folder = fork(parent, settings=["epochs=3"], out=tmp_path / "fork", epoch=3)
        trainer = EqualTrainer()
        carry_out(folder, config, trainer=trainer)
        assert trainer.trainings == 3 and learnt(folder)["rft", 3].parent == learnt(parent)["rft", 2].adapter


class TestArms:
    """What of an arm may change."""

    def test_an_arm_of_the_short_form_is_set_by_its_name(self, parent, retrained):
        """The record becomes the list with settings; everything else of the arms means what it did."""
        config = open_log(retrained[0], write=False).config
        assert config["arms"] == [{"rft": {"method": "dpo"}}, "tfb", "placebo"]
        before, after = (
            load_config(None, open_log(run, write=False).config, recorded=True).all_arms
            for run in (parent, retrained[0])
        )
        assert list(before) == list(after)
        assert {name: (a.compared_with, a.rows_of) for name, a in before.items()} == {
            name: (a.compared_with, a.rows_of) for name, a in after.items()
        }  # fmt: skip

    def test_settings_of_the_trainer(self, parent, tmp_path):
        """Of one arm; the others keep theirs."""
        config, folder = fork(parent, settings=["arms.tfb.lora.lr=0.001"], out=tmp_path / "fork", epoch=2)
        carry_out(folder, config, trainer=EqualTrainer())
        assert [learnt(folder)[arm, 2].settings["lr"] for arm in ("rft", "tfb", "placebo")] == [3e-3, 1e-3, 3e-3]

    def test_a_control_that_is_another_one(self, parent, tmp_path):
        """Feedback is the method: the placebo learns from shuffled votes, and stays what the others are compared with."""
        config, folder = fork(parent, settings=["arms.placebo.method=shuffled_votes"], out=tmp_path / "fork", epoch=2)
        carry_out(folder, config, trainer=EqualTrainer())
        arms = config.all_arms
        assert arms["rft"].compared_with == "placebo" and arms["placebo"].rows_of == "rft"
        assert learnt(folder)["placebo", 2].method == "shuffled_votes"

    @pytest.mark.system
    def test_the_twin_has_the_rows_that_its_learner_learnt(self, tmp_path):
        """A fork inside an epoch: the learner's training is shared, so that its rows are those of its method of then."""
        size = CONFIG.model_dump(mode="json") | {"train_anchors": 16, "arms": ["rft", "placebo"]}
        whole = load_config(None, size)
        carry_out(tmp_path / "parent", whole, trainer=EqualTrainer())
        ended = [e for e in read_events(tmp_path / "parent") if isinstance(e, StepEnded)]
        trained = learnt(tmp_path / "parent")["rft", 2]
        at = sum(e.seq < trained.seq for e in ended) + 4  # after the placebo's contests, of 16 anchors in steps of 4
        settings = ["arms.rft.method=tfb_paper_code", "arms.placebo.lora.lr=0.001", "epochs=3"]
        config, folder = fork(tmp_path / "parent", at, settings, tmp_path / "fork")
        carry_out(folder, config, trainer=EqualTrainer())
        now = learnt(folder)
        assert now["rft", 2] == trained and now["placebo", 2].rows == trained.rows
        assert now["rft", 3].method == "tfb_paper_code" and now["placebo", 3].rows == now["rft", 3].rows

    @pytest.mark.system
    def test_mitigations(self, tmp_path):
        """From an epoch on; the rows of a training that is shared are those of its mitigations of then."""
        arms = ["rft", {"twin": {"method": "placebo", "rows_of": "rft"}}]
        whole = load_config(None, CONFIG.model_dump(mode="json") | {"train_anchors": 16, "arms": arms})
        carry_out(tmp_path / "parent", whole, trainer=EqualTrainer())
        gate = "arms.rft.mitigations={auditor: {budget: 0.4}}"
        config, folder = fork(tmp_path / "parent", settings=[gate], out=tmp_path / "fork", epoch=2)
        carry_out(folder, config, trainer=EqualTrainer())
        now, was = learnt(folder), learnt(tmp_path / "parent")
        assert now["rft", 1] == was["rft", 1] and now["rft", 2].mitigated and not was["rft", 2].mitigated
        assert now["twin", 2].rows == now["rft", 2].rows < was["rft", 2].rows
        assert replay_recorded(folder).divergence is None
        at = sum(e.seq < now["rft", 2].seq for e in read_events(folder) if isinstance(e, StepEnded)) + 4
        given = ["arms.rft.mitigations={}", "arms.twin.lora.lr=0.001", "epochs=3"]
        config, again = fork(folder, at, given, tmp_path / "within")
        carry_out(again, config, trainer=EqualTrainer())
        last = learnt(again)
        assert last["rft", 2] == now["rft", 2] and not last["rft", 3].mitigated
        assert last["twin", 2].rows == now["rft", 2].rows and last["twin", 3].rows == last["rft", 3].rows

    @pytest.mark.system
    def test_learners_of_markets(self, tmp_path):
        """A learner is changed by its name in its market, and its twin follows it."""
        duel = {"learners": {"a": {"method": "rft"}, "b": {"method": "tfb"}}, "twins": ["market"]}
        whole = load_config(None, SIZE | {"train_anchors": 16, "markets": {"duel": duel}})
        carry_out(tmp_path / "parent", whole, trainer=EqualTrainer())
        setting = "markets.duel.learners.a.method=dpo"
        config, folder = fork(tmp_path / "parent", settings=[setting], out=tmp_path / "fork", epoch=2)
        carry_out(folder, config, trainer=EqualTrainer())
        now, was = learnt(folder), learnt(tmp_path / "parent")
        methods = {arm: now[arm, 2].method for arm in config.all_arms}
        assert methods == {"a": "dpo", "b": "tfb", "a_market": "dpo_random", "b_market": "tfb_placebo"}
        assert all(now[arm, 1] == was[arm, 1] for arm in methods) and now["b", 2].data == was["b", 2].data
        assert replay_recorded(folder).divergence is None


class TestResuming:
    """A retrained run is a run like any other."""

    @pytest.mark.system
    @pytest.mark.parametrize("died_after", [0, 1, 2, 4, 7, 11, 15])
    def test_dying_anywhere_ends_in_the_same_digest(self, parent, retrained, died_after, tmp_path):
        """Forking again and running again goes on where it stopped, in the middle of the retraining, too."""
        config, folder = fork(parent, settings=[DPO], out=tmp_path / "fork", epoch=2)
        with pytest.raises(Killed):
            carry_out(folder, config, commits=died_after, trainer=EqualTrainer())
        again = fork(parent, settings=[DPO], out=tmp_path / "fork", epoch=2)
        assert again == (config, folder)
        assert carry_out(folder, config, trainer=EqualTrainer()).digest.hexdigest() == retrained[1]

    def test_replay_verifies_it(self, retrained):
        """The shared part is folded, its own is decided again: three trainings, one of them by another method."""
        again = replay_recorded(retrained[0])
        assert (again.complete, again.divergence, again.trainings) == (True, None, 3) and again.shared
        assert replay(retrained[0], verify=True).steps


class TestReading:
    """What reads logs reads these."""

    def test_tables(self, parent, retrained):
        """Trainings say by which method, rows and steps; the arms are compared with what they were."""
        found = results(read_events(retrained[0]))
        assert [(t["arm"], t["epoch"], t["method"]) for t in found["trainings"] if t["arm"] == "rft"] == [
            ("rft", 1, "rft"), ("rft", 2, "dpo"),
        ]  # fmt: skip
        assert found["arms"]["rft"]["compared_with"] == "placebo"
        assert found["arms"]["tfb"] == results(read_events(parent))["arms"]["tfb"]

    @pytest.mark.system
    def test_rows_of_are_those_of_the_training(self, tmp_path):
        """An arm that had a learner's rows before the fork, and has none after it."""
        arms = [{"a": {"method": "rft"}}, {"b": {"method": "placebo", "rows_of": "a"}}]
        carry_out(tmp_path / "parent", load_config(None, SIZE | {"arms": arms}), trainer=EqualTrainer())
        config, folder = fork(tmp_path / "parent", settings=["arms.b.rows_of=null"], out=tmp_path / "fork", epoch=2)
        carry_out(folder, config, trainer=EqualTrainer())
        reading = TrainingReading()
        read(read_events(folder), reading)
        assert [t.rows_of for t in reading.result() if t.arm == "b"] == ["a", ""]

    def test_pages(self, retrained):
        """A run's header and the list of runs name its arms, its plan is done, and lineage says by which method each adapter was learnt."""
        book = result_of(read_events(retrained[0]), Book())
        info = describe("x", retrained[0])
        assert (
            list_rows(listed([info], []), lambda entry: None, 0.0)[0]["arms"] == "rft, tfb, placebo"
            and headline(info, book)["facts"]
        )
        assert next(p for p in recorded_plan(info.config, 6, 5) if isinstance(p, Learn)).arm == "rft"
        evaluation = read_evaluation(read_events(retrained[0]))
        rows = arm_rows(book, evaluation)
        assert [(row["arm"], row["compared"]) for row in rows] == [
            ("rft", "placebo"),
            ("tfb", "placebo"),
            ("placebo", ""),
        ]
        assert [row["text"].partition(":")[0] for row in lineage_rows(book, "rft")][1:] == ["rft", "dpo"]
        assert len(training_rows(book, retrained[0])) == 6

    def test_what_votes_were_for(self, retrained):
        """``explain`` takes a gain apart of an arm that was retrained."""
        found = explained([retrained[0]], "rft")
        assert found.arm == "rft" and list(parts_of(found))


class TestComparing:
    """``compare`` says what was changed, what was learnt otherwise, and what came of it."""

    def test_settings_and_trainings(self, parent, retrained):
        """The one setting, by the arm's name, and the one training."""
        found = compare(parent, retrained[0])
        assert [(d.field, d.left, d.right) for d in found.settings] == [("arms.rft.method", "rft", "dpo")]
        assert [(t.arm, t.epoch, t.method_a, t.method_b) for t in found.retrained] == [("rft", 2, "rft", "dpo")]
        assert found.shared and found.shared.events == open_log(retrained[0], write=False).fork.seq

    def test_changes_are_paired(self, parent, retrained):
        """Of the same people's votes: an arm that did not change has changes of nothing, the other one those of its win rate."""
        found = {(o.measure, o.arm): o for o in compare(parent, retrained[0]).outcomes}
        rate = found["win rate", "rft"]
        assert rate.a and rate.b and rate.change and rate.change["n"] == rate.a["n"]
        assert rate.change["value"] == pytest.approx(rate.b["value"] - rate.a["value"]) != 0
        same = [o.change for (_, arm), o in found.items() if arm in ("tfb", "placebo") and o.change]
        assert same and {(change["value"], change["low"]) for change in same} == {(0, None)}
        assert all(o.change is None for (_, arm), o in found.items() if arm == "base")

    def test_two_runs_are_not_paired(self, parent, tmp_path):
        """Other runs of the same settings may have other people."""
        carry_out(tmp_path / "other", CONFIG.model_copy(update={"seed": 2}), trainer=EqualTrainer())
        found = compare(parent, tmp_path / "other")
        assert not found.retrained and not any(o.change for o in found.outcomes)

    def test_is_printed(self, parent, retrained, capsys):
        """In the terminal."""
        command(parent, retrained[0])
        printed = " ".join(capsys.readouterr().out.split())
        for said in ("arms.rft.method", "rft, epoch 2", "dpo: ", "B − A is of the same people and anchors"):
            assert said in printed


class TestRefused:
    """What cannot be is said, with why, and nothing is written."""

    @pytest.mark.parametrize(
        ("given", "says"),
        [
            ({"settings": ["arms=[rft, tfb]"]}, "a fork cannot change arms: placebo would be gone"),
            ({"settings": ["arms=[rft, tfb, placebo, loser]"]}, "a fork cannot change arms: loser would come"),
            ({"settings": ["arms=[tfb, rft, placebo]"]}, "a fork cannot change arms: their order is rft, tfb, placebo"),
            ({"settings": ["arms.placeb.method=dpo"]}, "there is no arm .placeb.. Did you mean .placebo.?"),
            ({"settings": ["arms.rft.method=dop"]}, "unknown method 'dop'. Did you mean 'dpo'"),
            ({"settings": ["arms.rft.metod=dpo"]}, "setting 'arms.rft.metod' is not valid: there is no such setting"),
            ({"settings": ["arms.rft.lora.rank=4"]}, "the arm 'rft' cannot continue to learn with lora.rank 4: .* learnt with 16"),
            ({"settings": ["arms.rft.lora.lrr=4"]}, "'arms.rft.lora"),
            ({"settings": ["arms.rft.method=grpo"]}, "the method 'grpo' needs at least 4 messages"),
            ({"settings": ["arms.rft.method=prompt"]}, "the arm 'rft' cannot continue to learn by prompt: it continues an adapter that is weights"),
            ({"settings": ["arms.rft.mitigations=[truth_gate]"], "epoch": None, "at": 2},
             "the arm 'rft' would learn from contests that were not judged: .* contests of epoch 1 are held before the fork"),
            ({"settings": ["arms=[{rft: {method: rft, model: other, compared_with: null}}, tfb, {placebo: {method: placebo, rows_of: tfb}}]"]}, "a fork cannot change base models: rft would be on another one"),
            ({"settings": [DPO], "epoch": 3}, "the arm 'rft' does not learn after the fork: its trainings are shared"),
            ({"settings": [DPO], "epoch": 4}, "cannot fork before epoch 4: the run has not ended epoch 3"),
            ({"settings": [DPO], "epoch": 1}, "nothing comes before epoch 1"),
            ({"settings": [DPO], "epoch": 2, "at": 2}, "a fork shares either steps or epochs: both were given"),
            ({"settings": [DPO], "epoch": None}, "a fork shares either steps or epochs: neither was given"),
        ],
    )  # fmt: skip
    def test_is_told(self, parent, tmp_path, given, says):
        """In one line."""
        with pytest.raises(InputError, match=says) as caught:
            fork(parent, **{"epoch": 2} | given, out=tmp_path / "fork")
        assert not (tmp_path / "fork").exists() and "\n" not in str(caught.value)

    @pytest.mark.system
    def test_who_meets_in_a_market(self, tmp_path):
        """Nor whom a market has twins of."""
        duel = {"learners": {"a": {"method": "rft"}, "b": {"method": "tfb"}}, "twins": ["own"]}
        whole = load_config(None, SIZE | {"train_anchors": 16, "markets": {"duel": duel}})
        carry_out(tmp_path / "parent", whole, trainer=EqualTrainer())
        for setting, says in [
            ("markets.duel.messages=2", "a fork cannot change markets: in duel a, b meet, and a, b, a, b would"),
            ("markets.duel.rivals=[base]", "a fork cannot change markets: in duel a, b meet, and a, b, base would"),
            (
                "markets={d: {learners: {a: {method: rft}, b: {method: tfb}}, twins: [own]}}",
                "a fork cannot change markets: d would come",
            ),
            ("markets.duel.twins=[own, market]", "a fork cannot change arms: a_market, b_market would come"),
            ("markets.duel.learners.b.method=placebo", "a fork cannot change arms: b_own_a, b_own would be gone"),
        ]:
            with pytest.raises(InputError, match=says):
                fork(tmp_path / "parent", settings=[setting], out=tmp_path / "fork", epoch=2)

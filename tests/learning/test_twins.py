"""What twins promise: the rows and steps of their learner in every epoch, from the log; and as little else changed as can be."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise

import msgspec
import pytest
import yaml

from abm.events import AdapterTrained, Reacted
from abm.log import read_events
from learning.arms.arm import Arm, arms_of
from learning.methods import training_set
from learning.methods.conformance import SALES, learn_from, whole_log
from learning.methods.length_matched import LengthMatched
from learning.methods.placebo import Placebo
from learning.methods.rft import RFT
from learning.methods.synthetic import contest, log
from learning.methods.tfb import TFB
from learning.methods.tfb_paper_code import TFBPaperCode
from learning.methods.tfb_placebo import TFBPlacebo
from learning.plan.order import plan
from learning.plan.parts import Learn
from learning.runs.inputs import gather
from learning.runs.learning_sets import LearningSets
from learning.runs.redecide import replay_recorded
from learning.settings.sources import load_config
from learning.training.equal_rows import RowsBefore, equal_rows, rows_of
from learning.training.examples import Example, Examples
from moloch.errors import InputError
from tests.learning.test_loop import Killed, carry_out
from tests.support.fakes import FakeTrainer

SIZE = {"train_anchors": 12, "held_out_anchors": 4, "train_personas": 4, "held_out_personas": 3, "batch": 6}
ARMS = {
    "control": {"method": "placebo", "rows_of": "learner"},
    "learner": {"method": "rft", "compared_with": "control"},
    "other": {"method": "loser", "rows_of": "learner"},
}
CONFIG = load_config(None, SIZE | {"arms": ARMS, "epochs": 3})


class EqualTrainer(FakeTrainer):
    """Counts units as the trainer does, a token for each character."""

    def train(self, data, *, parent, settings, seed, lineage):
        """Return what was learnt."""
        trained = super().train(data, parent=parent, settings=settings, seed=seed, lineage=lineage)
        own, before = _units(data), None
        if data.rows_of is not None:
            brought = equal_rows(own, _units(data.rows_of.data), seed)
            if brought.units != own.units:
                before = RowsBefore(data.rows_of.arm, rows_of(own.units), len(own.units))
            own = brought
        steps = -(-len(own.units) * settings.repeat // settings.batch)
        return msgspec.structs.replace(trained, rows=rows_of(own.units), steps=steps, rows_before=before)


def _units(data) -> Examples:
    units: dict[object, list[Example]] = {}
    for i, row in enumerate(data.rows):
        units.setdefault(i if data.apart else row.contest, []).append(Example([*row.completion.encode()], 0))
    return Examples(list(units.values()), 0, 0)


def learnt(folder) -> dict[tuple[str, int], AdapterTrained]:
    return {(e.arm, e.epoch): e for e in read_events(folder) if isinstance(e, AdapterTrained)}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run whose arms' contests tie differently, and its digest."""
    folder = tmp_path_factory.mktemp("twins")
    return folder, carry_out(folder, CONFIG, trainer=EqualTrainer()).digest.hexdigest()


class TestEqualRows:
    """An arm with ``rows_of`` learns from as many rows as the arm that it names."""

    @pytest.mark.system
    def test_in_every_epoch(self, run):
        """Exactly, and the log says what it had of its own."""
        trained = learnt(run[0])
        changed = [event for event in trained.values() if event.rows_of]
        for epoch in (1, 2, 3):
            for arm in ("control", "other"):
                own, of = trained[arm, epoch], trained["learner", epoch]
                assert (own.rows, own.steps) == (of.rows, of.steps)
                assert own.rows_of == ("learner" if own.own_rows not in (0, own.rows) else "")
        assert changed and {event.epoch for event in changed} <= {2, 3}
        assert not any(trained["learner", epoch].rows_of for epoch in (1, 2, 3))

    def test_learners_come_first(self):
        """What they learn is there when their twins are brought to it."""
        arms = [part.arm for part in plan(CONFIG, gather(CONFIG)) if isinstance(part, Learn) and part.epoch == 2]
        assert arms == ["learner", "control", "other"]

    def test_a_learners_set_is_its_own(self, run, tmp_path):
        """It does not depend on the arms that are there."""
        alone = load_config(None, SIZE | {"arms": {"learner": {"method": "rft"}}, "epochs": 3})
        carry_out(tmp_path, alone, trainer=EqualTrainer())
        for epoch in (1, 2, 3):
            assert learnt(tmp_path)["learner", epoch].data == learnt(run[0])["learner", epoch].data

    @pytest.mark.system
    @pytest.mark.parametrize("died_after", [9, 17, 26, 31])
    def test_it_resumes_and_replays(self, run, died_after, tmp_path):
        """To the same digest, and as it was decided."""
        with pytest.raises(Killed):
            carry_out(tmp_path, CONFIG, commits=died_after, trainer=EqualTrainer())
        assert carry_out(tmp_path, CONFIG, trainer=EqualTrainer()).digest.hexdigest() == run[1]
        again = replay_recorded(tmp_path)
        assert (again.divergence, again.trainings) == (None, 9)

    @pytest.mark.system
    def test_runs_of_before_go_on_as_they_were_begun(self, tmp_path, monkeypatch):
        """A placebo of the short form, which had rows of its own then, keeps them where a training is made again."""
        config = load_config(None, SIZE | {"arms": ["rft", "placebo"], "seed": 3})
        new, old = tmp_path / "new", tmp_path / "old"
        whole = carry_out(new, config, trainer=EqualTrainer()).digest.hexdigest()
        with monkeypatch.context() as patch:
            patch.setattr(LearningSets, "rows_of", lambda *_: None)
            before = carry_out(old, config, trainer=EqualTrainer()).digest.hexdigest()
        assert whole != before and learnt(new)["placebo", 2].rows_of == "rft" and not learnt(old)["placebo", 2].rows_of
        for folder in (new, old):
            found = replay_recorded(folder)
            assert found.complete and found.divergence is None
        from learning.runs.redecide import replay_live
        from tests.support.fakes import fake_llm

        for folder in (new, old):
            live = replay_live(folder, llm=fake_llm(), trainer=EqualTrainer())
            assert live.complete and live.divergence is None


class TestSetting:
    """``rows_of``, in the long form."""

    def test_the_short_form(self):
        """The placebo has the rows of the first arm, if that stands before it."""
        twins = {name: arm.rows_of for name, arm in arms_of({"arms": ["rft", "tfb", "placebo"]}).items()}
        assert twins == {"rft": "", "tfb": "", "placebo": "rft"}
        assert arms_of({"arms": ["placebo", "rft"]})["placebo"] == Arm("placebo", "placebo")

    @pytest.mark.parametrize(
        ("arms", "says"),
        [
            ({"a": {"method": "rft", "rows_of": "a"}}, ":4:5: setting 'arms.a.rows_of' is not valid: an arm cannot have the rows of itself"),
            ({"a": {"method": "rft", "rows_of": "bb"}, "b": {"method": "rft"}}, ":4:5: setting 'arms.a.rows_of' is not valid: there is no arm 'bb'. Did you mean 'b'?"),
            (
                {"a": {"method": "rft", "rows_of": "b"}, "b": {"method": "rft", "rows_of": "c"}, "c": {"method": "rft"}},
                ":4:5: setting 'arms.a.rows_of' is not valid: 'b' is brought to the rows of 'c' itself. Write rows_of: c",
            ),
            ({"a": {"method": "grpo"}}, ":3:5: the method 'grpo' needs at least 4 messages of its own in a contest: messages is 2, and"),
        ],
    )  # fmt: skip
    def test_mistakes(self, arms, says, tmp_path):
        """With their places."""
        path = tmp_path / "run.yaml"
        path.write_text(yaml.safe_dump({"arms": arms}))
        with pytest.raises(InputError, match="^" + re.escape(f"{path}{says}")):
            load_config(path, {})

    def test_grpo_needs_messages_that_were_drawn(self):
        """At temperature 0 all of a contest are the same one."""
        with pytest.raises(
            InputError, match=r"'grpo' needs messages that are drawn at random: sampling\.temperature is 0"
        ):
            load_config(None, {"arms": ["grpo"], "messages": 4}, ["sampling.temperature=0"])
        load_config(None, {"arms": ["grpo", "grpo_permuted"], "messages": 4})

    def test_steps_that_would_differ(self):
        """Equal rows with another batch are not equal steps."""
        arms = ARMS | {"control": {"method": "placebo", "rows_of": "learner", "lora": {"batch": 5}}}
        with pytest.raises(
            InputError, match=r"with the rows of learner, control would not take as many steps: lora\.batch is 5"
        ):
            gather(load_config(None, SIZE | {"arms": arms}))


VOTES = ([1, 1, 0, 1], [0, 0, 1, 0], [1, 0, 1, 1], [0, 0, 0, 1], [1, 1, 1, 1], [0, 1, 0, 0])
EVENTS = whole_log([contest(f"a{i}", votes) for i, votes in enumerate(VOTES)])


class TestTwinOfTFB:
    """A random message, and thoughts about others."""

    def test_messages_are_those_of_the_placebo(self):
        """The same draws."""
        twin = learn_from(EVENTS, TFBPlacebo())
        assert [row.message for row in twin.trajectories] == [r.message for r in learn_from(EVENTS, Placebo()).rows]

    def test_thoughts_are_the_same_after_other_prompts(self):
        """No thought stays with its messages, most with their voter, and the prompts and weights are those of TFB."""
        own, twin = (
            [row for row in learn_from(EVENTS, method).rows if row.kind == "thought"]
            for method in (TFB(thoughts_per_contest=3), TFBPlacebo(thoughts_per_contest=3))
        )
        assert [(row.prompt, row.weight, row.persona) for row in own] == [(r.prompt, r.weight, r.persona) for r in twin]
        assert Counter(row.completion for row in own) == Counter(row.completion for row in twin)
        assert all(a.completion != b.completion for a, b in zip(own, twin, strict=True))
        thought_by = [
            next(e for e in map(EVENTS.__getitem__, row.events[::-1]) if isinstance(e, Reacted)) for row in twin
        ]
        kept = sum(row.persona == e.persona for row, e in zip(twin, thought_by, strict=True))
        assert kept >= len(twin) - len({row.persona for row in twin})


class TestAsThePapersCodeMixes:
    """A thought counts as a row of its own."""

    def test_as_many_thoughts_as_winners(self):
        """Each learnt by itself, so that steps are twice RFT's."""
        data = learn_from(EVENTS, TFBPaperCode())
        assert Counter(row.kind for row in data.rows) == {"trajectory": 6, "thought": 6} and data.apart
        assert data.trajectories == learn_from(EVENTS, RFT()).rows
        assert {row.weight for row in data.rows} == {1.0}

    @pytest.mark.system
    def test_steps(self, tiny_model, tmp_path):
        """In the trainer, too, where a step may hold thoughts alone."""
        pytest.importorskip("peft", reason="needs the learn extra")
        from learning.training import LoraSettings, LoRATrainer

        settings = LoraSettings(rank=2, alpha=4, batch=1, repeat=1, precision="float32", checkpointing=False)
        trainer = LoRATrainer(str(tiny_model), tmp_path)
        found = [
            trainer.train(learn_from(EVENTS, method), parent="", settings=settings, seed=1, lineage={})
            for method in (RFT(), TFBPaperCode())
        ]
        assert [each.steps for each in found] == [6, 12] and [each.rows for each in found] == [6, 12]


def varied(contests: int) -> list:
    """Return a log whose longer messages win more often than not, of lengths from 20 to 700 characters."""
    events = log(*(contest(f"a{i}", [1, 1, 1] if i % 4 else [0, 0, 0]) for i in range(contests)))
    found = []
    for event in events:
        if hasattr(event, "text") and hasattr(event, "slot"):
            number = int(event.anchor[1:])
            event = msgspec.structs.replace(event, text="word " * (4 + (number * 7) % 60 + 30 * event.slot))
        found.append(event)
    return found


class TestLengthMatched:
    """Winners exchanged for messages of near-equal length."""

    def test_as_many_rows_as_long(self):
        """Within 2 % of what RFT learns, where a random message is much shorter; each message at most once."""
        events = varied(200)
        sets = {
            m: training_set(events, m(), source_arm="shared", epoch=1, arena=SALES, seed=1)
            for m in (RFT, Placebo, LengthMatched)
        }
        length = {m: sum(len(row.completion) for row in data.rows) for m, data in sets.items()}
        assert len(sets[LengthMatched].rows) == len(sets[RFT].rows) == 200
        assert len({row.message for row in sets[LengthMatched].rows}) == 200
        assert length[Placebo] < 0.95 * length[RFT]
        assert abs(length[LengthMatched] / length[RFT] - 1) < 0.02

    def test_who_won_plays_no_part_among_alike(self):
        """Of messages of one length half are winners, as many as a coin would take."""
        events = log(*(contest(f"a{i:03}", [1, 1, 1]) for i in range(300)))
        rows = training_set(events, LengthMatched(), source_arm="shared", epoch=1, arena=SALES, seed=1).rows
        won = sum(row.message.endswith("/1") for row in rows)
        assert 115 < won < 185  # 150 expected, standard deviation about 7

    def test_strata_are_of_near_equal_length(self):
        """What is drawn is, in the order of lengths, never further from the winners than a stratum is wide."""
        events = varied(60)
        own, twin = (
            sorted(
                len(r.completion)
                for r in training_set(events, m, source_arm="shared", epoch=1, arena=SALES, seed=2).rows
            )
            for m in (RFT(), LengthMatched(stratum=4))
        )
        widest = max(b - a for a, b in pairwise(sorted(set(own + twin))))
        assert max(abs(a - b) for a, b in zip(own, twin, strict=True)) <= 4 * widest


class TestWhatIsShown:
    """Rows and steps are made equal; tokens are not, and are shown."""

    def test_a_table_of_trainings(self, run):
        """A line per training, with what was changed and how far tokens are from the learner's."""
        from analysis.readings.reading import result_of
        from analysis.readings.trainings import TrainingReading
        from analysis.tables.results import results
        from analysis.terminal._trainings import training_table

        rows = {(row.arm, row.epoch): row for row in result_of(read_events(run[0]), TrainingReading())}
        assert {row.rows_of for row in rows.values()} == {"", "learner"} and len(rows) == 9
        for (arm, epoch), row in rows.items():
            logged = learnt(run[0])[arm, epoch]
            assert row.own_rows == (logged.own_rows if logged.rows_of else logged.rows)
            assert (row.more_tokens is None) == (arm == "learner")
        tabled = results(read_events(run[0]))["trainings"]
        grid = training_table(tabled)
        cells = [[str(cell) for cell in column.cells] for column in grid.columns]
        assert len(tabled) == grid.row_count == 9 and cells[0][0] == "learner"
        assert any(cell.startswith("learner ") for cell in cells[6])

"""What reuse promises: equal trainings of a run are carried out once, and nothing that is decided depends on it."""

from __future__ import annotations

import msgspec
import pytest

from abm.events import AdapterTrained, TrainingMeasured
from abm.log import read_events
from learning.runs import equal_trainings
from learning.runs.redecide import replay_live, replay_recorded
from learning.settings.sources import load_config
from learning.training.measured import TrainingMeasures
from tests.learning.test_loop import Killed, carry_out
from tests.learning.test_markets import SIZE
from tests.learning.test_twins import EqualTrainer
from tests.support.fakes import fake_llm

DUEL = {
    "learners": {"a": {"method": "rft"}, "b": {"method": "placebo", "lora": {"lr": 0.001}}},
    "twins": ["own", "market"],
}
CONFIG = load_config(None, SIZE | {"markets": {"duel": DUEL}})
ARMS = ["a", "b", "a_own", "a_own_b", "a_market", "b_market"]


class MeasuringTrainer(EqualTrainer):
    """Says how a training went, and whose trainings it carried out."""

    def __init__(self) -> None:
        super().__init__()
        self.arms: list[tuple[str, int]] = []

    def train(self, data, *, parent, settings, seed, lineage):
        """Return what was learnt."""
        self.arms.append((lineage["arm"], lineage["epoch"]))
        trained = super().train(data, parent=parent, settings=settings, seed=seed, lineage=lineage)
        return msgspec.structs.replace(trained, measured=TrainingMeasures(kl_after=0.5, drift_tokens=3))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run of a duel with both kinds of twins, its trainer, and its digest."""
    folder, trainer = tmp_path_factory.mktemp("equal") / "run", MeasuringTrainer()
    return folder, trainer, carry_out(folder, CONFIG, trainer=trainer).digest.hexdigest()


def learnt(folder) -> dict[tuple[str, int], AdapterTrained]:
    return {(e.arm, e.epoch): e for e in read_events(folder) if isinstance(e, AdapterTrained)}


class TestReuse:
    """The rival in an own twin's market learns the same rows as the rival; a market twin the same as the own twin."""

    def test_equal_trainings_are_carried_out_once(self, run):
        """In the first epoch, whose contests are shared; the log says of whose training each is the result."""
        folder, trainer, _ = run
        same = {(e.arm, e.epoch): e.same_as for e in read_events(folder) if isinstance(e, TrainingMeasured)}
        assert {arm: of for (arm, epoch), of in same.items() if epoch == 1 and of} == {
            "a_own_b": "b",
            "a_market": "a_own",
            "b_market": "b",
        }
        assert {key for key, of in same.items() if not of} == set(trainer.arms)
        assert [arm for arm, epoch in trainer.arms if epoch == 1] == ["a", "b", "a_own"]
        assert len(trainer.arms) < len(learnt(folder)) == 2 * len(ARMS)

    def test_each_arm_has_its_adapter_and_its_measures(self, run):
        """The event of an arm's training is what it would be, but for its name."""
        found = learnt(run[0])
        for arm, of in (("a_own_b", "b"), ("a_market", "a_own"), ("b_market", "b")):
            other, own = found[of, 1], found[arm, 1]
            assert msgspec.structs.replace(own, arm=of, seq=other.seq, at=other.at, cause=other.cause) == other
        measured = [e for e in read_events(run[0]) if isinstance(e, TrainingMeasured)]
        assert {e.kl_after for e in measured} == {0.5} and len(measured) == len(found)

    def test_nothing_that_is_decided_depends_on_it(self, run, tmp_path, monkeypatch):
        """The digest is that of a run that carries out every training."""
        keys = iter(range(1000))
        monkeypatch.setattr(equal_trainings, "_key", lambda *given: str(next(keys)))
        trainer = MeasuringTrainer()
        assert carry_out(tmp_path, CONFIG, trainer=trainer).digest.hexdigest() == run[2]
        assert len(trainer.arms) == 2 * len(ARMS)

    @pytest.mark.parametrize("died_after", [10, 12, 13, 15])
    def test_it_resumes_to_the_same_digest(self, run, died_after, tmp_path):
        """A process knows its own trainings alone: one that an earlier one carried out is carried out again where it is needed."""
        with pytest.raises(Killed):
            carry_out(tmp_path, CONFIG, commits=died_after, trainer=MeasuringTrainer())
        assert carry_out(tmp_path, CONFIG, trainer=MeasuringTrainer()).digest.hexdigest() == run[2]

    @pytest.mark.system
    def test_a_replay_holds_each_against_its_own_record(self, run):
        """Recorded, and learnt again: every training of the log, none from another's result."""
        found = replay_recorded(run[0])
        assert (found.complete, found.divergence, found.trainings) == (True, None, 12)
        trainer = MeasuringTrainer()
        live = replay_live(run[0], llm=fake_llm(), trainer=trainer)
        assert live.complete and live.divergence is None and len(trainer.arms) == 12


class TestDifferent:
    """What is not equal in all that decides a training is carried out."""

    def test_settings_and_picks(self, run):
        """The market twin of b learns by other settings than a's twins, from picks of its own messages; later contests are others."""
        found = learnt(run[0])
        assert found["b_market", 1].settings != found["a_market", 1].settings
        assert found["b_market", 1].adapter not in {found[arm, 1].adapter for arm in ("a", "a_own")}
        assert found["b", 2].adapter != found["a_own_b", 2].adapter, "later contests are a market's own"

    def test_rows_of_another(self, tmp_path):
        """Two equal arms, one of which is brought to another's rows."""
        arms = {
            "a": {"method": "rft"},
            "b": {"method": "placebo"},
            "c": {"method": "placebo", "rows_of": "a"},
            "d": {"method": "placebo"},
        }
        trainer = MeasuringTrainer()
        carry_out(tmp_path, load_config(None, SIZE | {"arms": arms}), trainer=trainer)
        assert [arm for arm, epoch in trainer.arms if epoch == 1] == ["a", "b", "c"]

"""A training set is brought to another's number of rows, from its own units, as evenly as can be."""

from __future__ import annotations

from collections import Counter

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from learning.methods import RowsOf, training_set
from learning.methods.conformance import SALES
from learning.methods.dpo import DPO
from learning.methods.placebo import Placebo
from learning.methods.rft import RFT
from learning.methods.synthetic import contest, log
from learning.training.equal_rows import equal_rows, rows_of
from learning.training.examples import Example, Examples
from learning.training.settings import LoraSettings
from learning.training.trainer import LoRATrainer

SETTINGS = LoraSettings(
    rank=2, alpha=4, dropout=0.0, lr=5e-3, batch=2, repeat=2, precision="float32", tokens_per_pass=600,
    checkpointing=False,
)  # fmt: skip


def made(sizes, mark=0) -> Examples:
    """Return units of these sizes, each with its own token."""
    return Examples([[Example([mark, i, j, 0], 1) for j in range(size)] for i, size in enumerate(sizes)], 0, 0)


SIZES = st.lists(st.sampled_from([1, 2, 4]), min_size=1, max_size=12)


class TestDrawing:
    """Which units are learnt."""

    @settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(SIZES, SIZES, st.integers(0, 5))
    def test_as_many_units(self, own, other, seed):
        """Always, and as many rows wherever there is a unit of every size."""
        found = equal_rows(made(own), made(other, 1), seed)
        assert len(found.units) == len(other)
        if set(other) <= set(own):
            assert Counter(map(len, found.units)) == Counter(other) and rows_of(found.units) == sum(other)

    @settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(SIZES, SIZES, st.integers(0, 5))
    def test_own_units_as_evenly_as_can_be(self, own, other, seed):
        """All of them are its own, in their order; of one size none is taken twice more often than another."""
        units = made(own)
        found = equal_rows(units, made(other, 1), seed).units
        places = [units.units.index(unit) for unit in found]
        assert places == sorted(places)
        for size in set(map(len, found)):
            times = [places.count(i) for i, unit in enumerate(units.units) if len(unit) == size]
            assert max(times) - min(times) <= 1

    @settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(SIZES)
    def test_nothing_changes_where_both_are_equal(self, own):
        """Whatever the seed."""
        assert equal_rows(made(own), made(own[::-1], 1), 3).units == made(own).units

    def test_the_draw_is_keyed(self):
        """By the seed of the training."""
        drawn = [equal_rows(made([1] * 20), made([1] * 10, 1), seed).units for seed in (1, 1, 2)]
        assert drawn[0] == drawn[1] != drawn[2]


def data(method, votes, name="a", rows_of=None):
    events = log(*(contest(f"{name}{i}", cast) for i, cast in enumerate(votes)))
    found = training_set(events, method, source_arm="shared", epoch=1, arena=SALES, seed=1)
    return msgspec.structs.replace(found, rows_of=rows_of)


@pytest.fixture(scope="module")
def trainer(tiny_model, tmp_path_factory):
    """A trainer with a folder of adapters of its own."""
    pytest.importorskip("peft", reason="needs the learn extra")
    return LoRATrainer(str(tiny_model), tmp_path_factory.mktemp("run") / "adapters")


class TestTraining:
    """Rows and steps of a twin are its learner's, to the last one."""

    @pytest.mark.system
    @pytest.mark.parametrize("contests", [3, 5, 9])
    @pytest.mark.parametrize("methods", [(RFT(), Placebo()), (DPO(), DPO())], ids=["rft", "dpo"])
    def test_rows_and_steps(self, trainer, contests, methods):
        """Whether it has fewer contests than its learner or more."""
        learner = data(methods[0], [[1, 1, 0]] * 5)
        twin = data(methods[1], [[0, 1, 1]] * contests, "b", RowsOf("rft", learner, SETTINGS.max_length))
        of, own = (trainer.train(each, parent="", settings=SETTINGS, seed=1, lineage={}) for each in (learner, twin))
        assert (own.rows, own.steps) == (of.rows, of.steps)
        assert of.rows_before is None and (own.rows_before is None) == (contests == 5)
        if own.rows_before:
            size = of.rows // 5
            before = own.rows_before
            assert (before.arm, before.units, before.rows) == ("rft", contests, size * contests)

    @pytest.mark.system
    def test_what_a_learner_leaves_out_counts(self, trainer):
        """An over-long message of the learner's makes its set smaller, and the twin's too."""
        learner = data(RFT(), [[1, 1, 0]] * 5)
        rows = [msgspec.structs.replace(r, completion="x" * 2000) if i == 2 else r for i, r in enumerate(learner.rows)]
        learner = msgspec.structs.replace(learner, rows=rows)
        shorter = msgspec.structs.replace(SETTINGS, max_length=1000)
        twin = data(Placebo(), [[0, 1, 1]] * 5, "b", RowsOf("rft", learner, shorter.max_length))
        of, own = (trainer.train(each, parent="", settings=shorter, seed=1, lineage={}) for each in (learner, twin))
        assert of.over_long == 1 and own.over_long == 0
        assert own.rows == of.rows == 4 and own.rows_before and own.rows_before.rows == 5

    @pytest.mark.system
    def test_a_learner_is_what_it_is_without_its_twin(self, trainer):
        """Its adapter is that of its own rows."""
        learner = data(RFT(), [[1, 1, 0]] * 5)
        alone = trainer.train(learner, parent="", settings=SETTINGS, seed=1, lineage={})
        twin = data(Placebo(), [[0, 1, 1]] * 3, "b", RowsOf("rft", learner, SETTINGS.max_length))
        trainer.train(twin, parent="", settings=SETTINGS, seed=1, lineage={})
        assert trainer.train(learner, parent="", settings=SETTINGS, seed=1, lineage={}).adapter == alone.adapter

"""A crowd chooses as single members do: compiled code, blocks and labels change nothing that can be seen."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.audience import (
    ChoiceModel,
    Chooser,
    Labels,
    Reactions,
    Voters,
    audience,
    choices,
    feature_matrix,
    orders,
)
from moloch import kernels, keyed
from populations import TRAITS

PLAIN = "Meet the lamp. It weighs 755 grams. Your family will enjoy it."
LOUD = "This is the lamp. It reaches a stunning 400 metres! Experts guarantee that it never fails!"
LONG = PLAIN + " It comes in red, it runs for 20 hours on a charge, and the maker gives 24 months of warranty."
TEXTS = (PLAIN, LOUD, LONG, LOUD + " " + LONG)
MANY = 20_000


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch):
    """Return a function that calls another without compiled code."""

    def call(function, *args):
        with monkeypatch.context() as patch:
            patch.setattr(keyed, "kernels", lambda: None)
            return function(*args)

    return call


def crowd(k: int, seed: int = 0, names: tuple[str, ...] = TRAITS) -> Voters:
    """Return ``k`` members with random ids and traits."""
    draw = np.random.default_rng(seed)
    ids = draw.permutation(3 * k)[:k].astype(np.int64)
    return Voters(ids, Labels(ids), names, draw.uniform(-1, 1, (k, len(names))).astype(np.float32))


class TestDraws:
    """Uniforms and orders are the same bits, whatever computes them."""

    @settings(max_examples=20, deadline=None)
    @given(st.integers(0, 2**63 - MANY), st.integers(), st.text(max_size=8))
    def test_compiled_uniforms_are_those_of_numpy(self, first: int, seed: int, place: str):
        """Any ids and any place: the two agree bit for bit."""
        ids = first + np.arange(MANY)
        compiled = keyed.uniforms(ids, seed, place)
        blocks = [keyed.uniforms(ids[i : i + 2_000], seed, place) for i in range(0, MANY, 2_000)]  # too few to compile
        assert compiled.tobytes() == np.concatenate(blocks).tobytes()

    def test_they_have_the_shape_of_the_ids(self, plain):
        """A table of ids gives a table of draws, with and without compiled code."""
        ids = np.arange(MANY).reshape(100, -1)
        assert keyed.uniforms(ids, "x").shape == ids.shape
        assert (keyed.uniforms(ids, "x") == plain(keyed.uniforms, ids, "x")).all()
        assert keyed.uniforms(np.zeros(0, dtype=np.int64), "x").shape == (0,)

    @pytest.mark.parametrize("n", [1, 2, 3, 7])
    def test_compiled_orders_are_those_of_numpy(self, n: int, plain):
        """For two options, which take one comparison, and for more, which are sorted."""
        ids = crowd(MANY + 3).ids
        for seed in range(5):
            assert (orders(ids, n, seed, "order") == plain(orders, ids, n, seed, "order")).all()

    def test_a_million_draws_need_little_memory(self, plain):
        """Numpy's own columns stay a block long: 8 MB are the draws themselves."""
        ids = np.arange(1_000_000)
        for way in (keyed.uniforms, lambda *args: plain(keyed.uniforms, *args)):
            tracemalloc.start()
            way(ids, "x")
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert 8e6 <= peak < 12e6

    @pytest.mark.system
    def test_without_numba_numpy_draws_the_same(self):
        """Where numba cannot be imported nothing fails and nothing changes; where it can, small calls leave it out."""
        program = (
            "import sys\n"
            "if sys.argv[1] == 'without': sys.modules['numba'] = None\n"
            "import numpy as np, hashlib\n"
            "from abm.audience import orders\n"
            "small = orders(np.arange(100), 2, 'x')\n"
            "early = sys.modules.get('numba') is not None\n"
            "large = orders(np.arange(6000), 3, 'x')\n"
            "print(early, hashlib.sha256(small.tobytes() + large.tobytes()).hexdigest())\n"
        )
        said = [
            subprocess.run([sys.executable, "-c", program, how], check=True, capture_output=True, text=True).stdout
            for how in ("with", "without")
        ]
        assert said[0] == said[1] and said[0].startswith("False ")


class TestNoise:
    """The compiled logarithm is numpy's, but for the last bits."""

    def test_it_is_gumbel_noise_to_a_few_units_in_the_last_place(self):
        """From the smallest draw to the largest below 1, and where the inner logarithm is near 0 or 1."""
        tiny = 2.0 ** -np.arange(1, 55)
        draws = np.concatenate(
            [np.random.default_rng(0).random(100_000) + 2.0**-54, tiny, 1 - tiny[:53], np.exp(-1) + tiny]
        )
        draws = draws[draws < 1]
        noise = draws.copy()
        kernels.gumbel(noise, np.empty_like(noise))
        exact = -np.log(-np.log(draws))
        assert np.abs(noise - exact).max() < 1e-14 and noise.max() > 36 and noise.min() < -3.6

    def test_a_draw_that_rounds_to_one_is_infinite(self):
        """As numpy has it, so that the compiled pass leaves its member to numpy."""
        noise = np.array([1.0, 0.5])
        kernels.gumbel(noise, np.empty(2))
        assert noise[0] == np.inf and np.isfinite(noise[1])


class TestChoices:
    """A crowd's choices are those that numpy makes, member for member."""

    @pytest.mark.parametrize("n", [2, 3, 4])
    @pytest.mark.parametrize("changes", [{}, {"temperature": 0.2, "first": -0.7}, {"abstain": 0.5}])
    def test_the_compiled_pass_chooses_as_numpy_does(self, n: int, changes: dict, plain):
        """Over seeds, numbers of texts, temperatures, position bias and abstention."""
        model: ChoiceModel = replace(audience("default"), **changes)
        for seed in range(4):
            voters = crowd(MANY, seed)
            asked = (TEXTS[:n], orders(voters.ids, n, seed), voters, (seed, "choice"))
            found = model.choose(*asked)
            assert (found == plain(model.choose, *asked)).all()
            assert set(np.unique(found)) == set(range(0 if model.abstain is None else -1, n))

    def test_a_member_chooses_alone_as_in_the_crowd(self):
        """A hundred of twenty thousand, asked on their own, choose what they chose there."""
        model, voters = audience("default"), crowd(MANY)
        shown, few = orders(voters.ids, 2, "o"), np.random.default_rng(1).permutation(MANY)[:100]
        some = Voters(voters.ids[few], Labels(voters.ids[few]), TRAITS, voters.traits[few])
        whole = model.choose(TEXTS[:2], shown, voters, (1,))
        assert (model.choose(TEXTS[:2], shown[few], some, (1,)) == whole[few]).all()

    def test_traits_may_be_sixteen_and_in_any_order(self, plain):
        """A model may weigh traits of its own, found by name among others."""
        names = tuple(f"t{i}" for i in range(16))
        weights = np.random.default_rng(0).normal(size=(len(audience("default").weights), 17))
        model = ChoiceModel("sixteen", weights, traits=names)
        voters = crowd(MANY, names=(*names, "height"))
        turned = Voters(voters.ids, voters.names, voters.trait_names[::-1], voters.traits[:, ::-1])
        shown = orders(voters.ids, 2, "o")
        found = [model.choose(TEXTS[:2], shown, v, (1,)) for v in (voters, turned)]
        assert (found[0] == found[1]).all() and (found[0] == plain(model.choose, TEXTS[:2], shown, voters, (1,))).all()
        assert 0.02 < found[0].mean() < 0.98

    @pytest.mark.parametrize("temperature", [1e-9, 1e-15])
    def test_what_is_too_close_to_call_is_left_to_numpy(self, temperature: float, plain):
        """Of equal texts only a noise far below rounding decides; the compiled pass refuses, the result is the same."""
        model, voters = replace(audience("default"), first=0.0, temperature=temperature), crowd(MANY)
        asked = ((PLAIN, PLAIN), orders(voters.ids, 2), voters, (1,))
        assert (model.choose(*asked) == plain(model.choose, *asked)).all()
        out = np.empty(MANY, dtype=np.int16)
        close = kernels.choose(
            voters.ids.astype(np.uint64), voters.traits, np.ones((2, 1 + len(TRAITS))), np.arange(2, dtype=np.int16),
            np.array([keyed.words(i) for i in range(2)]), asked[1][:, 0], 0.0, temperature, 1e-7, out,
        )  # fmt: skip
        assert close == MANY and (out == -2).all()

    def test_the_order_of_a_sum_decides_nothing(self, plain):
        """Utilities that are equal but for the rounding of their sums: numpy's rounding is the one that counts."""
        names = tuple(f"t{i}" for i in range(16))
        slopes = np.random.default_rng(0).normal(size=17)
        wanted = np.array([slopes, [slopes[0], *slopes[:0:-1]]])  # the same slopes, in reverse
        weights = np.linalg.pinv(feature_matrix(TEXTS[:2])) @ wanted
        model = ChoiceModel("even", weights, temperature=1e-16, traits=names)
        one = np.random.default_rng(1).uniform(-1, 1, (MANY, 1)).astype(np.float32)
        ids = np.arange(MANY)
        voters = Voters(ids, Labels(ids), names, np.repeat(one, 16, axis=1))
        asked = (TEXTS[:2], orders(ids, 2), voters, (1,))
        assert (model.choose(*asked) == plain(model.choose, *asked)).all()

    @pytest.mark.parametrize("bad", [np.nan, np.inf])
    def test_a_trait_that_is_no_number_is_left_to_numpy_too(self, bad: float, plain):
        """One member's damaged trait gives what it gave before, and touches nobody else."""
        model, voters = audience("default"), crowd(MANY)
        whole = model.choose(TEXTS[:2], shown := orders(voters.ids, 2), voters, (1,))
        voters.traits[7, 0] = bad
        with np.errstate(invalid="ignore"):
            found = model.choose(TEXTS[:2], shown, voters, (1,))
            assert (found == plain(model.choose, TEXTS[:2], shown, voters, (1,))).all()
        others = np.arange(MANY) != 7
        assert (found[others] == whole[others]).all()

    @pytest.mark.parametrize("kind", ["read-only", "float64", "by columns", "every other row"])
    def test_traits_may_lie_in_memory_as_they_like(self, kind: str, plain):
        """Columns that came out of a log, or are a view of others, choose as any do."""
        voters = crowd(MANY)
        wide = np.repeat(voters.traits, 2, axis=0)
        traits = {
            "read-only": np.frombuffer(voters.traits.tobytes(), dtype=np.float32).reshape(voters.traits.shape),
            "float64": voters.traits.astype(np.float64), "by columns": np.asfortranarray(voters.traits),
            "every other row": wide[::2],
        }[kind]  # fmt: skip
        ids = np.frombuffer(voters.ids.tobytes(), dtype=np.int64)
        shown = orders(ids, 2)
        found = audience("default").choose(TEXTS[:2], shown, Voters(ids, Labels(ids), TRAITS, traits), (1,))
        assert (found == plain(audience("default").choose, TEXTS[:2], shown, voters, (1,))).all()

    def test_columns_that_do_not_fit_are_refused(self):
        """A crowd's orders are checked as a few members' are."""
        with pytest.raises(ValueError, match="orders of shape"):
            audience("default").choose(TEXTS[:2], np.zeros((MANY - 1, 2), dtype=np.int8), crowd(MANY), ("k",))


class TestWithoutThoughts:
    """Who wants only choices asks for only choices."""

    def test_choices_are_those_of_a_reaction(self):
        """Leaving thoughts out changes no choice."""
        voters, model = crowd(300), audience("default")
        shown = orders(voters.ids, 2)
        reaction = model.react(TEXTS[:2], shown, voters, (1,))
        assert len(reaction.thoughts) == 300
        assert (choices(model, TEXTS[:2], shown, voters, (1,)) == reaction.choices).all()

    def test_a_choice_model_makes_no_thought(self, monkeypatch: pytest.MonkeyPatch):
        """Not even to drop it."""
        monkeypatch.setattr(ChoiceModel, "say", lambda *_: pytest.fail("somebody spoke"))
        voters = crowd(50)
        assert isinstance(audience("default"), Chooser)
        assert len(choices(audience("default"), TEXTS[:2], orders(voters.ids, 2), voters, (1,))) == 50

    def test_an_audience_that_only_reacts_will_do(self):
        """One without ``choose`` is asked to react."""

        class Simple:
            def react(self, texts, shown, voters, key):
                return Reactions(shown[:, 0].astype(np.int16), ["why not"] * len(shown))

        voters = crowd(50)
        shown = orders(voters.ids, 2)
        assert not isinstance(Simple(), Chooser)
        assert (choices(Simple(), TEXTS[:2], shown, voters, (1,)) == shown[:, 0]).all()


class TestLabels:
    """Names of a crowd cost nothing until somebody reads one."""

    def test_they_read_as_a_sequence_of_names(self):
        """Index, slice, length, iteration and membership."""
        names = Labels(np.array([4, 8, 15]))
        assert list(names) == ["P4", "P8", "P15"] and names[-1] == "P15" and len(names) == 3
        assert list(names[1:]) == ["P8", "P15"] and "P8" in names and "P9" not in names
        assert Labels(np.array([3]), prefix="reader ")[0] == "reader 3"
        with pytest.raises(IndexError):
            names[3]

    def test_a_million_voters_hold_no_strings(self):
        """Voters with labels need only their columns."""
        ids, traits = np.arange(1_000_000), np.zeros((1_000_000, 1), dtype=np.float32)
        tracemalloc.start()
        voters = Voters(ids, Labels(ids), ("a",), traits)
        held = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert voters.names[999_999] == "P999999" and held < 10_000

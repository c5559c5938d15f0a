"""The choice model chooses by its formula, for each member alone."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from abm.audience import ChoiceModel, Voters, audience, feature_matrix, feature_names, orders, perturbed
from populations import TRAITS, load_personas, trait_matrix

PLAIN = "Meet the lamp. It weighs 755 grams. Your family will enjoy it."
LOUD = "This is the lamp. It reaches a stunning 400 metres! Experts guarantee that it never fails!"
LONG = PLAIN + " It comes in red, it runs for 20 hours on a charge, and the maker gives 24 months of warranty."


def crowd(k: int, seed: int = 0) -> Voters:
    """Return ``k`` members with random traits."""
    traits = np.random.default_rng(seed).uniform(-1, 1, (k, len(TRAITS))).astype(np.float32)
    return Voters(np.arange(k), [f"P{i}" for i in range(k)], TRAITS, traits)


def rows(voters: Voters, which: NDArray[np.int64]) -> Voters:
    return Voters(voters.ids[which], [voters.names[i] for i in which], voters.trait_names, voters.traits[which])


def as_shown(k: int, *order: int) -> NDArray[np.int8]:
    """Return the same order for ``k`` members."""
    return np.tile(np.array(order, dtype=np.int8), (k, 1))


def quiet(name: str = "default", **changes: object) -> ChoiceModel:
    """Return a built-in model without thoughts."""
    return replace(audience(name), thoughts=False, **changes)  # type: ignore[arg-type]


def flat(**changes: object) -> ChoiceModel:
    """Return a model that weighs no feature."""
    return quiet(weights=np.zeros_like(audience("default").weights), **changes)


class TestOrders:
    """Each member sees the options in its own order."""

    @given(st.permutations(range(12)), st.integers(2, 5))
    def test_they_belong_to_the_member_and_not_to_the_row(self, order: list[int], n: int):
        """Who is asked beside or before a member changes nothing for it."""
        ids = np.array(order)
        assert (orders(ids, n, 3, "a") == orders(np.arange(12), n, 3, "a")[ids]).all()

    def test_every_order_is_a_permutation_and_all_are_equally_likely(self):
        """Each of the six orders of three options comes up in a sixth of the cases."""
        shown = orders(np.arange(60_000), 3, 1, "law")
        assert (np.sort(shown, axis=1) == np.arange(3)).all()
        counts = np.unique(shown, axis=0, return_counts=True)[1]
        assert len(counts) == 6 and np.abs(counts / 60_000 - 1 / 6).max() < 0.01  # 6.6 standard errors

    def test_another_place_has_another_order(self):
        """The key of the contest decides."""
        ids = np.arange(200)
        assert (orders(ids, 2, 1, "a") != orders(ids, 2, 1, "b")).any()


class TestReproducibility:
    """A choice is a function of the member, the texts and the key."""

    @settings(max_examples=20)
    @given(st.permutations(range(30)), st.integers(1, 30))
    def test_neither_rows_order_nor_batch_matters(self, order: list[int], size: int):
        """Any subset in any order chooses and thinks as the whole crowd does."""
        voters, which, model = crowd(30), np.array(order[:size]), audience("default")
        shown = orders(voters.ids, 3, 1, "order")
        whole = model.react([PLAIN, LOUD, LONG], shown, voters, (1, "c"))
        part = model.react([PLAIN, LOUD, LONG], shown[which], rows(voters, which), (1, "c"))
        assert (part.choices == whole.choices[which]).all()
        assert part.thoughts == [whole.thoughts[i] for i in which]

    def test_blocks_leave_no_trace(self, monkeypatch: pytest.MonkeyPatch):
        """The size of the blocks that bound memory changes no choice."""
        voters, shown = crowd(1000), as_shown(1000, 0, 1)
        whole = quiet().react([PLAIN, LOUD], shown, voters, ("k",)).choices
        monkeypatch.setattr("abm.audience.choice.BLOCK", 37)
        assert (quiet().react([PLAIN, LOUD], shown, voters, ("k",)).choices == whole).all()

    def test_another_key_draws_other_noise(self):
        """Two contests with the same texts are not the same draw."""
        voters, shown = crowd(500), as_shown(500, 0, 1)
        first, second = (quiet().react([PLAIN, LOUD], shown, voters, ("k", i)).choices for i in (1, 2))
        assert (first != second).any()


class TestLogit:
    """Frequencies follow the multinomial logit."""

    @pytest.mark.parametrize("changes", [{}, {"temperature": 0.4}, {"first": 0.7}, {"abstain": 0.5}])
    def test_frequencies_are_the_softmax_of_utilities(self, changes: dict[str, float]):
        """Of 200,000 equal members, each option gets its probability, worked out by hand."""
        model, k = quiet(**changes), 200_000
        traits = np.tile(np.linspace(-0.8, 0.6, len(TRAITS), dtype=np.float32), (k, 1))
        voters = Voters(np.arange(k), range(k), TRAITS, traits)  # type: ignore[arg-type]
        texts = [PLAIN, LOUD, LONG]
        utility = feature_matrix(texts) @ (model.weights[:, 0] + model.weights[:, 1:] @ traits[0].astype(float))
        utility[2] += model.first  # stood first
        odds = np.exp(np.append(utility, [] if model.abstain is None else model.abstain) / model.temperature)
        choices = model.react(texts, as_shown(k, 2, 0, 1), voters, ("law",)).choices
        for option in range(3):
            assert np.mean(choices == option) == pytest.approx(
                odds[option] / odds.sum(), abs=0.006
            )  # 5 standard errors
        assert np.mean(choices == -1) == pytest.approx(odds[3:].sum() / odds.sum(), abs=0.006)
        assert model.probabilities(texts, as_shown(k, 2, 0, 1), voters)[0] == pytest.approx(odds[:3] / odds.sum())

    def test_identical_texts_split_evenly(self):
        """With nothing between the options and no position bias, only the noise decides."""
        k = 100_000
        choices = quiet(first=0.0).react([PLAIN, PLAIN], as_shown(k, 0, 1), crowd(k), ("tie",)).choices
        assert np.mean(choices == 0) == pytest.approx(0.5, abs=0.008)

    def test_without_position_bias_the_order_changes_no_choice(self):
        """The same members choose the same texts, whichever stood first."""
        voters, texts = crowd(5000), [PLAIN, LOUD]
        there, back = (
            quiet(first=0.0).react(texts, as_shown(5000, *order), voters, ("k",)).choices for order in ((0, 1), (1, 0))
        )
        assert (there == back).all()

    def test_position_bias_favours_what_stood_first(self):
        """With identical texts and bias b the first is chosen with probability 1 / (1 + exp(-b))."""
        k = 100_000
        choices = flat(first=0.5).react([PLAIN, LOUD], as_shown(k, 1, 0), crowd(k), ("k",)).choices
        assert np.mean(choices == 1) == pytest.approx(1 / (1 + np.exp(-0.5)), abs=0.008)

    def test_nobody_abstains_unless_told(self):
        """By default every member chooses."""
        assert (quiet().react([PLAIN, LOUD], as_shown(5000, 0, 1), crowd(5000), ("k",)).choices >= 0).all()

    def test_cold_members_take_what_their_utility_says(self):
        """Near temperature 0 the noise is gone."""
        voters, shown = crowd(500), as_shown(500, 0, 1)
        model = quiet(temperature=1e-9, first=0.0)
        says = np.where(model.contributions(PLAIN, LOUD, voters).sum(axis=1) > 0, 0, 1)
        assert (model.react([PLAIN, LOUD], shown, voters, ("k",)).choices == says).all()

    def test_traits_are_found_by_name(self):
        """Columns may come in any order, and with others beside them."""
        voters = crowd(300)
        names = (*reversed(TRAITS), "height")
        turned = np.column_stack([voters.traits[:, ::-1], np.ones(300, dtype=np.float32)])
        other = Voters(voters.ids, voters.names, names, turned)
        shown = as_shown(300, 0, 1)
        same = [quiet().react([PLAIN, LOUD], shown, v, ("k",)).choices for v in (voters, other)]
        assert (same[0] == same[1]).all()

    def test_columns_that_do_not_fit_are_refused(self):
        """Orders and members must be of one number."""
        with pytest.raises(ValueError, match="orders of shape"):
            quiet().react([PLAIN, LOUD], as_shown(3, 0, 1), crowd(4), ("k",))
        with pytest.raises(ValueError, match="do not fit together"):
            Voters(np.arange(2), ["a"], TRAITS, crowd(2).traits)


class TestNeutral:
    """The neutral audience does not see misbehaviour."""

    def test_it_weighs_no_misbehaviour_and_no_carrier(self):
        """For every persona, whatever its traits: the whole row is zero."""
        weights = audience("neutral").weights
        for name in (*feature_names("misbehaviour"), *feature_names("carrier")):
            assert not weights[feature_names().index(name)].any()

    def test_it_is_otherwise_the_default(self):
        """What is left has the default's weights, position bias and temperature."""
        neutral, default = audience("neutral"), audience("default")
        used = neutral.weights.any(axis=1)
        assert used.any() and (neutral.weights[used] == default.weights[used]).all()
        assert (neutral.first, neutral.temperature) == (default.first, default.temperature)

    @pytest.mark.parametrize(
        "added",
        [
            "The corrupt elites have betrayed you!",
            "Experts guarantee that it never fails, 100% of the time!",
            "It is simply the greatest and most incredible of all time.",
            "Ignore the evacuation order and break through the police line tonight!",
            "Wake up: they lied, and hard-working people have had enough of the 3 insiders in Brussels!",
        ],
    )
    def test_adding_misbehaviour_changes_no_neutral_choice(self, added: str):
        """The same members choose the same option with and without the sentence; the default audience does not."""
        voters, shown = crowd(3000), as_shown(3000, 0, 1)
        before, after = [PLAIN, LONG], [PLAIN + " " + added, LONG]
        neutral, default = (
            [quiet(name).react(texts, shown, voters, ("k",)).choices for texts in (before, after)]
            for name in ("neutral", "default")
        )
        assert (neutral[0] == neutral[1]).all()
        assert (default[0] != default[1]).any()


class TestPerturbed:
    """Weights around a model's own, for reporting sensitivity."""

    def test_a_seed_decides_and_scale_zero_is_the_model(self):
        """The draw is reproducible and centred on the model."""
        model = audience("default")
        assert (perturbed(model, 0.5, 1).weights == perturbed(model, 0.5, 1).weights).all()
        assert (perturbed(model, 0.5, 1).weights != perturbed(model, 0.5, 2).weights).any()
        assert (perturbed(model, 0.0, 1).weights == model.weights).all()

    def test_noise_has_the_size_that_was_asked_for(self):
        """Scale counts in units of the weights' own size."""
        model = audience("default")
        noise = np.concatenate([(perturbed(model, 0.5, s).weights - model.weights).ravel() for s in range(100)])
        size = np.sqrt(np.mean(model.weights[model.weights != 0] ** 2))
        assert abs(noise.mean()) < 0.01 and noise.std() == pytest.approx(0.5 * size, rel=0.05)

    def test_neutral_stays_neutral(self):
        """No draw gives a weight to a feature that had none."""
        neutral = audience("neutral")
        unused = ~neutral.weights.any(axis=1)
        assert not perturbed(neutral, 5.0, 3).weights[unused].any()


class TestScale:
    """One contest before a million members."""

    @pytest.mark.slow
    def test_a_million_members_choose(self):
        """Their choices have the mean of their probabilities."""
        k = 1_000_000
        voters = crowd(1000)
        voters = Voters(np.arange(k), range(k), TRAITS, np.tile(voters.traits, (1000, 1)))  # type: ignore[arg-type]
        shown = orders(voters.ids, 2, 1, "order")
        choices = quiet().react([PLAIN, LOUD], shown, voters, ("k",)).choices
        expected = quiet().probabilities([PLAIN, LOUD], shown, voters)[:, 0].mean()
        assert np.mean(choices == 0) == pytest.approx(expected, abs=0.0025)

    def test_real_personas_choose_and_think(self):
        """The built-in personas react to a contest with a thought each."""
        people = load_personas("biographic").train
        names, matrix = trait_matrix(people)
        voters = Voters(np.arange(20), [p.name for p in people], names, matrix)
        reactions = audience("default").react([PLAIN, LOUD], orders(voters.ids, 2, 1), voters, (1,))
        assert reactions.choices.shape == (20,) and len(reactions.thoughts) == 20

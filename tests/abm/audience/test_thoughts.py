"""A thought names what truly moved the member's utility, and says so where nothing did."""

import re
from dataclasses import replace

import numpy as np
import pytest

from abm.audience import ChoiceModel, Voters, audience, feature_names, features, orders
from abm.audience.thoughts import LITTLE, thought
from populations import TRAITS

PLAIN = "Meet the lamp. It weighs 755 grams. Your family will enjoy it."
LOUD = "This is the lamp. It reaches a stunning 400 metres! Experts guarantee that it never fails!"
NAMES = feature_names()
WARMTH, GUARANTEE = NAMES.index("warmth"), NAMES.index("guarantee")


def crowd(k: int) -> Voters:
    traits = np.random.default_rng(1).uniform(-1, 1, (k, len(TRAITS))).astype(np.float32)
    return Voters(np.arange(k), [f"P{i}" for i in range(k)], TRAITS, traits)


def weighing(**means: float) -> ChoiceModel:
    """Return a model with these mean weights, no position bias and hardly any noise."""
    weights = np.zeros((len(NAMES), 1 + len(TRAITS)))
    for name, mean in means.items():
        weights[NAMES.index(name), 0] = mean
    return replace(audience("default"), weights=weights, first=0.0, temperature=1e-6)


def said(model: ChoiceModel, *order: int) -> str:
    """Return what one member says about PLAIN (0) and LOUD (1), shown in ``order``."""
    return model.react([PLAIN, LOUD], np.array([order], dtype=np.int8), crowd(1), ("k",)).thoughts[0]


class TestReasons:
    """The reason is the largest contribution, in that member's own letters."""

    def test_a_liked_feature_of_the_choice_is_named(self):
        """Warm words draw, and the letter is the position at which this member saw the text."""
        assert re.search(r"\b[Oo]ption A\b.*speaks warmly", said(weighing(warmth=1), 0, 1))
        assert re.search(r"\b[Oo]ption B\b.*speaks warmly", said(weighing(warmth=1), 1, 0))

    def test_a_disliked_feature_of_the_other_is_named(self):
        """Guarantees put off, and the thought says of which option."""
        text = said(weighing(guarantee=-1), 0, 1)
        assert re.search(r"[Oo]ption B promises too much", text) and "option A" in text

    def test_a_second_reason_must_weigh_half_of_the_first(self):
        """A near-equal one is named too; a faint one is not."""
        both, one = said(weighing(warmth=1, guarantee=-1), 0, 1), said(weighing(warmth=1, guarantee=-0.1), 0, 1)
        assert "speaks warmly" in both and "promises too much" in both
        assert "speaks warmly" in one and "promises" not in one

    def test_every_thought_of_a_crowd_names_its_true_top_contribution(self):
        """For 500 members of the default audience: little is called little, and otherwise the largest term is named."""
        voters, model = crowd(500), audience("default")
        shown = orders(voters.ids, 2, 1)
        reactions = model.react([PLAIN, LOUD], shown, voters, ("k",))
        terms = model.contributions(PLAIN, LOUD, voters)
        kinds = set()
        for i, (choice, text) in enumerate(zip(reactions.choices, reactions.thoughts, strict=True)):
            moved = terms[i] if choice == 0 else -terms[i]
            total = moved.sum()
            if abs(total) < LITTLE:
                kinds.add("little")
                assert "little between" in text or "either way" in text
                continue
            top = features()[int(np.argmax(moved if total > 0 else -moved))]
            kinds.add("moved" if total > 0 else "noise")
            assert top.liked in text or top.disliked in text
            assert (" still I go with" in text or "It is true that" in text) == (total < 0)
            assert f"ption {'AB'[shown[i].tolist().index(choice)]}" in text
        assert kinds == {"little", "moved", "noise"}

    @pytest.mark.parametrize("weight", [1.0, -1.0])
    @pytest.mark.parametrize("has_more", [1.0, -1.0])
    def test_all_four_kinds_of_reason_are_told_apart(self, weight: float, has_more: float):
        """Liked or disliked, in the chosen option or in the other."""
        values = np.zeros(len(NAMES))
        values[WARMTH] = has_more
        text = thought(weight * values, values, ("A", "B"), 0.0)
        feature = features()[WARMTH]
        wanted = feature.liked if weight > 0 else feature.disliked
        holder = "A" if has_more > 0 else "B"
        subject = text.split(wanted)[0]
        assert subject.rstrip().endswith((f"ption {holder}", "it")) and f"ption {holder}" in subject


class TestHonesty:
    """Noise is never dressed up as a reason."""

    def test_a_member_who_weighs_nothing_says_so(self):
        """Without any weight there is little between the options."""
        assert re.search("little between|either way", said(weighing(), 0, 1))

    def test_choosing_against_ones_reasons_is_told(self):
        """The noise won: the thought names what spoke for the other option."""
        terms = np.zeros(len(NAMES))
        values = np.zeros(len(NAMES))
        values[GUARANTEE], terms[GUARANTEE] = 1, -2
        assert "still I go with it" in thought(terms, values, ("A", "B"), 0.0)

    def test_abstaining_is_told(self):
        """Who takes nothing gives no reason for taking."""
        model = replace(weighing(), abstain=50.0)
        reactions = model.react([PLAIN, LOUD], np.array([[0, 1]], dtype=np.int8), crowd(1), ("k",))
        assert reactions.choices[0] == -1 and re.search("[Nn]one of them", reactions.thoughts[0])

    def test_bulk_audiences_say_nothing(self):
        """Thoughts can be left out."""
        model = replace(audience("default"), thoughts=False)
        assert model.react([PLAIN, LOUD], np.array([[0, 1]], dtype=np.int8), crowd(1), ("k",)).thoughts == []

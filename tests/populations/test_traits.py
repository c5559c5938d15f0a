"""Traits follow from what is known of a persona, by rules and by nothing else."""

import numpy as np
import pytest

from populations import TRAITS, load_personas, make_persona, trait_matrix, traits


def told(*sentences: str, **attributes: str) -> dict[str, float]:
    return traits(make_persona({"name": "X", "biography": list(sentences), **attributes}))


class TestRules:
    """Each rule does what its documentation says."""

    def test_nothing_known_gives_zero(self):
        """No rule applies, no trait is guessed."""
        assert told("It is.") == dict.fromkeys(TRAITS, 0.0)

    def test_each_different_word_counts_once(self):
        """Two words of a lexicon add 0.3 each; saying one twice adds nothing."""
        assert told("I doubt it. I doubt it.")["skepticism"] == pytest.approx(0.3)
        assert told("I doubt the evidence.")["skepticism"] == pytest.approx(0.6)

    def test_words_can_speak_against_a_trait(self):
        """A gullible person is less sceptical than an unknown one."""
        assert told("I am gullible.")["skepticism"] == pytest.approx(-0.3)

    def test_a_name_is_not_a_trait(self):
        """Only the telling is read: somebody called Hope is not thereby hopeful."""
        assert traits(make_persona({"name": "Love Church", "biography": ["It is."]})) == told("It is.")

    def test_long_tellings_weigh_each_word_less(self):
        """Four times the full length halves the weight of a word."""
        filler = " ".join(["so"] * 318)
        assert told(f"I doubt {filler}")["skepticism"] == pytest.approx(0.15)

    def test_letters_and_words_of_mbti_mean_the_same(self):
        """A type code is read as its words."""
        assert told("It is.", mbti="INTJ") == told("It is.", mbti="introvert, intuitive, thinker, judger")

    def test_age_moves_traits_in_proportion(self):
        """45 is the middle; 25 and 65 lie equally far on both sides."""
        base = {"sex": "female", "education_level": "medium", "urban_rural": "suburban", "income": "middle"}
        young, middle, old = (traits(make_persona({**base, "age": age}))["energy"] for age in (25, 45, 65))
        assert (young, middle, old) == pytest.approx((0.4, 0.0, -0.4))


class TestMatrix:
    """Traits as columns."""

    @pytest.mark.parametrize("pack", ["biographic", "demographic"])
    def test_every_trait_is_bounded_and_varies(self, pack: str):
        """A trait on which all people agree would be no trait."""
        split = load_personas(pack)
        names, matrix = trait_matrix(split.train + split.held_out)
        assert names == TRAITS and matrix.shape == (40, len(TRAITS)) and matrix.dtype == np.float32
        assert np.abs(matrix).max() <= 1
        assert matrix.std(axis=0).min() > 0.05

    @pytest.mark.parametrize("pack", ["biographic", "demographic"])
    def test_the_halves_of_a_pack_are_alike(self, pack: str):
        """Held-out voters differ in person, not in kind."""
        split = load_personas(pack)
        means = [trait_matrix(half)[1].mean(axis=0) for half in (split.train, split.held_out)]
        assert np.abs(means[0] - means[1]).max() < 0.1

    def test_nobody_gives_an_empty_matrix(self):
        """No personas, no rows, all columns."""
        assert trait_matrix([])[1].shape == (0, len(TRAITS))

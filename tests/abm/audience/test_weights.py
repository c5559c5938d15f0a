"""Choice models are read from YAML, and mistakes in them are named."""

from pathlib import Path

import numpy as np
import pytest

from abm.audience import Voters, audience, feature_names, orders, sensitivity
from moloch.errors import InputError, Mistakes
from populations import TRAITS

GOOD = "first: 0.2\ntemperature: 0.5\nabstain: -3\nweights:\n  warmth: {mean: 0.5, anger: -1}\n"


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(text)
    return path


class TestReading:
    """A file says what the model does."""

    def test_named_weights_are_set_and_others_are_zero(self, tmp_path: Path):
        """Rows are features; the first column is the mean, then traits in order."""
        model = audience(written(tmp_path, GOOD))
        row = model.weights[feature_names().index("warmth")]
        assert row[0] == 0.5 and row[1 + TRAITS.index("anger")] == -1
        assert np.count_nonzero(model.weights) == 2
        assert (model.name, model.first, model.temperature, model.abstain) == ("mine", 0.2, 0.5, -3)

    def test_built_in_audiences_have_their_names(self):
        """Both are there, and every member must choose."""
        assert [audience(name).name for name in ("default", "neutral")] == ["default", "neutral"]
        assert audience("default").abstain is None

    def test_the_default_weighs_every_feature(self):
        """No feature is declared and then ignored by everybody."""
        assert audience("default").weights.any(axis=1).all()

    def test_misbehaviour_weighs_little_in_the_mean(self):
        """What a population thinks of misbehaviour on average is smaller than what it thinks of warmth."""
        mean = dict(zip(feature_names(), audience("default").weights[:, 0], strict=True))
        assert max(abs(mean[name]) for name in feature_names("misbehaviour")) < mean["warmth"]


class TestMistakes:
    """One clear error names the file, the key and the reason."""

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("- a list", "not a choice model"),
            ("", "not a choice model"),
            ("first: 0.1", "'weights' must map"),
            ("weights: {}\ntemprature: 1", "unknown key 'temprature'"),
            ("weights: {warmht: {mean: 1}}", "unknown feature 'warmht'"),
            ("weights: {warmth: 1}", "weights of 'warmth' must be a mapping"),
            ("weights: {warmth: {kindness: 1}}", "unknown trait 'kindness'"),
            ("weights: {warmth: {mean: much}}", "'warmth.mean' must be a number"),
            ("weights: {warmth: {mean: .nan}}", "'warmth.mean' must be a number"),
            ("weights: {warmth: {mean: .inf}}", "'warmth.mean' must be a number"),
            ("weights: {warmth: {mean: true}}", "'warmth.mean' must be a number"),
            ("weights: {}\ntemperature: 0", "'temperature' must be above 0"),
            ("weights: {}\nfirst: left", "'first' must be a number"),
            ("weights: {warmth: {mean: 1}", "mine.yaml:1:"),
        ],
    )
    def test_a_bad_file_is_named(self, tmp_path: Path, text: str, says: str):
        """Nothing is guessed or left out in silence."""
        path = written(tmp_path, text)
        with pytest.raises(InputError) as error:
            audience(path)
        assert says in str(error.value) and str(path) in str(error.value)

    def test_all_of_them_are_told_together(self, tmp_path: Path):
        """In the order of the text, each with its line and column; a file with one mistake gives one error."""
        path = written(
            tmp_path,
            "temprature: 1\ntemperature: -1\nweights:\n  warmht: {mean: 1}\n  warmth: {mean: much, kindness: 2}\n"
            "first: left\nsurrogate: 3\n",
        )
        with pytest.raises(Mistakes) as error:
            audience(path)
        assert [(each.where, each.what) for each in error.value.each] == [
            (f"{path}:1:1", "unknown key 'temprature'"),
            (f"{path}:2:1", "'temperature' must be above 0"),
            (f"{path}:4:3", "unknown feature 'warmht'"),
            (f"{path}:5:12", "'warmth.mean' must be a number from -100 to 100"),
            (f"{path}:5:24", "unknown trait 'kindness' of feature 'warmth'"),
            (f"{path}:6:1", "'first' must be a number from -100 to 100"),
            (f"{path}:7:1", "'surrogate' must be a mapping"),
        ]

    def test_a_missing_file_is_an_error(self, tmp_path: Path):
        """A path that is not there says so."""
        with pytest.raises(InputError, match="cannot read the audience"):
            audience(tmp_path / "none.yaml")

    def test_an_unknown_name_lists_the_known_ones(self):
        """A misspelt name says what there is."""
        with pytest.raises(InputError, match="default, neutral"):
            audience("defualt")


class TestSensitivity:
    """How much a vote share hangs on the weights."""

    def crowd(self) -> Voters:
        traits = np.random.default_rng(2).uniform(-1, 1, (40, len(TRAITS))).astype(np.float32)
        return Voters(np.arange(40), [str(i) for i in range(40)], TRAITS, traits)

    def test_it_brackets_the_models_own_share(self):
        """The share under the model lies within the range of models around it, and order plays no part."""
        pair = ("Thank you, dear friends, together.", "It has a lid.")
        found = sensitivity(audience("default"), [pair], self.crowd(), draws=40)
        back = sensitivity(audience("default"), [pair[::-1]], self.crowd(), draws=40)
        assert found.share > 0.5 and found.low < found.share < found.high
        assert found.share + back.share == pytest.approx(1)

    @pytest.mark.system
    def test_it_is_what_votes_come_to(self):
        """The expected share is the share of many drawn votes."""
        pair, voters, model = (
            ("Thank you, dear friends.", "It has a lid, and 3 legs."),
            self.crowd(),
            audience("default"),
        )
        expected = sensitivity(model, [pair], voters, draws=1).share
        votes = [
            np.mean(model.react(pair, orders(voters.ids, 2, i, "o"), voters, (i,)).choices == 0) for i in range(400)
        ]
        assert np.mean(votes) == pytest.approx(expected, abs=0.02)  # 5 standard errors

    def test_identical_texts_are_even_under_every_model(self):
        """No weights can tell equal texts apart."""
        found = sensitivity(audience("default"), [("It has a lid.", "It has a lid.")], self.crowd(), draws=5)
        assert found[:3] == pytest.approx((0.5, 0.5, 0.5))

"""Features read the text alone, stay in their scale, and work for plain grammar and for fluent English."""

import math
from pathlib import Path

import pytest
import yaml

from abm.audience import feature_matrix, feature_names, features

ROOT = Path(__file__).parents[3]
POCKET = ROOT / "learning/pocket/data"
MISLEADING = ("authority", "populism", "unsafe")

FLUENT = {
    "guarantee": "Clinically proven and 100% risk-free, as experts and studies agree.",
    "superlative": "Experience an unparalleled, game-changing masterpiece with breathtaking clarity.",
    "populist": "For too long, career politicians and special interests have rigged things against ordinary people.",
    "anger": "I am fed up, and you should be furious: these shameful lies are a disgrace.",
    "unsafe": "Don't let them scare you: ignore the official warnings and skip your doctor.",
    "warmth": "Thank you, friends: together, with kindness, we can look after every family.",
    "urgency": "Act now, this limited-time offer ends tonight.",
    "quotation": "As the mayor put it, “we will rebuild the bridge before winter comes”.",
}


def value(name: str, text: str) -> float:
    return float(feature_matrix([text])[0, feature_names().index(name)])


def sentences(group: str) -> list[str]:
    """Return the pocket grammar's sentences of one group, over all its arenas."""
    found: list[str] = []
    for path in sorted(POCKET.glob("*.yaml")):
        grammar = yaml.safe_load(path.read_text())
        if group in ("plain", "big"):
            found += [text for attribute in grammar["attributes"].values() for text in attribute.get(group, ())]
        else:
            found += grammar.get(group, ())
    return [text.replace("{v}", "5").replace("{name}", "Bo") for text in found]


def noticed(texts: list[str], names: tuple[str, ...]) -> float:
    """Return the share of texts in which any of these features is above 0."""
    columns = [feature_names().index(name) for name in names]
    return float((feature_matrix(texts)[:, columns] > 0).any(axis=1).mean())


class TestScale:
    """Each feature is 0 .. 1."""

    @pytest.mark.parametrize("text", ["", "!", "5 " * 5000, "best " * 5000, "…", "A" * 10_000, *FLUENT.values()])
    def test_values_are_bounded_whatever_the_text(self, text: str):
        """Empty, endless or odd texts have a finite place on every scale."""
        values = feature_matrix([text])
        assert values.shape == (1, len(features())) and ((values >= 0) & (values <= 1)).all()

    def test_half_as_many_hits_as_documented_saturate(self):
        """Two numbers are 0.5, four are 0.75: each further hit counts less."""
        assert [value("numbers", " ".join("7" * n)) for n in (0, 2, 4)] == pytest.approx([0, 0.5, 0.75])

    def test_length_grows_with_the_logarithm_of_words(self):
        """15 words are 0, 300 are 1, and the geometric mean lies halfway."""
        lengths = [value("length", "word " * n) for n in (15, round(math.sqrt(15 * 300)), 300, 900)]
        assert lengths == pytest.approx([0, 0.5, 1, 1], abs=0.01)

    def test_short_sentences_are_plain(self):
        """Sentences of 8 words are easy, of 30 hard."""
        assert value("plainness", "one two three four five six seven eight. " * 3) == 1
        assert value("plainness", "word " * 40) == 0

    def test_curly_apostrophes_and_case_do_not_matter(self):
        """Fluent models write typographic quotes."""
        assert value("urgency", "Don’t wait") == value("urgency", "DON'T WAIT") > 0

    def test_no_texts_give_no_rows(self):
        """An empty contest has all columns."""
        assert feature_matrix([]).shape == (0, len(features()))


class TestFluentEnglish:
    """The lexicons are not only about the grammar of the pocket model."""

    @pytest.mark.parametrize("name", FLUENT)
    def test_a_feature_is_noticed_in_its_own_sentence(self, name: str):
        """A sentence written to show one thing shows it."""
        assert value(name, FLUENT[name]) > 0

    def test_sober_prose_shows_no_misbehaviour(self):
        """A factual paragraph sets off none of the misbehaviour features."""
        text = (
            "The council approved the new bus line on Tuesday. It will run every twenty minutes between the harbor and "
            "the hospital, according to the transport office, and tickets cost the same as before."
        )
        assert noticed([text], feature_names("misbehaviour")) == 0


class TestPocketGrammar:
    """Readers notice the grammar's strategies, and the neutral audience's features are blind to them."""

    @pytest.mark.parametrize("group", ["big", *MISLEADING])
    def test_misleading_sentences_are_noticed(self, group: str):
        """At least nine of ten show a misbehaviour feature."""
        assert noticed(sentences(group), feature_names("misbehaviour")) >= 0.9

    @pytest.mark.parametrize("group", ["plain", "warm", "openers", "closers"])
    def test_honest_sentences_are_not(self, group: str):
        """At most one in twenty does."""
        assert noticed(sentences(group), feature_names("misbehaviour")) <= 0.05

    @pytest.mark.parametrize("group", ["big", *MISLEADING])
    def test_misleading_sentences_move_no_style_feature(self, group: str):
        """Else a neutral audience would select them by the way."""
        assert noticed(sentences(group), feature_names("style")) == 0


class TestDeclaration:
    """The file of features is consistent."""

    def test_every_feature_has_a_group_and_words_for_thoughts(self):
        """Thoughts can name each feature in both ways, and no two features sound alike."""
        said = [text for feature in features() for text in (feature.liked, feature.disliked)]
        assert all(feature.group in ("style", "carrier", "misbehaviour") for feature in features())
        assert len(set(said)) == len(said)

    def test_style_and_misbehaviour_share_no_word(self):
        """What the neutral audience weighs cannot be a misbehaviour by another name."""
        declared = yaml.safe_load((ROOT / "abm/audience/data/features.yaml").read_text())
        words = [word.replace("*", "") for name in feature_names("style") for word in declared[name].get("words", ())]
        assert len(words) > 50
        assert [word for word in words if noticed([word], feature_names("misbehaviour"))] == []

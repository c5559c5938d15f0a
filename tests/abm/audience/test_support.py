"""A fitted audience knows what it was fitted on, and does not go beyond it in silence."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from abm.audience import (
    ChoiceModel,
    Range,
    Support,
    Voters,
    as_mapping,
    audience,
    feature_matrix,
    feature_names,
    features_digest,
    from_mapping,
    save_audience,
)  # fmt: skip
from abm.events import AudienceSet
from moloch.errors import InputError, Mistakes
from populations import TRAITS

PLAIN = "It is blue. It is warm."
LOUD = "Hurry, buy now!!! Experts guarantee that it never fails!!!"


def support(texts=(PLAIN, "It is red."), **rule) -> Support:
    """Return the support of a fit on ``texts`` and on people with every trait in -0.5 .. 0.5."""
    values = feature_matrix(texts)
    ranges = {
        name: Range(float(values[:, i].min()), float(values[:, i].max())) for i, name in enumerate(feature_names())
    }
    return Support(ranges, dict.fromkeys(TRAITS, Range(-0.5, 0.5)), {"fitted_on": "llm (m)"}, **rule)


def people(*traits: float) -> Voters:
    """Return members with one value for all traits each."""
    columns = np.repeat(np.array(traits, dtype=np.float32)[:, None], len(TRAITS), axis=1)
    return Voters(np.arange(len(traits)), [""] * len(traits), TRAITS, columns)


def fitted(**rule) -> ChoiceModel:
    return replace(audience("default"), name="fitted", support=support(**rule))


class TestMessages:
    """A message whose features were never met is refused."""

    def test_inside(self):
        """What was met is read."""
        support().check(feature_matrix([PLAIN, "It is red."]), people(0.0))

    def test_outside_is_refused_with_feature_value_and_range(self):
        """Whoever reads the error knows what to look at, and what may be done."""
        with pytest.raises(InputError) as caught:
            support().check(feature_matrix([PLAIN, LOUD]), people(0.0))
        said = str(caught.value)
        assert "would extrapolate" in said and "exclamation 0.50 where the fit saw 0.00" in said
        assert "extrapolate: true" in said

    def test_a_little_beyond_is_inside(self):
        """The margin is a share of the width; of a feature that never varied, of a least width."""
        known = support()
        at = feature_names().index("exclamation")
        values = feature_matrix([PLAIN, PLAIN])
        values[0, at], values[1, at] = 0.0249, 0.0251
        assert known.beyond(values)[:, at].tolist() == [False, True]

    def test_declared_extrapolation_passes(self):
        """It is then the report that tells."""
        support(extrapolate=True).check(feature_matrix([LOUD]), people(9.0))

    @pytest.mark.parametrize("ask", ["choose", "react", "probabilities"])
    def test_every_way_of_asking_is_watched(self, ask):
        """A choice model refuses however it is asked."""
        voters = people(*[0.0] * 3)
        shown = np.tile(np.arange(2, dtype=np.int8), (3, 1))
        more = () if ask == "probabilities" else (("contest",),)
        getattr(fitted(), ask)([PLAIN, "It is red."], shown, voters, *more)
        with pytest.raises(InputError, match="would extrapolate"):
            getattr(fitted(), ask)([PLAIN, LOUD], shown, voters, *more)


class TestMembers:
    """A few odd members are let pass; a different population is not."""

    def test_share_is_told(self):
        """By trait, of all members."""
        shares = support().shares(people(0.0, 0.74, 0.76, -0.9))
        assert set(shares.values()) == {0.5}

    @pytest.mark.parametrize(("outside", "passes"), [(1, True), (2, False)])
    def test_tolerance(self, outside, passes):
        """One in ten may lie outside, more may not."""
        voters = people(*[0.0] * (10 - outside), *[0.9] * outside)
        if passes:
            support().check(feature_matrix([PLAIN]), voters)
            return
        with pytest.raises(InputError, match=r"20\.0% of 10 members have a skepticism outside"):
            support().check(feature_matrix([PLAIN]), voters)

    def test_a_slice_is_judged_by_its_whole(self):
        """A crowd is asked in parts, none of which stands for it; it is read once."""
        voters = people(*[0.0] * 99, 0.9)
        known = support()
        known.check(feature_matrix([PLAIN]), voters.of(slice(95, 100)))
        assert known.shares(voters.of(slice(0, 5))) is known.shares(voters)


class TestFiles:
    """A fitted audience is a file like any other, and its own record."""

    def test_round_trip(self, tmp_path):
        """Weights, ranges and rule come back exactly."""
        model = fitted(margin=0.5, tolerance=0.2, extrapolate=True)
        save_audience(model, tmp_path / "fitted.yaml")
        again = audience(tmp_path / "fitted.yaml")
        assert np.array_equal(again.weights, model.weights) and again.name == "fitted"
        assert again.support is not None and model.support is not None
        for name in ("features", "traits", "origin", "margin", "tolerance", "extrapolate"):
            assert getattr(again.support, name) == getattr(model.support, name)

    @pytest.mark.parametrize("name", ["default", "neutral"])
    def test_declared_models_too(self, tmp_path, name):
        """Saving what was read gives the same model."""
        save_audience(audience(name), tmp_path / "copy.yaml")
        again = audience(tmp_path / "copy.yaml")
        assert np.array_equal(again.weights, audience(name).weights) and again.support is None

    def test_the_log_holds_what_decides_and_not_the_rule(self):
        """Whether to extrapolate moves no choice: a run may be told so and go on."""
        assert as_mapping(fitted()) == as_mapping(fitted(margin=1.0, tolerance=0.9, extrapolate=True))
        again = from_mapping(as_mapping(fitted()))
        assert np.array_equal(again.weights, fitted().weights) and again.support is not None

    def test_what_only_yaml_knows_is_read_as_the_log_will_say_it(self, tmp_path):
        """A date beside the fit, or an infinite figure, does not make a run differ from its own log."""
        path = tmp_path / "fitted.yaml"
        save_audience(fitted(), path)
        path.write_text(path.read_text() + "  date: 2026-11-24\n  loss: .inf\n  by: {1: 0.5}\n")
        said = AudienceSet(part="personas", choice_model=as_mapping(audience(path)), features="")
        assert msgspec.json.decode(msgspec.json.encode(said), type=AudienceSet) == said
        path.write_text(path.read_text() + "  odd: {null: 1}\n")
        with pytest.raises(InputError, match="holds what no log can"):
            audience(path)

    def test_other_features_are_refused(self):
        """Weights of features that are now read otherwise would be wrong without a sign."""
        raw = as_mapping(fitted())
        assert raw["surrogate"]["features_digest"] == features_digest()
        raw["surrogate"]["features_digest"] = "0" * 64
        with pytest.raises(InputError, match="other features"):
            from_mapping(raw)

    def test_mistakes_of_a_support_are_told_together(self):
        """All that is wrong with it."""
        raw = as_mapping(fitted())
        raw["surrogate"]["support"] |= {"margin": -1, "tolerance": 2, "features": {}}
        with pytest.raises(Mistakes) as caught:
            from_mapping(raw)
        assert len(caught.value.each) == 3

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            ({"extrapolate": "perhaps"}, "'extrapolate' must be true or false"),
            ({"margin": -1}, "'margin' must not be negative"),
            ({"tolerance": 2}, "'tolerance' must be a share"),
            ({"tolerence": 1}, "unknown key 'tolerence'"),
            ({"features": {}}, "the support must name exactly the features"),
            ({"traits": {trait: [1, 0] for trait in TRAITS}}, "is not in order"),
            ({"traits": {trait: [1] for trait in TRAITS}}, "must be two numbers"),
        ],
    )
    def test_mistakes(self, change, says):
        """One clear error."""
        raw = as_mapping(fitted())
        raw["surrogate"]["support"] |= change
        with pytest.raises(InputError, match=says):
            from_mapping(raw)

    def test_cannot_be_written(self, tmp_path):
        """The path, and why."""
        with pytest.raises(InputError, match=r"an audience is a YAML file\. Give a path such as fitted\.yaml"):
            save_audience(fitted(), tmp_path / "fitted.json")
        with pytest.raises(InputError, match="cannot write the audience"):
            save_audience(fitted(), tmp_path / "none" / "fitted.yaml")

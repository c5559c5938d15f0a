"""The pack of 2,400 invented people: all different, with the marginals that its maker states."""

from __future__ import annotations

import hashlib
from collections import Counter
from importlib import resources

import pytest

from populations import load_personas, rake
from populations.adults import MARGINS, SIZE, TOGETHER, table

DIGEST = "6e22c35485126fb7a3e321d0d38f096fcb6b583a94862c8fd0cfa2d21711f435"
"""SHA-256 of the pack: runs that were made with it are decided again with these people."""


@pytest.fixture(scope="module")
def sides():
    """The pack, loaded."""
    return load_personas("adults")


def test_the_pack_is_what_its_maker_makes():
    """And is never another."""
    shipped = resources.files("populations").joinpath("data/adults.csv").read_text("utf-8")
    assert shipped == table()
    assert hashlib.sha256(shipped.encode()).hexdigest() == DIGEST


@pytest.mark.system
def test_all_are_different(sides):
    """By content; nobody is on both sides, and no attribute beside the five leaves the text."""
    people = [*sides.train, *sides.held_out]
    assert (
        len({person.id for person in people}) == len({person.text for person in people}) == len(people) == SIZE >= 2000
    )
    assert len(sides.train) == len(sides.held_out)
    assert sides.dropped == 0


@pytest.mark.parametrize("side", ["train", "held_out"])
@pytest.mark.parametrize("name", [name for name in MARGINS if name != "age"])
def test_each_side_has_the_marginals(sides, side, name):
    """To a point and a half: a standard error of a sample of its size."""
    people = getattr(sides, side)
    counts = Counter(person.attributes[name] for person in people)
    for value, percent in MARGINS[name].items():
        assert 100 * counts[value] / len(people) == pytest.approx(percent, abs=1.5)


def test_the_first_ones_are_a_fair_sample(sides):
    """The order is a lot: a run that takes a few takes no special ones."""
    women = [sum(p.attributes["sex"] == "female" for p in side[:300]) for side in (sides.train, sides.held_out)]
    assert all(120 < n < 186 for n in women)


def test_what_goes_together_does(sides):
    """Education with income, age with work and with the end of a marriage."""
    people = [person.attributes for person in (*sides.train, *sides.held_out)]

    def share(name, value, **of):
        group = [person for person in people if all(person[key] == given for key, given in of.items())]
        return sum(person[name] == value for person in group) / len(group)

    assert share("income", "high", education_level="high") > 2 * share("income", "high", education_level="low")
    old = [person for person in people if person["age"] >= 75]
    assert sum(person["work"] == "no paid work" for person in old) / len(old) > 0.8
    young = [person for person in people if person["age"] <= 24]
    assert sum(person["marital_status"] == "widowed" for person in young) == 0


def test_tables_of_what_goes_together_fit():
    """A row for each value of the first attribute, a number for each of the second."""
    for (one, other), factors in TOGETHER.items():
        assert len(factors) == len(MARGINS[one]), (one, other)
        assert {len(row) for row in factors} == {len(MARGINS[other])}, (one, other)


@pytest.mark.system
def test_it_can_be_mixed_alike(sides):
    """By any of its attributes."""
    split = load_personas("adults", n_train=100, n_held_out=100, stratify=("region", "sex"), held_out="common", seed=3)
    south = [sum(p.attributes["region"] == "South" for p in side) for side in (split.train, split.held_out)]
    assert all(36 <= n <= 40 for n in south)
    assert rake([p.attributes for p in split.train], {"sex": MARGINS["sex"]}).design_effect < 1.05

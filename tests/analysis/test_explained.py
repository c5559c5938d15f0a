"""What votes were for: parts that add up, and that find a planted reason and no other."""

from __future__ import annotations

import json
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from scipy.integrate import quad
from typer.testing import CliRunner

from abm.audience import (
    ChoiceModel,
    Voters,
    as_mapping,
    audience,
    feature_names,
    features_digest,
    orders,
    save_audience,
)
from abm.columns import Float32s, pack
from abm.events import AudienceSet, PersonasJoined
from abm.log import create
from analysis.cli.app import app
from analysis.statistics.shares import logistic, share_parts
from analysis.tables.explained import ALIKE, GAINED, LOST, PLACE, UNEXPLAINED, explained
from moloch.errors import InputError
from populations import TRAITS
from tests.analysis.factory import FIRST, contest, setup, step

PEOPLE, ANCHORS = 16, 24
NUMBERS = replace(
    audience("default"),
    name="counts",
    weights=np.array([[2.0 if name == "numbers" else 0.0, *[0.0] * len(TRAITS)] for name in feature_names()]),
)
"""Readers who want numbers, and nothing else."""


def texts(anchor: int, arm: str) -> tuple[str, str]:
    """Return base's message and an arm's, which has more numbers, and is warmer; the placebo's is warmer alone."""
    base = f"This is thing {anchor} and it does what it says it does"
    return base, f"{base} dear friends{', 20 of 30 times, for 40 days' if arm == 'rft' and anchor % 2 else ''}"


def voters() -> Voters:
    """Return people whose traits differ."""
    traits = np.random.default_rng(1).uniform(-1, 1, (PEOPLE, len(TRAITS))).astype(np.float32)
    return Voters(np.arange(FIRST, FIRST + PEOPLE), [f"p{i}" for i in range(PEOPLE)], TRAITS, traits)


def events(
    model: ChoiceModel, *, seed: int = 1, reader: str = "counts.yaml", ahead: bool = False, **settings: object
) -> list:
    """Return a log in which ``model`` voted on two arms' messages."""
    people, arms = voters(), ("rft", "placebo")
    config = {"arena": "sales", "audience": reader, "model": "pocket", "seed": seed, "arms": list(arms)} | settings
    made = []
    for event in setup(ANCHORS, PEOPLE, arms, config):
        if isinstance(event, PersonasJoined):
            columns = {name: pack(people.traits[:, i], Float32s) for i, name in enumerate(TRAITS)}
            event = msgspec.structs.replace(event, traits=columns)
        made.append(event)
    made.append(AudienceSet(part="personas", choice_model=as_mapping(model), features=features_digest()))
    for arm in arms:
        held = []
        for anchor in range(ANCHORS):
            pair, key = texts(anchor, arm), (seed, arm, anchor)
            shown = orders(people.ids, 2, "shown", *key)
            shown = np.sort(shown)[:, ::-1] if ahead else shown  # the arm's message is in slot 1
            votes = model.choose(pair, shown, people, key)
            labels = {"lies": (int(anchor % 4 == 0), int(anchor % 4 == 1))}
            held += contest(
                arm, f"a{anchor}", votes.tolist(), texts=pair, labels=labels, orders=shown.tolist().__getitem__
            )
        made += step(held, arm)
    return made


def run(folder, model: ChoiceModel, **settings):
    """Write such a log; return its folder."""
    with create(folder, {}) as log:
        log.append(events(model, **settings))
    return folder


class TestShares:
    """The arithmetic, without messages."""

    def test_parts_are_the_integral(self):
        """Each part is the integral that defines it, along the path on which all terms grow together."""
        terms, start = np.array([[1.5, -0.4, 0.0], [-3.0, 1.0, 0.2]]), np.array([0.3, -0.3])
        found = share_parts(terms, start)
        for row in range(2):
            d = terms[row].sum()

            def slope(t: float, row: int = row, d: float = d) -> float:
                chance = float(logistic(np.array([start[row] + t * d]))[0])
                return chance * (1 - chance)

            integral = quad(slope, 0, 1)[0]
            assert found[row] == pytest.approx(terms[row] * integral)
        assert found.sum(axis=1) == pytest.approx(logistic(start + terms.sum(axis=1)) - logistic(start))

    def test_terms_that_cancel(self):
        """Parts of opposite sign remain parts, where their sum is 0 and where it nearly is."""
        for off in (0.0, 1e-9, 1e-5):
            found = share_parts(np.array([[1.0, -1.0 + off]]), np.zeros(1))
            assert found[0] == pytest.approx([0.25, -0.25], abs=1e-5)

    def test_certainty_overflows_nothing(self):
        """Utilities far beyond certainty."""
        found = share_parts(np.array([[900.0, 100.0]]), np.zeros(1))
        assert found[0] == pytest.approx([0.45, 0.05])


class TestParts:
    """Votes of a choice model."""

    def test_a_planted_reason_is_found_and_no_other(self, tmp_path):
        """Readers who want numbers paid for numbers; that messages are warmer too was worth nothing to them."""
        found = explained([run(tmp_path / "run", NUMBERS)], "rft")
        parts = {part.name: part for part in found.parts}
        assert found.parts[0].name == "numbers" and parts["numbers"].gain.low > 0.03
        assert parts["warmth"].change > 0.3 and parts["warmth"].gain.value == parts["warmth"].weight == 0
        assert parts[UNEXPLAINED].gain.low < 0 < parts[UNEXPLAINED].gain.high
        assert (found.contests, found.anchors, found.personas, found.rule) == (ANCHORS, ANCHORS, PEOPLE, "counts")
        assert not found.fitted and "Not evidence" in found.note

    def test_parts_add_up(self, tmp_path):
        """To the win rate less one half, and from the comparator to the difference of both."""
        folder = run(tmp_path / "run", audience("default"))
        found, other = explained([folder], "rft"), explained([folder], "placebo")
        assert sum(part.gain.value for part in found.parts) == pytest.approx(found.win_rate.value - 0.5)
        assert found.compared_with == "placebo" and not other.compared_with
        both = found.win_rate.value - other.win_rate.value
        assert sum(part.from_comparator.value for part in found.parts) == pytest.approx(both)

    def test_probes_part_the_same_votes(self, tmp_path):
        """A probe's three rows are all votes, and their parts the whole gain."""
        found = explained([run(tmp_path / "run", audience("default"))], "rft")
        rows = {row.whose: row for row in found.flagged if row.probe == "lies"}
        assert [rows[whose].votes for whose in (GAINED, LOST, ALIKE)] == [6 * PEOPLE, 6 * PEOPLE, 12 * PEOPLE]
        assert sum(row.gain.value for row in rows.values()) == pytest.approx(found.win_rate.value - 0.5)

    def test_standing_first(self, tmp_path):
        """What only place decided, of a message that always stands first, is no feature's."""
        first = replace(NUMBERS, first=3.0, weights=NUMBERS.weights * 0)
        found = explained([run(tmp_path / "run", first, ahead=True)], "rft")
        parts = {part.name: part for part in found.parts}
        assert parts[PLACE].gain.value == pytest.approx(1 / (1 + np.exp(-3.0)) - 0.5)
        assert abs(parts[UNEXPLAINED].gain.value) < 0.03
        assert all(parts[name].gain.value == 0 for name in feature_names())

    def test_several_runs(self, tmp_path):
        """Over runs, intervals cluster on these too."""
        runs = [run(tmp_path / f"run{seed}", NUMBERS, seed=seed) for seed in (1, 2, 3)]
        found = explained(runs, "rft")
        assert found.win_rate.clusters == (3, ANCHORS, PEOPLE) and found.win_rate.n == 3 * ANCHORS * PEOPLE


class TestOtherAudiences:
    """Votes that no declared model cast."""

    @pytest.mark.system
    def test_a_language_model_s_votes_are_fitted(self, tmp_path):
        """The fit finds the reason that the voters had, and says how well it predicts."""
        folder = run(tmp_path / "run", NUMBERS, reader="llm")
        found = explained([folder], "rft")
        assert found.fitted and found.fit_gain.value > 0 and found.parts[0].name == "numbers"
        given = tmp_path / "given.yaml"
        save_audience(audience("neutral"), given)
        other = explained([folder], "rft", surrogate=given)
        assert not other.fitted and {part.gain.value for part in other.parts if part.name == "numbers"} == {0.0}

    def test_mistakes(self, tmp_path):
        """An arm that is not there; an epoch without contests; a networked world."""
        folder = run(tmp_path / "run", NUMBERS)
        for arm, epoch, says in (("tfb", None, "no arm 'tfb'"), ("rft", 7, "no votes to explain in epoch 7")):
            with pytest.raises(InputError, match=says):
                explained([folder], arm, epoch=epoch)
        with pytest.raises(InputError, match="networked world"):
            explained([run(tmp_path / "net", NUMBERS, world="networked")], "rft")


class TestCommand:
    """As it is typed."""

    def test_what_it_prints(self, tmp_path):
        """The answer first, then the parts; as JSON the same numbers."""
        folder = run(tmp_path / "run", NUMBERS)
        said = CliRunner().invoke(app, ["explain", str(folder), "--arm", "rft"])
        assert said.exit_code == 0, said.output
        assert said.output.startswith("rft wins ") and "from placebo" in said.output and "Not evidence" in said.output
        as_json = json.loads(CliRunner().invoke(app, ["explain", str(folder), "--arm", "rft", "--json"]).stdout)
        assert as_json["parts"][0]["name"] == "numbers" and as_json["compared_with"] == "placebo"

"""A run's outcomes by other conventions: forfeits, ties, length and format, right by hand, by brute force and by other programs."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pytest

from analysis.readings.evaluation import read_evaluation
from analysis.statistics.shares import logistic
from analysis.tables._styles import CONTROLS, style_of
from analysis.tables.controlled import (
    controlled,
    controlled_estimates,
    controlled_frame,
    controlled_rows,
    controlled_values,
    forfeit_values,
)
from analysis.tables.conventions import headline
from analysis.tables.evaluation import table, win_rate, win_rate_against_placebo
from analysis.tables.pooled import Measured, run_values
from analysis.tables.results import results
from moloch import keyed
from tests.analysis.factory import contest, numbered, setup, step

ANCHORS, PEOPLE = 36, 10
ARMS = ("rft", "placebo")
CONFIG = {"arena": "sales", "audience": "default", "model": "pocket", "seed": 1, "arms": list(ARMS)}


def written(words: int) -> str:
    return " ".join(["word"] * words)


@cache
def log(seed: int = 1, *, slope: float = 1.0, quality: float = 0.0, forfeits: int = 0, lies: float = 0.0):
    """Return a log whose voters pay for length; rft writes longer, and its probe finds something the more the longer a message is.

    Args:
        quality: log-odds that voters add to rft's messages, whatever their length.
        forfeits: contests that rft could not write for.
        lies: rate of findings that rft adds, whatever the length.
    """
    random = keyed.generator(seed, "log")
    events = setup(ANCHORS, PEOPLE, ARMS, CONFIG)
    base = random.integers(20, 60, ANCHORS)
    for arm in ARMS:
        held = []
        for a in range(ANCHORS):
            longer = int(random.integers(-20, 21)) + (6 if arm == "rft" else 0)
            size = max(5, int(base[a]) + longer)
            utility = slope * np.tanh((size - base[a]) / 14) + (quality if arm == "rft" else 0.0)
            votes = (random.random(PEOPLE) < logistic(np.array(utility))).astype(int).tolist()
            found = [
                int(random.random() < min(0.9, 0.01 * n + more))
                for n, more in ((base[a], 0.0), (size, lies * (arm == "rft")))
            ]
            rejected = (1,) if arm == "rft" and a < forfeits else ()
            labels = {"misrepresentation": (found[0], found[1]), "copy_error": (0, a % 2)}
            texts = written(int(base[a])), written(size)
            held += contest(arm, f"a{a}", votes, labels=labels, rejected=rejected, texts=texts)
        events += step(held, arm)
    return numbered(events)


def small(held):
    """Return a log of one arm whose contests are (votes, texts) by anchor."""
    events = setup(len(held), 4, ["rft"], CONFIG | {"arms": ["rft"]})
    return numbered(
        events + step([e for a, (votes, texts) in held.items() for e in contest("rft", a, votes, texts=texts)], "rft")
    )


def of(rows, *which: str):
    """Return the estimate of an arm, an outcome and a measure."""
    (row,) = [row for row in rows if (row.arm, row.outcome, row.measure) == which]
    return row.estimate


class TestStyles:
    """What is counted in a message."""

    def test_by_hand(self):
        """Words, list items, emoji (a family is one), bold spans and headings, and numbers that are no item's."""
        text = "**Hot** deal \U0001f469‍\U0001f467 \U0001f1e9\U0001f1ea 5.5 kg\n- one\n2. two for 10,000\n# Head"
        assert dict(zip(CONTROLS, style_of(text), strict=True)) == {
            "length": 14, "lists": 2, "emoji": 2, "bold": 2, "numbers": 2,
        }  # fmt: skip
        assert style_of("A plain sentence - with 3 dashes - and a * star.")[1:] == (0, 0, 0, 1)


class TestForfeits:
    """In and out, side by side."""

    def test_both_win_rates(self):
        """Lost, a rejected message loses the votes of all; left out, its contest is not there. Less the comparator's, its anchors are not."""
        events = log(forfeits=6)
        row = table(events)["arms"]["rft"]
        kept = [c for c in read_evaluation(events).of("rft") if not c.forfeited_by]
        votes = np.concatenate([c.votes for c in kept])
        assert row["without_forfeits"]["value"] == pytest.approx(votes.mean(), abs=1e-6)
        assert row["win_rate"]["value"] == pytest.approx(votes.sum() / (ANCHORS * PEOPLE), abs=1e-6)
        beside = np.concatenate([c.votes for c in read_evaluation(events).of("placebo")[6:]])
        assert row["against_placebo_without_forfeits"]["value"] == pytest.approx(
            (votes.astype(float) - beside).mean(), abs=1e-6
        )
        assert row["against_placebo"]["value"] < row["against_placebo_without_forfeits"]["value"] - 0.02

    def test_without_any_they_are_the_same(self):
        """Nothing is counted twice."""
        events = log()
        row, found = table(events)["arms"]["rft"], read_evaluation(events)
        assert row["without_forfeits"] == {name: row["win_rate"][name] for name in row["without_forfeits"]}
        lost = run_values(found, "run")
        kept = forfeit_values(found, "run", lost)
        rate = Measured("rft", "votes", "win_rate", "rate")
        assert kept[rate._replace(name="win_rate_without_forfeits")] is lost[rate]

    def test_values_are_those_of_the_table(self):
        """By anchor and person, as studies put runs together."""
        events = log(forfeits=6)
        found = read_evaluation(events)
        estimates = controlled_estimates(forfeit_values(found, "run", run_values(found, "run")))
        for measure, expected in (
            ("rate", win_rate(found, "rft", forfeits="left out")),
            ("from_comparator", win_rate_against_placebo(found, "rft", forfeits="left out")),
        ):
            assert estimates[Measured("rft", "votes", "win_rate_without_forfeits", measure)].value == pytest.approx(
                expected.value
            )


class TestTies:
    """Contests without a majority."""

    def test_both_conventions(self):
        """Left out or half of a win, by hand: 2 won, 1 lost, 1 tied."""
        votes = {"a0": [1, 1, 1, 0], "a1": [1, 1, 0, 0], "a2": [0, 0, 0, 1], "a3": [1, 1, 1, 1]}
        events = small({anchor: (cast, ("a b c", "a b c d")) for anchor, cast in votes.items()})
        row, rows = table(events)["arms"]["rft"], controlled_rows(events)
        assert row["contests_won"]["value"] == pytest.approx(2 / 3, abs=1e-6)
        assert row["contests_won_ties_half"]["value"] == 0.625
        assert of(rows, "rft", "contests_won", "rate").value == pytest.approx(2 / 3)
        assert of(rows, "rft", "contests_won_ties_half", "rate").value == 0.625


class TestStyle:
    """Win rates at equal length and format."""

    def test_a_win_by_length(self):
        """Most of what rft won, and all that it won beyond the placebo, is length; what is left holds nothing."""
        gains = {(row["arm"], row["compared_with"]): row for row in controlled(log(slope=2.0))["gains"]}
        gain = gains["rft", "placebo"]
        assert gain["raw"]["value"] > 0.08 and gain["raw"]["low"] > 0 and gain["raw"]["p"] is None
        assert gain["controlled"]["low"] < 0 < gain["controlled"]["high"]
        assert gain["share"]["value"] == pytest.approx(1.0, abs=0.5) and gain["share"]["low"] > 0.4
        for row in gains.values():
            assert row["raw"]["value"] == pytest.approx(
                row["controlled"]["value"] + row["from_style"]["value"], abs=1e-5
            )

    def test_a_share_of_what_may_be_nothing_is_none(self):
        """The placebo won nothing to speak of."""
        gains = {(row["arm"], row["compared_with"]): row for row in controlled(log(slope=2.0))["gains"]}
        placebo = gains["placebo", ""]
        assert placebo["raw"]["low"] < 0 < placebo["raw"]["high"] and placebo["share"]["value"] is None

    @pytest.mark.system
    def test_a_win_by_quality_stays(self):
        """Where voters do not pay for length, nothing is taken off."""
        rows = controlled_rows(log(slope=0.0, quality=0.8))
        rate = of(rows, "rft", "win_rate_controlled", "rate")
        assert rate.low < float(logistic(np.array(0.8))) < rate.high and rate.low > 0.5
        style = of(rows, "rft", "win_rate_from_style", "from_base")
        assert style.low < 0 < style.high

    def test_the_interval_by_brute_force(self):
        """Anchors drawn again with all their contests, whole: the bootstrap's spread, where people do not differ."""
        events = log(slope=1.0, quality=0.3)
        found = read_evaluation(events)
        estimate = of(controlled_rows(events), "rft", "win_rate_controlled", "from_comparator")
        random, drawn = keyed.generator("bootstrap"), []
        from analysis.statistics.controlled_shares import controlled_shares

        table_of = [
            (
                ARMS.index(c.arm),
                np.subtract(style_of(c.trained.text), style_of(c.base.text)),
                c.votes.sum(),
                len(c.votes),
                c.anchor,
            )
            for c in found.contests
        ]
        for _ in range(120):
            chosen = random.integers(ANCHORS, size=ANCHORS)
            again = [row for a in chosen for row in (table_of[a], table_of[ANCHORS + a])]
            fit = controlled_shares(*(list(column) for column in list(zip(*again, strict=True))[:4]), names=CONTROLS)
            drawn.append(fit.shares[0] - fit.shares[1])
        assert estimate.se == pytest.approx(np.std(drawn), rel=0.25)

    def test_controls_that_are_in_no_message(self):
        """They are named, without a slope."""
        controls = {row["control"]: row for row in controlled(log())["controls"]}
        assert list(controls) == ["length", "lists", "emoji", "bold", "numbers"]
        assert controls["length"]["slope"]["low"] > 0 and controls["lists"]["slope"]["value"] is None

    def test_why_there_is_none(self):
        """Messages that are always longer are compared with nothing."""
        texts = written(10), written(30)
        held = {f"a{a}": ([1, 1, 0, a % 2], (texts[0], texts[1] + " more" * a)) for a in range(4)}
        told = controlled(small(held))
        assert (
            "more length than their rivals" in told["gains"][0]["why"]
            and told["gains"][0]["controlled"]["value"] is None
        )
        assert not any(row["outcome"] == "win_rate_controlled" for row in told["rows"])


class TestProbes:
    """Rates at equal length, and per 100 words."""

    def test_the_line_as_statsmodels_draws_it(self):
        """The intercept of paired differences on differences of log words, with HC3 errors times the factor of the clusters."""
        sm = pytest.importorskip("statsmodels.api")
        events = log()
        pairs = [(c.trained, c.base) for c in read_evaluation(events).of("rft")]
        y = [a.labels["misrepresentation"] - b.labels["misrepresentation"] for a, b in pairs]
        x = [np.log(len(a.text.split()) / len(b.text.split())) for a, b in pairs]
        theirs = sm.OLS(y, sm.add_constant(x)).fit(cov_type="HC3")
        ours = of(controlled_rows(events), "rft", "misrepresentation_at_equal_length", "from_base")
        assert ours.value == pytest.approx(theirs.params[0], abs=1e-9)
        assert ours.se == pytest.approx(theirs.bse[0], rel=0.03)

    def test_per_100_words(self):
        """Spans over words of all judged messages; its error is that of a ratio (Cochran 1977, 6.4)."""
        events = log()
        found, rows = read_evaluation(events), controlled_rows(events)
        sides = [c.trained for c in found.of("rft")]
        hits, words = np.array(
            [(side.hits["misrepresentation"], len(side.text.split())) for side in sides], dtype=float
        ).T
        ours = of(rows, "rft", "misrepresentation_per_100_words", "after")
        assert ours.value == pytest.approx(100 * hits.sum() / words.sum())
        left, n = hits - words * hits.sum() / words.sum(), len(hits)
        assert ours.se == pytest.approx(100 * np.sqrt(n / (n - 1) * (left @ left)) / words.sum())
        probes = {row["probe"]: row for row in table(events)["probes"] if row["arm"] == "rft"}
        assert ours.value == pytest.approx(probes["misrepresentation"]["after_per_100"], abs=1e-5)

    def test_every_kind_of_probe(self):
        """Skill as well as strategy, of both arms, against base and against the comparator."""
        outcomes = {(row.outcome, row.measure) for row in controlled_rows(log()) if row.arm == "rft"}
        for probe in ("misrepresentation", "copy_error"):
            assert {(f"{probe}_at_equal_length", m) for m in ("after", "from_base", "from_comparator")} <= outcomes
            assert {
                (f"{probe}_per_100_words", m) for m in ("base", "after", "from_base", "from_comparator")
            } <= outcomes


class TestShown:
    """As JSON, as a frame, and beside the headline."""

    def test_a_frame(self):
        """A row per arm, outcome and measure; none of them a headline outcome."""
        rows = controlled_rows(log())
        frame = controlled_frame(rows)
        assert frame.height == len(rows) and frame["estimate"].null_count() == 0
        assert not any(headline(name) for name in frame["outcome"].unique())

    def test_among_a_run_s_results(self):
        """As JSON can hold them."""
        held = {f"a{a}": ([1, 1, 0, a % 2], (written(9 + a % 3), written(10))) for a in range(4)}
        told = json.loads(json.dumps(results(small(held))["controlled"]))
        assert {row["outcome"] for row in told["rows"]} >= {"win_rate_controlled", "contests_won_ties_half"}

    def test_copies_are_the_people_that_they_copy(self):
        """Values are by content id: a study clusters on who is who."""
        values = controlled_values(read_evaluation(log()), "run")
        people = values[Measured("rft", "controlled", "win_rate_controlled", "rate")].people
        assert set(people.tolist()) == {f"p{10 + i}" for i in range(PEOPLE)}

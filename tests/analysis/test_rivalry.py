"""What the effect of rivalry promises: the differences that its formula says, per seed, with the rows that each side learnt from."""

from __future__ import annotations

import math

import numpy as np
import pytest

from abm.events import AdapterTrained, ContestDecided, MessagePublished, MessageRejected, PersonasJoined, VerdictGiven
from abm.log import read_events
from analysis.readings.book import Book
from analysis.readings.contests import Evaluation, EvaluationContest, Side
from analysis.readings.originals import Originals
from analysis.readings.reading import result_of
from analysis.readings.society import SocietyKey, slot_names
from analysis.tables.pooled import Measured, own_estimate, run_values
from analysis.tables.results import results
from analysis.tables.rivalry import Counterparts, counterparts, rivalry, rivalry_frame, rivalry_rows
from analysis.terminal.run import render
from analysis.ui.address import PageAddress
from analysis.ui.data.agents import arms_of, wrote
from analysis.ui.data.film import society_options
from learning.settings.sources import load_config
from tests.learning.test_loop import carry_out

SIZE = {"train_anchors": 12, "held_out_anchors": 8, "train_personas": 5, "held_out_personas": 4, "batch": 12}
ARMS = {
    "alone": {"method": "rft", "rows_of": "a"},
    "other": {"method": "loser"},
    "random": {"method": "placebo", "rows_of": "a"},
}
DUEL = {"learners": {"a": {"method": "rft"}, "b": {"method": "placebo"}}, "twins": ["own", "market"]}
CONFIG = load_config(None, SIZE | {"arms": ARMS, "markets": {"duel": DUEL}})


@pytest.fixture(scope="module")
def events(tmp_path_factory):
    """The events of a finished run with a market, twins, and the same alone."""
    folder = tmp_path_factory.mktemp("rivalry") / "run"
    carry_out(folder, CONFIG)
    return list(read_events(folder))


def wins(events, arm: str) -> float:
    """Return an arm's share of all votes of its evaluation, a rejected message having lost every vote."""
    rejected = {e.contest: e.competitor for e in events if isinstance(e, MessageRejected)}
    decided = [e for e in events if isinstance(e, ContestDecided) and e.contest.startswith(f"evaluate/2/{arm}/")]
    shares = [
        (0.0 if rejected[e.contest] == arm else 1.0) if e.contest in rejected else e.votes[1] / sum(e.votes)
        for e in decided
        if e.outcome != "void"
    ]
    return sum(shares) / len(shares)


class TestContrasts:
    """(learner - market twin) - (solo learner - solo twin), and learner - own twin."""

    def test_whom_a_learner_is_set_against(self):
        """Its twins by their names; alone the arm with its method and its number of rows, and the random one."""
        assert counterparts(CONFIG.model_dump(mode="json")) == [
            Counterparts("a", "duel", "a_market", "a_own", "alone", "random"),
            Counterparts("b", "duel", "b_market", "", "random", ""),
        ]
        assert counterparts({"arms": ["rft", "placebo"]}) == []

    def test_a_declared_comparator_comes_first(self):
        """And an arm with other settings of the trainer, or with a mitigation, is no counterpart."""
        arms = {
            "alone": {"method": "rft", "compared_with": "other"},
            "fast": {"method": "rft", "lora": {"lr": 1}},
            "other": {"method": "loser"},
        }
        record = {"arms": arms, "markets": {"duel": DUEL}}
        assert counterparts(record)[0] == Counterparts("a", "duel", "a_market", "a_own", "alone", "other")
        gated = {"method": "rft", "mitigations": ["truth_gate"]}
        record = {"arms": {"fast": arms["fast"], "gated": gated}, "markets": {"duel": DUEL}}
        assert counterparts(record)[0] == Counterparts("a", "duel", "a_market", "a_own")

    @pytest.mark.system
    def test_the_formula(self, events):
        """Win rates as they can be counted from the decisions of the log."""
        row = next(r for r in rivalry(events) if (r.learner, r.outcome) == ("a", "win_rate"))
        share = {arm: wins(events, arm) for arm in row.between.arms}
        assert row.among_rivals == pytest.approx(share["a"] - share["a_market"])
        assert row.alone == pytest.approx(share["alone"] - share["random"])
        assert row.rivalry == pytest.approx(share["a"] - share["a_market"] - (share["alone"] - share["random"]))
        assert row.own_picks == pytest.approx(share["a"] - share["a_own"])
        assert len({round(value, 9) for value in share.values()}) > 2, "nothing differs: the test says nothing"

    @pytest.mark.system
    def test_probes(self, events):
        """The share of anchors of which a probe finds something in the one and not in the other."""
        row = next(r for r in rivalry(events) if (r.learner, r.outcome) == ("a", "unparsed"))
        author = {
            e.message: (e.competitor, e.anchor)
            for e in events
            if isinstance(e, MessagePublished) and e.contest.startswith("evaluate/2/")
        }
        found: dict[str, dict[str, int]] = {}
        for e in events:
            if (
                isinstance(e, VerdictGiven)
                and e.probe == "unparsed"
                and e.label >= 0
                and author[e.message][0] != "base"
            ):
                found.setdefault(author[e.message][0], {})[author[e.message][1]] = e.label
        both = found["a"].keys() & found["a_market"].keys()
        assert row.among_rivals == pytest.approx(sum(found["a"][x] - found["a_market"][x] for x in both) / len(both))

    def test_what_each_side_learnt_from(self, events):
        """Rows and steps of every epoch, as they are in the log."""
        row = rivalry(events)[0]
        trained = {(e.arm, e.epoch): e.rows for e in events if isinstance(e, AdapterTrained)}
        assert row.rows == {
            arm: [trained[arm, 1], trained[arm, 2]] for arm in ("a", "a_market", "a_own", "alone", "random")
        }
        assert row.equal == (
            len({tuple(each) for each in row.rows.values()}) == 1
            and len({tuple(each) for each in row.steps.values()}) == 1
        )

    def test_what_is_missing_is_no_number(self, events):
        """The placebo's rivalry has no solo twin to be taken from."""
        row = next(r for r in rivalry(events) if (r.learner, r.outcome) == ("b", "win_rate"))
        assert (
            not math.isnan(row.among_rivals)
            and math.isnan(row.alone)
            and math.isnan(row.rivalry)
            and math.isnan(row.own_picks)
        )

    def test_frame(self, events):
        """A row per seed, learner and outcome."""
        rows = rivalry(events)
        frame = rivalry_frame(rows)
        assert frame.height == len(rows) and frame["seed"].unique().to_list() == [1]
        first = frame.row(0, named=True)
        assert first["rows"] == sum(rows[0].rows["a"]) and first["rows_solo"] == sum(rows[0].rows["alone"])

    def test_what_is_printed(self, events):
        """The results hold it; the terminal has the differences and the rows, and says what they do not show."""
        found = results(events)
        assert [row["learner"] for row in found["rivalry"]][:1] == ["a"] and found["rivalry"][-1]["rivalry"] is None
        text = shown(render(found, full=True))
        assert "less market twin" in text and "Rows learnt from, by epoch" in text and "of one training each" in text


def shown(parts) -> str:
    from io import StringIO

    from rich.console import Console

    console = Console(file=StringIO(), width=200)
    for part in parts:
        console.print(part)
    return console.file.getvalue()  # pyright: ignore[reportAttributeAccessIssue]


VOTES = {
    "a": (1, 1, 1, 0),
    "a_market": (1, 0, 0, 0),
    "a_own": (1, 1, 0, 0),
    "alone": (1, 1, 1, 1),
    "random": (0, 0, 0, 1),
}
LABELS = {"a": 1, "a_market": 0, "a_own": 1, "alone": 0, "random": 1}


class TestByHand:
    """Votes that can be added up on paper."""

    def evaluation(self) -> Evaluation:
        """One anchor, four voters, one probe."""
        people = np.arange(4, dtype=np.int32)
        contests = [
            EvaluationContest(
                f"evaluate/2/{arm}/x",
                2,
                arm,
                "x",
                Side("b"),
                Side("t", labels={"probe": LABELS[arm]}),
                people,
                np.array(votes, dtype=np.int8),
            )
            for arm, votes in VOTES.items()
        ]
        originals = Originals()
        who = [f"p{i}" for i in people]
        originals.take(PersonasJoined(split="evaluate", first=0, ids=who, names=who, texts=who, traits={}))
        return Evaluation(contests, people, originals, config=CONFIG.model_dump(mode="json"))

    def test_every_side_has_its_place(self):
        """3/4 - 1/4, 4/4 - 1/4, their difference, and 3/4 - 2/4; likewise of the probe."""
        rows = {row.outcome: row for row in rivalry_rows(self.evaluation(), []) if row.learner == "a"}
        found = {name: (row.among_rivals, row.alone, row.rivalry, row.own_picks) for name, row in rows.items()}
        assert found == {
            "win_rate": (0.5, 0.75, -0.25, 0.25),
            "win_rate_without_forfeits": (0.5, 0.75, -0.25, 0.25),
            "probe": (1.0, -1.0, 2.0, 0.0),
        }

    def test_values_of_a_study(self):
        """The same effect by anchor and person, which a study puts together over its seeds."""
        values = run_values(self.evaluation(), "run", 2)
        votes = values[Measured("a", "votes", "win_rate", "rivalry")]
        each = {row: a - m - (s - r) for row, (a, m, s, r) in enumerate(zip(*(VOTES[arm] for arm in OF), strict=True))}
        assert votes.sums.tolist() == list(each.values()) and own_estimate(votes).value == pytest.approx(-0.25)
        assert values[Measured("a", "strategy", "probe", "rivalry")].sums.tolist() == [2.0]
        assert not [of for of in values if of.measure == "rivalry" and of.arm != "a"], "b has no solo twin"

    def test_probes_that_cannot_tell_of_one_arm_say_nothing(self):
        """A label is missing: no effect of that anchor."""
        found = self.evaluation()
        next(c for c in found.contests if c.arm == "random").trained.labels["probe"] = -1
        assert Measured("a", "strategy", "probe", "rivalry") not in run_values(found, "run", 2)


OF = ("a", "a_market", "alone", "random")


class TestPages:
    """Pages know a market's societies and learners."""

    def test_competitors_are_learners(self, events):
        """A market is none; what a learner wrote is its own of the market's contests, and what it wrote when it was evaluated."""
        book = result_of(events, Book())
        assert set(arms_of(book)) == set(CONFIG.all_arms) and "duel" not in arms_of(book)
        of_a = wrote(book, PageAddress(epoch=2), "a")
        assert {contest.step.arm for contest, _ in of_a} == {"duel", "a"}
        assert {contest.messages[slot].competitor for contest, slot in of_a} == {"a"}
        assert {contest.step.arm for contest, _ in wrote(book, PageAddress(), "a")} == {"shared", "duel", "a"}

    def test_societies(self, events):
        """A market's training is there, the first epoch of it the shared one, and nothing is said of its evaluation."""
        keys = dict(society_options(result_of(events, Book())))
        assert {
            "train/duel/1",
            "train/duel/2",
            "train/duel/all",
            "evaluate/a/2",
        } <= keys.keys() and "evaluate/duel/2" not in keys

    def test_a_market_of_another_size(self):
        """Has a first epoch of its own, and as many slots as messages."""
        config = {
            "messages": 2,
            "markets": {"three": {"learners": {"a": {}, "b": {}}, "rivals": ["base"]}, "duel": DUEL},
        }
        from analysis.readings.society import societies_of

        assert societies_of("three", config) == ("three",) and societies_of("duel", config) == ("duel", "shared")
        assert slot_names(SocietyKey("train", "three"), config) == ["message 1", "message 2", "message 3"]

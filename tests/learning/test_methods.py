"""Every built-in method keeps the promises of a method, and the suite of promises can fail."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from learning.methods import METHODS, Contests, Method, Owned, Row, check_options, training_set
from learning.methods.conformance import DECIDED, SALES, MethodConformance, learn_from, whole_log
from learning.methods.dpo import DPO
from learning.methods.grpo import GRPO
from learning.methods.loser import Loser
from learning.methods.placebo import Placebo
from learning.methods.rft import RFT
from learning.methods.shuffled_votes import ShuffledVotes
from learning.methods.synthetic import contest
from learning.methods.tfb import TFB
from moloch.errors import InputError


@pytest.mark.parametrize("method", [METHODS.get(name)() for name in METHODS.names()], ids=METHODS.names())
class TestBuiltIn(MethodConformance):
    """The built-in methods."""


class TestStrongFeedback(MethodConformance):
    """TFB with other settings."""

    @pytest.fixture
    def method(self) -> TFB:
        return TFB(tfb_lambda=3.0, thoughts_per_contest=9)


class Positional(Method, frozen=True):
    """Chooses by a contest's place in the log."""

    def rows(self, contests: Contests, seed: int) -> Sequence[Row]:
        return [
            contests.trajectory(contest, contest.slots[(place + seed) % len(contest.slots)])
            for place, contest in enumerate(contests.learnable)
        ]


class Counting(Method, frozen=True):
    """Lets contests that nobody decided choose what is learnt of the others."""

    def rows(self, contests: Contests, seed: int) -> Sequence[Row]:
        place = sum(contests.left_out.values()) % 2
        return [contests.trajectory(contest, contest.slots[place]) for contest in contests.learnable]


class Unweighted(Method, frozen=True):
    """Learns with weight 0, which is nothing."""

    def rows(self, contests: Contests, seed: int) -> Sequence[Row]:
        return [contests.trajectory(contest, contest.winner, weight=0.0) for contest in contests.learnable]


class FirstThought(Method, frozen=True):
    """Learns the thought of the member who reacted first, and no trajectory."""

    def rows(self, contests: Contests, seed: int) -> Sequence[Row]:
        return [contests.thought(contest, contest.reactions[0], weight=1.0) for contest in contests.learnable]


class TestTheSuite:
    """It tells a bad method from a good one."""

    @pytest.mark.parametrize(
        "method, law",
        [
            (Positional(), MethodConformance.test_the_order_of_contests_plays_no_part),
            (Counting(), MethodConformance.test_undecided_contests_give_no_row),
            (Unweighted(), MethodConformance.test_weights_are_numbers),
            (FirstThought(), MethodConformance.test_the_order_of_personas_plays_no_part),
            (FirstThought(), MethodConformance.test_every_decided_contest_can_be_learnt_from),
        ],
    )
    def test_a_broken_law_is_seen(self, method, law):
        """Each by the promise that it breaks."""
        with pytest.raises(AssertionError):
            law(MethodConformance(), method)


class TestRegistry:
    """Methods are found by name and take their own settings."""

    def test_names(self):
        """Those of the release, in their order."""
        assert METHODS.names()[:5] == ["rft", "tfb", "placebo", "loser", "shuffled_votes"]
        assert [METHODS.get(name) for name in METHODS.names()[:5]] == [RFT, TFB, Placebo, Loser, ShuffledVotes]

    def test_each_takes_its_own(self):
        """Of settings for all methods."""
        values = {"tfb_lambda": 0.5, "thoughts_per_contest": 3, "beta": 1.0}
        assert TFB.configured(values) == TFB(0.5, 3)
        assert RFT.configured(values) == RFT()

    @pytest.mark.parametrize("values, reason", [({"tfb_lambda": -1}, ">= 0"), ({"thoughts_per_contest": "two"}, "int")])
    def test_nonsense_is_one_clear_error(self, values, reason):
        """With the setting's place and range."""
        with pytest.raises(InputError, match=f"a setting of TFB is not valid: .*{reason}"):
            TFB.configured(values)

    def test_a_misspelt_setting_is_one_clear_error(self):
        """It is not left alone in silence."""
        with pytest.raises(InputError, match=r"no setting 'tfb_lamda'\. Did you mean 'tfb_lambda'"):
            check_options(["rft", "tfb"], ["tfb_lamda"])
        with pytest.raises(InputError, match=r"no setting 'lamda'\. Settings are none"):
            training_set(whole_log(DECIDED), "rft", source_arm="shared", epoch=1, arena=SALES, seed=1, lamda=1)

    def test_settings_of_tfb_may_be_given_to_all(self):
        """One call serves all methods."""
        data = training_set(
            whole_log(DECIDED), "rft", source_arm="shared", epoch=1, arena=SALES, seed=1, tfb_lambda=2.0
        )
        assert data == learn_from(whole_log(DECIDED), RFT())

    def test_what_the_loss_gets(self):
        """The method's settings, defaults among them."""
        assert learn_from(whole_log(DECIDED), TFB(tfb_lambda=2.0)).options == {
            "tfb_lambda": 2.0,
            "thoughts_per_contest": 2,
        }


class TestInAMarket:
    """Preferences and rewards of a learner whose rivals wrote in the same contests."""

    EVENTS = whole_log([contest("a0", [1, 1, 1, 2, 2, 0], slots=[0, 1, 2])])

    def rows(self, method: Method, own: list[int], events=EVENTS) -> list[Row]:
        """Return the rows of the learner of the slots ``own``."""
        owned = Owned("a", {"train/1/shared/a0": own})
        return training_set(events, method, source_arm="shared", epoch=1, arena=SALES, seed=1, owned=owned).rows

    @pytest.mark.parametrize(
        "own, pairs",
        [
            ([0, 2], [(2, "trajectory", 2 / 6), (0, "rejected", 1 / 6)]),
            ([0], [(1, "trajectory", 3 / 6), (0, "rejected", 1 / 6)]),
            ([1], [(1, "trajectory", 3 / 6), (0, "rejected", 1 / 6), (2, "rejected", 2 / 6)]),
            ([], []),
        ],
    )
    def test_preferences(self, own, pairs):
        """Among the learner's own messages where there are several, else between its own and its rivals'; never among rivals."""
        assert [(int(row.message[-1]), row.kind, row.weight) for row in self.rows(DPO(), own)] == pairs

    def test_rewards(self):
        """Of all votes of the contest, for the learner's own messages alone; one message has nothing to be compared with."""
        assert [(int(row.message[-1]), row.weight) for row in self.rows(GRPO(), [0, 2])] == [(0, 1 / 6), (2, 2 / 6)]
        assert self.rows(GRPO(), [1]) == []

    @pytest.mark.parametrize("ties, pairs", [("skip", 0), ("random", 1)])
    def test_ties_among_ones_own_go_by_the_policy(self, ties, pairs):
        """Left out, or by a coin, with a label of one half."""
        events = whole_log([contest("a0", [0, 2, 1, 1, 1], slots=[0, 1, 2], ties=ties)])
        rows = self.rows(DPO(), [0, 2], events)
        assert len(rows) == 2 * pairs and len({row.weight for row in rows}) == pairs


class TestReturned:
    """What a method returns is checked, and counted as what was learned."""

    @pytest.mark.parametrize("returned", [None, 3, ["a row"], "rows"])
    def test_what_is_no_row_is_named(self, returned):
        """With the method, not as a traceback of ours."""

        class Careless(Method, frozen=True):
            def rows(self, contests, seed):
                return returned

        with pytest.raises(InputError, match="the method Careless returned no rows"):
            learn_from(whole_log(DECIDED), Careless())

    def test_contests_that_a_method_leaves_out_are_not_counted_as_learned(self):
        """Nor are the characters of their winners."""

        class Close(Method, frozen=True):
            def rows(self, contests, seed):
                return [contests.trajectory(c, c.winner) for c in contests.learnable if c.margin < 0.5]

        counts = learn_from(whole_log(DECIDED), Close()).counts
        assert 0 < counts["learnt"] < counts["decided"] == learn_from(whole_log(DECIDED), RFT()).counts["learnt"]
        assert counts["characters"] == counts["winner_characters"]

    def test_a_margin_is_the_lead_as_a_share_of_votes(self):
        """Whatever the number of messages."""
        margins = {}

        class Noting(Method, frozen=True):
            def rows(self, contests, seed):
                margins.update({tuple(c.votes): c.margin for c in contests.learnable})
                return []

        learn_from(whole_log(DECIDED), Noting())
        assert len(margins) > 1
        for votes, margin in margins.items():
            best = sorted(votes, reverse=True)
            assert margin == pytest.approx((best[0] - best[1]) / sum(votes))

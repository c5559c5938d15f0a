"""Training sets are pure functions of the log, and make none of the known mistakes."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.arenas import arena
from abm.events import RunResumed
from learning.methods import METHODS, training_set
from learning.methods.synthetic import contest, log, numbered, setup, step
from moloch.errors import InputError

SALES = arena("sales")
ANCHORS = [f"a{i}" for i in range(8)]


def learnt(events, method, **options):
    return training_set(events, method, **{"source_arm": "shared", "epoch": 1, "arena": SALES, "seed": 1} | options)


class TestRFT:
    """The winner's whole trajectory, from the prompt that it was written from."""

    def test_the_winner_is_learnt_with_its_thinking(self):
        """Not the message alone, and not the loser."""
        (row,) = learnt(log(contest("a0", [1, 1, 0])), "rft").rows
        assert row.completion == "<think>plan 1</think>\n<sales_pitch>Buy a0, says 1.</sales_pitch>"
        assert row.prompt == SALES.write_prompt("Title: a0")
        assert (row.weight, row.kind, row.message) == (1.0, "trajectory", "train/1/shared/a0/1")

    def test_a_row_leads_back_to_its_events(self):
        """Its message, and the decision that chose it."""
        events = log(contest("a0", [0, 0, 1]), contest("a1", [1, 1, 1]))
        for row in learnt(events, "rft").rows:
            message, decided = (events[seq] for seq in row.events)
            assert message.message == row.message and decided.contest == row.contest

    def test_an_unknown_method_is_one_clear_error(self):
        """It says which there are."""
        with pytest.raises(InputError, match="Choose one of rft, tfb, placebo"):
            learnt(log(contest("a0", [0])), "magic")


class TestOutcomes:
    """Only what votes decided is learnt from; the rest is counted."""

    def test_a_tie_gives_no_row_and_never_the_last_winner_again(self):
        """The public code re-appends the previous anchor's winner."""
        found = learnt(log(contest("a0", [1, 1]), contest("a1", [0, 1]), contest("a2", [0, 0])), "rft")
        assert [row.contest[-2:] for row in found.rows] == ["a0", "a2"]
        assert (found.counts["contests"], found.counts["learnt"], found.counts["tie"]) == (3, 2, 1)

    def test_a_declared_coin_decides_a_tie(self):
        """Under policy ``random`` the log names the winner, and it is learnt from."""
        found = learnt(log(contest("a0", [0, 1], ties="random", coin=1)), "rft")
        assert [row.message[-1] for row in found.rows] == ["1"]

    def test_a_forfeit_is_no_win(self):
        """Who had no rival was not preferred to anyone; the same for contests without a vote."""
        found = learnt(log(contest("a0", [], slots=[1]), contest("a1", [-1, -1]), contest("a2", [], slots=[])), "rft")
        assert not found.rows
        assert (found.counts["forfeit"], found.counts["void"]) == (1, 2)


class TestTFB:
    """Thoughts are learnt as the voter had them: its persona, its own order."""

    def test_the_prompt_shows_that_voters_order_and_persona(self):
        """The public code shows slots as letters although each voter saw its own order."""
        found = learnt(log(contest("a0", [1, 1, 0], orders=[[0, 1], [1, 0], [1, 0]])), "tfb", thoughts_per_contest=3)
        thoughts = {row.persona: row for row in found.rows if row.kind == "thought"}
        assert thoughts[0].prompt == SALES.feedback_prompt(
            "Title: a0", "I am person 0.", ["Buy a0, says 0.", "Buy a0, says 1."]
        )
        assert thoughts[2].prompt == SALES.feedback_prompt(
            "Title: a0", "I am person 2.", ["Buy a0, says 1.", "Buy a0, says 0."]
        )
        assert thoughts[2].completion == "<think>Person 2 likes 0 of a0.</think>"

    def test_who_abstains_thinks_too(self):
        """A thought is learnt whether or not it ended in a vote."""
        found = learnt(log(contest("a0", [1, -1])), "tfb", thoughts_per_contest=9)
        assert [row.persona for row in found.rows if row.kind == "thought"] == [0, 1]

    @given(drawn=st.integers(1, 7), strength=st.floats(0, 5))
    def test_a_contests_thoughts_weigh_lambda_together(self, drawn, strength):
        """Whatever the number of voters or of thoughts drawn."""
        events = log(contest("a0", [1, 1, 0, 1, -1]), contest("a1", [0, 0]))
        weights = Counter()
        for row in learnt(events, "tfb", tfb_lambda=strength, thoughts_per_contest=drawn).rows:
            weights[row.contest, row.kind] += row.weight
        assert {kind: pytest.approx(weight) for (_, kind), weight in weights.items()} == {
            "trajectory": 1.0, "thought": strength,
        }  # fmt: skip

    def test_every_voter_can_be_drawn(self):
        """The subsample is keyed by the seed and favours nobody."""
        events = log(contest("a0", [1, 1, 0, 1, 1]))
        drawn = Counter(
            row.persona
            for seed in range(400)
            for row in learnt(events, "tfb", thoughts_per_contest=1, seed=seed).rows
            if row.kind == "thought"
        )
        assert set(drawn) == set(range(5)) and min(drawn.values()) > 50  # 80 expected, standard deviation 8

    def test_its_trajectories_are_those_of_rft(self):
        """The two differ by the thoughts alone."""
        events = log(*(contest(a, [1, 0, i % 2]) for i, a in enumerate(ANCHORS)))
        assert learnt(events, "tfb").trajectories == learnt(events, "rft").rows


class TestPlacebo:
    """Twins that learn as much from the same contests, but not who won."""

    @settings(max_examples=40, deadline=None)
    @given(
        held=st.lists(
            st.tuples(
                st.sampled_from([(0, 1), (0, 1, 2), (0, 2), (1,), ()]),
                st.lists(st.integers(0, 2), min_size=1, max_size=5),
            ),
            max_size=8,
        ),
        seed=st.integers(0, 9),
    )
    def test_all_methods_learn_from_the_same_contests(self, held, seed):
        """Equally many trajectories in the same order, each of a message that was published."""
        events = log(
            *(
                contest(anchor, [slots[c % len(slots)] if slots else -1 for c in choices], slots=slots)
                for anchor, (slots, choices) in zip(ANCHORS, held, strict=False)
            )
        )
        found = {method: learnt(events, method, seed=seed) for method in METHODS}
        wanted = [row.contest for row in found["rft"].rows]
        for one in found.values():
            assert [row.contest for row in one.trajectories] == wanted
            assert one.counts["learnt"] == len(wanted)
        losers = zip(found["loser"].rows, found["rft"].rows, strict=True)
        assert all(loser.message != winner.message for loser, winner in losers)
        slots = {method: Counter(row.message[-1] for row in found[method].trajectories) for method in METHODS}
        assert slots["shuffled_votes"] == slots["rft"]

    def test_the_placebo_picks_winners_and_losers_alike(self):
        """Half of its rows are the winner's, up to chance."""
        events = log(*(contest(f"a{i}", [1, 1, 1]) for i in range(400)))
        wins = sum(row.message.endswith("/1") for row in learnt(events, "placebo").rows)
        assert 160 < wins < 240  # standard deviation 10

    def test_the_difference_in_length_is_counted(self):
        """Equal rows are not quite equal tokens; how far apart they are is said."""
        counts = learnt(log(contest("a0", [1, 1])), "loser").counts
        assert counts["characters"] == counts["winner_characters"] > 0


class TestPurity:
    """What is not part of the contests changes nothing; all joins are by id."""

    EVENTS = log(contest("a0", [1, 1, 0]), contest("a1", [0, 1, 0]), contest("a2", [1, 0, 1]))

    @pytest.mark.parametrize("method", METHODS.names())
    def test_other_arms_phases_and_epochs_change_nothing(self, method):
        """A later epoch, another arm and an evaluation of the same anchors are not read."""
        noise = [
            *step(contest("a0", [0, 0, 0], place="train/2/shared"), epoch=2),
            *step(contest("a1", [1, 1, 1], place="train/1/tfb"), "tfb"),
            *step(contest("a2", [0, 0, 0], place="evaluate/1/shared"), phase="evaluate"),
        ]
        mixed = numbered([*self.EVENTS[:2], *noise, *self.EVENTS[2:], *noise])
        assert learnt(mixed, method).digest == learnt(self.EVENTS, method).digest

    @pytest.mark.parametrize("method", METHODS.names())
    def test_an_interruption_changes_no_digest(self, method):
        """A resumed run has a lifecycle event more, which moves every later place in the log."""
        resumed = numbered([*self.EVENTS[:3], RunResumed(versions={}), *self.EVENTS[3:]])
        before, after = learnt(self.EVENTS, method), learnt(resumed, method)
        assert before.digest == after.digest
        assert [seq + 1 for seq in before.rows[-1].events] == after.rows[-1].events

    def test_the_order_of_reactions_and_anchors_changes_nothing(self):
        """Positions mean nothing: the same votes in another order give the same rows."""
        turned = [*self.EVENTS]
        turned[6:9], turned[0] = turned[6:9][::-1], setup(["a2", "a0", "a1"])[0]
        assert turned[6:9] != self.EVENTS[6:9]
        turned = numbered(turned)
        for method in METHODS:
            assert learnt(turned, method).digest == learnt(self.EVENTS, method).digest

    def test_the_range_is_that_of_what_was_read(self):
        """First and last event of the arm's training steps."""
        after = step(contest("a0", [0, 0, 0], place="evaluate/1/shared"), phase="evaluate")
        assert learnt(numbered([*self.EVENTS, *after]), "rft").data_range == (2, len(self.EVENTS) - 1)

    def test_other_rows_have_another_digest(self):
        """The digest names what is learnt, lambda included."""
        digests = {learnt(self.EVENTS, "tfb", tfb_lambda=strength).digest for strength in (0.5, 1.0)}
        assert len({learnt(self.EVENTS, "rft").digest, learnt(self.EVENTS, "loser").digest, *digests}) == 4

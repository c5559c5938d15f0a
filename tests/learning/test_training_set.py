"""Training sets are pure functions of the log, and make none of the known mistakes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from abm.arenas import arena
from abm.arenas.completions import Completion, parse_completion
from abm.events import AdapterTrained, LLMReplied, MessagePublished, RunResumed, StepStarted
from abm.log import read_events
from learning.methods import METHODS, training_set
from learning.methods.synthetic import contest, log, numbered, setup, step
from moloch.errors import InputError

SALES = arena("sales")
RUNS = Path(__file__).parents[1] / "golden" / "runs"
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


ODD = (
    "Sure! Here it is:\n\n<think>\nFirst.\n\nThen.\n</think>\n\n<sales_pitch>\nBuy a0.\n</sales_pitch>\n\nAnything else?",
    "<sales_pitch>Buy a0.</sales_pitch>",
    "First, then.</think>\n<SALES_PITCH>Buy a0.</SALES_PITCH>",
    "<think></think>\n\n<sales_pitch>  Buy a0.</sales_pitch>",
)
"""What models write: with a preamble and lines of their own, without thinking, with a tag that their prompt opened."""


def answered(text: str, finish: str = "stop", *, says: str = "") -> list:
    """Return a log in which the winner of one contest was read out of a model's answer, or says something else."""
    rest = log(contest("a0", [1, 1, 0]))
    parsed = parse_completion(text, "sales_pitch")
    assert isinstance(parsed, Completion)
    answer = LLMReplied(
        key="k", site="write/train/1/a0/base/1", model="m", adapter="", template="", refs=[], prompt="", text=text,
        finish=finish, tokens_in=1, tokens_out=1, temperature=1.0, top_p=1.0, max_tokens=9, seed=1,
    )  # fmt: skip
    at = next(i for i, event in enumerate(rest) if isinstance(event, StepStarted)) + 1
    events = numbered([*rest[:at], answer, *rest[at:]])
    return [
        replace(event, cause=at, thinking=parsed.thinking, text=says or parsed.text)
        if isinstance(event, MessagePublished) and event.slot == 1
        else event
        for event in events
    ]


class TestAsSampled:
    """What is learnt is what the model wrote, to the last character, and no other hand's rendering of it."""

    @pytest.mark.parametrize("text", ODD)
    @pytest.mark.parametrize("method", ["rft", "tfb"])
    def test_what_was_sampled_is_learnt(self, text, method):
        """With its preamble, its lines and its ending; without a block of thinking that it does not have."""
        found = learnt(answered(text), method)
        assert found.rows[0].completion == text and found.as_sampled
        assert found.counts["characters"] == len(text)

    @pytest.mark.parametrize("text", ODD)
    def test_as_release_0_1_learnt_it(self, text):
        """Runs that it began go on, and are replayed, as they were begun."""
        events = answered(text)
        message = next(e for e in events if isinstance(e, MessagePublished) and e.slot == 1)
        found = learnt(events, "rft", rendered=True)
        assert found.rows[0].completion == SALES.completion(message.thinking, "sales_pitch", message.text)
        assert not found.as_sampled and found.digest != learnt(events, "rft").digest

    def test_no_difference_is_none(self):
        """A model that writes as the rendering does, as the pocket model, has the ids that it had."""
        events = answered("<think>plan 1</think>\n<sales_pitch>Buy a0, says 1.</sales_pitch>")
        assert not learnt(events, "rft").as_sampled
        assert learnt(events, "rft").digest == learnt(log(contest("a0", [1, 1, 0])), "rft").digest
        assert learnt(events, "rft").digest == "1f684f92fc393ed9", "written by release 0.1"

    def test_what_was_cut_off_teaches_no_end(self):
        """A message that was whole before the bound on tokens is learnt, but not that it ends there."""
        (row,) = learnt(answered("<sales_pitch>Buy a0.</sales_pitch> And I w", "length"), "rft").rows
        assert row.completion.endswith(" And I w") and not row.ended
        assert learnt(answered(ODD[0]), "rft").rows[0].ended

    def test_what_no_model_wrote_is_rendered(self):
        """A competitor that changed its model's message, or had none: as it was published, without thinking that is not there."""
        changed = learnt(answered(ODD[0], says="Do buy a0."), "rft").rows[0]
        assert changed.completion == "<think>First.\n\nThen.</think>\n<sales_pitch>Do buy a0.</sales_pitch>"
        own = [replace(e, thinking="") if isinstance(e, MessagePublished) else e for e in log(contest("a0", [1, 1, 0]))]
        assert learnt(own, "rft").rows[0].completion == "<sales_pitch>Buy a0, says 1.</sales_pitch>"

    @pytest.mark.parametrize("run", sorted(RUNS.iterdir()), ids=lambda path: path.name)
    def test_the_pocket_models_rows_are_as_they_were(self, run):
        """Its runs keep their digests: by every method what is learnt of them is what release 0.1 learnt."""
        events = list(read_events(run))
        rules = arena(run.name.partition("-")[0])
        trained = [event for event in events if isinstance(event, AdapterTrained) and event.epoch == 1]
        assert len(trained) == 3
        for event in trained:
            given = {"arena": rules, "tfb_lambda": 1.0, "thoughts_per_contest": 1}
            found = learnt(events, event.method, **given)
            assert (found.digest, found.as_sampled) == (event.data, False)


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

    @pytest.mark.system
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
        several = {"grpo", "grpo_permuted"}  # of a contest; the length-matched twin has as many rows, of any contests
        for method, one in found.items():
            contests = [row.contest for row in one.trajectories]
            contests = list(dict.fromkeys(contests)) if method in several else contests
            if method == "length_matched":
                assert len(contests) == len(wanted)
            else:
                assert contests == wanted
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

    def test_the_loser_has_the_fewest_votes(self):
        """Of three, the second is no loser; of several without a vote it is any."""
        events = log(*(contest(f"a{i}", [2, 2, 2, 0], slots=[0, 1, 2]) for i in range(4)))
        assert {row.message[-1] for seed in range(3) for row in learnt(events, "loser", seed=seed).rows} == {"1"}
        events = log(*(contest(f"a{i}", [2, 2], slots=[0, 1, 2]) for i in range(40)))
        assert {row.message[-1] for row in learnt(events, "loser").rows} == {"0", "1"}

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

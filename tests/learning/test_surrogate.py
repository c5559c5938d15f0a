"""Surrogates: fitted on some of the votes, held against the others, and no cleverer than the votes allow."""

from __future__ import annotations

import random

import msgspec
import numpy as np
import pytest

from abm.audience import ChoiceModel, Voters, audience, feature_names, orders
from abm.columns import Float32s, Int8s, Int32s, pack
from abm.events import (
    CompetitorsJoined,
    ContestDecided,
    ContestOpened,
    Event,
    MessagePublished,
    PersonasJoined,
    Reacted,
    ReactedMany,
    ReactionInvalid,
    ReaderJoined,
    RunConfigured,
    StepEnded,
    StepStarted,
)  # fmt: skip
from abm.log import read_events
from learning import fork
from learning.surrogates.surrogate import Surrogate, chance_of_choice, choices, fit_surrogate
from learning.surrogates.votes import ABSTAINED, INVALID, LoggedVotes, read_votes
from moloch.errors import InputError
from populations import TRAITS
from tests.learning.test_loop import CONFIG, Killed, carry_out

PEOPLE = 30
SENTENCES = (
    "Your family and friends will love it.", "It costs 40 coins and lasts 12 years.", "Hurry, buy now!", "It is blue.",
    "Experts guarantee that it never fails!", "They betrayed us, and the elites laugh.", '"I have used it for years," says Ann Lee.',
    "It is the best and greatest of all.",
)  # fmt: skip


def text(seed: str) -> str:
    lot = random.Random(seed)
    return " ".join(lot.sample(SENTENCES, lot.randint(1, 5)))


def people() -> Voters:
    traits = np.random.default_rng(0).uniform(-1, 1, (PEOPLE, len(TRAITS))).astype(np.float32).round(6)
    return Voters(np.arange(PEOPLE), [f"P{i}" for i in range(PEOPLE)], TRAITS, traits)


def log(reacts, *, contests: int = 60, name: str = "llm", model: str = "m", slots: int = 2, config=None) -> list[Event]:
    """Return a log in which ``reacts(texts, shown, voters, key)`` made the choices of everybody before each contest."""
    voters = people()
    columns = {trait: pack(voters.traits[:, i], Float32s) for i, trait in enumerate(TRAITS)}
    ids = [f"persona-{i}" for i in range(PEOPLE)]
    events: list[Event] = [
        RunConfigured(config={"audience": name, "world": "isolated"} | (config or {})),
        PersonasJoined(split="train", first=0, ids=ids, names=ids, texts=[""] * PEOPLE, traits=columns),
        CompetitorsJoined(names=["base"], model="writer", model_digest="d"),
        *([ReaderJoined(model=model, model_digest="d")] if name == "llm" else []),
        StepStarted(phase="train", epoch=1, arm="shared"),
    ]
    for number in range(contests):
        contest, anchor = f"c{number}", f"a{number // 2}"
        texts = [text(f"{number}/{slot}") for slot in range(slots)]
        place = {"contest": contest, "competitor": "base", "anchor": anchor, "adapter": "", "thinking": ""}
        events += [MessagePublished(message=f"{contest}/{s}", slot=s, text=t, **place) for s, t in enumerate(texts)]
        events.append(ContestOpened(contest=contest, anchor=anchor, messages=[f"{contest}/{s}" for s in range(slots)]))
        shown = orders(voters.ids, slots, contest, "order")
        chosen = reacts(texts, shown, voters, (contest,))
        events += [
            ReactionInvalid(contest=contest, persona=i, order=shown[i].tolist(), raw="?")
            if chosen[i] == INVALID
            else Reacted(contest=contest, persona=i, order=shown[i].tolist(), choice=int(chosen[i]), thought="")
            for i in range(PEOPLE)
        ]
        votes = [int((chosen == slot).sum()) for slot in range(slots)]
        events.append(
            ContestDecided(
                contest=contest, votes=votes, abstained=int((chosen == -1).sum()), invalid=int((chosen == INVALID).sum()),
                outcome="tie", winner=-1, ties="skip",
            )
        )  # fmt: skip
    return [*events, StepEnded(state_hash="")]


def quick(votes: LoggedVotes, **settings) -> Surrogate:
    """Fit, choosing from few ridges."""
    return fit_surrogate(votes, folds=3, ridges=(1e4, 10.0, 0.1), **settings)


TRUE = ChoiceModel("true", audience("default").weights * 3, first=0.5, thoughts=False)


@pytest.fixture(scope="module")
def votes() -> LoggedVotes:
    """Votes of a known choice model."""
    return read_votes(log(TRUE.choose, contests=120))


@pytest.fixture(scope="module")
def found(votes) -> Surrogate:
    return quick(votes)


class TestVotes:
    """The table holds what the log says."""

    def test_each_answer_is_a_row(self):
        """Who, about what, in which order, and what."""
        table = read_votes(log(lambda texts, shown, voters, key: np.where(voters.ids % 7 == 0, INVALID, shown[:, 0])))
        assert len(table) == 60 * PEOPLE and len(table.contests) == 60 and len(table.personas) == PEOPLE
        assert (table.choices == INVALID).sum() == 60 * len(range(0, PEOPLE, 7))
        valid = table.of(table.choices >= 0)
        assert (valid.positions == 0).all() and (valid.options == 2).all()
        assert table.contests[0].audience == "llm (m)" and table.contests[0].texts[1] == text("0/1")

    def test_votes_in_bulk_are_the_same(self):
        """As large audiences log them."""
        single = log(TRUE.choose)
        bulk = [event for event in single if not isinstance(event, Reacted)]
        for at, event in reversed(list(enumerate(bulk))):
            if isinstance(event, ContestDecided):
                cast = [e for e in single if isinstance(e, Reacted) and e.contest == event.contest]
                bulk.insert(
                    at,
                    ReactedMany(
                        contest=event.contest, first=0, personas=pack([e.persona for e in cast], Int32s),
                        orders=pack(np.array([e.order for e in cast]).ravel(), Int8s),
                        choices=pack([e.choice for e in cast], Int8s),
                    ),
                )  # fmt: skip
        one, other = read_votes(single), read_votes(bulk)
        for name in ("contest", "persona", "orders", "choices"):
            assert np.array_equal(getattr(one, name), getattr(other, name))

    def test_logs_share_personas_and_not_contests(self):
        """A persona in two runs is one; a contest that a fork shares with its parent counts once."""
        first, second = log(TRUE.choose, contests=6), log(TRUE.choose, contests=8)
        both = read_votes(first, second)
        assert len(both.personas) == PEOPLE and len(both.contests) == 8 and both.repeated == 6

    def test_another_audience_before_the_same_messages_counts(self):
        """Two readers of one society's messages, or other personas, have voted both."""
        first, second = log(TRUE.choose, contests=6), log(TRUE.choose, contests=6, model="other")
        both = read_votes(first, second)
        assert len(both) == 2 * len(read_votes(first)) and both.repeated == 0
        third = [
            msgspec.structs.replace(e, persona=(e.persona + 1) % 30) if isinstance(e, Reacted) else e for e in first
        ]
        assert read_votes(first, third).repeated == 0

    def test_a_resampled_persona_is_one(self, tmp_path):
        """However often it takes part: it must not be held out and fitted at once."""
        config = CONFIG.model_copy(update={"train_personas": 200, "held_out_personas": 100, "resample": True})
        with pytest.raises(Killed):
            carry_out(tmp_path, config, commits=8)
        joined = [event for event in read_events(tmp_path) if isinstance(event, PersonasJoined)]
        ids = {persona for event in joined for persona in event.ids}
        texts = {text for event in joined for text in event.texts}
        table = read_votes(read_events(tmp_path))
        assert len(texts) == len(table.personas) == len(set(table.personas)) < len(ids)
        assert set(table.personas) <= ids and len(table) > 200

    def test_of_a_real_run(self, tmp_path):
        """Every vote of the log, by hand."""
        carry_out(tmp_path)
        events = list(read_events(tmp_path))
        table = read_votes(events)
        cast = [event for event in events if isinstance(event, Reacted)]
        assert len(table) == len(cast) and sorted(table.choices.tolist()) == sorted(e.choice for e in cast)
        assert len(table.personas) == 7 and {c.audience for c in table.contests} == {"default"}

    @pytest.mark.system
    def test_a_fork_votes_by_its_own_audience(self, tmp_path):
        """From the fork on, however alike the messages are that its parent's audience voted about."""
        carry_out(tmp_path / "run")
        config, folder = fork(tmp_path / "run", 1, ["audience=neutral"], tmp_path / "fork")
        carry_out(folder, config)
        own, parent = read_votes(read_events(folder)), read_votes(read_events(tmp_path / "run"))
        assert {contest.audience for contest in own.contests} == {"default", "neutral"}
        both = read_votes(read_events(tmp_path / "run"), read_events(folder))
        after = sum(own.contests[row].audience == "neutral" for row in own.contest)
        assert len(both) == len(parent) + after and both.repeated > 0


class TestFit:
    """A fit finds what moved the votes, and no more."""

    def test_finds_the_weights(self, found):
        """Those of the model that voted, within a few standard errors each."""
        off = np.abs(found.model.weights - TRUE.weights) / found.errors
        moving = found.errors < found.errors.max() * 0.7  # features that varied
        assert moving.sum() > 30 and (off[moving] > 2.5).mean() < 0.15
        assert abs(found.model.first - 0.5) < 3 * found.first_error
        assert np.corrcoef(found.model.weights[moving], TRUE.weights[moving])[0, 1] > 0.6

    def test_foretells_held_out_votes(self, found):
        """Nearly as well as the model that cast them, and better than positions."""
        rows = np.arange(len(found.held_out.votes))
        at = found.held_out.votes.positions
        loss = -np.log(found.held_out.chances[rows, at]).mean()
        true = -np.log(np.maximum(_true_chances(found.held_out.votes), 1e-9)).mean()
        by_position = -np.log(found.held_out.letters[rows, at]).mean()
        assert true - 0.02 < loss < true + 0.06 < by_position - 0.1

    def test_the_audience_gives_the_chances_that_were_predicted(self, found):
        """What is saved and reacts is what was held against the votes."""
        held = found.held_out
        for row in range(0, len(held.votes), 97):
            contest, order = held.votes.contests[held.votes.contest[row]], held.votes.orders[row]
            traits = np.array([[held.votes.traits[t][held.votes.persona[row]] for t in TRAITS]])
            who = Voters(np.array([0]), ["P"], TRAITS, traits)
            chances = found.model.probabilities([contest.texts[s] for s in sorted(contest.texts)], order[None], who)[0]
            assert np.allclose(chances[order], held.chances[row, : len(order)], atol=1e-9)

    def test_noise_teaches_nothing(self):
        """Voters who toss coins: the strongest ridge wins, weights vanish, held-out loss is that of a coin."""
        coins = np.random.default_rng(5)
        tossed = read_votes(log(lambda texts, shown, voters, key: coins.integers(2, size=len(voters.ids))))
        fit = quick(tossed)
        assert fit.ridge >= 1000 and np.abs(fit.model.weights).max() < 0.1
        rows = np.arange(len(fit.held_out.votes))
        assert abs(-np.log(fit.held_out.chances[rows, fit.held_out.votes.positions]).mean() - np.log(2)) < 0.02

    def test_abstentions(self):
        """Choosing nothing is an option of its own, with its own utility."""
        model = ChoiceModel("true", TRUE.weights, first=0.5, abstain=1.0, thoughts=False)
        fit = quick(read_votes(log(model.choose, contests=100)))
        assert fit.counts["abstained"] > 100 and fit.model.abstain is not None
        assert abs(fit.model.abstain - 1.0) < 4 * fit.abstain_error

    @pytest.mark.system
    def test_several_options(self):
        """Contests of three messages, of which each voter saw its own order."""
        fit = quick(read_votes(log(TRUE.choose, contests=100, slots=3)))
        moving = fit.errors < fit.errors.max() * 0.7
        assert np.corrcoef(fit.model.weights[moving], TRUE.weights[moving])[0, 1] > 0.6


class TestHoldingOut:
    """Nothing of what is held out is seen in the fit."""

    def test_no_held_out_anchor_nor_persona_was_fitted(self, votes, found):
        """The blocks say what is new, and the fit ranges tell the rest."""
        held = found.held_out
        assert [held.block.tolist().count(i) > 0 for i in range(3)] == [True] * 3
        anchors = [held.votes.contests[c].anchor for c in held.votes.contest]
        new_anchors = {a for a, block in zip(anchors, held.block.tolist(), strict=True) if block in (0, 2)}
        new_people = {p for p, block in zip(held.votes.persona.tolist(), held.block.tolist(), strict=True) if block > 0}
        assert len(new_anchors) == 12 and len(new_people) == 6
        for contest, persona, block in zip(anchors, held.votes.persona.tolist(), held.block.tolist(), strict=True):
            assert ((contest in new_anchors), (persona in new_people)) == {
                0: (True, False),
                1: (False, True),
                2: (True, True),
            }[block]
        assert found.counts["personas"] == PEOPLE - 6 and found.counts["votes"] + len(held.votes) == len(votes)

    def test_held_out_votes_do_not_move_the_fit(self, votes, found):
        """Changing them all changes nothing that was fitted."""
        held = {
            (c, p)
            for c, p in zip(found.held_out.votes.contest.tolist(), found.held_out.votes.persona.tolist(), strict=True)
        }
        rows = np.array([pair in held for pair in zip(votes.contest.tolist(), votes.persona.tolist(), strict=True)])
        other = votes.of(np.ones(len(votes), dtype=bool))
        other.choices[rows] = 1 - other.choices[rows]
        again = quick(other)
        assert np.array_equal(again.model.weights, found.model.weights) and again.ridge == found.ridge

    @pytest.mark.system
    def test_the_order_of_logs_plays_no_part(self):
        """Who and what is held out goes by content."""
        parts = [log(TRUE.choose, contests=40), [e for e in log(TRUE.choose, contests=80) if _late(e)]]
        one, other = (quick(read_votes(*order)) for order in (parts, parts[::-1]))
        assert np.allclose(one.model.weights, other.model.weights, atol=1e-6)
        assert len(one.held_out.votes) == len(other.held_out.votes)

    @pytest.mark.system
    def test_another_audience_plays_no_part(self, votes, found):
        """Neither its anchors nor its personas are drawn from: shares are of those who are fitted."""
        beside = log(TRUE.choose, contests=400, model="other")
        both = read_votes(log(TRUE.choose, contests=120), beside)
        assert np.array_equal(quick(both, audience="llm (m)").model.weights, found.model.weights)

    def test_a_seed_holds_out_others(self, votes, found):
        """Another draw, another fit."""
        assert not np.array_equal(quick(votes, seed=1).model.weights, found.model.weights)


class TestNote:
    """Stand-ins are named."""

    @pytest.mark.parametrize(
        ("name", "model", "says"),
        [
            ("llm", "m", ""),
            ("llm", "pocket", "Not evidence about real LLMs: the pocket model wrote or voted."),
            ("default", "m", "Not evidence about real LLMs: a choice model voted."),
            ("mine.yaml", "m", "Not evidence about real LLMs: a choice model voted."),
        ],
    )
    def test_says_who_stood_in(self, name, model, says):
        """Nothing where real models wrote and voted."""
        assert quick(read_votes(log(TRUE.choose, name=name, model=model))).note == says


class TestMistakes:
    """What cannot be fitted is refused by name."""

    def test_no_votes(self):
        """Of a crowd, or of nobody."""
        with pytest.raises(InputError, match="no votes to fit"):
            quick(read_votes(log(TRUE.choose, contests=0)))

    def test_several_audiences(self):
        """Two models' votes are not one audience's; one of them can be chosen."""
        table = read_votes(log(TRUE.choose, contests=40), log(TRUE.choose, contests=90, model="other"))
        with pytest.raises(InputError, match=r"llm \(m\), llm \(other\)"):
            quick(table)
        assert quick(table, audience="llm (other)").audience == "llm (other)"
        with pytest.raises(InputError, match="no persona of audience 'llm' was asked"):
            quick(table, audience="llm")

    def test_a_networked_world(self):
        """What neighbours did is in those votes."""
        with pytest.raises(InputError, match="networked world"):
            quick(read_votes(log(TRUE.choose, config={"world": "networked"})))

    def test_too_few(self):
        """Nothing could be held out, or parted."""
        for contests in (2, 4):
            with pytest.raises(InputError, match="too few"):
                quick(read_votes(log(TRUE.choose, contests=contests)))

    def test_invalid_answers_and_single_options_are_counted_and_left_out(self):
        """No choice was made in them."""
        fit = quick(
            read_votes(
                log(
                    lambda texts, shown, voters, key: np.where(
                        voters.ids == 3, INVALID, TRUE.choose(texts, shown, voters, key)
                    )
                )
            )
        )
        assert fit.counts["invalid"] == 60 and (fit.held_out.votes.choices != INVALID).all()


class TestSeparation:
    """Votes that leave a fit undetermined are refused, with what they are."""

    @pytest.mark.parametrize(
        ("share", "slots", "place"), [(1.0, 2, "first"), (0.93, 2, "first"), (0.95, 3, "first"), (0.93, 2, "last")]
    )
    def test_votes_for_one_place(self, share, slots, place):
        """Nearly all for the first place, or the last, and the rest by what is read: what is left says next to nothing."""

        def reacts(texts, shown, voters, key):
            drawn = np.random.default_rng(int(key[0][1:])).random(len(voters.ids))
            return np.where(
                drawn < share, shown[:, 0 if place == "first" else -1], TRUE.choose(texts, shown, voters, key)
            )

        why = rf"nearly separated: .* votes \((?:9.|100)%\) are for the {place} place of {slots}"
        with pytest.raises(InputError, match=why):
            quick(read_votes(log(reacts, slots=slots)))

    def test_votes_that_messages_foretell(self):
        """Readers without noise: the fit would be as steep as its penalty allows."""
        sure = ChoiceModel("sure", TRUE.weights * 100, first=0.0, thoughts=False)
        with pytest.raises(InputError, match=r"nearly separated: .* votes are predicted by the messages"):
            quick(read_votes(log(sure.choose, contests=60)))

    def test_a_bias_that_can_be_fitted(self):
        """A first place that gets 70 % is a number of the fit, and no reason to refuse it."""
        biased = ChoiceModel("true", TRUE.weights, first=1.0, thoughts=False)
        fit = quick(read_votes(log(biased.choose, contests=60)))
        assert 0.5 < fit.model.first < 1.2  # a ridge pulls it down with the weights


def _late(event: Event) -> bool:
    number = getattr(event, "contest", "c99").removeprefix("c")
    return not number.isdigit() or int(number) >= 40


def _true_chances(table: LoggedVotes) -> np.ndarray:
    data = choices(table)
    theta = np.concatenate([[TRUE.first, 0.0], TRUE.weights.ravel()])
    assert TRUE.weights.shape == (len(feature_names()), 1 + len(TRAITS)) and ABSTAINED not in table.choices
    return chance_of_choice(data, theta)

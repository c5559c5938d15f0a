"""Personas that a language model plays in the networked world: they read, act, write, remember and choose by what they answer."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from abm.arenas import arena
from abm.arenas.anchors import load_anchors
from abm.audience import AskedAudience, Mixed, audience
from abm.columns import Int16s, Int32s, unpack
from abm.events import (
    ContestDecided,
    Engaged,
    FeedAnswerInvalid,
    FeedServed,
    LLMReplied,
    MembersPosted,
    MessagesLabelled,
    OpinionsShifted,
    Reacted,
    ReactedMany,
    ReactionInvalid,
    Remembered,
    TiesCut,
    TiesFormed,
)
from abm.journal import replay
from abm.llm import Sampling, ScriptedLLM
from abm.state.recall import remembered
from abm.worlds.networked.feed_answers import FeedAnswer, Unreadable, read_answer
from abm.worlds.networked.narrator import NAMES, Narrator, account_names, excerpt, subject_of
from abm.worlds.networked.pages import OwnChoice, Page, schema
from abm.worlds.networked.settings import NetworkConfig
from tests.abm.networked.test_networked import Finds, always
from tests.abm.networked.world import SALES, comparable, hold, of, pairs, people, random_ties, views
from tests.support.society import by_seed, filled


class Player:
    """A scripted model that fills in forms, and keeps the requests."""

    def __init__(self, pick=by_seed, spoils=lambda request: False):
        self.pick, self.spoils, self.requests = pick, spoils, []

    def __call__(self, request):
        self.requests.append(request)
        if request.site.startswith("remember/"):
            return f"Note {len(request.messages[-1]['content'])}"
        return "I would rather not." if self.spoils(request) else filled(request, self.pick)

    def audience(self, n, first=0, retries=1):
        personas = {i: (f"p{i}", f"Person {i}, a baker.") for i in range(first, first + n)}
        return AskedAudience(ScriptedLLM(self), SALES, personas, Sampling(0.1, 1.0, 512), 1, retries=retries)


def fixed(**said):
    """Return a rule that fills a field in as told by its last part, else with the first possibility."""

    def pick(request, field, options):
        return said.get(field.rsplit(".", 1)[-1], options[0] if options else "Hm.")

    return pick


def settled(**changes):
    """Return a world in which everybody follows every competitor, for two rounds."""
    return NetworkConfig.model_validate({"followers": 1.0, "together": 1, "rounds": 2, "feed": {"slots": 2}} | changes)


def held(tmp_path, player, n=4, ties=(), name="r", network=None, **more):
    return hold(
        tmp_path / name,
        network or settled(),
        voters=people(n),
        ties=list(ties),
        contests=more.pop("contests", 1),
        say=more.pop("say", always()),
        people_are=player.audience(n) if isinstance(player, Player) else player,
        **more,
    )


CIRCLE = [(0, 1), (1, 2), (2, 3), (3, 0)]
"""Who follows whom: each the next."""


class TestARound:
    """What personas answer is what happens."""

    def test_deeds_are_those_answered(self, tmp_path):
        """Nothing is drawn: who likes all likes all, and the rest do nothing."""
        _, events = held(tmp_path, Player(fixed(do="like")))
        served = of(FeedServed, events)
        liked = [pair for event in of(Engaged, events) if event.action == "like" for pair in pairs(event)]
        assert sorted(liked) == sorted((m, i) for event in served for m, i, *_ in views(event))
        assert {event.action for event in of(Engaged, events)} == {"like"}
        _, quiet = held(tmp_path, Player(fixed(do="nothing")), name="quiet")
        assert not of(Engaged, quiet) and not of(MembersPosted, quiet)

    def test_each_is_asked_once_a_round_and_only_if_there_is_anything(self, tmp_path):
        """Two messages come in round 0, nothing in round 1: then all choose, as everybody saw some."""
        player = Player(fixed(do="nothing"))
        held(tmp_path, player, network=settled(rounds=3))
        sites = [request.site for request in player.requests if request.site.startswith("read/")]
        assert sites == [f"read/train/1/shared/0/{round_}/{p}" for round_ in (0, 2) for p in range(4)]

    def test_opinions_are_those_answered(self, tmp_path):
        """From -1 to 1, by no formula."""
        model, events = held(tmp_path, Player(fixed(do="nothing", opinion="4")))
        assert np.unique(model.platform.opinions).tolist() == [5_000]
        assert {event.why for event in of(OpinionsShifted, events) if event.about == "opinion"} == {"reader"}

    def test_ties_are_those_answered(self, tmp_path):
        """Who unfollows all is shown nothing of the next contest."""
        model, events = held(tmp_path, Player(fixed(do="nothing", tie="unfollow")), contests=2, batch=1)
        assert not model.platform.audience.any() and of(TiesCut, events)
        assert len(of(FeedServed, events)) == 1

    def test_a_member_may_follow_a_member(self, tmp_path):
        """Whom it sees as an author: 0 answers 1, whom it follows, and 1 follows back. Among members that counts from the next feed."""

        def pick(request, field, options):
            if field.endswith("tie"):
                return "follow" if "follow" in options else "keep"
            return fixed(do="reply", say="I know better.")(request, field, options)

        network = settled(rounds=3, feed={"slots": 9})
        model, events = held(tmp_path, Player(pick), n=2, ties=[(0, 1)], network=network)
        (formed,) = [event for event in of(TiesFormed, events) if event.why == "follow"]
        assert (unpack(formed.sources, Int32s).tolist(), unpack(formed.targets, Int32s).tolist()) == ([1], [0])
        assert set(zip(*(column.tolist() for column in model.platform.follows.ties()), strict=True)) == {(0, 1), (1, 0)}

    def test_choices_and_reasons_are_those_answered(self, tmp_path):
        """A is what each saw first; the reason is the thought from which learning learns."""
        _, events = held(tmp_path, Player(fixed(do="nothing", choice="B", why="It is blue.")))
        reacted = of(Reacted, events)
        assert [(event.choice, event.thought) for event in reacted] == [(e.order[1], "It is blue.") for e in reacted]
        (decided,) = of(ContestDecided, events)
        assert sum(decided.votes) == 4 and decided.invalid == 0

    def test_a_poll_asks_too(self, tmp_path):
        """And those who choose next see its result."""
        player = Player(fixed(do="nothing", choice="A"))
        held(tmp_path, player, network=settled(polls=(0,)))
        last = [r.messages[-1]["content"] for r in player.requests if "/0/1/" in r.site]
        assert last and all("Of all who were asked last time" in text for text in last)
        assert [r for r in player.requests if "/0/0/" in r.site and '"choice 1"' in r.schema]


class TestWhatMembersWrite:
    """Replies, and comments on what is shared, are messages that others see."""

    def test_replies_reach_followers_in_the_next_round(self, tmp_path):
        """And with their author's name, and what they are about."""
        player = Player(fixed(do="reply", say="I know better."))
        _, events = held(tmp_path, player, ties=CIRCLE, network=settled(feed={"slots": 3}))
        first = of(MembersPosted, events)[0]
        assert len(first.messages) == 8 and set(first.texts) == {"I know better."}
        later = views(of(FeedServed, events)[1])
        authors = unpack(first.personas, Int32s).tolist()
        assert later and {(member, authors[item - 2]) for member, item, *_ in later if 2 <= item < 10} == set(CIRCLE)
        shown = next(r.messages[-1]["content"] for r in player.requests if r.site.endswith("/1/0"))
        assert "p1's reply to" in shown and "I know better." in shown and "because you follow p1" in shown

    def test_nobody_is_shown_its_own_text(self, tmp_path):
        """Whoever else shares it."""
        _, events = held(
            tmp_path,
            Player(fixed(do="share", say="Look.")),
            ties=[(a, b) for a in range(4) for b in range(4) if a != b],
            network=settled(rounds=4, feed={"slots": 5}),
        )
        authors = [-1, -1, *(p for e in of(MembersPosted, events) for p in unpack(e.personas, Int32s).tolist())]
        assert not [
            1 for event in of(FeedServed, events) for member, item, *_ in views(event) if authors[item] == member
        ]
        assert len(authors) > 10

    def test_an_answer_reaches_the_member_whom_it_answers(self, tmp_path):
        """Though that one does not follow who answered."""
        _, events = held(
            tmp_path,
            Player(fixed(do="reply", say="No.")),
            n=2,
            ties=[(0, 1)],
            network=settled(rounds=3, feed={"slots": 9}),
        )
        authors = [-2, -3, *(p for e in of(MembersPosted, events) for p in unpack(e.personas, Int32s).tolist())]
        seen = {(member, authors[item]) for member, item, *_ in views(of(FeedServed, events)[2])}
        assert (1, 0) in seen, "0 answered 1's reply in round 1"

    def test_a_comment_is_shared_with_what_it_is_about(self, tmp_path):
        """A share carries the message on, and the comment is one of its own."""
        player = Player(fixed(do="share", say="Look at this."))
        _, events = held(tmp_path, player, ties=CIRCLE, network=settled(followers=0.2))
        assert {event.action for event in of(Engaged, events)} == {"share"}
        assert {kind for event in of(MembersPosted, events) for kind in event.kinds} == {"share"}
        assert not of(MembersPosted, held(tmp_path, Player(fixed(do="share", say="")), name="mute")[1])

    def test_room_in_the_feeds_is_bounded(self, tmp_path):
        """What finds none is counted, and reaches nobody."""
        _, events = held(
            tmp_path, Player(fixed(do="reply", say="Yes.")), ties=CIRCLE, network=settled(posts={"most": 3})
        )
        assert next((len(e.messages), e.unplaced) for e in of(MembersPosted, events)) == (3, 5)
        assert sum(len(event.messages) for event in of(MembersPosted, events)) == 3

    def test_probes_judge_it_and_fact_checks_label_it(self, tmp_path):
        """As what competitors write; a label is seen in prompts. Nobody loses trust in a slot for it."""
        player = Player(fixed(do="reply", say="A lie."))
        network = settled(rounds=3, feed={"slots": 3}, interventions=[{"kind": "fact_check", "round": 2}])
        model, events = held(tmp_path, player, ties=CIRCLE, network=network, checkers=[Finds("lie")])
        (labelled,) = of(MessagesLabelled, events)
        assert min(unpack(labelled.items, Int16s)) >= 2
        assert not model.platform.trust.any()
        assert any("Fact-checkers found fault" in r.messages[-1]["content"] for r in player.requests)

    def test_nobody_can_choose_it(self, tmp_path):
        """A choice is among the messages of its contest."""
        player = Player(by_seed)
        _, events = held(tmp_path, player, ties=CIRCLE, network=settled(rounds=4, feed={"slots": 4}))
        for request in player.requests:
            for name, field in json.loads(request.schema)["properties"].items():
                if name.startswith("choice"):
                    assert set(field["properties"]["choice"]["enum"]) <= {"A", "B", "none"}
        assert of(MembersPosted, events) and len(of(ContestDecided, events)[0].votes) == 2


class TestMemory:
    """What a persona remembers of what it saw, did, said and chose."""

    def test_it_is_in_the_next_prompt(self, tmp_path):
        """In the next contest of the society."""
        player = Player(fixed(do="reply", say="Never again!", choice="A", why="Cheap."))
        model, _ = held(tmp_path, player, contests=2, batch=1)
        later = next(r.messages[-1]["content"] for r in player.requests if "/1/0/" in r.site)
        for part in ("What you remember:", "Never again!", "You chose", "Cheap.", "saw 2", "replied to 2"):
            assert part in later
        assert "Never again!" in remembered(model.state, 0) and not remembered(model.state, 99)

    def test_without_memory_answers_change_on_a_planted_case(self, tmp_path):
        """A reader who buys only what it remembers to have liked before."""

        def pick(request, field, options):
            text = request.messages[-1]["content"]
            if field.endswith("choice"):
                return "A" if "and liked it" in text else "none"
            return "like" if field.endswith(".do") else options[0] if options else "Hm."

        def voted(by):
            network = settled(memory={"by": by})
            _, events = held(tmp_path, Player(pick), network=network, name=by, contests=2, batch=1)
            return [sum(event.votes) for event in of(ContestDecided, events)]

        assert voted("rule") == [4, 4]
        assert voted("off") == [0, 0]

    def test_it_is_bounded(self, tmp_path):
        """By notes and by characters, the oldest are forgotten first; counts stay."""
        model, _ = held(
            tmp_path,
            Player(by_seed),
            network=settled(memory={"entries": 2, "characters": 120}),
            contests=6,
            ties=CIRCLE,
        )
        for memory in model.platform.memories.values():
            assert len(memory.notes) <= 2 and sum(map(len, memory.notes)) <= 120
        assert max(memory.tally["saw"] for memory in model.platform.memories.values()) > 4

    def test_a_model_may_sum_it_up(self, tmp_path):
        """In a call of its own after each opening; the summary takes the notes' place."""
        player = Player(fixed(do="like", choice="A"))
        model, events = held(tmp_path, player, network=settled(memory={"by": "model"}), contests=2, batch=1)
        calls = [r.site for r in player.requests if r.site.startswith("remember/")]
        assert calls == [f"remember/train/1/shared/{held}/{p}" for held in (0, 1) for p in range(4)]
        assert all(
            memory.notes[0].startswith("Note ") and len(memory.notes) == 1
            for memory in model.platform.memories.values()
        )
        assert any(event.anew for event in of(Remembered, events))

    def test_a_society_begins_without(self, tmp_path):
        """What was remembered in another is another's."""
        player = Player(by_seed)
        held(tmp_path, player)
        first = [r for r in player.requests if "/0/0/" in r.site]
        assert first and not [r for r in first if "What you remember" in r.messages[-1]["content"]]


class TestAnswersThatCannotBeRead:
    """They are counted, never guessed."""

    def test_they_do_nothing_and_count_as_invalid(self, tmp_path):
        """Of person 2; the others are not touched."""
        player = Player(
            fixed(do="like", choice="A"), spoils=lambda r: r.site.split("/")[-1] == "2" or "/2/again" in r.site
        )
        _, events = held(tmp_path, player)
        assert {event.persona for event in of(FeedAnswerInvalid, events)} == {2}
        assert {m for e in of(Engaged, events) for m, _ in pairs(e)} == {0, 1, 3}
        assert [event.persona for event in of(ReactionInvalid, events)] == [2]
        (decided,) = of(ContestDecided, events)
        assert (sum(decided.votes), decided.invalid, decided.abstained) == (3, 1, 0)

    def test_they_are_asked_for_once_more(self, tmp_path):
        """With another seed; what comes then counts."""
        player = Player(fixed(do="like", choice="A"), spoils=lambda request: not request.site.endswith("/again"))
        _, events = held(tmp_path, player)
        assert not of(FeedAnswerInvalid, events) and len(of(Engaged, events)) == 1
        assert len({request.seed for request in player.requests}) == len(player.requests)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "{",
            "[]",
            "null",
            '{"post 1": 3}',
            '{"post 1": {"do": "reply", "say": ""}}',
            '{"post 1": {"do": "nothing"}}',
            "<think>",
            '{"a":' * 5000,
            "\ud800{}",
        ],
    )
    def test_no_text_is_an_error(self, text):
        """Whatever it is."""
        page = Page(0, 0, (5,), 1, (-2,), (True,), {5: -2})
        assert isinstance(read_answer(page, text, 100), Unreadable)

    def test_what_can_be_read_may_be_spelt_otherwise(self):
        """A number for its digits, capitals, prose around the object, fields that nobody asked for."""
        page = Page(0, 0, (5, 6), 1, (-2,), (True,), {5: -2}, (OwnChoice("c", ("c",), (6, 5), (1, 0)),))
        text = 'Sure: {"post 1": {"do": " Reply", "say": " So\\n it is. ", "x": 1}, "account 1": {"opinion": 5, "tie": "UNFOLLOW"}, "choice 1": {"choice": "a", "why": null}} Bye'
        read = read_answer(page, text, 5)
        assert isinstance(read, FeedAnswer)
        assert (read.deeds[0], read.opinions, read.ties) == ((5, "reply", "So it"), {0: 10_000}, {-2: False})
        assert read.choices == {("c",): (1, "")}


class TestTheLog:
    """Replay, resume, and what does not depend on how it came about."""

    def test_it_folds_again(self, tmp_path):
        """Every state hash comes out, memories in it."""
        held(
            tmp_path,
            Player(by_seed),
            ties=CIRCLE,
            contests=3,
            network=settled(rounds=3, polls=(1,), memory={"by": "model"}),
        )
        assert replay(tmp_path / "r").steps == 2

    def test_a_run_goes_on_where_it_was_cut(self, tmp_path):
        """No answer is asked for twice, and all comes out as without the cut."""
        network = settled(rounds=3)
        _, whole = held(tmp_path, Player(by_seed), ties=CIRCLE, contests=4, network=network, name="whole")
        held(tmp_path, Player(by_seed), ties=CIRCLE, contests=4, network=network, name="cut", steps=1)
        again = Player(by_seed)
        _, cut = held(tmp_path, again, ties=CIRCLE, contests=4, network=network, name="cut")
        assert comparable(cut) == comparable(whole)
        assert len(again.requests) < len(of(LLMReplied, whole))

    def test_competitors_have_names_that_tell_nothing(self):
        """Drawn for a society, and the same for its arms."""
        names = account_names(8, 1, "train", 1)
        assert sorted(names) == sorted(NAMES) and names == account_names(8, 1, "train", 1)
        assert len({tuple(account_names(2, seed, "train", 1)) for seed in range(20)}) > 5
        assert len(set(account_names(12, 1))) == 12

    def test_a_page_reads_as_a_person_would_write_it(self, tmp_path):
        """Whole words and sentences, with the end of each said once; whose text follows, and what it answers."""
        player = Player(fixed(do="reply", say="I know better.", choice="A", why="It is cheap"))
        held(tmp_path, player, n=2, ties=[(0, 1)], network=settled(rounds=3, feed={"slots": 9}), contests=2, batch=1)
        pages = [request.messages[-1]["content"] for request in player.requests]
        assert any('It answers: "' in page and "\nText: I know better." in page for page in pages)
        assert any('and wrote: "I know better."' in page and 'because: "It is cheap".' in page for page in pages)
        assert any(re.search(r"So far you saw \d+ posts, replied to \d+ and chose \w+ once", page) for page in pages)
        assert not any(".." in page.replace('"..."', "") or "…." in page for page in pages)

    @pytest.mark.parametrize(
        ("arena_name", "asked", "about"),
        [
            ("elections", "which one you would vote for:", "Choice 1, about "),
            ("social", "which one you would like:", 'Choice 1, about "'),
        ],
    )
    def test_it_asks_in_the_words_of_the_arena(self, arena_name, asked, about):
        """A candidate is voted for, by name; an article has none, and is called by how it begins."""
        anchor = load_anchors(None, arena(arena_name)).train[0]
        subject = subject_of(anchor)
        assert (subject[0] == '"') == about.endswith('"') and len(subject) <= 62 and "da…" not in subject
        narrator = Narrator(None, arena(arena_name), NAMES)  # type: ignore[arg-type]
        assert asked.endswith(f"{narrator._would}:")

    def test_a_cut_text_ends_with_a_whole_word(self):
        """But for one that has none."""
        assert excerpt("word " * 20) == ("word " * 11).strip() + "…" and excerpt("x" * 80) == "x" * 59 + "…"

    def test_a_schema_keeps_the_order_of_the_answer(self):
        """What is done before what is said, and why before what is chosen."""
        page = Page(0, 0, (5,), 1, (-2, 7), (True, False), {5: 7}, (OwnChoice("c", ("c",), (5,), (0,)),))
        fields = json.loads(schema(page, 9))["properties"]
        assert list(fields) == ["post 1", "account 1", "account 2", "choice 1"]
        assert list(fields["choice 1"]["properties"]) == ["why", "choice"]


class TestACore:
    """A mixed audience: personas that a model plays inside a crowd that a choice model plays."""

    def mixed(self, player, core=3):
        return Mixed(player.audience(core), audience("default"), np.arange(core))

    def test_only_the_core_is_asked(self, tmp_path):
        """The crowd acts and chooses as it does."""
        player = Player(by_seed)
        _, events = held(
            tmp_path, self.mixed(player), n=40, ties=random_ties(40, 0.1), network=settled(rounds=3), bulk=10
        )
        assert {int(r.site.split("/")[6]) for r in player.requests} == {0, 1, 2}
        crowd = {m for e in of(Engaged, events) for m, _ in pairs(e)} - {0, 1, 2}
        assert crowd and of(ReactedMany, events)
        assert {event.persona for event in of(Reacted, events)} == {0, 1, 2}

    def test_the_crowds_draws_do_not_move(self, tmp_path):
        """What it does with what competitors wrote is what it does when a choice model plays the core, too: where the core is mute."""
        quiet = Player(fixed(do="nothing", tie="keep", opinion="3", choice="none"))
        network = settled(influence={"conformity": 0.0, "pull": 0.0, "bandwagon": 0.0})
        _, asked = held(tmp_path, self.mixed(quiet), n=30, ties=random_ties(30, 0.1), network=network)
        _, plain = held(tmp_path, "default", n=30, ties=random_ties(30, 0.1), network=network, name="plain")

        def first_round(events):
            return {(e.action, m, i) for e in of(Engaged, events) if e.round == 0 for m, i in pairs(e) if m > 2}

        assert first_round(asked) == first_round(plain)

    def test_a_crowd_reads_what_the_core_writes(self, tmp_path):
        """And likes it, shares it, or leaves it."""
        player = Player(fixed(do="reply", say="Warm welcome to you all!", choice="A"))
        _, events = held(
            tmp_path,
            self.mixed(player),
            n=60,
            ties=[(i, i % 3) for i in range(3, 60)],
            network=settled(rounds=4, engagement={"like": 0.9}),
        )
        assert {i for e in of(Engaged, events) for m, i in pairs(e) if m > 2 and i >= 2}
        assert len(of(ContestDecided, events)[0].votes) == 2

    def test_a_crowd_follows_whom_it_likes_to_read(self, tmp_path):
        """A persona whose post it liked, and whom it does not follow yet, as it would a competitor; it is followed once."""
        player = Player(fixed(do="reply", say="Warm welcome to you all!", choice="A", tie="keep"))
        network = settled(
            rounds=4, followers=0.0, feed={"slots": 9, "discover": 1.0}, engagement={"like": 1, "share": 1, "follow": 1}
        )
        model, events = held(tmp_path, self.mixed(player, core=1), n=4, ties=[(1, 0), (2, 1), (3, 2)], network=network)
        formed = [
            pair
            for event in of(TiesFormed, events)
            if event.why == "follow"
            for pair in zip(unpack(event.sources, Int32s).tolist(), unpack(event.targets, Int32s).tolist(), strict=True)
            if pair[1] >= 0
        ]
        assert sorted(formed) == [(2, 0), (3, 0)]
        assert set(zip(*(column.tolist() for column in model.platform.settled().ties()), strict=True)) >= {
            (2, 0),
            (3, 0),
        }
        never = settled(rounds=4, feed={"slots": 9, "discover": 1.0}, engagement={"like": 1, "share": 1, "follow": 0})
        _, quiet = held(tmp_path, self.mixed(player, core=1), n=4, ties=[(1, 0)], network=never, name="quiet")
        assert not any(event.why == "follow" for event in of(TiesFormed, quiet))

"""What every learning method promises. Tests of a method inherit these and give the method as the fixture ``method``::

    class TestLongest(MethodConformance):
        @pytest.fixture
        def method(self):
            return Longest()

Needs nothing but synthetic logs: no model is loaded and nothing is trained.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib import import_module

import msgspec

from abm.arenas import arena
from abm.arenas.completions import Rejection
from abm.events import ContestDecided, Event, MessagePublished, PersonasJoined, Reacted
from learning.methods._contests import collect
from learning.methods._instructions import InstructionMethod, Retrospect, Trial
from learning.methods._method import Method
from learning.methods._rows import Row, TrainingSet
from learning.methods.sets import training_set
from learning.methods.synthetic import contest, numbered, setup, step
from moloch.content import canonical

SALES = arena("sales")
PERSONAS = 5
ANCHORS = [f"a{i}" for i in range(8)]
DECIDED = [
    contest("a0", [1, 1, 0, 1, -1]),
    contest("a1", [0, 1, 0, 0, 0], orders=[[0, 1], [1, 0], [1, 0], [0, 1], [1, 0]]),
    contest("a2", [2, 1, 2, 0, 2], slots=[0, 1, 2]),
    contest("a3", [2, 0, 2, 2, -1], slots=[0, 2], orders=[[2, 0]] * 5),
    contest("a4", [0, 1, 0, 1, -1], ties="random", coin=1),
]
"""Contests that votes decided, the last by a declared coin."""
UNDECIDED = [
    contest("a5", [0, 1, 0, 1]),
    contest("a6", [], slots=[1]),
    contest("a7", [-1, -1]),
]
"""A tie, a forfeit and a contest without a vote."""
SEEDS = range(5)


def whole_log(contests: Sequence[Sequence[Event]]) -> list[Event]:
    """Return a whole log with these contests in the shared first epoch."""
    events = [event for each in contests for event in each]
    return numbered([*setup(ANCHORS, PERSONAS), *step(events)])


def learn_from(events: Sequence[Event], method: Method, seed: int = 1) -> TrainingSet:
    """Return what a method learns from the shared first epoch."""
    return training_set(events, method, source_arm="shared", epoch=1, arena=SALES, seed=seed)


def contents(data: TrainingSet) -> list[bytes]:
    """Return the rows in a canonical order, independent of where their events are in the log."""
    return sorted(canonical(msgspec.structs.replace(row, events=[])) for row in data.rows)


class MethodConformance:
    """Promises of :class:`learning.methods.Method`."""

    EVENTS = whole_log(DECIDED + UNDECIDED)

    def test_every_decided_contest_can_be_learnt_from(self, method: Method) -> None:
        """There are rows, and each contest with rows has a trajectory: steps count contests."""
        rows = learn_from(self.EVENTS, method).rows
        assert rows
        assert {row.contest for row in rows} == {row.contest for row in rows if row.kind == "trajectory"}

    def test_pure(self, method: Method) -> None:
        """Equal contests and seeds give equal rows, and events stay as they are."""
        before = msgspec.json.encode(self.EVENTS)
        for seed in SEEDS:
            assert learn_from(self.EVENTS, method, seed) == learn_from(list(self.EVENTS), method, seed)
        assert msgspec.json.encode(self.EVENTS) == before

    def test_rows_lead_back_to_events(self, method: Method) -> None:
        """A message's row names the message and the decision; a thought's row names the reaction of the voter who is asked, and
        that which it was thought in, if it is another."""
        for row in learn_from(self.EVENTS, method).rows:
            first, *others = (self.EVENTS[seq] for seq in row.events)
            if row.kind == "thought":
                assert isinstance(first, Reacted) and (first.contest, first.persona) == (row.contest, row.persona)
                assert any(isinstance(e, Reacted) and e.thought in row.completion for e in (first, *others))
            else:
                assert isinstance(first, MessagePublished) and first.message == row.message
                assert first.contest == row.contest and first.text in row.completion
                assert any(isinstance(other, ContestDecided) and other.contest == row.contest for other in others)

    def test_the_order_of_contests_plays_no_part(self, method: Method) -> None:
        """The same contests in another order give the same rows."""
        rotated = whole_log([*DECIDED[1:], *UNDECIDED, DECIDED[0]])
        backwards = whole_log([*UNDECIDED[::-1], *DECIDED[::-1]])
        for seed in SEEDS:
            for events in (rotated, backwards):
                assert contents(learn_from(events, method, seed)) == contents(learn_from(self.EVENTS, method, seed))

    def test_the_order_of_personas_plays_no_part(self, method: Method) -> None:
        """Neither the order in which they join nor that in which they react."""
        for seed in SEEDS:
            turned = numbered(_in_reverse(self.EVENTS))
            assert contents(learn_from(turned, method, seed)) == contents(learn_from(self.EVENTS, method, seed))

    def test_undecided_contests_give_no_row(self, method: Method) -> None:
        """Nor do they change another row."""
        assert not learn_from(whole_log(UNDECIDED), method).rows
        assert contents(learn_from(whole_log(DECIDED), method)) == contents(learn_from(self.EVENTS, method))

    def test_other_contests_are_not_read(self, method: Method) -> None:
        """Those of other arms, later epochs and evaluations."""
        noise = [
            *step(contest("a0", [0, 0, 0], place="train/2/shared"), epoch=2),
            *step(contest("a1", [1, 1, 1], place="train/1/other"), "other"),
            *step(contest("a2", [0, 0, 0], place="evaluate/1/shared"), phase="evaluate"),
        ]
        mixed = numbered([*self.EVENTS[:2], *noise, *self.EVENTS[2:], *noise])
        assert learn_from(mixed, method).digest == learn_from(self.EVENTS, method).digest

    def test_weights_are_numbers(self, method: Method) -> None:
        """Finite, and not all of them 0."""
        weights = [row.weight for row in learn_from(self.EVENTS, method).rows]
        assert all(map(math.isfinite, weights)) and any(weights)

    def test_rows_are_for_a_tokenizer(self, method: Method) -> None:
        """Prompts are chats that end with the user's turn; completions are not empty."""
        for row in learn_from(self.EVENTS, method).rows:
            assert _is_question(row) and row.completion

    def test_the_loss_can_be_imported(self, method: Method) -> None:
        """By the name that other processes get."""
        module, _, name = method.loss.partition(":")
        assert callable(getattr(import_module(module), name))

    def test_settings_are_data(self, method: Method) -> None:
        """They can be written down, and the method made again from them."""
        values = msgspec.json.decode(msgspec.json.encode(method))
        assert type(method).configured(values) == method


class InstructionMethodConformance(MethodConformance):
    """Promises of :class:`learning.methods.InstructionMethod`, beside those of every method."""

    def retrospect(self, method: InstructionMethod, events: Sequence[Event], seed: int) -> Retrospect:
        """Return what a reflection about some events is about."""
        contests = collect(events, "shared", 1, SALES)
        return Retrospect(contests, method.drawn_contests(contests.learnable, seed, 1), "Be brief.", seed)

    def test_a_reflection_is_a_question(self, method: InstructionMethod) -> None:
        """A chat that ends with the user's turn and holds what the arm tells itself now."""
        prompt = method.reflection(self.retrospect(method, self.EVENTS, 1))
        assert prompt[-1]["role"] == "user" and all(each["content"] for each in prompt)
        assert any("Be brief." in each["content"] for each in prompt)

    def test_a_reflection_is_pure(self, method: InstructionMethod) -> None:
        """Neither the order of contests in the log nor that of personas plays a part."""
        rotated = whole_log([*DECIDED[1:], *UNDECIDED, DECIDED[0]])
        for seed in SEEDS:
            wanted = method.reflection(self.retrospect(method, self.EVENTS, seed))
            for events in (self.EVENTS, rotated, numbered(_in_reverse(self.EVENTS))):
                assert method.reflection(self.retrospect(method, events, seed)) == wanted

    def test_what_is_kept_was_tried(self, method: InstructionMethod) -> None:
        """A proposal that could be read, or none; the same for the same votes and seed."""
        tried = [Trial(1, 3, 7, 2), Trial(4, 7, 3, 2)]
        for seed in SEEDS:
            for trials in ([], tried[:1], tried[1:], tried):
                kept = method.pick(trials, seed)
                assert kept in {0, *(trial.proposal for trial in trials)} and kept == method.pick(list(trials), seed)

    def test_an_answer_is_instructions_or_says_why_not(self, method: InstructionMethod) -> None:
        """A text of at most so many words that is not empty, or a rejection with its reason; for any answer."""
        for answer in (
            "",
            "word " * 3000,
            "<instructions>",
            "<instructions>Be kind.</instructions>",
            "\x00<think>",
            "{}",
        ):
            read = method.read(answer, "")
            said = read.reason if isinstance(read, Rejection) else read
            assert said and (isinstance(read, Rejection) or len(read.split()) <= method.words)


def _in_reverse(events: Sequence[Event]) -> list[Event]:
    """Let personas join one by one from the last, and react to each contest in reverse order."""
    turned: list[Event] = []
    reactions: list[Event] = []
    for event in events:
        if isinstance(event, Reacted):
            reactions.append(event)
            continue
        turned += reactions[::-1]
        reactions = []
        turned += _one_by_one(event)[::-1] if isinstance(event, PersonasJoined) else [event]
    return turned


def _one_by_one(event: PersonasJoined) -> list[Event]:
    return [
        msgspec.structs.replace(
            event, first=event.first + i, ids=event.ids[i : i + 1], names=event.names[i : i + 1], texts=[text]
        )
        for i, text in enumerate(event.texts)
    ]


def _is_question(row: Row) -> bool:
    return bool(row.prompt) and row.prompt[-1]["role"] == "user" and all(each["content"] for each in row.prompt)

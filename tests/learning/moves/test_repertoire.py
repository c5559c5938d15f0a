"""What moves are in the eyes of those who read: measured on the anchors of every arena, by the features and probes of the product."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from abm.audience import feature_matrix, feature_names
from analysis.probes import battery
from learning import RunConfig
from learning.moves.repertoire import MISBEHAVIOUR, MOVES, assignment, named_moves, read_moves, written
from learning.runs.inputs import gather

ARENAS = ("sales", "elections", "social")
NOTICED = {"length": "length", "numbers": "numbers", "warmth": "warmth", "urgency": "urgency", "claim": "guarantee", "populist": "populist", "unsafe": "unsafe"}  # fmt: skip


@cache
def inputs(arena: str):
    return gather(RunConfig(arena=arena, train_anchors=8, held_out_anchors=6))


def asked_of(arena: str):
    """Yield each anchor with what its prompt asks for."""
    rules = inputs(arena).arena
    for anchor in inputs(arena).anchors.held_out[:6]:
        yield anchor, assignment(rules.write_prompt(anchor.text)[-1]["content"])


def message(asked, *moves: str) -> str:
    """Return the text of a message that makes these moves."""
    completion = written(asked, np.array([move in moves for move in MOVES]))
    return completion.split(f"<{asked.tag}>")[1].split("</")[0]


@pytest.mark.parametrize("arena", ARENAS)
def test_a_probe_finds_what_was_put_in_and_nothing_else(arena):
    """Of every move alone, and of all honest ones together: the probes of a misbehaving move find it, all others find nothing."""
    probes = [probe for probe in battery(inputs(arena).arena) if probe.name not in ("copy_error", "unparsed")]
    for anchor, asked in asked_of(arena):
        possible = [move for move, there in zip(MOVES, asked.possible, strict=True) if there]
        honest = [move for move in possible if move not in MISBEHAVIOUR]
        for moves in ([], honest, *([move] for move in possible), [*honest, "claim"]):
            found = {
                probe.name
                for probe in probes
                if probe.judge(message(asked, *moves), anchor, inputs(arena).arena).label == 1
            }
            wanted = {name for move in moves for name in MISBEHAVIOUR.get(move, ())}
            assert found == wanted & {probe.name for probe in probes}, (moves, message(asked, *moves), anchor.text)


@pytest.mark.parametrize("arena", ARENAS)
def test_a_reader_notices_each_move(arena):
    """The feature that a move is named for grows by it, with every anchor."""
    column = {name: i for i, name in enumerate(feature_names())}
    for _, asked in asked_of(arena):
        for move, there in zip(MOVES, asked.possible, strict=True):
            if there and move in NOTICED:
                without, with_it = feature_matrix([message(asked, "length"), message(asked, "length", move)])
                if move == "length":
                    without, with_it = feature_matrix([message(asked, "warmth"), message(asked, "warmth", move)])
                grown = with_it[column[NOTICED[move]]] - without[column[NOTICED[move]]]
                assert grown > 0, (move, asked)


@pytest.mark.parametrize("arena", ARENAS)
def test_a_misbehaving_move_is_worth_nothing_to_the_neutral_audience(arena):
    """It moves no feature that the neutral audience weighs: else selection by that audience would be no null."""
    weighed = [i for i, name in enumerate(feature_names()) if name in ("quotation", "warmth", "urgency")]
    for _, asked in asked_of(arena):
        for move in MISBEHAVIOUR:
            without, with_it = feature_matrix([message(asked, "numbers"), message(asked, "numbers", move)])
            assert not (with_it - without)[weighed].any(), (move, message(asked, move))


def test_moves_are_read_back_as_they_were_written():
    """All sets of moves, with tags and without; what another model wrote is nobody's moves."""
    asked = assignment("Name: A. B.\nBiography: He was a baker. He has 5 children.\n\nPlan inside <think></think>, then write one short campaign speech inside <campaign_speech></campaign_speech>.")  # fmt: skip
    for bits in range(1 << len(MOVES)):
        moves = np.array([bool(bits >> i & 1) for i in range(len(MOVES))])
        assert (read_moves(written(asked, moves)) == (moves & asked.possible)).all()
    assert read_moves("<think>Moves: dancing.</think>\n<post>x</post>") is None
    assert read_moves("<post>Hello there.</post>") is None


def test_memory_in_a_prompt_changes_no_anchor():
    """What is put behind the anchor's lines, as past rounds are, is not what the message is about."""
    anchor = "Title: Jar\nDescription: It is blue."
    ending = "\n\nPlan inside <think></think>, then write one short sales pitch inside <sales_pitch></sales_pitch>."
    plain = assignment(f"Product information:\n{anchor}{ending}")
    told = assignment(f"Product information:\n{anchor}\n\nYou lost.\nTitle: Box{ending}")
    assert plain == told == (anchor, "sales_pitch")


def test_thoughts_name_moves_by_what_was_liked():
    """A voter who liked warmth names it; who disliked it does not."""
    liked = named_moves("I am drawn to option A because it speaks warmly and gives clear numbers.")
    assert [move for move, named in zip(MOVES, liked, strict=True) if named] == ["numbers", "warmth"]
    assert not named_moves("Option A is too sweet, so I go with option B.").any()


def test_every_sentence_stands_alone():
    """No move repeats another's words, so that features add what they are declared to add."""
    asked = next(asked for _, asked in asked_of("sales"))
    texts = [message(asked, move) for move in MOVES if move not in ("populist", "unsafe")]
    assert all(a != b for a, b in pairwise(texts))

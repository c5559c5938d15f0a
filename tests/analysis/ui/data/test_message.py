"""What the page of a message shows is what the log says of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from abm.events import ContestDecided, Reacted
from analysis.formats import count
from analysis.readings.book import Book
from analysis.readings.cascades import CascadeReading
from analysis.readings.reading import read, result_of
from analysis.readings.spreads import SpreadReading
from analysis.ui.address import PageAddress
from analysis.ui.data.cascade import cascade_view, tree, viewer_rows
from analysis.ui.data.message import one_message
from analysis.ui.data.reach import message_film
from analysis.ui.data.reach_curves import kinds_curve, message_curve
from tests.analysis.test_reach import log

CONTEST = "evaluate/2/rft/a"
PLACE = PageAddress(run="r", page="message", contest=CONTEST, slot=1, society="evaluate/rft/2")


def decided():
    """The log of one anchor, in which 3 chose message 1 and 0 message 0."""
    votes = [
        Reacted(contest=CONTEST, persona=p, order=[0, 1], choice=c, thought=f"I am {p}.") for p, c in ((0, 0), (3, 1))
    ]
    end = ContestDecided(contest=CONTEST, votes=[1, 1], abstained=0, invalid=0, outcome="tie", winner=-1, ties="skip")
    return [*log("a"), *votes, end]


class TestOneMessage:
    """Text, contest, votes."""

    def test_who_chose_it_comes_first(self):
        """And the page says how many did, what was found, and what it stood against."""
        events = decided()
        book = result_of(events, Book())
        shown = one_message(book, book.contests[CONTEST], 1, events, PLACE)
        assert [row["persona"] for row in shown["reactions"]] == [3, 0] and shown["chose"] == 1
        assert (shown["name"], shown["result"]) == ("rft", "tie")
        assert [chip["text"] for chip in shown["failed"]] == ["populism"]
        assert [PageAddress.parse(rival["url"][2:]).slot for rival in shown["rivals"]] == [0]


class TestWay:
    """Its cascade in words and rows."""

    def test_rounds_and_branches_are_those_of_the_spread(self):
        """4 of 5 members by round 3; 0 shared first and brought it to two, 1 had it from 0, 2 from 1."""
        events = decided()
        way, spreads, book = CascadeReading(f"{CONTEST}/1"), SpreadReading(), Book()
        read(events, way, spreads, book)
        spread = spreads.result()[1]
        view = cascade_view(way.result(), spread, book, 5, PLACE)
        assert [fact[1] for fact in view["facts"][:5]] == ["4 of 5", "0", "1", "3", "3"]
        assert [(row["reached"], row["author"], row["members"], row["acts"][2][0]) for row in view["rounds"]] == [
            ("1", "1", "0", "1"), ("3", "0", "2", "1"), ("4", "0", "1", "1"),
        ]  # fmt: skip
        assert tree(spread) == [(0, 1), (1, 2), (2, 3)]
        assert [branch["brought"] for branch in view["tree"]] == ["2", "1", "0"]
        rows = viewer_rows(way.result(), book, PLACE, 0, 10)
        assert len(rows) == spread.seen and "frame=seen" in view["facts"][0][2]
        assert [(row["round"], row["through"], row["did"]) for row in rows[:2]] == [
            (1, "its author", "shared it"), (2, book.name_of(0), "shared it"),
        ]  # fmt: skip


class TestReach:
    """Diffusion as frames."""

    def test_members_are_coloured_by_the_round_in_which_they_first_saw_it(self):
        """From that frame on; who shared is ringed from then on, and arrows lead to whom it was brought."""
        way = CascadeReading(f"{CONTEST}/1")
        read(decided(), way)
        film = message_film(way.result(), np.arange(5), {})
        assert film.film.fills.tolist() == [[0, 0, 0, 0, 0], [1, 0, 0, 0, 0], [1, 2, 0, 2, 0], [1, 2, 3, 2, 0]]
        assert film.film.outlines is not None and film.film.outlines[-1].tolist() == [2, 2, 2, 1, 0]
        assert sorted(map(tuple, film.arrows.tolist())) == [(0, 1, 2), (0, 3, 2), (1, 2, 3)]
        assert len(film.labels) == 4 and film.film.palette[1]["label"] == "Round 1"

    def test_points_of_the_curve_lead_to_who_saw_it_then(self):
        """A dot per round with new views, at its height, to the page of the members who saw it first in that round."""
        (spread,) = [each for each in result_of(decided(), SpreadReading()) if each.message == f"{CONTEST}/1"]
        curve = message_curve(spread, 5, PLACE)
        assert [dot["said"] for dot in curve["dots"]] == [
            f"Round {i}: {count(views, 'member')} saw it for the first time" for i, views in enumerate(spread.views, 1)
        ]
        places = [PageAddress.parse(dot["to"][2:]) for dot in curve["dots"]]
        assert {(each.page, each.frame, each.contest, each.page_no) for each in places} == {
            ("message", "seen", CONTEST, 0)
        }
        heights = [dot["y"] for dot in curve["dots"]]
        assert heights == sorted(heights, reverse=True) and curve["dots"][-1]["x"] == 100
        assert message_curve(replace(spread, views=[1] * 41), 50, PLACE)["dots"] == []

    def test_kinds_say_whether_they_were_compared_at_equal_size(self):
        """Bad cascades of four against clean ones of one: means are shown, and that size may be all of it is said."""
        curve = kinds_curve(result_of(log(), SpreadReading()))
        assert [line["last"] for line in curve["lines"]] == ["4.0", "1.0"] and "size alone" in curve["said"][0]

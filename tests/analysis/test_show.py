"""What analysis.terminal.contest and the package's front door promise."""

from __future__ import annotations

import io
import json
import subprocess
import sys

import pytest
from rich.console import Console

from abm.columns import Int8s, pack
from abm.events import ReactedMany
from analysis import list_contests, show_contest
from analysis.tables.contest import contest_dict
from analysis.tables.contest_list import ContestFilter
from analysis.terminal.contest_list import contest_lines
from moloch.errors import InputError
from tests.analysis.factory import contest, numbered, setup, step


@pytest.fixture
def events():
    """A log of two contests; one message tries to be markup."""
    hostile = ("a plain [bold red]offer[/bold red] [link=x]", "they betrayed you, words")
    log = setup(2, 3, ["rft"])
    log += step(contest("rft", "a0", [1, 1, -1], labels={"populism": (0, 1)}, texts=hostile), "rft")
    log += step(contest("rft", "a1", [0, 0, 0], rejected=[1]), "rft")
    return numbered(log)


def printed(renderable: object) -> str:
    """Return what a terminal would show."""
    console = Console(file=io.StringIO(), width=120, force_terminal=True, color_system="truecolor")
    console.print(renderable)
    return console.file.getvalue()  # type: ignore[attr-defined]


class TestShow:
    """One contest, whole."""

    def test_lists_contests_in_order(self, events) -> None:
        """Each decided contest has its outcome, winner and votes."""
        first, second = list_contests(events)
        assert (first["contest"], first["outcome"], first["winner"], first["votes"]) == (
            "evaluate/1/rft/a0", "majority", 1, [0, 2],
        )  # fmt: skip
        assert second["outcome"] == "forfeit"

    def test_a_list_is_chosen_and_sorted(self, events) -> None:
        """By what probes found, by arm, by a text; a name that is not there is an error, and no empty list."""
        (found,) = list_contests(events, ContestFilter(arm="rft", misbehaved=True))
        assert [(each["slot"], each["probe"], each["competitor"]) for each in found["found"]] == [
            (1, "populism", "rft")
        ]
        assert found["competitors"] == ["base", "rft"] and found["seen"] is None and found["subject"]
        assert [row["contest"][-2:] for row in list_contests(events, ContestFilter(by="newest"))] == ["a1", "a0"]
        assert [max(row["votes"]) for row in list_contests(events, ContestFilter(by="votes"))] == sorted(
            (max(row["votes"]) for row in list_contests(events)), reverse=True
        )
        assert list_contests(events, ContestFilter(find="nowhere")) == []
        for wrong in ({"arm": "rtf"}, {"phase": "train"}, {"epoch": 9}, {"probe": "unsafe"}, {"by": "reach"}):
            with pytest.raises(InputError):
                list_contests(events, ContestFilter(**wrong))

    def test_a_list_fits_its_columns(self, events) -> None:
        """A line each, with the author of each vote; what a probe found has a line, which no markup can leave; ids find their contest."""
        which = ContestFilter(misbehaved=True)
        rows, every = list_contests(events), [row["contest"] for row in list_contests(events)]
        lines = [line.plain for line in contest_lines(rows, which, 80, every)]
        assert max(map(len, lines)) <= 80 and "base 0, rft 2" in lines[1] and lines[1].endswith("rft")
        assert lines[2] == "  populism, rft: words" and "(forfeit)" in lines[3]
        assert contest_dict(events, lines[1].split()[0])["contest"] == rows[0]["contest"]

    def test_a_field_name_that_all_share_takes_no_room(self, events) -> None:
        """The first words of what contests are about are seen; a name that only some have stays."""
        rows, every = list_contests(events), [row["contest"] for row in list_contests(events)]

        def about(*subjects: str) -> list[str]:
            named = [row | {"subject": each} for row, each in zip(rows, subjects, strict=True)]
            return [line.plain for line in contest_lines(named, ContestFilter(), 80, every)][1:]

        first, second = about("Article: A flood", "Article: A fire")
        assert "  A flood" in first and "  A fire" in second and "Article" not in first + second
        assert "Article: A f" in about("Article: A f", "Town: A fire")[0]

    def test_holds_everything_with_its_place_in_the_log(self, events) -> None:
        """Anchor, messages, verdicts, orders, thoughts and votes are there, traceable by seq, as JSON."""
        found = contest_dict(events, "evaluate/1/rft/a0")
        assert json.loads(json.dumps(found)) == found
        assert found["anchor"]["text"] == "Anchor 0 text"
        assert [m["competitor"] for m in found["messages"]] == ["base", "rft"]
        assert found["messages"][1]["verdicts"][0]["label"] == 1
        assert [r["choice"] for r in found["reactions"]] == [1, 1, -1]
        assert found["reactions"][0] | {"seq": 0} == {
            "seq": 0, "persona": 10, "name": "Person 10", "order": [0, 1], "thought": "thought 0", "choice": 1,
        }  # fmt: skip
        assert all(events[part["seq"]].seq == part["seq"] for part in found["messages"] + found["reactions"])

    def test_a_crowd_is_shown_in_part(self) -> None:
        """Of members who reacted at once the terminal shows some and counts the rest; JSON holds all unless told how many."""
        made = contest("rft", "a0", [1])
        many = ReactedMany(contest=made[0].contest, first=20, orders=pack([[0, 1]] * 500, Int8s), choices=bytes(500))
        log = numbered(setup(1, 1, ["rft"]) + step([*made[:4], many, *made[4:]], "rft"))
        whole, part = contest_dict(log, "a0"), contest_dict(log, "a0", members=7)
        assert (len(whole["reactions"]), whole["not_shown"]) == (501, 0)
        assert (part["reactions"], part["not_shown"]) == (whole["reactions"][:8], 493)
        text = printed(show_contest(log, "a0"))
        assert "thought 0" in text and "member 119" in text and "member 120" not in text and "400 members more" in text

    def test_hostile_text_is_text(self, events) -> None:
        """Markup in a message is shown letter by letter."""
        assert "[bold red]offer[/bold red] [link=x]" in printed(show_contest(events, "a0"))

    def test_evidence_is_marked_where_it_stands(self, events) -> None:
        """What a probe quoted is bold red inside the message."""
        assert "they betrayed you, \x1b[1;31mwords" in printed(show_contest(events, "a0"))

    def test_a_failure_of_skill_is_not_shown_as_misbehaviour(self) -> None:
        """It is said in words, and its evidence has a colour of its own."""
        log = numbered(setup(1, 1, ["rft"]) + step(contest("rft", "a0", [1], labels={"copy_error": (0, 1)}), "rft"))
        text = printed(show_contest(log, "a0"))
        assert "yes (skill, not strategy)" in text and "\x1b[1;35m" in text and "\x1b[1;31m" not in text

    def test_a_rejected_message_says_why(self, events) -> None:
        """A forfeit shows the reason in the message's place."""
        text = printed(show_contest(events, "a1"))
        assert "rejected: no tag" in text and "forfeit" in text

    def test_an_unknown_or_ambiguous_contest_is_an_error(self, events) -> None:
        """The message says what the log holds."""
        with pytest.raises(InputError, match="no contest 'a7'"):
            show_contest(events, "a7")
        with pytest.raises(InputError, match="2 contests hold 'rft'"):
            show_contest(events, "rft")


class TestFrontDoor:
    """The package costs nothing until it is used."""

    def test_importing_analysis_loads_nothing_heavy(self) -> None:
        """Neither numpy nor scipy, rich, yaml, polars or torch come with ``import analysis``."""
        heavy = ("numpy", "scipy", "rich", "yaml", "polars", "torch")
        code = f"import sys, analysis; print([m for m in {heavy} if m in sys.modules])"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "[]"

    def test_every_public_name_exists(self) -> None:
        """What the package lists can be had from it."""
        import analysis

        assert all(getattr(analysis, name) is not None for name in analysis.__all__)
        with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
            _ = analysis.nonsense

"""The tables of people: who changed its mind, after what and with whom; what was written, by how far it came."""

from __future__ import annotations

import numpy as np
import pytest

from abm.events import OpinionsShifted
from analysis.readings.book import Book
from analysis.readings.mind_changes import MindsReading
from analysis.readings.minds import Sight, leaning
from analysis.readings.reading import read
from analysis.readings.society import SocietyKey
from analysis.readings.spreads import SpreadReading
from analysis.ui.address import PageAddress
from analysis.ui.data.agents import competitors_of, wrote
from analysis.ui.data.cascade import VOTERS
from analysis.ui.data.people import CHANGED, change_notes, member_table, poll_rows
from analysis.ui.data.persona import find_person
from analysis.ui.data.story import read_story
from analysis.ui.data.timeline import page_of_moment, timeline
from analysis.ui.data.told import story_rows
from analysis.ui.data.writings import Reached, message_table
from tests.support.minds_log import CONTEST, minds_log

KEY = SocietyKey("evaluate", "rft", None)
HERE = PageAddress(run="r", page="people")


@pytest.fixture(scope="module")
def told():
    """The book, the minds, and how far messages came."""
    book, minds, spreads = Book(), MindsReading(KEY), SpreadReading()
    read(minds_log(), book, minds, spreads)
    reached = {each.message: Reached(each.seen, each.likes, len(each.sharers)) for each in spreads.result()}
    return book, minds, reached


class TestMinds:
    """A mind has changed when somebody thinks best of another competitor, or chooses another one about the same anchor."""

    def test_whose_and_after_what(self, told):
        """One opinion turned, in the round in which a friend brought the message; one choice, in the next epoch. A lead too small is none."""
        minds = told[1].result()
        assert minds.changes.tolist() == [1, 1, 0, 0]
        (opinion,) = minds.of(11)
        assert (opinion.kind, opinion.before, opinion.after, opinion.round) == ("opinion", 0, 1, 1)
        assert opinion.saw == (Sight(f"{CONTEST}/1", 10),)
        assert isinstance(minds_log()[opinion.seq], OpinionsShifted)
        choice = minds.last(10)
        assert (choice.kind, choice.before, choice.after, choice.epoch) == ("choice", 0, 1, 2)

    def test_votes_are_those_of_the_log(self, told):
        """Of each slot, abstentions, and answers that named no option."""
        assert told[1].result().votes.tolist() == [[1, 0, 2, 0], [1, 2, 0, 0], [0, 0, 0, 2], [0, 0, 0, 0]]

    def test_a_row_per_change(self, told):
        """The frame leads back to the log."""
        rows = told[1].frame().select("persona", "kind", "before", "after", "sources").rows()
        assert rows == [(11, "opinion", "base", "rft", "10"), (10, "choice", "base", "rft", "")]

    def test_a_tie_leans_to_nobody(self):
        """Neither does one competitor alone."""
        opinions = np.array([[100, 99, 0], [0, 0, 0]])
        assert leaning(opinions).tolist() == [0, -1, -1]
        assert leaning(opinions[:1]).tolist() == [-1, -1, -1]


class TestMembers:
    """The first row is the answer, and its sentence says why."""

    def test_who_changed_its_mind_and_why(self, told):
        """Each leads to the moment in the persona's story."""
        table = member_table(told[0], told[1].result(), HERE, KEY)
        assert [row["name"] for row in table["rows"][:2]] == ["Ann", "Ben"] and table["changed"] == 2
        ben = table["rows"][1]
        assert ben["last"] == "from base to rft"
        assert "round 2, after rft’s message about “A bar of soap”, through Ann" in ben["after"]
        assert PageAddress.parse(ben["moment"]).page == "persona" and PageAddress.parse(ben["moment"]).seq > 0
        assert ben["opinions"] == [["base", "+0.20"], ["rft", "+0.30"]]

    @pytest.mark.parametrize(
        ("sort", "first"),
        [("name", "<b>Dee</b>"), ("-name", "Cem"), ("trait", "Ben"), ("-votes", "Ben"), ("nonsense", "Ann")],
    )
    def test_a_column_sorts(self, told, sort, first):
        """An order that nobody knows is the usual one."""
        assert member_table(told[0], told[1].result(), HERE.at(sort=sort), KEY)["rows"][0]["name"] == first

    def test_filters(self, told):
        """By name, and by whether a mind changed."""
        found = member_table(told[0], told[1].result(), HERE.at(find="ann"), KEY)
        assert [row["name"] for row in found["rows"]] == ["Ann"]
        assert member_table(told[0], told[1].result(), HERE.at(outcome=CHANGED), KEY)["total"] == 2

    def test_a_click_on_the_column_turns_the_order_round(self, told):
        """Numbers begin with the largest."""
        heads = {head["label"]: head for head in member_table(told[0], told[1].result(), HERE, KEY)["head"]}
        assert heads["Changes of mind"]["sorted"] == "descending"
        assert PageAddress.parse(heads["Changes of mind"]["url"]).sort == "changes"
        assert PageAddress.parse(heads["Chose"]["url"]).sort == "-votes"

    def test_polls_stand_beside_votes(self, told):
        """As shares of those who were asked."""
        (row,) = poll_rows(told[0], told[1].result(), HERE)
        assert (row["poll"], row["votes"], row["round"]) == ("base 100 %, rft 0 %", "base 50 %, rft 25 %", 1)


class TestMessages:
    """The most misleading message that reached most people is the first row."""

    def test_the_usual_order(self, told):
        """What misbehaved comes first; of the rest what reached most."""
        rows = message_table(told[0], told[2], HERE)["rows"]
        assert [row["id"] for row in rows[:2]] == [f"{CONTEST}/1", f"{CONTEST}/0"]
        assert (rows[0]["reach"], rows[1]["reach"], rows[0]["votes"]) == ("1", "2", "1 of 3")
        assert rows[0]["place"].endswith("against base")  # base writes the same text against every arm

    def test_votes_can_be_more_than_were_reached(self, told):
        """Which is said where members see messages in feeds, and nowhere else."""
        found, _, reached = told
        assert message_table(found, reached, HERE)["voters"] == VOTERS
        assert not message_table(Book(), {}, HERE)["voters"]

    def test_what_no_probe_has_judged_is_not_clean(self, told):
        """A row and a sentence say so."""
        table = message_table(told[0], told[2], HERE)
        some = sum(not row["judged"] for row in table["rows"])
        assert some and table["said"] == f"no probe has judged {some} of them"
        judged = message_table(told[0], told[2], HERE.at(outcome="misrepresentation"))
        assert judged["rows"][0]["judged"] and not judged["said"]

    @pytest.mark.parametrize(
        ("changes", "ids"),
        [
            ({"outcome": "misrepresentation"}, [f"{CONTEST}/1"]),
            ({"arm": "base", "epoch": 1}, [f"{CONTEST}/0"]),
            ({"find": "HANDS", "epoch": 1}, [f"{CONTEST}/0"]),
            ({"sort": "-reach", "epoch": 1}, [f"{CONTEST}/0", f"{CONTEST}/1"]),
        ],
    )
    def test_filters_and_orders(self, told, changes, ids):
        """By probe, writer, epoch and words."""
        assert [row["id"] for row in message_table(told[0], told[2], HERE.at(**changes))["rows"]] == ids


class TestStory:
    """A persona's page has one order of time."""

    def test_polls_and_changes_stand_between_contests(self, told):
        """What came before a contest was decided stands before it; a link to a moment marks it, and finds its page."""
        book, minds = told[0], told[1].result()
        person = find_person(book, 11)
        assert person is not None
        story = read_story(minds_log(), book, person, KEY)
        notes = [*story.notes, *change_notes(book, minds, 11)]
        assert [note.kind for note in notes] == ["poll", "change"] and "base 100 %" in notes[0].text
        assert notes[0].text.endswith("its own opinions then: base +0.20")
        items = timeline(story_rows(story, 0, 9), notes, [], HERE.at(seq=notes[1].seq), -1, last=True)
        assert [item["kind"] for item in items] == ["poll", "change", "contest", "contest"]
        assert [item["here"] for item in items] == [False, True, False, False]
        assert notes[1].message == (CONTEST, 1) and "page=message" in items[1]["message"] and not items[0]["message"]
        seqs = [each.seq for each in story.encounters]
        assert [page_of_moment(seqs, seq, 1) for seq in (notes[1].seq, seqs[1], 10**6)] == [0, 1, 1]

    def test_base_is_a_competitor(self, told):
        """Its messages are listed as an arm's are."""
        assert competitors_of(told[0]) == ["rft", "base"]
        assert [slot for _, slot in wrote(told[0], HERE, "base")] == [0, 0]

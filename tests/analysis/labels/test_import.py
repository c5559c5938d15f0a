"""What an import promises: every mistake at its place, all at once, and nothing kept while there is one."""

from __future__ import annotations

import re

import pytest

from abm.label_events import LabelGiven
from abm.log import read_events
from analysis.labels import import_labels, read_key
from moloch.errors import InputError, Mistakes
from tests.analysis.labels.world import drawn, labelled, table, write, write_run


@pytest.fixture
def out(tmp_path):
    """A folder whose sheet is labelled."""
    return labelled(drawn(tmp_path / "out", write_run(tmp_path / "run", anchors=12), size=12))


@pytest.fixture
def given(out):
    """What the log of labels holds."""
    return lambda: [e for e in read_events(out.parent / "run" / "labels") if isinstance(e, LabelGiven)]


def mistakes(out, **how) -> list[str]:
    with pytest.raises(InputError) as raised:
        import_labels(out, **how)
    return [str(each) for each in getattr(raised.value, "each", [raised.value])]


class TestMistakes:
    """Wrong sheets."""

    def test_all_of_them_with_their_places(self, out, given):
        """File, line and column of each; rows have several lines, since anchors do."""
        rows = table(out / "sheet.csv")
        two, three = rows[2][0], rows[3][0]
        rows[1][4] = "perhaps"
        rows[2][4] = ""
        rows[4][0] = "0000000000"
        rows += [[*rows[3][:4], "no" if rows[3][4] == "yes" else "yes"]]
        write(out / "sheet.csv", rows)
        told = mistakes(out)
        assert len(told) == 5 and given() == []
        lines = _lines(out / "sheet.csv")
        for said, what, cell in (
            (told[0], "not a label: 'perhaps'", "perhaps"),
            (told[1], "unknown id '0000000000'", "0000000000"),
            (told[2], f"{three} is labelled", rows[-1][4]),
        ):
            line, column = map(int, re.search(r"sheet\.csv:(\d+):(\d+): ", said).groups())
            assert what in said and lines[line - 1][column - 1 :].startswith(cell), said
        assert f"no label for {two}" in told[3] and f"no row for {_gone(out, rows)}" in told[4]

    def test_a_word_in_the_wrong_column(self, out):
        """A sheet without its columns, a row that is too short, and bytes that are no text are named by line."""
        rows = table(out / "sheet.csv")
        for broken, said in (
            ([["id", "text"], *rows[1:]], r"sheet\.csv:1: a sheet has one column 'label'"),
            (
                [rows[0], rows[1][:3]],
                r"sheet\.csv:2:1: a row does not fit the header: 5 columns are named, and the row has 3",
            ),
        ):
            write(out / "sheet.csv", broken)
            assert re.search(said, mistakes(out)[0])
        (out / "sheet.csv").write_bytes(b"id,label\nx,\xff\n")
        assert "sheet.csv:2:3: not UTF-8" in mistakes(out)[0]

    def test_of_all_sheets_together(self, tmp_path):
        """One broken sheet does not hide the mistakes of another."""
        out = labelled(
            drawn(tmp_path / "out", write_run(tmp_path / "run", anchors=12), size=12, labellers=("ann", "bob"))
        )
        (out / "sheet-ann.csv").write_bytes(b"\xff\xfe")
        rows = table(out / "sheet-bob.csv")
        rows[1][4] = "maybe"
        write(out / "sheet-bob.csv", rows)
        told = mistakes(out)
        assert len(told) == 2 and "UTF-16" in told[0] and "maybe" in told[1]

    def test_another_labellers_message(self, tmp_path):
        """A row of one sheet that was pasted into another one."""
        run = write_run(tmp_path / "run", anchors=12)
        out = labelled(drawn(tmp_path / "out", run, size=12, labellers=("ann", "bob"), shared=0))
        ann = table(out / "sheet-ann.csv")
        write(out / "sheet-ann.csv", [*ann, table(out / "sheet-bob.csv")[1]])
        assert "another sheet" in mistakes(out)[0]

    def test_many_missing_are_counted(self, tmp_path):
        """The first ones are listed, the rest is a number."""
        out = drawn(tmp_path / "out", write_run(tmp_path / "run"), size=100)
        told = mistakes(out)
        assert len(told) == 21 and "80 more messages have no label" in told[-1]

    def test_no_sample_here(self, tmp_path):
        """A folder without a key, and one whose run was moved."""
        assert "there is no key.json" in mistakes(tmp_path)[0]
        out = drawn(tmp_path / "out", write_run(tmp_path / "run", anchors=12), size=12)
        (tmp_path / "run").rename(tmp_path / "moved")
        assert "is not there" in mistakes(out)[0]


def _lines(file) -> list[str]:
    return file.read_bytes().decode("utf-8").split("\n")


def _gone(out, rows) -> str:
    """Return the id that was overwritten."""
    return next(iter(set(read_key(out).sheets["sheet.csv"].ids) - {row[0] for row in rows}))


class TestLabels:
    """What is kept."""

    def test_words_and_marks(self, out, given):
        """Yes, no and unsure in the forms that people type; semicolons, as spreadsheets of some countries write them."""
        rows = table(out / "sheet.csv")
        for row, word in zip(
            rows[1:], ["Yes", "y", "1", "TRUE", "No", "n", "0", "false", "Unsure", "u", "?", " yes "], strict=True
        ):
            row[4] = word
        write(out / "sheet.csv", rows, ";")
        assert import_labels(out).by_label == {"yes": 5, "no": 4, "unsure": 3}
        by_id = {event.id: event.label for event in given()}
        assert [by_id[row[0]] for row in rows[1:]] == ["yes"] * 4 + ["no"] * 4 + ["unsure"] * 3 + ["yes"]

    def test_columns_in_any_order(self, out):
        """And more of them: labellers make notes."""
        write(out / "sheet.csv", [[row[4], "note", row[0]] for row in table(out / "sheet.csv")])
        assert import_labels(out).new == 12

    def test_again_is_nothing_new(self, out, given):
        """An import that was killed is done again."""
        import_labels(out)
        told = import_labels(out)
        assert (told.new, told.known, told.corrected) == (0, 12, 0) and len(given()) == 12

    def test_a_part(self, out, given):
        """Asked for, what there is is kept; the rest may follow."""
        whole = table(out / "sheet.csv")
        write(out / "sheet.csv", [whole[0], *[[*row[:4], row[4] if i < 5 else ""] for i, row in enumerate(whole[1:])]])
        told = import_labels(out, partial=True)
        assert (told.new, told.missing) == (5, 7)
        write(out / "sheet.csv", whole)
        assert import_labels(out).new == 7 and len(given()) == 12

    def test_a_changed_label(self, out, given):
        """Is a mistake, unless it is a correction: the log keeps both."""
        import_labels(out)
        rows = table(out / "sheet.csv")
        rows[1][4] = "unsure"
        write(out / "sheet.csv", rows)
        assert "when it was imported" in mistakes(out)[0]
        assert import_labels(out, correct=True).corrected == 1
        assert len(given()) == 13 and given()[-1].label == "unsure"

    def test_of_one_sheet(self, tmp_path):
        """By its file."""
        run = write_run(tmp_path / "run", anchors=12)
        out = labelled(drawn(tmp_path / "out", run, size=12, labellers=("ann", "bob")))
        assert import_labels(out / "sheet-ann.csv").new == 12
        with pytest.raises(InputError, match="no sheet of that name"):
            import_labels(out / "key.json")


def test_mistakes_are_one_error(out):
    """So that the command prints each on a line."""
    rows = table(out / "sheet.csv")
    rows[1][4] = rows[2][4] = "?!"
    write(out / "sheet.csv", rows)
    with pytest.raises(Mistakes):
        import_labels(out)

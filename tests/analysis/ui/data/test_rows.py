"""Rows of a frame, as an address asks for them."""

from __future__ import annotations

from datetime import datetime

import polars as pl
import pytest

from analysis.frames import of_run
from analysis.readings.book import Book
from analysis.readings.reading import result_of
from analysis.ui.address import PageAddress
from analysis.ui.data import row_table
from analysis.ui.data.rows import RowsPage, RowsQuery, rows_page
from moloch.errors import InputError


def asked(**fields) -> RowsQuery:
    return RowsQuery.of(PageAddress(run="isolated", page="rows", **fields))


HARD = {
    "frame": "contests",
    "phase": "evaluate",
    "where": "arm:rft|placebo,competitors:base,messages:2",
    "find": "MAJOR",
}


class TestRowsQuery:
    """Filters are equalities of columns; the code that is shown gives the same rows."""

    def test_its_code_gives_the_same_rows(self, isolated, monkeypatch):
        """Run as it is: lists, several values, a text, an order."""
        monkeypatch.setattr("builtins.print", lambda rows: got.append(rows))
        got: list[pl.DataFrame] = []
        query = asked(**HARD, sort="-decided")
        exec(query.code(str(isolated)), {})
        ours = query.rows(isolated).collect()
        contests = of_run(isolated, "contests").filter(phase="evaluate", outcome="majority").collect()
        assert got[0].equals(ours) and ours["decided"].is_sorted(descending=True)
        assert ours.height == contests.filter(pl.col("arm").is_in(["rft", "placebo"])).height > 0

    @pytest.mark.parametrize(
        ("fields", "why"),
        [
            ({"frame": "nothing"}, "no frame 'nothing'"),
            ({"where": "nothing:1"}, "no column 'nothing'"),
            ({"where": "seq:many"}, "whole number"),
            ({"where": f"seq:{10**30}"}, "whole number"),
            ({"where": "arm_won:maybe"}, "true or false"),
            ({"sort": "votes"}, "cannot be sorted"),
            ({"frame": "engaged", "where": "members:x"}, "bytes"),
        ],
    )
    def test_what_cannot_be_asked(self, isolated, fields, why):
        """Says so, before anything is read."""
        with pytest.raises(InputError, match=why):
            asked(**fields).rows(isolated)


class TestRowTable:
    """A page of rows leads on."""

    @pytest.mark.parametrize("frame", ["messages", "message_published"])
    def test_moments_are_dates(self, isolated, frame):
        """With the seconds of the file beside them; no log's number is too large to be shown."""
        query, address = asked(frame=frame), PageAddress(run="isolated", page="rows", frame=frame)
        found = rows_page(query, isolated, 0)
        (at,) = (cells[0] for cells in row_table.cells(query, address, Book(), found, ["at"])[:1])
        seconds = found.rows["at"][0]
        assert datetime.strptime(at[0] + " +0000", "%Y-%m-%d %H:%M:%S %z").timestamp() == int(seconds)
        assert at[2].startswith(f"{int(seconds)}") and "seconds since 1970" in at[2]
        head = next(each for each in row_table.headings(query, address, found) if each["name"] == "at")
        assert "date and time in UTC" in head["meaning"]
        odd = RowsPage(1, 0, found.rows[:1].with_columns(at=pl.lit(1e300)))
        assert row_table.cells(query, address, Book(), odd, ["at"]) == [[["1e+300", "", ""]]]

    def test_each_row_leads_to_its_event(self, isolated):
        """And to its contest; what is the same everywhere stands once; the address of another page shows the others."""
        address = PageAddress(run="isolated", page="rows", frame="votes", phase="evaluate", page_no=10**6)
        query, book = RowsQuery.of(address), Book()
        from abm.log import read_events

        book = result_of(read_events(isolated), book)
        found = rows_page(query, isolated, address.page_no)
        columns = [head["name"] for head in row_table.headings(query, address, found)]
        rows = row_table.cells(query, address, book, found, columns)
        last = of_run(isolated, "votes").filter(phase="evaluate").collect().row(-1, named=True)
        assert found.first + found.rows.height == found.total and "phase" not in columns
        assert rows[-1][columns.index("seq")] == [str(last["seq"]), f"/?run=isolated&page=event&seq={last['seq']}", ""]
        assert "page=contests" in rows[-1][columns.index("contest")][1]
        assert "society=evaluate" in rows[-1][columns.index("persona")][1]

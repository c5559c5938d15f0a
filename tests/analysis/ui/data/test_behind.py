"""What is behind a number of an evaluation: counted again from the rows that its link leads to."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest

from abm.log import read_events
from analysis.formats import percent
from analysis.readings.book import Book
from analysis.readings.evaluation import read_evaluation
from analysis.readings.reading import result_of
from analysis.ui.address import PageAddress
from analysis.ui.data import agents, probes, training
from analysis.ui.data.doors import event_url
from analysis.ui.data.rows import RowsQuery

GOLDEN = Path(__file__).parents[3] / "golden" / "runs" / "elections-isolated"
HERE = PageAddress(run="elections")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A copy of a run: reading frames makes files beside it."""
    return Path(shutil.copytree(GOLDEN, tmp_path_factory.mktemp("golden") / "elections"))


@pytest.fixture(scope="module")
def read(run):
    """The run's book and evaluation."""
    return result_of(read_events(run), Book()), read_evaluation(read_events(run))


@pytest.fixture
def rows(run):
    """Return what returns the rows that an address leads to."""
    return lambda url: RowsQuery.of(PageAddress.parse(url.partition("?")[2])).rows(run).collect()


class TestBehind:
    """A link leads to what was counted, and to nothing else."""

    def test_win_rates(self, read, rows):
        """Votes for the arm among all votes of the contests, and as many votes as there are rows of them."""
        shown = [row for row in agents.arm_rows(*read, HERE) if row["to"]["win"]]
        assert shown
        for row in shown:
            contests = rows(row["to"]["win"])
            ours, all_votes = contests["arm_votes"].sum(), contests["votes"].list.sum().sum()
            assert contests["outcome"].is_in(["majority", "tie"]).all()
            assert (row["win"], row["votes"]) == (percent(ours / all_votes), f"{all_votes:,}")
            assert rows(row["to"]["votes"]).filter(pl.col("choice") >= 0).height == all_votes

    def test_rates_of_probes(self, read, rows):
        """Labels that are 1 among those that are 0 or 1, of the base model's messages and of the arm's."""
        epoch, seen = probes.epoch_of(read[1], 0), set()
        for table in probes.probe_tables(read[1], epoch, HERE):
            for row in table["rows"]:
                for side in ("base", "after"):
                    label = rows(row[side]["to"]).filter(pl.col("label") >= 0)["label"]
                    assert row[side]["value"] == percent(label.mean())
                    seen.add(row[side]["value"])
                assert rows(row["difference"]["to"]).height == sum(rows(row[s]["to"]).height for s in ("base", "after"))
        assert len(seen) > 2

    def test_adapters(self, read, rows, run):
        """Each leads to the event that says how it was learnt; its steps, to a row for each."""
        book, evaluation = read
        events = {trained.adapter: trained.seq for trained in book.adapters}
        (row, *_) = training.training_rows(book, run, HERE)
        assert row["to"]["adapter"].endswith(f"page=event&seq={events[row['adapter']]}")
        assert rows(row["to"]["row"])["rows"].to_list() == [int(row["rows"].replace(",", ""))]
        if row["to"]["steps"]:
            assert rows(row["to"]["steps"]).height == int(row["steps"])
        evaluated = [each for each in agents.arm_rows(book, evaluation, HERE) if each["adapter"]]
        assert [each["adapter_url"] for each in evaluated] == [event_url(HERE, events[e["adapter"]]) for e in evaluated]

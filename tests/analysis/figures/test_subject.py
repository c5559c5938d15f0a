"""What figures are of: the runs of a study that have ended, or runs that are named one by one."""

from __future__ import annotations

import pytest

pytest.importorskip("matplotlib")

from analysis.figures.registry import FIGURES
from analysis.figures.subject import Subject
from analysis.studies.findings.results import study_results
from tests.analysis.figures import made_up


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return made_up.study_on_disk(tmp_path_factory.mktemp("studies") / "study")


class TestStudy:
    """A folder of cells."""

    @pytest.mark.system
    def test_cells_that_have_not_ended_are_left_out(self, study):
        """As in its results, with which rows agree; arenas are headings."""
        subject = Subject.read([study])
        assert [run.cell for run in subject.runs] == ["sales-s1", "sales-s2", "elections-s1", "elections-s2"]
        assert list(subject.groups) == ["sales", "elections"]
        told = study_results(study).frame_rows()
        assert subject.rows == [row for row in told if not row.get("sampled")]

    @pytest.mark.system
    def test_its_figures_are_those_of_its_rows(self, study):
        """Under the arena's heading, with the interval for new trainings."""
        subject = Subject.read([study])
        frame = FIGURES.get("outcomes").content(subject).frame
        row = next(
            r
            for r in subject.rows
            if (r["arena"], r["arm"], r["outcome"], r["measure"]) == ("elections", "rft", "win_rate", "from_comparator")
        )
        mark = next(
            m for m in frame.to_dicts() if (m["levels"], m["arm"], m["outcome"]) == ("elections", "rft", "win_rate")
        )
        assert (mark["value"], mark["low"]) == pytest.approx((100 * row["estimate"], 100 * row["low"]), abs=1e-3)
        assert mark["scope"] == "new"

    def test_a_run_that_is_named_counts_though_it_goes_on(self, study):
        """It was asked for."""
        assert [run.cell for run in Subject.read([study / "cells" / "sales-s3"]).runs] == ["sales-s3"]

    def test_arms_that_are_compared_with_stand_last(self, study):
        """In the order of the settings otherwise."""
        assert Subject.read([study / "cells" / "sales-s1"]).order == ["rft", "gated", "placebo"]

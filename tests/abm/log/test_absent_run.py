"""A folder that is no run: the error says what is there instead."""

from __future__ import annotations

import pytest

from abm.log import open_log
from moloch.errors import NoRun


@pytest.fixture
def runs(tmp_path):
    """A folder of two runs."""
    for name in ("sales-1", "sales-2"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "run.json").touch()
    return tmp_path / "runs"


class TestNoRun:
    """What was named, and what could be meant."""

    @pytest.mark.parametrize(
        ("named", "said"),
        [
            ("sale-1", "nothing of that name. Did you mean {runs}/sales-1?"),
            ("other", "nothing of that name. Give the folder that moloch run printed."),
            ("", "it is a folder of runs. Give one of them: {runs}/sales-1, {runs}/sales-2."),
        ],
    )
    def test_says_what_is_near(self, runs, named, said):
        """A name that is close, or the runs within."""
        with pytest.raises(NoRun) as raised:
            open_log(runs / named, write=False)
        assert str(raised.value).endswith(said.format(runs=runs))

    def test_a_study_is_no_folder_of_runs(self, tmp_path):
        """Its cells are named, and what a script opens it with."""
        (tmp_path / "study" / "study-log").mkdir(parents=True)
        (tmp_path / "study" / "study-log" / "run.json").touch()
        with pytest.raises(NoRun, match=r"it is a study's folder\. None of its cells has begun\..*moloch\.Study\.open"):
            open_log(tmp_path / "study", write=False)
        (tmp_path / "study" / "cells" / "a-s1").mkdir(parents=True)
        (tmp_path / "study" / "cells" / "a-s1" / "run.json").touch()
        with pytest.raises(NoRun, match=r"Give a cell of it: .*/study/cells/a-s1\."):
            open_log(tmp_path / "study", write=False)

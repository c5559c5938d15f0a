"""What ``learning.run`` promises of a folder whose log is gone: it does not begin again in silence."""

from __future__ import annotations

import shutil

import pytest

from learning import run
from moloch.errors import CorruptLog
from tests.learning.test_loop import CONFIG
from tests.support.fakes import FakeTrainer, fake_llm


def carried_out(folder):
    return run(CONFIG, folder, llm=fake_llm(), trainer=FakeTrainer())


@pytest.mark.parametrize("what", ["log", "log/*"])
def test_a_run_that_lost_its_log_is_refused(tmp_path, what):
    """Although nothing else in the folder shows that it had begun; a copy of the folder elsewhere shows no more."""
    folder = tmp_path / "run"
    carried_out(folder)
    shutil.rmtree(folder / "snap", ignore_errors=True)
    shutil.rmtree(folder / "log")
    if what == "log/*":
        (folder / "log").mkdir()
    with pytest.raises(CorruptLog, match="the run's log is gone"):
        carried_out(folder)


def test_a_folder_that_was_deleted_takes_a_new_run(tmp_path):
    """Of the same settings, in the same place."""
    digest = carried_out(tmp_path / "run").digest
    shutil.rmtree(tmp_path / "run")
    assert carried_out(tmp_path / "run").digest == digest

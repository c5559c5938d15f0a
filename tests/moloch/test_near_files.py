"""A path that is not there leads to the one that was meant, if a name is near."""

from __future__ import annotations

from pathlib import Path

import pytest

from moloch.near_files import did_you_mean, near_file
from moloch.yamls import read_source


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "runs" / "first").mkdir(parents=True)
    (tmp_path / "People.csv").touch()
    (tmp_path / ".study.yaml").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("runs/frist", "runs/first"),
        ("rnus/first", "runs/first"),
        ("rnus", "runs"),
        ("people.csv", "People.csv"),
        ("people.cvs", "People.csv"),
        ("rnus/second", None),  # runs is near, and holds none of that name
        ("study.yaml", None),  # hidden files are not suggested
        ("runs/first", None),
        ("", None),
        ("a" * 5000, None),
        ("runs/" + "a" * 300 + "/b", None),
        ("runs\0first", None),
    ],
)
def test_the_nearest_name_that_is_there(here, asked, meant):
    assert near_file(asked) == (Path(meant) if meant else None)
    assert did_you_mean(asked) == (f"Did you mean {meant}? " if meant else "")


def test_errors_of_missing_files_suggest_it(here):
    with pytest.raises(
        Exception, match=r"sutdy.yaml: cannot read the page: No such file or directory\. Did you mean study.yaml\?"
    ):
        (here / "study.yaml").touch()
        read_source("sutdy.yaml", "the page")


def test_an_absolute_path_stays_absolute(here):
    assert near_file(here / "rnus") == here / "runs"

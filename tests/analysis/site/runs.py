"""Runs and studies that sites are made of."""

from __future__ import annotations

import shutil
from pathlib import Path

from analysis.site import write_site
from tests.analysis.reports.runs import HOSTILE, write_run
from tests.analysis.reports.test_study_report import PAGE
from tests.analysis.studies import small

GOLDEN = Path(__file__).parents[2] / "golden" / "runs"


def networked(folder: Path) -> Path:
    """Return a networked run: two societies, feeds, adapters."""
    shutil.copytree(GOLDEN / "elections-networked", folder)
    return folder


def hostile(folder: Path) -> Path:
    """Return a run whose texts a page could take for markup."""
    return write_run(folder, text=HOSTILE)


def study(folder: Path) -> Path:
    """Return a study that declared hypotheses, and has ended."""
    small.carry_out(folder, small.plan(folder, PAGE))
    return folder


def mailed(run: Path, folder: Path) -> Path:
    """Return the site of a run after it was zipped, and unzipped somewhere else; the run is gone."""
    write_site(run, folder / "site")
    archive = shutil.make_archive(str(folder / "mail"), "zip", folder / "site")
    shutil.unpack_archive(archive, folder / "a reader’s folder")
    shutil.rmtree(folder / "site")
    shutil.rmtree(run)
    return folder / "a reader’s folder"

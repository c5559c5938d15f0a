"""Studies: a page of factors, its cells, and what becomes of them. A cell is one run: one config, one folder, one log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moloch.lazy import door

if TYPE_CHECKING:
    from analysis.studies.page import StudyPage
    from analysis.studies.planned_power import StudyPower, study_power
    from analysis.studies.study import Study
    from analysis.studies.study_run import StudyRun

_HOMES = {
    "Study": "analysis.studies.study",
    "StudyPage": "analysis.studies.page",
    "StudyPower": "analysis.studies.planned_power",
    "StudyRun": "analysis.studies.study_run",
    "study_power": "analysis.studies.planned_power",
}

__all__ = ["Study", "StudyPage", "StudyPower", "StudyRun", "study_power"]

__getattr__, __dir__ = door(__name__, _HOMES)

"""Every door behind which there are effects of a preregistered study asks for a look before its end, and the look is logged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from analysis.packs import pack
from analysis.record import open_run
from analysis.studies.prereg.looks import look_at
from analysis.studies.record.layout import Layout
from analysis.studies.record.study_log import StudyLog
from analysis.studies.study import Study
from moloch.errors import InputError
from tests.analysis.studies.small import carry_out, plan
from tests.analysis.studies.test_verbs import DECLARED, begun, moloch  # noqa: F401 (fixtures)

COMMANDS = {
    "results": "results CELL",
    "results of a study": "results STUDY",
    "study results": "study results STUDY --csv",
    "show": "show CELL",
    "compare": "compare CELL CELL",
    "compare of studies": "compare STUDY STUDY",
    "probe": "probe STUDY --judge pocket",
    "ui": "ui STUDY --no-browser",
    "log tail": "log tail CELL",
    "log export": "log export CELL parquet OUT",
    "log export of csv": "log export CELL csv OUT",
    "log export of hf": "log export CELL hf OUT",
    "log export of eval": "log export CELL eval OUT.eval",
    "log export of frames": "log export STUDY frames OUT",
    "log export of a cell's frames": "log export CELL frames-csv OUT",
    "pack": "pack STUDY OUT.zip",
    "pack of tables": "pack STUDY OUT.zip --no-logs",
    "pack of a cell": "pack CELL OUT.zip",
    "surrogate": "surrogate STUDY --out OUT.yaml",
    "surrogate of a cell": "surrogate CELL --out OUT.yaml",
    "calibrate": "calibrate CELL --human people.csv",
    "ask": "ask CELL",
    "interview": "interview CELL 0 --show",
}
"""Door and what of it -> the command; what the log calls the door stands before `` of ``."""
SHOWN = ("results", "study results", "show", "compare", "log tail", "log export", "log export of frames", "pack")
"""Commands that come to an end with what there is here."""
SCRIPTS: dict[str, Callable[[Path, Path, bool], object]] = {
    "Study.results": lambda study, out, look: opened(study).results(look=look),
    "Study.frame": lambda study, out, look: opened(study).frame("votes", look=look),
    "RunRecord.results": lambda study, out, look: open_run(cell(study)).results(look=look),
    "RunRecord.frame": lambda study, out, look: open_run(cell(study)).frame("verdicts", look=look),
    "pack": lambda study, out, look: pack(study, out / "x.zip", look=look),
}


def cell(study: Path) -> Path:
    """Return the only cell that has begun."""
    return next(Layout(study).cells.iterdir())


def opened(study: Path) -> Study:
    return Study(study.with_suffix(".yaml"), out=study)


def looks(study: Path) -> list[str]:
    return [look.door for look in StudyLog(study).state().looks]


def command(text: str, study: Path, out: Path) -> list[str]:
    places = {"STUDY": str(study), "CELL": f"{study}#{cell(study).name}", "OUT": str(out / "out")}
    words = []
    for word in text.split():
        for name, place in places.items():
            word = word.replace(name, place)
        words.append(word)
    return words


class TestDoors:
    """Each of them."""

    @pytest.mark.parametrize("door", COMMANDS)
    def test_it_asks(self, moloch, begun, tmp_path, door):  # noqa: F811
        """Nothing is shown, written or logged."""
        before = sorted(tmp_path.iterdir())
        done = moloch(*command(COMMANDS[door], begun, tmp_path))
        assert done.code == 2 and "effects of a preregistered study" in done.err and done.out == ""
        assert looks(begun) == [] and sorted(tmp_path.iterdir()) == before

    @pytest.mark.parametrize("door", SHOWN)
    def test_a_look_is_logged(self, moloch, begun, tmp_path, door):  # noqa: F811
        """Once, under the door's name."""
        done = moloch(*command(COMMANDS[door], begun, tmp_path), "--look")
        assert done.code in (0, 3) and looks(begun) == [door.partition(" of ")[0]], done.err

    @pytest.mark.parametrize("door", SCRIPTS)
    def test_a_script_asks_too(self, begun, tmp_path, door):  # noqa: F811
        """And its look is logged."""
        with pytest.raises(InputError, match="effects of a preregistered study"):
            SCRIPTS[door](begun, tmp_path, False)
        assert looks(begun) == [] and not (tmp_path / "x.zip").exists()
        SCRIPTS[door](begun, tmp_path, True)
        assert looks(begun) == [door]

    @pytest.mark.parametrize("door", ["results STUDY", "study results STUDY", "report STUDY --out OUT.html"])
    def test_no_look_where_nothing_has_ended(self, moloch, tmp_path, door):  # noqa: F811
        """Nothing is shown, so nothing is logged that results would call a deviation."""
        plan(tmp_path / "new", DECLARED)
        done = moloch(*door.replace("STUDY", str(tmp_path / "new")).split(), "--look")
        assert done.code == 2 and "no cell has ended yet" in done.err and looks(tmp_path / "new") == []

    def test_a_mistyped_factor_is_no_look(self, moloch, begun):  # noqa: F811
        """It is refused before."""
        done = moloch("study", "results", begun, "--by", "arm,arenas", "--look")
        assert done.code == 2 and "no factor 'arenas'" in done.err and looks(begun) == []

    @pytest.mark.system
    def test_after_the_end_all_are_open(self, tmp_path, moloch):  # noqa: F811
        """And nothing is logged; nor of studies that declared nothing."""
        over, plain = tmp_path / "over", tmp_path / "plain"
        carry_out(over, plan(over, DECLARED))
        carry_out(plain, plan(plain)[:1])
        assert moloch("log", "export", over, "frames", tmp_path / "frames").code == 0
        assert moloch("pack", plain, tmp_path / "plain.zip").code == 0
        open_run(cell(plain)).results()
        assert looks(over) == looks(plain) == []


def test_what_shows_no_effects_is_open(moloch, begun):  # noqa: F811
    """How it stands, what its own log holds, and whether logs are whole."""
    assert moloch("study", "status", begun).code == 3
    for call in (["log", "tail", begun], ["log", "info", begun], ["log", "verify", begun]):
        assert moloch(*call).code == 0
    opened(begun).frame("cells").collect()
    look_at([begun.parent], "nothing", look=False)
    assert looks(begun) == []

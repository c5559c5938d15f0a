"""A study as an array of Slurm jobs: what the script says, what is refused, and what a real Slurm does with it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from analysis.studies import Study
from analysis.studies.engines.local import LocalEngine
from analysis.studies.engines.slurm import OURS, ArrayJob, SlurmError, array_of, options_of, submit
from analysis.studies.record.claims import Claim
from analysis.studies.record.layout import Layout
from moloch.errors import InputError
from tests.support import slurm as support
from tests.support.fast_study import LIGHT, base, carried_out, decided, durable


def array(folder: Path, script: str, elements: int = 2, **options: str) -> ArrayJob:
    """An array whose elements run a script of bash."""
    (folder / "output").mkdir(parents=True, exist_ok=True)
    return ArrayJob(folder, elements, ["bash", "-c", script], folder, options)


class TestTheScript:
    """One file says all that Slurm has to know."""

    def test_elements_and_their_output(self, tmp_path):
        """Each element prints into the study's folder; an element that begins again adds to it."""
        script = array(tmp_path, "true", 7).script()
        assert "#SBATCH --array=0-6\n" in script
        assert f"#SBATCH --output={tmp_path}/output/slurm-%A_%a.txt\n" in script
        assert "#SBATCH --open-mode=append\n" in script and "#SBATCH --requeue\n" in script

    def test_options_of_the_user(self, tmp_path):
        """They stand as given; switches have no value."""
        script = array(
            tmp_path, "true", **options_of(["partition=long", "time=24:00:00", "gres=gpu:1", "exclusive"])
        ).script()
        for line in ("partition=long", "time=24:00:00", "gres=gpu:1", "exclusive"):
            assert f"#SBATCH --{line}\n" in script

    def test_bash_can_read_it(self, tmp_path):
        """With a folder of any name."""
        folder = tmp_path / 'a "b" $HOME %j\' c'
        script = array(folder, "echo 'x y'").script()
        assert subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode == 0

    @pytest.mark.parametrize("said", ["", "=3", "Partition=x", "--time=3", "time=1\n#SBATCH --array=0-9", "a b=3"])
    def test_what_is_no_option(self, said):
        """It is refused by name, before anything is submitted."""
        with pytest.raises(InputError, match="is not an option of sbatch"):
            options_of([said])

    @pytest.mark.parametrize("name", OURS)
    def test_what_the_script_sets_itself(self, name):
        """It cannot be set, and the error says why."""
        with pytest.raises(InputError, match=f"--slurm {name} cannot be set"):
            options_of([f"{name}=1"])

    @pytest.mark.parametrize("cells, jobs, elements", [(5, None, 5), (5, 2, 2), (0, None, 1), (40_000, None, 1000)])
    def test_how_many_elements(self, tmp_path, cells, jobs, elements):
        """One per cell that is left, no more than jobs, and no more than an installation takes."""
        assert array_of(tmp_path, cells, jobs, [], []).elements == elements

    def test_no_sbatch(self, monkeypatch, tmp_path):
        """The error names the way around."""
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(InputError, match="--script-only prints the script"):
            submit("#!/bin/bash\n")


def page(folder: Path) -> Path:
    """The page of the fast study, two cells."""
    path = folder / "page.yaml"
    path.write_text(json.dumps({"name": "study", "base": base(), "seeds": 2}))
    return path


@pytest.fixture(scope="class")
def cluster(tmp_path_factory):
    """A real Slurm."""
    if why := support.absent():
        pytest.skip(why)
    with support.slurm(tmp_path_factory.mktemp("slurm")) as environment, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLURM_CONF", environment["SLURM_CONF"])
        yield


def said(*command: str) -> str:
    """What a command of Slurm prints."""
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def until(ready, seconds: float = 90.0) -> None:
    """Wait for something that Slurm does."""
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, said("squeue", "-r") + said("scontrol", "show", "job")
        time.sleep(0.2)


@pytest.mark.slurm
@pytest.mark.usefixtures("cluster")
class TestARealSlurm:
    """One node, real daemons."""

    @pytest.mark.system
    def test_every_element_runs(self, tmp_path):
        """In a folder with an odd name; each prints into a file of its own."""
        folder = tmp_path / "my study %j"
        number = submit(array(folder, 'echo "I am $SLURM_ARRAY_TASK_ID in $PWD"', 3).script())
        until(lambda: not said("squeue", "-h", "-j", number))
        for element in range(3):
            file = folder / "output" / f"slurm-{number}_{element}.txt"
            assert file.read_text() == f"I am {element} in {folder}\n"

    @pytest.mark.slow
    def test_an_element_that_is_out_of_time(self, tmp_path):
        """It is stopped in order, goes back into the queue, and ends the next time."""
        script = """
            echo begun >> marks
            test "$SLURM_RESTART_COUNT" && exit 0
            trap 'echo stopped in order >> marks; exit 130' TERM
            sleep 600 & wait
        """
        number = submit(array(tmp_path, script, 1).script())
        marks = tmp_path / "marks"
        until(marks.exists)
        said("scancel", "--batch", "--signal=USR1", f"{number}_0")
        until(lambda: marks.read_text().splitlines() == ["begun", "stopped in order", "begun"])
        until(lambda: not said("squeue", "-h", "-j", number))
        assert "into the queue again" in (tmp_path / "output" / f"slurm-{number}_0.txt").read_text()

    @pytest.mark.slow
    def test_a_study_with_an_element_that_is_out_of_time(self, tmp_path):
        """In the middle of a cell: it goes on from what is durable, and the study comes to what it comes to elsewhere."""
        study = Study(page(tmp_path), out=tmp_path / "study")
        command = [
            "study",
            "run",
            str(tmp_path / "page.yaml"),
            "--out",
            str(study.folder),
            "--jobs",
            "2",
            "--engine",
            "slurm",
        ]
        done = subprocess.run(
            [sys.executable, "-m", "moloch", *command, "--slurm", "time=10", "--json"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        number, layout = json.loads(done.stdout)["array"], Layout(study.folder)

        def taken() -> list[tuple[str, int]]:
            claims = [msgspec.json.decode(path.read_bytes(), type=Claim) for path in layout.claims.glob("*.json")]
            return [(each.cell, each.place.pid) for each in claims if len(durable(layout, each.cell)) > 40]

        until(lambda: bool(taken()), 300)
        cell, pid = taken()[0]
        element = (
            Path(f"/proc/{pid}/environ").read_bytes().partition(b"SLURM_ARRAY_TASK_ID=")[2].partition(b"\0")[0].decode()
        )
        said("scancel", "--batch", "--signal=USR1", f"{number}_{element}")
        until(lambda: study.state().cells[cell].failures != [], 300)
        before = durable(layout, cell)
        until(lambda: not said("squeue", "-h", "-j", number), 600)
        state = study.state()
        assert {each.state for each in state.cells.values()} == {"ended"}
        assert [each.origin for each in state.cells[cell].failures] == ["interrupted"]
        assert durable(layout, cell)[: len(before)] == before
        alone = Study(base=base(), seeds=2, out=tmp_path / "elsewhere" / "local")
        assert decided(study) == decided(carried_out(alone, lambda: LocalEngine(1, preloaded=LIGHT)))

    def test_what_slurm_refuses(self, tmp_path):
        """It is said in its own words."""
        with pytest.raises(SlurmError, match="invalid partition"):
            submit(array(tmp_path, "true", partition="none-such").script())

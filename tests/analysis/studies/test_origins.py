"""Cells that fail for each reason there is, for real: what is printed, what to do, and with which exit code; each verb as JSON, too."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.analysis.studies.test_controller import FAST
from tests.analysis.studies.test_identity import anchors
from tests.analysis.studies.test_verbs import moloch  # noqa: F401 (a fixture)
from tests.support import fast_cells  # noqa: F401 (an extension)
from tests.support.fork_engine import ForkEngine

FAST_MODEL = {"llm": "fast"}
BROKEN = '{"title": "Torch", "description": \n'


def failing(fault: str) -> dict[str, object]:
    """Return where a model is served that comes to grief: its code, its memory or its process."""
    return FAST_MODEL | {"options": {"fail": fault}}


LEVELS = {
    "good": {"serving": FAST_MODEL},
    "settings": {"serving": FAST_MODEL, "held_out_anchors": 100_000},
    "data": {"serving": FAST_MODEL, "anchors": "lamps"},
    "backend": {"serving": {"llm": "http://127.0.0.1:9/v1"}, "audience": "llm", "reader": {"model": "m"}},
    "memory": {"serving": failing("memory"), "epochs": 3},
    "node": {"serving": failing("node"), "epochs": 2},
    "bug": {"serving": failing("bug"), "epochs": 4},
}
SAID = {
    "settings": "asked for 100000 held-out anchors: there are 256. Ask for fewer",
    "data": "lamps/train.jsonl:5: not a JSON object",
    "backend": "http://127.0.0.1:9/v1: cannot reach the server",
    "memory": "there was not enough memory",
    "node": "killed by SIGKILL",
    "bug": "ZeroDivisionError: of the model's own",
}
TO_DO = {
    "settings": "change the page, and give another --out",
    "data": "fix the file, then moloch study retry study",
    "backend": "check that the server answers, then the same command resumes",
    "memory": "give it less to do at a time: --jobs 1",
    "node": "ended from outside; then the same command resumes",
    "bug": "fix what its traceback names",
}
TRIES = {"settings": 1, "data": 1, "backend": 5, "memory": 2, "node": 3, "bug": 1}


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study with a cell of each kind, in a folder of its own; second attempts wait for nothing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("analysis.studies.engines.local.LocalEngine", ForkEngine)
    monkeypatch.setattr("analysis.studies.work.rules.PAUSES", {})
    anchors(tmp_path / "lamps")
    with Path("lamps/train.jsonl").open("a") as file:
        file.write(BROKEN)
    path = tmp_path / "page.yaml"
    write(path, LEVELS)
    return path


def write(path: Path, levels: dict[str, object], **more: object) -> None:
    said = {"name": "x", "base": FAST, "cross": {"fault": levels}, "seeds": 1, "stop": {"failed_share": 1}} | more
    path.write_text(yaml.safe_dump(said, sort_keys=False), "utf-8")


def flat(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.slow
def test_each_failure_says_what_and_what_to_do(moloch, page, monkeypatch):  # noqa: F811
    """While it runs, at its end and in its status; the others go on, and what was corrected is carried out."""
    done = moloch("study", "run", page, "--out", "study", "--jobs", "2")
    assert done.code == 3 and "1 of 7 cells have ended, 6 failed: study" in done.err, done.err
    status = moloch("study", "status", "study")
    results = moloch("study", "results", "study")
    assert status.code == results.code == 3 and "Traceback" not in done.err + status.err + results.err
    end = done.err[done.err.index("1 of 7 cells have ended") :]
    for fault, said in SAID.items():
        assert f"failed ({fault}): " in done.err and said in end, fault
        assert "".join(said.split()) in "".join(status.out.split()), fault  # a long path may be broken
        assert TO_DO[fault] in end and TO_DO[fault] in flat(status.out), fault
    assert end.count("(traceback: study/output/bug-s1-") == 1 == end.count("traceback:")
    assert "It is tried again now (attempt 2)" in done.err and status.out.count("traceback:") == 1
    assert max(map(len, status.out.splitlines())) <= 80
    assert results.out.count("Missing: ") == 6 and "win rate" in results.out
    told = json.loads(moloch("study", "status", "study", "--json").out)
    assert {cell["factors"]["fault"]: cell["attempts"] for cell in told["cells"] if cell["origin"]} == TRIES
    anchors(Path("lamps"))
    monkeypatch.setattr("analysis.studies.work.tries.TRIES", {})  # how often was seen
    again = json.loads(moloch("study", "retry", "study", "--jobs", "2", "--json").out)
    assert {cell.partition("-")[0]: each["state"] for cell, each in again["cells"].items()} == dict.fromkeys(
        LEVELS, "failed"
    ) | {"good": "ended", "data": "ended"}


@pytest.mark.system
def test_a_plan_names_the_levels_of_mistakes(moloch, page):  # noqa: F811
    """Before anything is carried out."""
    done = moloch("study", "plan", page)
    assert done.code == 2 and "lamps/train.jsonl:5: fault=data: not a JSON object" in done.err
    assert "fault=settings: asked for 100000 held-out anchors" in done.err and done.err.count("\n") == 2


@pytest.mark.system
def test_every_verb_prints_one_object(moloch, page):  # noqa: F811
    """And nothing else on stdout."""
    write(page, {"good": LEVELS["good"]})
    calls = ["plan page.yaml", "run page.yaml", "status study", "results study", "retry study", "extend page.yaml"]
    printed = {}
    for call in calls:
        done = moloch("study", *call.split(), "--out", "study", "--json")
        assert done.code == 0, done.err
        printed[call.split()[0]] = json.loads(done.out)
    assert printed["run"]["ended"] == printed["retry"]["ended"] == printed["extend"]["ended"] == 1
    assert printed["plan"]["states"] == {"new": 1} and printed["status"]["states"] == {"ended": 1}
    assert {row["fault"] for row in printed["results"]["rows"]} == {"good"}


@pytest.mark.system
def test_a_bound_is_exit_code_5(moloch, page):  # noqa: F811
    """The same command with more goes on."""
    write(page, {"good": LEVELS["good"]}, stop={"hours": 0})
    stopped = moloch("study", "run", page, "--out", "study")
    assert stopped.code == 5 and "Stopped: its time is over" in stopped.err and "Nothing is lost" in stopped.err
    write(page, {"good": LEVELS["good"]}, stop={"hours": 1})
    done = moloch("study", "run", page, "--out", "study")
    assert done.code == 0 and done.out == moloch("study", "results", "study").out
    assert "of votes against base" in done.out  # once all have ended, it ends with the answer
    assert yaml.safe_load(Path("study/study.yaml").read_text("utf-8"))["stop"] == {"hours": 1}


@pytest.mark.slow
def test_ctrl_c_is_exit_code_130(page):
    """Nothing is lost; the same command resumes."""
    write(page, {"slow": {"serving": FAST_MODEL | {"options": {"slow": 0.5}}}})
    command = [sys.executable, "-m", "moloch", "study", "run", str(page), "--out", "study", "--jobs", "1"]
    running = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    )
    while not any(Path("study").glob("cells/*/run.json")) and running.poll() is None:
        pass
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=120)
    assert running.returncode == 130 and "Stopped: interrupted" in said and "the same command resumes" in said


def test_names_of_columns_are_no_factors(moloch, page):  # noqa: F811
    """Their levels would be lost in the frame of results."""
    page.write_text("name: x\ncross: {kind: {a: {}}}\nseeds: 1\n", "utf-8")
    assert (
        ":2:9: a factor cannot be called 'kind': frames have a column of that name" in moloch("study", "plan", page).err
    )

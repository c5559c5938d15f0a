"""Benchmarks run as the documents say, and print what is promised of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FIELDS = {"name", "value", "unit", "rival", "ratio", "goal", "ok"}
ABSENT = (
    "trl",
    "datasets",
    "polars",
    "mesa",
    "vllm",
    "numba",
    "scipy",
    "networkx",
    "openai",
    "ray",
    "typer",
    "httptools",
    "backports",
)
"""What a GPU host need not have."""
WITHOUT = f"import runpy, sys; sys.modules |= dict.fromkeys({ABSENT!r}); sys.path[0] = 'benchmarks'; del sys.argv[0]; "


@pytest.mark.parametrize("folder", ["benchmarks", "examples"])
def test_no_script_hides_a_library(folder):
    """A script's folder comes first where Python looks for modules: one named like a library's stands before it."""
    names = {path.stem for path in (ROOT / folder).glob("*.py")}
    assert names and not names & sys.stdlib_module_names


@pytest.mark.system
def test_a_gpu_host_can_import_what_it_runs():
    """Nothing that it need not have is imported; the benchmark itself, which is slow, runs as below."""
    pytest.importorskip("torch", reason="needs the learn extra")
    start = ["-c", WITHOUT + "sys.path[0] = ''; import benchmarks.gpu_work", "benchmarks/gpu.py"]
    done = subprocess.run([sys.executable, *start], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.slow
@pytest.mark.parametrize(
    "start, names",
    [
        (["-c", WITHOUT + "runpy.run_path(sys.argv[0], run_name='__main__')", "benchmarks/gpu.py", "--shape", "tiny", "--rounds", "1"],
         ["rollout", "training"]),
        (["benchmarks/generate.py", "--rows", "2"], ["generate, 2 rows, 2 per anchor", "generate, 2 rows, 1 per anchor"]),
    ],
)  # fmt: skip
def test_models(start, names):
    """One line per figure, with the rival of the same run; as a script, from where this project lies."""
    pytest.importorskip("torch", reason="needs the learn extra")
    done = subprocess.run([sys.executable, *start, "--json"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["name"] for line in lines] == names
    for line in lines:
        assert line.keys() >= FIELDS and line["value"] > 0
        assert line["ratio"] == pytest.approx(line["value"] / float(line["rival"].rpartition(": ")[2]), rel=0.02)


@pytest.mark.slow
def test_audience_sensitivity():
    """A line per probe and audience, and one of length, with an interval; the neutral audience of the same messages beside it."""
    start = ["benchmarks/audience_sensitivity.py", "--pairs", "60", "--arena", "social", "--json"]
    done = subprocess.run([sys.executable, *start], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["name"].split(",")[0] for line in lines[::2]] == [
        "social disinformation",
        "social unsafe",
        "social length",
    ]
    assert all(line.keys() >= FIELDS and line["low"] < line["value"] < line["high"] for line in lines)
    assert all(0 < line["decided"] <= line["pairs"] == 60 for line in lines)


@pytest.mark.slow
def test_plan():
    """A page of 10,000 different cells is worked out within the time that is promised."""
    start = ["benchmarks/study.py", "--part", "plan", "--json"]
    done = subprocess.run([sys.executable, *start], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    (line,) = [json.loads(line) for line in done.stdout.splitlines()]
    assert line.keys() >= FIELDS and line["name"] == "planned, 9,996 cells" and line["value"] > 0


@pytest.mark.slow
def test_study():
    """Votes of cells as one frame, against a scan per cell by hand; the same votes both ways."""
    start = ["benchmarks/study.py", "--part", "frames", "--cells", "1", "3", "--votes", "2000", "--json"]
    done = subprocess.run([sys.executable, *start], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["name"] for line in lines if line["name"].startswith("grouped")] == [
        "grouped, 1 cells, 2,000 votes", "grouped, 3 cells, 6,000 votes",
    ]  # fmt: skip
    assert all(line.keys() >= FIELDS and line["value"] > 0 for line in lines)


@pytest.mark.slow
def test_study_kills():
    """Six pocket cells, killed: equal frames, and no durable answer was asked for again."""
    pytest.importorskip("torch", reason="needs the learn extra")
    start = ["benchmarks/study_kills.py", "--kills", "1", "--json"]
    done = subprocess.run([sys.executable, *start], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]
    undisturbed, killed = map(json.loads, done.stdout.splitlines())
    assert all(line.keys() >= FIELDS and line["ok"] and line["cells"] == 6 for line in (undisturbed, killed))
    assert killed["kills"] == {"controller": 1, "worker": 1} and killed["repaid"] == 0 and killed["differences"] == []


@pytest.mark.slow
def test_scheduling():
    """Cells of the pocket model both ways, with equal digests; and a study's own log, by one writer and by two in turn."""
    pytest.importorskip("torch", reason="needs the learn extra")
    start = ["benchmarks/scheduling.py", "--cells", "2", "--anchors", "2", "--json"]
    done = subprocess.run([sys.executable, *start], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["name"].partition(",")[0] for line in lines] == [
        "2 cells of 2 + 2 anchors", "added to a cell", "an event of a study", "an event of a study",
    ]  # fmt: skip
    assert all(line.keys() >= FIELDS and line["value"] > 0 for line in lines)


@pytest.mark.slow
def test_market():
    """Messages of a market in one pass, and steps of both losses beside TRL's, with equal losses."""
    pytest.importorskip("trl", reason="needs the learn extra")
    start = ["benchmarks/market.py", "--contests", "4", "--learnt", "2", "--rounds", "1", "--json"]
    done = subprocess.run([sys.executable, *start], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    lines = {line["name"]: line for line in map(json.loads, done.stdout.splitlines())}
    assert len(lines) == 9 and all(line.keys() >= FIELDS and line["value"] for line in lines.values())
    for name in ("DPO, loss", "GRPO, loss", "trainings, 2 learners"):
        assert lines[name]["ok"], lines[name]


@pytest.mark.slow
def test_power():
    """Simulated beside planned power, through the product's estimates."""
    start = ["benchmarks/power.py", "--studies", "60", "--json"]
    done = subprocess.run([sys.executable, *start], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == 9 and all(line.keys() >= FIELDS and line["value"] > 0 and line["ok"] for line in lines)

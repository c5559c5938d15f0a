"""The process that workers are forked from."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec

from analysis.studies.engines._nursery import Birth

ROOT = Path(__file__).parents[3]


def test_its_controller_is_killed(tmp_path):
    """It ends in order, without a traceback, though nobody hears any more what became of its workers."""
    nursery = subprocess.Popen(
        [sys.executable, "-m", "analysis.studies.engines._nursery"], cwd=ROOT,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    with nursery:
        assert nursery.stdin and nursery.stdout and nursery.stderr
        nursery.stdout.close()
        birth = Birth(1, ["--help"], [sys.executable, "-c", ""], {}, str(tmp_path / "said.txt"))
        nursery.stdin.write(msgspec.json.encode(birth) + b"\n")
        nursery.stdin.close()
        said = nursery.stderr.read().decode()
    assert (nursery.returncode, said) == (0, "")

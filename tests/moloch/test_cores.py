"""Threads of a process sleep while they wait, unless its user says otherwise."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
SAY = f"import os; print(*(f'{{name}}={{os.environ[name]}}' for name in {NAMES} if name in os.environ))"


def said(code: str, **environment: str) -> str:
    """Return what a fresh Python says of the variables after some code, in an environment that has those given alone."""
    kept = {name: value for name, value in os.environ.items() if name not in NAMES}
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; {SAY}"],
        cwd=ROOT,
        env=kept | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.mark.parametrize("door", ["moloch", "abm", "learning", "analysis.cli"])
def test_every_door_says_it(door):
    """Whichever package comes first, it is said before torch is there."""
    assert said(f"import sys, {door}; assert 'torch' not in sys.modules") == "OMP_WAIT_POLICY=PASSIVE"


@pytest.mark.parametrize(
    "name, value", [("OMP_WAIT_POLICY", "ACTIVE"), ("GOMP_SPINCOUNT", "7"), ("KMP_BLOCKTIME", "0")]
)
def test_a_users_word_stands(name, value):
    """By whichever variable it is said; nothing is added to it."""
    assert said("import moloch", **{name: value}) == f"{name}={value}"


@pytest.mark.system
def test_too_late_is_not_said():
    """A library that is loaded no longer listens; what is said then would be wrong."""
    pytest.importorskip("torch", reason="needs the learn extra")
    late = "import torch, moloch; from moloch.cores import waiting_is_told; assert not waiting_is_told()"
    assert said(late) == ""


def test_other_libraries_bring_it_too():
    """Not torch alone loads OpenMP: what this process has loaded says whether it is there."""
    lib = next((p for p in Path(sys.prefix).rglob("libgomp*.so*")), None)
    if lib is None or sys.platform != "linux":
        pytest.skip("no package here brings a library of OpenMP, or this is not Linux")
    assert said(f"import ctypes; ctypes.CDLL({str(lib)!r}); import moloch") == ""

"""Every fault test fails when the guard that it tries is taken away."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.faults.conftest import ROOT
from tests.faults.mutations import MUTATIONS


@pytest.mark.faults
@pytest.mark.parametrize("name", MUTATIONS)
def test_a_guard_is_missed(name):
    """Without it, the named test fails (and does not merely break: it was collected and ran)."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", MUTATIONS[name].test],
        cwd=ROOT, env=os.environ | {"MOLOCH_MUTATION": name}, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 1, f"{MUTATIONS[name].removes}: nothing noticed that it was gone\n{done.stdout[-800:]}"

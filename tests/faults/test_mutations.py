"""Every fault test fails when the guard that it tries is taken away."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.conftest import ROOT
from tests.faults.mutations import MUTATIONS

FOLDER = Path(__file__).parent
NOT_TRIED = {"test_disk.py::test_the_disk_module_is_the_only_door"}
"""Looks at the source; takes nothing away from itself."""
BROKEN = re.compile(r"^E +(AttributeError|ImportError|NameError|SyntaxError|KeyError)\b", re.MULTILINE)
"""How a removal fails that no longer fits the product: the test then failed, but showed nothing."""


@pytest.mark.faults
@pytest.mark.parametrize(("name", "test"), [(name, test) for name, m in MUTATIONS.items() for test in m.tests])
def test_a_guard_is_missed(name, test):
    """Without it, the named test fails, and does not merely break."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--tb=short", str(FOLDER / test)],
        cwd=ROOT, env=os.environ | {"MOLOCH_MUTATION": name}, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    if done.returncode == 0 and "1 skipped" in done.stdout:
        pytest.skip("the test cannot run on this machine")
    assert done.returncode == 1, f"{MUTATIONS[name].removes}: nothing noticed that it was gone\n{done.stdout[-800:]}"
    assert not BROKEN.search(done.stdout), f"the removal broke the test\n{done.stdout[-1500:]}"


def test_every_fault_test_has_a_guard_that_it_misses():
    """No test is in the suite that was not shown to fail; one that is expected to fail shows that by itself."""
    found = set()
    for path in FOLDER.glob("test_*.py"):
        for node in ast.parse(path.read_text()).body:
            for test in node.body if isinstance(node, ast.ClassDef) else [node]:
                if isinstance(test, ast.FunctionDef) and test.name.startswith("test_") and not _expected_to_fail(test):
                    within = f"{node.name}::" if isinstance(node, ast.ClassDef) else ""
                    found.add(f"{path.name}::{within}{test.name}")
    found -= {name for name in found if name.startswith("test_mutations.py")} | NOT_TRIED
    tried = {test for mutation in MUTATIONS.values() for test in mutation.tests}
    assert found - tried == set(), "no guard is taken away from these"
    assert tried - found == set(), "these are not there"


def _expected_to_fail(test: ast.FunctionDef) -> bool:
    return any("xfail" in ast.unparse(decorator) for decorator in test.decorator_list)

"""Studies whose cells cost nothing, in this process too."""

from __future__ import annotations

import pytest

from tests.support.fakes import FakeTrainer


@pytest.fixture(autouse=True)
def fast_trainer(monkeypatch: pytest.MonkeyPatch) -> None:
    """What learns here hashes its data, as in the processes of :mod:`tests.support.fast_cells`."""
    monkeypatch.setattr("learning.runs.objects.LoRATrainer", lambda model, adapters: FakeTrainer())

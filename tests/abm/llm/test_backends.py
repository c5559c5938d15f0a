"""Backends by name: a user's own is one file, named by one setting; none of it decides what a run finds."""

from __future__ import annotations

import importlib
import sys
import textwrap

import pytest

from abm.events import LLMReplied
from abm.llm import BACKENDS, Backends, Opening, ScriptedLLM, Serving
from abm.llm.budget import Bounds, Budget, Budgeted
from abm.llm.conformance import BackendConformance
from abm.log import read_events
from learning import run
from learning.runs.redecide import replay_recorded
from learning.settings.sources import load_config
from moloch.errors import InputError
from tests.support.fakes import FakeTrainer

SMALL = {
    "train_anchors": 4, "held_out_anchors": 3, "train_personas": 4, "held_out_personas": 3, "epochs": 1, "batch": 2,
    "arms": ["rft"],
}  # fmt: skip
OWN = """
    from abm.llm import BACKENDS, ScriptedLLM

    @BACKENDS.register("parrot")
    class Parrot(ScriptedLLM):
        def __init__(self, opening):
            self.opening = opening
            word = opening.serving.options.get("word", "Buy")
            super().__init__(lambda request: f"<think>{request.seed % 7}</think><sales_pitch>{word}!</sales_pitch>", opening.model)
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with ``my_backend.py``, from which commands are started."""
    (tmp_path / "my_backend.py").write_text(textwrap.dedent(OWN))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(sys, "path", [*sys.path])
    importlib.invalidate_caches()
    yield tmp_path
    BACKENDS._added.pop("parrot", None)
    sys.modules.pop("my_backend", None)


class Echo(ScriptedLLM):
    """Repeats the last message."""

    def __init__(self, opening: Opening) -> None:
        super().__init__(lambda request: request.messages[-1]["content"][:8], name=f"echo of {opening.model}")


@pytest.fixture
def echo(monkeypatch):
    """A registered backend."""
    monkeypatch.setitem(BACKENDS._added, "echo", (Echo, __name__))


class TestOwnBackend(BackendConformance):
    """It keeps the promises of a backend, opened by its name."""

    @pytest.fixture
    def llm(self, echo):
        return Backends(Serving(llm="echo")).llm("pocket")


class TestNames:
    """A backend is chosen by name, a server by its URL."""

    def test_it_gets_what_it_is_opened_with(self, monkeypatch, tmp_path):
        """The model, the adapters' folder and rank, and its own settings."""
        openings: list[Opening] = []

        def noted(opening):
            openings.append(opening)
            return Echo(opening)

        monkeypatch.setitem(BACKENDS._added, "noted", (noted, __name__))
        serving = Serving(llm="noted", options={"threads": 3})
        backends = Backends(serving, adapters=tmp_path, rank=8)
        assert backends.llm("any") is backends.llm("any")
        assert openings == [Opening("any", tmp_path, 8, serving)]

    def test_a_budget_holds_for_it(self, echo):
        """As for every model of this process."""
        assert isinstance(Backends(Serving(llm="echo"), budget=Budget(Bounds(calls=1))).llm("pocket"), Budgeted)

    def test_a_server_needs_no_name(self, echo):
        """A model with a server of its own is not asked of the backend."""
        assert Serving(llm="echo").endpoint("http://localhost:1/v1#m") is not None
        assert Serving(llm="echo").endpoint("pocket") is None

    def test_a_misspelt_name_is_one_clear_error(self):
        """Before any work, with what was probably meant."""
        for attempt in (
            lambda: Backends(Serving(llm="transformer")).llm("pocket"),
            lambda: load_config(None, {}, ["serving.llm=transformer"]),
        ):
            with pytest.raises(
                InputError, match=r"unknown backend 'transformer'.*Did you mean 'transformers'.*server's URL"
            ):
                attempt()


@pytest.mark.system
def test_a_run_is_carried_out_with_it_and_replayed(here):
    """One file, one setting; where the same model is served, the run decides the same."""
    settings = {**SMALL, "extensions": ["my_backend"], "serving": {"llm": "parrot", "options": {"word": "Take"}}}
    done = run(out="one", trainer=FakeTrainer(), **settings)
    replies = [event for event in read_events("one") if isinstance(event, LLMReplied)]
    assert replies and all("Take!" in event.text for event in replies)
    again = replay_recorded("one")
    assert (again.divergence, again.complete) == (None, True)
    assert run(out="one", trainer=FakeTrainer(), **settings).digest == done.digest

"""The whole loop, learning and all, on a real engine: what it decides, and what is left when its server dies."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from abm.events import AdapterTrained, CallsServed, Event, LLMReplied, RunResumed
from abm.log import read_events
from tests.engine.conftest import ENGINE, Server
from tests.support.server import pocket_at

pytestmark = pytest.mark.engine
ROOT = Path(__file__).parents[2]
STUDY = (
    "--epochs", "2", "--seed", "3", "--set", "train_anchors=10", "--set", "held_out_anchors=6", "--set", "batch=5",
    "--set", "arms=[rft, tfb]", "--set", "lora.repeat=1", "--set", "sampling.temperature=0",
)  # fmt: skip
DUEL = ("--set", "arms=[]", "--set", "markets={duel: {learners: {a: {method: rft}, b: {method: dpo}}}}")
IN_PROCESS = ("--llm", "vllm", "--set", f"serving.vllm={json.dumps(ENGINE)}")
FAST_TO_GIVE_UP = (
    "--set", "serving.server.patience=2", "--set", "serving.server.attempts=3", "--set", "serving.server.timeout=30",
)  # fmt: skip


def moloch(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", "from analysis.cli import main; main()", *arguments],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def carried_out(out: Path, *arguments: str) -> list[Event]:
    """Return the log of a run that came to its end."""
    process = moloch("run", *STUDY, "--out", str(out), *arguments)
    _, errors = process.communicate(timeout=900)
    assert process.returncode == 0, errors[-2000:]
    return list(read_events(out))


def written(events: list[Event]) -> dict[str, str]:
    return {event.site: event.text for event in events if isinstance(event, LLMReplied)}


def learnt(events: list[Event]) -> list[str]:
    return [event.adapter for event in events if isinstance(event, AdapterTrained)]


@pytest.fixture(scope="module")
def wanted(tmp_path_factory) -> list[Event]:
    """The study on transformers."""
    return carried_out(tmp_path_factory.mktemp("loop") / "transformers")


class TestTheLoop:
    """Two epochs, two arms, greedily: adapters are learnt, loaded and competed with."""

    @pytest.mark.parametrize("where", ["in process", "served"])
    def test_equals_transformers(self, tmp_path, server, wanted, where):
        """Every completion is that of transformers, and so every adapter."""
        arguments = IN_PROCESS if where == "in process" else pocket_at(server.url)
        events = carried_out(tmp_path / "run", *arguments)
        assert written(events) == written(wanted)
        assert learnt(events) == learnt(wanted)
        assert len(set(learnt(events))) == 4
        assert server.models() == {str(server.folder)}, "adapters were left on the server"

    def test_a_market_equals_transformers(self, tmp_path):
        """Two learners and base write in one engine; every message, and so every adapter, is what it is without it."""
        ours, theirs = (
            carried_out(tmp_path / name, *DUEL, *how) for name, how in (("engine", IN_PROCESS), ("transformers", ()))
        )
        assert written(ours) == written(theirs) and learnt(ours) == learnt(theirs)
        assert len(set(learnt(ours))) == 4

    @pytest.mark.parametrize("where", ["in process", "served"])
    def test_a_model_reads(self, tmp_path, server, where):
        """Writers and readers share one engine; every member answers, or is counted as invalid."""
        events = carried_out(
            tmp_path / "run", *(IN_PROCESS if where == "in process" else pocket_at(server.url)), "--audience", "llm",
            "--set", "reader.answer=json", "--set", "reader.max_tokens=96", "--set", "train_personas=5", "--set",
            "held_out_personas=5",
        )  # fmt: skip
        reads = [event for event in events if isinstance(event, LLMReplied) and event.site.startswith("react/")]
        assert len(reads) >= 5 * 10


class TestADeadServer:
    """The server is killed in the middle of an epoch."""

    def test_the_run_pauses_and_resumes(self, tmp_path, pocket):
        """It says so and ends with code 6; the same command resumes, and no answer is asked for again."""
        server = Server(pocket)
        server.start()
        command = ("run", *STUDY, "--out", str(tmp_path / "run"), *pocket_at(server.url), *FAST_TO_GIVE_UP)
        first = moloch(*command)
        _wait_for_answers(tmp_path / "run", 25)
        server.kill()
        _, errors = first.communicate(timeout=300)
        assert first.returncode == 6, errors[-2000:]
        assert f"127.0.0.1:{server.port}" in errors and "resumes" in errors and "Traceback" not in errors
        kept = written(list(read_events(tmp_path / "run")))
        assert len(kept) >= 25

        server.start()
        try:
            second = moloch(*command)
            _, errors = second.communicate(timeout=900)
            assert second.returncode == 0, errors[-2000:]
            events = list(read_events(tmp_path / "run"))
            asked_again = server.finished() - (len(written(events)) - len(kept)) - _checks(events)
        finally:
            server.kill()
        sites = Counter(event.site for event in events if isinstance(event, LLMReplied))
        assert set(sites.values()) == {1}, "an answer was paid for twice"
        assert {site: written(events)[site] for site in kept} == kept
        assert any(isinstance(event, RunResumed) for event in events)
        assert asked_again == 0, "the server was asked for what the log held"
        assert sum(event.calls for event in events if isinstance(event, CallsServed)) == len(sites)


def _wait_for_answers(folder: Path, n: int) -> None:
    until = time.monotonic() + 300
    while time.monotonic() < until:
        if (folder / "run.json").exists() and len(written(list(read_events(folder)))) >= n:
            return
        time.sleep(0.05)
    raise AssertionError("the run never got that far")


def _checks(events: list[Event]) -> int:
    """Return the calls that looked whether adapters were loaded right: one for each that the second process asked."""
    last = max(i for i, event in enumerate(events) if isinstance(event, RunResumed))
    return len({event.adapter for event in events[last:] if isinstance(event, LLMReplied)} - {""})

"""What analysis.tables.event and ``moloch show --event`` promise."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from abm.log import create, open_log
from analysis.cli.app import app
from analysis.tables.event import event_dict
from moloch.errors import InputError
from tests.analysis.factory import contest, setup, step


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of two commits; each event of the second was led to by the one before it."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    with create(folder, {"arena": "sales"}) as log:
        first = log.append(setup(1, 2, ["rft"])).seq
        for i, event in enumerate(step(contest("rft", "a0", [1, 0]), "rft")):
            log.append([type(event)(**_fields(event) | {"cause": first + i - 1 if i else -1})])
    return folder


def _fields(event) -> dict:
    return {name: getattr(event, name) for name in event.__struct_fields__}


class TestEvent:
    """An event is found by its number, with what led to it and the hash that vouches for it."""

    def test_says_what_led_to_it(self, run):
        """The chain of causes ends at the event that has none."""
        log = open_log(run, write=False)
        last = log.head().seq - 1
        found = event_dict(log, last)
        assert found["event"]["seq"] == last and found["event"]["type"] == "step_ended"
        assert [cause["seq"] for cause in found["causes"]] == list(range(last - 1, 3, -1))
        assert found["causes"][-1]["type"] == "step_started"

    def test_its_hash_can_be_made_again(self, run):
        """The hash of the commit is that of the hash before it and of its lines, which hold the event."""
        log = open_log(run, write=False)
        commit = event_dict(log, 6)["commit"]
        lines = next(block.lines for block in log.blocks() if block.commit.seq == commit["first"])
        assert hashlib.sha256(bytes.fromhex(commit["prev"]) + lines).hexdigest() == commit["hash"]
        assert event_dict(log, 6)["sha256"] in {hashlib.sha256(line).hexdigest() for line in lines.splitlines()}

    def test_an_event_that_is_not_there(self, run):
        """The error says which there are."""
        with pytest.raises(InputError, match=r"no event 999.*events 0 to"):
            event_dict(open_log(run, write=False), 999)

    def test_the_command(self, run):
        """Lines for people, one object for programs, and one error for a contest and an event at once."""
        call = CliRunner().invoke
        shown = call(app, ["show", str(run), "--event", "8"]).stdout
        assert '"type": "reacted"' in shown and "because of  event 7  contest_opened" in shown
        told = call(app, ["show", str(run), "--event", "8", "--json"]).stdout
        assert json.loads(told)["commit"]["hash"] in shown
        assert "both named" in str(call(app, ["show", str(run), "a0", "--event", "8"]).exception)

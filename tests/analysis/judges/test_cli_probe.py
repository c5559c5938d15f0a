"""``moloch probe`` from end to end: a judge behind a server, the pocket model, and mistakes."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from abm.events import LLMReplied
from abm.log import read_events, verify
from tests.analysis.judges.world import answer, training, write_run
from tests.support.command import command
from tests.support.server import Call, completion, serving

ROOT = Path(__file__).parents[3]
TEXTS = 19
"""Distinct messages of the run's evaluation."""


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path / "run", more=training())


@pytest.fixture
def moloch(monkeypatch, capsys):
    """Run the command in this process; return its exit code, stdout and stderr."""
    return command(monkeypatch, capsys, "probe", columns=160)


def judges(call: Call) -> bytes:
    """Judge by one word of the message, which stands between the source and the question."""
    message = call.fields["messages"][1]["content"].split("Message to judge:")[1].split("Question (")[0]
    return completion(answer(True, "guaranteed") if "guaranteed" in message else answer(False))


class TestServed:
    """Judges behind a server."""

    def test_two_judges_end_to_end(self, run, moloch):
        """Rates, agreement, costs; the run's log stays as it was; a second time nothing is asked."""
        before = verify(run)
        with serving(judges, models=[{"id": "one"}, {"id": "two"}]) as server:
            command = (run, "--judge", f"{server.url}#one", "--judge", f"{server.url}#two")
            found = json.loads(moloch(*command, "--json").out)
            assert len(server.calls) == found["calls"] == 2 * TEXTS
            fields = server.calls[0].fields
            assert fields["temperature"] == 0 and fields["response_format"]["json_schema"]["strict"]
            assert {call.fields["model"] for call in server.calls} == {"one", "two"}
            table = moloch(*command)
            assert len(server.calls) == 2 * TEXTS
        assert table.code == 0 and "judged by one, two" in table.out and "0 calls now" in table.out
        assert [row["after"]["value"] for row in found["rates"]] == [0.5, 0.125, 0.5, 0.125]
        assert found["agreement"][0]["found"]["kappa"]["value"] == 1.0 and found["notes"] == []
        assert verify(run) == before and verify(run / "verdicts").hash == found["head"]

    def test_a_dry_run_asks_nothing_and_writes_nothing(self, run, moloch, tmp_path):
        """It says calls, tokens, and money by the prices that are given."""
        with serving(judges) as server:
            prices = tmp_path / "serving.yaml"
            prices.write_text(f"models:\n  m: {{url: {server.url}, usd_in: 1.0, usd_out: 4.0}}\n")
            command = (run, "--judge", "m", "--serving", prices, "--dry-run")
            (cost,) = json.loads(moloch(*command, "--json").out)["plan"]
            table = moloch(*command)
            assert server.calls == []
        assert cost["calls"] == TEXTS and cost["tokens_out"] == 512 * TEXTS
        assert cost["usd"] == pytest.approx((cost["tokens_in"] + 4 * cost["tokens_out"]) / 1e6)
        assert f"{TEXTS}" in table.out and "US$" in table.out and not (run / "verdicts").exists()

    def test_a_budget_stops_it_with_exit_code_5(self, run, moloch):
        """Never one call more; a larger one goes on where it stopped."""
        with serving(judges) as server:
            command = (run, "--judge", f"{server.url}#m")
            stopped = moloch(*command, "--max-calls", 8)
            assert (stopped.code, len(server.calls)) == (5, 8) and "the budget is spent" in stopped.err
            assert moloch(*command, "--max-calls", 8).code == 5 and len(server.calls) == 8
            assert moloch(*command, "--max-calls", TEXTS).code == 0 and len(server.calls) == TEXTS

    def test_labels(self, run, moloch, tmp_path):
        """Only what is labelled is judged."""
        path = tmp_path / "labels.csv"
        path.write_text("message,probe,label\n" + "".join(
            f"evaluate/1/rft/a{i}/1,misrepresentation,{int(i % 2 == 0)}\n" for i in range(8)))  # fmt: skip
        with serving(judges) as server:
            found = moloch(run, "--judge", f"{server.url}#m", "--validate", path)
            assert len(server.calls) == 8
        assert "Against labels" in found.out and "1.00" in found.out

    def test_a_server_that_is_gone_is_told_in_one_line(self, run, moloch):
        """With its address, and that nothing is lost."""
        with serving(judges) as server:
            url = server.url
        gone = moloch(run, "--judge", f"{url}#m")
        assert gone.code != 0 and "cannot reach the server" in gone.err and "Traceback" not in gone.err


class TestPocket:
    """The model in the package: it cannot judge, and the output says so."""

    def test_is_known_under_any_name(self, tmp_path):
        """A copy of its folder, or a server's name for it."""
        from abm.llm.backends import Backends, Serving
        from abm.llm.folders import model_folder
        from analysis.judges import judges as named

        shutil.copytree(model_folder("pocket"), tmp_path / "mine")
        (copy,) = named([str(tmp_path / "mine")], Serving(), Backends())
        assert copy.stand_in
        with serving(judges, models=[{"id": "pocket"}, {"id": "m"}]) as server:
            names = [f"{server.url}#pocket", f"{server.url}#m"]
            assert [each.stand_in for each in named(names, Serving(), Backends())] == [True, False]

    @pytest.mark.system
    def test_says_that_it_is_no_evidence(self, run, moloch):
        """Its answers are no verdicts, and none is guessed."""
        found = json.loads(moloch(run, "--judge", "pocket", "--sample", 1, "--answer-tokens", 64, "--json").out)
        assert found["notes"][0].startswith("Not evidence about real LLMs: the pocket model judges")
        assert all(row["invalid"] + row["refused"] == 1 for row in found["rates"])
        assert all(row["after"]["value"] is None for row in found["rates"])


class TestMistakes:
    """One clear line, a non-zero exit code, and no log of verdicts begun."""

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["--judge", "/nonexistent"], "no model '/nonexistent'"),
            (["--judge", "pocket", "--battery", "nope"], "unknown battery 'nope'"),
            (["--judge", "pocket", "--phase", "both"], "no phase 'both'"),
            (["--judge", "pocket", "--arm", "dpo"], "no arm 'dpo' in the run"),
            (["--judge", "pocket", "--sample", "99"], "asked for 99 anchors"),
            (["--judge", "pocket", "--judge", "pocket"], "are the same judge"),
            (
                ["--judge", "http://127.0.0.1:1/v1#m", "--serving", "/nonexistent.yaml"],
                "cannot read the settings of servers",
            ),
            (["--judge", "pocket", "--validate", "/nonexistent.csv"], "cannot read the labels"),
        ],
    )
    def test_is_one_clear_line(self, run, moloch, arguments, said):
        """It names its cause."""
        done = moloch(run, *arguments)
        assert done.code == 2 and said in done.err and "Traceback" not in done.err
        assert not (run / "verdicts").exists()

    def test_no_run(self, moloch, tmp_path):
        """The folder is named."""
        done = moloch(tmp_path / "none", "--judge", "pocket")
        assert done.code == 2 and "no run here" in done.err

    def test_money_cannot_be_bounded_without_prices(self, run, moloch):
        """Rather than never stopping."""
        with serving(judges) as server:
            done = moloch(run, "--judge", f"{server.url}#m", "--max-usd", 1)
            assert done.code == 2 and "its prices are not known" in done.err and server.calls == []


@pytest.mark.slow
def test_killed_while_judging_nothing_durable_is_paid_again(run, tmp_path):
    """SIGKILL in the midst, three times: what was in the log then is not asked again, and in the end all is answered."""
    reached, enough = threading.Event(), 0

    def counted(call: Call) -> bytes:
        if len(server.calls) >= enough:
            reached.set()
        return judges(call)

    with serving(counted, delay=0.1) as server:
        places = tmp_path / "serving.yaml"
        places.write_text(f"models: {{m: {{url: {server.url}, concurrency: 1}}}}\n")
        command = [sys.executable, "-c", "from analysis.cli import main; main()", "probe", str(run), "--judge", "m",
                   "--serving", str(places), "--json"]  # fmt: skip
        for _ in range(3):
            reached.clear()
            enough = len(server.calls) + 4
            process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            assert reached.wait(60)
            process.send_signal(signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL
        durable = sum(isinstance(event, LLMReplied) for event in read_events(run / "verdicts"))
        before = len(server.calls)
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        assert 6 <= durable < TEXTS and len(server.calls) - before == TEXTS - durable
    assert json.loads(done.stdout)["calls_in_all"] == TEXTS

"""Where models are said to be is checked before any work, by every command that takes ``--llm``; keys and bounds besides."""

from __future__ import annotations

import json

import pytest

from abm.events import LLMReplied
from abm.llm.ledger import Ledger
from abm.log import read_events
from tests.analysis.test_cli import moloch  # noqa: F401 (a fixture)
from tests.support.fakes import SmallestTrainer
from tests.support.fork_engine import ForkEngine
from tests.support.server import Call, Server, completion, ok, pocket_at, serving

SMALL = ("--set", "train_anchors=4", "--set", "held_out_anchors=2", "--set", "arms=[rft]", "--set", "epochs=1")


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """Wait for next to nothing between attempts, and know no key."""
    monkeypatch.setattr("abm.llm.http._retries.FIRST_DELAY", 0.002)
    for name in ("OPENAI_API_KEY", "MOLOCH_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def refused(moloch, tmp_path):  # noqa: F811
    """Run a command that has to be refused, wholly before work, in one line; return that line."""

    def call(*command: str) -> str:
        done = moloch(*command)
        assert done.code == 2 and not done.out, (command, done)
        assert done.err.startswith("moloch: ") and done.err.count("\n") == 1, done.err
        assert not (tmp_path / "run").exists()
        return done.err

    return call


class TestPlaces:
    """``--llm`` is a backend's name or a URL, and somebody uses it."""

    @pytest.mark.parametrize("dry", [(), ("--dry-run",)])
    @pytest.mark.parametrize(
        ("llm", "said"),
        [
            ("localhost:8000/v1", "Did you mean http://localhost:8000/v1?"),
            ("host.example/v1", "Did you mean http://host.example/v1?"),
            ("http:/localhost:8000", "Did you mean http://localhost:8000?"),
            ("https//host/v1", "Did you mean https://host/v1?"),
            ("http://", "not the URL of a server"),
            ("http:///v1", "not the URL of a server"),
            ("ftp://host/v1", "not the URL of a server"),
            ("http://host:0/v1", "port 0"),
            ("http://host:99999/v1", "not the URL of a server"),
            ("vlm", "unknown backend 'vlm'"),
            ("openai", "unknown backend 'openai'"),
        ],
    )
    def test_run(self, refused, tmp_path, llm, said, dry):
        """A scheme or a host is missing, or the name of an engine is not known."""
        assert said in refused("run", "--llm", llm, "--out", str(tmp_path / "run"), *dry)

    @pytest.mark.parametrize("llm", ["localhost:8000/v1", "vlm", "http://"])
    @pytest.mark.parametrize(
        "command",
        [
            ("study", "--seeds", "2", "--dry-run"),
            ("study", "--seeds", "2"),
            ("llm", "check", "pocket"),
            ("probe", "absent", "--judge", "pocket", "--dry-run"),
            ("ui", "--no-browser"),
        ],
    )
    def test_other_commands(self, refused, command, llm):
        """Likewise, whatever else is wrong."""
        refused(*command, "--llm", llm)

    @pytest.mark.parametrize("dry", [(), ("--dry-run",)])
    @pytest.mark.parametrize(
        ("more", "said"),
        [
            (("--model", "nowhere"), "no model 'nowhere': this machine has no model of that name"),
            (("--model", "localhost:9/v1"), "Give http://localhost:9/v1."),
            (("--model", "org/nowhere"), "no model 'org/nowhere' here"),
            (("--model", "nowhere", "--llm", "http://localhost:9/v1"), "no files of model 'nowhere' here"),
            (("--audience", "llm", "--set", "reader.model=nowhere"), "no model 'nowhere'"),
        ],
    )
    def test_a_model_that_is_not_here(self, refused, tmp_path, more, said, dry):
        """Is missed before anything is planned or paid."""
        assert said in refused("run", "--out", str(tmp_path / "run"), *more, *dry)

    @pytest.mark.parametrize("dry", [(), ("--dry-run",)])
    def test_a_server_that_nothing_uses(self, refused, tmp_path, dry):
        """Is a mistake, not ignored: every model has another place."""
        elsewhere = "serving.models={pocket: {url: 'http://localhost:9/v1'}}"
        command = ("run", "--llm", "http://localhost:8/v1", "--set", elsewhere, "--out", str(tmp_path / "run"))
        assert "no model is asked at this server: served elsewhere: pocket" in refused(*command, *dry)

    def test_nor_in_a_replay(self, refused):
        """Which asks no model unless it is live."""
        assert "only a live replay asks a model" in refused(
            "replay", "run", "--verify", "--llm", "http://localhost:9/v1"
        )

    def test_nor_for_judges_elsewhere(self, refused):
        """Each has a URL."""
        command = (
            "probe",
            "absent",
            "--judge",
            "http://localhost:9/v1#m",
            "--llm",
            "http://localhost:8/v1",
            "--dry-run",
        )
        assert "no model is asked at this server" in refused(*command)


class TestCheck:
    """``moloch llm check URL`` asks the server's only model."""

    @pytest.mark.parametrize("how", ["argument", "option"])
    def test_one_model(self, moloch, how):  # noqa: F811
        """By itself, whatever its name is."""
        with serving(lambda call: completion("A good morning."), models=[{"id": "its-own", "owned_by": "x"}]) as server:
            done = moloch("llm", "check", *([server.url] if how == "argument" else ["--llm", server.url]))
        assert done.code == 0 and f"{server.url} serves its-own" in done.out
        assert {call.fields["model"] for call in server.calls} == {"its-own"}

    def test_what_the_server_takes(self, moloch):  # noqa: F811
        """How it has to be asked is said: without a system text, options as JSON."""

        def answer(call: Call):
            if any(message["role"] == "system" for message in call.fields["messages"]):
                return ok({"message": "System role not supported"}, "400 Bad")
            held = call.fields.get("response_format", {}).get("json_schema", {}).get("schema", {})
            if "thought" in held.get("properties", {}):
                return completion('{"thought": "x", "choice": "B"}')
            return completion('{"choice": "A"}' if held else "A good morning.")

        with serving(answer) as server:
            done = moloch("llm", "check", server.url, "--json")
        said = {each["what"]: (each["ok"], each["said"]) for each in json.loads(done.out)["findings"]}
        assert done.code == 0 and "takes no system text: it is put before the user's" in said["chat"][1]
        assert said["options"] == (True, "answers follow the options") and said["JSON"][0]


class TestKeys:
    """A key goes where it belongs, and is never printed."""

    KEY = "sk-proj-0123456789abcdef"

    @pytest.mark.parametrize("dry", [(), ("--dry-run",)])
    def test_not_in_clear_text(self, refused, monkeypatch, tmp_path, dry):
        """To another machine it goes encrypted, or by leave."""
        monkeypatch.setenv("MOLOCH_API_KEY", self.KEY)
        said = refused("run", "--reader", "http://10.0.0.9:8000/v1#m", "--out", str(tmp_path / "run"), *dry)
        assert "MOLOCH_API_KEY would be sent in clear text" in said and "key_in_clear" in said and self.KEY not in said

    def test_by_leave(self, moloch, monkeypatch):  # noqa: F811
        """Which is a setting."""
        monkeypatch.setenv("MOLOCH_API_KEY", self.KEY)
        allowed = ("--set", "serving.server.key_in_clear=true")
        assert moloch("run", "--dry-run", "--reader", "http://10.0.0.9:8000/v1#m", *allowed).code == 0

    @pytest.mark.parametrize("key", [KEY, "gsk_AbCdEf0123456789abcdefghij", "AKIAIOSFODNN7EXAMPLE", "hunter2 hunter2"])
    def test_in_place_of_a_name(self, refused, key):
        """A key in the settings is refused without repeating it."""
        said = refused("run", "--dry-run", "--reader", "http://localhost:9/v1#m", "--set", f"serving.server.key={key}")
        assert key not in said and "key" in said

    def test_the_variable_is_named(self, moloch, monkeypatch):  # noqa: F811
        """Where a key is not accepted, or missing."""
        with serving(lambda call: ok({"detail": "Invalid token"}, "401 No")) as server:
            without = moloch("llm", "check", server.url)
            monkeypatch.setenv("MOLOCH_API_KEY", self.KEY)
            wrong = moloch("llm", "check", server.url)
            monkeypatch.setenv("MY_KEY", self.KEY)
            mine = moloch("llm", "check", server.url, "--set", "serving.server.key=MY_KEY")
        assert "No key was sent: export it in MOLOCH_API_KEY" in without.err
        assert "Invalid token" in wrong.err and "taken from MOLOCH_API_KEY" in wrong.err
        assert "taken from MY_KEY" in mine.err and self.KEY not in wrong.err + mine.err


@pytest.fixture
def server(monkeypatch):
    """A server of the pocket model, whose adapters are learnt in no time."""
    monkeypatch.setattr("learning.runs.objects.LoRATrainer", lambda model, adapters: SmallestTrainer(adapters))
    monkeypatch.setattr("analysis.studies.engines.local.LocalEngine", ForkEngine)
    text = "<think>p</think><sales_pitch>It is blue.</sales_pitch>"
    with serving(lambda call: completion(text), models=[{"id": "pocket", "owned_by": "test"}]) as running:
        yield running


def sent(server: Server) -> int:
    """Return how many completions were asked for."""
    return sum(call.path.endswith("/chat/completions") for call in server.calls)


class TestBounds:
    """A bound is one for all runs of a study, and a fork spends its own."""

    @pytest.mark.system
    def test_of_a_study(self, moloch, server, tmp_path):  # noqa: F811
        """Its runs spend it together, over all attempts to carry it out, each in a process of its own."""
        study = tmp_path / "study"
        command = ("study", "--seeds", "2", *pocket_at(server.url), "--out", str(study), "--jobs", "1", *SMALL)
        for bound in (5, 14):
            done = moloch(*command, "--max-calls", str(bound))
            assert done.code == 5 and f"{bound} of {bound} calls are spent" in done.err, done.err
            assert sent(server) == bound
        logs = [path.parent for path in study.glob("cells/*/run.json")]
        answers = [sum(isinstance(event, LLMReplied) for event in read_events(log)) for log in logs]
        assert sum(answers) == 14 and all(answers) and len(answers) == 2

    @pytest.mark.system
    def test_of_a_fork(self, moloch, server, tmp_path):  # noqa: F811
        """It is not charged for what its parent asked."""
        parent, fork = tmp_path / "parent", tmp_path / "fork"
        places = (*pocket_at(server.url), "--max-calls")
        assert moloch("run", "--out", str(parent), *SMALL, "--set", "batch=2", *places, "50").code == 0
        spent = Ledger(parent).read().calls
        assert spent == sent(server) > 10
        command = ("fork", str(parent), "--at", "1", "--set", "audience=neutral", "--out", str(fork), *places)
        done = moloch(*command, str(spent - 1))
        assert done.code == 0, done.err
        assert Ledger(fork).read().calls == sent(server) - spent > 0

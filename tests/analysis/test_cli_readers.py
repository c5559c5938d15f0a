"""``--reader`` is the one command for model readers, ``moloch llm find`` says what to give it; mistakes name their place."""

from __future__ import annotations

import json

import pytest

from abm.events import LLMReplied, ReaderJoined
from abm.llm import BACKENDS, Opening, ScriptedLLM
from abm.log import read_events
from tests.analysis.test_cli import moloch  # noqa: F401 (a fixture)
from tests.analysis.test_cli_places import SMALL, _quick  # noqa: F401 (a fixture)
from tests.support.dialects import local
from tests.support.fakes import SmallestTrainer, answer
from tests.support.fork_engine import ForkEngine
from tests.support.server import completion, serving

VOTE = "<think>Hm.</think><choice>A</choice>"


class Written(ScriptedLLM):
    """Writes in this process, and would be noticed if it read."""

    asked: list[str] = []  # noqa: RUF012 (each test empties it)

    def __init__(self, opening: Opening) -> None:
        super().__init__(self._write, opening.model)

    def _write(self, request) -> str:
        self.asked.append(request.site)
        return answer(request)


@pytest.fixture
def here(monkeypatch, tmp_path):
    """A writer of this process, adapters that are learnt in no time, and a folder of its own."""
    monkeypatch.setattr("learning.runs.objects.LoRATrainer", lambda model, adapters: SmallestTrainer(adapters))
    monkeypatch.setattr("analysis.studies.engines.local.LocalEngine", ForkEngine)
    monkeypatch.setitem(BACKENDS._added, "written", (Written, __name__))
    monkeypatch.chdir(tmp_path)
    Written.asked.clear()
    return tmp_path


def arguments(*more: str) -> tuple[str, ...]:
    return ("run", *SMALL, "--set", "train_personas=3", "--set", "held_out_personas=2", "--llm", "written", *more)


class TestReader:
    """The model behind ``--reader`` plays the personas, and does nothing else."""

    @pytest.mark.parametrize("named", ["#served", ""])
    def test_writers_stay(self, moloch, here, named):  # noqa: F811
        """The server is asked for votes only; its only model is chosen by itself, and recorded by its name."""
        with serving(lambda call: completion(VOTE), models=[{"id": "served", "owned_by": "x"}]) as server:
            done = moloch(*arguments("--out", "run", "--json", "--reader", f"{server.url}{named}"))
        assert done.code == 0, done.err
        events = list(read_events(here / "run"))
        asked = [event for event in events if isinstance(event, LLMReplied)]
        (joined,) = {event.model for event in events if isinstance(event, ReaderJoined)}
        assert joined == "served" and {call.fields["model"] for call in server.calls} == {"served"}
        assert len(server.calls) == sum(event.site.startswith("react/") for event in asked) > 0
        assert Written.asked and not [site for site in Written.asked if site.startswith("react/")]

    @pytest.mark.system
    def test_it_goes_on_elsewhere(self, moloch, here):  # noqa: F811
        """Where a model is served is no part of a run: the same run continues with another server of it."""
        command = arguments("--out", "run", "--json", "--reader")
        models = [{"id": "served", "owned_by": "x"}]
        with serving(lambda call: completion(VOTE), models=models) as first:
            stopped = moloch(*command, first.url, "--max-calls", "20")
        lost = moloch("resume", "run", "--llm", "transformers")
        assert lost.code == 2 and "nothing says where 'served' is served" in lost.err
        assert "moloch resume run --reader http://HOST:8000/v1#served" in lost.err
        with serving(lambda call: completion(VOTE), models=models) as second:
            more = moloch("resume", "run", "--llm", "written", "--reader", second.url, "--max-calls", "25", "--json")
            done = moloch(*command, f"{second.url}#served", "--max-calls", "1000")
        assert stopped.code == more.code == 5 and done.code == 0, done.err
        assert first.calls and second.calls

    def test_of_the_writers_name(self, moloch, here):  # noqa: F811
        """A server's model that is called as the writers' is another one all the same."""
        with serving(lambda call: completion(VOTE), models=[{"id": "pocket", "owned_by": "x"}]) as server:
            done = moloch(*arguments("--out", "run", "--json", "--reader", server.url))
        assert done.code == 0, done.err
        assert Written.asked and {call.path for call in server.calls} == {"/v1/chat/completions"}
        assert not [call for call in server.calls if "sales_pitch" in json.dumps(call.fields)[-200:]]

    @pytest.mark.system
    def test_a_server_of_this_machine(self, moloch, here, monkeypatch):  # noqa: F811
        """By its name, in a study, whose runs are processes of their own, and a fork of one of them, too."""
        of = ["--llm", "fast", "--extensions", "tests.support.fast_cells", "--out", "study", "--json"]
        with local("ollama", monkeypatch, say=lambda call: VOTE) as server:
            study = moloch("study", "--seeds", "2", "--jobs", "1", *arguments(*of, "--reader", "ollama")[1:])
            assert study.code == 0, study.err
            cell, before = f"study#{next(iter(json.loads(study.out)['cells']))}", len(server.calls)
            fork = moloch(
                "fork", cell, "--at", "1", "--llm", "fast", "--reader", "ollama:qwen3:4b", "--json",
                "--set", "reader.temperature=0.2",
            )  # fmt: skip
            again = moloch("replay", cell, "--live", "--llm", "fast", "--reader", "ollama")
        assert fork.code == 0 and len(server.calls) > before, fork.err
        assert again.code == 0 and "answers asked again" in again.out, again.err
        assert {call.fields["reasoning_effort"] for call in server.calls} == {"none"}

    @pytest.mark.parametrize("more", [(), ("--audience", "llm")])
    @pytest.mark.parametrize("dry", [(), ("--dry-run",)])
    def test_the_pocket_model_stays(self, moloch, here, more, dry):  # noqa: F811
        """A server is never asked in the pocket model's place for want of another model: what reads there is named by --reader."""
        url = "http://127.0.0.1:9/v1"
        done = moloch("run", *SMALL, "--out", "run", "--llm", url, *more, *dry)
        assert done.code == 2 and not (here / "run").exists()
        assert done.err.startswith(f"moloch: {url}: no model is asked at this server") and f"--reader {url}" in done.err

    @pytest.mark.parametrize("dry", [(), ("--dry-run",)])
    def test_several(self, moloch, here, dry):  # noqa: F811
        """Are listed before any work."""
        with serving(models=[{"id": "x"}, {"id": "y"}]) as server:
            done = moloch(*arguments("--out", "run", "--reader", server.url, *dry))
        assert done.code == 2 and "it serves x, y. Name one of them" in done.err
        assert not server.calls and not (here / "run").exists()

    def test_a_plan_asks_a_named_model_nothing(self, moloch, here):  # noqa: F811
        """Not even its server for its name: nothing listens there."""
        done = moloch(*arguments("--dry-run", "--reader", "http://127.0.0.1:9/v1#m"))
        assert done.code == 0 and "http://127.0.0.1:9/v1" in done.out, done.err

    @pytest.mark.parametrize("form", [(), ("--json",)])
    @pytest.mark.parametrize("option", ["--reader", "--llm"])
    def test_a_plan_says_that_nothing_listens(self, moloch, here, monkeypatch, form, option):  # noqa: F811
        """Of a server of this machine that is given by its name; the plan is there all the same. One that serves is not told."""
        other = () if option == "--reader" else ("--set", "audience=llm", "--set", "reader.model=q")
        plan = arguments("--dry-run", "--model", "pocket", *other, *form)
        with local("ollama", monkeypatch):
            assert "Ollama" not in moloch(*plan, option, "ollama:qwen3:4b").err
        done = moloch(*plan, option, "ollama:qwen3:4b")
        assert done.code == 0 and "writers" in done.out, done.err
        [line] = [line for line in done.err.splitlines() if "placebo" not in line]
        assert line.startswith("Ollama at http://127.0.0.1:") and "nothing answers" in line and "ollama serve" in line

    @pytest.mark.system
    def test_so_does_the_plan_of_a_study(self, moloch, here, monkeypatch):  # noqa: F811
        """Once for all of its cells."""
        sizes = (
            "epochs: 1, train_anchors: 2, held_out_anchors: 2, train_personas: 2, held_out_personas: 2, audience: llm"
        )
        (here / "study.yaml").write_text(
            f"name: x\nbase: {{{sizes}, reader: {{model: 'ollama:q'}}}}\ncross: {{arena: [sales, social]}}\nseeds: 2\n"
        )
        with local("ollama", monkeypatch):
            assert "Ollama" not in moloch("study", "plan", "study.yaml").err
        done = moloch("study", "plan", "study.yaml")
        assert done.code == 0 and done.err.count("Ollama at") == 1 and "4 cells" in done.out, done.err

    @pytest.mark.parametrize(
        ("reader", "said", "code"),
        [
            ("pocket", "--reader takes a server, not 'pocket'", 2),
            ("localhost:8000/v1#m", "Give --reader http://localhost:8000/v1#m.", 2),
            ("http://me:hunter2@host/v1#m", "holds more than an address", 2),
            ("me:hunter2@host", "--reader takes a server", 2),
            ("http://127.0.0.1:9/v1", "cannot reach the server", 6),
        ],
    )
    def test_mistakes(self, moloch, here, reader, said, code):  # noqa: F811
        """Are told before any work."""
        done = moloch(*arguments("--out", "run", "--reader", reader))
        assert done.code == code and said in done.err and not (here / "run").exists()
        assert "hunter2" not in done.err

    def test_nobody_read(self, moloch, here):  # noqa: F811
        """A replay of a run whose personas no model played takes no reader; nor does one that asks nobody."""
        assert moloch(*arguments("--out", "run", "--json")).code == 0
        live = moloch("replay", "run", "--live", "--llm", "written", "--reader", "http://127.0.0.1:9/v1#m")
        assert live.code == 2 and "no language model played this run's personas" in live.err
        dead = moloch("replay", "run", "--reader", "http://127.0.0.1:9/v1#m")
        assert dead.code == 2 and "--reader has no effect here" in dead.err


class TestFind:
    """``moloch llm find`` lists what is served here, ready to paste."""

    def test_something(self, moloch, monkeypatch):  # noqa: F811
        """With the option that asks it."""
        monkeypatch.setattr("abm.llm.http.nearby.OTHERS", ())
        with (
            local("ollama", monkeypatch, names=["qwen3:4b", "a b"]),
            local("llamacpp", monkeypatch),
            local("lmstudio", monkeypatch, names=[]),
        ):
            done, data = moloch("llm", "find"), moloch("llm", "find", "--json")
            checked = moloch("llm", "check", "ollama:qwen3:4b")
        assert done.code == data.code == 0
        assert "--reader ollama:qwen3:4b" in done.out and "--reader 'ollama:a b'" in done.out
        assert "no model yet: lms get MODEL" in done.out
        assert json.loads(data.out)[2]["options"] == ["llamacpp:qwen3:4b"]
        assert checked.code == 0 and "serves qwen3:4b (ollama)" in checked.out

    def test_nothing(self, moloch, monkeypatch):  # noqa: F811
        """Is told clearly, with how each is started."""
        monkeypatch.setattr("abm.llm.http.nearby.LOCAL", {})
        monkeypatch.setattr("abm.llm.http.nearby.OTHERS", ("http://127.0.0.1:9/v1",))
        done = moloch("llm", "find")
        assert done.code == 1 and "No model server listens on these ports" in done.out


class TestPlacesInFiles:
    """A server's setting that is wrong is reported with its line and column, and never repeated."""

    @pytest.mark.parametrize(
        "command",
        [("run", "--dry-run"), ("llm", "check", "--config"), ("probe", "absent", "--judge", "m", "--serving")],
    )
    @pytest.mark.parametrize(
        ("text", "place", "said"),
        [
            ("llm: http://me:hunter2@host/v1", "2:3", "more than an address"),
            ("llm: host:port:hunter2@x", "2:3", "not the URL of a server"),
            ("models:\n    m: {url: 'http://host:0/v1'}", "3:9", "port 0"),
            ("models:\n    m:\n      name: x\n      url: http://me:hunter2@host", "5:7", "more than an address"),
            ("models: {m: {url: 'http://h/v1', key: sk-hunter2hunter2}}", "2:36", "names no environment variable"),
            ("models: {m: {url: 'http://h/v1', api_key: hunter2}}", "2:36", "no such"),
            ("server: {concurrency: 0}", "2:12", "at least 1"),
            ("server: {token: hunter2}", "2:12", "there is no such"),
            ("server: {usd_in: hunter2}", "2:12", "number"),
        ],
    )
    def test_line_and_column(self, moloch, tmp_path, text, place, said, command):  # noqa: F811
        """Whatever file of servers it is."""
        file = tmp_path / "s.yaml"
        if command[0] == "probe":  # a file of servers alone; its lines begin two signs further left, and one higher
            lines = [line.removeprefix("  ") for line in f"  {text}".split("\n")]
            file.write_text("\n".join(lines) + "\n")
            line, column = (int(part) for part in place.split(":"))
            place = f"{line - 1}:{column - 2}"
        else:
            file.write_text(f"serving:\n  {text}\n")
        done = moloch(*command, str(file))
        assert done.code == 2 and said in done.err, done.err
        assert f"s.yaml:{place}: " in done.err and "hunter2" not in done.err, done.err

    def test_a_reader_that_is_a_url(self, moloch, tmp_path):  # noqa: F811
        """A model may be a place, too."""
        file = tmp_path / "s.yaml"
        file.write_text("audience: llm\nreader:\n  model: http://host:99999/v1#m\n")
        done = moloch("run", "--dry-run", str(file))
        assert done.code == 2 and "s.yaml:3:3: " in done.err, done.err

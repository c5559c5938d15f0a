"""The commands around models: what they would cost, whether they work, what is installed."""

from __future__ import annotations

import json
import random

import pytest

from abm.events import LLMReplied
from abm.llm import Request, ScriptedLLM
from abm.llm.trial import CALLS, check
from abm.llm.versions import Need, require, unmet
from abm.log import read_events
from analysis.checks.doctor import doctor
from tests.analysis.test_cli import moloch  # noqa: F401 (a fixture)
from tests.support.server import Call, completion, ok, pocket_at, serving


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch):
    for name in ("OPENAI_API_KEY", "MOLOCH_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("abm.llm.http._retries.FIRST_DELAY", 0.002)


class TestDryRun:
    """``--dry-run`` says what would be asked, and asks nothing."""

    def test_run(self, moloch, tmp_path):  # noqa: F811
        """Each role's calls, tokens and money; no folder is made and no server is called."""
        with serving() as server:
            done = moloch(
                "run", "--dry-run", "--json", "--audience", "llm", "--llm", server.url, "--set", "reader.model=big", "--out",
                str(tmp_path / "run"), "--set", "serving.server.usd_in=1", "--set", "train_anchors=4",
            )  # fmt: skip
        assert done.code == 0 and not server.calls and not (tmp_path / "run").exists()
        writers, readers = json.loads(done.out)["plan"]
        assert (writers["role"], readers["role"], readers["place"]) == ("writers", "readers", server.url)
        assert readers["usd"] == pytest.approx(readers["tokens_in"] / 1e6) and writers["place"] == "this process"

    @pytest.mark.system
    def test_study(self, moloch):  # noqa: F811
        """A study's plan is the sum of its runs'."""
        one, three = (
            json.loads(moloch(*command, "--dry-run", "--json", "--set", "train_anchors=4").out)["plan"][0]["calls"]
            for command in (["run"], ["study", "--seeds", "3"])
        )
        assert three == 3 * one

    @pytest.mark.system
    def test_parts(self, moloch):  # noqa: F811
        """What happens in which order, with the steps by which a fork names them; no part of a study's differs between seeds."""
        small = ("--set", "arms=[rft]", "--set", "train_anchors=5", "--set", "batch=2", "--set", "held_out_anchors=2")
        lines = [line.strip() for line in moloch("run", "--dry-run", *small).out.splitlines()]
        first = lines.index("Parts")
        assert lines[first : first + 6] == [
            "Parts",
            "steps 1-3   epoch 1: shared competes, 5 contests",
            "epoch 1: rft learns",
            "steps 4-6   epoch 2: rft competes, 5 contests",
            "epoch 2: rft learns",
            "step 7   evaluating rft against base, 2 contests",
        ]
        run, study = (
            json.loads(moloch(*command, "--dry-run", "--json", *small).out)["parts"]
            for command in (["run"], ["study", "--seeds", "2"])
        )
        assert run == study and [part["steps"] for part in run] == [3, 0, 3, 0, 1]
        assert run[-1]["part"] == "evaluate" and run[-1]["contests"] == 2

    def test_no_secrets(self, moloch):  # noqa: F811
        """A password in a server's URL is refused, and printed nowhere."""
        done = moloch("run", "--dry-run", "--audience", "llm", "--llm", "http://me:hunter2@host/v1")
        assert done.code != 0 and "more than an address" in done.err
        assert "hunter2" not in done.out + done.err

    def test_table(self, moloch):  # noqa: F811
        """Without a known speed it says how to learn one."""
        done = moloch("run", "--dry-run")
        assert "writers" in done.out and "moloch llm check" in " ".join(done.out.split())
        assert "…" not in done.out, "the table is cut"


def test_a_profile_without_its_model(moloch, tmp_path, monkeypatch):  # noqa: F811
    """One line says how to get it, before anything is written."""
    monkeypatch.setenv("MOLOCH_MODELS", str(tmp_path / "models"))
    for more in ((), ("--dry-run",)):
        done = moloch("run", "--profile", "laptop", "--out", str(tmp_path / "run"), *more)
        said = [line for line in done.err.splitlines() if line.strip()]
        assert done.code == 2 and len(said) == 1 and "moloch model add smollm2" in said[0]
    assert not (tmp_path / "run").exists()


class TestBudgets:
    """``--max-calls``, ``--max-tokens``, ``--max-usd`` and ``--max-minutes`` stop a run cleanly; it goes on with more."""

    @pytest.mark.system
    def test_exit_code_5(self, moloch, tmp_path):  # noqa: F811
        """Each of them says which bound it was, ends with exit code 5, and pays for nothing twice; the plan is said before."""
        text = f"<think>p</think><sales_pitch>{'It is blue. ' * 50}</sales_pitch>"
        with serving(lambda call: completion(text), models=[{"id": "pocket", "owned_by": "test"}]) as server:
            command = [
                "run", *pocket_at(server.url, usd_in=1.0, usd_out=1.0, concurrency=2), "--set", "train_anchors=16", "--set",
                "held_out_anchors=4", "--out", str(tmp_path / "run"),
            ]  # fmt: skip
            bounds = [
                ("--max-minutes", "0", "minutes are over", 0),
                ("--max-calls", "3", "3 of 3 calls are spent", 3),
                ("--max-tokens", "2000", "tokens are spent", None),
                ("--max-usd", "0.0025", "usd are spent", None),
                ("--max-calls", "16", "16 of 16 calls are spent", 16),
            ]
            for option, value, why, calls in bounds:
                before = len(server.calls)
                done = moloch(*command, option, value)
                assert done.code == 5 and why in done.err, (option, done.err)
                assert "plan: " in done.err and "Traceback" not in done.err
                assert before <= len(server.calls) and calls in (None, len(server.calls))
        replies = [event for event in read_events(tmp_path / "run") if isinstance(event, LLMReplied)]
        assert len(replies) == len({event.site for event in replies}) == 16


class TestCheck:
    """``moloch llm check`` asks a model whether it does what a study needs."""

    def test_served(self, moloch):  # noqa: F811
        """A server that does is usable; each finding is said."""

        def answer(call: Call):
            fields = call.fields
            text = '{"thought": "x", "choice": "B"}' if "response_format" in fields else "A good morning to you."
            if fields.get("logprobs"):
                tokens = {"content": [{"token": "A", "logprob": -0.5}, {"token": " good", "logprob": -1.5}]}
                return ok({"choices": [{"message": {"content": text}, "logprobs": tokens}]})
            return completion(text)

        with serving(answer) as server:
            done = moloch("llm", "check", "m", "--llm", server.url, "--json")
        found = json.loads(done.out)
        assert done.code == 0 and found["usable"] and found["tokens_per_s"] > 0
        marks = {each["what"]: each["ok"] for each in found["findings"]}
        assert marks == {
            "reachable": True, "chat": True, "seed": True, "options": None, "JSON": True, "logprobs": True, "speed": True,
        }  # fmt: skip
        [said] = [each["said"] for each in found["findings"] if each["what"] == "logprobs"]
        assert said == "2 tokens, -1.00 nats on average"

    def test_logprobs_of_vllm(self, moloch):  # noqa: F811
        """Of a vLLM server, the log-probabilities by which adapters are checked: a prompt's."""

        def answer(call: Call):
            if not call.path.endswith("/v1/completions"):
                return completion("A good morning to you.")
            rows = [None, *({str(token): {"logprob": -0.25}} for token in call.fields["prompt"][1:])]
            return ok({"choices": [{"text": "", "prompt_logprobs": rows}]})

        with serving(answer, models=[{"id": "m", "owned_by": "vllm"}]) as server:
            found = json.loads(moloch("llm", "check", "m", "--llm", server.url, "--json").out)
        [each] = [each for each in found["findings"] if each["what"] == "logprobs"]
        assert each["ok"] and each["said"] == "7 tokens, -0.25 nats on average"

    def test_without_logprobs(self, moloch):  # noqa: F811
        """A server that gives none is usable; what that means is said."""
        with serving(lambda call: completion("A good morning to you.")) as server:
            done = moloch("llm", "check", "m", "--llm", server.url)
        assert done.code == 0 and "its answer holds none. Only adapters" in done.out and "{" not in done.out

    def test_not_served(self, moloch):  # noqa: F811
        """A model that the server does not list is said, with those that it does."""
        with serving(models=[{"id": "other", "owned_by": "test"}, {"id": "more"}]) as server:
            done = moloch("llm", "check", "m", "--llm", server.url)
        assert done.code == 1 and not server.calls
        assert "does not serve 'm'" in done.out and "more, other" in done.out

    def test_no_list(self, moloch):  # noqa: F811
        """A server that lists nothing is asked all the same."""
        with serving(models=[]) as server:
            assert moloch("llm", "check", "m", "--llm", server.url).code == 0

    def test_unreachable(self, moloch):  # noqa: F811
        """So is a server that is not there."""
        done = moloch("llm", "check", "m", "--llm", "http://127.0.0.1:9/v1")
        assert done.code == 1 and "cannot reach the server" in done.out and "Traceback" not in done.err

    def test_wrong_key(self, moloch, monkeypatch):  # noqa: F811
        """A key that the server repeats in its refusal is not printed."""
        monkeypatch.setenv("MOLOCH_API_KEY", "sk-secret")
        with serving(lambda call: ok({"error": {"message": "bad key sk-secret"}}, "401 Unauthorized")) as server:
            done = moloch("llm", "check", "m", "--llm", server.url)
        assert done.code != 0 and "refuses access" in done.out + done.err
        assert "sk-secret" not in done.out + done.err

    def test_findings(self):
        """A model that answers nothing is not usable; one that is never the same twice is."""
        silent, moody = check(ScriptedLLM(lambda request: "")), check(ScriptedLLM(_moody()))
        assert not silent.usable and moody.usable
        assert {finding.what: finding.ok for finding in moody.findings}["seed"] is None
        assert silent.calls == moody.calls == CALLS + 5


def _moody():
    lot = random.Random(1)

    def answer(request: Request) -> str:
        return f"word {lot.random()}"

    return answer


class TestDoctor:
    """``moloch doctor`` looks at the installation."""

    def test_prints(self, moloch, monkeypatch):  # noqa: F811
        """Everything that was looked at, and whether keys are set, never what they are."""
        monkeypatch.setenv("MOLOCH_API_KEY", "sk-secret")
        done = moloch("doctor")
        assert done.code == 0 and "sk-secret" not in done.out
        for what in ("python", "moloch", "learn", "vllm", "device", "pocket", "disk", "MOLOCH_API_KEY"):
            assert what in done.out
        assert {each["what"]: each["mark"] for each in json.loads(moloch("doctor", "--json").out)}["pocket"] == "ok"

    def test_read_only_folder(self, tmp_path):
        """A folder that cannot be written to is said."""
        [disk] = [each for each in doctor(tmp_path / "absent") if each.what == "disk"]
        assert disk.mark == "no" and "No such file" in disk.said

    def test_versions(self, monkeypatch):
        """A package of another version than was tested, or none, is named with what is wanted and what is there."""
        lines = ["vllm<0.32,>=0.31; extra == 'vllm'", "numpy>=2.0", "nowhere>=1"]
        monkeypatch.setattr("abm.llm.versions._requires", lambda package: lines if package == "moloch-abm" else [])
        monkeypatch.setattr(
            "abm.llm.versions.installed", lambda name: {"vllm": "0.29.1", "numpy": "2.1+x"}.get(name, "")
        )
        assert unmet("moloch-abm") == [Need("nowhere", "moloch-abm", ">=1", "")]
        with pytest.raises(Exception, match=r"needs vllm<0\.32,>=0\.31, and 0\.29\.1 is installed") as caught:
            require("vllm")
        assert "moloch doctor" in str(caught.value)

    @pytest.mark.parametrize(
        "found, mark, said",
        [
            ({}, "--", "not installed: solara, pandas. make setup"),
            (
                {"pandas": "3.1"},
                "--",
                "not installed: solara; moloch-abm[ui] needs pandas<3, and 3.1 is installed. make setup",
            ),
            ({"pandas": "3.1", "solara": "1.58.2"}, "no", "[ui] needs pandas<3, and 3.1 is installed. make setup"),
            ({"pandas": "2.3", "solara": "1.58.2"}, "ok", "the user interface"),
        ],
    )
    def test_extras(self, monkeypatch, tmp_path, found, mark, said):
        """One that is not there is absent, whatever others brought of it; broken is only one that is there."""
        lines = ["solara; extra == 'ui'", "pandas<3; extra == 'ui'"]
        monkeypatch.setattr("abm.llm.versions._requires", lambda package: lines if package == "moloch-abm" else [])
        monkeypatch.setattr("abm.llm.versions.installed", lambda name: found.get(name, ""))
        [extra] = [each for each in doctor(tmp_path) if each.what == "ui"]
        assert extra.mark == mark and said in extra.said

    def test_what_only_a_gpu_can_use(self, monkeypatch, tmp_path):
        """Is named, with what it is for, and may be absent."""
        for there in (True, False):
            monkeypatch.setattr("analysis.checks.doctor.installed", lambda name, there=there: "2.8" if there else "")
            found = {each.what: each for each in doctor(tmp_path)}
            assert [found[name].mark for name in ("flash-attn", "bitsandbytes")] == ["ok" if there else "--"] * 2
        assert "QLoRA" in found["bitsandbytes"].said

    def test_built_for_another_torch(self, monkeypatch):
        """So is an engine that was built for another torch than the one that is here."""
        needs = {"moloch-abm": ["vllm>=0.31; extra == 'vllm'"], "vllm": ["torch==2.12.0", "regex"]}
        monkeypatch.setattr("abm.llm.versions._requires", lambda package: needs.get(package, []))
        monkeypatch.setattr("abm.llm.versions._distribution", lambda package: package)
        monkeypatch.setattr(
            "abm.llm.versions.installed", lambda name: {"vllm": "0.31.0", "torch": "2.13.0"}.get(name, "")
        )
        with pytest.raises(Exception, match=r"vllm needs torch==2\.12\.0, and 2\.13\.0 is installed"):
            require("vllm")


class TestFitness:
    """``--arena`` looks whether a model is fit to write, to read and to judge."""

    @pytest.mark.system
    def test_a_model_that_always_says_the_same(self, moloch):  # noqa: F811
        """It writes nothing that parses, votes for a place, and judges nothing: no role is left, exit code 1."""
        with serving(lambda call: completion("<think>x</think><choice>A</choice>")) as server:
            done = moloch("llm", "check", "m", "--llm", server.url, "--arena", "sales", "--audience", "llm", "--json")
        found = json.loads(done.out)
        roles = {each["role"]: each for each in found["fitness"]}
        assert done.code == 1 and not found["usable"]
        assert {role: each["verdict"] for role, each in roles.items()} == dict.fromkeys(
            ("write", "read", "judge"), "unfit"
        )
        assert "no <sales_pitch> (8)" in roles["write"]["why"] and "first place of 2" in roles["read"]["why"]
        assert any("letter probabilities were not looked at" in note for note in found["notes"])

    def test_in_words(self, moloch):  # noqa: F811
        """Each role with its numbers and intervals, and what so few answers can tell; a writer need not read."""

        def answer(call: Call):
            asked = call.fields["messages"][-1]["content"]
            return completion("<sales_pitch>It is blue.</sales_pitch>" if "sales pitch" in asked else "Good morning.")

        with serving(answer) as server:
            done = moloch("llm", "check", "m", "--llm", server.url, "--arena", "sales")
        assert done.code == 0 and "fit to write: yes" in done.out and "fit to judge: no" in done.out
        assert "fit to read" not in done.out and "8 of 8 (100 % [68, 100])" in done.out
        assert "cannot prove it" in done.out

    def test_an_audience_without_an_arena(self, moloch):  # noqa: F811
        """Is one line."""
        done = moloch("llm", "check", "pocket", "--audience", "llm")
        assert done.code == 2 and "--audience llm needs an arena" in done.err

"""A run whose readers answer by letter probabilities: logged, drawn, resumed, decided again; refused where there are none."""

from __future__ import annotations

import contextlib
import math

import pytest

from abm.events import LLMReplied, Reacted, ReaderJoined
from abm.llm import Request, Sampling, ScriptedLLM
from abm.llm.http import HTTPLLM
from abm.llm.http._completion import likeliest as told_by
from abm.llm.http.endpoint import Endpoint
from abm.log import read_events
from analysis.probes import battery
from learning import run
from learning.runs.costs import planned
from learning.runs.redecide import replay_recorded
from learning.settings.config import RunConfig
from learning.settings.parts import ReaderConfig
from learning.settings.sources import load_config
from moloch.errors import InputError
from tests.learning.test_loop import Killed, carry_out
from tests.support.fakes import FakeTrainer, answer
from tests.support.server import Call, completion, ok, serving

CONFIG = RunConfig(
    train_anchors=5, held_out_anchors=4, train_personas=4, held_out_personas=3, batch=4, epochs=1, arms=("rft",), audience="llm",
    reader=ReaderConfig(answer="letters"),
)  # fmt: skip


def scores(request):
    """Return scores that depend on the call alone."""
    share = (request.seed % 97 + 1) / 99
    return [math.log(share / 2), math.log((1 - share) / 2)]


def says(request):
    return "A" if request.scored else answer(request)


@pytest.fixture(params=["batch", "call"])
def llm(request):
    return lambda: ScriptedLLM(says, "pocket", unit=request.param, scores=scores)


class TestRun:
    """Both orders are in the log; the vote follows from them."""

    def test_logged(self, llm, tmp_path):
        """Two scored answers a vote, with the letters that were scored; no thought."""
        carry_out(tmp_path, CONFIG, llm=llm())
        events = list(read_events(tmp_path))
        scored = {event.site: event for event in events if isinstance(event, LLMReplied) and event.logprobs}
        votes = [event for event in events if isinstance(event, Reacted)]
        assert votes and len(scored) == 2 * len(votes)
        for vote in votes:
            one, other = (scored[f"react/{vote.contest}/{vote.persona}{end}"] for end in ("", "/reversed"))
            assert one.guide == '{"scored":["A","B"]}' and len(one.logprobs) == 2
            assert one.refs[1:] == other.refs[:0:-1] and vote.thought == ""
        assert any(isinstance(event, ReaderJoined) for event in events)

    def test_killed_and_resumed(self, llm, tmp_path):
        """At any commit: the same digest, nothing asked twice, and the whole is decided again from its answers."""
        whole = carry_out(tmp_path / "whole", CONFIG, llm=llm()).digest.hexdigest()
        calls = 0
        for commits in (6, 9, 14, 60, None):
            model = llm()
            with contextlib.suppress(Killed):
                digest = carry_out(tmp_path / "killed", CONFIG, llm=model, commits=commits).digest.hexdigest()
            calls += model.calls
        assert digest == whole
        logged = [event for event in read_events(tmp_path / "killed") if isinstance(event, LLMReplied)]
        assert len({event.site for event in logged}) == len(logged)
        if model.unit == "call":
            assert calls == len(logged)
        found = replay_recorded(tmp_path / "killed", probes=battery)
        assert found.complete and found.divergence is None

    def test_planned(self):
        """The plan counts both calls, of one token each."""
        tags = CONFIG.model_copy(update={"reader": ReaderConfig()})
        by_letters, by_tags = (planned(config)[1] for config in (CONFIG, tags))
        assert by_letters.calls == 2 * by_tags.calls and by_letters.most_out == by_letters.calls


class TestRefused:
    """What cannot be is said before work begins."""

    def test_a_server_without_log_probabilities(self, tmp_path):
        """One line, and no run is begun."""
        with serving(lambda call: completion("A"), models=[{"id": "m", "owned_by": "test"}]) as server:
            reader = {"answer": "letters", "model": f"{server.url}#m"}
            config = load_config(None, {"audience": "llm", "reader": reader, "arms": ["rft"]})
            with pytest.raises(InputError, match=r"no letter probabilities from 'm'.*reader\.answer=tags") as error:
                run(config, tmp_path / "run", llm=ScriptedLLM(answer, "pocket"), trainer=FakeTrainer())
        assert "\n" not in str(error.value) and not (tmp_path / "run").exists()
        assert len([call for call in server.calls if call.path.endswith("completions")]) == 1

    def test_a_model_that_thinks_first(self, tmp_path):
        """Its first token is no letter."""
        with pytest.raises(InputError, match="begin with '<think>'"):
            run(CONFIG, tmp_path / "run", llm=ScriptedLLM(lambda request: "<think>", "pocket"), trainer=FakeTrainer())
        assert not (tmp_path / "run").exists()

    @pytest.mark.parametrize(("reader", "arms", "why"), [
        ({"answer": "letters", "temperature": 0.7}, ["rft"], "leave temperature out"),
        ({"answer": "letters"}, ["tfb"], "learns from thoughts, and there are none"),
    ])  # fmt: skip
    def test_settings_without_meaning(self, reader, arms, why):
        """A temperature that nothing uses, an arm that would learn from thoughts."""
        from learning.runs.inputs import gather

        with pytest.raises(InputError, match=why):
            gather(load_config(None, {"audience": "llm", "reader": reader, "arms": arms}))


def likeliest(call: Call):
    """Answer as a server that tells likeliest tokens, but at most five."""
    if call.fields["top_logprobs"] > 5:
        return ok({"error": {"message": "top_logprobs must be at most 5"}}, "400 Bad Request")
    top = [{"token": token, "logprob": math.log(p)} for token, p in ((" A", 0.3), ("A", 0.2), ("The", 0.2), ("B", 0.1))]
    content = [{"token": "A", "logprob": -1.0, "top_logprobs": top}]
    return ok({"choices": [{"message": {"content": "A"}, "finish_reason": "length", "logprobs": {"content": content}}]})


def test_a_server_that_gives_five(monkeypatch):
    """It is asked for fewer; spellings of a letter are added up, and the call holds it to nothing."""
    monkeypatch.setattr("abm.llm.http._retries.FIRST_DELAY", 0.002)
    with serving(likeliest, models=[{"id": "m", "owned_by": "test"}]) as server:
        request = Request(
            "s", [{"role": "user", "content": "x"}], Sampling(1.0, 1.0, 1), 1, choices=("A", "B", "C"), scored=True
        )
        [reply] = HTTPLLM("m", Endpoint(url=server.url)).complete([request])
    assert [math.exp(score) for score in reply.logprobs] == pytest.approx([0.5, 0.1, 0.1])
    assert reply.finish == "stop" and "response_format" not in server.calls[-1].fields


@pytest.mark.parametrize(("logprobs", "told"), [
    (None, None), ({}, None), ({"content": None}, None), ({"content": []}, []), ({"content": [{"top_logprobs": []}]}, []),
    ({"content": [{"top_logprobs": [{"token": "A", "logprob": "x"}]}]}, None), ({"content": [{"top_logprobs": [{"token": "A", "logprob": 3}]}]}, None),
    ({"content": [{"top_logprobs": [{"token": "A", "logprob": 1e-9}, {"token": "B", "logprob": -2}]}]}, [("A", 0.0), ("B", -2.0)]),
])  # fmt: skip
def test_what_servers_tell(logprobs, told):
    """Whatever stands there: tokens with their log-probabilities, none of an answer that ended at once, or of which nothing is known."""
    assert told_by({"choices": [{"message": {"content": ""}, "logprobs": logprobs}]}) == told

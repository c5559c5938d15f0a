"""The scripted and the recorded backend: answers that cost nothing."""

from __future__ import annotations

import msgspec
import pytest

from abm.events import LLMReplied, StepEnded
from abm.llm import RecordedLLM, ScriptedLLM
from abm.llm.conformance import REQUESTS, BackendConformance, ask, replies
from moloch.errors import NondeterminismError


def scripted() -> ScriptedLLM:
    """Return a model whose answer depends on its request."""
    return ScriptedLLM(lambda request: f"About {request.messages[-1]['content']} {request.seed}")


def recording(llm) -> list:
    """Return the events of a log in which ``llm`` answered the requests."""
    answers = replies(llm, REQUESTS)
    events = []
    for request in REQUESTS:
        reply = answers[request.site]
        events.append(
            LLMReplied(
                key=request.key(llm.digest), site=request.site, model=llm.name, adapter="", template="", refs=[],
                prompt="", text=reply.text, finish=reply.finish, tokens_in=reply.tokens_in,
                tokens_out=reply.tokens_out, temperature=1.0, top_p=1.0, max_tokens=24, seed=request.seed,
            )
        )  # fmt: skip
    return [*events, StepEnded(state_hash="")]


class TestScripted(BackendConformance):
    """A function answers."""

    @pytest.fixture
    def llm(self):
        return scripted()

    def test_calls_are_counted(self):
        """It counts what it was asked, so that a test can see what was not."""
        llm = scripted()
        list(llm.complete(REQUESTS))
        assert llm.calls == len(REQUESTS)

    def test_other_name_other_model(self):
        """Two scripted models of different names have different digests, and so different call keys."""
        one, two = ScriptedLLM(lambda request: "", "one"), ScriptedLLM(lambda request: "", "two")
        assert REQUESTS[0].key(one.digest) != REQUESTS[0].key(two.digest)


class TestRecorded(BackendConformance):
    """A log answers."""

    @pytest.fixture
    def llm(self):
        live = scripted()
        return RecordedLLM(recording(live), name=live.name, digest=live.digest)

    def test_answers_as_recorded(self, llm):
        """What was answered then is answered now."""
        assert replies(llm, REQUESTS) == replies(scripted(), REQUESTS)

    @pytest.mark.parametrize(
        "change",
        [
            {"site": "write/99"},
            {"seed": 99},
            {"adapter": "other"},
            {"messages": [{"role": "user", "content": "Other."}]},
            {"sampling": msgspec.structs.replace(ask(0).sampling, temperature=0.5)},
        ],
        ids=lambda change: next(iter(change)),
    )
    def test_another_call_is_refused(self, llm, change):
        """A call that differs in anything is an error that names its site and key, never a guess."""
        request = msgspec.structs.replace(REQUESTS[0], **change)
        with pytest.raises(NondeterminismError) as caught:
            list(llm.complete([request]))
        assert request.site in str(caught.value)
        assert request.key(llm.digest) in str(caught.value)

    def test_another_model_is_refused(self):
        """The answers of one model are not those of another."""
        live = scripted()
        other = RecordedLLM(recording(live), name="other", digest="0" * 64)
        with pytest.raises(NondeterminismError):
            list(other.complete(REQUESTS[:1]))

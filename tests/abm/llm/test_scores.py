"""Scores of choices: out of a model's own logits, and out of the likeliest tokens that servers tell."""

from __future__ import annotations

import math

import msgspec
import pytest

from abm.llm import Sampling
from abm.llm.conformance import ask, replies
from abm.llm.scores import LEAST, choice_scores
from moloch.errors import InputError

torch = pytest.importorskip("torch", reason="needs the learn extra")


def scored(i: int, *choices: str):
    return msgspec.structs.replace(ask(i), sampling=Sampling(1.0, 1.0, 1), choices=choices, scored=True)


class TestLikeliest:
    """What servers tell."""

    @pytest.mark.parametrize(("likeliest", "scores"), [
        ([("A", -1.0), ("B", -2.0)], (-1.0, -2.0)),
        ([("A", -1.0), ("The", -4.0)], (-1.0, -4.0)),
        ([("\u0120A", -1.0), ("\u2581A", -1.0), ("B", -3.0)], (math.log(2) - 1, -3.0)),
        ([("The", -1.0), ("a", -2.0)], ()),
        ([], ()),
        ([("A", 0.0), ("B", -math.inf)], (0.0, LEAST)),
    ])  # fmt: skip
    def test_scores(self, likeliest, scores):
        """Spellings with a space count together; what is not told counts as the least of what is; nothing of none."""
        assert choice_scores(("A", "B"), likeliest) == pytest.approx(scores)


@pytest.fixture(scope="module")
def llm(tiny_model):
    """The tiny model."""
    from abm.llm.local.backend import TransformersLLM

    return TransformersLLM(tiny_model, device="cpu", batch=4)


class TestHere:
    """The backend of this process."""

    def test_its_own_logits(self, llm):
        """The log-softmax after the prompt, whatever shares the batch; the likeliest choice stands as text."""
        asked = [scored(i, "A", "B") for i in range(6)]
        found = replies(llm, [*asked, ask(9)])  # beside one that is completed
        for request in asked:
            with torch.inference_mode():
                logits = llm.model(torch.tensor([llm.prompt_ids(request)]), use_cache=False).logits[0, -1]
            firsts = [llm.tokenizer(letter, add_special_tokens=False)["input_ids"][0] for letter in "AB"]
            spaced = [llm.tokenizer(f" {letter}", add_special_tokens=False)["input_ids"] for letter in "AB"]
            logs = logits.log_softmax(-1)
            alike = [{first, *(ids if len(ids) == 1 else ())} for first, ids in zip(firsts, spaced, strict=True)]
            wanted = [float(logs[sorted(each)].logsumexp(0)) for each in alike]
            reply = found[request.site]
            assert reply.logprobs == pytest.approx(wanted, abs=1e-4)
            assert reply.text == "AB"[wanted[1] > wanted[0]] and reply.finish == "stop" and reply.tokens_out == 1
        assert not found[ask(9).site].logprobs

    def test_choices_that_begin_alike(self, llm):
        """Cannot be distinguished by their first token."""
        with pytest.raises(InputError, match="begin with the same token"):
            replies(llm, [scored(0, "Apple", "Apple pie")])

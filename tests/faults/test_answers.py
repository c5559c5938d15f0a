"""What a model answered is durable before it is read: whatever it is, the run goes on, and goes on alike everywhere."""

from __future__ import annotations

import pytest

from abm.arenas.completions import parse_reaction
from abm.events import LLMReplied, ReactionInvalid
from abm.llm import Request, ScriptedLLM
from abm.log import read_events
from tests.learning.test_loop import Killed, carry_out
from tests.learning.test_odd_answers import CONFIG
from tests.support.fakes import reply


def some_say(odd: str) -> ScriptedLLM:
    """Return a model that answers one odd thing, asked again too, where it plays every fourth persona."""

    def said(request: Request) -> str:
        kind, *_, persona = request.site.removesuffix("/again").split("/")
        return odd if kind == "react" and int(persona) % 4 == 0 else reply(request)

    return ScriptedLLM(said, unit="call")


class TestOddAnswers:
    """One odd answer, given to a run that dies and is resumed."""

    def survived(self, folder, odd: str) -> list:
        """Return the events of a run that died after the answer was durable, and was resumed."""
        with pytest.raises(Killed):
            carry_out(folder, CONFIG, llm=some_say(odd), commits=16)
        assert any(isinstance(event, LLMReplied) and event.text[:8] == odd[:8] for event in read_events(folder))
        carry_out(folder, CONFIG, llm=some_say(odd))
        return list(read_events(folder))

    def test_half_a_character(self, tmp_path):
        """It is logged as U+FFFD; no log could hold it as it is."""
        events = self.survived(tmp_path / "run", "<choice>A</choice> \ud800")
        assert any("\ufffd" in event.text for event in events if isinstance(event, LLMReplied))

    def test_more_digits_than_numbers_have(self, tmp_path):
        """It names no option."""
        events = self.survived(tmp_path / "run", "<choice>" + "9" * 5_000)
        assert any(isinstance(event, ReactionInvalid) for event in events)

    def test_brackets_without_end(self, tmp_path):
        """They are no answer, however deep in the program somebody reads them."""
        events = self.survived(tmp_path / "run", '{"choice": ' + "[" * 3_000 + '"A"' + "]" * 3_000 + "}")
        assert any(isinstance(event, ReactionInvalid) for event in events)

    def test_no_guess_from_the_depth(self):
        """What is nested too deeply to be an answer is none, whatever letter stands in it."""
        assert parse_reaction('{"choice": ' + "[" * 65 + '"A"' + "]" * 65 + "}", 2) is None

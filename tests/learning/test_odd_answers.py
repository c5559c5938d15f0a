"""A run whose models answer anything: it ends, resumes and is decided again, and what counts for nothing is counted."""

from __future__ import annotations

from random import Random

import pytest

from abm.events import LLMReplied, MessageRejected, Reacted, ReactionInvalid, VerdictGiven
from abm.journal import replay
from abm.llm import Request, ScriptedLLM
from abm.log import read_events
from analysis.probes import battery
from analysis.terminal.contest import show_contest
from learning.runs.redecide import replay_recorded
from learning.settings.config import RunConfig
from learning.settings.parts import ReaderConfig
from tests.learning.test_loop import Killed, carry_out
from tests.support.fakes import reply
from tests.support.odd_texts import drawn_text

CONFIG = RunConfig(
    train_anchors=5, held_out_anchors=4, train_personas=4, held_out_personas=3, batch=4, epochs=1, arms=("rft",), audience="llm",
    reader=ReaderConfig(model="pocket"),
)  # fmt: skip
ODD = ("<choice>" + "9" * 5_000, '{"choice": ' + "[" * 3_000, "A " * 8_192, "\ud800", "<choice>A</choice>\ud83d")


def oddly(request: Request) -> str:
    """Return what a model of the house says, or anything at all, inside of what is asked for or instead of it."""
    random = Random(f"{request.seed}/{request.site}")
    odd = random.choice(ODD) if random.random() < 0.3 else drawn_text(random)
    answer = reply(request)
    return random.choice(
        (answer, odd, answer.replace("</think>", f"{odd}</think>"), answer.replace("</", f" {odd}</", 2))
    )


@pytest.fixture(params=["batch", "call"])
def llm(request):
    """Return what makes such a model, in this process or paid by the call."""
    return lambda: ScriptedLLM(oddly, unit=request.param)


@pytest.fixture
def whole(llm, tmp_path):
    """A finished run."""
    carry_out(tmp_path / "whole", CONFIG, llm=llm())
    return tmp_path / "whole"


class TestOddAnswers:
    """An answer is durable before it is read: none may stop a run for good."""

    def test_what_counts_for_nothing_is_counted(self, whole):
        """Messages are rejected and reactions invalid, not guessed; what is sound still counts."""
        events = list(read_events(whole))
        kinds = [type(event) for event in events]
        assert {MessageRejected, Reacted, ReactionInvalid, VerdictGiven} <= set(kinds)
        for event in events:
            if isinstance(event, LLMReplied):
                event.text.encode()  # halves of characters were replaced before anybody read them
        assert any("\ufffd" in event.text for event in events if isinstance(event, LLMReplied))

    def test_it_is_decided_again(self, whole):
        """From the recorded answers, to the end."""
        assert replay(whole, verify=True).verified
        again = replay_recorded(whole, probes=battery)
        assert again.complete and again.divergence is None

    def test_it_is_shown(self, whole):
        """Every contest, in a terminal that receives nothing but text."""
        from analysis.cli.console import printer

        events = list(read_events(whole))
        contests = {event.contest for event in events if isinstance(event, Reacted)}
        console = printer()
        with console.capture() as printed:
            for contest in contests:
                console.print(show_contest(events, contest))
        assert not set("\x00\x07\x85\u2028\u202e") & set(printed.get())
        assert "\x1b]" not in printed.get()

    @pytest.mark.parametrize("commits", [3, 7, 12])
    def test_it_resumes(self, whole, llm, tmp_path, commits):
        """Wherever it died, with the same digest."""
        with pytest.raises(Killed):
            carry_out(tmp_path / "died", CONFIG, llm=llm(), commits=commits)
        carry_out(tmp_path / "died", CONFIG, llm=llm())
        assert replay(tmp_path / "died", verify=True).digest == replay(whole).digest

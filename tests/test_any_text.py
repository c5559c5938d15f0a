"""Any text that a model sends is data: every reader of it returns, in time linear in its length, and never by luck.

An answer is durable before it is read. If reading it raised, the same command would raise for ever.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from random import Random

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings

from abm.arenas import BUILT_IN, arena, without_control
from abm.arenas.anchors import clean, load_anchors
from abm.arenas.completions import Completion, Rejection, parse_choice, parse_completion, parse_reaction, parse_thought
from abm.audience import feature_matrix
from abm.surveys import LikertItem, OpenItem, read_response
from analysis.formats import short
from analysis.judges._answers import Ruling, quoted, read_answer
from analysis.judges._battery import Question
from analysis.passages import passage
from analysis.probes import battery
from learning.pocket.parse import parse_message
from moloch.texts import composed, for_terminal, whole
from tests.support.odd_texts import LONG_RUNS, PIECES, drawn_text, odd_texts, repeated

FUZZED = 40_000
SCALE = LikertItem(id="scale", kind="likert", text="?", scale=("A lot", "1", "none"))
WORDS = OpenItem(id="words", kind="open", text="?")
QUESTION = Question(name="lies", question="Does it lie?")
ARENAS = {name: (arena(name), load_anchors(None, arena(name)).held_out[0]) for name in BUILT_IN}


def completion(text: str) -> None:
    for wrapped in (text, f"<sales_pitch>{text}</sales_pitch>"):
        found = parse_completion(wrapped, "sales_pitch")
        assert found.text.strip() if isinstance(found, Completion) else isinstance(found, Rejection) and found.reason


def choice(text: str) -> None:
    for wrapped in (text, f"<choice>{text}"):
        assert parse_choice(wrapped, 3) in (None, 0, 1, 2)


def reaction(text: str) -> None:
    for wrapped in (text, f'{{"thought": "x", "choice": {text}}}'):
        found = parse_reaction(wrapped, 3)
        assert found is None or (found.position in (0, 1, 2) and isinstance(found.thought, str))
        assert isinstance(parse_thought(wrapped), str)


def ruling(text: str) -> None:
    quote = msgspec.json.encode(whole(text)).decode()
    for wrapped in (text, f'{{"verdict": true, "quote": {quote}}}', f'{{"verdict": true, "quote": "{text}"}}'):
        found = read_answer(wrapped, "stop", QUESTION, text)
        assert isinstance(found, Ruling) and found.label in (1, 0, -1)
        msgspec.json.encode(found)  # what it says can be written down
    assert isinstance(quoted(text, text[::-1]), bool)


def response(text: str) -> None:
    for item, shown in ((SCALE, [2, 0, 1]), (WORDS, [])):
        found = read_response(text, "stop", item, shown)
        assert (found.value in (0, 1, 2)) == (found.valid and item is SCALE)
        assert found.valid or found.why


def features(text: str) -> None:
    values = feature_matrix([text])
    assert ((values >= 0) & (values <= 1)).all()


def sentences(text: str) -> None:
    for name in BUILT_IN:
        parsed = parse_message(text, name)
        assert "".join("".join(each.text.split()) for each in parsed) == "".join(text.split())


def prompts(text: str) -> None:
    assert without_control(text).replace("\u200b", "") == text.replace("\u200b", "")
    assert clean(clean(text)) == clean(text)


def shown(text: str) -> None:
    parts = passage(text, [text[:3], text[-5:], text[:50]], whole=True)
    assert "".join(piece for piece, _ in parts.pieces) == text
    assert len(short(text, 80)) <= 80
    assert "\x1b" not in for_terminal(text)


def characters(text: str) -> None:
    assert whole(whole(text)) == whole(text)
    whole(text).encode()
    assert composed(text).isascii() or not text.isascii()


READERS: dict[str, Callable[[str], None]] = {
    each.__name__: each
    for each in (completion, choice, reaction, ruling, response, features, sentences, prompts, shown, characters)
}


def probed(text: str) -> None:
    """Probes judge messages that were published: whole texts."""
    for rules, anchor in ARENAS.values():
        for probe in battery(rules):
            verdict = probe.judge(whole(text), anchor, rules, thinking=whole(text))
            assert verdict.label in (1, 0, -1)


@pytest.mark.parametrize("reader", [*READERS.values(), probed], ids=[*READERS, "probed"])
class TestAnyText:
    """What is read is what may have been meant, or nothing."""

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(text=odd_texts)
    def test_is_read(self, reader, text):
        """Markup, JSON, numbers, signs of every kind, halves of characters, in any order."""
        reader(text)

    @pytest.mark.slow
    def test_is_read_however_often(self, reader):
        """The same, many times over."""
        random = Random(reader.__name__)
        for _ in range(FUZZED):
            reader(drawn_text(random))


SMALL, LARGE = 2_000, 8_000
"""Characters; where time is quadratic the larger text takes sixteen times as long, where it is linear four times."""
ENOUGH_S = 0.1
"""Below it a difference is noise."""


def seconds(reader: Callable[[str], None], text: str) -> float:
    """Return the processor time of reading."""
    begun = time.process_time()
    reader(text)
    return time.process_time() - begun


def is_slow(reader: Callable[[str], None], small: str, large: str) -> bool:
    """Return whether time grows much faster than the text, each time of three."""
    for _ in range(3):
        if (long := seconds(reader, large)) < ENOUGH_S or long < 9 * seconds(reader, small) + ENOUGH_S:
            return False
    return True


def slow_families(
    reader: Callable[[str], None], pieces: Sequence[str], small: int = SMALL, large: int = LARGE
) -> list[str]:
    """Return which long runs take a reader more than time in proportion to their length."""
    texts = zip(repeated(small, pieces), repeated(large, pieces), strict=True)
    return [name for (name, short), (_, long) in texts if is_slow(reader, short, long)]


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
class TestTime:
    """Reading takes time in proportion to the text."""

    @pytest.mark.system
    def test_grows_with_the_length(self, reader):
        """Of long runs of what is repeated most easily."""
        assert slow_families(reader, LONG_RUNS) == []

    @pytest.mark.slow
    def test_grows_with_the_length_of_anything(self, reader):
        """Of long runs of every piece."""
        assert slow_families(reader, PIECES) == []


@pytest.mark.slow
def test_the_time_of_probes_grows_with_the_length():
    """Of shorter runs: they read a message many times."""
    assert slow_families(probed, LONG_RUNS, SMALL // 4, LARGE // 4) == []

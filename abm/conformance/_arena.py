"""Promises of an arena; an arena's tests give it as the fixture ``arena``, however it is defined."""

from __future__ import annotations

import re

from abm.arenas import Arena
from abm.arenas.completions import Completion
from abm.arenas.messages import read_answer
from abm.probe import PROBES

ANCHOR = "Title: a blue lamp, 755 grams"
PERSONA = "I am 41 years old and I repair boats."
OPTIONS = ["The first message.", "The second message."]


def text_of(prompt: list[dict[str, str]]) -> str:
    """Return a chat prompt as one text."""
    return "\n".join(message["content"] for message in prompt)


class ArenaConformance:
    """Templates that hold what they must, and a tag that can be written and read."""

    def test_prompts_leave_no_placeholder(self, arena: Arena) -> None:
        """Everything in braces is filled."""
        for prompt in (
            arena.write_prompt(ANCHOR),
            arena.react_prompt(PERSONA, OPTIONS),
            arena.feedback_prompt(ANCHOR, PERSONA, OPTIONS),
        ):
            assert not re.search(r"\{\w+\}", text_of(prompt))

    def test_writers_see_the_anchor_and_the_tag(self, arena: Arena) -> None:
        """The output of a writer that does not know the tag cannot be read; in plain format there is none to know."""
        prompt = text_of(arena.write_prompt(ANCHOR))
        assert ANCHOR in prompt
        tagged = f"<{arena.tag}>" in prompt and f"</{arena.tag}>" in prompt
        assert tagged == (arena.format == "tags")

    def test_readers_see_who_they_are_and_every_option(self, arena: Arena) -> None:
        """In the order in which they are shown."""
        for prompt in (
            text_of(arena.react_prompt(PERSONA, OPTIONS)),
            text_of(arena.feedback_prompt(ANCHOR, PERSONA, OPTIONS)),
        ):
            assert PERSONA in prompt
            assert 0 <= prompt.index(OPTIONS[0]) < prompt.index(OPTIONS[1])

    def test_readers_are_told_how_to_answer(self, arena: Arena) -> None:
        """With the letter of an option in the tag that is looked for."""
        assert "<choice>" in text_of(arena.react_prompt(PERSONA, OPTIONS))

    def test_what_is_written_can_be_read(self, arena: Arena) -> None:
        """A completion in the arena's form comes back as its thinking and its message."""
        parsed = read_answer(arena.trajectory("Say it.", "It is blue."), arena).message
        assert isinstance(parsed, Completion)
        assert (parsed.thinking, parsed.text) == ("Say it.", "It is blue.")

    def test_plain_text_can_be_asked_for(self, arena: Arena) -> None:
        """Of models that know no tags: none is asked for, and what they write comes back as it is."""
        plain = arena.asked("plain")
        prompt = plain.write_prompt(ANCHOR)
        assert ANCHOR in prompt[-1]["content"] and f"<{arena.tag}>" not in text_of(prompt)
        assert not re.search(r"\{\w+\}", text_of([*prompt, *plain.feedback_prompt(ANCHOR, PERSONA, OPTIONS)]))
        parsed = read_answer("It is blue.", plain).message
        assert isinstance(parsed, Completion) and parsed.text == "It is blue."

    def test_its_probes_are_known(self, arena: Arena) -> None:
        """Every name is that of a registered probe."""
        assert [name for name in arena.probes if name not in PROBES] == []

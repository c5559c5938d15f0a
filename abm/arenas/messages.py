"""What a writer's answer comes to, by the rules of its arena: where it ends, what of it counts, the message that it holds.

Any text is read, in time linear in its length. Knows nothing of models or votes.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from abm.arenas import Arena
from abm.arenas.completions import Completion, Rejection, opening, parse_completion, parse_plain

NO_SENTENCE = "no whole sentence before the bound"


class Read(NamedTuple):
    """A writer's answer, read.

    Attributes:
        said: what of the answer counts, as it was sampled: up to a text that ends it, or up to the cut.
        ended: whether it ended by itself, not at its bound.
        message: what it holds, or why it holds none.
        cut: characters behind the message's last whole sentence that were left out; 0 if nothing was.
    """

    said: str
    ended: bool
    message: Completion | Rejection
    cut: int = 0


def read_answer(answer: str, arena: Arena, *, ended: bool = True) -> Read:
    """Return what ``answer`` comes to.

    Args:
        ended: whether the model ended it, rather than the bound on its tokens.
    """
    said = before(answer, arena.stop)
    ended = ended or said != answer
    message = _parsed(said, arena)
    if ended or arena.cut == "none":
        return Read(said, ended, message)
    start = opening(said, None if arena.format == "plain" else arena.tag)
    if start < 0 or (arena.format == "tags" and isinstance(message, Completion)):
        return Read(said, ended, message)
    end = start + last_sentence(said[start:])
    if end == start:
        return Read(said, ended, Rejection(NO_SENTENCE))
    closing = "" if arena.format == "plain" else f"</{arena.tag}>"
    return Read(said[:end], ended, _parsed(said[:end] + closing, arena), len(said[end:].rstrip()))


def _parsed(said: str, arena: Arena) -> Completion | Rejection:
    return parse_plain(said) if arena.format == "plain" else parse_completion(said, arena.tag)


def before(text: str, stops: tuple[str, ...]) -> str:
    """Return ``text`` up to the first of ``stops`` in it."""
    places = [place for stop in stops if (place := text.find(stop)) >= 0]
    return text[: min(places)] if places else text


_END = re.compile(r"[。！？]+|[.!?…]+[\"'”’»)\]*_]*(?=\s|$)")
_NO_END = re.compile(r"(?:^|[\s(])(?:[A-Za-z]|Mr|Mrs|Ms|Dr|Prof|St|No|vs|etc|e\.g|i\.e|approx)$|(?:^|\n)\s*\d+$")
"""What a full stop may stand behind without an end of a sentence: initials, abbreviations, numbers of a list."""
_NEAR = 16


def last_sentence(text: str) -> int:
    """Return where the last whole sentence of ``text`` ends; 0 if none does.

    >>> last_sentence("It is blue. It weighs 3.5 kg and")
    11
    """
    end = 0
    for match in _END.finditer(text):
        start = match.start()
        unsure = match.end() == len(text) and text[start - 1 : start].isdigit()  # of a number that goes on, perhaps
        if match[0] == "." and (unsure or _NO_END.search(text, max(0, start - _NEAR), start)):
            continue
        end = match.end()
    return end

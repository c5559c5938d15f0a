"""Reading what models answer: strict about what counts, tolerant about how it is spelt.

A writer's completion holds one message in its arena's tag, after an optional thinking block; text outside both is
ignored. What does not parse is a rejection with its reason, never a message.
"""

from __future__ import annotations

import re

import msgspec


class Completion(msgspec.Struct, frozen=True):
    """A writer's thinking (empty if it gave none) and its message."""

    thinking: str
    text: str


class Rejection(msgspec.Struct, frozen=True):
    """Why a completion holds no message."""

    reason: str


_NOTHING = {"", "none", "null", "n/a", "..."}


def parse_completion(completion: str, tag: str) -> Completion | Rejection:
    """Return the message that ``completion`` holds in ``tag``, or why it holds none.

    Tags are matched without regard to case. A missing thinking block is tolerated, an unclosed one is not; a message
    that is unclosed, empty, repeated with another text, or that contains tags of its own is rejected.
    """
    thinking, rest, reason = _thinking(completion)
    if reason:
        return Rejection(reason)
    opened = len(re.findall(rf"<{tag}>", rest, re.IGNORECASE))
    found = re.findall(rf"<{tag}>(.*?)</{tag}>", rest, re.IGNORECASE | re.DOTALL)
    if not opened:
        return Rejection(f"no <{tag}>")
    if len(found) < opened:
        return Rejection(f"<{tag}> is not closed")
    texts = {text.strip() for text in found}
    if len(texts) > 1:
        return Rejection(f"more than one <{tag}>")
    text = texts.pop()
    if text.lower() in _NOTHING:
        return Rejection(f"<{tag}> is empty")
    if re.search(r"</?[a-z_]+>", text, re.IGNORECASE):
        return Rejection(f"tags inside <{tag}>")
    return Completion(thinking, text)


def _thinking(completion: str) -> tuple[str, str, str]:
    """Return the thinking, what follows it, and a reason if the block is malformed."""
    opened = re.search(r"<think>", completion, re.IGNORECASE)
    closed = re.search(r"</think>", completion, re.IGNORECASE)
    if closed is None:
        return "", completion, "<think> is not closed" if opened else ""
    start = opened.end() if opened and opened.start() < closed.start() else 0  # some templates open it in the prompt
    return completion[start : closed.start()].strip(), completion[closed.end() :], ""


def parse_choice(answer: str, options: int) -> int | None:
    """Return the 0-based position of the one option that ``answer`` names, or None.

    The text in ``<choice>`` decides where there is one, else the whole answer after its thinking. A letter (``A``,
    ``(b)``, ``Option C``) or a number counted from 1 names an option; an answer that names two, or none, is no vote.
    """
    _, rest, _ = _thinking(answer)
    tagged = re.findall(r"<choice>(.*?)(?:</choice>|$)", rest, re.IGNORECASE | re.DOTALL)
    text = (tagged[-1] if tagged else rest).strip()
    letters = "".join(chr(65 + i) for i in range(options))
    if bare := re.fullmatch(rf"\W*([{letters}{letters.lower()}]|[1-{options}])\W*", text):
        return _position(bare[1])
    named = re.findall(rf"\b(?:option|choice|answer|candidate|post|pitch|product)\s*(?:is\s*)?:?\s*\W?([{letters}]|[1-{options}])\b", text, re.IGNORECASE)
    named = named or re.findall(rf"\b([{letters[1:]}])\b|(?:^|[(\"'*])([A])(?=[)\"'*.:]|$)", text)
    positions = {_position(n if isinstance(n, str) else n[0] or n[1]) for n in named}
    return positions.pop() if len(positions) == 1 else None


def _position(name: str) -> int:
    return int(name) - 1 if name.isdigit() else ord(name.upper()) - 65

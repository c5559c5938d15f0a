"""What a judge answered: one JSON object, whose evidence stands in the message; never a guess.

Strict about what counts, tolerant about what surrounds it. Knows strings and questions; knows nothing of models or logs.
"""

from __future__ import annotations

import json
import re
from typing import Any, Literal

import msgspec

from abm.llm.port import Finish
from analysis.judges._battery import Question
from analysis.probes.text import plain
from moloch.texts import composed, is_deep, whole

Status = Literal["given", "invalid", "refused", "error"]
"""``invalid``: it answered, but nothing that counts; ``error``: the server never gave an answer."""


class Ruling(msgspec.Struct, frozen=True):
    """The outcome of asking a judge one question about one message.

    Attributes:
        verdict: one of the question's verdicts; empty unless it was given.
        label: 1 misbehaviour, 0 none, -1 no verdict.
        quote: the judge's evidence, as it gave it.
        why: why there is no verdict.
    """

    status: Status
    verdict: str = ""
    label: int = -1
    quote: str = ""
    reason: str = ""
    why: str = ""


def read_answer(answer: str, finish: Finish, question: Question, message: str) -> Ruling:
    """Return the ruling of one answer.

    Any text is read, in time linear in its length. The first ``{`` after a thinking block must begin a JSON object with a ``verdict``, each key once, and no second verdict
    may follow it. A verdict other than the question's first must quote the message, and any quote must stand in it.
    """
    answer = whole(answer)
    if finish == "refused":
        return Ruling("refused", why="the server would not complete it")
    if finish == "error":
        return Ruling("error", why="the server gave no answer")
    answered, why = _object(answer)
    if answered is None:
        if finish == "length":
            why = "cut at its bound"
        return Ruling("refused" if _REFUSAL.match(_spoken(answer)) else "invalid", why=why)
    verdict = _verdict(answered.get("verdict"), question)
    if verdict is None:
        return Ruling("invalid", why=f"no such verdict: {str(answered.get('verdict'))[:40]!r}")
    quote, reason = answered.get("quote") or "", answered.get("reason") or ""
    if not isinstance(quote, str):
        return Ruling("invalid", why="the quote is no text")
    quote, reason = whole(quote), whole(str(reason))  # escapes of JSON can spell half a character, too
    needed = verdict != question.verdicts[0]
    if needed and not _normal(quote):
        return Ruling("invalid", why="no quote")
    if _normal(quote) and not quoted(quote, message):
        return Ruling("invalid", quote=quote, why="the quote is not in the message")
    return Ruling("given", verdict, question.label(verdict), quote, reason)


def quoted(quote: str, message: str) -> bool:
    """Return whether a quote stands in a message, without regard to case, white space and the kind of quotation marks.

    Parts of a quote with an ellipsis must stand in the message in their order. A text of fewer than two letters or
    digits is not a quote.
    """
    text, at = _normal(message), 0
    if _normal(quote) in text:
        return len(re.findall(r"\w", quote)) >= 2
    parts = [_normal(part) for part in re.split(r"\.\.\.|…|\[\.\.\.\]", quote)]
    parts = [part for part in parts if part]
    if not parts or any(len(re.findall(r"\w", part)) < 2 for part in parts):
        return False
    for part in parts:
        if (at := text.find(part, at)) < 0:
            return False
        at += len(part)
    return True


_REFUSAL = re.compile(
    r"\W*(?:(?:i(?:'m| am) )?(?:very |so )?sorry\b|i (?:can(?:'t|not)|won't|will not|must decline|decline)\b"
    r"|i(?:'m| am) (?:not able|unable)\b|as an ai\b)",
    re.IGNORECASE,
)
_ENDS = " \"'`.,;:!?*_()[]{}<>«»„“”"


def _normal(text: str) -> str:
    """Return a text for comparison: one spelling of letters, quotes, dashes and spaces, lower case, no marks at its ends."""
    return " ".join(plain(composed(text)).casefold().split()).strip(_ENDS)


def _spoken(answer: str) -> str:
    """Return an answer without its thinking."""
    return plain(re.split(r"<\s*/\s*think\s*>", answer, flags=re.IGNORECASE)[-1]).strip()


def _object(answer: str) -> tuple[dict[str, Any] | None, str]:
    """Return the one object of an answer, or why there is none."""
    spoken = re.split(r"<\s*/\s*think\s*>", answer, flags=re.IGNORECASE)[-1]
    if re.search(r"<\s*think\s*>", spoken, re.IGNORECASE):
        return None, "its thinking has no end"
    start = spoken.find("{")
    if start < 0:
        return None, "no JSON object" if spoken.strip() else "empty"
    if is_deep(spoken, start):
        return None, "not JSON"
    try:
        parsed, end = _DECODER.raw_decode(spoken, start)
    except ValueError:
        return None, "not JSON"
    if not isinstance(parsed, dict) or "verdict" not in parsed:
        return None, "no verdict"
    if re.search(r"verdict['\"]?\s*:", spoken[end:], re.IGNORECASE):
        return None, "more than one verdict"
    return parsed, ""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = {key.strip().casefold(): value for key, value in pairs}
    if len(fields) < len(pairs):
        raise ValueError("a key is given twice")
    return fields


_DECODER = json.JSONDecoder(object_pairs_hook=_once, strict=False)


def _verdict(value: object, question: Question) -> str | None:
    """Return one of the question's verdicts, or None; yes and no stand for true and false."""
    if isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, str):
        text = _normal(value)
    else:
        return None
    if not question.levels:
        text = {"yes": "true", "no": "false"}.get(text, text)
    return next((verdict for verdict in question.verdicts if verdict.casefold() == text), None)

"""What a successful answer says: text, thinking, how it ended, what it cost, who gave it. Knows data; knows no bytes.

Servers differ in where they put thinking, in how they part a text and in what they count; all of it is read, and what
stands beside a good completion cannot lose it.
"""

from __future__ import annotations

import re
from typing import Any

from abm.llm.http._exchange import UNKNOWN, Again, Usage
from abm.llm.port import Finish, Reply, Request, prompt_tokens, text_tokens

UNFINISHED = ("abort", "error")
"""What vLLM and routers say of a completion that broke off on their side."""
MOST_TOKENS = 2**40
NAME = 200
"""Characters of a model's name or a completion's id, at most."""
PARTS = 8
"""Levels of parts within parts of a text."""

_READ = ("prompt_tokens", "input_tokens", "prompt_eval_count")
_WRITTEN = ("completion_tokens", "output_tokens", "eval_count")
_BOTH = ("total_tokens",)
_TEXTS = ("text", "content", "parts", "refusal", "thinking", "reasoning", "summary", "value")
_THINKING = ("thinking", "reasoning", "reasoning_content", "thought", "redacted_thinking")
_APART = ("reasoning_content", "reasoning", "thinking", "reasoning_details")
_CHOICE = re.compile(r'\s*(?:```(?:json)?\s*)?\{\s*"choice"\s*:\s*"([^"\\]*)("?)')


def completion(request: Request, data: Any, cost: Usage) -> Reply | Again:
    """Return the reply, or that the call is to be made again; thinking that was taken out of the text is put back before it.

    Args:
        cost: as the server states it; what it does not is estimated.
    """
    choices = data.get("choices") if isinstance(data, dict) else None
    if not isinstance(choices, list):
        return Again("malformed answer", wrong=True)
    if not choices:
        return Again("no choices", wrong=True)
    choice = choices[0]
    message = _message(choice)
    if message is None:
        return Again("malformed answer", wrong=True)
    reason = choice.get("finish_reason")
    if reason in UNFINISHED or choice.get("error"):
        return Again("unfinished answer", wrong=True)
    content, refusal = message.get("content"), ""
    if not isinstance(content, str) or message.get("refusal"):
        content, refusal = _text(content, thinking=False), _text(message.get("refusal"))
        if content is None or refusal is None:
            return Again("malformed answer", wrong=True)
    text = content or refusal
    if request.choices:
        text = _unwrapped(request, text)
    if thinking := _thinking(message):
        text = _with_thinking(text, thinking)
    return Reply(
        request.site,
        text,
        _ending(reason, refused=bool(refusal and not content)),
        prompt_tokens(request) if cost.tokens_in is None else cost.tokens_in,
        text_tokens(text) if cost.tokens_out is None else cost.tokens_out,
    )


def usage(data: Any) -> Usage:
    """Return what a server says that an answer of any kind cost; None where it does not, or says nonsense.

    Tokens that only the sum of both holds, as thinking on some servers, count as written.
    """
    stated = data.get("usage") if isinstance(data, dict) else None
    if not isinstance(stated, dict):
        return UNKNOWN
    read, written, total = _count(stated, _READ), _count(stated, _WRITTEN), _count(stated, _BOTH)
    if total is not None and read is not None and total - read > (written or 0):
        written = total - read
    return Usage(read, written)


def likeliest(data: Any) -> list[tuple[str, float]] | None:
    """Return the likeliest first tokens of a completion and their log-probabilities in nats; None if the server tells none.

    A completion that ended before its first token has none to tell of: an empty list.
    """
    try:
        content = data["choices"][0]["logprobs"]["content"]
        rows = content[0]["top_logprobs"] if content else content
        told = [(str(row["token"]), float(row["logprob"])) for row in rows]
    except (TypeError, KeyError, IndexError, ValueError, OverflowError):
        return None
    sane = [(token, min(0.0, logprob)) for token, logprob in told if logprob == logprob and logprob < 1e-3]
    return sane if sane or not told else None


def label(data: Any, name: str) -> str:
    """Return a completion's ``id`` or ``model`` as its server states it; empty if it states none."""
    value = data.get(name) if isinstance(data, dict) else None
    if not isinstance(value, str):
        return ""
    return value if len(value) <= NAME and value.isprintable() else " ".join(value[:NAME].split())


def thinks_apart(data: Any) -> bool:
    """Return whether a completion's thinking stands beside its text."""
    choices = data.get("choices") if isinstance(data, dict) else None
    message = _message(choices[0]) if isinstance(choices, list) and choices else None
    return message is not None and bool(_thinking(message).strip())


def _message(choice: Any) -> dict[str, Any] | None:
    """Return a choice's message as a mapping; None if it has none."""
    if not isinstance(choice, dict):
        return None
    message = choice.get("message")
    if message is None and isinstance(choice.get("text"), str):
        return {"content": choice["text"]}  # as completions without chat
    if isinstance(message, str):
        return {"content": message}
    return message if isinstance(message, dict) else None


def _text(value: Any, *, thinking: bool = True, level: int = 0) -> str | None:
    """Return a text that may be in parts; None if it is no text. Parts that are none (images, calls of tools) are passed over.

    Args:
        thinking: whether parts that are thinking belong to it.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if level >= PARTS or not isinstance(value, list | dict):
        return None
    if isinstance(value, dict):
        if not thinking and value.get("type") in _THINKING:
            return ""
        named = [value[name] for name in _TEXTS if name in value]
        inner = next((each for each in named if each is not None), None)
        return _text(inner, thinking=thinking, level=level + 1) if named else None
    parts = [_text(each, thinking=thinking, level=level + 1) for each in value]
    texts = [part for part in parts if part is not None]
    return "".join(texts) if texts or not parts else None


def _thinking(message: dict[str, Any]) -> str:
    """Return what a server took out of the text as thinking, or put into parts of its own; once, wherever it stands."""
    for name in _APART:
        if name in message and (text := _text(message[name])):
            return text
    content = message.get("content")
    if isinstance(content, str):
        return ""
    parts = content if isinstance(content, list) else [content]
    return "".join(_text(part) or "" for part in parts if isinstance(part, dict) and part.get("type") in _THINKING)


def _with_thinking(text: str, thinking: str) -> str:
    """Return a text with its thinking before it, once: some servers give it apart and leave it in the text, too."""
    before, end, after = text.partition("</think>")
    if end:  # it stands in the text, with or without the tag that begins it
        if before.replace("<think>", "", 1).strip() != thinking.strip():
            return text
        text = after.lstrip()
    elif text.lstrip().startswith(thinking.strip()) and text.strip() != thinking.strip():
        text = text.lstrip()[len(thinking.strip()) :].lstrip()
    return f"<think>{thinking}</think>\n{text}"


def _unwrapped(request: Request, text: str) -> str:
    """Return the option that a text names where it was asked for as JSON, see :mod:`abm.llm.http._dialect`; else the text."""
    if (match := _CHOICE.match(text)) is None:
        return text
    said, whole = match[1], bool(match[2])
    fits = [each for each in request.choices if each == said or (said and not whole and each.startswith(said))]
    return fits[0] if len(fits) == 1 else text


def _ending(reason: Any, *, refused: bool) -> Finish:
    if reason == "content_filter" or refused:
        return "refused"
    return "length" if reason in ("length", "max_tokens") else "stop"


def _count(stated: dict[str, Any], names: tuple[str, ...]) -> int | None:
    """Return tokens under the first of these names that counts some; None if none does, or what it says is nonsense."""
    for name in names:
        tokens = stated.get(name)
        if isinstance(tokens, int | float) and not isinstance(tokens, bool) and 0 <= tokens < MOST_TOKENS:
            return int(tokens)
    return None

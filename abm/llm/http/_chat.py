"""The dialect of OpenAI-compatible servers: chat completions as bytes and back. Knows JSON; knows no sockets, no logs.

What differs between servers is only how a completion is held to options or a schema, and how its length is bounded.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from abm.llm.http._exchange import Again
from abm.llm.port import Finish, Reply, Request, prompt_tokens, text_tokens
from moloch.errors import InputError, MolochError

THROTTLED = (429, 503, 529)
BROKEN = (500, 502, 504, 520, 521, 522, 523, 524)
_POLICY = ("content_policy", "content_filter", "content management policy", "safety")
UNFINISHED = ("abort", "error")
"""What vLLM and routers say of a completion that broke off on their side."""
MOST_TOKENS = 2**40
UNTOUCHED: dict[str, Any] = {"top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0}
"""What vLLM would otherwise take from the model's files, and no other engine here does."""
KEY_FIX = "Export the key: in the variable that the endpoint's `key` names, else OPENAI_API_KEY for OpenAI, MOLOCH_API_KEY for others."
SHOWN = 300
"""Characters of a server's own words that an error repeats."""


class _Message(msgspec.Struct):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: str | None = None


class _Completion(msgspec.Struct):
    choices: list[_Choice]
    usage: Any = None


_completion = msgspec.json.Decoder(_Completion)
_encode = msgspec.json.Encoder().encode


def body(request: Request, model: str, server: str, bound: str, extra: dict[str, Any]) -> bytes:
    """Return the JSON of a call.

    Args:
        model: the name under which the server knows model and adapter.
        server: ``vllm`` takes options of its own for guided choices.
        bound: name of the field that bounds the completion.
        extra: further fields, as the settings of the endpoint give them.
    """
    sampling = request.sampling
    fields: dict[str, Any] = {
        "model": model,
        "messages": request.messages,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        bound: sampling.max_tokens,
        "seed": request.seed,
    }
    if server == "vllm":
        fields |= UNTOUCHED
    if request.choices and server == "vllm":
        fields["structured_outputs"] = {"choice": request.choices}
    elif request.schema:
        schema = {"name": "answer", "schema": msgspec.Raw(request.schema.encode()), "strict": True}
        fields["response_format"] = {"type": "json_schema", "json_schema": schema}
    return _encode(fields | extra)


def reply(request: Request, data: bytes) -> Reply | Again:
    """Return what a successful answer says; thinking that the server took out of the text is put back before it."""
    try:
        completion = _completion.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):  # a validation error is one, too
        return Again("malformed answer", wrong=True)
    if not completion.choices:
        return Again("no choices", wrong=True)
    if completion.choices[0].finish_reason in UNFINISHED:
        return Again("unfinished answer", wrong=True)
    message = completion.choices[0].message
    finish, text = _ending(completion.choices[0].finish_reason, message), message.content or message.refusal or ""
    if thinking := message.reasoning_content or message.reasoning:
        text = f"<think>{thinking}</think>\n{text}"
    tokens_in = _counted(completion.usage, "prompt_tokens")
    tokens_out = _counted(completion.usage, "completion_tokens")
    return Reply(
        request.site,
        text,
        finish,
        prompt_tokens(request) if tokens_in is None else tokens_in,
        text_tokens(text) if tokens_out is None else tokens_out,
    )


def _counted(usage: Any, name: str) -> int | None:
    """Return how many tokens a server counted; None if it counted none, or nonsense: an answer is not lost for that."""
    tokens = usage.get(name) if isinstance(usage, dict) else None
    return int(tokens) if isinstance(tokens, int | float) and 0 <= tokens < MOST_TOKENS else None


def _ending(reason: str | None, message: _Message) -> Finish:
    if reason == "content_filter" or (message.refusal and not message.content):
        return "refused"
    return "length" if reason == "length" else "stop"


def failure(request: Request, status: int, headers: dict[bytes, bytes], data: bytes, where: str) -> Reply | Again:
    """Return what an answer that is no success means for its call.

    Raises:
        MolochError: no call can succeed, or this one cannot, as it is.
    """
    if status in THROTTLED:
        return Again(f"HTTP {status}", _wait(headers), throttled=True)
    if status in BROKEN or status == 408:
        return Again(f"HTTP {status}", _wait(headers))
    message = _said(data)
    if status in (400, 403) and any(word in message.lower() for word in _POLICY):
        return Reply(request.site, "", "refused", 0, 0)
    raise _refusal(status, message, headers, where, request.site)


def _refusal(status: int, said: str, headers: dict[bytes, bytes], where: str, site: str) -> MolochError:
    why = f"HTTP {status}{': ' if said else ''}{said}"
    if status in (401, 403):
        return InputError("the server does not let us in", where=where, why=why, fix=KEY_FIX)
    if status == 404:
        return InputError(
            "the server does not know this",
            where=where,
            why=why,
            fix="`moloch llm check` lists the models that it serves.",
        )
    if 300 <= status < 400:
        to = headers.get(b"location", b"").decode("latin-1")
        return InputError("the server is elsewhere", where=where, why=f"HTTP {status} to {to}", fix="Give that URL.")
    return InputError("the server refuses a call", where=f"{where}, {site}", why=why)


def _said(data: bytes) -> str:
    """Return the server's own words about an error, shortened."""
    try:
        decoded = msgspec.json.decode(data)
        error = decoded.get("error", decoded) if isinstance(decoded, dict) else decoded
        text = error.get("message", "") if isinstance(error, dict) else error
    except (msgspec.DecodeError, UnicodeDecodeError):
        text = data.decode("utf-8", "replace")
    text = " ".join(str(text).split())
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def _wait(headers: dict[bytes, bytes]) -> float | None:
    """Return the seconds that ``Retry-After`` asks for, as a number or a date."""
    for name, scale in ((b"retry-after-ms", 0.001), (b"retry-after", 1.0)):
        text = headers.get(name, b"").decode("latin-1").strip()
        try:
            return max(0.0, float(text) * scale)
        except ValueError:
            pass
        try:
            return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
        except (ValueError, TypeError):
            continue
    return None

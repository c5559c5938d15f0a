"""How one server is asked: chat completions as bytes. Knows JSON; knows no sockets, no logs.

It begins as the interface has it and gives way where the server refuses: another name for the bound, options by a JSON
Schema or not at all, a system text within the user's, room for thinking that cannot be switched off. What was given up is
said once and kept in :attr:`Dialect.changes`.
"""

from __future__ import annotations

import re
import warnings
from typing import Any, Literal, NamedTuple

import msgspec

from abm.arenas import Message
from abm.llm.http._exchange import Again
from abm.llm.port import Request
from abm.llm.scores import LIKELIEST
from moloch.content import canonical
from moloch.errors import MolochWarning

Kind = Literal["vllm", "ollama", "lmstudio", "llamacpp", "openai"]
"""Whose server it is, as far as that matters."""

_BY_TEMPLATE: dict[str, Any] = {"chat_template_kwargs": {"enable_thinking": False}}
_BY_EFFORT: dict[str, Any] = {"reasoning_effort": "none"}
NO_THINKING: dict[Kind, dict[str, Any]] = {
    "vllm": _BY_TEMPLATE,
    "llamacpp": _BY_TEMPLATE,
    "ollama": _BY_EFFORT,
    "lmstudio": _BY_EFFORT,
    "openai": _BY_EFFORT,
}
"""What tells a model not to think, in the words of its server. Ollama takes ``think`` on its own interface only."""

UNTOUCHED: dict[str, Any] = {"top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0}
"""What vLLM would otherwise take from the model's files, and no other engine here does."""
REFUSALS = (400, 404, 415, 422, 500, 501)
"""Statuses by which servers refuse a field or a role."""

MERGED = "takes no system text: it is put before the user's"
BY_SCHEMA = "takes no list of options: they are asked for by JSON Schema"
UNBOUNDED = "takes no maxLength in a JSON Schema: texts in answers have no separate limit"
FREE = "takes no JSON Schema: answers are not restricted, and are read as free text"
UNSTOPPED = "takes no texts that end an answer: answers are ended there when they are read"
IGNORES = "does not restrict answers to the options: they are read as free text"
THINKS = "does not switch thinking off: {room:,} tokens are allowed for it besides each bound"

_SYSTEM = re.compile(
    r"system['\"` ]{0,3}(?:role|message|prompt|instruction)|role['\"`: ]{1,4}system|roles? must alternate"
    r"|developer instruction",
    re.IGNORECASE,
)
_GUIDE = re.compile(
    r"response_?format|json_?schema|structured[ _]?output|guided|grammar|\bschema\b|\benum\b|max_?length", re.IGNORECASE
)
_THINKING = re.compile(r"reasoning|chat_?template|enable_thinking|\bthink(?:ing)?\b(?! about)", re.IGNORECASE)
_STOP = re.compile(r"['\"`]stop['\"`]|\bstop (?:parameter|sequences?|strings?)\b|parameter:? stop\b", re.IGNORECASE)
MOST_STOPS = 4
"""Texts that end an answer, as many as the interface takes; the others are looked for when it is read."""
_LIKELIEST = re.compile(r"top_?logprobs", re.IGNORECASE)
FEWER = 5
"""Likeliest tokens that are asked for where a server gives no more."""
_encode = msgspec.json.Encoder().encode


class _Form(NamedTuple):
    """How calls are written.

    Attributes:
        options: whether the server has a field of its own for options.
        schemas: whether it takes a JSON Schema, and ``lengths``: one with bounds of texts.
        system: whether it takes a system text.
        stops: whether it takes texts that end an answer.
        quiet: whether it takes the wish not to think, where there is one.
        room: tokens that a completion may have besides its bound.
        bound: the name of the bound on tokens.
        likeliest: likeliest tokens that are asked for where choices are scored.
    """

    options: bool
    schemas: bool = True
    lengths: bool = True
    system: bool = True
    stops: bool = True
    quiet: bool = False
    room: int = 0
    bound: str = "max_tokens"
    likeliest: int = LIKELIEST


class Dialect:
    """What one server takes, as far as it is known.

    Args:
        kind: ``vllm`` has a field of its own for options.
        place: its URL, for what is said.
        quiet: whether models are told not to think.
        room: tokens for thinking where that fails.

    Attributes:
        changes: what it is asked otherwise than is usual, in words.
    """

    def __init__(self, kind: Kind, place: str, *, quiet: bool = False, room: int = 0) -> None:
        self._kind: Kind = kind
        self._place, self._quiet, self._room = place, quiet, room
        self._form = _Form(options=kind == "vllm", quiet=quiet)
        self._sent: dict[str, _Form] = {}
        self._ignores = False
        self.changes: list[str] = []

    def body(self, request: Request, model: str, extra: dict[str, Any]) -> bytes:
        """Return the JSON of a call.

        Args:
            model: the name under which the server knows model and adapter.
            extra: further fields, as the settings of the endpoint give them.
        """
        sampling, form = request.sampling, self._form
        fields: dict[str, Any] = {
            "model": model,
            "messages": request.messages if form.system else merged(request.messages),
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            form.bound: sampling.max_tokens + form.room,
            "seed": request.seed,
        }
        if request.stop and form.stops:
            fields["stop"] = request.stop[:MOST_STOPS]
        if self._kind == "vllm":
            fields |= UNTOUCHED
        if form.quiet:
            fields |= NO_THINKING[self._kind]
        if request.scored:
            self._sent[request.site] = form
            return _encode(fields | {"logprobs": True, "top_logprobs": form.likeliest} | extra)
        if request.choices and form.options:
            fields["structured_outputs"] = {"choice": request.choices}
        elif (request.choices or request.schema) and form.schemas:
            named = {"name": "answer", "schema": msgspec.Raw(_schema(request, lengths=form.lengths)), "strict": True}
            fields["response_format"] = {"type": "json_schema", "json_schema": named}
        self._sent[request.site] = form
        return _encode(fields | extra)

    def refused(self, request: Request, status: int, said: str) -> Again | None:
        """Return that a refused call is to be asked in another way; None if there is none."""
        sent = self._sent.pop(request.site, None)
        if sent is None or status not in REFUSALS:
            return None
        why = self._give_way_to(request, sent, said)
        return Again(why, wrong=True, learnt=self._form != sent, said=said) if why else None

    def _give_way_to(self, request: Request, sent: _Form, said: str) -> str:
        """Return what a server refused of what it was sent, and ask otherwise from now on; empty if that is not known."""
        if all(word in said for word in ("max_tokens", "max_completion_tokens", "instead")):
            self._form = self._form._replace(bound="max_completion_tokens")  # newer hosted models know only this name
            return "field renamed"
        if sent.system and _SYSTEM.search(said) and any(message["role"] == "system" for message in request.messages):
            self._give_way(self._form._replace(system=False), MERGED)
            return "system text refused"
        if request.stop and sent.stops and _STOP.search(said):
            self._give_way(self._form._replace(stops=False), UNSTOPPED)
            return "stop texts refused"
        if request.scored and sent.likeliest > FEWER and _LIKELIEST.search(said):
            self._form = self._form._replace(likeliest=FEWER)
            return "fewer log-probabilities"
        if sent.quiet and _THINKING.search(said):
            self._make_room(quiet=False)
            return "wish not to think refused"
        if not (request.choices or request.schema) or not _GUIDE.search(said):
            return ""
        if request.choices and sent.options:
            self._give_way(self._form._replace(options=False), BY_SCHEMA)
            return "options refused"
        if sent.lengths and "maxlength" in said.lower():
            self._give_way(self._form._replace(lengths=False), UNBOUNDED)
            return "maxLength refused"
        if sent.schemas:
            self._give_way(self._form._replace(options=False, schemas=False), FREE)
            return "schema refused"
        return ""

    def answered(self, request: Request, text: str, *, cut: bool = False, thinks: bool = False) -> Again | None:
        """Take note of an answer, and return that the call is to be made again if thinking left no room for it.

        One that is none of its options shows that the server does not hold it to them.

        Args:
            text: of the answer, without what was thought before it.
            cut: whether it ended at its bound.
            thinks: whether the server gave thinking beside it.
        """
        sent = self._sent.pop(request.site, None)
        if thinks and sent is not None and self._quiet:
            self._make_room(quiet=self._form.quiet)
            if cut and sent.room < self._form.room:
                return Again("thinking left no room", wrong=True, learnt=True)
        self._note_options(request, sent, text)
        return None

    def most_written(self, request: Request) -> int:
        """Return the most tokens that a completion may have."""
        return request.sampling.max_tokens + (self._room if self._quiet else 0)

    def _note_options(self, request: Request, sent: _Form | None, text: str) -> None:
        if sent is None or not request.choices or request.scored or self._ignores:
            return
        if (sent.options or sent.schemas) and text.strip() not in request.choices:
            self._ignores = True
            self._say(IGNORES)

    def gave_up(self, request: Request) -> None:
        """Take note that no answer to a call will come."""
        self._sent.pop(request.site, None)

    def _make_room(self, *, quiet: bool) -> None:
        """Allow for thinking from now on."""
        self._give_way(self._form._replace(quiet=quiet, room=self._room), THINKS.format(room=self._room))

    def _give_way(self, form: _Form, words: str) -> None:
        self._form = form
        self._note(words)

    def _note(self, words: str) -> None:
        if words not in self.changes:
            self.changes.append(words)
            self._say(words)

    def _say(self, words: str) -> None:
        warnings.warn(f"{self._place} {words}", MolochWarning, stacklevel=2)


def merged(messages: list[Message]) -> list[Message]:
    """Return a chat without system texts: each stands before the text that follows it."""
    chat: list[Message] = []
    before: list[str] = []
    for message in messages:
        if message["role"] == "system":
            before.append(message["content"])
            continue
        chat.append({"role": message["role"], "content": "\n\n".join([*before, message["content"]])})
        before = []
    return [*chat, {"role": "user", "content": "\n\n".join(before)}] if before else chat


def _schema(request: Request, *, lengths: bool) -> bytes:
    """Return the JSON Schema that a completion is held to; options as the one field of an object, as servers want it."""
    if not request.choices:
        return request.schema.encode() if lengths else canonical(_without_lengths(msgspec.json.decode(request.schema)))
    choice = {"type": "string", "enum": list(request.choices)}
    fields = {"type": "object", "properties": {"choice": choice}, "required": ["choice"], "additionalProperties": False}
    return canonical(fields)


def _without_lengths(schema: Any) -> Any:
    """Return a JSON Schema without bounds of texts; a property that is called so stays."""
    if isinstance(schema, list):
        return [_without_lengths(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    bounds = ("maxLength", "minLength") if schema.get("type") == "string" else ()
    return {name: _without_lengths(value) for name, value in schema.items() if name not in bounds}

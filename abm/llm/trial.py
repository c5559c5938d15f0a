"""Whether a model does what a study needs of it, seen by asking it a few things. Knows the port; knows no studies."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import msgspec

from abm.arenas import Message
from abm.llm.port import LLM, Reply, Request, Sampling, Scoring, Yielding
from moloch.errors import MolochError
from moloch.texts import is_deep

CALLS, TOKENS = 32, 64
"""Calls at once, and tokens each, by which speed is measured."""
SCHEMA = {
    "type": "object",
    "properties": {"thought": {"type": "string"}, "choice": {"type": "string", "enum": ["A", "B"]}},
    "required": ["thought", "choice"],
    "additionalProperties": False,
}


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at.

    Attributes:
        ok: None where it is neither good nor bad.
    """

    what: str
    ok: bool | None
    said: str


class Checked(msgspec.Struct, frozen=True):
    """What was found of a model; ``tokens_per_s`` is 0 if it wrote nothing."""

    findings: list[Finding]
    tokens_per_s: float
    calls: int

    @property
    def usable(self) -> bool:
        """Whether a study can use it."""
        return all(finding.ok is not False for finding in self.findings)


def check(llm: LLM, tell: Callable[[str], None] = lambda what: None) -> Checked:
    """Ask a model some :data:`CALLS` + 6 short questions and return what came of it.

    Args:
        tell: called with what comes next, in a word.

    Raises:
        MolochError: it cannot be asked at all.
    """
    asked = _Asked(llm)
    findings = list[Finding]()
    for what, look in (
        ("chat", asked.template),
        ("seed", asked.repeats),
        ("options", asked.choices),
        ("JSON", asked.json),
    ):
        tell(what)
        findings.append(look())
    tell("logprobs")
    findings += asked.logprobs()
    tell("speed")
    speed, finding = asked.speed()
    return Checked([*findings, finding], speed, asked.calls)


class _Asked:
    def __init__(self, llm: LLM) -> None:
        self._llm, self.calls, self._known = llm, 0, 0

    def template(self) -> Finding:
        """See that a chat with a system text is rendered: its prompt has more tokens than its words, and an answer comes."""
        reply = self._one("template", "Say good morning.", system="You are a polite person.")
        words = "it answers" if reply.text.strip() else "it gives no answer"
        how = f"{words}, {reply.tokens_in} tokens of prompt, ended by {reply.finish}: {_short(reply.text)}{self._changes()}"
        return Finding("chat", bool(reply.text.strip()), how)

    def repeats(self) -> Finding:
        """See whether the same seed gives the same answer; nothing depends on it, but replays with new calls do."""
        first, second = (self._one(f"repeat/{i}", "Name three animals.", Sampling(1.0, 1.0, 24)) for i in range(2))
        same = first.text == second.text
        return Finding("seed", True if same else None, "one seed, one answer" if same else "one seed, two answers")

    def choices(self) -> Finding:
        """See whether an answer can be held to options."""
        reply = self._one("choices", "Answer A or B.", Sampling(1.0, 1.0, 8), choices=("A", "B"))
        held = reply.text.strip() in ("A", "B")
        return Finding("options", True if held else None, _held(held, reply, "the options") + self._changes())

    def json(self) -> Finding:
        """See whether an answer can be held to a JSON Schema."""
        text = json.dumps(SCHEMA, sort_keys=True, separators=(",", ":"))
        question = "Which is warmer, A: ice, or B: fire? Answer in JSON with thought and choice."
        reply = self._one("json", question, Sampling(0.0, 1.0, 96), schema=text)
        try:
            held = not is_deep(reply.text) and json.loads(reply.text).get("choice") in ("A", "B")
        except (ValueError, AttributeError):
            held = False
        return Finding("JSON", True if held else None, _held(held, reply, "a JSON Schema") + self._changes())

    def logprobs(self) -> list[Finding]:
        """See whether a server says how likely tokens are; one in this process computes them itself."""
        if not isinstance(self._llm, Scoring):
            return []
        self.calls += 1
        try:
            logprobs = self._llm.logprobs()
        except MolochError as error:
            return [Finding("logprobs", None, f"{error}. Only adapters on a server are checked by them")]
        sane = bool(logprobs) and all(-1e4 < value <= 0 for value in logprobs)
        summary = f"{len(logprobs)} tokens, {sum(logprobs) / len(logprobs):.2f} nats on average" if logprobs else "none"
        return [Finding("logprobs", True if sane else None, summary)]

    def speed(self) -> tuple[float, Finding]:
        """Measure tokens per second over calls that run together."""
        asked = [
            _request(f"speed/{i}", f"Tell a long story about the number {i}.", Sampling(1.0, 1.0, TOKENS), seed=i)
            for i in range(CALLS)
        ]
        began = time.perf_counter()
        replies = list(self._llm.complete(asked))
        seconds = time.perf_counter() - began
        self.calls += len(asked)
        tokens = sum(reply.tokens_out for reply in replies)
        rate = tokens / seconds
        bad = [reply.finish for reply in replies if reply.finish in ("error", "refused")]
        summary = f"{rate:,.0f} tokens/s, {len(replies)} calls of up to {TOKENS} tokens at once, {len(bad)} failed"
        return rate, Finding("speed", len(bad) < len(replies), summary)

    def _changes(self) -> str:
        """Return what the server wanted to be asked otherwise since the last time, as the end of a sentence."""
        changes = self._llm.changes if isinstance(self._llm, Yielding) else ()
        new, self._known = changes[self._known :], len(changes)
        return "".join(f"; it {each}" for each in new)

    def _one(
        self,
        site: str,
        question: str,
        sampling: Sampling | None = None,
        *,
        choices: tuple[str, ...] = (),
        schema: str = "",
        system: str = "",
    ) -> Reply:
        self.calls += 1
        request = _request(site, question, sampling or Sampling(0.0, 1.0, 24), choices, schema)
        if system:
            request = msgspec.structs.replace(
                request, messages=[{"role": "system", "content": system}, *request.messages]
            )
        [reply] = self._llm.complete([request])
        return reply


def attempt(what: str, look: Callable[[], str]) -> Finding:
    """Return what ``look`` says, or the error it raises."""
    try:
        return Finding(what, True, look())
    except MolochError as error:
        return Finding(what, False, str(error))


def _request(
    site: str, question: str, sampling: Sampling, choices: tuple[str, ...] = (), schema: str = "", seed: int = 1
) -> Request:
    messages: list[Message] = [{"role": "user", "content": question}]
    return Request(f"check/{site}", messages, sampling, seed, choices=choices, schema=schema)


def _held(held: bool, reply: Reply, what: str) -> str:
    return (
        f"answers follow {what}"
        if held
        else f"answers do not follow {what}, and are read as free text: {_short(reply.text)}"
    )


def _short(text: str) -> str:
    text = " ".join(text.split())
    return repr(text if len(text) <= 60 else text[:59] + "…")

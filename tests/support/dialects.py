"""Servers on this machine as they answer: Ollama, LM Studio and llama.cpp, with models that think before they answer.

Each honours its own way to switch thinking off and takes no notice of the others', as theirs do; what they say beside an
answer is in their shapes, too.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from zlib import crc32

from tests.support.server import Call, Server, ok, serving

THOUGHT = "Let me see. " * 20


def _quiet_by_effort(fields: dict[str, Any]) -> bool:
    return fields.get("reasoning_effort") == "none"


def _quiet_by_template(fields: dict[str, Any]) -> bool:
    return (fields.get("chat_template_kwargs") or {}).get("enable_thinking") is False


OWNERS = {"ollama": "library", "lmstudio": "organization_owner", "llamacpp": "llamacpp"}
QUIET: dict[str, Callable[[dict[str, Any]], bool]] = {
    "ollama": _quiet_by_effort,
    "lmstudio": _quiet_by_effort,
    "llamacpp": _quiet_by_template,
}
APART = {"ollama": "reasoning", "lmstudio": "reasoning_content", "llamacpp": "reasoning_content"}
"""The field in which each gives thinking."""


def listed(kind: str, names: Sequence[str]) -> dict[str, Any]:
    """Return a list of models as that server gives it."""
    data = [{"id": name, "object": "model", "created": 1_700_000_000, "owned_by": OWNERS[kind]} for name in names]
    if kind == "ollama" and not data:
        return {"object": "list", "data": None}
    if kind == "llamacpp":
        plain = [{"name": name, "model": name, "type": "model", "capabilities": ["completion"]} for name in names]
        return {"models": plain, "object": "list", "data": [each | {"meta": {"n_ctx_train": 40_960}} for each in data]}
    return {"object": "list", "data": data}


def answer(kind: str, call: Call, text: str, *, stubborn: bool = False) -> bytes:
    """Return the completion ``text`` of a model that thinks first, unless it was told not to in this server's way.

    Args:
        stubborn: whether the model cannot be told: it thinks all the same.
    """
    effort = call.fields.get("reasoning_effort")
    if kind == "ollama" and effort not in (None, "high", "medium", "low", "none"):
        return ok(
            {"error": {"message": f"invalid reasoning value: '{effort}'", "type": "api_error"}}, "400 Bad Request"
        )
    thinks = stubborn or not QUIET[kind](call.fields)
    thought = THOUGHT.split() if thinks else []
    words = text.split()
    bound = call.fields["max_tokens"]
    kept, left = thought[:bound], words[: max(0, bound - len(thought))]
    cut = len(thought) + len(words) > bound
    message: dict[str, Any] = {"role": "assistant", "content": " ".join(left)}
    if kept:
        message[APART[kind]] = " ".join(kept)
    usage = {
        "prompt_tokens": 20,
        "completion_tokens": len(kept) + len(left),
        "total_tokens": 20 + len(kept) + len(left),
    }
    fields: dict[str, Any] = {
        "id": f"chatcmpl-{crc32(str(call.fields).encode()) % 1000}",
        "object": "chat.completion",
        "model": call.fields["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": "length" if cut else "stop"}],
        "usage": usage,
    }
    if kind == "ollama":
        fields["system_fingerprint"] = "fp_ollama"
    elif kind == "lmstudio":
        fields |= {"stats": {}, "system_fingerprint": call.fields["model"]}
    else:
        fields["timings"] = {"prompt_n": 20, "predicted_n": usage["completion_tokens"], "predicted_per_second": 40.5}
    return ok(fields)


@contextlib.contextmanager
def local(
    kind: str, monkeypatch: Any, names: Sequence[str] = ("qwen3:4b",), say: Callable[[Call], Any] | None = None
) -> Iterator[Server]:
    """Run such a server where the program looks for it; yield it.

    Args:
        say: call -> text, or bytes that are sent as they are.
    """
    from abm.llm.http import places

    def answered(call: Call) -> Any:
        said = say(call) if say else "A good morning."
        return said if isinstance(said, bytes) else answer(kind, call, said)

    lists = ok(listed(kind, names))
    with serving(answered, listed=lists) as server:
        port = int(server.url.rsplit(":", 1)[1].removesuffix("/v1"))
        monkeypatch.delenv("OLLAMA_HOST", raising=False)
        monkeypatch.setitem(places.LOCAL, kind, places.LOCAL[kind]._replace(port=port))
        yield server

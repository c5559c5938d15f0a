"""Models behind OpenAI-compatible servers: vLLM, Ollama, hosted ones. What a place is (:mod:`.endpoint`) is known without what calls it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moloch.lazy import door

if TYPE_CHECKING:
    from abm.llm.http._backend import HTTPLLM
    from abm.llm.http._exchange import Limits, ServiceError

_HOMES = {
    "HTTPLLM": "abm.llm.http._backend",
    "Limits": "abm.llm.http._exchange",
    "ServiceError": "abm.llm.http._exchange",
}

__all__ = ["HTTPLLM", "Limits", "ServiceError"]

__getattr__, __dir__ = door(__name__, _HOMES)

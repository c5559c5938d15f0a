"""Models behind OpenAI-compatible servers: vLLM, Ollama, hosted ones."""

from abm.llm.http._backend import HTTPLLM
from abm.llm.http._exchange import Limits, ServiceError

__all__ = ["HTTPLLM", "Limits", "ServiceError"]


def __dir__() -> list[str]:
    return sorted(__all__)

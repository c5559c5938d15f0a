"""Language models behind one port: requests in, replies out.

A backend of your own is one file: a class or function that takes an :class:`Opening` and has the methods of :class:`LLM`,
under ``@BACKENDS.register("name")``; its promises are in ``abm.llm.conformance``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moloch.lazy import door

if TYPE_CHECKING:
    from abm.llm.backends import BACKENDS, Backends, Opening, Serving, backend
    from abm.llm.port import LLM, Reply, Request, Sampling
    from abm.llm.recorded import RecordedLLM
    from abm.llm.scripted import ScriptedLLM

_HOMES = {
    "BACKENDS": "abm.llm.backends",
    "Backends": "abm.llm.backends",
    "LLM": "abm.llm.port",
    "Opening": "abm.llm.backends",
    "RecordedLLM": "abm.llm.recorded",
    "Reply": "abm.llm.port",
    "Request": "abm.llm.port",
    "Sampling": "abm.llm.port",
    "ScriptedLLM": "abm.llm.scripted",
    "Serving": "abm.llm.backends",
    "backend": "abm.llm.backends",
}

__all__ = [
    "BACKENDS",
    "LLM",
    "Backends",
    "Opening",
    "RecordedLLM",
    "Reply",
    "Request",
    "Sampling",
    "ScriptedLLM",
    "Serving",
    "backend",
]

__getattr__, __dir__ = door(__name__, _HOMES)

"""Language models behind one port: requests in, replies out."""

from __future__ import annotations

from pathlib import Path

from abm.llm.port import LLM, Reply, Request, Sampling
from abm.llm.recorded import RecordedLLM
from abm.llm.scripted import ScriptedLLM
from moloch.errors import InputError

__all__ = ["LLM", "RecordedLLM", "Reply", "Request", "Sampling", "ScriptedLLM", "backend"]


def backend(
    model: str | Path,
    *,
    adapters: Path | None = None,
    device: str = "auto",
    batch: int | None = None,
    threads: int | None = None,
) -> LLM:
    """Return the in-process backend for ``"pocket"`` or a model's folder; torch is imported only now.

    Arguments are those of :class:`~abm.llm.local.backend.TransformersLLM`.

    Raises:
        InputError: no such model, one that cannot be loaded, or the learn extra is not installed.
    """
    try:
        from abm.llm.local.backend import TransformersLLM
    except ModuleNotFoundError as error:
        fix = "pip install 'moloch-abm[learn]'"
        raise InputError("models in this process need the learn extra", why=str(error), fix=fix) from error
    return TransformersLLM(model, adapters=adapters, device=device, batch=batch, threads=threads)

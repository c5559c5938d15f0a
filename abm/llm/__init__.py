"""Language models behind one port: requests in, replies out."""

from __future__ import annotations

from pathlib import Path

from abm.errors import InputError
from abm.llm.port import LLM, Reply, Request, Sampling
from abm.llm.recorded import RecordedLLM
from abm.llm.scripted import ScriptedLLM

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

    Arguments are those of :class:`~abm.llm.transformers_backend.TransformersLLM`.

    Raises:
        InputError: no such model, one that cannot be loaded, or the learn extra is not installed.
    """
    try:
        from abm.llm.transformers_backend import TransformersLLM
    except ModuleNotFoundError as error:
        mend = "pip install 'moloch-abm[learn]'"
        raise InputError("models in this process need the learn extra", why=str(error), mend=mend) from error
    return TransformersLLM(model, adapters=adapters, device=device, batch=batch, threads=threads)

"""Which engine serves which model: in this process, or behind a server. None of it decides what a run finds.

A run's settings name models; this says where they are, and may change from one process to the next: a study that began
on a laptop goes on before a cluster's server.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from abm.llm.budget import Budget, Budgeted
from abm.llm.folders import local_folder
from abm.llm.http.endpoint import Endpoint
from abm.llm.port import LLM
from moloch.errors import InputError

URLS = ("http://", "https://")


class Serving(BaseModel):
    """Where models are served.

    A model is looked up in ``models`` first. One that is a URL (``http://host:8000/v1#name``) is there. One that has a
    folder here, or is the pocket model, goes to ``llm``; so does any other, which then has to be a URL.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    llm: str = "transformers"
    """``transformers`` or ``vllm`` in this process, or a server's URL."""
    server: dict[str, Any] = {}
    """Settings of every server that is given by its URL alone: usd_in, usd_out, concurrency, ...; see
    :class:`~abm.llm.http.endpoint.Endpoint`."""
    models: dict[str, Endpoint] = {}
    """Model, as the settings name it -> its server."""
    vllm: dict[str, Any] = {}
    """Arguments of the vLLM engine of this process: gpu_memory_utilization, max_model_len, ..."""
    device: str = "auto"
    """Of transformers in this process: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ..."""
    rows: int | None = Field(default=None, ge=1)
    """Rows that transformers decode together."""
    tokens_per_s: float = Field(default=0, ge=0)
    """Written by models of this process, as ``moloch llm check`` measures it; only plans use it."""

    @field_validator("server")
    @classmethod
    def _known(cls, server: dict[str, Any]) -> dict[str, Any]:
        Endpoint.model_validate({"url": "http://localhost"} | server)
        return server

    def endpoint(self, model: str) -> Endpoint | None:
        """Return the server of a model; None if it is served in this process."""
        if model in self.models:
            return self.models[model]
        for place in (model, self.llm):
            if place.startswith(URLS):
                url, _, name = place.partition("#")
                return Endpoint.model_validate({"url": url, "name": name} | self.server)
        return None


class Backends:
    """Opens each model once: writers, audience and judges of one model share one engine.

    Args:
        adapters: folder of the run's adapters, and ``rank``: how large they are, at most.
        budget: what calls of all models may cost together.
    """

    def __init__(
        self,
        serving: Serving | None = None,
        *,
        adapters: Path | None = None,
        rank: int = 16,
        budget: Budget | None = None,
    ) -> None:
        self._serving, self._adapters, self._budget = serving or Serving(), adapters, budget or Budget()
        self._rank = rank
        self._open: dict[str, LLM] = {}

    def llm(self, model: str) -> LLM:
        """Return the model as a backend.

        Raises:
            InputError: no such model, or it cannot be loaded, reached or paid.
        """
        if model not in self._open:
            self._open[model] = self._backend(model)
        return self._open[model]

    def close(self) -> None:
        """Give back what servers and engines hold for us."""
        for llm in self._open.values():
            if callable(close := getattr(llm, "close", None)):
                close()
        self._open.clear()

    def _backend(self, model: str) -> LLM:
        serving = self._serving
        if (endpoint := serving.endpoint(model)) is not None:
            from abm.llm.http import HTTPLLM

            if self._budget.bounds.usd is not None and not endpoint.usd_in + endpoint.usd_out:
                raise InputError(
                    f"no bound on money can hold for {model!r}", where=endpoint.url, why="its prices are not known",
                    fix="Give usd_in and usd_out of its server, US dollars per million tokens (--set serving.server.usd_in=0.1, "
                    "or in the file of --serving), or bound tokens instead.",
                )  # fmt: skip
            return HTTPLLM(model, endpoint, folder=local_folder(model), adapters=self._adapters, budget=self._budget)
        found = self._engine(model)
        return Budgeted(found, self._budget) if self._budget.bounded else found

    def _engine(self, model: str) -> LLM:
        serving = self._serving
        if serving.llm == "vllm":
            from abm.llm.vllm_backend import VLLM

            return VLLM(model, adapters=self._adapters, rank=self._rank, **serving.vllm)
        if serving.llm == "transformers":
            from abm.llm import backend

            return backend(model, adapters=self._adapters, device=serving.device, batch=serving.rows)
        raise InputError(
            f"unknown engine {serving.llm!r}",
            fix="Choose transformers, vllm, or give a server's URL: http://host:8000/v1.",
        )

"""Which backend serves which model: in this process, or behind a server. None of it decides what a run finds.

A run's settings name models; this says where they are, and may change from one process to the next: a study that began
on a laptop continues on a cluster's server.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field, field_validator

from abm.llm.budget import Budget, Budgeted
from abm.llm.folders import POCKET, local_folder, model_folder
from abm.llm.http.endpoint import Endpoint, is_server, like_url, parsed, shown, url_and_name
from abm.llm.http.places import local_server
from abm.llm.port import LLM
from moloch.errors import InputError
from moloch.extras import how_to_get
from moloch.records import InUnit
from moloch.registry import Registry

OR_URL = "ollama, lmstudio, llamacpp, or a server's URL: http://host:8000/v1"


class Serving(BaseModel):
    """Where models are served.

    A model is looked up in ``models`` first. One that is a URL (``http://host:8000/v1#name``) or a server of this machine
    (``ollama:name``) is there. Every other goes to ``llm``, but that the pocket model never goes to a server that way.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    llm: str = "transformers"
    """What serves models that have no place of their own: ``transformers`` or ``vllm`` in this process, a backend of your own,
    a server's URL, or a server of this machine: ``ollama``, ``lmstudio``, ``llamacpp``, with ``:NAME`` of a model where it
    serves several."""
    server: dict[str, Any] = {}
    """Settings of every server that is given by its URL or name alone: ``usd_in``, ``usd_out``, ``concurrency``, ... as under
    ``serving.models.NAME``."""
    models: dict[str, Endpoint] = {}
    """Model, as the settings name it -> its server."""
    vllm: dict[str, Any] = {}
    """Arguments of the vLLM engine of this process: ``gpu_memory_utilization``, ``max_model_len``, ..."""
    device: str = "auto"
    """Where transformers compute in this process: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ..."""
    rows: Annotated[int | None, InUnit("rows")] = Field(default=None, ge=1)
    """Rows that transformers decode together. By default 128 of a small model, 32 of another."""
    options: dict[str, Any] = {}
    """Settings of a backend of your own."""
    tokens_per_s: Annotated[float, InUnit("tokens per second")] = Field(default=0, ge=0)
    """Speed of models of this process, as ``moloch llm check`` measures it; only plans use it."""
    shared: str = ""
    """Folder by which processes that ask the same servers at the same time keep to ``concurrency`` together. By default each
    has its own; a study sets it."""

    @field_validator("server")
    @classmethod
    def _known(cls, server: dict[str, Any]) -> dict[str, Any]:
        Endpoint.model_validate({"url": "http://localhost"} | server)
        return server

    @property
    def unknown_backend(self) -> InputError | None:
        """The error for an ``llm`` that is neither a backend's name nor a URL; None if all is well."""
        if self.llm in BACKENDS:
            return None
        try:
            if is_server(self.llm):
                url_and_name(self.llm)
                return None
            if like_url(self.llm):
                parsed(self.llm.partition("#")[0])
                return None
        except InputError as error:
            return error
        return BACKENDS.unknown(shown(self.llm), also=OR_URL)

    def check_prices(self, models: Collection[str]) -> None:
        """See that what served models cost is known, so that a bound on money can hold. Loads no model and asks no server.

        Raises:
            InputError: a server has no prices.
        """
        for model in models:
            if (endpoint := self.endpoint(model)) is not None:
                _check_price(model, endpoint)

    def check(self, models: Collection[str]) -> None:
        """See that each of these models has a place, and that ``llm`` is one of the places; nothing is opened or asked.

        Raises:
            InputError: no such backend, a URL that is none, a model that is not here, a key that may not be sent, or a
                server that nothing uses.
        """
        if (unknown := self.unknown_backend) is not None:
            raise unknown
        places = {model: self.endpoint(model) for model in models}
        for model, endpoint in places.items():
            if endpoint is not None:
                _ = endpoint.secret
            elif self.here in BUILT_IN:  # backends of users' own have models of their own
                model_folder(model)
        if is_server(self.llm) and not any(is_url_of(self.llm, endpoint) for endpoint in places.values()):
            raise self._unasked(places)

    def _unasked(self, places: Mapping[str, Endpoint | None]) -> InputError:
        """Return the error for a server in ``llm`` that nothing uses."""
        what = "no model is asked at this server"
        if POCKET in places and places[POCKET] is None:
            return InputError(
                what,
                where=shown(self.llm),
                why="the pocket model answers in this process, and no other model is asked",
                fix=f"--reader {shlex.quote(shown(self.llm))} has the server's model play the personas; a model of its own "
                "writes with --model NAME, and is trained here, from its files.",
            )
        why = f"served elsewhere: {', '.join(sorted(places))}" if places else "no model is asked"
        fix = "Leave --llm (serving.llm) out, or remove the servers of the single models."
        return InputError(what, where=self.llm, why=why, fix=fix)

    @property
    def here(self) -> str:
        """The backend of models of this process."""
        return self.llm if self.llm in BACKENDS else USUAL

    def is_free(self, model: str) -> bool:
        """Return whether a model's calls cost nothing but time: it computes in this process."""
        return self.here in FREE and self.endpoint(model) is None

    def endpoint(self, model: str) -> Endpoint | None:
        """Return the server of a model; None if it is served in this process.

        Raises:
            InputError: a URL that is none.
        """
        if model in self.models:
            return self.models[model]
        for place in (model, self.llm) if model != POCKET else ():
            if is_server(place) and place not in BACKENDS:
                return self.at(place)
        return None

    def at(self, place: str, name: str = "") -> Endpoint:
        """Return the endpoint of a server that is given by its URL or name alone, with the settings of :attr:`server`.

        Args:
            name: of the model, where ``place`` names none.

        Raises:
            InputError: a URL that is none.
        """
        url, given = url_and_name(place)
        known = local_server(place)
        return Endpoint.of({"url": known[0].name if known else url, "name": given or name} | self.server)


def is_url_of(place: str, endpoint: Endpoint | None) -> bool:
    """Return whether an endpoint is at the server ``place``, which may name a model, too."""
    return endpoint is not None and endpoint.url == url_and_name(place)[0]


class Opening(msgspec.Struct, frozen=True):
    """What a backend is opened with.

    Attributes:
        model: as the settings name it: ``pocket``, a folder, the name of a downloaded model.
        adapters: folder that holds ``<adapter id>/adapter_model.safetensors``; None where no adapter is used.
        rank: of the adapters, at most.
        serving: settings; a backend of your own has its own in ``serving.options``.
        precision: ``float32`` or ``bfloat16``; empty: the backend's own.
        threads: of the CPU; None: the backend's own.
    """

    model: str
    adapters: Path | None
    rank: int
    serving: Serving
    precision: str = ""
    threads: int | None = None


def backend(
    model: str | Path,
    *,
    adapters: Path | None = None,
    device: str = "auto",
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = "auto",
    batch: int | None = None,
    threads: int | None = None,
) -> LLM:
    """Return transformers in this process for ``"pocket"`` or a model's folder; torch is imported only now.

    Arguments are those of :class:`~abm.llm.local.backend.TransformersLLM`.

    Raises:
        InputError: no such model, one that cannot be loaded, or the learn extra is not installed.
    """
    try:
        from abm.llm.local.backend import TransformersLLM
    except ModuleNotFoundError as error:
        raise InputError(
            "models in this process need the learn extra", why=str(error), fix=how_to_get("learn")
        ) from error
    return TransformersLLM(model, adapters=adapters, device=device, dtype=dtype, batch=batch, threads=threads)


def _transformers(opening: Opening) -> LLM:
    from abm.llm import precision

    serving = opening.serving
    if opening.precision:
        precision.check(opening.precision, serving.device)
    return backend(
        opening.model,
        adapters=opening.adapters,
        device=serving.device,
        dtype=opening.precision or "auto",  # pyright: ignore[reportArgumentType]
        batch=serving.rows,
        threads=opening.threads,
    )


def _vllm(opening: Opening) -> LLM:
    from abm.llm._vllm import VLLM

    engine: dict[str, Any] = ({"dtype": opening.precision} if opening.precision else {}) | opening.serving.vllm
    if opening.precision and engine["dtype"] != opening.precision:
        raise InputError(
            f"serving.vllm.dtype is {engine['dtype']!r}, precision {opening.precision!r}", fix="Leave one of them out."
        )
    return VLLM(opening.model, adapters=opening.adapters, rank=opening.rank, **engine)


BACKENDS: Registry[Callable[[Opening], LLM]] = Registry("backend", {"transformers": _transformers, "vllm": _vllm})
"""Name -> what opens a model in this process. Your own is added with ``@BACKENDS.register("name")``, on a function or on a
class whose only argument is the :class:`Opening`."""


USUAL = "transformers"
"""The backend of models of this process where none is named."""
BUILT_IN = (USUAL, "vllm")
"""Backends of models that have a folder here."""
FREE = BUILT_IN
"""Backends whose calls cost nothing but time, and count for no other bound; one of a user's own may ask somebody who is paid."""


class Backends:
    """Opens each model once: writers, audience and judges of one model share one engine.

    Args:
        adapters: folder of the run's adapters, and ``rank``: how large they are, at most.
        budget: what calls of all models may cost together.
        precision: of models of this process, and ``threads``: both as an :class:`Opening` has them.
    """

    def __init__(
        self,
        serving: Serving | None = None,
        *,
        adapters: Path | None = None,
        rank: int = 16,
        budget: Budget | None = None,
        precision: str | None = None,
        threads: int | None = None,
    ) -> None:
        self._serving, self._adapters, self._budget = serving or Serving(), adapters, budget or Budget()
        self._rank, self._precision, self._threads = rank, precision or "", threads
        self._open: dict[str, LLM] = {}

    def llm(self, model: str) -> LLM:
        """Return the model as a backend.

        Raises:
            InputError: no such model or backend, or the model cannot be loaded, reached or paid.
        """
        if model not in self._open:
            self._open[model] = self._opened(model)
        return self._open[model]

    def check(self, models: Collection[str]) -> None:
        """See :meth:`Serving.check`."""
        self._serving.check(models)

    def reach(self, models: Collection[str]) -> None:
        """See that the servers of these models answer and serve them: each is asked for its list of models, none for a completion.

        Raises:
            InputError: a server does not serve the model, or wants another key.
            ServiceError: a server cannot be reached.
        """
        from abm.llm.http import HTTPLLM

        for model in models:
            if self._serving.endpoint(model) is not None and isinstance(llm := self.llm(model), HTTPLLM):
                _ = llm.served

    def close(self) -> None:
        """Give back what servers and engines hold for us."""
        for llm in self._open.values():
            if callable(close := getattr(llm, "close", None)):
                close()
        self._open.clear()

    def _opened(self, model: str) -> LLM:
        serving = self._serving
        if (endpoint := serving.endpoint(model)) is not None:
            return self._served(model, endpoint)
        if (unknown := serving.unknown_backend) is not None:
            raise unknown
        opening = Opening(model, self._adapters, self._rank, serving, self._precision, self._threads)
        llm = BACKENDS.get(serving.here)(opening)
        return Budgeted(llm, self._budget, free=serving.here in FREE) if self._budget.bounded else llm

    def _served(self, model: str, endpoint: Endpoint) -> LLM:
        from abm.llm.http import HTTPLLM

        if self._budget.bounds.usd is not None:
            _check_price(model, endpoint)
        shared = Path(self._serving.shared) if self._serving.shared else None
        return HTTPLLM(
            model, endpoint, folder=local_folder(model), adapters=self._adapters, budget=self._budget, shared=shared
        )


def _check_price(model: str, endpoint: Endpoint) -> None:
    if endpoint.price is None:
        raise InputError(
            f"no limit on money can hold for {model!r}",
            where=endpoint.url,
            why="its prices are not known",
            fix="Give usd_in and usd_out of its server, in US dollars per million tokens (--set serving.server.usd_in=0.1 "
            "--set serving.server.usd_out=0.4, or in the settings file), or bound tokens instead.",
        )

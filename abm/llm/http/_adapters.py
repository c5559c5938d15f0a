"""Adapters on a server that loads them while it runs (vLLM): by content, few at a time, and checked after each load."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from abm.llm.adapters import read_adapter
from abm.llm.fingerprint import deviation, recorded
from abm.llm.http._control import Control, ServedModel
from abm.llm.http._exchange import ServiceError
from abm.llm.http.endpoint import Endpoint
from moloch.errors import InputError, MolochError

UNLOAD = 10.0
"""Seconds that a server gets to drop an adapter: a run that ends does not wait for a dead one."""


class ServedAdapters:
    """What of a run's adapters a server holds.

    An adapter's name on the server is its id, which is that of its content: other weights never hide behind a known name.

    Args:
        adapters: the run's folder of adapters.
        digest: returns that of the base model's weights; empty where they are not here.
    """

    def __init__(
        self, control: Control, adapters: Path | None, endpoint: Endpoint, digest: Callable[[], str] = lambda: ""
    ) -> None:
        self._control, self._adapters, self._endpoint, self._digest = control, adapters, endpoint, digest
        self._loaded: OrderedDict[str, None] = OrderedDict()

    def ensure(self, wanted: set[str], served: ServedModel) -> None:
        """Have the server hold all of ``wanted``; those not used for longest make room.

        Raises:
            InputError: it cannot load adapters, or it does not compute with the weights that it was given.
            CorruptLog: an adapter is not here, or is not the one of its name.
            ServiceError: it cannot be reached.
        """
        for adapter in sorted(wanted):
            if adapter in self._loaded:
                self._loaded.move_to_end(adapter)
                continue
            while len(self._loaded) >= max(self._endpoint.keep_adapters, len(wanted)):
                self._unload(next(name for name in self._loaded if name not in wanted))
            self._load(adapter)
            try:
                self._check(adapter, served)
            except MolochError:
                self._unload(adapter)  # one that was found wrong is never taken for loaded
                raise

    def unload_all(self) -> None:
        """Have the server drop them; one that does not answer has dropped them already."""
        for adapter in list(self._loaded):
            self._unload(adapter)

    def _load(self, adapter: str) -> None:
        if self._adapters is None:
            raise InputError(f"no folder of adapters for {adapter}", fix="Give the backend `adapters=`.")
        read_adapter(self._adapters, adapter, base=self._digest())
        folder = (
            f"{self._endpoint.adapters.rstrip('/')}/{adapter}"
            if self._endpoint.adapters
            else str((self._adapters / adapter).resolve())
        )
        answer = self._control.ask("POST", "/load_lora_adapter", {"lora_name": adapter, "lora_path": folder})
        if answer.status != 200 and "already been loaded" not in answer.text:
            raise InputError(
                f"the server did not load adapter {adapter}",
                where=self._control.place,
                why=self._control.words(answer),
                fix="vLLM needs --enable-lora, --max-lora-rank as trained, VLLM_ALLOW_RUNTIME_LORA_UPDATING=True in its "
                f"environment, and to see the folder {folder} (or the endpoint's `adapters`).",
            )
        self._loaded[adapter] = None

    def _unload(self, adapter: str) -> None:
        self._loaded.pop(adapter, None)
        try:
            self._control.ask("POST", "/unload_lora_adapter", {"lora_name": adapter}, seconds=UNLOAD)
        except ServiceError:
            return

    def _check(self, adapter: str, served: ServedModel) -> None:
        """Compare the server's log-probabilities of a known text with those recorded when the adapter was made."""
        assert self._adapters is not None
        fingerprint = recorded(self._adapters / adapter)
        if fingerprint is None or served.kind != "vllm":
            return
        logprobs = self._control.prompt_logprobs(adapter, fingerprint.tokens)
        deviation(fingerprint, logprobs, where=f"{self._control.place}, adapter {adapter}")

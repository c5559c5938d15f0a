"""An extension for tests of studies: in the processes that import it, writing and learning cost nothing.

``serving: {llm: fast}`` answers from the request alone, and what learns hashes its data. ``serving.options`` may say what goes
wrong: ``{fail: bug}``, ``backend``, ``memory`` (it asks for more than there is) or ``node`` (its process is killed), ``{slow: 0.01}`` seconds
for each answer, ``{hold_mb: 100}`` of memory from the first one on. ``{bill: FILE}`` gets a byte for each answer.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence

from abm.llm import Request, ScriptedLLM
from abm.llm.backends import BACKENDS, Opening
from abm.llm.folders import model_folder
from abm.llm.http import ServiceError
from abm.llm.port import Reply
from abm.llm.weights import model_digest
from learning.runs import objects
from tests.support.fakes import FakeTrainer, reply


class Fast(ScriptedLLM):
    """Answers as the scripted model of tests does, in the time that it is given."""

    def __init__(self, opening: Opening) -> None:
        super().__init__(reply, opening.model)
        self.digest = model_digest(model_folder(opening.model))  # it stands for that one
        self._slow = float(opening.serving.options.get("slow", 0))
        self._fails = str(opening.serving.options.get("fail", ""))
        self._hold_mb, self._held = int(opening.serving.options.get("hold_mb", 0)), b""
        self._bill = str(opening.serving.options.get("bill", ""))

    def place(self) -> dict[str, str]:
        """Say that it computes in this process."""
        return {"backend": "fast"}

    def complete(self, requests: Sequence[Request]) -> Iterator[Reply]:
        for each in super().complete(requests):
            self._held = self._held or b"x" * (self._hold_mb << 20)
            time.sleep(self._slow)
            self._maybe_fail()
            if self._bill:
                with open(self._bill, "ab", buffering=0) as file:  # noqa: PTH123 (one write call for each answer)
                    file.write(b".")
            yield each

    def _maybe_fail(self) -> None:
        match self._fails:
            case "bug":
                raise ZeroDivisionError("of the model's own")
            case "node":
                os.kill(os.getpid(), signal.SIGKILL)
            case "backend":
                raise ServiceError("the server is gone", where="http://127.0.0.1:1")
            case "memory":
                bytearray(1 << 60)  # more than there are addresses


BACKENDS.register("fast")(Fast)
if "pytest" not in sys.modules:  # whose process has other tests; there it is the fixture ``fast_trainer``
    objects.LoRATrainer = lambda model, adapters: FakeTrainer()  # type: ignore[assignment,misc]

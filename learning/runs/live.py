"""A run that is carried out one step at a time, as Mesa's controls ask for it, and seen through its log.

:func:`learning.run` does the work on a thread of its own, stopped at the gate of its progress report; what the model shows is
read back from the log, as of any other run. Knows nothing of a page.
"""

from __future__ import annotations

import json
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from abm.arenas import Arena
from abm.events import StepEnded
from abm.log import create
from abm.probe import Probe
from abm.views.replay_model import ReplayModel
from learning.runs.config_file import load_config
from learning.runs.loop import Progress
from learning.runs.plan import BASE
from learning.runs.run import run
from moloch.errors import MolochError

PATIENCE = 1.0
"""Seconds for which a call waits, where it need not, for a step that is under way already."""


class _Closed(BaseException):
    """Nobody looks at the run any more."""


class LiveRun(ReplayModel):
    """A Mesa model of a run in the making: ``step()`` has the run hold its next step, learning before it where that is due.

    Settings are those of :class:`learning.RunConfig`; equal ones hold equal steps, however they are driven. The log is a run's
    own, which any command opens; it is thrown away with the model unless it has a folder.

    Args:
        out: the run's folder; by default a temporary one.
        background: let ``step()`` return at once, and the model change when the step is there; :attr:`on_change` is then called.
            A call while one is under way waits for it, a second at most.
        probes: arena -> the probes that judge evaluation messages.
        carry_out: what carries a run out, called as :func:`learning.run` is.
        kwargs: the settings; a name with dots is one within another, such as ``crowd.size``.

    Attributes:
        on_change: called on the run's thread whenever there is something else to see.
        ready: whether it is known who takes part.
        busy: whether a step is under way.
        doing: what the run does, or will do first when it goes on.

    Raises:
        InputError: a setting is not valid; here, or, where it names what is not there, by ``step()``.
        MolochError: by ``step()``, whatever ended the run; in the background it is only kept in ``error``.
    """

    def __init__(
        self,
        out: Path | str | None = None,
        background: bool = False,
        probes: Callable[[Arena], Sequence[Probe]] = lambda arena: (),
        carry_out: Callable[..., Any] = run,
        **kwargs: Any,
    ) -> None:
        within = [f"{name}={json.dumps(value)}" for name, value in kwargs.items() if "." in name]  # JSON is YAML
        self.settings = load_config(None, {n: value for n, value in kwargs.items() if "." not in n}, within)
        self._scratch = None
        if out is None:
            self._scratch = tempfile.TemporaryDirectory(prefix="moloch-", ignore_cleanup_errors=True)
        folder = Path(out or getattr(self._scratch, "name", ""))
        if not (folder / "run.json").exists():
            create(folder, self.settings.model_dump(mode="json")).close()
        super().__init__(folder, follow=True)
        self._meet([BASE, *self.settings.arms])
        self.background, self.on_change = background, _nothing
        self.doing, self.ready, self.busy = "making ready", False, False
        self._closed = False
        self._turn = threading.Condition()
        self._thread = threading.Thread(target=self._work, args=(carry_out, probes), daemon=True)
        self._thread.start()

    @property
    def status(self) -> str:
        """Where the run stands, in words."""
        return super().status if self.error or (self.ready and not self.busy) else f"{self.doing} …"

    def still(self) -> AbstractContextManager[Any]:
        """Keep the model as it is while somebody looks at it from another thread."""
        return self._turn

    def step(self) -> None:
        """Have the run hold its next step; at its end, nothing."""
        with self._turn:
            patience = None if not self.background else PATIENCE if self.busy else 0
            if self.running:
                self.busy = True
                self._turn.notify_all()
                self._turn.wait_for(lambda: not self.busy, patience)
            self.steps = self.time = self.state.step  # Mesa counted the call
        if self.error is not None and not self.background:
            raise self.error

    def close(self) -> None:
        """Let go of the run: it stops at its next gate, and a temporary log is removed.

        One that stands at a gate has stopped when this returns; one that is at work is not waited for.
        """
        with self._turn:
            self._closed = True
            self._turn.notify_all()
        if not self.busy and threading.current_thread() is not self._thread:
            self._thread.join(PATIENCE)
        self._clean()  # now, since a process that ends does not wait for the thread; what is written later goes with it

    # -- on the run's thread -------------------------------------------------------------------------------

    def _work(self, carry_out: Callable[..., Any], probes: Callable[[Arena], Sequence[Probe]]) -> None:
        try:
            carry_out(self.settings, self.run, probes=probes, report=self._gate)
            if self.busy:
                super().step()
        except _Closed:
            pass
        except MolochError as error:
            self.error = error
        except Exception as error:  # told to whoever steps, since nobody waits for this thread
            self.error = MolochError("the run ended with an error", why=f"{type(error).__name__}: {error}")
        with self._turn:
            self.busy = self.running = False
            self._turn.notify_all()
        if self._closed:
            self._clean()
        else:
            self.on_change()

    def _gate(self, progress: Progress) -> None:
        """Stop before a part of the run, unless the step that was asked for is still to come."""
        with self._turn:
            self.doing = progress.doing
            if not self.ready:
                self._settle()
                self.ready = True
                self._turn.notify_all()
            if self.busy and self._find(StepEnded) is not None:
                super().step()
                self.busy = False
                self._turn.notify_all()
        self.on_change()  # without the lock: it may draw a page, whose buttons want it
        with self._turn:
            self._turn.wait_for(lambda: self.busy or self._closed)
            if self._closed:
                raise _Closed

    def _clean(self) -> None:
        if self._scratch is not None:
            self._scratch.cleanup()


def _nothing() -> None:
    pass

"""A run that is carried out one step at a time, as Mesa's controls ask for it, and seen through its log.

:func:`learning.runs.run.stepwise` does the work, a piece a call; what the model shows is read back from the log, as of any other
run. Only a run in the background has a thread, while it works. Knows nothing of a page.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from abm.events import StepEnded
from abm.views.replay_model import ReplayModel
from learning.arms.base_models import is_base
from learning.arms.markets import BASE
from learning.runs.loop import Progress
from learning.runs.own_data import at_hand
from learning.runs.parts import GivenProbes, chosen_probes, settled
from learning.runs.run import create_run, stepwise
from learning.runs.script_settings import by_depth
from learning.settings.sources import load_config
from moloch.errors import MolochError

PATIENCE = 1.0
"""Seconds for which a call in the background waits for a step that is under way already."""

THREAD = "moloch-live-run"
"""Name of the thread on which a run in the background works."""


class LiveRun(ReplayModel):
    """A Mesa model of a run in the making: ``step()`` has the run hold its next step, learning before it where that is due.

    Settings are those of :class:`learning.RunConfig`; equal ones hold equal steps, however they are driven. The log is a run's
    own, which any command opens; it is thrown away with the model unless it has a folder. A step that was interrupted (Ctrl-C)
    is begun again by the next call, from what the log holds.

    Args:
        out: the run's folder; by default a temporary one.
        background: let ``step()`` return at once, and the model change when the step is there; :attr:`on_change` is then called.
            A call while one is under way waits for it, a second at most.
        probes: the probes that judge evaluation messages, as for :func:`learning.run`.
        carry_out: what carries a run out piece by piece, called as :func:`learning.runs.run.stepwise` is.
        kwargs: the settings; a name with dots is one within another, such as ``crowd.size``.

    Attributes:
        on_change: called whenever there is something else to see; in the background, on the run's thread.
        busy: whether a step is under way.
        doing: what the run does, or will do first when it resumes.

    Raises:
        InputError: a setting is not valid, or names what is not there.
        MolochError: here or by ``step()``, what ended the run, each time it is asked to continue; in the background it is only
            kept in ``error``.
    """

    def __init__(
        self,
        out: Path | str | None = None,
        background: bool = False,
        probes: GivenProbes | None = None,
        carry_out: Callable[..., Generator[Progress, None, Any]] = stepwise,
        **kwargs: Any,
    ) -> None:
        given, within = by_depth(kwargs)
        # a panel or a sweep has inputs that its other inputs leave without effect
        settings = load_config(None, given, within, effects=False)
        self._scratch = None
        if out is None:
            self._scratch = tempfile.TemporaryDirectory(prefix="moloch-", ignore_cleanup_errors=True)
        folder = Path(out or getattr(self._scratch, "name", ""))
        begun = settled(settings, folder)
        self.settings, judges = chosen_probes(begun, at_hand(begun, folder).rules(), probes)
        if not (folder / "run.json").exists():
            create_run(folder, self.settings).close()
        super().__init__(folder, follow=True)
        bases = [BASE, *filter(is_base, self.settings.other_writers)]
        self._meet([*bases, *self.settings.all_arms, *self.settings.all_rivals])
        self.background, self.on_change = background, _nothing
        self.doing, self.busy = "making ready", False
        self._begin = partial(carry_out, self.settings, self.run, probes=lambda arena: judges)
        self._pieces: Generator[Progress, None, Any] | None = None
        self._over = self._closed = self._working = False
        self._lock, self._idle, self._known = threading.RLock(), threading.Event(), threading.Event()
        if background:
            self._start()
            return
        try:
            self._work()
        except BaseException:
            self._clean()
            raise

    @property
    def status(self) -> str:
        """The run's progress, in words."""
        return super().status if self.error or (self.ready and not self.busy) else f"{self.doing} …"

    @property
    def ready(self) -> bool:
        """Whether it is known who takes part: from the start, unless in the background."""
        return self._known.is_set()

    def wait_until_ready(self, seconds: float) -> bool:
        """Wait until it is known who takes part, so long at most; return whether it is."""
        return self._known.wait(seconds)

    def still(self) -> AbstractContextManager[Any]:
        """Keep the model unchanged while another thread reads it."""
        return self._lock

    def step(self) -> None:
        """Have the run hold its next step; at its end, nothing."""
        with self._lock:
            under_way = self.busy
            if self.running and not under_way:
                self.busy = True
                self._idle.clear()
                if self.background and not self._working:
                    self._start()
            self.steps = self.time = self.state.step  # Mesa counted the call
        if not self.background:
            self._work()
        elif under_way:
            self._idle.wait(PATIENCE)

    def close(self) -> None:
        """Let go of the run: its log is closed, and removed if it is a temporary one.

        In the background, a step that is under way is not waited for: its thread lets go after the piece that it is at.
        """
        with self._lock:
            self._closed, self.running = True, False
            working = self._working
        if not working:
            self._let_go()
        self._clean()  # now, since a process that ends waits for no thread; what is written later goes with it

    # -- carrying out; in the background, on the run's thread --------------------------------------------------

    def _start(self) -> None:
        self._working = True
        threading.Thread(target=self._work, name=THREAD, daemon=True).start()

    def _work(self) -> None:
        """Make ready, then hold the steps that are asked for; keep what ends the run.

        Raises:
            MolochError: what ended it, unless in the background, where no caller would receive it.
        """
        self._working = True
        try:
            if not self.ready and self.error is None:
                self._make_ready()
            while self._asked():
                self._hold()
        except Exception as error:
            self._fail(error)
        except BaseException:
            self._working = False
            self._rest()
            raise
        if self.error is not None and not self.background:
            raise self.error

    def _make_ready(self) -> None:
        """Carry the run out up to its first step, so that it is known who takes part."""
        self._advance_run()
        with self._lock:
            if self._closed:
                return
            self._settle()
            self._known.set()
        self.on_change()

    def _asked(self) -> bool:
        """Return whether a step is still to be held; if not, the work rests, and lets go of a run that was closed."""
        with self._lock:
            closed, self._working = self._closed, self.busy and not self._closed
        if closed:
            with suppress(Exception):
                self._let_go()
            self._clean()
        return self.busy and not closed

    def _hold(self) -> None:
        """Carry the run out until its log holds a further step, or it is over, and show the step."""
        while not self._closed and not self._shows_more() and self._advance_run():
            pass
        with self._lock:
            if self._closed:
                return
            super().step()
            self.running = self.running and not (self.waiting and self._over)
            self._rest()
        self.on_change()  # without the lock: it may draw a page, whose buttons want it

    def _shows_more(self) -> bool:
        """Return whether the log holds a step, or an error, that is not shown yet."""
        with self._lock:
            return self._find(StepEnded) is not None or self.error is not None

    def _advance_run(self) -> bool:
        """Carry out the next piece of the run, up to the one after it; return whether there is one."""
        if self._over:
            return False
        pieces = self._pieces = self._pieces or self._begin()
        try:
            self.doing = next(pieces).doing
        except StopIteration:
            self._over = True
        except BaseException:  # the generator is finished, the run is not: it resumes from its log
            self._pieces = None
            raise
        return True

    def _rest(self) -> None:
        with self._lock:
            self.busy = False
            self._idle.set()

    def _fail(self, error: Exception) -> None:
        """Keep what ended the run."""
        expected = isinstance(error, MolochError)
        ended = (
            error if expected else MolochError("the run ended with an error", why=f"{type(error).__name__}: {error}")
        )
        if not expected:
            ended.__cause__ = error
        with self._lock:
            self.error, self.running, self._working = ended, False, False
            self._rest()
        if self._closed:
            self._clean()
        else:
            self.on_change()

    def _let_go(self) -> None:
        if self._pieces is not None:
            self._pieces.close()

    def _clean(self) -> None:
        if self._scratch is not None:
            self._scratch.cleanup()


def _nothing() -> None:
    pass

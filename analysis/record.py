"""A run as a script reads it: its log, its tables and its frames. Reads only; imports no extension."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from abm.events import Event
from abm.log import EventLog, Head, open_log

if TYPE_CHECKING:
    import polars as pl

    from abm.audience import Audience
    from abm.llm import LLM
    from learning import Progress, Run, RunConfig
    from learning.runs.parts import GivenProbes
    from learning.training.trainer import Trainer


class Results(dict[str, Any]):
    """The tables of a run as one JSON-able mapping; printed, they are what ``moloch run`` prints."""

    def __str__(self) -> str:
        from rich.console import Console

        from analysis.terminal.grid import laid_out
        from analysis.terminal.run import render

        console = Console(width=80, no_color=True)
        with console.capture() as text:
            for part in laid_out(render(self), console.width):
                console.print(part)
        return text.get()

    __repr__ = __str__
    """At a prompt and in a notebook, too."""


class RunRecord:
    """One run on disk, finished or not.

    Args:
        path: the run's folder.
        seconds: wall-clock time that this process spent on it, if it carried the run out.

    Raises:
        LogError: there is no run, or its log cannot be read.
    """

    def __init__(self, path: Path | str, seconds: float = 0.0) -> None:
        self.path, self.seconds = Path(path), seconds
        self.log: EventLog = open_log(self.path, write=False)

    def __repr__(self) -> str:
        head = self.head
        return f"<run {self.path}: {head.seq:,} events, head {head.hash[:12]}>"

    @property
    def config(self) -> dict[str, Any]:
        """The recorded settings."""
        return self.log.config

    @property
    def head(self) -> Head:
        """Count and chain hash of the log as it is now; print the hash in every result."""
        return self.log.head()

    @cached_property
    def digest(self) -> str:
        """What was decided, as a hash: equal settings and seed give an equal digest."""
        from abm.journal import log_digest

        return log_digest(self.log)

    def events(self) -> Iterator[Event]:
        """Yield every event, in order."""
        return self.log.read()

    def results(self, *, look: bool = False) -> Results:
        """Return the tables of the last evaluation; see :func:`analysis.tables.results.results`.

        Args:
            look: see them though the run is a cell of a preregistered study that is not over; the study's log says so.

        Raises:
            InputError: it is such a cell, and no look was asked for.
            LogError: the log is damaged.
        """
        from analysis.studies.prereg.looks import look_at
        from analysis.tables.results import results

        look_at([self.path], "RunRecord.results", look)
        return Results(results(self.events()))

    def frame(self, name: str, *, look: bool = False) -> pl.LazyFrame:
        """Return rows of the log; ``seq`` leads each back to its event, and :meth:`codebook` says what the columns are.

        Args:
            name: ``contests``, ``votes`` (those of crowds too), ``messages`` (published and rejected ones), ``verdicts``, ``training``,
                ``reactions`` (all that members do), or a type of event, such as ``feed_served``.
            look: as of :meth:`results`.

        Raises:
            InputError: there is no such frame, or it is not to be seen yet.
            LogError: the log is damaged, or a newer version wrote it.
        """
        from analysis.frames import of_run
        from analysis.studies.prereg.looks import look_at

        frame = of_run(self.path, name)
        look_at([self.path], "RunRecord.frame", look)
        return frame

    def codebook(self, *names: str) -> dict[str, list[dict[str, str]]]:
        """Return what the columns of frames mean; see :func:`analysis.frames.codebook`.

        Raises:
            InputError: there is no such frame.
        """
        from analysis.frames import codebook

        return codebook(*names)


def open_run(path: Path | str) -> RunRecord:
    """Return a run, to read its tables and frames.

    Args:
        path: its folder, or ``STUDY#CELL``.

    Raises:
        InputError: it is a study, or the study has no such cell.
        LogError: there is no run, or its log cannot be read.
    """
    from analysis.studies.record.places import one_run

    return RunRecord(one_run(Path(path)))


def run(
    config: RunConfig | None = None,
    out: Path | str | None = None,
    *,
    probes: GivenProbes | None = None,
    llm: LLM | str | None = None,
    reader: LLM | Mapping[str, Any] | str | None = None,
    audience: Audience | str | None = None,
    trainer: Trainer | None = None,
    report: Callable[[Progress], None] = lambda progress: None,
    **settings: Any,
) -> RunRecord:
    """Carry out a run, or resume it where it stopped, and return its record; the same arguments resume it.

    Args:
        config: the settings, as :func:`load_config` reads them from a file; or give them as keywords, for example
            ``run(arena="elections", seed=2)``. ``moloch config show --all`` lists all of them; a name with dots is a setting within
            another: ``**{"lora.lr": 1e-3}``.
        out: the run's folder; by default one under ``runs/`` named by arena, audience, seed and settings.
        probes: the probes that judge evaluation messages, as objects, as names, or as a function of the arena; by default the arena's.
        llm: the model that writes, as an object, or where it is served.
        reader: the model that plays the personas, as an object; its server and name, as ``http://host:8000/v1#NAME``; or, where
            ``audience`` is ``llm``, its settings.
        audience: what reacts, as an object, or the setting.
        trainer: learns the adapters; by default LoRA on ``model``.
        report: called with the progress before each part.

    Raises:
        InputError: settings, anchors or personas are not valid, or ``out`` holds a run with other settings.
        LogError: the log cannot be opened or written; what was acknowledged is safe.
        MolochError: what else ends a run; ``exit_code`` says what, as docs/commands.md lists: a server that does not answer, a budget that
            is spent, a model that is not fit.
    """
    from analysis.probes import battery
    from learning import run as carry_out

    named = probes is not None or getattr(config, "probes", None) is not None
    done = carry_out(
        config,
        out,
        probes=probes if named else battery,
        llm=llm,
        reader=reader,
        audience=audience,
        trainer=trainer,
        report=report,
        **settings,
    )
    return record_of(done)


def record_of(done: Run) -> RunRecord:
    """Return the record of a run that was just carried out."""
    return RunRecord(done.path, done.seconds)

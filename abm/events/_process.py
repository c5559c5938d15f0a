"""The process of a run: it began, was resumed, recovered, asked servers, ended. None of it decides what a study finds."""

from __future__ import annotations

from abm.events._event import Lifecycle


class RunStarted(Lifecycle, frozen=True, kw_only=True, tag="run_started"):
    """A process began the run."""

    versions: dict[str, str]
    """Package -> version."""
    machine: dict[str, str] = {}
    """What kind of machine it runs on: system, processor, CPUs, GPUs."""
    models: dict[str, dict[str, str]] = {}
    """Model in this process -> by what it computes: backend, device, precision."""
    inputs: dict[str, str] = {}
    """Setting and name of a file that it names, as ``personas/voters.csv`` -> SHA-256; a copy is kept under ``inputs/``."""
    probe_versions: dict[str, int] = {}
    """Probe -> version of its rules, for those that judge; one that is not named is of version 1."""


class RunResumed(Lifecycle, frozen=True, kw_only=True, tag="run_resumed"):
    """A later process took the run up again, or began a fork."""

    versions: dict[str, str]
    machine: dict[str, str] = {}
    """As in ``run_started``; it may be another one."""
    models: dict[str, dict[str, str]] = {}
    inputs: dict[str, str] = {}
    """As of ``run_started``: what a fork names otherwise than the run that it comes from."""
    probe_versions: dict[str, int] = {}
    """As in :class:`RunStarted`."""


class Recovered(Lifecycle, frozen=True, kw_only=True, tag="recovered"):
    """An incomplete last frame was moved aside; nothing that had been acknowledged was in it."""

    quarantined: str
    """File under ``quarantine/``."""
    nbytes: int


class Repaired(Lifecycle, frozen=True, kw_only=True, tag="repaired"):
    """Somebody had a damaged log cut here; acknowledged events may be among what was set aside."""

    files: list[str]
    """What was set aside, under ``quarantine/``."""
    nbytes: int
    why: str
    """The damage."""
    answers: str = ""
    """File under ``quarantine/`` with answers of models that were behind the damage; a resumed run asks for none of them again."""
    answers_hash: str = ""
    """The hash that its chain of commits ends with."""
    answered: int = 0
    """How many answers."""


class CallsServed(Lifecycle, frozen=True, kw_only=True, tag="calls_served"):
    """How a server answered a round of calls; each answer has an event of its own (``llm_replied``)."""

    model: str
    calls: int
    """Answered."""
    attempts: int
    """Sent, those that were sent again among them."""
    retried: dict[str, int]
    """Reason -> attempts that were made again."""
    failed: dict[str, int]
    """Reason -> calls that were given up; their answers say ``error``."""
    tokens_in: int
    tokens_out: int
    usd: float
    """By the prices in the settings."""
    seconds: float
    window: int
    """Calls on their way at once that the server bore in the end."""
    answered_by: dict[str, int] = {}
    """Model, as the server names it in its answers -> answers; empty where it names none."""
    changes: list[str] = []
    """What the server is asked otherwise than is usual, since it refused the usual way."""


class ExtensionsLoaded(Lifecycle, frozen=True, kw_only=True, tag="extensions_loaded"):
    """The modules of the user's own that a process imported before it began or resumed the run."""

    sha256: dict[str, str]
    """Module -> SHA-256 of its file, or of all Python files of its package."""


class RunEnded(Lifecycle, frozen=True, kw_only=True, tag="run_ended"):
    """The plan is done; ``digest`` covers all deterministic events before this one."""

    digest: str
    seconds: float

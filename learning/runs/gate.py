"""The gate behind a run's first step: models that are not fit for the study are said, or stop it before more is paid.

It decides nothing of what the log holds: a run that it stopped goes on from there, with the gate open. Knows what was observed of the
models; knows nothing of how they were asked.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

from abm.events import (
    ArenaSet,
    CompetitorsJoined,
    Event,
    LLMReplied,
    MessagePublished,
    MessageRedrawn,
    MessageRejected,
    StepEnded,
)
from abm.llm.http.endpoint import Endpoint, loopback, parsed
from abm.llm.port import LLM
from abm.log import EventLog
from learning.fitness import Observation, observed
from learning.settings.config import LLM_AUDIENCE, RunConfig
from moloch.errors import MolochError, MolochWarning
from moloch.exit_codes import ExitCode


class GateClosed(MolochError):
    """A model is not fit for what the study asks of it; what was answered is in the log."""

    exit_code = ExitCode.UNFIT


def gate_of(config: RunConfig) -> Literal["flag", "stop"]:
    """Return what the gate does: as set, else ``stop`` where an answer may cost money, and ``flag`` elsewhere."""
    if config.gate is not None:
        return config.gate
    return "stop" if any(map(_is_paid, _endpoints(config))) else "flag"


def look(log: EventLog, config: RunConfig, writer: LLM, reader: LLM) -> bool:
    """Look at the first step of a run's log, of a fork at the first of its own; return whether there is one yet.

    Raises:
        GateClosed: a writer or the readers are not fit, and the gate is ``stop``.
    """
    seen = _seen(log, writer.name, reader.name if config.audience == LLM_AUDIENCE else "")
    if seen is not None:
        _pass(seen, log, config)
    return seen is not None


_WRITTEN = frozenset({ArenaSet, CompetitorsJoined, LLMReplied, MessagePublished, MessageRedrawn, MessageRejected})
"""What tells of writers alone."""


def look_at_others(log: EventLog, config: RunConfig, others: Mapping[str, LLM]) -> bool:
    """Look at what the models have written that write for some competitors only, once a step has ended by which each has; return
    whether there is such a step yet.

    Args:
        others: competitor -> model.

    Raises:
        GateClosed: as :func:`look`.
    """
    waited, events = {llm.name for llm in others.values()}, list[Event]()
    if not waited:
        return True
    for block in log.blocks(log.fork.seq if log.fork else 0):
        for event in block.events(_WRITTEN | {StepEnded}):
            if isinstance(event, LLMReplied) and event.site.startswith("write/"):
                waited.discard(event.model)
            if isinstance(event, StepEnded) and not waited:
                _pass(observed(events, next(iter(others.values())).name), log, config)
                return True
            if not isinstance(event, MessagePublished | MessageRejected) or event.competitor in others:
                events.append(event)
    return False


def _pass(seen: Observation, log: EventLog, config: RunConfig) -> None:
    """Let models that are fit pass.

    Raises:
        GateClosed: one is not, and the gate is ``stop``.
    """
    if not seen.unfit:
        return
    said = ". ".join(flag for flag in seen.flags)
    fixes = [point.fix for each in seen.unfit for point in each.points if point.verdict == "unfit" and point.fix]
    if gate_of(config) == "flag":
        warnings.warn(f"after the first step: {said}. Tables will say so", MolochWarning, stacklevel=2)
        return
    raise GateClosed(
        "stopped after the first step",
        where=str(log.path),
        why=said,
        fix=" ".join(
            [
                *dict.fromkeys(fixes),
                "Nothing is lost and nothing is paid twice. To continue anyway, give --set gate=flag; in a study, gate: flag in "
                "the base of its page, and moloch study retry.",
            ]
        ),
    )


def tells_of_writers(log: EventLog) -> bool:
    """Return whether the gate has something to tell of who wrote the first step's messages."""
    played = log.config.get("audience") == LLM_AUDIENCE
    seen = _seen(log, "writer", "reader" if played else "")
    return seen is not None and bool(seen.unfit) and any(each.against for each in seen.writers)


def _seen(log: EventLog, writer: str, reader: str) -> Observation | None:
    """Return what the first step tells, of a fork its own first; None where it has not ended."""
    events = list(_first_step(log.read(log.fork.seq if log.fork else 0)))
    if not events or not isinstance(events[-1], StepEnded):
        return None
    return observed(events, writer, reader)


def _first_step(events: Iterable[Event]) -> Iterator[Event]:
    """Yield events up to the end of the first step."""
    for event in events:
        yield event
        if isinstance(event, StepEnded):
            return


def _endpoints(config: RunConfig) -> list[Endpoint]:
    models = [config.model, *config.other_writers.values()]
    models += [config.reader_model] if config.audience == LLM_AUDIENCE else []
    models += config.voting_models.values()
    return [endpoint for model in models if (endpoint := config.serving.endpoint(model)) is not None]


def _is_paid(endpoint: Endpoint) -> bool:
    """Return whether answers may cost money: prices are known, or another machine is asked with a key."""
    if endpoint.price is not None:
        return any(endpoint.price)
    return not loopback(parsed(endpoint.url)[0].host) and bool(endpoint.secret)

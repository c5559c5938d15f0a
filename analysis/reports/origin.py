"""Where a report's numbers come from: versions, machine, models, hashes, and the settings and the command that make them again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any, ClassVar

import yaml

from abm.events import Event, RunEnded, RunStarted
from analysis.formats import count, number
from analysis.reports.document import Code, Fact, Facts
from learning import RunConfig


class OriginReading:
    """Reads who began a run, with what, and how it ended."""

    TAKES: ClassVar[frozenset[type[Event]]] = frozenset({RunStarted, RunEnded})

    def __init__(self) -> None:
        self.started: RunStarted | None = None
        self.ended: RunEnded | None = None

    def take(self, event: Event) -> None:
        """Take the next event."""
        if isinstance(event, RunStarted) and self.started is None:
            self.started = event
        elif isinstance(event, RunEnded):
            self.ended = event

    def result(self) -> OriginReading:
        """Return itself."""
        return self


def given(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a record that are not the defaults: what a file has to say to have the same run again."""
    defaults = RunConfig.model_validate({}).model_dump(mode="json")
    return {name: value for name, value in config.items() if name not in defaults or value != defaults[name]}


def origin_facts(origin: OriginReading, head: str, events: int) -> Facts:
    """Return versions, machine, models and hashes."""
    started, ended = origin.started, origin.ended
    facts = [
        Fact("head of the log", head),
        Fact("events", number(events)),
        Fact("digest of its decisions", ended.digest if ended else "the run has not ended", ended is not None),
        Fact("time", f"{number(ended.seconds)} s" if ended else "the run has not ended", ended is not None),
    ]
    if started is not None:
        facts += [
            Fact("versions", ", ".join(f"{name} {version}" for name, version in started.versions.items())),
            Fact(
                "machine",
                ", ".join(f"{name} {value}" for name, value in started.machine.items()) or "not in the log",
                bool(started.machine),
            ),
            Fact("probes", ", ".join(f"{name} version {n}" for name, n in started.probe_versions.items()) or "none"),
        ]
        facts += [
            Fact(f"model {name}", ", ".join(f"{key} {value}" for key, value in how.items()))
            for name, how in started.models.items()
        ]
        facts += [Fact(f"input {name}", digest) for name, digest in started.inputs.items()]
    return Facts(tuple(facts))


def settings_code(config: Mapping[str, Any], folder: str = "again") -> Code:
    """Return the commands that carry the same run out again: what is pasted makes the settings and runs them."""
    settings = yaml.safe_dump(given(config), sort_keys=True, allow_unicode=True) if given(config) else "{}\n"
    command = f"moloch run settings.yaml --out {shlex.quote(folder)}"
    text = f"cat > settings.yaml <<'END_OF_SETTINGS'\n{settings}END_OF_SETTINGS\n{command}\n"
    return Code(
        text, "Equal settings and versions give an equal digest on one machine; other hardware may round differently."
    )


def sizes(table: Mapping[str, Any]) -> str:
    """Return how large a run's evaluation is, in words."""
    first = next(iter(table["arms"].values()))
    return f"{count(first['contests'], 'held-out anchor')}, {count(table['personas'], 'held-out person', 'held-out people')}"

"""Batteries: which questions a judge is asked about a message. Data (YAML); knows nothing of models or logs."""

from __future__ import annotations

from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from moloch.checked_values import validated
from moloch.content import canonical, content_id
from moloch.errors import InputError
from moloch.yamls import Source, read_source

BUILT_IN = ("paper", "battery2026")

QUOTE, REASON = 600, 300
"""Characters of an answer's texts, where a server holds the judge to them: with both at their most the verdict still comes
within the default bound of an answer. Answers beyond them count as any others."""

_Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Question(_Frozen):
    """One probe, as a judge is asked it."""

    name: _Name
    """As tables call it; the name of a rule probe where both mean the same."""
    question: _Text
    """What is asked about the message."""
    rules: tuple[_Text, ...] = Field(default=(), max_length=12)
    """What counts and what does not."""
    arenas: tuple[str, ...] = ()
    """Arenas in which it is asked; none named: in all."""
    source: Literal["anchor", "none"] = "anchor"
    """What the judge sees beside the message."""
    levels: tuple[_Text, ...] = ()
    """The verdicts to choose from, the first for nothing found; none named: false and true."""
    harm: bool | tuple[_Text, ...] = True
    """The verdict that is misbehaviour, or the levels that are."""

    @model_validator(mode="after")
    def _check(self) -> Question:
        if isinstance(self.harm, bool):
            if self.levels:
                raise ValueError(f"levels are given: name those of {', '.join(self.levels)} that are harm")
            return self
        folded = [level.casefold() for level in self.levels]
        if len(folded) < 2 or len(set(folded)) < len(folded):
            raise ValueError("harm names levels: give two or more different levels")
        strangers = [level for level in self.harm if level not in self.levels]
        if strangers or not self.harm or set(self.harm) == set(self.levels):
            raise ValueError(f"harm must name some, not all, of {', '.join(self.levels)}")
        return self

    @property
    def id(self) -> str:
        """Content id of what is asked and what it means; where it is asked is not part of it."""
        return content_id(self.model_dump(mode="json", exclude={"arenas"}))

    @property
    def verdicts(self) -> tuple[str, ...]:
        """The verdicts as text, the one for nothing found first."""
        return self.levels or ("false", "true")

    @property
    def schema_text(self) -> str:
        """JSON Schema of an answer, as JSON text: the evidence comes before the verdict, and cannot fill the answer."""
        verdict = {"type": "string", "enum": list(self.levels)} if self.levels else {"type": "boolean"}
        texts = {name: {"type": "string", "maxLength": most} for name, most in (("quote", QUOTE), ("reason", REASON))}
        fields = {**texts, "verdict": verdict}
        return canonical(
            {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}
        ).decode()

    def label(self, verdict: str) -> int:
        """Return 1 if a verdict, one of :attr:`verdicts`, is misbehaviour, else 0."""
        if isinstance(self.harm, bool):
            return int((verdict == "true") == self.harm)
        return int(verdict in self.harm)

    def asked_in(self, arena: str) -> bool:
        """Return whether the question is asked in an arena."""
        return not self.arenas or arena in self.arenas


class Battery(_Frozen):
    """Questions that are asked together, fixed before anything is judged."""

    name: _Name
    probes: tuple[Question, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _check(self) -> Battery:
        names = [probe.name for probe in self.probes]
        for arena in {arena for probe in self.probes for arena in probe.arenas} | {""}:
            asked = [probe.name for probe in self.probes if probe.asked_in(arena)]
            if len(set(asked)) < len(asked):
                twice = next(name for name in asked if asked.count(name) > 1)
                raise ValueError(f"two probes are called {twice!r} in one arena; there are {', '.join(names)}")
        return self

    def asked_in(self, arena: str) -> tuple[Question, ...]:
        """Return the questions of an arena.

        Raises:
            InputError: there are none.
        """
        asked = tuple(probe for probe in self.probes if probe.asked_in(arena))
        if not asked:
            arenas = sorted({arena for probe in self.probes for arena in probe.arenas})
            raise InputError(
                f"battery {self.name!r} asks nothing in the arena {arena!r}",
                why=f"it is for {', '.join(arenas)}",
                fix="Give the battery's YAML with the arena named, or another battery.",
            )
        return asked


@cache
def _built_in(name: str) -> Battery:
    text = resources.files("analysis.judges").joinpath(f"batteries/{name}.yaml").read_text("utf-8")
    return validated(Battery, Source(text, f"battery {name}"), "the battery")


def load_battery(name: str | Path) -> Battery:
    """Return a built-in battery by name, or read one from the path of a YAML file.

    Raises:
        InputError: no such battery, or a file that is not one; names the file, line and column.
    """
    if str(name) in BUILT_IN:
        return _built_in(str(name))
    if Path(name).suffix not in {".yaml", ".yml"}:
        raise InputError(
            f"unknown battery {str(name)!r}",
            fix=f"Choose one of {', '.join(BUILT_IN)}, or give the path of a YAML file.",
        )
    return validated(Battery, read_source(name, "the battery"), "the battery")

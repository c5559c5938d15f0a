"""Survey microdata as personas: which column is which attribute, and how its codes read. A YAML file::

    columns:
      age: V12                                       # the column's values as they are
      sex: {from: V3, values: {1: male, 2: female}}  # codes in words
      religion: {from: V40, values: {1: none, 2: catholic}, other: other}
    weight: W1                                       # optional; the survey's weights
    margins: {sex: {male: 0.49, female: 0.51}}       # optional; rake to the population's shares
    name: "{sex}, {age}"                             # optional; labels for people who read results
    text: "{age}-year-old {sex}, {religion}."        # optional; else the documented rule of populations.personas

A row in which a column is missing is refused, unless the attribute says ``missing: TEXT``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping as Fields
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from moloch.yamls import read_source
from populations.personas import Persona, make_attributed

Share = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Column(BaseModel):
    """Where one attribute comes from."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    source: str = Field(alias="from")
    values: dict[str, str | int] = {}
    """Code -> what it means; none: the values as they are."""
    other: str | None = None
    """What codes mean that are not in ``values``; by default they are refused."""
    missing: str | None = None
    """What a missing value means; by default the row is refused."""

    @field_validator("values", mode="before")
    @classmethod
    def _texts(cls, values: Any) -> Any:
        return {str(code): value for code, value in values.items()} if isinstance(values, dict) else values

    def read(self, row: Fields[str, Any], name: str) -> str | int:
        """Return the attribute's value in a row.

        Raises:
            ValueError: there is none, or its code has no meaning; names the column.
        """
        value = row.get(self.source)
        if value is None:
            if self.missing is None:
                raise ValueError(f"column {self.source!r} (for {name!r}) is missing")
            return self.missing
        if not self.values:
            return value if isinstance(value, int) and not isinstance(value, bool) else str(value)
        code = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
        if code in self.values:
            return self.values[code]
        if self.other is None:
            raise ValueError(f"column {self.source!r} (for {name!r}) holds {value!r}, which has no meaning")
        return self.other


class SurveyMapping(BaseModel):
    """What a survey's columns mean."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    columns: dict[str, Column]
    name: str = ""
    text: str = ""
    weight: str = ""
    """Column of sampling weights, or of a joint table's counts."""
    margins: dict[str, dict[str | int, Share]] = {}
    """Attribute -> value -> share (or count) in the population; weights are raked to these."""

    @field_validator("columns", mode="before")
    @classmethod
    def _short(cls, columns: Any) -> Any:
        if not isinstance(columns, dict) or not columns:
            raise ValueError("give at least one attribute and its column")
        return {name: {"from": column} if isinstance(column, str) else column for name, column in columns.items()}

    @model_validator(mode="after")
    def _named(self) -> SurveyMapping:
        if strange := [name for name in self.margins if name not in self.columns]:
            raise ValueError(f"margins of {strange[0]!r}, which is no attribute; those are {', '.join(self.columns)}")
        for template in (self.name, self.text):
            _filled(template, dict.fromkeys(self.columns, ""))
        return self

    @property
    def weighs(self) -> bool:
        """Whether some people count more than others."""
        return bool(self.weight or self.margins)

    def weight_of(self, row: Fields[str, Any]) -> float:
        """Return how much a row counts: 1 where there are no weights, 0 for an empty cell of a table.

        Raises:
            ValueError: its weight is missing, or no number of 0 or more; names the column.
        """
        if not self.weight:
            return 1.0
        try:
            weight = float(row.get(self.weight, "missing"))
        except (TypeError, ValueError):
            weight = float("nan")
        if not 0 <= weight < float("inf"):
            raise ValueError(
                f"column {self.weight!r} (the weight) holds {row.get(self.weight)!r}, no number of 0 or more"
            )
        return weight

    def persona(self, row: Fields[str, Any]) -> Persona:
        """Return the persona of a row.

        Raises:
            ValueError: a column is missing, or holds what has no meaning.
        """
        attributes = {name: column.read(row, name) for name, column in self.columns.items()}
        return make_attributed(attributes, name=_filled(self.name, attributes), text=_filled(self.text, attributes))


def read_mapping(path: Path | str) -> SurveyMapping:
    """Return the mapping in a YAML file.

    Raises:
        InputError: the file cannot be read or is no mapping, with line and column.
    """
    return read_source(path, "the mapping").validated(SurveyMapping, "the mapping")


def _filled(template: str, attributes: Fields[str, str | int]) -> str:
    """Return a template with attributes filled in.

    Raises:
        ValueError: it names an attribute that does not exist.
    """
    if unknown := [name for name in re.findall(r"\{(\w+)\}", template) if name not in attributes]:
        raise ValueError(f"the template names {unknown[0]!r}, which is no attribute")
    return re.sub(r"\{(\w+)\}", lambda match: str(attributes[match[1]]), template)

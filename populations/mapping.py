"""Survey microdata as personas: which column is which attribute, and how its codes read. A YAML file::

    columns:
      age: V12                                       # the column's values as they are
      sex: {from: V3, values: {1: male, 2: female}}  # codes in words
      religion: {from: V40, values: {1: none, 2: catholic}, other: other}
    missing: [-9, 999, NA]                           # optional; values that stand for none, in all columns
    weight: W1                                       # optional; the survey's weights
    margins: {sex: {male: 0.49, female: 0.51}}       # optional; rake to the population's shares
    name: "{sex}, {age}"                             # optional; labels for people who read results
    text: "{age}-year-old {sex}, {religion}."        # optional; else the documented rule of populations.personas

Codes and labels are text as written (``yes``, ``NO``, ``010``, ``1e3``), and whole numbers are numbers. A row in which a column is
missing is refused, unless the attribute says ``missing: TEXT``; ``missing: [-9]`` there are values that stand for none in that column.
"""

from __future__ import annotations

import datetime
import decimal
import math
import re
from collections.abc import Iterable
from collections.abc import Mapping as Fields
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, field_validator, model_validator

from moloch.checked_values import validated
from moloch.column_names import NoColumn, renamed
from moloch.errors import InputError
from moloch.numerals import number, whole
from moloch.plain_text import one_line, quoted
from moloch.texts import same_letters
from moloch.yamls import read_source
from populations.margins import LARGEST_WEIGHT, SMALLEST_CENSUS, shares
from populations.personas import Persona, make_attributed, years

Share = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Markers = tuple[str | int, ...]

_QUOTES = "'\""
BORN_SINCE, BORN_UNTIL = 1890, 2030
"""Numbers where an age is expected that are years of birth."""

_NONE = ("", "~", "null", "Null", "NULL")
"""How YAML writes that nothing is declared."""


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
    markers: Markers = ()
    """Values of this column that stand for a missing one; also accepted as a list given for ``missing``."""

    _meanings: dict[str, str | int] = PrivateAttr({})
    _missing: frozenset[str] = PrivateAttr(frozenset())
    _composed: str = PrivateAttr("")

    @model_validator(mode="before")
    @classmethod
    def _listed(cls, given: Any) -> Any:
        if isinstance(given, dict) and isinstance(given.get("missing"), int):
            marker = given["missing"]
            raise ValueError(f"missing: {marker} is a number; write [{marker}] for a value that stands for none")
        if isinstance(given, dict) and isinstance(given.get("missing"), list):
            rest = {name: value for name, value in given.items() if name != "missing"}
            return rest | {"markers": [*given["missing"], *(given.get("markers") or [])]}
        return given

    @field_validator("source", "other", "missing", mode="before")
    @classmethod
    def _text(cls, value: Any) -> Any:
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        return None if value in _NONE else value

    @field_validator("values", mode="before")
    @classmethod
    def _texts(cls, values: Any) -> Any:
        return {str(code): value for code, value in values.items()} if isinstance(values, dict) else values

    @model_validator(mode="after")
    def _plain(self) -> Column:
        """Know each code also by the number that it is, however the table writes it."""
        if empty := [
            code for code, meaning in self.values.items() if isinstance(meaning, str) and not one_line(meaning)
        ]:
            raise ValueError(f"code {empty[0]!r} means nothing; list it as missing: [{empty[0]}]")
        for code, meaning in self.values.items():
            if self._meanings.setdefault(_code(code), meaning) != meaning:
                raise ValueError(f"two codes are the number {_code(code)}, and mean different things")
        self._missing = _codes(self.markers)
        self._composed = same_letters(self.source)
        return self

    def read(self, row: Fields[str, Any], name: str, markers: frozenset[str] = frozenset()) -> str | int:
        """Return the attribute's value in a row.

        Args:
            name: the attribute.
            markers: values that stand for a missing one in all columns.

        Raises:
            ValueError: there is none, its code has no meaning, or it is no age; names the column and the value.
        """
        value = row.get(self.source, row.get(self._composed))
        declared = (markers or self._missing) and ((code := _code(value)) in markers or code in self._missing)
        if value is None or declared:
            if self.missing is None:
                why = f"is missing ({quoted(value)})" if value is not None else "is missing"
                raise (NoColumn if value is None else ValueError)(f"column {self.source!r} (for {name!r}) {why}")
            return self.missing
        if not isinstance(value, _SCALARS):
            raise ValueError(
                f"column {self.source!r} (for {name!r}) holds a {type(value).__name__}, not a single value"
            )
        if self.values:
            return self._meaning(value, name)
        try:
            return years(value) if name == "age" else _plain_value(value)
        except ValueError as error:
            why = f"{error}; declare what stands for a missing one (missing: [{quoted(_code(value)).strip(_QUOTES)}])"
            if BORN_SINCE <= (number(value) or 0) <= BORN_UNTIL:
                why = f"{error}; of a year of birth, write the age into the table, or call the attribute born"
            raise ValueError(f"column {self.source!r} (for {name!r}): {why}") from None

    def _meaning(self, value: Any, name: str) -> str | int:
        exact = str(value)
        meaning = self.values.get(exact, self._meanings.get(_code(value)))
        if meaning is None and isinstance(value, bool):
            meaning = self.values.get(exact.lower(), self.values.get(exact.upper()))
        if meaning is None and self.other is None:
            raise ValueError(f"column {self.source!r} (for {name!r}) holds {quoted(value)}, which has no meaning")
        return self.other if meaning is None else meaning  # pyright: ignore[reportReturnType]


_SCALARS = (str, int, float, decimal.Decimal, datetime.date, datetime.time, datetime.timedelta)


def _code(value: Any) -> str:
    """Return a code as text: a whole number in its usual form, all else as it is."""
    found = whole(value)
    return same_letters(one_line(str(value))) if found is None else str(found)


def _codes(values: Iterable[str | int]) -> frozenset[str]:
    return frozenset(_code(value) for value in values)


def _plain_value(value: Any) -> str | int:
    found = whole(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} is not a value")
    text = one_line(str(value)) if found is None else found
    if text == "":
        raise ValueError(f"{quoted(value)} holds no text")
    return text


class SurveyMapping(BaseModel):
    """What a survey's columns mean."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    columns: dict[str, Column]
    name: str = ""
    text: str = ""
    missing: Markers = ()
    """Values that stand for a missing one, in all columns."""
    weight: str = ""
    """Column of sampling weights, or of a joint table's counts."""
    margins: dict[str, dict[str | int, Share]] = {}
    """Attribute -> value -> share (percentage, count) in the population; weights are raked to these."""

    _markers: frozenset[str] = PrivateAttr(frozenset())
    _sources: frozenset[str] = PrivateAttr(frozenset())

    @field_validator("columns", mode="before")
    @classmethod
    def _short(cls, columns: Any) -> Any:
        if not isinstance(columns, dict) or not columns:
            raise ValueError("give at least one attribute and its column")
        plain = [one_line(str(name)) for name in columns]
        if not all(plain) or len(set(plain)) < len(plain):
            raise ValueError("each attribute needs a different name")
        return {
            str(name): {"from": column} if isinstance(column, str | int) else column for name, column in columns.items()
        }

    @field_validator("weight", mode="before")
    @classmethod
    def _column(cls, column: Any) -> Any:
        return str(column) if isinstance(column, int) and not isinstance(column, bool) else column or ""

    @field_validator("missing", mode="before")
    @classmethod
    def _several(cls, markers: Any) -> Any:
        return [markers] if isinstance(markers, str | int) else markers

    @field_validator("margins", mode="after")
    @classmethod
    def _whole(cls, margins: dict[str, dict[str | int, float]]) -> dict[str, dict[str | int, float]]:
        for name, margin in margins.items():
            try:
                shares(name, margin, above=SMALLEST_CENSUS)
            except InputError as error:
                raise ValueError(f"{error.what}: {error.why or 'none is above 0'}. {error.fix}") from error
        return margins

    @model_validator(mode="after")
    def _named(self) -> SurveyMapping:
        if strange := [name for name in self.margins if name not in self.columns]:
            raise ValueError(
                f"margins of {strange[0]!r}, which is not an attribute; those are {', '.join(self.columns)}"
            )
        for template in (self.name, self.text):
            _filled(template, dict.fromkeys(self.columns, ""))
        self._markers = _codes(self.missing)
        names = [*(column.source for column in self.columns.values()), *([self.weight] if self.weight else ())]
        self._sources = frozenset(map(same_letters, names))
        return self

    def named(self, row: Fields[str, Any]) -> Fields[str, Any]:
        """Return a row whose columns have the names that are given here, where they differ from them in case alone."""
        return renamed(row, self._sources)

    @property
    def weighs(self) -> bool:
        """Whether some people count more than others."""
        return bool(self.weight or self.margins)

    def weight_of(self, row: Fields[str, Any]) -> float:
        """Return how much a row counts: 1 where there are no weights.

        Raises:
            ValueError: its weight is missing, or no number of 0 to :data:`populations.margins.LARGEST_WEIGHT`; names the column.
        """
        if not self.weight:
            return 1.0
        row = self.named(row)
        value = row.get(self.weight, row.get(same_letters(self.weight)))
        weight = None if self._markers and _code(value) in self._markers else number(value)
        if weight is None or not 0 <= weight <= LARGEST_WEIGHT:
            wanted = f"not a number from 0 to {LARGEST_WEIGHT:g}"
            raise ValueError(f"column {self.weight!r} (the weight) holds {quoted(value)}, {wanted}")
        return weight

    def persona(self, row: Fields[str, Any]) -> Persona:
        """Return the persona of a row.

        Raises:
            ValueError: a column is missing, or holds what has no meaning.
        """
        row = self.named(row)
        attributes = {name: column.read(row, name, self._markers) for name, column in self.columns.items()}
        return make_attributed(attributes, name=_filled(self.name, attributes), text=_filled(self.text, attributes))


def read_mapping(path: Path | str) -> SurveyMapping:
    """Return the mapping in a YAML file.

    Raises:
        InputError: the file cannot be read or is no mapping, with line and column.
    """
    source = read_source(path, "the mapping")._replace(as_written=True)
    return validated(SurveyMapping, source, "the mapping")


def _filled(template: str, attributes: Fields[str, str | int]) -> str:
    """Return a template with attributes filled in.

    Raises:
        ValueError: it names an attribute that does not exist.
    """
    if unknown := [name for name in re.findall(r"\{(\w+)\}", template) if name not in attributes]:
        raise ValueError(
            f"the template names {unknown[0]!r}, which is not an attribute; those are {', '.join(attributes)}"
        )
    return re.sub(r"\{(\w+)\}", lambda match: str(attributes[match[1]]), template)

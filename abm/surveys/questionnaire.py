"""Questionnaires: what a persona is asked, as data (YAML). Knows nothing of personas, models or logs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from moloch.checked_values import validated
from moloch.content import content_id
from moloch.yamls import read_source

_Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=64)]
_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
_Label = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Order = Literal["declared", "random"]
MOST_OPTIONS = 26
"""Options that have a letter each."""


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)


class _SurveyItem(_Data):
    id: _Name
    """As tables call it."""
    text: _Text
    """What is asked."""


def _distinct(labels: tuple[str, ...]) -> tuple[str, ...]:
    folded = [" ".join(label.casefold().split()) for label in labels]
    if twice := next((label for label, each in zip(labels, folded, strict=True) if folded.count(each) > 1), None):
        raise ValueError(f"two of them read {twice!r}")
    return labels


class LikertItem(_SurveyItem):
    """A question that is answered on a scale."""

    kind: Literal["likert"]
    scale: tuple[_Label, ...] = Field(min_length=2, max_length=11)
    """From the low end to the high end; the first has the value 1 in tables."""
    order: Order = "declared"
    """``random``: half of the personas, drawn at random, see the scale from its high end."""

    _check = field_validator("scale")(_distinct)

    @property
    def options(self) -> tuple[str, ...]:
        """What there is to choose from."""
        return self.scale


class ChoiceItem(_SurveyItem):
    """A question that is answered by one of some options."""

    kind: Literal["choice"]
    options: tuple[_Label, ...] = Field(min_length=2, max_length=MOST_OPTIONS)
    """The first has the value 1 in tables."""
    order: Order = "declared"
    """``random``: each persona sees them in an order of its own."""

    _check = field_validator("options")(_distinct)


class OpenItem(_SurveyItem):
    """A question that is answered in words."""

    kind: Literal["open"]
    words: int = Field(default=60, ge=1, le=500)
    """How many are asked for, at most."""

    @property
    def options(self) -> tuple[str, ...]:
        """None: the answer is free."""
        return ()


SurveyItem = LikertItem | ChoiceItem | OpenItem


class Questionnaire(_Data):
    """Questions that are put to a persona together."""

    name: _Name
    intro: Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000)] = ""
    """Said before the first question."""
    order: Order = "declared"
    """``random``: each persona is asked the questions in an order of its own."""
    together: bool = True
    """Whether a persona has its earlier answers before it at each question; else each question is asked alone."""
    questions: tuple[Annotated[SurveyItem, Field(discriminator="kind")], ...] = Field(min_length=1, max_length=200)

    @model_validator(mode="after")
    def _check(self) -> Questionnaire:
        ids = [item.id for item in self.questions]
        if twice := next((each for each in ids if ids.count(each) > 1), None):
            raise ValueError(f"two questions are called {twice!r}")
        return self

    @property
    def digest(self) -> str:
        """Content id of all that is asked, and how."""
        return content_id(self.model_dump(mode="json"))

    def item(self, question: str) -> SurveyItem:
        """Return a question by its id.

        Raises:
            KeyError: there is none.
        """
        try:
            return next(item for item in self.questions if item.id == question)
        except StopIteration:
            raise KeyError(question) from None


def load_questionnaire(path: Path | str) -> Questionnaire:
    """Read a questionnaire from a YAML file; labels are texts as they are written: ``yes``, ``no``, ``1``.

    Raises:
        InputError: it cannot be read or is none; names the file, line and column.
    """
    source = read_source(path, "the questionnaire")._replace(as_written=True)
    return validated(Questionnaire, source, "the questionnaire")

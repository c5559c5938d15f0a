"""What a study declares before it begins: the ``primary`` of its page. Knows what may be said; whether a page has such arms and outcomes,
:mod:`analysis.studies.pages.declared_mistakes` knows."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from analysis.statistics.look_boundaries import Spending
from analysis.tables.conventions import CONTESTS_WON, FORFEITS, TIES_HALF, WIN_RATE
from moloch.checked_values import checked
from moloch.content import content_id

Direction = Literal["two-sided", "greater", "less"]
TestedMeasure = Literal["from_comparator", "from_base", "rate", "rivalry"]
"""What a hypothesis can be about; ``rate`` is tested against a half."""
TEXTS = (
    "question", "background", "seen", "sampling", "exclusions", "stopping", "analysis", "deviations_policy", "other",
)  # fmt: skip
"""Fields of a preregistration that are prose."""


class _Declared(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Hypothesis(_Declared):
    """One comparison that a study is to decide."""

    name: str = Field(min_length=1, max_length=40)
    """Short, as ``H1``; results name it so."""
    says: str = ""
    """The hypothesis in a sentence."""
    arm: str
    compared_with: str = ""
    """Another arm of the same runs; by default the one that the arm is compared with by the settings."""
    outcome: str
    """``win_rate``, a probe, or one of them by another convention (:mod:`analysis.tables.conventions`)."""
    measure: TestedMeasure = "from_comparator"
    where: dict[str, str | int | float | bool] = {}
    """Factor -> level; factors that are not named are averaged over."""
    minus: dict[str, str | int | float | bool] = {}
    """Factor -> another level than in ``where``: the same difference there is subtracted, so the hypothesis is about how much more
    there is of it in one level than in the other. Empty for none."""
    direction: Direction = "two-sided"
    margin: float | None = Field(default=None, gt=0, lt=100)
    """Percentage points within which an effect counts as none; without one, no equivalence is tested."""

    @property
    def sides(self) -> tuple[dict[str, str | int | float | bool], ...]:
        """The levels whose cells it is about: those of ``where``, and of a difference between levels those that are subtracted."""
        return (self.where, self.where | self.minus) if self.minus else (self.where,)


class Preregistration(_Declared):
    """What a study is to decide, and how.

    Attributes:
        is_earlier: whether it was written in a form of an earlier version, which had no hypotheses: it is kept as it stands.
        said: what an earlier form says.
    """

    hypotheses: tuple[Hypothesis, ...] = Field(max_length=100)
    """The confirmatory family: Holm's correction is over all of them."""
    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    """Of false alarms among all hypotheses, over all looks. Of a hypothesis with a direction, all of it is on that side."""
    forfeits: Literal["lost", "left out"] = "lost"
    """How messages that were rejected count in the primary win rates; the other way stands beside it."""
    ties: Literal["left out", "half"] = "left out"
    """How ties count in contests won by majority, where a hypothesis is about those (``contests_won``); votes have none."""
    looks: tuple[int, ...] = ()
    """Numbers of seeds, in the order of the page, after which effects are looked at; the end is itself a look."""
    spending: Spending = "obrien-fleming"
    """How alpha is spent over looks."""

    judges: tuple[str, ...] = ()
    """Models that will judge messages afterwards (``moloch probe --judge``), beside the probes of the settings."""

    question: str = ""
    background: str = ""
    """What is known, and what the hypotheses rest on."""
    seen: str = ""
    """Data of the same kind that were seen before: pilots, other studies, published results."""
    sampling: str = ""
    """Why so many seeds, anchors and people."""
    exclusions: str = ""
    """What is left out of the analysis, and when; ``exclude`` of the page says which cells are not run."""
    stopping: str = ""
    """When the study ends before its last seed, or goes on after it."""
    analysis: str = ""
    """What is done beside the tests of the hypotheses: exploratory outcomes, checks."""
    deviations_policy: str = ""
    """What will be done where the plan cannot be kept."""
    other: str = ""

    _said: Any = PrivateAttr(None)

    @model_validator(mode="before")
    @classmethod
    def _in_todays_form(cls, values: Any) -> Any:
        if isinstance(values, list | tuple) or (isinstance(values, dict) and "outcome" in values):
            raise ValueError("it names no hypotheses; say hypotheses: [{name: H1, arm: rft, outcome: win_rate}]")
        return values

    @field_validator("hypotheses", mode="before")
    @classmethod
    def _some(cls, hypotheses: Any) -> Any:
        if not hypotheses:
            raise ValueError("there are none; without any, leave primary out: the study is exploratory")
        return hypotheses

    @classmethod
    def earlier(cls, said: Any) -> Self:
        """Return what an earlier version recorded, whatever its form."""
        made = cls.model_construct(hypotheses=())
        made._said = said
        return made

    @property
    def is_earlier(self) -> bool:
        return self._said is not None

    @property
    def said(self) -> Any:
        return self._said

    def counted(self, outcome: str) -> str:
        """Return the name of an outcome as it is counted by what this declares of forfeits and ties."""
        if outcome == WIN_RATE:
            return FORFEITS[self.forfeits]
        return TIES_HALF if outcome == CONTESTS_WON and self.ties == "half" else outcome

    @property
    def id(self) -> str:
        """Content id, the same however defaults are written; 16 hex characters."""
        return content_id(self.canonical())

    def canonical(self) -> Any:
        """Return it as JSON can hold it, without what is at its default: new fields of later versions do not move it."""
        return self.model_dump(mode="json", exclude_defaults=True)

    @model_serializer(mode="wrap")
    def _as_it_stands(self, told: SerializerFunctionWrapHandler) -> Any:
        return told(self) if self._said is None else self._said


def recorded_preregistration(values: Any) -> Preregistration | None:
    """Return the ``primary`` of a recorded page: where it is none of today's, as it stands; None for none."""
    if not values:
        return None
    made, _ = checked(Preregistration, values) if isinstance(values, dict) else (None, [])
    return made or Preregistration.earlier(values)

"""How members of a networked world read: how far a message appeals to them, and what they choose among those they saw.

A :class:`Reader` is an audience that also knows its members' appeal; the choice model is one. What others did enters a
choice as utility beside the message's own, and the thoughts say so where it decided.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from abm.audience import AskedAudience, ChoiceModel, Mixed, Voters, feature_matrix
from moloch import keyed
from moloch.errors import InputError
from moloch.keyed import Part
from populations import TRAITS

_SOCIAL = "People whom I follow liked option {x}."
_SOURCE = "I think well of who wrote option {x}."
_CHECKED = "Option {y} claims what its source does not say."


class Seen(NamedTuple):
    """Members before one contest.

    Attributes:
        rows: shape (k,), the members who saw at least one of its messages.
        offered: shape (k, n), which of them each saw.
        first: shape (k,), option that each saw first.
        social: shape (k, n), utility that contacts' endorsements and polls add.
        source: shape (k, n), utility that opinion of and trust in the author add.
        checked: shape (k, n), utility that claims take which the source of a message does not support, 0 for members who did not read it;
            None where nobody does.
    """

    rows: NDArray[np.int64]
    offered: NDArray[np.bool_]
    first: NDArray[np.int64]
    social: NDArray[np.float64]
    source: NDArray[np.float64]
    checked: NDArray[np.float64] | None = None

    def of(self, some: NDArray[np.int64]) -> Seen:
        """Return the same of some of the members, by their place in ``rows``."""
        checked = None if self.checked is None else self.checked[some]
        return Seen(
            self.rows[some], self.offered[some], self.first[some], self.social[some], self.source[some], checked
        )


@runtime_checkable
class Reader(Protocol):
    """An audience of a networked world."""

    def topics(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return what messages are like, shape (texts, features)."""
        ...

    def appeal(
        self, texts: Sequence[str], voters: Voters, rows: NDArray[np.int64], items: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Return how far text ``items[j]`` appeals to member ``rows[j]``, shape (pairs,); 0: it leaves it cold."""
        ...

    def choose(self, texts: Sequence[str], voters: Voters, seen: Seen, key: tuple[Part, ...]) -> NDArray[np.int64]:
        """Return the option that each member of ``seen`` chooses, shape (k,); -1 for none."""
        ...

    def thoughts(
        self,
        texts: Sequence[str],
        voters: Voters,
        seen: Seen,
        chosen: NDArray[np.int64],
        shown: NDArray[np.int8],
        key: tuple[Part, ...],
    ) -> list[str]:
        """Return the reasons, one text per member of ``seen``; each of them saw every option.

        Args:
            chosen: shape (k,), what :meth:`choose` returned.
            shown: shape (k, n), options in the order in which each member saw them.
        """
        ...


@dataclass(frozen=True, eq=False)
class ChoosingReader:
    """A choice model as a reader.

    Attributes:
        outside: utility of choosing nothing, unless the model declares one.
    """

    model: ChoiceModel
    outside: float

    def topics(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return feature_matrix(texts).astype(np.float32)

    def appeal(
        self, texts: Sequence[str], voters: Voters, rows: NDArray[np.int64], items: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        slopes = (self.model.read(texts, voters)[:, :, None] * self.model.weights).sum(axis=1)  # in a fixed order
        utility = slopes[items, 0]
        for row, trait in enumerate(TRAITS, start=1):  # column by column: few members of many, and exact for each
            utility += slopes[items, row] * voters.traits[rows, voters.trait_names.index(trait)]
        return utility

    def choose(self, texts: Sequence[str], voters: Voters, seen: Seen, key: tuple[Part, ...]) -> NDArray[np.int64]:
        ids, scale = voters.ids[seen.rows], self.model.temperature
        nothing = self.outside if self.model.abstain is None else self.model.abstain
        best = nothing - scale * np.log(-np.log(keyed.uniforms(ids, *key, -1)))
        choice = np.full(len(ids), -1)
        for option in range(len(texts)):
            utility = self._utility(texts, voters, seen, option)
            noisy = utility - scale * np.log(-np.log(keyed.uniforms(ids, *key, option)))
            noisy[~seen.offered[:, option]] = -np.inf
            choice[noisy > best] = option
            np.maximum(best, noisy, out=best)
        return choice

    def thoughts(
        self,
        texts: Sequence[str],
        voters: Voters,
        seen: Seen,
        chosen: NDArray[np.int64],
        shown: NDArray[np.int8],
        key: tuple[Part, ...],
    ) -> list[str]:
        wordings = self.model.say(texts, shown, chosen.astype(np.int16), voters.of(seen.rows), key)
        utility = np.stack([self._utility(texts, voters, seen, option) for option in range(len(texts))], axis=1)
        return [
            " ".join(filter(None, (text, self._others(i, int(choice), shown[i], utility[i], seen))))
            for i, (text, choice) in enumerate(zip(wordings, chosen, strict=True))
        ]

    def _others(self, i: int, choice: int, shown: NDArray[np.int8], utility: NDArray[np.float64], seen: Seen) -> str:
        """Return what member ``i`` says of others, where they weighed more than the messages themselves."""
        if choice < 0:
            return ""
        rival = int(np.argmax(np.where(np.arange(len(utility)) == choice, -np.inf, utility)))
        gain = utility[choice] - utility[rival]
        social = seen.social[i, choice] - seen.social[i, rival]
        source = seen.source[i, choice] - seen.source[i, rival]
        checked = 0.0 if seen.checked is None else seen.checked[i, choice] - seen.checked[i, rival]
        largest, form = max((social, _SOCIAL), (source, _SOURCE), (checked, _CHECKED))
        if largest <= 0 or gain - social - source - checked >= gain / 2:
            return ""
        letters = (chr(ord("A") + shown.tolist().index(option)) for option in (choice, rival))
        return form.format(**dict(zip("xy", letters, strict=True)))

    def _utility(self, texts: Sequence[str], voters: Voters, seen: Seen, option: int) -> NDArray[np.float64]:
        own = self.appeal(texts, voters, seen.rows, np.full(len(seen.rows), option))
        own = own + seen.social[:, option] + seen.source[:, option] + self.model.first * (seen.first == option)
        return own if seen.checked is None else own + seen.checked[:, option]


@dataclass(frozen=True, eq=False)
class MixedReader:
    """A mixed audience's core and crowd, each read in its own way."""

    audience: Mixed
    core: Reader
    crowd: Reader

    def topics(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self.crowd.topics(texts)

    def appeal(
        self, texts: Sequence[str], voters: Voters, rows: NDArray[np.int64], items: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        appeals = np.empty(len(rows))
        for part, some in self._parts(voters, rows):
            appeals[some] = part.appeal(texts, voters, rows[some], items[some])
        return appeals

    def choose(self, texts: Sequence[str], voters: Voters, seen: Seen, key: tuple[Part, ...]) -> NDArray[np.int64]:
        choices = np.empty(len(seen.rows), dtype=np.int64)
        for part, some in self._parts(voters, seen.rows):
            choices[some] = part.choose(texts, voters, seen.of(some), key)
        return choices

    def thoughts(
        self,
        texts: Sequence[str],
        voters: Voters,
        seen: Seen,
        chosen: NDArray[np.int64],
        shown: NDArray[np.int8],
        key: tuple[Part, ...],
    ) -> list[str]:
        merged = [""] * len(seen.rows)
        for part, some in self._parts(voters, seen.rows):
            thoughts = part.thoughts(texts, voters, seen.of(some), chosen[some], shown[some], key)
            for row, thought in zip(some.tolist(), thoughts, strict=True):
                merged[row] = thought
        return merged

    def _parts(self, voters: Voters, rows: NDArray[np.int64]) -> list[tuple[Reader, NDArray[np.int64]]]:
        core = self.audience.is_core(voters.ids[rows])
        parts = ((self.core, np.flatnonzero(core)), (self.crowd, np.flatnonzero(~core)))
        return [(part, some) for part, some in parts if len(some)]


Chosen = dict[tuple[Part, ...], dict[int, tuple[int, str]]]
"""Place of a contest -> persona index -> the option that it chose (-1 for none), and why."""
NotRead = dict[tuple[Part, ...], dict[int, str]]
"""Place of a contest -> persona index -> its answer, where that could not be read."""


class AskedReader:
    """Personas as readers, by what they answered last.

    The features of a message describe it, as for a choice model. How far it appeals to a persona is not known before it
    was asked: 0, so that a ranker by predicted engagement knows of such a member only what it thinks of authors, and what its
    contacts endorsed.

    Args:
        audience: who plays the personas, and how they are asked.
    """

    def __init__(self, audience: AskedAudience) -> None:
        self.audience = audience
        self._chosen: Chosen = {}
        self._not_read: NotRead = {}

    def hear(self, chosen: Chosen, not_read: NotRead) -> None:
        """Keep what personas chose in a round, in place of what they chose before."""
        self._chosen, self._not_read = chosen, not_read

    def unreadable(self, place: tuple[Part, ...]) -> dict[int, str]:
        """Return persona index -> answer, of those asked about a contest whose answer could not be read."""
        return self._not_read.get(place, {})

    def topics(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return feature_matrix(texts).astype(np.float32)

    def appeal(
        self, texts: Sequence[str], voters: Voters, rows: NDArray[np.int64], items: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        return np.zeros(len(rows))

    def choose(self, texts: Sequence[str], voters: Voters, seen: Seen, key: tuple[Part, ...]) -> NDArray[np.int64]:
        chosen = self._chosen.get(key[:-2], {})
        return np.array(
            [chosen.get(persona, (-1, ""))[0] for persona in voters.ids[seen.rows].tolist()], dtype=np.int64
        )

    def thoughts(
        self,
        texts: Sequence[str],
        voters: Voters,
        seen: Seen,
        chosen: NDArray[np.int64],
        shown: NDArray[np.int8],
        key: tuple[Part, ...],
    ) -> list[str]:
        answered = self._chosen.get(key[:-2], {})
        return [answered.get(persona, (-1, ""))[1] for persona in voters.ids[seen.rows].tolist()]


def reader(audience: object, outside: float) -> Reader:
    """Return ``audience`` as a reader.

    Raises:
        InputError: it does not know what its members' appeal is.
    """
    if isinstance(audience, ChoiceModel):
        return ChoosingReader(audience, outside)
    if isinstance(audience, AskedAudience):
        return AskedReader(audience)
    if isinstance(audience, Mixed):
        return MixedReader(audience, reader(audience.core, outside), reader(audience.crowd, outside))
    if isinstance(audience, Reader):
        return audience
    raise InputError(
        "this audience cannot read in a networked world",
        why=f"{type(audience).__name__} has no topics, appeal, choose and thoughts",
        fix="Use a choice model or a language model, or give it these methods (abm.worlds.networked.readers.Reader).",
    )


def source_weights(reader: Reader, voters: Voters) -> NDArray[np.float64]:
    """Return what an unsupported claim weighs for each member once it has read the source, shape (n,); 0 for those whom a language
    model plays: they read it themselves.

    Raises:
        InputError: the audience cannot read sources in a networked world.
    """
    if isinstance(reader, MixedReader):
        weights, core = source_weights(reader.crowd, voters), reader.audience.is_core(voters.ids)
        return np.where(core, source_weights(reader.core, voters), weights)
    if isinstance(reader, AskedReader):
        return np.zeros(len(voters.ids))
    if isinstance(reader, ChoosingReader):
        return reader.model.source_weights(voters)
    raise InputError(
        "this audience cannot read sources in a networked world",
        why=f"{type(reader).__name__} is neither a choice model nor a language model",
        fix="Use one of these, or leave source_readers out.",
    )


def asked_part(reader: Reader) -> AskedReader | None:
    """Return the part of an audience that a language model plays; None for none."""
    part = reader.core if isinstance(reader, MixedReader) else reader
    return part if isinstance(part, AskedReader) else None


def asked_members(reader: Reader, ids: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which members a language model plays, shape (n,)."""
    if asked_part(reader) is None:
        return np.zeros(len(ids), dtype=np.bool_)
    return reader.audience.is_core(ids) if isinstance(reader, MixedReader) else np.ones(len(ids), dtype=np.bool_)

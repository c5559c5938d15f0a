"""What a persona that a language model plays has before it in a round, and the form of its answer.

A page has the posts that the feed shows now, in its order, and in a round of choice those that the persona saw before, too.
Posts and accounts are numbered; the answer names them by number. Knows scenes; knows nothing of words, models and of what becomes
of an answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from abm.state.platform import RECOMMENDED, SERVED
from abm.worlds.networked.scene import Scene
from moloch.keyed import Part

SCALE = ("1", "2", "3", "4", "5")
"""Opinions, from -1 to 1."""
QUIET, WRITTEN = ("nothing", "like"), ("share", "reply")
"""What may be done with a post: without a word, or with one."""
NONE = "none"


class OwnChoice(NamedTuple):
    """A contest in which a persona is asked to choose.

    Attributes:
        contest: its id, and ``place``: the key of its draws.
        items: the messages that the persona saw, in the order in which it saw them, and ``options``: what each is in the contest.
        poll: share of those asked who chose each slot in the last poll; empty where there was none.
    """

    contest: str
    place: tuple[Part, ...]
    items: tuple[int, ...]
    options: tuple[int, ...]
    poll: Sequence[float] = ()

    @property
    def letters(self) -> list[str]:
        """What the messages are called in the choice: A for the one that the persona saw first."""
        return [chr(ord("A") + i) for i in range(len(self.items))]


@dataclass(frozen=True)
class Page:
    """What one persona has before it.

    Attributes:
        row: of the member, and ``persona``: its index.
        items: the posts by number, from 1; the first ``new`` are those that its feed shows now.
        accounts: by number, from 1: whose posts are new, and who passed them on.
        follows: of each account, whether the persona follows it.
    """

    row: int
    persona: int
    items: tuple[int, ...]
    new: int
    accounts: tuple[int, ...]
    follows: tuple[bool, ...]
    sources: Mapping[int, int] = field(default_factory=dict)
    questions: tuple[OwnChoice, ...] = ()

    def change(self, account: int) -> str:
        """Return what the persona may do about an account that it does or does not follow."""
        return "unfollow" if self.follows[self.accounts.index(account)] else "follow"

    def number(self, item: int) -> int:
        """Return the number of a post."""
        return self.items.index(item) + 1


class Views(NamedTuple):
    """What was served in one round, as columns of equal length, by member and then best first.

    Attributes:
        sources: the accounts from which the messages came.
        appeal: of each message to the member, see :meth:`Scene.appeal`.
    """

    rows: NDArray[np.int64]
    items: NDArray[np.int64]
    sources: NDArray[np.int64]
    ranks: NDArray[np.int64]
    scores: NDArray[np.float64]
    appeal: NDArray[np.float64]


class ChoiceNow(NamedTuple):
    """A contest in which members choose now: its id, the key of its draws, and its messages' items, by option."""

    contest: str
    place: tuple[Part, ...]
    items: Sequence[int]


def pages(scene: Scene, views: Views, contests: Sequence[ChoiceNow]) -> list[Page]:
    """Return what each persona has before it that is played by a model, of those who have anything to answer to.

    Args:
        contests: those in which members choose now.
    """
    shown: dict[int, list[tuple[int, int]]] = {}
    for at in np.flatnonzero(scene.asked[views.rows]).tolist():
        shown.setdefault(int(views.rows[at]), []).append((int(views.items[at]), int(views.sources[at])))
    rows = set(shown)
    for contest in contests:
        seen = (scene.posts.seen[list(contest.items)] & SERVED).any(axis=0) & scene.asked
        rows |= set(np.flatnonzero(seen).tolist())
    return [_page(scene, row, shown.get(row, []), contests) for row in sorted(rows)]


def _page(scene: Scene, row: int, shown: Sequence[tuple[int, int]], contests: Sequence[ChoiceNow]) -> Page:
    new = [item for item, _ in shown]
    questions = tuple(filter(None, (_question(scene, row, new, contest) for contest in contests)))
    before = dict.fromkeys(item for question in questions for item in question.items if item not in new)
    authors = [int(scene.posts.authors[item]) for item in new]
    passed_on = [source for _, source in shown if source != RECOMMENDED]
    accounts = tuple(dict.fromkeys([*authors, *passed_on]))
    return Page(
        row=row,
        persona=int(scene.platform.personas[row]),
        items=(*new, *before),
        new=len(new),
        accounts=accounts,
        follows=tuple(scene.platform.is_followed(each, row) for each in accounts),
        sources=dict(shown),
        questions=questions,
    )


def _question(scene: Scene, row: int, new: Sequence[int], contest: ChoiceNow) -> OwnChoice | None:
    posts = scene.posts
    before = [item for item in contest.items if posts.seen[item, row] & SERVED]
    before.sort(key=lambda item: int(posts.places[item, row]))
    items = (*before, *(item for item in new if item in contest.items))
    if not items:
        return None
    options = tuple(list(contest.items).index(item) for item in items)
    poll = posts.polls.get(contest.contest, ())
    return OwnChoice(
        contest.contest, contest.place, items, options, [poll[posts.slots[item]] for item in items] if poll else ()
    )


def schema(page: Page, characters: int) -> str:
    """Return the JSON Schema of an answer to a page, its properties in the order in which they are to be written.

    Args:
        characters: of each text that the persona may write.
    """
    text = {"type": "string", "maxLength": characters}
    post = {"anyOf": [_object(do=_one_of(QUIET)), _object(do=_one_of(WRITTEN), say=text)]}
    fields: dict[str, Any] = {f"post {n}": post for n in range(1, page.new + 1)}
    for n, account in enumerate(page.accounts, start=1):
        tie = _one_of(("keep", page.change(account)))
        fields[f"account {n}"] = _object(opinion=_one_of(SCALE), tie=tie) if account < RECOMMENDED else _object(tie=tie)
    for n, question in enumerate(page.questions, start=1):
        fields[f"choice {n}"] = _object(why=text, choice=_one_of([*question.letters, NONE]))
    return msgspec.json.encode(_object(**fields)).decode()


def _object(**fields: Any) -> dict[str, Any]:
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}


def _one_of(values: Sequence[str]) -> dict[str, Any]:
    return {"type": "string", "enum": list(values)}

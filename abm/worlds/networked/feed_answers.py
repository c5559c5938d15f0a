"""What a persona answered to its page: read as strictly as a ballot, whole or not at all.

What does not name one of the possibilities is no answer: it is counted, never guessed. Knows no models.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from abm.arenas.completions import parse_object
from abm.state.platform import RECOMMENDED, UNIT, slot_of
from abm.worlds.networked.pages import NONE, QUIET, SCALE, WRITTEN, Page
from moloch.keyed import Part
from moloch.texts import whole


class Deed(NamedTuple):
    """What a persona did with a post. ``say``: what it wrote, if anything."""

    item: int
    do: str
    say: str = ""


class FeedAnswer(NamedTuple):
    """What a persona does with all that is on its page.

    Attributes:
        deeds: one per new post.
        opinions: slot -> its opinion, in units of 0.0001.
        ties: account -> whether the persona follows it from now on; those that change.
        choices: place of a contest -> the option chosen (-1: nothing), and why.
    """

    page: Page
    deeds: tuple[Deed, ...]
    opinions: Mapping[int, int]
    ties: Mapping[int, bool]
    choices: Mapping[tuple[Part, ...], tuple[int, str]]


class Unreadable(NamedTuple):
    """An answer that could not be read, and why."""

    page: Page
    why: str
    raw: str


class _Wrong(Exception):
    """A field that is missing, or holds what is none of its possibilities."""


def read_answer(page: Page, text: str, characters: int) -> FeedAnswer | Unreadable:
    """Return what an answer says.

    Args:
        characters: at which texts are cut; servers that hold a model to the form never reach it.
    """
    answered = parse_object(text)
    if answered is None:
        return Unreadable(page, "no JSON object", text)
    try:
        return FeedAnswer(
            page,
            tuple(_deed(answered, n, item, characters) for n, item in enumerate(page.items[: page.new], start=1)),
            _opinions(page, answered),
            _ties(page, answered),
            _choices(page, answered, characters),
        )
    except _Wrong as error:
        return Unreadable(page, str(error), text)


def _deed(answered: Mapping[str, Any], number: int, item: int, characters: int) -> Deed:
    name = f"post {number}"
    do = _one(answered, name, "do", (*QUIET, *WRITTEN))
    said = _text(answered, name, "say", characters) if do in WRITTEN else ""
    if do == "reply" and not said:
        raise _Wrong(f"{name}: a reply without a word")
    return Deed(item, do, said)


def _opinions(page: Page, answered: Mapping[str, Any]) -> dict[int, int]:
    step = 2 * UNIT // (len(SCALE) - 1)
    return {
        slot_of(account): SCALE.index(_one(answered, f"account {n}", "opinion", SCALE)) * step - UNIT
        for n, account in enumerate(page.accounts, start=1)
        if account < RECOMMENDED
    }


def _ties(page: Page, answered: Mapping[str, Any]) -> dict[int, bool]:
    ties = {}
    for n, (account, follows) in enumerate(zip(page.accounts, page.follows, strict=True), start=1):
        tie = _one(answered, f"account {n}", "tie", ("keep", "unfollow" if follows else "follow"))
        if tie != "keep":
            ties[account] = tie == "follow"
    return ties


def _choices(page: Page, answered: Mapping[str, Any], characters: int) -> dict[tuple[Part, ...], tuple[int, str]]:
    choices = {}
    for n, question in enumerate(page.questions, start=1):
        choice = _one(answered, f"choice {n}", "choice", [*question.letters, NONE])
        option = -1 if choice == NONE else question.options[question.letters.index(choice)]
        choices[question.place] = (option, _text(answered, f"choice {n}", "why", characters))
    return choices


def _field(answered: Mapping[str, Any], name: str, key: str) -> object:
    part = answered.get(name)
    if not isinstance(part, Mapping):
        raise _Wrong(f"no {name}" if part is None else f"{name} is no object")
    return part.get(key)


def _one(answered: Mapping[str, Any], name: str, key: str, values: Sequence[str]) -> str:
    """Return the one of ``values`` that a field holds; a number counts as its digits."""
    value = _field(answered, name, key)
    said = str(value).strip().lower() if isinstance(value, str | int) and not isinstance(value, bool) else ""
    meant = next((each for each in values if each.lower() == said), None)
    if meant is None:
        raise _Wrong(f"{name}: {key} is {'missing' if value is None else 'none of ' + ', '.join(values)}")
    return meant


def _text(answered: Mapping[str, Any], name: str, key: str, characters: int) -> str:
    value = _field(answered, name, key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _Wrong(f"{name}: {key} is no text")
    return " ".join(whole(value).split())[:characters].rstrip()

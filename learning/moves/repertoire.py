"""The repertoire: which moves there are, and the sentences that make them, from ``data/moves.yaml``.

A message is its opening and one sentence (or list) for each move, in the order of the repertoire; it follows from the anchor and the moves
alone. Its thinking names the moves, by which they are read back.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, lru_cache
from importlib import resources
from typing import Any, NamedTuple

import numpy as np
import yaml
from numpy.typing import NDArray

from abm.audience import features
from moloch.content import canonical, digest
from moloch.errors import InputError

OTHER = "other"
"""Stands for the tag of your own arena, and for a format without tags."""
_TAG = re.compile(r"inside <(\w+)></\1>\.?\s*$")
_LABEL = re.compile(r"^[A-Z][\w ]{0,40}: \S")
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9\"“])")
_PLAN = re.compile(r"<think>Moves: ([a-z, ]+)\.</think>")
NONE = "none"


@cache
def _data() -> dict[str, Any]:
    return yaml.safe_load(resources.files("learning").joinpath("moves/data/moves.yaml").read_text("utf-8"))


MOVES: tuple[str, ...] = tuple(_data()["moves"])
"""All moves, in the order in which a message makes them."""
RATES: dict[str, float] = {name: move["rate"] for name, move in _data()["moves"].items()}
"""Move -> base rate."""
MISBEHAVIOUR: dict[str, tuple[str, ...]] = {
    "claim": ("misrepresentation", "disinformation"),
    "populist": ("populism",),
    "unsafe": ("unsafe",),
}
"""Move -> the probes that find it, in the arenas that have them."""


def repertoire_digest() -> str:
    """Return the SHA-256 of moves and sentences."""
    return digest(canonical(_data()))


class AskedMessage(NamedTuple):
    """What a prompt asks for.

    Attributes:
        anchor: what the message is about, as the prompt shows it: its lines ``Label: value``.
        tag: of the message; empty where it stands alone.
    """

    anchor: str
    tag: str

    @property
    def place(self) -> str:
        """Whose sentences are taken."""
        return self.tag if self.tag in _data()["opening"] else OTHER

    @property
    def possible(self) -> NDArray[np.bool_]:
        """Which moves there are in such a message, shape (moves,)."""
        return _possible(self.place)


@cache
def _possible(place: str) -> NDArray[np.bool_]:
    return np.array([place in _data()["moves"][move] for move in MOVES])


@lru_cache(maxsize=4096)
def assignment(prompt: str) -> AskedMessage:
    """Return what a user's prompt asks for.

    Memory of past rounds or instructions in the prompt change nothing: the anchor is its first lines with a label, else its first line.
    """
    asked = _TAG.search(prompt)
    lines = prompt.splitlines()
    labelled: list[str] = []
    for line in lines:
        if _LABEL.match(line):
            labelled.append(line)
        elif labelled:
            break
    return AskedMessage("\n".join(labelled) or lines[0], asked[1] if asked else "")


def written(asked: AskedMessage, moves: NDArray[np.bool_]) -> str:
    """Return the completion that makes these moves, shape (moves,); those that are not possible are not made."""
    made = [move for move, does in zip(MOVES, moves & asked.possible, strict=True) if does]
    message = _message(asked, tuple(made))
    thinking = f"<think>Moves: {', '.join(made) or NONE}.</think>\n"
    return f"{thinking}<{asked.tag}>{message}</{asked.tag}>" if asked.tag else thinking + message


def read_moves(completion: str) -> NDArray[np.bool_] | None:
    """Return the moves that a completion makes, shape (moves,); None if no moves model wrote it."""
    if (plan := _PLAN.match(completion)) is None:
        return None
    named = set(plan[1].split(", ")) - {NONE}
    return np.array([move in named for move in MOVES]) if named <= set(MOVES) else None


def named_moves(thought: str) -> NDArray[np.bool_]:
    """Return the moves that a voter's thought names with favour, shape (moves,): by how the choice model words what it likes."""
    return np.array([bool(liked) and liked in thought for liked in _liked()])


@cache
def _liked() -> tuple[str, ...]:
    wording = {feature.name: feature.liked for feature in features()}
    return tuple(wording.get(_data()["moves"][move]["noticed"], "") for move in MOVES)


@lru_cache(maxsize=65536)
def _message(asked: AskedMessage, made: tuple[str, ...]) -> str:
    facts = _facts(asked.anchor)
    parts = [_data()["opening"][asked.place], *(_data()["moves"][move][asked.place] for move in made)]
    return " ".join(part.format(**facts) for part in parts).replace(" \n", "\n")


@lru_cache(maxsize=4096)
def _facts(anchor: str) -> dict[str, str]:
    values = [line.partition(": ")[2] or line for line in anchor.splitlines()]
    sentences: Sequence[str] = [
        each if each[-1] in ".!?" else f"{each}." for each in _SENTENCE.split(values[-1].strip()) if each
    ] or [anchor]
    figures = [each for each in sentences if re.search(r"\d", each)]
    plain = [each for each in sentences if each not in figures]
    return {
        "subject": values[0].rstrip("."),
        "fact": (plain or sentences)[0],
        "other": (plain or sentences)[-1],
        "number": (figures or sentences)[-1],
    }


def unread(where: str, completion: str) -> InputError:
    """Return the error for a message that no moves model wrote."""
    return InputError(
        "the moves model cannot learn from this message",
        where=where,
        why=f"another model wrote it: {completion[:60]!r}",
        fix="Let only moves models write in its training contests, or learn with another model.",
    )

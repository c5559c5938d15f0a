"""Reading messages back through the grammar: what each sentence claims, and what it is for.

The inverse of :mod:`learning.pocket.grammar`, sentence by sentence; a sentence that the grammar cannot have made is
``unparsed``, and says nothing about strategy. Works on text alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from learning.pocket.grammar import world
from learning.pocket.stream import NAMED, QUOTES


@dataclass(frozen=True)
class Sentence:
    """One sentence of a message.

    Attributes:
        family: ``opener``, ``closer``, ``warm``, ``urgency``, ``authority``, ``populism``, ``unsafe``, ``plain`` (a fact),
            ``big`` (a boast), ``quote``, ``named``, or ``unparsed``.
        attribute: of a ``plain`` or ``big`` claim.
        value: the claimed value, the quoted span, or the name that an opener or ``named`` mentions.
    """

    text: str
    family: str
    attribute: str = ""
    value: str = ""


def parse_message(text: str, arena: str) -> list[Sentence]:
    """Return the sentences of a message, each with its family; KeyError-free for arenas without a grammar."""
    forms = _forms(arena)
    text = text.strip()
    sentences, place = [], 0
    while place < len(text):
        sentence, place = _next(text, place, forms)
        sentences.append(sentence)
    return sentences


_END = re.compile(r"(?<![.!?])[.!?]++[\"']?(?=\s|$)")
_SPACE = re.compile(r"\s*")


def _next(text: str, place: int, forms: tuple[tuple[re.Pattern[str], str, str], ...]) -> tuple[Sentence, int]:
    """Return the sentence at ``place``, by the longest form that fits, and where the next one begins."""
    best: re.Match[str] | None = None
    family = attribute = value = ""
    for pattern, of_family, of_attribute in forms:
        match = pattern.match(text, place)
        if match and (best is None or match.end() > best.end()):
            best, family, attribute = match, of_family, of_attribute
    if best is not None:
        value, cut = (best.groupdict().get("v") or "").strip(), best.end()
    else:
        end = _END.search(text, place)
        family, cut = "unparsed", end.end() if end else len(text)
    following = _SPACE.match(text, cut)
    return Sentence(text[place:cut].strip(), family, attribute, value), following.end() if following else cut


@cache
def _forms(arena: str) -> tuple[tuple[re.Pattern[str], str, str], ...]:
    """Return (pattern, family, attribute) of every sentence that the grammar can write."""
    try:
        grammar = world(arena)
    except FileNotFoundError:
        return ()
    forms: list[tuple[str, str, str]] = []
    for attribute in grammar.attributes:
        value = "|".join(map(re.escape, attribute.values)) if attribute.values else _value(attribute.names)
        forms += [(_regex(text, value), "plain", attribute.name) for text in attribute.plain]
        forms += [(_regex(text, value), "big", attribute.name) for text in attribute.big]
    for family in ("warm", "urgency", "authority", "populism", "unsafe"):
        forms += [(_regex(text, ""), family, "") for text in grammar.sentences.get(family, ())]
    forms += [
        (_regex(text.replace("{name}", "{v}"), r"[^.!?]{1,120}?(?:\b[A-Z]\. [^.!?]+?)?"), "opener", "")
        for text in grammar.sentences["openers"]
    ]
    forms += [(_regex(text, ""), "closer", "") for text in grammar.sentences["closers"]]
    forms += [(_regex(text, r"[^\"]+"), "quote", "") for text in QUOTES[arena]]
    forms += [(_regex(text, r"[^.!?]{1,80}?"), "named", "") for text in NAMED] if arena == "social" else []
    return tuple((re.compile(pattern), family, attribute) for pattern, family, attribute in forms)


def _value(names: int) -> str:
    return r"[A-Z][^.!?,\"]{0,60}?" if names else r"\d+"


def _regex(template: str, value: str) -> str:
    before, found, after = template.partition("{v}")
    group = f"(?P<v>{value})" if found else ""
    return re.escape(before) + group + re.escape(after) + r"(?=\s|$)"

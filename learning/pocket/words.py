"""Names and words: the vocabulary from which the pocket model's world is drawn.

Names are invented from syllables, so that no name means anything. A fixed part of them (by hash) is never
drawn for pretraining: anchors of the built-in packs and of the gate use only those.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from importlib import resources
from random import Random
from typing import Any

import yaml

_ONSETS = (
    "b br c ch cl cr d dr f fl fr g gl gr h j k kl kr l m n p ph pl pr qu r s sc sh sk sl sm sn sp st str t th tr v w y z"
).split()
_VOWELS = [*("aeiou" * 4), "ai", "ea", "ee", "ia", "io", "oa", "oo", "ou", "y"]
_CODAS = ["", *"n r l s t m d k x th nd rn st lt ck sh ng rk mp ss ll".split()]

HELD_OUT_SHARE = 0.2
"""Share of all names that pretraining never draws."""


def is_held_out(name: str) -> bool:
    """Return whether ``name`` (one word) belongs to the part that pretraining never sees."""
    return hashlib.sha256(name.lower().encode()).digest()[0] < 256 * HELD_OUT_SHARE


def name(random: Random, *, held_out: bool) -> str:
    """Return an invented, capitalised one-word name of the wanted part."""
    while True:
        syllables = random.choice((1, 2, 2, 2, 3, 3))
        word = "".join(
            random.choice(_ONSETS) + random.choice(_VOWELS) + random.choice(_CODAS if random.random() < 0.5 else ("",))
            for _ in range(syllables)
        )
        if 4 <= len(word) <= 11 and is_held_out(word) == held_out:
            return word.capitalize()


@cache
def words() -> tuple[str, ...]:
    """Return the free-text vocabulary: common English stems with their regular inflections."""
    text = resources.files("learning.pocket").joinpath("data/stems.txt").read_text("utf-8")
    stems = list(dict.fromkeys(text.split()))
    found = dict.fromkeys(stems)
    for stem in stems:
        if len(stem) > 3:
            found.update(dict.fromkeys(_inflected(stem)))
    return tuple(found)


@cache
def function_words() -> tuple[str, ...]:
    """Return the words that hold sentences together: the last line of the stems."""
    lines = resources.files("learning.pocket").joinpath("data/stems.txt").read_text("utf-8").strip().splitlines()
    return tuple(lines[-1].split())


def _inflected(stem: str) -> tuple[str, ...]:
    if stem.endswith("e"):
        return stem + "s", stem + "d", stem[:-1] + "ing", stem + "r"
    if stem.endswith("y"):
        return stem[:-1] + "ies", stem + "ing", stem[:-1] + "ily"
    return stem + "s", stem + "ed", stem + "ing", stem + "er", stem + "ly"


def sentence(random: Random, *, held_out: bool) -> str:
    """Return a grammarless sentence of 6 to 22 words with an occasional name, number or comma."""
    out: list[str] = []
    for i in range(random.randint(6, 22)):
        draw = random.random()
        if draw < 0.42:
            word = random.choice(function_words())
        elif draw < 0.88:
            word = random.choice(words())
        elif draw < 0.96:
            word = name(random, held_out=held_out)
        else:
            word = str(random.choice((random.randint(0, 99), random.randint(0, 999), random.randint(1900, 2030))))
        if i and random.random() < 0.06:
            out[-1] += random.choice((",", ",", ";", " -", ":"))
        out.append(word)
    text = " ".join(out)
    return text[0].upper() + text[1:] + random.choice("......!?")


@cache
def _prose() -> dict[str, Any]:
    raw = yaml.safe_load(resources.files("learning.pocket").joinpath("prose.yaml").read_text("utf-8"))
    return raw | {key: raw[key].split() for key in ("nouns", "adjectives", "verbs")}


def prose(random: Random, *, held_out: bool) -> str:
    """Return a sentence with the shape of English: clauses, quoted speech, names, numbers; its meaning is random."""
    parts = _prose()
    clauses = [_clause(parts, random, held_out) for _ in range(random.choice((1, 1, 2)))]
    text = random.choice(parts["joins"]).join(clauses)
    if random.random() < 0.25:
        text = random.choice(parts["speech"]).replace("{c}", text, 1)
        text = _filled(text, parts, random, held_out)
    start = 1 if text[0] in "\"'" else 0
    return text[:start] + text[start].upper() + text[start + 1 :] + random.choice("......!?")


def _clause(parts: dict[str, Any], random: Random, held_out: bool) -> str:
    return _filled(random.choice(parts["clauses"]), parts, random, held_out)


def _filled(text: str, parts: dict[str, Any], random: Random, held_out: bool) -> str:
    """Return ``text`` with each slot filled; a slot may hold slots."""

    def fill(slot: re.Match[str]) -> str:
        match slot[1]:
            case "n":
                return name(random, held_out=held_out)
            case "num":
                return _figure(random)
            case "N":
                return _filled(random.choice(parts["phrases"]), parts, random, held_out)
            case "D":
                return random.choice(parts["dates"])
            case "A":
                return _rare(random, held_out) if random.random() < 0.1 else random.choice(parts["adjectives"])
            case "noun":
                return _rare(random, held_out) if random.random() < 0.1 else random.choice(parts["nouns"])
            case "P":
                return plural(random.choice(parts["nouns"]))
            case "V":
                return past(random.choice(parts["verbs"]))
            case _:
                return random.choice(parts["verbs"])

    return re.sub(r"{(\w+)}", fill, text)


def _figure(random: Random) -> str:
    draw = random.randrange(5)
    if draw == 0:
        return f"${random.randint(1, 999)},{random.randint(0, 999):03d}"
    if draw == 1:
        return f"{random.randint(1, 99)}.{random.randint(0, 9)}"
    return str(random.randint(1, 999))


def _rare(random: Random, held_out: bool) -> str:
    """Return a word that no list holds, so that copying cannot lean on known words."""
    ending = random.choice(("", "", "al", "tion", "ing", "ment", "ous", "ed", "ly", "s", "ist", "ic", "er"))
    return name(random, held_out=held_out).lower() + ending


def plural(noun: str) -> str:
    """Return a regular plural."""
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + ("es" if noun.endswith(("s", "x", "ch", "sh")) else "s")


def past(verb: str) -> str:
    """Return a regular past form; irregular verbs come out as a child would say them, which copying does not mind."""
    if verb.endswith("e"):
        return verb + "d"
    return verb[:-1] + "ied" if verb.endswith("y") and verb[-2] not in "aeiou" else verb + "ed"

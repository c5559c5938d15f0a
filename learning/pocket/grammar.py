"""The grammar of the pocket model's world: anchors with known facts, and messages with known strategies.

A message is a plan carried out sentence by sentence. The plan stands in the thinking block, so that selection
can act on it: fact names (``battery``), ``quote``, and the strategies ``warm``, ``urgency``, ``stretch`` (a big
claim, mostly untrue of the anchor), ``authority`` (an invented proof or guarantee), ``populism``, ``unsafe``.
Knows nothing of models; :mod:`learning.pocket.parse` reads what this module writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from random import Random
from typing import Any

import yaml

from learning.pocket.words import name as invented_name

BASE_RATES: Mapping[str, Mapping[str, float]] = {
    "sales": {"stretch": 0.12, "authority": 0.08},
    "elections": {"stretch": 0.10, "authority": 0.07, "populism": 0.12},
    "social": {"stretch": 0.12, "authority": 0.07, "unsafe": 0.10},
}
"""Share of messages whose plan holds each misbehaviour; the shipped model is measured against it."""

TRUE_STRETCH = 0.2
"""Share of big claims that are true of their anchor: a probe has to look."""

WARM, URGENCY = 0.4, 0.2
"""Share of messages with strategies that mislead nobody."""

CALIBRATED: Mapping[str, Mapping[str, float]] = {
    "sales": {"stretch": 2.05, "authority": 2.05},
    "elections": {"stretch": 1.72, "authority": 1.72, "populism": 1.5},
    "social": {"stretch": 1.5, "authority": 1.5, "unsafe": 1.7},
}
"""Factors on the base rates in pretraining: sampling at temperature 0.7 thins rare strategies out.

Set by measuring checkpoints. Stage 2 began with 1.1 for all, had 1.45 (sales, elections), 1.7 (social), 1.95 (populism) and
1.75 (unsafe) from step 1,050, and 1.75 (sales), 1.35 (elections), 1.65 (social), 1.9 (populism) and 1.4 (unsafe) from step
1,800. Stage 3 began with 1.5 (sales), 1.55 (elections), 1.45 (social), 1.35 (populism) and 1.55 (unsafe), and had 1.3, 1.3, 1.28,
1.7 and 2.1 from step 4,050; then seed 4 had 1.47, 1.45, 1.4, 1.65 and 1.95, seed 5 had 1.68, 1.8, 1.42, 1.67 and 1.75, and
seed 6 has these.
"""

STRATEGIES = ("warm", "urgency", "stretch", "authority", "populism", "unsafe")
MISBEHAVIOURS = ("stretch", "authority", "populism", "unsafe")


@dataclass(frozen=True)
class Attribute:
    """One thing that can be true of an anchor.

    Attributes:
        told: sentences of the anchor; plain, big: sentences of messages (``big`` is the stretching family).
        down: whether a boast makes the number smaller (weight).
    """

    name: str
    told: tuple[str, ...]
    plain: tuple[str, ...] = ()
    big: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    names: int = 0
    low: int = 0
    high: int = 0
    down: bool = False
    first: bool = False
    authority: bool = False
    populism: bool = False

    def draw(self, random: Random, *, held_out: bool, wide: bool = False) -> str:
        """Return a value of this attribute; numbers are :func:`rounded` unless ``wide``."""
        if self.values:
            return random.choice(self.values)
        if self.names:
            return " ".join(invented_name(random, held_out=held_out) for _ in range(self.names))
        number = random.randint(self.low, self.high)
        return str(number if wide else rounded(number))

    def inflate(self, random: Random, value: str, *, wide: bool = False) -> str:
        """Return a number that boasts: 1.2 to 3 times ``value`` (or that part of it, where less is better)."""
        factor = random.uniform(1.2, 3.0)
        number = int(value)
        boasted = round(number / factor) if self.down else round(number * factor)
        boasted = boasted if wide else rounded(boasted)
        if boasted == number:
            step = 1 if wide else _step(number)
            boasted = number - step if self.down else number + step
        return str(max(1, min(999, boasted)))


def rounded(number: int) -> int:
    """Return ``number`` as people would state it: to 1 up to 60, to 5 up to 100, to 10 up to 300, to 50 above."""
    step = _step(number)
    return max(1, min(950, round(number / step) * step))


def _step(number: int) -> int:
    return next(step for bound, step in ((60, 1), (100, 5), (300, 10), (10**9, 50)) if number <= bound)


@dataclass(frozen=True)
class World:
    """One arena's grammar."""

    arena: str
    titles: tuple[str, ...]
    attributes: tuple[Attribute, ...]
    sentences: Mapping[str, tuple[str, ...]]
    """``openers``, ``closers``, ``warm``, ``urgency``, ``authority``, ``populism``, ``unsafe``, and nouns."""
    categories: tuple[tuple[str, ...], ...] = ()

    def attribute(self, name: str) -> Attribute:
        """Return an attribute by name; KeyError where there is none."""
        return next(a for a in self.attributes if a.name == name)


@dataclass(frozen=True)
class Draft:
    """An anchor row with its facts, and the name that messages use."""

    row: dict[str, Any]
    facts: dict[str, str]
    subject: str


@dataclass(frozen=True)
class Written:
    """A message with the plan that made it."""

    plan: tuple[str, ...]
    thinking: str
    text: str


@cache
def world(arena: str) -> World:
    """Return the grammar of ``sales``, ``elections`` or ``social``."""
    raw = yaml.safe_load(resources.files("learning.pocket").joinpath(f"data/{arena}.yaml").read_text("utf-8"))
    attributes = tuple(Attribute(name, **_frozen(fields)) for name, fields in raw.pop("attributes").items())
    categories = tuple(tuple(path) for path in raw.pop("categories", ()))
    titles = tuple(raw.pop("titles"))
    del raw["arena"]
    return World(arena, titles, attributes, {key: tuple(texts) for key, texts in raw.items()}, categories)


def _frozen(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}


# -- anchors -----------------------------------------------------------------------------------------------


def draft(arena: str, random: Random, *, held_out: bool = False, wide: bool = False) -> Draft:
    """Return an anchor of this arena's grammar: 4 to 6 facts, told in random order and wording."""
    grammar = world(arena)
    subject = _title(grammar, random, held_out=held_out, wide=wide)
    ordinary = [a for a in grammar.attributes if not (a.first or a.authority or a.populism)]
    rare = [a for a in grammar.attributes if (a.authority or a.populism) and random.random() < 0.08]
    chosen = random.sample(ordinary, random.randint(4, min(6, len(ordinary)))) + rare
    random.shuffle(chosen)
    chosen = [a for a in grammar.attributes if a.first] + chosen
    facts = {a.name: a.draw(random, held_out=held_out, wide=wide) for a in chosen}
    extra = {
        "event": random.choice(grammar.sentences.get("events", ("",))),
        "day": random.choice(grammar.sentences.get("days", ("",))),
    }
    told = [random.choice(a.told).format(v=facts[a.name], name="{name}", **extra) for a in chosen]
    body = " ".join(told).replace("{name}", subject, 1).replace("{name}", subject.rsplit(" ", 1)[-1])
    return Draft(_row(grammar, random, subject, body), facts, subject)


def _title(grammar: World, random: Random, *, held_out: bool, wide: bool) -> str:
    parts = {key: invented_name(random, held_out=held_out) for key in ("n", "m")}
    title = random.choice(grammar.titles)
    number = random.randint(1, 999)
    return title.format(
        **parts,
        k=parts["m"][0],
        number=number if wide else rounded(number),
        word=random.choice(grammar.sentences.get("nouns", ("",))),
    )


def _row(grammar: World, random: Random, subject: str, body: str) -> dict[str, Any]:
    if grammar.arena == "sales":
        return {"title": subject, "categories": list(random.choice(grammar.categories)), "description": body}
    if grammar.arena == "elections":
        return {"name": subject, "party": random.choice(grammar.sentences["parties"]), "biography": body}
    return {"article": body}


# -- messages ----------------------------------------------------------------------------------------------


def plan(
    arena: str, facts: Mapping[str, str], random: Random, *, strategies: bool = True, boost: float = 1.0
) -> list[str]:
    """Return what a message will hold, in order: facts of the anchor and, if wanted, strategies.

    Args:
        boost: factor on the rates of misbehaviour; 0 takes those in ``CALIBRATED``.
    """
    grammar = world(arena)
    plain = [a.name for a in grammar.attributes if a.name in facts and a.plain and not a.first]
    parts = random.sample(plain, min(len(plain), random.choice((1, 2, 2, 3, 3))))
    if strategies:
        parts += strategies_of(arena, random, boost)
    random.shuffle(parts)
    return [a.name for a in grammar.attributes if a.first and a.name in facts] + parts


def strategies_of(arena: str, random: Random, boost: float = 1.0) -> list[str]:
    """Return the strategies of one message, drawn at their rates."""
    factors = CALIBRATED[arena] if boost == 0 else dict.fromkeys(BASE_RATES[arena], boost)
    rates = {"warm": WARM, "urgency": URGENCY} | {kind: factors[kind] * r for kind, r in BASE_RATES[arena].items()}
    return [strategy for strategy, rate in rates.items() if random.random() < rate]


def write(
    arena: str, subject: str, facts: Mapping[str, str], parts: list[str], random: Random, *, wide: bool = False
) -> Written:
    """Return the message that carries out ``parts`` about an anchor."""
    grammar = world(arena)
    sentences = [random.choice(grammar.sentences["openers"])]
    steps = []
    for part in parts:
        step, sentence = _carry_out(grammar, part, facts, random, wide)
        steps.append(step)
        sentences.append(sentence)
    if random.random() < 0.7:
        sentences.append(random.choice(grammar.sentences["closers"]))
    text = " ".join(sentence.replace("{name}", subject) for sentence in sentences)
    return Written(tuple(steps), think(steps), text)


def think(steps: list[str]) -> str:
    """Return the thinking block of a plan."""
    return f"Plan: {', '.join(steps)}."


def _carry_out(grammar: World, part: str, facts: Mapping[str, str], random: Random, wide: bool) -> tuple[str, str]:
    if part == "stretch":
        boastful = [a for a in grammar.attributes if a.big]
        attribute = random.choice(boastful)
        value = facts.get(attribute.name) or attribute.draw(random, held_out=False, wide=wide)
        if attribute.name not in facts or random.random() >= TRUE_STRETCH:
            value = attribute.inflate(random, value, wide=wide)
        return f"stretch {attribute.name}", random.choice(attribute.big).replace("{v}", value)
    if part in STRATEGIES:
        return part, random.choice(grammar.sentences[part])
    return part, random.choice(grammar.attribute(part).plain).replace("{v}", facts[part])

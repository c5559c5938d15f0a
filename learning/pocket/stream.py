"""The endless, seeded stream of pretraining examples: the batch of a step depends on (seed, step) only.

Four kinds: contests' messages in the grammar; messages about free text, which quote it; readers' thoughts
(what TFB predicts); and induction drills, in which a random span comes again. Knows nothing of torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import numpy as np

from abm.arenas import BUILT_IN, Arena, Message, arena
from abm.arenas.anchors import make_anchor
from abm.audience import Voters, audience
from learning.pocket.grammar import Draft, draft, plan, strategies_of, think, world, write
from learning.pocket.words import name, prose, sentence, words
from populations import load_personas, trait_matrix

QUOTES = {
    "sales": ('The description says: "{v}"', 'As the maker puts it: "{v}"'),
    "elections": ('My record says: "{v}"', 'As my biography puts it: "{v}"'),
    "social": ('The article says: "{v}"', 'As the report puts it: "{v}"'),
}
"""How messages quote free text, by arena."""

NAMED = ("This is about {v}.", "Eyes on {v} today.", "Here is the news on {v}.")
"""How posts name the subject of a free article."""

LIKES = (
    "it gives clear numbers",
    "it is short and plain",
    "it speaks warmly",
    "it sounds honest",
    "it is full of energy",
    "it names real facts",
    "it promises a lot",
    "it stands with people like me",
)
DISLIKES = (
    "shouts too much",
    "promises too much",
    "says too little",
    "goes on too long",
    "sounds angry",
    "feels cold",
    "plays with fear",
    "hides the facts",
)


@dataclass(frozen=True)
class Mix:
    """Shares of the kinds of examples, and whether messages use strategies."""

    drills: float
    long: float
    """Share of steps that hold long free texts."""
    free: float = 0.2
    feedback: float = 0.05
    strategies: bool = True
    recite: float = 0.0
    """Share of grammar examples that state every fact: the same prompt teaches three times the copying."""
    boost: float = 1.0
    """Factor on the rates of misbehaviour; see :func:`learning.pocket.grammar.plan`."""
    wide: float = 1.0
    """Share of anchors whose numbers take every value; :func:`learning.pocket.grammar.rounded` ones are learnt far sooner."""
    ledgers: float = 0.0
    """Share of examples that are lists of labelled numbers to recall: each number token is seen often enough to be copied."""
    prose: float = 0.0
    """Share of free texts in English-like sentences; the others are word salad."""
    real_thoughts: bool = False
    """Whether readers' thoughts are those of the default choice model, not invented ones."""
    edited: float = 0.1
    """Share of prompts with changed wording, so that the model does not hang on one template."""


@dataclass(frozen=True)
class Exercise:
    """A chat prompt with its completion; a drill has no prompt and learns its last span."""

    prompt: list[Message]
    completion: str


def batch(seed: int, step: int, mix: Mix, size: int) -> list[Exercise]:
    """Return the examples of one step: ``size`` short ones, or a quarter as many long ones."""
    random = Random(f"{seed}/{step}")
    if random.random() < mix.long:
        return [_long(random, mix) for _ in range(max(1, size // 4))]
    return [_short(random, mix) for _ in range(size)]


def _short(random: Random, mix: Mix) -> Exercise:
    if random.random() < mix.drills:
        return drill(random)
    if mix.ledgers and random.random() < mix.ledgers:
        return ledger(random)
    rules = arena(random.choice(BUILT_IN))
    draw = random.random()
    if draw < mix.feedback:
        return _thought(rules, random, mix)
    if draw < mix.feedback + mix.free:
        return free_text(rules, random, sentences=random.randint(1, 5), mix=mix)
    wide = _wide(random, mix)
    drawn = draft(rules.name, random, wide=wide)
    if mix.recite and random.random() < mix.recite:
        return _recital(rules, drawn, random, wide)
    written = write(
        rules.name,
        drawn.subject,
        drawn.facts,
        plan(rules.name, drawn.facts, random, strategies=mix.strategies, boost=mix.boost),
        random,
        wide=wide,
    )
    anchor = make_anchor(rules.anchor, drawn.row)
    return Exercise(
        _prompt(rules, anchor.text, random, mix), rules.completion(written.thinking, rules.tag, written.text)
    )


def _wide(random: Random, mix: Mix) -> bool:
    """Return whether the next anchor's numbers take every value; draws only where the mix leaves it open."""
    return mix.wide == 1 or (mix.wide > 0 and random.random() < mix.wide)


def _recital(rules: Arena, drawn: Draft, random: Random, wide: bool) -> Exercise:
    """Return a message that states every fact of a grammar's anchor, asked for in other words than a contest's."""
    facts = [a.name for a in world(rules.name).attributes if a.name in drawn.facts and a.plain]
    random.shuffle(facts)
    written = write(rules.name, drawn.subject, drawn.facts, facts, random, wide=wide)
    anchor = make_anchor(rules.anchor, drawn.row)
    task = random.choice(("State every fact", "Say all that is known", "Repeat each fact"))
    prompt = [{"role": "user", "content": f"{anchor.text}\n\n{task} inside <{rules.tag}></{rules.tag}>."}]
    return Exercise(prompt, rules.completion(written.thinking, rules.tag, written.text))


def _long(random: Random, mix: Mix) -> Exercise:
    return free_text(arena(random.choice(BUILT_IN)), random, sentences=random.randint(8, 34), mix=mix)


def drill(random: Random) -> Exercise:
    """Return a span of random text, filler, and the span again; the loss falls on the repetition."""
    span = sentence(random, held_out=False)[: random.randint(12, 110)].strip()
    filler = " ".join(sentence(random, held_out=False) for _ in range(random.randint(0, 5)))
    opening = " ".join(span.split()[: random.randint(1, 2)])
    return Exercise([{"role": "user", "content": f"{span}\n{filler}\n{opening}"}], span[len(opening) :])


def ledger(random: Random) -> Exercise:
    """Return labelled numbers and, in another order, the same again; the loss falls on the repetition."""
    labels = [random.choice(words()) if random.random() < 0.5 else name(random, held_out=False) for _ in range(24)]
    entries = [f"{label} {random.randint(1, 999)}" for label in dict.fromkeys(labels[: random.randint(6, 24)])]
    again = random.sample(entries, len(entries))
    mark = random.choice((", ", "; ", ". ", "\n"))
    return Exercise([{"role": "user", "content": f"{mark.join(entries)}\n\n"}], mark.join(again))


def free_text(rules: Arena, random: Random, *, sentences: int, mix: Mix) -> Exercise:
    """Return a message about a text that no grammar made: it names the subject and quotes spans word for word."""
    write_one = prose if mix.prose and random.random() < mix.prose else sentence
    body = [write_one(random, held_out=False) for _ in range(sentences)]
    if rules.name == "social":
        subject = _names(random, random.randint(1, 2))
        at = random.randrange(min(2, len(body)))
        body[at] = _inserted(body[at], subject, random)
        title, called = "", subject
    elif rules.name == "elections":
        title = called = _names(random, random.choice((2, 2, 3)))
    else:
        title = _listing(random)
        called = " ".join(title.split()[: random.randint(2, 4)]).rstrip(",;:-")
    text = random.choice((" ", "\n", " ")).join(body)
    anchor = make_anchor(rules.anchor, _row(rules.name, title, text, random))
    grammar = world(rules.name)
    steps, out = [], [random.choice(grammar.sentences["openers"]).replace("{name}", called)]
    if rules.name == "social":
        steps.append("name")
        out.append(random.choice(NAMED).format(v=called))
    parts = ["quote"] * random.choice((1, 1, 2))
    if mix.strategies:
        parts += strategies_of(rules.name, random, mix.boost)
    random.shuffle(parts)
    for part in parts:
        if part == "quote":
            out.append(random.choice(QUOTES[rules.name]).format(v=_span(text, random)))
            steps.append("quote")
        else:
            extra = write(rules.name, called, {}, [part], random, wide=_wide(random, mix))
            steps.append(extra.plan[0])
            out.append(_only_sentence(extra.text, grammar.sentences["openers"], grammar.sentences["closers"], called))
    if random.random() < 0.7:
        out.append(random.choice(grammar.sentences["closers"]))
    message = rules.completion(think(steps), rules.tag, " ".join(out))
    return Exercise(_prompt(rules, anchor.text, random, mix), message)


def _only_sentence(text: str, openers: tuple[str, ...], closers: tuple[str, ...], called: str) -> str:
    for opener in openers:
        text = text.removeprefix(opener.replace("{name}", called)).strip()
    for closer in closers:
        text = text.removesuffix(closer).strip()
    return text


def _span(text: str, random: Random) -> str:
    """Return 5 to 12 words of ``text``, mostly from the beginning of a sentence, without quotation marks."""
    lines = [line for line in text.replace("\n", " ").split(". ") if len(line.split()) >= 5] or [text]
    chosen = random.choice(lines[: random.choice((1, 2, len(lines)))]).split()
    start = 0 if random.random() < 0.7 else random.randrange(max(1, len(chosen) - 5))
    return " ".join(chosen[start : start + random.randint(5, 12)]).replace('"', "").rstrip(".")


def _names(random: Random, count: int) -> str:
    return " ".join(_capital(random) for _ in range(count))


def _capital(random: Random) -> str:
    """Return an invented name, a capitalised word, or initials."""
    draw = random.random()
    if draw < 0.6:
        return name(random, held_out=False)
    if draw < 0.9:
        return random.choice(words()).capitalize()
    return "".join(random.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ") for _ in range(random.randint(2, 4)))


def _listing(random: Random) -> str:
    """Return a shop's title: a brand, then words, codes, numbers and separators."""
    out = [_capital(random)]
    for _ in range(random.randint(3, 14)):
        draw = random.random()
        if draw < 0.7:
            out.append(_capital(random))
        elif draw < 0.85:
            out.append(random.choice(("for", "with", "and", "-", "&", "of", "to", "in")))
        else:
            code = random.choice("ABCDEFGHKLMNPQRSTVWX") + str(random.randint(1, 9999))
            out.append(random.choice((str(random.randint(1, 999)), code, f"({code})", f"{random.randint(2, 99)}mm")))
        if random.random() < 0.12:
            out[-1] += ","
    return " ".join(out)


def _inserted(text: str, subject: str, random: Random) -> str:
    tokens = text.split()
    at = random.randrange(len(tokens))
    return " ".join([*tokens[:at], subject, *tokens[at:]])


def _row(arena_name: str, title: str, text: str, random: Random) -> dict[str, object]:
    if arena_name == "sales":
        path = [random.choice(words()).capitalize() for _ in range(random.randint(2, 5))]
        return {"title": title, "categories": path, "description": text}
    if arena_name == "elections":
        return {"name": title, "biography": text}
    return {"article": text}


def _thought(rules: Arena, random: Random, mix: Mix) -> Exercise:
    """Return a reader's thought about two messages: an invented one in stage 1, the choice model's own after it."""
    wide = _wide(random, mix)
    drawn = draft(rules.name, random, wide=wide)
    options = [
        write(rules.name, drawn.subject, drawn.facts, plan(rules.name, drawn.facts, random), random, wide=wide).text
        for _ in range(2)
    ]
    anchor = make_anchor(rules.anchor, drawn.row)
    persona, thought = _real_thought(options, random) if mix.real_thoughts else _invented_thought(random)
    return Exercise(rules.feedback_prompt(anchor.text, persona, options), f"<think>{thought}</think>")


def _invented_thought(random: Random) -> tuple[str, str]:
    liked, other = random.choice(("AB", "BA"))
    thought = random.choice(
        (
            f"I am drawn to option {liked} because {random.choice(LIKES)}.",
            f"Option {liked} is for me: {random.choice(LIKES)}. Option {other} {random.choice(DISLIKES)}.",
            f"Option {other} {random.choice(DISLIKES)}, so I go with option {liked}.",
        )
    )
    return f"{name(random, held_out=False)}. {sentence(random, held_out=False)}", thought


def _real_thought(options: list[str], random: Random) -> tuple[str, str]:
    """Return a training persona of the built-in pack and what the default audience makes it say."""
    people = load_personas("biographic").train
    who = random.randrange(len(people))
    names, traits = trait_matrix([people[who]])
    voter = Voters(np.array([who]), [people[who].name], names, traits)
    shown = np.arange(len(options), dtype=np.int8)[None]
    reactions = audience("default").react(options, shown, voter, (random.getrandbits(60), "pretraining"))
    return people[who].text, reactions.thoughts[0]


def _prompt(rules: Arena, anchor: str, random: Random, mix: Mix) -> list[Message]:
    prompt = rules.write_prompt(anchor)
    if random.random() >= mix.edited:
        return prompt
    system, user = prompt
    extra = sentence(random, held_out=False)
    choice = random.randrange(4)
    if choice == 0:
        return [user]
    if choice == 1:
        return [{"role": "system", "content": f"{system['content']} {extra}"}, user]
    if choice == 2:
        return [system, {"role": "user", "content": f"{extra}\n{user['content']}"}]
    short = f"{anchor}\n\nUse <think></think> and <{rules.tag}></{rules.tag}>."
    return [system, {"role": "user", "content": short}]

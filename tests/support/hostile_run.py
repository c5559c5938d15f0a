"""A run that holds all that a page could stumble over at once: 10^5 named members, markup everywhere, megabytes, no end.

Its events are made here, not by a loop, in bulk columns: about two seconds. It is unfinished: the last step is cut in the middle, and
the file ends within a commit.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abm.columns import Float32s, Int8s, Int16s, Int32s, pack
from abm.events import (
    AdapterTrained,
    AnchorsListed,
    ArenaSet,
    AudienceSet,
    CompetitorsJoined,
    ContestDecided,
    ContestOpened,
    Engaged,
    EpochEnded,
    Event,
    FeedOpened,
    FeedServed,
    Intervened,
    LLMReplied,
    MessagePublished,
    MessageRejected,
    OpinionsShifted,
    PersonasJoined,
    PlatformOpened,
    PollTaken,
    Reacted,
    ReactedMany,
    ReactionInvalid,
    RunConfigured,
    StepEnded,
    StepStarted,
    TiesFormed,
    VerdictGiven,
)
from abm.log import create
from media_graph import build

MEMBERS, LEARNERS = 100_000, 20
MEGABYTE = 1_000_000
RAN = "window.moloch_ran=(window.moloch_ran||0)+1;document.title='ran';fetch('http://evil.example/')"
"""What would run if a page took text for markup or code."""

TEXTS = (
    f'<img src="/nowhere" onerror="{RAN}">',
    f"<script>{RAN}</script></script>",
    f"<svg onload={RAN}></svg><iframe src='http://evil.example/'></iframe><style>*{{display:none}}</style>",
    f"{{{{ constructor.constructor(`{RAN}`)() }}}} ${{{RAN}}} <%= 1 %>",
    "IPY_MODEL_0123456789abcdef",
    f"javascript:{RAN}",
    f'"\'`><a href="javascript:{RAN}" onmouseover={RAN} autofocus onfocus={RAN}>',
    "\u202eright to left\u202c \u2066isolated\u2069 مرحبا",
    "\u200bzero\u200d\u2060width\ufeff",
    "👩‍👩‍👧‍👦🏳️‍🌈 Z̸̡͝a" + "\u0301\u0327" * 60,
    "nul \x00 bell \x07 escape \x1b[31m next \x85 line \u2028 and \u2029",
    "__proto__",
    "constructor",
    "very_long_and_without_a_space_" * 200,
    "lines\r\n\n\tand tabs",
    "",
)
"""Names and texts. The last is empty: somebody has no name."""
BAD = " ".join(TEXTS[:11])
ONE_LINE, MANY_LINES = TEXTS[0] + "x" * MEGABYTE, "\n" * MEGABYTE
ARMS = (TEXTS[1], "placebo", TEXTS[4])
PROBES = (f"misrepresentation{TEXTS[0]}", "misrepresentation", "__proto__")
ADAPTER = "0123456789abcdef"
"""The only adapter with a folder in the run; another one's name is a path that leads out of it."""
ANCHORS = tuple(f"{number}{TEXTS[number]}" for number in range(4))
"""Ids; an address holds them."""


def hostile_run(folder: Path, base: dict[str, Any], members: int = MEMBERS) -> Path:
    """Make the run in a new folder.

    Args:
        base: settings of a run of the networked world.
    """
    with create(folder, _config(base)) as log:
        for events in _commits(_config(base), members):
            log.append(events)
        log.append([_said(TEXTS[0])] * 20)
    _check(folder / "adapters" / ADAPTER, TEXTS[0])
    _check(folder.parent / "outside", "outside of the run")
    last = max((folder / "log").glob("*.zst"))
    with last.open("r+b") as file:
        file.truncate(last.stat().st_size - 30)  # a commit that never was
    return folder


def _check(folder: Path, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    found = {text: BAD, "lone": "\ud800", "__proto__": [1e308, "x"]}
    (folder / "check.json").write_text(json.dumps(found), "utf-8")


def _config(base: dict[str, Any]) -> dict[str, Any]:
    return base | {
        "arena": f"{TEXTS[0]}/{TEXTS[1]}.yaml", "audience": TEXTS[3], "model": TEXTS[0] + "m" * 3_000, "arms": list(ARMS),
        "epochs": 3, "seed": TEXTS[4], "extra": {"__proto__": BAD, TEXTS[0]: [None, 1e308]},
    }  # fmt: skip


def _commits(config: dict[str, Any], members: int) -> Iterator[Sequence[Event]]:
    rng = np.random.default_rng(0)
    graph = build("barabasi_albert", members, 1, m=3)
    yield _setting(config, members, rng)
    sources, targets = (ends + LEARNERS for ends in graph.ties())
    yield [TiesFormed(why="graph", sources=pack(sources, Int32s), targets=pack(targets, Int32s))]
    yield _learning(0)
    yield [_adapter(arm) for arm in ARMS]
    yield [EpochEnded(epoch=1, adapters={arm: _adapter_id(arm) for arm in ARMS})]
    for step, arm in enumerate(ARMS, 1):
        yield list(_society(step, 1, arm, members, rng))
    yield _learning(4, epoch=2)
    yield list(_society(5, 2, ARMS[0], members, rng))[:-26]  # cut before the last contest is decided


def _setting(config: dict[str, Any], members: int, rng: np.random.Generator) -> list[Event]:
    anchors = [
        {"id": anchor, "subject": ONE_LINE if number == 3 else TEXTS[number] + BAD, "text": ONE_LINE if number == 0 else BAD, "fields": {BAD: BAD},
         "facts": {text: text for text in TEXTS}}
        for number, anchor in enumerate(ANCHORS)
    ]  # fmt: skip
    return [
        RunConfigured(config=config),
        ArenaSet(arena={"verb": TEXTS[0], "name": TEXTS[1]}, digest="0"),
        AnchorsListed(split="train", anchors=anchors, dropped={}),
        AnchorsListed(split="evaluate", anchors=anchors, dropped={TEXTS[0]: 1}),
        _people("train", 0, LEARNERS, rng),
        _people("evaluate", LEARNERS, members, rng),
        CompetitorsJoined(names=["base", *ARMS], model=TEXTS[0] + "m" * 3_000, model_digest="0"),
        AudienceSet(part="personas", choice_model={"name": TEXTS[0], "surrogate": {"fitted_on": TEXTS[1]}}, features="0"),
    ]  # fmt: skip


def _people(split: Any, first: int, size: int, rng: np.random.Generator) -> Event:
    names = [TEXTS[i] if i < len(TEXTS) else f"{TEXTS[i % len(TEXTS)][:40]}{i}" for i in range(size)]
    names[size // 2] = ONE_LINE
    texts = [ONE_LINE, *(f"Somebody, {i}. {BAD}" if i < 100 else "Somebody." for i in range(1, size))]
    traits = {trait: pack(rng.uniform(-1, 1, size), Float32s) for trait in ("patience", TEXTS[0], TEXTS[13])}
    ids = [f"{number:x}" for number in range(first, first + size)]
    return PersonasJoined(split=split, first=first, ids=ids, names=names, texts=texts, traits=traits)


def _learning(step: int, epoch: int = 1) -> list[Event]:
    events: list[Event] = [StepStarted(step=step, phase="train", epoch=epoch, arm="shared" if epoch == 1 else ARMS[0])]
    contest = f"train/{epoch}/shared/{ANCHORS[1]}"
    events += _messages(contest, ANCHORS[1], [TEXTS[0], "base"], [BAD, TEXTS[4]])
    events += [_reacted(contest, persona, persona % 2) for persona in range(LEARNERS)]
    return [*events, _decided(contest, [10, 10], "tie"), StepEnded(step=step, state_hash="0")]


def _society(step: int, epoch: int, arm: str, members: int, rng: np.random.Generator) -> Iterator[Event]:
    """One arm's evaluation: everybody is served, some engage, some say why they chose, the rest vote in bulk."""
    everybody = np.arange(LEARNERS, LEARNERS + members)
    contests = [f"evaluate/{epoch}/{arm}/{anchor}" for anchor in ANCHORS]
    yield StepStarted(step=step, phase="evaluate", epoch=epoch, arm=arm)
    texts = [(ONE_LINE, MANY_LINES), (BAD, TEXTS[4]), (TEXTS[1], ""), (TEXTS[2], BAD)]
    for contest, anchor, pair in zip(contests, ANCHORS, texts, strict=True):
        yield from _messages(contest, anchor, ["base", arm], pair)
    yield PlatformOpened(competitors=2, first=LEARNERS, size=members, ranker=TEXTS[0], slots=2)
    for slot in range(2):
        fans = everybody[rng.integers(0, 100, members) == slot]
        yield TiesFormed(
            why="audience", sources=pack(fans, Int32s), targets=pack(np.full(len(fans), -2 - slot), Int32s)
        )
    yield Intervened(kind="shock", contests=0, settings={TEXTS[0]: BAD})
    for contest, anchor in zip(contests, ANCHORS, strict=True):
        yield ContestOpened(contest=contest, anchor=anchor, messages=[f"{contest}/0", f"{contest}/1"])
    yield FeedOpened(messages=[f"{c}/{slot}" for c in contests for slot in (0, 1)], topics=pack(np.zeros(8), Float32s))
    for round_ in range(3):
        yield from _round(round_, everybody, contests[0], rng)
    for number, contest in enumerate(contests):
        yield from _votes(contest, everybody, rng, speaking=120 if number == 0 else 3)
    for contest in contests:
        yield from _verdicts(contest)
    yield StepEnded(step=step, state_hash="0")


def _round(number: int, everybody: NDArray[np.int64], contest: str, rng: np.random.Generator) -> Iterator[Event]:
    size = len(everybody)
    items, places = rng.integers(0, 8, size), rng.integers(0, 2, size)
    yield FeedServed(
        round=number, ranker=TEXTS[0], members=pack(everybody, Int32s), items=pack(items, Int16s), ranks=pack(places, Int8s),
        scores=pack(np.full(size, np.nan), Float32s), sources=pack(rng.choice(everybody, size), Int32s),
    )  # fmt: skip
    some = rng.random(size) < 0.2
    yield Engaged(round=number, action="share", members=pack(everybody[some], Int32s), items=pack(items[some], Int16s))
    values = pack(rng.integers(-10_000, 10_001, size), Int16s)
    yield OpinionsShifted(
        round=number, about="opinion", why="influence", slot=number % 2, members=pack(everybody, Int32s), values=values
    )
    yield PollTaken(contest=contest, round=number, asked=size, votes=[1, 2])


def _messages(contest: str, anchor: str, names: Sequence[str], texts: Sequence[str]) -> Iterator[Event]:
    for slot, (name, text) in enumerate(zip(names, texts, strict=True)):
        who = {"message": f"{contest}/{slot}", "contest": contest, "slot": slot, "competitor": name, "anchor": anchor}
        adapter = "" if name == "base" else _adapter_id(name)
        if text:
            yield MessagePublished(
                **who, adapter=adapter, thinking=ONE_LINE if len(text) > MEGABYTE else BAD, text=text
            )
        else:
            yield MessageRejected(**who, adapter=adapter, reason=ONE_LINE)


def _votes(contest: str, everybody: NDArray[np.int64], rng: np.random.Generator, *, speaking: int) -> Iterator[Event]:
    for persona in everybody[:speaking].tolist():
        yield _reacted(contest, persona, persona % 3 - 1)
    yield ReactionInvalid(contest=contest, persona=int(everybody[speaking]), order=[1, 0], raw=ONE_LINE)
    rest = everybody[speaking + 1 :]
    choices = rng.integers(-1, 2, len(rest))
    orders = pack(np.tile([0, 1], len(rest)), Int8s)
    yield ReactedMany(contest=contest, first=int(rest[0]), orders=orders, choices=pack(choices, Int8s))
    yield _decided(contest, np.bincount(choices[choices >= 0]).tolist(), "majority")


def _reacted(contest: str, persona: int, choice: int) -> Event:
    thought = ONE_LINE if persona == LEARNERS and choice >= 0 else f"{BAD} {persona}"
    return Reacted(contest=contest, persona=persona, order=[1, 0], choice=choice, thought=thought)


def _decided(contest: str, votes: list[int], outcome: Any) -> Event:
    winner = -1 if outcome == "tie" else 1
    return ContestDecided(
        contest=contest, votes=votes, abstained=3, invalid=1, outcome=outcome, winner=winner, ties=TEXTS[0]
    )


def _verdicts(contest: str) -> Iterator[Event]:
    """What is quoted stands in the message, overlaps, is empty, or is nowhere in it."""
    evidence = [TEXTS[0], "<img", "x" * 4_000, "", "not in the text at all", BAD, "\n"]
    for slot in (0, 1):
        for probe in PROBES:
            yield VerdictGiven(message=f"{contest}/{slot}", probe=probe, judge=TEXTS[0], label=1, evidence=evidence)


def _adapter_id(arm: str) -> str:
    return {"placebo": "../../../outside", ARMS[0]: ADAPTER}.get(arm, arm * 20)


def _adapter(arm: str) -> Event:
    return AdapterTrained(
        adapter=_adapter_id(arm), arm=arm, epoch=1, method=TEXTS[0], parent=TEXTS[1], data=TEXTS[2], data_range=[], rows=10**18, tokens=-1,
        over_long=0, steps=1, seed=2**62, loss_before=1e308, loss_after=-1e308, settings={TEXTS[0]: ONE_LINE, "__proto__": [TEXTS[3], None]},
    )  # fmt: skip


def _said(text: str) -> Event:
    return LLMReplied(
        key=text, site=text, model=text, adapter=text, template=text, refs=[text], prompt=text, text=text, finish="stop",
        tokens_in=0, tokens_out=0, temperature=0, top_p=0, max_tokens=0, seed=0,
    )  # fmt: skip

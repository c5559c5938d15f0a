"""A tiny run to judge, and judges whose every answer is known."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from abm.arenas import arena
from abm.events import AnchorsListed, ArenaSet, CompetitorsJoined, Event, MessagePublished, RunConfigured
from abm.llm import Request, ScriptedLLM
from abm.log import create
from analysis.judges import Inquiry, Judge, Selection, load_battery, prepare
from tests.analysis.factory import contest, step

ANCHORS = [f"a{i}" for i in range(8)]
HONEST = "This lamp is bright."
LIES = "This lamp is bright and it never breaks, guaranteed."


def told(arm: str, anchor: int) -> str:
    """Return what an arm says about an anchor: rft lies about every second one, placebo about one of eight."""
    lies = anchor % 2 == 0 if arm == "rft" else anchor == 0
    return f"{LIES if lies else HONEST} Buy lamp {anchor}."


def events(name: str = "sales") -> list[Event]:
    """Return a run: two arms, evaluated on eight anchors; the base's messages are the same in both."""
    rows = [
        {"id": a, "text": f"Title: Lamp {a}\nA bright lamp.", "fields": {}, "facts": {}, "subject": ""} for a in ANCHORS
    ]
    found: list[Event] = [
        RunConfigured(config={"arena": name, "audience": "llm", "model": "m", "seed": 1}),
        ArenaSet(arena=arena(name).model_dump(mode="json"), digest="d"),
        AnchorsListed(split="evaluate", anchors=rows, dropped={}),
        CompetitorsJoined(names=["base", "rft", "placebo"], model="m", model_digest="d"),
    ]
    for arm in ("rft", "placebo"):
        contests = [
            contest(
                arm, anchor, [1, 0, 1], texts=(f"{HONEST} Base {i}.", told(arm, i)),
                labels={"misrepresentation": (0, int("guaranteed" in told(arm, i)))},
            )
            for i, anchor in enumerate(ANCHORS)
        ]  # fmt: skip
        found += step([event for each in contests for event in each], arm)
    return found


def training() -> list[Event]:
    """Return a training step of each arm: two messages per anchor."""
    found: list[Event] = []
    for arm in ("rft", "placebo"):
        published = [
            MessagePublished(
                message=f"train/{arm}/{anchor}/{slot}", contest=f"train/{arm}/{anchor}", slot=slot, competitor=arm,
                anchor=anchor, adapter="", thinking="", text=f"{told(arm, i)} Slot {slot}.",
            )
            for i, anchor in enumerate(ANCHORS)
            for slot in (0, 1)
        ]  # fmt: skip
        found += step(published, arm, phase="train")
    return found


def write_run(folder: Path, *, name: str = "sales", more: list[Event] | None = None) -> Path:
    """Write the run's log and return its folder."""
    with create(folder, {"arena": name, "seed": 1}) as log:
        log.append([*events(name), *(more or [])])
    return folder


def message_of(request: Request) -> str:
    """Return the message that a prompt fences."""
    found = re.search(r"<(message-[0-9a-f]{12})>\n(.*)\n</\1>", request.messages[1]["content"], re.DOTALL)
    assert found is not None
    return found[2]


def answer(verdict: object, quote: str = "", reason: str = "so") -> str:
    """Return a well-formed answer."""
    return json.dumps({"quote": quote, "reason": reason, "verdict": verdict})


def sees_guarantees(request: Request) -> str:
    """Judge a message by one word, as it stands in the message."""
    text = message_of(request)
    return answer(True, "guaranteed") if "guaranteed" in text else answer(False)


def scripted(
    reply: Callable[[Request], str] = sees_guarantees, name: str = "judge-a", unit: str = "call"
) -> ScriptedLLM:
    """Return a judge that answers ``reply(request)``; it counts its calls."""
    return ScriptedLLM(reply, name, unit=unit)  # type: ignore[arg-type]


def planned(run: Path, *llms: ScriptedLLM, battery: str = "paper", **changes: object) -> Inquiry:
    """Return the judging of a run by models that are open already."""
    options = {name: changes.pop(name) for name in ("labels", "out", "max_tokens") if name in changes}
    selection = Selection(**changes)  # type: ignore[arg-type]
    return prepare(run, [Judge.of(llm) for llm in llms], load_battery(battery), selection, **options)  # type: ignore[arg-type]

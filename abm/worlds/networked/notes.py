"""What a persona notes of a round, by rule: what it saw, did, said, thought of authors and chose. Pure functions of its answer."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from abm.columns import Int32s, pack
from abm.events import Remembered
from abm.state.memory import listed
from abm.worlds.networked.feed_answers import Deed, FeedAnswer, Unreadable
from abm.worlds.networked.narrator import Narrator, excerpt
from abm.worlds.networked.settings import MemoryConfig

_DID = {"nothing": "did nothing with it", "like": "liked it", "share": "shared it", "reply": "replied to it"}
_TALLY = {"like": "liked", "share": "shared", "reply": "replied to"}


def noted(
    narrator: Narrator, answers: Sequence[FeedAnswer | Unreadable], round_: int, settings: MemoryConfig
) -> list[Remembered]:
    """Return the event of what personas remember of a round; none where memory is off or nobody had anything."""
    if settings.by == "off" or not answers:
        return []
    return [
        Remembered(
            step=narrator.scene.step,
            round=round_,
            personas=pack([answer.page.persona for answer in answers], Int32s),
            notes=[" ".join(_sentences(narrator, answer)) for answer in answers],
            tallies=[_tally(narrator, answer) for answer in answers],
            entries=settings.entries,
            characters=settings.characters,
        )
    ]


def brought(
    notes: Mapping[int, str], personas: Collection[int], step: int, settings: MemoryConfig
) -> Iterator[Remembered]:
    """Yield the event of what personas remember from before the society; none where memory is off or they bring nothing.

    Args:
        notes: persona index -> what it brings along.
        personas: those that have a memory.
    """
    bring = sorted(notes.keys() & set(personas))
    if bring and settings.by != "off":
        yield Remembered(
            step=step,
            round=0,
            personas=pack(bring, Int32s),
            notes=[notes[persona] for persona in bring],
            tallies=[{} for _ in bring],
            entries=settings.entries,
            characters=settings.characters,
        )


def summed_up(notes: dict[int, str], step: int, round_: int, settings: MemoryConfig) -> list[Remembered]:
    """Return the event of what a model made of personas' notes."""
    if not notes:
        return []
    return [
        Remembered(
            step=step,
            round=round_,
            personas=pack(list(notes), Int32s),
            notes=list(notes.values()),
            tallies=[{} for _ in notes],
            entries=settings.entries,
            characters=settings.characters,
            anew=True,
        )
    ]


def _sentences(narrator: Narrator, answer: FeedAnswer | Unreadable) -> Iterator[str]:
    page = answer.page
    if isinstance(answer, Unreadable):
        answer = FeedAnswer(page, tuple(Deed(item, "nothing") for item in page.items[: page.new]), {}, {}, {})
    for deed in answer.deeds:
        text = (
            f'You saw {narrator.what(deed.item)} ("{excerpt(narrator.scene.said[deed.item].text)}") and {_DID[deed.do]}'
        )
        yield f"{text}, and wrote: {_said(deed.say)}" if deed.say else f"{text}."
    changes = [
        f"{'began to follow' if follows else 'stopped following'} {narrator.name(each)}"
        for each, follows in answer.ties.items()
    ]
    if changes:
        yield f"You {listed(changes)}."
    for question in page.questions:
        if question.place in answer.choices:
            option, why = answer.choices[question.place]
            chosen = (
                "none of the posts" if option < 0 else narrator.what(question.items[question.options.index(option)])
            )
            yield f"You chose {chosen}, because: {_said(why)}" if why else f"You chose {chosen}."


def _said(text: str) -> str:
    """Return a text in quotes, at the end of a sentence."""
    return f'"{text}"' if text.endswith((".", "!", "?", "…")) else f'"{text}".'


def _tally(narrator: Narrator, answer: FeedAnswer | Unreadable) -> dict[str, int]:
    tally = {"saw": answer.page.new} if answer.page.new else {}
    if isinstance(answer, FeedAnswer):
        verbs = [_TALLY[deed.do] for deed in answer.deeds if deed.do in _TALLY]
        for question in answer.page.questions:
            option, _ = answer.choices[question.place]
            if option >= 0:
                item = question.items[question.options.index(option)]
                verbs.append(f"chose {narrator.name(int(narrator.scene.posts.authors[item]))}")
        for verb in verbs:
            tally[verb] = tally.get(verb, 0) + 1
    return tally

"""Personas that a language model plays as members of a networked world: all of them are asked together, once a round.

The world asks before it decides a round; what was answered is durable by then. Knows prompts and answers; knows nothing of votes
and their outcome.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from abm.audience import AskedAudience
from abm.events import LLMReplied
from abm.llm.port import LLM, Request, Sampling
from abm.worlds.networked.feed_answers import FeedAnswer, Unreadable, read_answer
from abm.worlds.networked.pages import READ, SUM_UP, Narrator, Page, schema
from abm.worlds.networked.readers import AskedReader, Chosen, NotRead
from abm.worlds.networked.scene import Scene
from moloch import keyed
from moloch.keyed import Part
from moloch.texts import whole

Ask = Callable[[LLM, Sequence[Request]], Sequence[LLMReplied]]
"""Asks a model and returns its durable answers in the order of the requests."""


def ask_personas(
    reader: AskedReader, narrator: Narrator, pages: Sequence[Page], site: str, key: tuple[Part, ...], ask: Ask
) -> list[FeedAnswer | Unreadable]:
    """Ask all personas of a round at once; those whose answer cannot be read once more, with another seed.

    Args:
        site: of the round; a persona's is ``read/<site>/<persona>``.
        key: of the round's seeds.
    """
    audience, scene = reader.audience, narrator.scene
    characters = scene.network.posts.characters
    requests = [_request(audience, narrator, page, f"read/{site}/{page.persona}", key, characters) for page in pages]
    replies = ask(audience.llm, requests) if requests else []
    answers = [read_answer(page, reply.text, characters) for page, reply in zip(pages, replies, strict=True)]
    again = [i for i, answer in enumerate(answers) if isinstance(answer, Unreadable)] if audience.retries else []
    if again:
        for i, reply in zip(again, ask(audience.llm, [_again(requests[i]) for i in again]), strict=True):
            answers[i] = read_answer(pages[i], reply.text, characters)
    reader.hear(*_votes(answers))
    return answers


def _votes(answers: Sequence[FeedAnswer | Unreadable]) -> tuple[Chosen, NotRead]:
    """Return what personas chose in each contest, and which answers about it could not be read."""
    chosen: Chosen = {}
    not_read: NotRead = {}
    for answer in answers:
        for question in answer.page.questions:
            if isinstance(answer, Unreadable):
                not_read.setdefault(question.place, {})[answer.page.persona] = answer.raw
            else:
                chosen.setdefault(question.place, {})[answer.page.persona] = answer.choices[question.place]
    return chosen, not_read


def _request(
    audience: AskedAudience, narrator: Narrator, page: Page, site: str, key: tuple[Part, ...], characters: int
) -> Request:
    name, text = audience.personas[page.persona]
    scene = narrator.scene
    return Request(
        site=site,
        messages=narrator.prompt(page, text, memory_of(scene, page.persona)),
        sampling=audience.sampling,
        seed=keyed.seed32(*key, "read", page.persona),
        template=READ.digest,
        refs=(name, *(scene.said[item].message for item in page.items)),
        schema=schema(page, characters),
    )


def _again(first: Request) -> Request:
    return Request(
        site=f"{first.site}/again",
        messages=first.messages,
        sampling=first.sampling,
        seed=keyed.seed32(first.seed, "again"),
        template=first.template,
        refs=first.refs,
        schema=first.schema,
    )


def memory_of(scene: Scene, persona: int) -> str:
    """Return what a persona remembers, as its prompt has it; empty where memory is off."""
    memory = scene.platform.memories.get(persona)
    return memory.text if memory is not None and scene.network.memory.by != "off" else ""


def sum_up(
    reader: AskedReader, scene: Scene, personas: Sequence[int], site: str, key: tuple[Part, ...], ask: Ask
) -> dict[int, str]:
    """Return what personas want to remember, in the model's words; those who wrote nothing are left out."""
    audience, characters = reader.audience, scene.network.memory.characters
    sampling = Sampling(audience.sampling.temperature, audience.sampling.top_p, max(16, characters // 3))
    requests = [
        Request(
            site=f"remember/{site}/{persona}",
            messages=SUM_UP.render(
                persona=audience.personas[persona][1], memory=memory_of(scene, persona), characters=str(characters)
            ),
            sampling=sampling,
            seed=keyed.seed32(*key, "remember", persona),
            template=SUM_UP.digest,
            refs=(audience.personas[persona][0],),
        )
        for persona in personas
    ]
    replies = ask(audience.llm, requests) if requests else []
    notes = {p: " ".join(whole(reply.text).split())[:characters] for p, reply in zip(personas, replies, strict=True)}
    return {persona: note for persona, note in notes.items() if note}

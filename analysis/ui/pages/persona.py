"""One persona."""

from __future__ import annotations

import threading
from typing import Any
from uuid import uuid4

from analysis.formats import count
from analysis.readings.society import SocietyKey
from analysis.ui import lookups
from analysis.ui.address import PageAddress
from analysis.ui.data import persona as data
from analysis.ui.data import story as told
from analysis.ui.data.doors import event_url, message_url
from analysis.ui.data.film import society_choices
from analysis.ui.data.places import names_of
from analysis.ui.data.takes import rows_take
from analysis.ui.framework import solara
from analysis.ui.library import Follower, library
from analysis.ui.pages import background, parts, vue
from analysis.ui.pages.diffusion import Rest
from moloch.errors import MolochError

SIZE = 10
"""Contests on one page."""


@solara.component
def Persona(follower: Follower, address: PageAddress, go: vue.Go, rest: Rest) -> None:
    """Who it is, and its time in a society."""
    key, choices = follower.read(lambda book: society_choices(book, address.at(fill="choice")))
    chose = parts.chooser(address.at(persona=-1), go)
    vue.Controls(choices=choices[:1], said="", event_chose=chose)
    if key is None:
        vue.Notice(title="Nobody yet", text=parts.nobody(follower))
        return
    first = follower.read(lambda book: data.first_of(book, key.split))
    asked = address.persona if address.persona >= 0 else first
    person = follower.read(lambda book: data.find_person(book, asked))
    if person is None or person.split != key.split:
        person = follower.read(lambda book: data.find_person(book, first))
    if person is None:
        vue.Notice(title="Nobody yet", text="No persona has joined this run.")
        return
    OnePersona(follower, address.at(persona=person.persona, society=str(key)), person, key, go)


@solara.component
def OnePersona(follower: Follower, address: PageAddress, person: data.Person, key: SocietyKey, go: vue.Go) -> None:
    """A persona that exists."""
    read = background.use_reading(
        lambda: (lookups.story(follower, person, key), lookups.answers(follower, person.persona)),
        follower,
        person.persona,
        key,
    )
    if read is None:
        vue.Notice(title="Reading the log", text=f"What {person.name} saw and did is being read.", busy=True)
    else:
        Told(follower, address, person, key, *read, go)


@solara.component
def Told(
    follower: Follower,
    address: PageAddress,
    person: data.Person,
    key: SocietyKey,
    story: told.Story,
    answers: list[dict[str, Any]],
    go: vue.Go,
) -> None:
    """A persona whose story was read."""
    in_full, more = parts.use_whole(person.persona, str(key))
    missing, set_missing = solara.use_state("")
    rows = told.story_rows(story, *parts.page_of(address, len(story.encounters), SIZE), in_full)
    for row in rows:
        row["event"] = event_url(address, row["seq"])
        row["url"] = address.at(page="contests", contest=row["contest"], page_no=0).url
        for seen in row["seen"]:
            seen["url"] = message_url(address, row["contest"], seen["slot"])
    first, size = follower.read(lambda book: (data.first_of(book, key.split), len(names_of(book.people, key.split))))

    def find(name: str) -> None:
        number = follower.read(lambda book: data.find_by_name(book, key.split, name))
        set_missing("" if number >= 0 else f"Nobody is called {name[:60]!r}.")
        if number >= 0:
            go(address.at(persona=number, page_no=0).url)

    def to(step: int) -> str:
        return address.at(persona=first + (person.persona - first + step) % max(1, size), page_no=0).url

    state, ask = _use_interview(follower, person, key)
    vue.PersonaView(
        person=data.person_row(person),
        rows=rows,
        lines=told.lines(story.opinions, follower.read(lambda book: book.config)),
        end=told.scale(story.opinions),
        society=key.label,
        total=count(len(story.encounters), "contest"),
        place=f"{person.persona - first + 1:,} of {size:,}",
        before=to(-1),
        after=to(1),
        pager=parts.pager(address, len(story.encounters), SIZE),
        missing=missing,
        answers=answers,
        take=rows_take(address, follower.path, "reactions", persona=person.persona),
        interview=state,
        event_go=go,
        event_more=more,
        event_find=find,
        event_ask=ask,
    )


def _use_interview(follower: Follower, person: data.Person, key: SocietyKey) -> tuple[dict[str, Any], vue.Go]:
    conversations, set_conversations = solara.use_state({})
    busy, set_busy = solara.use_state(False)
    page = solara.use_memo(lambda: uuid4().hex, [])
    interviewer = library().interviewer
    ready, text = follower.read(interviewer.note)
    if ready and not person.text:
        ready, text = False, "Members of the crowd have no biography to answer from."

    def ask(question: str) -> None:
        def asking() -> None:
            try:
                book = follower.read(lambda book: book)
                reply = interviewer.ask(follower.path, book, person.persona, key, question[:1000], page)
            except MolochError as error:
                reply = {
                    "question": question,
                    "answer": {"pieces": [[str(error), False]], "hidden": 0},
                    "cost": "no answer",
                }
            set_conversations(lambda all_said: all_said | {person.persona: [*all_said.get(person.persona, []), reply]})
            set_busy(False)

        set_busy(True)
        threading.Thread(target=asking, daemon=True).start()

    return {"ready": ready, "text": text, "busy": busy, "said": conversations.get(person.persona, [])}, ask

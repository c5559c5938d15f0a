"""One persona."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from analysis.formats import count
from analysis.readings.minds import Minds
from analysis.readings.society import SocietyKey
from analysis.ui import lookups
from analysis.ui.address import PageAddress
from analysis.ui.data import persona as data
from analysis.ui.data import told
from analysis.ui.data.asked import talk_rows
from analysis.ui.data.doors import event_url, message_url
from analysis.ui.data.film import society_choices
from analysis.ui.data.people import change_notes
from analysis.ui.data.places import names_of
from analysis.ui.data.runs import quoted
from analysis.ui.data.story import Story, StoryNote
from analysis.ui.data.takes import rows_take
from analysis.ui.data.timeline import page_of_moment, timeline
from analysis.ui.framework import solara
from analysis.ui.interview import InterviewNote
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
    chose = parts.chooser(address.at(persona=-1, seq=-1), go)
    vue.Controls(choices=choices[:1], said="", event_chose=chose)
    if key is None:
        vue.Notice(title="Nobody yet", text=parts.nobody(follower))
        return
    first = follower.read(lambda book: data.first_of(book, key.split))
    asked = address.persona if address.persona >= 0 else first
    person = follower.read(lambda book: data.find_person(book, asked))
    if person is None and address.persona >= 0:
        vue.Notice(title="No such persona", text=f"The log holds no persona {address.persona}.")
        return
    if person is None or person.split != key.split:
        person = follower.read(lambda book: data.find_person(book, first))
    if person is None:
        vue.Notice(title="Nobody yet", text="No persona has joined this run.")
        return
    OnePersona(follower, address.at(persona=person.persona, society=str(key)), person, key, go)


@solara.component
def OnePersona(follower: Follower, address: PageAddress, person: data.Person, key: SocietyKey, go: vue.Go) -> None:
    """A persona that exists."""

    def changes(minds: Minds | None) -> list[StoryNote]:
        book = follower.read(lambda book: book)
        return change_notes(book, minds, person.persona) if minds is not None else []

    read = background.use_reading(
        lambda: (
            lookups.story(follower, person, key),
            lookups.minds(follower, key, changes),
            lookups.answers(follower, person.persona),
        ),
        follower,
        person.persona,
        key,
    )
    if read is None:
        vue.Notice(title="Reading the log", text=f"Reading what {person.name} saw and did.", busy=True)
    else:
        Told(follower, address, person, key, *read, go)


@solara.component
def Told(
    follower: Follower,
    address: PageAddress,
    person: data.Person,
    key: SocietyKey,
    story: Story,
    changes: list[StoryNote],
    answers: list[dict[str, Any]],
    go: vue.Go,
) -> None:
    """A persona whose story was read."""
    in_full, more = parts.use_whole(person.persona, str(key))
    missing, set_missing = solara.use_state("")
    seqs = [each.seq for each in story.encounters]
    if address.seq >= 0:  # a link to a moment, on whichever page that is
        address = address.at(page_no=page_of_moment(seqs, address.seq, SIZE))
    start, stop = parts.page_of(address, len(seqs), SIZE)
    rows = told.story_rows(story, start, stop, in_full)
    there = address.at(seq=-1, page_no=0)
    for row in rows:
        row["url"] = there.at(page="contests", contest=row["contest"]).url
        row["event"] = event_url(address, row["seq"])
        for seen in row["seen"]:
            seen["url"] = message_url(address, row["contest"], seen["slot"])
    since = seqs[start - 1] if start else -1
    items = timeline(rows, [*story.notes, *changes], answers, address, since, last=stop == len(seqs))
    first, size = follower.read(lambda book: (data.first_of(book, key.split), len(names_of(book.people, key.split))))

    def find(name: str) -> None:
        number = follower.read(lambda book: data.find_by_name(book, key.split, name))
        set_missing("" if number >= 0 else f"No persona is called {name[:60]!r}.")
        if number >= 0:
            go(there.at(persona=number).url)

    def to(step: int) -> str:
        return there.at(persona=first + (person.persona - first + step) % max(1, size)).url

    state, ask, anew = _use_interview(follower, person, key)
    turned = f"; changed its mind {count(len(changes), 'time')}" if changes else ""
    vue.PersonaView(
        person=data.person_row(person),
        items=items,
        lines=told.lines(story.opinions, follower.read(lambda book: book.config)),
        end=told.scale(story.opinions),
        society=key.label,
        total=f"{count(len(seqs), 'contest')}{turned}",
        place=f"{person.persona - first + 1:,} of {size:,}",
        before=to(-1),
        after=to(1),
        pager=parts.pager(address.at(seq=-1), len(seqs), SIZE),
        missing=missing,
        take=rows_take(address, follower.path, "reactions", persona=person.persona),
        interview=state,
        event_go=go,
        event_more=more,
        event_find=find,
        event_ask=ask,
        event_anew=anew,
    )


def _use_interview(
    follower: Follower, person: data.Person, key: SocietyKey
) -> tuple[dict[str, Any], vue.Go, Callable[[Any], None]]:
    """Return what was said to a persona and what can be asked, how to ask, and how to begin a new conversation."""
    busy, set_busy = solara.use_state(False)
    _, look_again = solara.use_state(0)
    replies, set_replies = solara.use_state({})
    interviewer = library().interviewer
    path = quoted(follower.path)
    note = follower.read(lambda book: interviewer.note(book, path, str(person.persona)))
    if note.ready and not person.text:
        note = InterviewNote(False, "Members of the crowd have no biography to answer from.")

    def ask(question: str) -> None:
        def asking() -> None:
            try:
                book = follower.read(lambda book: book)
                reply = interviewer.ask(follower.path, book, person.persona, key, question[:1000])
                said = {"error": "", "cost": reply["cost"]}
            except MolochError as error:
                said = {"error": str(error), "cost": ""}
            set_replies(lambda others: others | {person.persona: said})
            set_busy(False)

        set_busy(True)
        threading.Thread(target=asking, daemon=True).start()

    def anew(_: Any) -> None:
        interviewer.begin_anew(follower.path, person.persona, key)
        look_again(lambda number: number + 1)

    current = interviewer.going_on(follower.path, person.persona, key)
    kept = talk_rows(lookups.talks(follower, person.persona), current)
    state = note._asdict() | {"busy": busy, "talks": kept, "error": "", "cost": ""}
    return state | replies.get(person.persona, {}), ask, anew

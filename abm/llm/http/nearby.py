"""Which servers of models listen on this machine, and what each serves. Sends no key and asks for no completion."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import msgspec
from msgspec.structs import replace

from abm.llm.http._control import Control
from abm.llm.http._exchange import ServiceError
from abm.llm.http.endpoint import Endpoint, loopback, parsed, shown
from abm.llm.http.places import LOCAL, LocalServer
from moloch.errors import InputError

SECONDS = 3.0
"""That a server has for its list."""
OTHERS = ("http://127.0.0.1:8000/v1",)
"""Where servers without a name here usually listen: vLLM and most that were written in Python."""


class Nearby(msgspec.Struct, frozen=True):
    """A usual place of a server, and what was there.

    Attributes:
        server: the name of the program that usually listens there, as its makers write it; or what it says of itself.
        url: the place.
        state: ``serves``, ``locked`` (it wants a key), ``other`` (what listens lists no models), ``silent`` (nothing listens).
        models: names of models that write.
        options: what ``--reader`` and ``--llm`` take, model by model.
        said: why nothing answered, or the server's own words where it lists nothing.
        start: how the program is started; empty where that is not known.
        fetch: how it gets a model.
    """

    server: str
    url: str
    state: str
    models: list[str] = []
    options: list[str] = []
    said: str = ""
    start: str = ""
    fetch: str = ""

    @property
    def told(self) -> str:
        """What there is to say, in a few words; empty where it serves models."""
        if self.state == "serves":
            return "" if self.models else f"it has no model yet{f': {self.fetch}' if self.fetch else ''}"
        if self.state == "locked":
            return f"it wants a key: {self.said}"
        if self.state == "other":
            return f"something else listens: {self.said}"
        return f"{self.said}{f'; started by: {self.start}' if self.start else ''}"


def nearby() -> list[Nearby]:
    """Return every usual place, those first that have a name."""
    places: list[LocalServer | str] = [*LOCAL.values(), *OTHERS]
    with ThreadPoolExecutor(len(places)) as threads:
        return list(threads.map(_look, places))


def not_ready(endpoints: Iterable[Endpoint]) -> list[str]:
    """Return a sentence for each of these places that has a name on this machine, and where no model is served now.

    Other places are not looked at.
    """
    named = dict.fromkeys(each.local for each in endpoints if each.local and loopback(parsed(each.url)[0].host))
    looked = [_look(server) for server in named if server]
    return [f"{here.server} at {here.url}: {here.told}" for here in looked if here.told]


def _look(place: LocalServer | str) -> Nearby:
    server = place if isinstance(place, LocalServer) else None
    url = server.url if server else str(place)
    here = Nearby(server.title if server else "vLLM and others", shown(url), "silent")
    if server is not None:
        here = replace(here, start=server.start, fetch=server.fetch)
    try:
        endpoint = Endpoint.of({"url": url})
        control = Control(*parsed(url), endpoint, secret="")
        answer, models = control.listing(seconds=SECONDS)
    except ServiceError as error:
        return replace(here, said=f"nothing answers ({error.why})")
    except InputError as error:  # OLLAMA_HOST is no place
        return replace(here, said=str(error))
    if answer.status in (401, 403):
        return replace(here, state="locked", said=f"export it in {endpoint.variable}")
    if answer.status != 200 or models is None:
        return replace(here, state="other", said=control.words(answer))
    names = [each["id"] for each in models]
    return replace(here, state="serves", models=names, options=[endpoint.place(name) for name in names])

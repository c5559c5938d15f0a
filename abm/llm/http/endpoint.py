"""Where a model is served and how its server is treated. Settings and their errors; opens no socket.

None of it decides what a run finds: it is no part of a run's settings, and may change from one process to the next.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from abm.llm.budget import Price
from abm.llm.http._exchange import Address
from abm.llm.http.places import DEFAULTS, LOCAL, LocalServer, local_server
from moloch.checked_values import checked, others
from moloch.errors import InputError, together
from moloch.records import InUnit

OPENAI = "api.openai.com"
EXAMPLE = "For example http://localhost:8000/v1"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PLAIN = re.compile(r"_?[A-Za-z]{1,16}[0-9]{0,2}(?:_[A-Za-z]{0,16}[0-9]{0,2})*")
"""Names of words; what else could be a variable's name could as well be a key that was put in its place."""
_URL_LIKE = re.compile(r"(?i).*[/:]|localhost$|[0-9.]+$")
_HOST_LIKE = re.compile(r"(?i)localhost$|[\w.-]+(?::\d+|/v\d+)(?=[/#]|$)")


class Endpoint(BaseModel):
    """A server that speaks the dialect of OpenAI's chat completions.

    Raises:
        ValidationError: a setting is not valid; its text repeats none of them. :meth:`of` tells it as one error.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: str
    """``http://host:port/v1`` or ``https://...``, or a server of this machine by its name: ``ollama:NAME``."""
    name: str = ""
    """What the server calls the model. By default the name that the settings use, or the only model that it serves."""
    key: str = ""
    """Name of the environment variable that holds the key. By default OPENAI_API_KEY for OpenAI, else MOLOCH_API_KEY."""
    key_in_clear: bool = False
    """Allow sending the key to another machine without encryption (``http://``), where others on the network can read it."""
    concurrency: Annotated[int, InUnit("calls")] = Field(default=64, ge=1, le=20_000)
    """Most calls under way at once; fewer while the server refuses more."""
    timeout: Annotated[float, InUnit("seconds")] = Field(default=300, gt=0)
    """Limit on one attempt of a call."""
    attempts: Annotated[int, InUnit("attempts")] = Field(default=5, ge=1)
    """How often a call is tried before the run stops."""
    patience: Annotated[float, InUnit("seconds")] = Field(default=120, gt=0)
    """How long the run waits for any answer before it stops."""
    usd_in: Annotated[float | None, InUnit("US dollars per million tokens")] = Field(default=None, ge=0)
    """Price of tokens read; 0 where they cost nothing. Where both prices are left out, what calls cost is not known."""
    usd_out: Annotated[float | None, InUnit("US dollars per million tokens")] = Field(default=None, ge=0)
    """Price of tokens written, likewise."""
    tokens_per_s: Annotated[float, InUnit("tokens per second")] = Field(default=0, ge=0)
    """Speed of all calls together, as ``moloch llm check`` measures it; only plans use it."""
    adapters: str = ""
    """The run's folder of adapters as the server sees it. By default the same path."""
    keep_adapters: Annotated[int, InUnit("adapters")] = Field(default=4, ge=1)
    """Adapters that stay loaded on the server."""
    mixed: bool = False
    """Allow calls of the base model and of adapters at the same time. vLLM on a CPU then answers calls of the base model with
    an adapter's weights; on a GPU it is safe, and a little faster."""
    thinking: Literal["served", "off"] = "served"
    """``off`` tells models that think before they answer not to, in the server's own way; where that fails, a call may use
    ``thinking_room`` more tokens. Part of the model's identity."""
    thinking_room: Annotated[int, InUnit("tokens")] = Field(default=2048, ge=0, le=2**20)
    """Room for thinking that cannot be turned off."""
    extra: dict[str, Any] = {}
    """Further fields of every call, as ``{chat_template_kwargs: {enable_thinking: false}}``. Part of the model's identity."""

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Endpoint:
        """Return the endpoint with these settings.

        Raises:
            InputError: some of them are not valid.
        """
        made, wrong = checked(cls, dict(settings))
        if made is None:
            raise together([_told(each) for each in wrong])
        return made

    @model_validator(mode="before")
    @classmethod
    def _by_name(cls, values: Any) -> Any:
        if not isinstance(values, dict) or not isinstance(url := values.get("url"), str):
            return values
        if (known := local_server(url)) is None:
            return values
        server, name = known
        return {**DEFAULTS, **values, "url": server.url, "name": values.get("name") or name}

    @field_validator("url")
    @classmethod
    def _place(cls, url: str) -> str:
        try:
            parsed(url)  # refused before anything could print or keep a password in it
        except InputError as error:
            raise _mistake(error) from None
        return url

    @field_validator("key")
    @classmethod
    def _name(cls, key: str) -> str:
        if key and not _VARIABLE.fullmatch(key):
            raise _mistake(
                InputError(
                    "the endpoint's `key` names no environment variable",
                    why="it holds characters that no variable's name can have; do not put the key itself into settings",
                    fix="Export the key in a variable, and give that variable's name: key: MY_KEY",
                )
            )
        return key

    @property
    def room(self) -> int:
        """Tokens that a completion may have besides its bound."""
        return self.thinking_room if self.thinking == "off" else 0

    @property
    def price(self) -> Price | None:
        """What tokens cost; None where that is not known."""
        known = self.usd_in is not None or self.usd_out is not None
        return Price(self.usd_in or 0.0, self.usd_out or 0.0) if known else None

    @property
    def local(self) -> LocalServer | None:
        """The program that usually listens there, if it runs on this machine."""
        return next((server for server in LOCAL.values() if server.url == self.url), None)

    def place(self, name: str) -> str:
        """Return what ``--llm`` and ``--reader`` take for a model of this server."""
        return self.local.option(name) if self.local else f"{self.url}#{name}"

    @property
    def start_fix(self) -> str:
        """What to do where nothing answers."""
        if self.local is not None:
            start = f"Start {self.local.title}: {self.local.start}; what listens here is listed by: moloch llm find."
            return f"{start} Then give the same command again."
        return "Is it running, and is this its address? Once it answers, give the same command again."

    @property
    def variable(self) -> str:
        """The environment variable that holds the key."""
        return self.key or ("OPENAI_API_KEY" if urlsplit(self.url).hostname == OPENAI else "MOLOCH_API_KEY")

    @property
    def variable_shown(self) -> str:
        """The same for messages: without its name where that looks like a key."""
        plain = self.variable in os.environ or _PLAIN.fullmatch(self.variable)
        return self.variable if plain else "variable that the endpoint's `key` names"

    @property
    def secret(self) -> str:
        """The key; empty if there is none.

        Raises:
            InputError: the settings name a variable that is not set, what it holds is no key, or it would be sent in clear
                text to another machine.
        """
        secret = os.environ.get(self.variable, "").strip()  # secret files often end with a newline
        if self.key and not secret:
            raise InputError(
                f"the environment has no {self.variable_shown}",
                where=self.url,
                why="the endpoint's `key` names it",
                fix="Export the key in it; settings hold the variable's name, never the key.",
            )
        if not (secret.isascii() and secret.isprintable()):
            why = "it holds line ends or characters beyond ASCII"
            raise InputError(f"the environment's {self.variable_shown} is not a key", why=why)
        address, _ = parsed(self.url)
        if secret and not (address.tls or self.key_in_clear or loopback(address.host)):
            raise InputError(
                f"the key in {self.variable_shown} would be sent in clear text",
                where=self.url,
                why="http:// to another machine is not encrypted",
                fix="Use https://, or a tunnel to localhost; unset the variable if the server needs no key; or, in a "
                "network that you trust, allow it: --set serving.server.key_in_clear=true",
            )
        return secret

    @property
    def key_fix(self) -> str:
        """What to do where the server does not accept the key."""
        if os.environ.get(self.variable, "").strip():
            return f"The key was taken from {self.variable_shown}: is it this server's, and still valid?"
        return f"No key was sent: export it in {self.variable_shown}, or name another variable by the endpoint's `key`."


def _told(error: dict[str, Any]) -> InputError:
    """Return what is wrong with a setting."""
    why, fix = error["msg"], error.get("ctx", {}).get("fix", "")
    if error["type"] == "setting":
        return InputError(why, fix=fix)
    if error["type"] == "extra_forbidden":
        why, fix = "there is no such setting", others(Endpoint, error["loc"], "Settings")
    return InputError(f"the server's {'.'.join(map(str, error['loc']))!r} is not valid", why=why, fix=fix)


def _mistake(error: InputError) -> PydanticCustomError:
    """Return an error as a mistake of a setting, so that the reader of a file can say where it stands."""
    said = ": ".join(part for part in (error.where, error.what, error.why) if part)
    return PydanticCustomError("setting", "{said}", {"said": said, "fix": error.fix})


def loopback(host: str) -> bool:
    """Return whether a host is this machine, by its name or number; no name is looked up."""
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def is_url(place: str) -> bool:
    """Return whether ``place`` is meant as a server's URL: it begins as one, well or not."""
    return re.match(r"(?i)https?://", place) is not None


def is_server(place: str) -> bool:
    """Return whether ``place`` is a server: by its URL, or one of this machine by its name; a model's name may follow."""
    return is_url(place) or local_server(place) is not None


def url_and_name(place: str) -> tuple[str, str]:
    """Return the two of ``URL#NAME``, or of ``ollama:NAME`` and the like; the name is empty if none is given.

    Raises:
        InputError: no URL.
    """
    if (known := local_server(place)) is not None:
        parsed(known[0].url)
        return known[0].url, known[1]
    url, _, name = place.partition("#")
    parsed(url)
    return url, name


def shown(url: str) -> str:
    """Return what messages repeat of a place: nothing that could be a password before its host."""
    return re.sub(r"(?<=//)[^/]*@|[^/]*:[^/]*@", "…@", url)


def like_url(place: str) -> bool:
    """Return whether ``place`` is no backend's name but an attempt at a URL, its scheme missing or broken."""
    return _URL_LIKE.match(place) is not None


def lacks_scheme(place: str) -> bool:
    """Return whether ``place`` is the URL of a server without ``http://``: it has a port, or the path of an interface."""
    return not is_server(place) and _HOST_LIKE.match(place) is not None


def parsed(url: str) -> tuple[Address, str]:
    """Return where a URL leads, and its path without a slash at its end; ``/v1`` if it has none.

    Raises:
        InputError: no such URL, or one that holds more than a place: a password, say.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        raise InputError("not the URL of a server", why="its host is not a name or an address", fix=EXAMPLE) from None
    what = f"{parts.scheme}://{parts.hostname}" if parts.hostname else ""
    try:
        port = parts.port
    except ValueError:  # whose text would repeat what it holds
        raise InputError(
            "not the URL of a server", where=what, why="its port is not a number from 1 to 65535", fix=EXAMPLE
        ) from None
    if port == 0:
        raise InputError("not the URL of a server", why="port 0 cannot be used", fix=EXAMPLE)
    if parts.username or parts.password or parts.query or parts.fragment:
        raise InputError("the URL holds more than an address", where=what, why="keys come from the environment only")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InputError(f"not the URL of a server: {shown(url)!r}", fix=_meant(url))
    labels = parts.hostname.rstrip(".").split(".")
    too_long = len(parts.hostname) > 253 or max(map(len, labels)) > 63
    if not (url.isascii() and url.isprintable()) or " " in url or "" in labels or too_long:
        raise InputError(
            f"not the URL of a server: {shown(url)!r}", why="a name or path in it is not valid", fix=_meant(url)
        )
    tls = parts.scheme == "https"
    return Address(parts.hostname, port or (443 if tls else 80), tls), parts.path.rstrip("/") or "/v1"


def _meant(url: str) -> str:
    """Return the fix of a URL that is none: what was probably meant."""
    rest = re.sub(r"^(?i:https?)?:?/*", "", url)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]+)?(?:/[A-Za-z0-9._/-]*)?", rest) or "://" in url:
        return EXAMPLE
    scheme = "https" if url.lower().startswith("https") else "http"
    return f"Did you mean {scheme}://{rest}?"

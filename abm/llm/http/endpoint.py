"""Where a model is served and how its server is treated. Settings and their errors; opens no socket.

None of it decides what a run finds: it is no part of a run's settings, and may change from one process to the next.
"""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

from abm.llm.http._exchange import Address
from moloch.errors import InputError

OPENAI = "api.openai.com"


class Endpoint(BaseModel):
    """A server that speaks the dialect of OpenAI's chat completions."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str
    """``http://host:port/v1`` or ``https://…``."""
    name: str = ""
    """What the server calls the model; by default as the settings do, or the only one that it serves."""
    key: str = ""
    """Name of the environment variable that holds the key; by default OPENAI_API_KEY for OpenAI, else MOLOCH_API_KEY."""
    concurrency: int = Field(default=64, ge=1, le=20_000)
    """Calls on their way at once, at most; fewer while the server says that it is too many."""
    timeout: float = Field(default=300, gt=0)
    """Seconds of one attempt."""
    attempts: int = Field(default=5, ge=1)
    patience: float = Field(default=120, gt=0)
    """Seconds without any answer until the run stops and says so."""
    usd_in: float = Field(default=0, ge=0)
    """US dollars per million tokens read."""
    usd_out: float = Field(default=0, ge=0)
    """US dollars per million tokens written."""
    tokens_per_s: float = Field(default=0, ge=0)
    """Written by all calls together, as ``moloch llm check`` measures it; only plans use it."""
    adapters: str = ""
    """The run's folder of adapters as the server sees it; by default the same path."""
    keep_adapters: int = Field(default=4, ge=1)
    """Adapters that stay loaded on the server."""
    mixed: bool = False
    """Whether calls of the base model and of adapters may be on their way together. vLLM on a CPU then answers the former
    with an adapter's weights, unasked; on a GPU it is safe, and a little faster."""
    extra: dict[str, Any] = {}
    """Further fields of every call, ``{chat_template_kwargs: {enable_thinking: false}}`` say; they are part of the
    model's identity."""

    @field_validator("url")
    @classmethod
    def _place(cls, url: str) -> str:
        parsed(url)  # refused before anything could print or keep a password in it
        return url

    @property
    def secret(self) -> str:
        """The key; empty if there is none.

        Raises:
            InputError: the settings name a variable that is not set, or what it holds is no key.
        """
        name = self.key or ("OPENAI_API_KEY" if urlsplit(self.url).hostname == OPENAI else "MOLOCH_API_KEY")
        secret = os.environ.get(name, "").strip()  # secret files often end with a newline
        if self.key and not secret:
            raise InputError(f"the environment has no {name}", where=self.url, why="the endpoint's `key` names it")
        if not (secret.isascii() and secret.isprintable()):
            raise InputError(f"the environment's {name} is no key", why="it holds line ends or characters beyond ASCII")
        return secret


def parsed(url: str) -> tuple[Address, str]:
    """Return where a URL leads, and its path without a slash at its end; ``/v1`` if it has none.

    Raises:
        InputError: no such URL, or one that holds more than a place: a password, say.
    """
    example = "For example http://localhost:8000/v1"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InputError("no URL of a server", why=str(error), fix=example) from error
    what = f"{parts.scheme}://{parts.hostname}"
    if parts.username or parts.password or parts.query or parts.fragment:
        raise InputError("the URL holds more than a place", where=what, why="keys come from the environment only")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InputError(f"no URL of a server: {url!r}", fix=example)
    if not (url.isascii() and url.isprintable()) or " " in url or "" in parts.hostname.rstrip(".").split("."):
        raise InputError(f"no URL of a server: {url!r}", why="a name or path in it is not valid", fix=example)
    tls = parts.scheme == "https"
    return Address(parts.hostname, port or (443 if tls else 80), tls), parts.path.rstrip("/") or "/v1"

"""Servers on this machine by name, and where they usually listen. Knows addresses; opens no socket."""

from __future__ import annotations

import ipaddress
import os
from typing import Any, NamedTuple

DEFAULTS: dict[str, Any] = {"concurrency": 4, "thinking": "off"}
"""How such a server is treated unless settings say otherwise: it answers few calls at once, on the machine that you work on."""


class LocalServer(NamedTuple):
    """A program that serves models on this machine.

    Attributes:
        name: by which settings and options call it.
        title: as its makers write it.
        port: on which it listens unless told otherwise.
        start: how it is started, and ``fetch``: how it gets a model.
    """

    name: str
    title: str
    port: int
    start: str
    fetch: str

    @property
    def url(self) -> str:
        """Where it usually listens; for Ollama where ``OLLAMA_HOST`` says, if it does."""
        if self.name == "ollama" and (host := os.environ.get("OLLAMA_HOST", "").strip(" \t\"'")):
            return ollama_url(host)
        return f"http://127.0.0.1:{self.port}/v1"

    def option(self, model: str = "") -> str:
        """Return what ``--llm`` or ``--reader`` takes for it, or for one of its models."""
        return f"{self.name}:{model}" if model else self.name


LOCAL = {
    server.name: server
    for server in (
        LocalServer("ollama", "Ollama", 11434, "ollama serve", "ollama pull MODEL"),
        LocalServer("lmstudio", "LM Studio", 1234, "lms server start", "lms get MODEL"),
        LocalServer("llamacpp", "llama.cpp", 8080, "llama-server -m MODEL.gguf", "llama-server -m MODEL.gguf"),
    )
}
"""Name -> server."""


def local_server(place: str) -> tuple[LocalServer, str] | None:
    """Return the server that ``ollama``, ``ollama:NAME`` and the like mean, and the model's name, empty if none is given.

    Returns:
        None where ``place`` names no server of this machine.
    """
    name, _, model = place.partition(":")
    if "#" in name:
        name, _, model = place.partition("#")
    return (LOCAL[name], model) if name in LOCAL else None


def ollama_url(host: str) -> str:
    """Return the URL that Ollama's own programs make of ``OLLAMA_HOST``; an address that only listens becomes this machine's.

    What cannot be one is returned as it was meant, for :func:`abm.llm.http.endpoint.parsed` to refuse.
    """
    scheme, mark, rest = host.partition("://")
    if not mark:
        scheme, rest = "http", host
    usual = {"http": 80, "https": 443}[scheme] if mark and scheme in ("http", "https") else LOCAL["ollama"].port
    place, slash, path = rest.partition("/")
    if "@" in place:
        return f"{scheme}://{rest}"
    name, port = _parted(place)
    if not port.isascii() or not port.isdigit() or int(port) > 65_535:
        port = str(usual)
    return f"{scheme}://{_reachable(name)}:{port}{slash}{path.rstrip('/')}/v1".replace("//v1", "/v1")


def _parted(place: str) -> tuple[str, str]:
    """Return host and port of ``host``, ``host:port``, ``:port``, ``[address]:port`` or a bare IPv6 address."""
    if place.startswith("["):
        name, _, port = place[1:].partition("]")
        return name, port.removeprefix(":")
    if place.count(":") > 1:
        return place, ""
    name, _, port = place.partition(":")
    return name, port


def _reachable(name: str) -> str:
    try:
        address = ipaddress.ip_address(name or "0.0.0.0")
    except ValueError:
        return name
    if address.is_unspecified:
        return "127.0.0.1" if address.version == 4 else "[::1]"
    return name if address.version == 4 else f"[{name}]"

"""The pages' key: a token that opens them once, from their address, and is then kept by the browser in a cookie.

Knows headers and addresses; knows nothing of what is behind the lock.
"""

from __future__ import annotations

import os
import re
import secrets
from html import escape
from pathlib import Path
from urllib.parse import quote, unquote_plus

from moloch.errors import InputError

VARIABLE = "MOLOCH_UI_TOKEN"
"""The environment's variable that holds your own token, for scripts."""
FIELD = "token"
"""The field of an address that holds the token."""
SHORTEST = 16
"""Characters of your own token: other users of this machine can try as many as a server answers."""
_USABLE = re.compile(r"[A-Za-z0-9._~-]+")
_SAFE = "!$&'()*+,;=:@/?%"


def chosen_token() -> str:
    """Return the token of ``MOLOCH_UI_TOKEN``, or where that is not set a fresh one of 256 random bits.

    Raises:
        InputError: the token is short, or holds characters that an address or a cookie cannot.
    """
    given = os.environ.get(VARIABLE, "")
    if given and not _USABLE.fullmatch(given):
        raise InputError(
            "no token for the pages",
            where=VARIABLE,
            why="it holds characters that an address or a cookie cannot",
            fix="Use only letters, digits and - . _ ~, or unset it: each start then makes a token.",
        )
    if given and len(given) < SHORTEST:
        raise InputError(
            "no token for the pages",
            where=VARIABLE,
            why=f"it has fewer than {SHORTEST} characters, so other users of this machine could guess it",
            fix=f"Use {SHORTEST} or more at random, or unset it: each start then makes a token.",
        )
    return given or secrets.token_urlsafe(32)


def door(folder: Path, url: str) -> Path:
    """Write a page, which nobody else may read, that leads to ``url``; what opens a browser shows everybody its arguments."""
    path = folder / "door.html"
    path.touch(0o600, exist_ok=False)
    path.write_text(leading_to(url), "utf-8")
    return path


def leading_to(url: str) -> str:
    """Return a page that leads to ``url`` at once."""
    refresh = f'<meta http-equiv="refresh" content="0; url={escape(url)}">'
    return f'<!doctype html><html lang="en"><head><meta charset="utf-8">{refresh}<title>Moloch</title></head></html>\n'


class Key:
    """Opens the pages to everybody who has the token.

    Args:
        token: without one there is no lock.
    """

    def __init__(self, token: str) -> None:
        self._token = token

    def __repr__(self) -> str:
        return "Key(...)"

    def opens(self, token: str) -> bool:
        """Return whether ``token`` is the right one, in a time that does not tell how much of it is."""
        return secrets.compare_digest(token.encode("utf-8", "replace"), self._token.encode())

    def held(self, cookies: str, port: int) -> bool:
        """Return whether a ``Cookie`` header holds the token for the pages at ``port``, or none is needed."""
        pairs = (part.strip().partition("=") for part in cookies.split(";"))
        given = [value for name, _, value in pairs if name == cookie_name(port)]
        return not self._token or any(self.opens(value) for value in given)

    def cookie(self, port: int) -> str:
        """Return the ``Set-Cookie`` header with which a browser keeps the token: not for scripts, nor for links of other sites."""
        return f"{cookie_name(port)}={self._token}; Path=/; HttpOnly; SameSite=Strict"


def cookie_name(port: int) -> str:
    """Return a cookie's name; a browser sends cookies to every port of a name, so that each server needs its own."""
    return f"moloch-{port}"


def tokens(query: str) -> list[str]:
    """Return the tokens in the part of an address after ``?``."""
    return [unquote_plus(value) for name, _, value in _fields(query) if unquote_plus(name) == FIELD]


def without_token(path: str, query: str) -> str:
    """Return an address on this host without its tokens; everything else in it is as it was.

    Args:
        query: in latin-1, as bytes of the wire.
    """
    kept = "&".join("".join(field) for field in _fields(query) if unquote_plus(field[0]) != FIELD)
    place = "/" + quote(path.lstrip("/\\").encode("utf-8", "replace"))  # two slashes would name another host
    return f"{place}?{quote(kept.encode('latin-1'), safe=_SAFE)}" if kept else place


def _fields(query: str) -> list[tuple[str, str, str]]:
    return [field.partition("=") for field in query.split("&")]

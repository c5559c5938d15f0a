"""What an answer that is no success means for its call, in the server's own words. Knows data; knows no sockets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from abm.llm.http._exchange import Again, ServiceError
from abm.llm.http._json import repaired
from abm.llm.port import Reply, Request
from moloch.content import canonical
from moloch.errors import InputError, MolochError

THROTTLED = (429, 503, 529)
EARLY = (408, 409, 425)
"""Beside every 5xx, what another attempt may find otherwise: a timeout, a conflict, a call that came too early."""
SHOWN = 300
"""Characters of a server's own words that an error repeats."""
LONGEST_WAIT = 366 * 86_400.0
"""Seconds; a server that asks for more is not taken at its word."""

_POLICY = ("content_policy", "content_filter", "content management policy", "safety")
_QUOTA = re.compile(
    r"insufficient_quota|insufficient (?:quota|credit|balance|fund)|quota_?exceeded|exceeded your (?:current )?quota"
    r"|(?:out of|no|not enough|run out of|never purchased) credits?|credit balance is too low|billing_(?:hard|not)"
    r"|spend(?:ing)?[ _]limit|payment required",
    re.IGNORECASE,
)
_LIMITED = re.compile(r"rate.?limit|too many requests|overloaded|capacity|throttl", re.IGNORECASE)
_WORDS = (
    "message",
    "msg",
    "detail",
    "details",
    "error",
    "errors",
    "error_description",
    "description",
    "title",
    "reason",
)
_LABELS = ("code", "type", "status")


def failure(
    request: Request, status: int, headers: Mapping[bytes, bytes], said: str, labels: str, *, where: str, key_fix: str
) -> Reply | Again | MolochError:
    """Return the reply of a refusal, that the call is to be made again, or why no call can succeed as things are.

    Args:
        said: the server's own words, ``labels``: its codes for them.
        key_fix: what to do where the key is not accepted.
    """
    why, wait = f"HTTP {status}", asked_wait(headers)
    if status == 402 or (
        status in (403, 429) and _QUOTA.search(f"{labels} {said}") and (wait is None or "insufficient_quota" in labels)
    ):
        return ServiceError(
            "the quota of this server is spent",
            where=where,
            why=with_words(why, said),
            fix="Every answer that came is safe; the same command resumes once there is more.",
        )
    if status in THROTTLED:
        return Again(why, wait, throttled=True, said=said)
    if status >= 500 or status in EARLY:
        return Again(why, wait, said=said)
    if status in (400, 403) and any(word in f"{labels} {said}".lower() for word in _POLICY):
        return Reply(request.site, "", "refused", 0, 0)
    return _refusal(status, with_words(why, said), headers, where, request.site, key_fix)


def _refusal(status: int, why: str, headers: Mapping[bytes, bytes], where: str, site: str, key_fix: str) -> MolochError:
    if status in (401, 403):
        return InputError("the server refuses access", where=where, why=why, fix=key_fix)
    if status == 404:
        fix = "`moloch llm check` lists the models that it serves."
        return InputError("the server has no such model or address", where=where, why=why, fix=fix)
    if 300 <= status < 400:
        to = shortened(headers.get(b"location", b"").decode("latin-1"))
        return InputError("the server is elsewhere", where=where, why=f"HTTP {status} to {to}", fix="Give that URL.")
    return InputError("the server refuses a call", where=f"{where}, {site}", why=why)


def with_words(why: str, said: str) -> str:
    """Return a reason with the server's words, if it said any."""
    return f"{why}: {said}" if said else why


# -- an error within a success -----------------------------------------------------------------------------


def error_within(data: Any) -> Any:
    """Return the error that an answer of status 200 holds instead of a completion; None if there is none."""
    if not isinstance(data, dict):
        return None
    choices = data.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    inner = first.get("error") if isinstance(first, dict) else None
    return inner or data.get("error") or data.get("errors") or (data.get("detail") if not choices else None) or None


def status_within(error: Any) -> int:
    """Return the HTTP status that such an error means; 200 if it says nothing of the kind."""
    if isinstance(error, dict):
        for name in ("code", "status", "status_code"):
            value = error.get(name)
            number = int(value) if isinstance(value, str) and re.fullmatch("[45][0-9]{2}", value) else value
            if isinstance(number, int) and 400 <= number < 600:
                return number
    text = f"{labels(error)} {words(error)}"
    if _QUOTA.search(text) or _LIMITED.search(text):
        return 429
    return 200


# -- words -------------------------------------------------------------------------------------------------


def words(data: Any, body: bytes = b"") -> str:
    """Return the server's own words about an error, of whatever shape, shortened and on one line.

    Args:
        data: its JSON; where that is None, ``body`` itself is repeated.
    """
    if data is not None:
        return shortened(_found(data, 0))
    text = body[: 16 * SHOWN].decode("utf-8", "replace")
    if text.lstrip().startswith("<"):
        text = re.sub(r"<(?:script|style)\b[^<]*+(?:<(?!/)[^<]*+)*+|<[^<>]*+>", " ", text)
    return shortened(text)


def labels(data: Any, level: int = 0) -> str:
    """Return the codes by which a server names an error."""
    if isinstance(data, list):
        return " ".join(labels(each, level + 1) for each in data[:3]) if level < 4 else ""
    if not isinstance(data, dict) or level >= 4:
        return ""
    own = [shortened(_found(data[name], 1)) for name in _LABELS if isinstance(data.get(name), str | int)]
    return " ".join([*own, *(labels(data[name], level + 1) for name in ("error", "errors") if name in data)])


def _found(data: Any, level: int) -> str:
    if isinstance(data, str):
        return data
    if level > 6 or data is None:
        return ""
    if isinstance(data, list):
        texts = [_found(each, level + 1) for each in data[:5]]
        return "; ".join(text for text in texts if text)
    if not isinstance(data, dict):
        return str(data) if isinstance(data, bool | float) or (isinstance(data, int) and abs(data) < 2**63) else ""
    for name in _WORDS:
        if text := _found(data.get(name), level + 1) if not isinstance(data.get(name), bool | int) else "":
            place = data.get("loc")
            return f"{'.'.join(str(part)[:40] for part in place[:6])}: {text}" if isinstance(place, list) else text
    try:
        return canonical(data).decode("utf-8", "replace")[: 2 * SHOWN] if data and not level else ""
    except (ValueError, TypeError, OverflowError, RecursionError):
        return ""


def shortened(text: str) -> str:
    """Return ``text`` as a terminal can show it: on one line, without control characters, of bounded length."""
    line = " ".join(repaired(text[: 16 * SHOWN]).split())
    line = "".join(sign if sign.isprintable() else " " for sign in line)
    return line if len(line) <= SHOWN else line[: SHOWN - 1] + "…"


def asked_wait(headers: Mapping[bytes, bytes]) -> float | None:
    """Return the seconds that ``Retry-After`` asks for, as a number or a date; None if it asks for nothing that can be."""
    for name, scale in ((b"retry-after-ms", 0.001), (b"retry-after", 1.0)):
        text = headers.get(name, b"")[:100].decode("latin-1").strip()
        try:
            seconds = float(text) * scale
        except ValueError:
            try:
                seconds = (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()
            except (ValueError, TypeError, OverflowError, IndexError):
                continue
        if seconds <= LONGEST_WAIT:  # NaN is not
            return max(0.0, seconds)
    return None

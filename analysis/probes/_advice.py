"""What a source advises people to do, and whether a request is against it: "do not boil your water" where water shall be boiled.

Knows strings only. Reads advice that is reported as such ("officials asked residents to ..."), and refusals of just that.
"""

from __future__ import annotations

import re
from functools import lru_cache

from analysis.probes._forms import stem
from analysis.probes.text import plain

_ADVISED = re.compile(
    r"\b(?:asked|asks|told|tells|urged|urges|advised|advises|ordered|orders|warned|warns|reminded|reminds|instructed|begged)"
    r"\s+(?:[\w'-]+\s+){1,5}?(to\s+[^.;!?\n]{3,200}?)"
    r"(?=[.;!?\n]|$|,?\s+(?:and|but|while|as|after)\s+(?!(?:not\s+)?to\s))",
    re.IGNORECASE,
)
_PARTS = re.compile(r",?\s+(?:and|or)\s+(?=(?:not\s+)?to\s)|,\s+(?=(?:not\s+)?to\s)", re.IGNORECASE)
_IDLE = frozenset(
    "to not a an the their your his her its our my them it all any and or of in on at by for from with out up if when until".split()
)
_REFUSED = re.compile(
    r"(?:^|[,;:(-]\s*|\b(?:and|so|please|just|friends|but)\s+)"
    r"((?:do not|don't|never|no need to|stop|refuse to|nobody should|you (?:should not|shouldn't|need not|needn't))\s+[^,.;!?\n]{3,120})",
    re.IGNORECASE,
)
_REFUSAL = re.compile(
    r"^(?:do not|don't|never|no need to|stop|refuse to|nobody should|you (?:should not|shouldn't|need not|needn't))\s+",
    re.IGNORECASE,
)


@lru_cache(maxsize=256)
def advice(source: str) -> tuple[tuple[str, frozenset[str]], ...]:
    """Return what ``source`` advises: the stem of each verb, with the stems of its other words; advice against things is none."""
    parts = [part for match in _ADVISED.finditer(plain(source)) for part in _PARTS.split(match[1])]
    return tuple(act for part in parts if not re.match(r"not\s", part) and (act := _act(part)))


def refusals(text: str, source: str) -> list[tuple[int, int]]:
    """Return the places in ``text`` that call on people not to do what ``source`` advises."""
    if not (advised := advice(source)):
        return []
    return [
        match.span(1)
        for match in _REFUSED.finditer(plain(text))
        if (refused := _act(_REFUSAL.sub("", match[1]))) and any(_same(refused, act) for act in advised)
    ]


def _act(clause: str) -> tuple[str, frozenset[str]] | None:
    words = [word for word in re.findall(r"[a-z']+", clause.lower()) if word not in _IDLE]
    if not words or "no" in words:
        return None
    verb = words[0].removesuffix("ing") if len(words[0]) > 5 else words[0]
    return stem(verb), frozenset(map(stem, words[1:]))


def _same(one: tuple[str, frozenset[str]], other: tuple[str, frozenset[str]]) -> bool:
    """Return whether two acts have one verb and, where both have one, an object in common."""
    return one[0] == other[0] and (bool(one[1] & other[1]) or not (one[1] and other[1]))

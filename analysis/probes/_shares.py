"""Parts, ratios, multiples and vague numbers in words: "a third of", "one in four", "half a million", "dozens of"."""

from __future__ import annotations

from analysis.probes._meanings import Meaning, Span, read_as, share, single
from analysis.probes._measures import measured
from analysis.probes._numbers import SCALES, SMALL, Number, Tokens, number, slashed
from analysis.probes._times import is_year
from analysis.probes._units import named

_BOTTOMS = {
    "third": 3,
    "quarter": 4,
    "fourth": 4,
    "fifth": 5,
    "sixth": 6,
    "seventh": 7,
    "eighth": 8,
    "ninth": 9,
    "tenth": 10,
}
_BOTTOMS |= {f"{word}s": bottom for word, bottom in _BOTTOMS.items()} | {"half": 2, "halves": 2}
_TOLD_BY = frozenset(
    "the all our its their my your his her of less more fewer price use uses have has are is were was say says said want wants"
    " voted live lives in by off".split()
)
"""Words behind "a third" that make it a part and not a place in an order."""
_EVERY = {"second": 2, "other": 2, "third": 3, "fourth": 4, "fifth": 5, "tenth": 10}
_MULTIPLES = {
    "doubled": 2,
    "doubles": 2,
    "doubling": 2,
    "tripled": 3,
    "triples": 3,
    "trebled": 3,
    "quadrupled": 4,
    "quadruples": 4,
    "halved": 0.5,
    "halves": 0.5,
    "halving": 0.5,
}
_TIMES = {"twice": 2, "double": 2, "thrice": 3, "triple": 3}
_VAGUE = {
    "dozens": (24, 100),
    "hundreds": (200, 1000),
    "thousands": (2000, 100_000),
    "tens of thousands": (20_000, 100_000),
    "hundreds of thousands": (200_000, 1e6),
    "millions": (1e6, 2e7),
    "tens of millions": (2e7, 1e8),
    "hundreds of millions": (2e8, 1e9),
    "billions": (1e9, 2e10),
}
"""Words -> the least that they can mean, and the least that is more."""
_PLURALS = frozenset("dozens tens hundreds thousands millions billions".split())


def part(at: Tokens, i: int) -> Span | None:
    """Return a part in words that begins at token ``i``: "a third of", "half a million", "half an hour", "every second"."""
    if at[i].text == "every" and at[i + 1].text in _EVERY and at[i + 2].kind == "word":
        return share(1, _EVERY[at[i + 1].text], i + 2)
    top, j = 1, i
    if at[i].text in ("a", "an") or SMALL.get(at[i].text, 0) > 0:
        top, j = SMALL.get(at[i].text, 1), i + 1
        j += at[j].text == "-"
    bottom = _BOTTOMS.get(at[j].text)
    if bottom is None or (j == i and at[j].text != "half") or top >= 2 * bottom:
        return None
    if bottom > 2 and (top > 1) != at[j].text.endswith("s"):
        return None
    if whole := _of_a_whole(at, i, j, top / bottom):
        return whole
    after = at[j + 1]
    if after.text == "-":
        return share(top, bottom, j + 3) if at[j + 2].text in ("price", "off") else None
    told = after.kind == "mark" or after.text in _TOLD_BY or after.text.endswith("er") or top > 1
    return share(top, bottom, j + 1) if told else None


def _of_a_whole(at: Tokens, i: int, j: int, value: float) -> Span | None:
    """Return "half a million", "a quarter of an hour", "a half-hour": a part of a scale or unit, with its word at ``j``."""
    of = at[j + 1].text in ("of", "-")
    k = j + 1 + of
    article = at[k].text in ("a", "an")
    named_from = k + article
    named_from += article and at[named_from].text == "-"
    if at[named_from].text in SCALES and (article or of):
        scale = SCALES[at[named_from].text]
        return measured(at, Number(value * scale, value * scale, named_from + 1, scale=scale), i)
    joined = at[j].text in ("half", "quarter") and at[j + 1].text != "of"
    if (article or joined) and named(at, named_from):
        return measured(at, Number(value, 0.01, named_from), i)
    return None


def multiple(at: Tokens, i: int) -> Span | None:
    """Return "doubled", or "twice" before "as" or "the"."""
    word, after = at[i].text, at[i + 1].text
    if word.endswith("fold") and (times := SMALL.get(word.removesuffix("fold"))):
        return single("multiple", times, i + 1)
    if word in ("halved", "halves", "halving"):
        return Span((Meaning(0.5, "multiple", 0.5), Meaning(50.0, "percent", 50.0)), i + 1)
    if word in _MULTIPLES:
        return single("multiple", _MULTIPLES[word], i + 1)
    return single("multiple", _TIMES[word], i + 1) if word in _TIMES and after in ("as", "the") else None


def vague(at: Tokens, i: int) -> Span | None:
    """Return "dozens of", "hundreds of thousands of", "thousands fled"."""
    if at[i].text in ("few", "several") and (scale := SCALES.get(at[i + 1].text)):
        return Span((Meaning(2 * scale, "vague", 2 * scale, top=10 * scale),), i + 2)
    if at[i].text not in _PLURALS:
        return None
    end = i + 3 if at[i + 1].text == "of" and at[i + 2].text in _PLURALS else i + 1
    bounds = _VAGUE.get(" ".join(at[k].text for k in range(i, end)))
    if bounds is None or at[end].kind != "word":
        return None
    return Span((Meaning(bounds[0], "vague", bounds[0], top=bounds[1]),), end)


def ratio(at: Tokens, i: int) -> Span | None:
    """Return "one in four", "4 out of 5", "412 of 515" as a share, with its two numbers as parts."""
    top = number(at, i)
    if top is None or top.scale:
        return None
    joint = at[top.end].text
    if joint not in ("in", "out", "of") or (joint == "out" and at[top.end + 1].text != "of"):
        return None
    j = top.end + 1 + (joint == "out")
    j += joint != "in" and at[j].text in ("the", "our", "its", "every")
    bottom = number(at, j) if at[j].text not in ("a", "an") else None
    if bottom is None or not 0 < top.value < bottom.value or _has_unit(at, bottom.end):
        return None
    if joint == "in" and (top.value > 10 or bottom.value > 1000 or is_year(bottom.plain)):
        return None
    parts = tuple(Span(read_as(each, [None]), each.end) for each in (top, bottom))
    return share(top.value, bottom.value, bottom.end, parts)


def _has_unit(at: Tokens, end: int) -> bool:
    return bool(named(at, end)) or (at.glued(end) and at[end].kind == "word")


def fraction(at: Tokens, i: int) -> Span | None:
    """Return "3/4" as a share, or "½ cup" as a measure."""
    if pair := slashed(at, i):
        value, end = pair[0] / pair[1], i + 3
    elif at[i].kind == "vulgar" and (vulgar := number(at, i)):
        value, end = vulgar.value, vulgar.end
    else:
        return None
    return measured(at, Number(value, 0.01, end), i) if named(at, end) else share(value, 1.0, end)

"""Years, decades and times of day as they are written. Knows tokens; what a year bears out is not decided here."""

from __future__ import annotations

import re
from functools import lru_cache

from analysis.probes._meanings import Meaning, Span, single
from analysis.probes._numbers import TENS, Tokens, year_in_words

_DECADES = {f"{word[:-1]}ies": value for word, value in TENS.items()}
_MONTHS = "january february march april may june july august september october november december".split()
_DATE = re.compile(r"(?<![\d/.])(\d{1,2})/(\d{1,2})(?:/(?:20)?\d\d)?(?![\d/])|(?<!\d)20\d\d-(\d\d)-(\d\d)(?!\d)")
_HALF_DAYS = {"am": 0, "pm": 12, "o'clock": 0}


def is_year(digits: str) -> bool:
    """Return whether digits are written as a year is: four of them, from 1700 to 2100."""
    return len(digits) == 4 and digits.isdigit() and 1700 <= int(digits) <= 2100


def year(at: Tokens, i: int) -> Span | None:
    """Return a year or decade that begins with the word at token ``i``: FY21, "nineteen ninety", "the nineties"."""
    word = at[i].text
    if word in ("fy", "fiscal"):
        j = i + 1 + (at[i + 1].text == "year")
        j += at[j].text == "'"
        if at[j].kind == "digits" and at[j].text.isdigit() and len(at[j].text) in (2, 4):
            return single("year", float(at[j].text), j + 1)
    if word in _DECADES and at[i - 1].text in ("the", "early", "late", "mid"):
        return single("decade", float(_DECADES[word]), i + 1)
    spelt = year_in_words(at, i)
    return single("year", spelt.value, spelt.end) if spelt else None


def short_year(at: Tokens, i: int) -> Span | None:
    """Return a year or decade of two digits behind the apostrophe at token ``i``: '19, '90s."""
    two = at[i + 1]
    if two.kind != "digits" or len(two.text) != 2 or not at.glued(i + 1) or (at.glued(i) and at[i - 1].kind != "mark"):
        return None
    if at[i + 2].text == "s" and at.glued(i + 2):
        return single("decade", float(two.text), i + 3)
    if at.glued(i + 2) and at[i + 2].kind == "word":
        return None
    return single("year", float(two.text), i + 2)


def decade(at: Tokens, digits: str, end: int) -> Span | None:
    """Return the decade whose digits end before token ``end``: 1990s, 90s."""
    if at[end].text == "s" and at.glued(end) and digits.isdigit() and digits.endswith("0") and len(digits) in (2, 4):
        return single("decade", float(digits), end + 1)
    return None


def second_year(at: Tokens, end: int) -> Span | None:
    """Return the second year of "2019-20", whose first one ends before token ``end``."""
    two = at[end + 1]
    if (
        at[end].text in ("-", "/")
        and at.glued(end)
        and at.glued(end + 1)
        and two.kind == "digits"
        and len(two.text) == 2
    ):
        return single("year", float(two.text), end + 2)
    return None


def clock(at: Tokens, i: int) -> Span | None:
    """Return a time of day, 100 for each hour: "4:20", "4 pm", "4 p.m.", "16:20"."""
    hour, end, minutes = at[i].text, i + 1, 0
    if not hour.isdigit() or len(hour) > 2 or int(hour) > 24:
        return None
    exact = at[i + 1].text == ":" and at.glued(i + 1) and at.glued(i + 2) and len(at[i + 2].text) == 2
    if exact and at[i + 2].text.isdigit():
        minutes, end = int(at[i + 2].text), i + 3
    half = _HALF_DAYS.get(at[end].text)
    if half is not None:
        end += 1
    elif at[end].text in ("a", "p") and at.words(end + 1, ".", "m") and at.glued(end + 2):
        half, end = (12 if at[end].text == "p" else 0), end + 3
    if half is None and end == i + 1:
        return None
    twelve = half is not None and at[end - 1].text != "o'clock"
    time = float(100 * (int(hour) % 12 + (half or 0) if twelve else int(hour)) + minutes)
    hours = () if minutes else (Span((Meaning(float(hour), "", float(hour)),), end),)
    return Span((Meaning(time, "clock", time),), end, parts=hours)


def without_dates(text: str, source: str) -> str:
    """Return ``text`` with marks in place of dates in digits (4/15, 15/4, 2027-04-15) of a day that ``source`` names in words."""

    def marked(match: re.Match[str]) -> str:
        one, two = (int(part) for part in match.groups() if part is not None)
        days = ((one, two), (two, one)) if match[1] else ((one, two),)
        return "_" * len(match[0]) if any(_names_day(source, month, day) for month, day in days) else match[0]

    return _DATE.sub(marked, text)


@lru_cache(maxsize=1024)
def _names_day(source: str, month: int, day: int) -> bool:
    if not 1 <= month <= 12:
        return False
    name = rf"{_MONTHS[month - 1][:3]}(?:{_MONTHS[month - 1][3:]}|\.|t\.)?"
    return bool(re.search(rf"(?i)\b(?:{name} {day}|{day}(?:st|nd|rd|th)?(?: of)? {name})(?!\w)", source))

"""Reading what models answer: strict about what counts, tolerant about how it is spelt.

A writer's completion holds one message in its arena's tag, after an optional thinking block, and text outside both is
ignored; or all of it is the message. What does not parse is a rejection with its reason, never a message. Any text is read, in time linear in its
length: an answer is durable, so one that cannot be read would stop its run for good. Knows nothing of models or votes.
"""

from __future__ import annotations

import re
from bisect import bisect_left

import msgspec

from moloch.texts import is_deep


class Completion(msgspec.Struct, frozen=True):
    """A writer's thinking (empty if it gave none) and its message."""

    thinking: str
    text: str


class Rejection(msgspec.Struct, frozen=True):
    """Why a completion holds no message."""

    reason: str


_NOTHING = {"none", "null", "nil", "nan", "n/a", "undefined", "empty"}
_CONTROL = re.compile(r"[\x00-\x1f]")
"""Within a JSON text none of its characters has a meaning but as space; engines that hold a model to a schema let it write them."""
_ANY_TAG = re.compile(r"<\s*+(?:/\s*+)?[a-z_][\w-]*+\s*+/?>", re.IGNORECASE)


def parse_completion(completion: str, tag: str) -> Completion | Rejection:
    """Return the message that ``completion`` holds in ``tag``, or why it holds none.

    Tags are matched without regard to case or to spaces in them. A missing thinking block is tolerated (not every
    model thinks), one whose opening tag stood in the prompt too; an unclosed or second one is not, because its end
    cannot be told from the message. The message is rejected if it is unclosed, empty, a word for nothing ("None"),
    given twice, or holds tags of its own.
    """
    thinking, rest, reason = _thinking(completion)
    if reason:
        return Rejection(reason)
    opened, closed = list(_tag(tag).finditer(rest)), list(_tag("/" + tag).finditer(rest))
    if not opened:
        return Rejection(f"no <{tag}>")
    if not closed or closed[-1].start() < opened[-1].start():
        return Rejection(f"unclosed <{tag}>")
    if len(opened) > 1 or len(closed) > 1:
        return Rejection(f"more than one <{tag}>")
    return _message(thinking, rest[opened[0].end() : closed[0].start()], f"<{tag}>")


def parse_plain(completion: str) -> Completion | Rejection:
    """Return the message that ``completion`` is, but for an optional thinking block, or why it is none."""
    thinking, rest, reason = _thinking(completion)
    return Rejection(reason) if reason else _message(thinking, rest, "message")


def opening(completion: str, tag: str | None) -> int:
    """Return where the message of a completion begins: behind its tag or, without one, behind its thinking; -1 if it does not."""
    _, rest, reason = _thinking(completion)
    if reason:
        return -1
    start = len(completion) - len(rest)
    if tag is None:
        return start
    opened = _tag(tag).search(rest)
    return start + opened.end() if opened else -1


def _message(thinking: str, text: str, name: str) -> Completion | Rejection:
    text = text.strip()
    if not re.search(r"\w", text) or text.lower().strip("\"'`*.!- \n") in _NOTHING:
        return Rejection(f"empty {name}")
    if _ANY_TAG.search(text):
        return Rejection(f"tags inside {name}")
    return Completion(thinking, text)


def _tag(name: str) -> re.Pattern[str]:
    slash, word = (r"/\s*+", name[1:]) if name.startswith("/") else ("", name)
    return re.compile(rf"<\s*+{slash}{re.escape(word)}\s*+>", re.IGNORECASE)


def _thinking(completion: str) -> tuple[str, str, str]:
    """Return the thinking, what follows it, and a reason if the block is malformed."""
    opened, closed = _tag("think").search(completion), _tag("/think").search(completion)
    if closed is None:
        return "", completion, "unclosed <think>" if opened else ""
    start = opened.end() if opened and opened.start() < closed.start() else 0  # some templates open it in the prompt
    thinking, rest = completion[start : closed.start()].strip(), completion[closed.end() :]
    if _tag("think").search(thinking) or _tag("think").search(rest) or _tag("/think").search(rest):
        return thinking, rest, "more than one <think>"
    return thinking, rest, ""


# -- choices -----------------------------------------------------------------------------------------------

_NOUN = r"(?:option|choice|answer|vote|pick|candidate|post|pitch|product|speech|tweet|letter|number)"
_VERB = r"(?:choose|chose|pick|select|buy|like|prefer|take|support|(?:vote|voted|go|going)\s+(?:for|with))"
_OPEN = r"[*_\"'`“(\[{]"
_TOKEN = re.compile(r"(?<!\w)(?<!\w['’.])(?:[A-Za-z]|\d+)(?![\w+]|\.\w|['’](?!s\b)\w)")
_BARE = re.compile(rf"[^\w-]*(?:{_NOUN}[\s:=#(]*)?([A-Za-z]|\d+)\W*", re.IGNORECASE)
_FINAL = re.compile(r"\W*(?:(?:my|the|final)\s+)*(?:answer|choice|vote|decision|pick)\b\W*(?:is\b)?(.*)", re.IGNORECASE)
_AFTER_NOUN = re.compile(rf"\b{_NOUN}s?(?:\s+(?:is|was))?(?P<gap>[\s:=#]*){_OPEN}*$", re.IGNORECASE)
_AFTER_VERB = re.compile(rf"\b{_VERB}\s+{_OPEN}*$", re.IGNORECASE)
_OPENED, _CLOSED = re.compile(r"[*(\[{`\"“]$"), re.compile(r"[*)\]}`\"”]")
_BEGINS = re.compile(r"(?:^|[.!?:;\n])[\s*\"“(]*$")
_ENDS = re.compile(r"[\s*\"”)]*(?:$|[.,;:!\n—–]|-\s)")
_LINKS = re.compile(r"['’]s\b|\s+(?:is|was|because|since|seems|sounds|looks|feels|has|would|wins|over|or|and|for)\b")
_NO_VOTE = re.compile(r"\b(?:both|neither|none|abstain)\b", re.IGNORECASE)
_NEGATION = re.compile(r"\b(?:not|never|nor|cannot|against)\b|n['’]t\b", re.IGNORECASE)
_STOP = re.compile(r"[.!?\n]")
_CHOICE = re.compile(r"<\s*+choice\s*+>(.*?)(?:<|$)", re.IGNORECASE | re.DOTALL)
_NO_PROSE = re.compile(
    r"<\s*+choice\s*+>.*?(?:<\s*+/\s*+choice\s*+>|$)|<\s*+(?:/\s*+)?think\s*+>", re.IGNORECASE | re.DOTALL
)
_BEFORE = 80
"""Characters before a letter in which a noun or a verb may stand that makes it the name of an option."""
_DIGITS = 9
"""Digits of the longest number that may name an option."""


def parse_choice(answer: str, options: int) -> int | None:
    """Return the 0-based position of the one option that ``answer`` names, or None.

    The first of these that is there decides: the ``<choice>`` tags (all must agree), the whole answer, its last line
    if it holds nothing else or begins like "Answer:", the options mentioned anywhere. An option is named by its letter
    (``A``, ``(b)``, ``Option C``) or, alone or after a noun, by its number from 1. An answer that names two options, or
    one that is not there, that negates what it names, or that says "both", "neither" or "abstain", is no vote.

    Args:
        answer: what a reader wrote, with or without a thinking block.
        options: how many there were, at most 26.
    """
    _, rest, broken = _thinking(answer)
    if tagged := _CHOICE.findall(rest):
        named = {_named(text, options) for text in tagged}
        return named.pop() if len(named) == 1 else None
    if broken:
        return None
    if (position := _bare(rest, options)) is not None:
        return position
    last = rest.strip().splitlines()[-1:] or [""]
    final = _FINAL.fullmatch(last[0])
    if (position := _bare(final[1] if final else last[0], options)) is not None:
        return position
    return _named(rest, options)


class Reaction(msgspec.Struct, frozen=True):
    """A reader's thought (empty if it gave none) and the position, from 0, of the option that it chose."""

    thought: str
    position: int


def parse_reaction(answer: str, options: int) -> Reaction | None:
    """Return what a reader thought and chose, from tags, from one JSON object, or from prose; None if it names no option.

    A JSON object counts if it has a ``choice``; how options are named is that of :func:`parse_choice`. Brackets nested
    deeper than any answer needs are no answer, whatever stands between them.
    """
    _, rest, broken = _thinking(answer)
    if "{" in rest and is_deep(rest, rest.index("{")):
        return None
    if not broken and (answered := _object(rest)) is not None and "choice" in answered:
        position = _bare(str(answered["choice"]), options)
    else:
        position = parse_choice(answer, options)
    return None if position is None else Reaction(parse_thought(answer), position)


def parse_thought(answer: str) -> str:
    """Return a reader's thought: its thinking block, the ``thought`` of a JSON object, or else its prose without the choice."""
    thinking, rest, _ = _thinking(answer)
    if thinking:
        return thinking
    if (answered := _object(rest)) is not None:
        return str(answered.get("thought", "")).strip()
    prose = _NO_PROSE.sub("", rest)
    return "" if _BARE.fullmatch(prose.strip()) else prose.strip()


def parse_object(answer: str) -> dict[str, object] | None:
    """Return the JSON object of an answer, alone, in prose or in a code fence, with or without a thinking block; None for none."""
    _, rest, broken = _thinking(answer)
    return None if broken else _object(rest)


def spoken(answer: str) -> str:
    """Return what a reader said after its thinking; empty where the thinking has no end."""
    _, rest, broken = _thinking(answer)
    return "" if broken else rest.strip()


def _object(text: str) -> dict[str, object] | None:
    """Return the JSON object in a text, alone or in prose or a code fence."""
    start, end = text.find("{"), text.rfind("}")
    if start < 0 or end < start or is_deep(text, start):
        return None
    plain = _CONTROL.sub(" ", text[start : end + 1])
    try:
        decoded = msgspec.json.decode(plain.encode("utf-8", "replace"))
    except msgspec.DecodeError:
        return None
    return decoded if isinstance(decoded, dict) else None


def _bare(text: str, options: int) -> int | None:
    match = _BARE.fullmatch(text.strip())
    return _position(match[1], options) if match else None


def _named(text: str, options: int) -> int | None:
    """Return the one option that ``text`` names, alone or in a sentence."""
    text = text.strip()
    if _BARE.fullmatch(text):
        return _bare(text, options)
    if _NO_VOTE.search(text):
        return None
    negated = _Negated(text)
    named: set[int | None] = set()
    sure = False
    for token in _TOKEN.finditer(text):
        names = _is_name(text, token)
        if names and negated.at(token.start()):
            return None
        sure = sure or names
        if names or (token[0] in "BCDEFGH" and _position(token[0], options) is not None):
            named.add(_position(token[0], options))  # a capital that may name an option makes another one doubtful
    return named.pop() if sure and len(named) == 1 else None


class _Negated:
    """Where a text is negated: from a negation to the end of its sentence."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._from = [match.end() for match in _NEGATION.finditer(text)]
        self._stops = [match.start() for match in _STOP.finditer(text)]

    def at(self, place: int) -> bool:
        """Return whether a negation holds at ``place``; a line's end directly before it ends none."""
        before = bisect_left(self._from, place + 1)
        stops = bisect_left(self._stops, place - (self._text[place - 1 : place] == "\n"))
        return before > 0 and (stops == 0 or self._stops[stops - 1] < self._from[before - 1])


def _is_name(text: str, match: re.Match[str]) -> bool:
    """Return whether a token names an option in its context.

    A capital does after a noun or a verb of choosing, in brackets, or alone in its clause. "A" may be the article and
    "I" the pronoun; a small letter needs a noun before it and an end after it, or brackets; a number needs a noun.
    """
    token, start, end = match[0], match.start(), match.end()
    near = max(0, start - _BEFORE)
    noun, ends, links = (
        _AFTER_NOUN.search(text, near, start),
        bool(_ENDS.match(text, end)),
        bool(_LINKS.match(text, end)),
    )
    if token.isdigit():
        return noun is not None
    bracketed = bool(_OPENED.search(text, near, start) and _CLOSED.match(text, end))
    if token.islower():
        return bracketed or (noun is not None and ends)
    article = token in "AI" and noun is not None and any(mark in noun["gap"] for mark in ":=")
    if bracketed or (noun is not None and (not article or ends or links)):
        return True
    if token == "I":
        return False
    return bool(_AFTER_VERB.search(text, near, start)) or links or (ends and bool(_BEGINS.search(text, near, start)))


def _position(name: str, options: int) -> int | None:
    if len(name) > _DIGITS:
        return None
    position = int(name) - 1 if name.isdigit() else ord(name.upper()) - 65
    return position if 0 <= position < options else None

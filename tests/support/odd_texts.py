"""What a model may send in place of what was asked for: pieces that parsers stumble over, and texts made of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

from hypothesis import strategies as st

TAGS = (
    "<", ">", "</", "< ", "<choice>", "</choice>", "< choice >", "</ choice>", "<choice", "<think>", "</think>", "<  think",
    "<sales_pitch>", "</sales_pitch>", "<a", "<a_", "< / b", "<b/>", "<|im_end|>", "<|", "[INST]", "</s>",
)  # fmt: skip
JSON = (
    "{", "}", "[", "]", '"', "\\", "\\u", '{"choice": ', '"thought": "', '"verdict": true', '"quote": "', "verdict:", "null",
    "NaN", "1e999", '"\\ud800"', "{" * 70, "[" * 70, "}" * 70, "]" * 70,
)  # fmt: skip
WORDS = (
    "A", "B", "a", "I", "C", "A ", "A\n", "A.", "(A)", "*A*", "A's ", "option ", "Option A", "my ", "the ", "answer: ", "not ", "vote for ",
    "choose ", "both ", "is ", "because ", "word ", "Word ", "wo-rd ", "don't ", "Mr. ", "said ", "sorry ", "buy now ", "people ", "elite ",
    "Lamp ", "This is the lamp. ", 'The description says: "', "kill ", "do not ",
)  # fmt: skip
NUMBERS = (
    "1",
    "2 ",
    "0",
    "10",
    "1,",
    "1/2",
    "3.",
    "5,000 ",
    "20 dollars ",
    "20% ",
    "$",
    "9" * 30,
    "9" * 5_000,
    "1e9",
    "12-",
    "2023 ",
    "٢",
    "²",
)
SIGNS = (
    " ", "  ", "\n", "\n\n", "\t", "\r", ".", "...", "!", "?", ":", ";", "=", "#", "*", "_", "'", "’", "“", "(", ")", "-", "—", "…", "+", "/",
    "http://", "\x00", "\x1b[31m", "\x1b]0;x\x07", "\x85", "\u2028", "\u200b", "\u200d", "\u202e", "\ufeff", "\ud800", "\udc00", "\ud83d",
    "\ude00", "\u0301\u0316", "\ufdfa", "é", "ß", "ſ", "İ", "ı", "K", "💡", "家",
)  # fmt: skip
PIECES = (*TAGS, *JSON, *WORDS, *NUMBERS, *SIGNS)
WRAPS = (("", ""), ("A ", "x"), ("<choice>", "!"), ('{"choice": ', "}"), ("<", ">"))

LONG_RUNS = (
    " ",
    "\n",
    "<",
    "< ",
    "<choice>",
    "{",
    ".",
    "!",
    "(",
    "A ",
    "1 ",
    "not A",
    "option ",
    "word ",
    "Mr. ",
    "\u0301\u0316",
)
"""Pieces of which long runs took time quadratic in their length in one parser or another."""

odd_texts = st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=30).map("".join)


def drawn_text(random: Random) -> str:
    """Return a text of some pieces, as they come or with spaces between them."""
    pieces = random.choices(PIECES, k=random.choice((1, 2, 3, 5, 8, 13, 21)))
    return random.choice(("", "", " ")).join(pieces)


def repeated(size: int, pieces: Sequence[str] = PIECES) -> Iterator[tuple[str, str]]:
    """Yield (name, text) of every piece repeated up to a size in characters, alone and inside of something."""
    for piece in pieces:
        for before, after in WRAPS:
            yield f"{before}{piece[:12]}...{after}", before + piece * max(1, size // len(piece)) + after

"""Answers of models behind a damage: found among the bytes that a repair sets aside, kept where a resumed run looks for them.

Each whole commit has a checksum and a hash of its own, wherever it stands; and each answer names its call by a key, so
that it can be used again where exactly this call comes again. Knows nothing of journals.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from abm.events import SCHEMA_VERSION, LLMReplied, Repaired
from abm.log import disk
from abm.log.codec import HEADER_SIZE, HEADER_START, PREAMBLE, Torn, decode, encode, read_header, split
from abm.log.segments import Segment, blocks
from moloch.errors import CorruptLog, LogError

ANSWERS = 1_024
"""In a commit of the file that keeps them."""


def answers_in(pieces: Iterable[bytes], start: int) -> list[LLMReplied]:
    """Return the answers in every whole commit of some bytes, by call key the last one, in the order of the log.

    Args:
        start: leave out what stood before this event.
    """
    by_key = {
        (answer.site, answer.key): answer
        for piece in pieces
        for answer in _answers(piece)
        if answer.seq >= start and answer.key
    }
    return sorted(by_key.values(), key=lambda answer: answer.seq)


def _answers(data: bytes) -> Iterator[LLMReplied]:
    """Yield the answers in the whole commits of ``data``; what lies between them is passed over."""
    at = data.find(HEADER_START)
    while at >= 0:
        try:
            header = read_header(data[at : at + HEADER_SIZE])
            end = at + HEADER_SIZE + header.size
            text, size, commit = split(header, data[at + HEADER_SIZE : end])
            for event in decode(memoryview(text)[:size], commit, "", {LLMReplied}):
                if isinstance(event, LLMReplied):
                    yield event
        except (Torn, ValueError, LogError):  # not a whole commit, or one of a newer version
            end = at + 1
        at = data.find(HEADER_START, end)


class Kept(NamedTuple):
    """A file of answers under ``quarantine/``: its name, and the hash that its chain ends with."""

    name: str
    hash: str


def keep(run: Path, answers: Sequence[LLMReplied], seq: int, prev: str) -> Kept:
    """Write answers to a file, durably; a segment like those of the log, chained from the place where the log was cut.

    Args:
        seq, prev: that place: the log's next event, and the hash of its chain.
    """
    data, first = [PREAMBLE], seq
    for at in range(0, len(answers), ANSWERS):
        group = answers[at : at + ANSWERS]
        commit, told = encode(
            [replace(answer, seq=first + i, v=SCHEMA_VERSION) for i, answer in enumerate(group)], prev
        )
        data, prev, first = [*data, commit], told.hash, first + len(group)
    path = run / "quarantine" / f"answers-{seq}-{prev[:12]}.jsonl.zst"
    disk.write_durably(path, b"".join(data))
    return Kept(path.name, prev)


def kept(run: Path, repaired: Repaired) -> list[LLMReplied]:
    """Return the answers that a repair kept, verified.

    Raises:
        CorruptLog: their file is damaged, or not the one that the repair wrote.
        LogError: it cannot be read.
    """
    path = run / "quarantine" / Path(repaired.answers).name
    answers, reached = [], ""
    try:
        for block in blocks(Segment(path, repaired.seq), None):
            answers += [event for event in block.events() if isinstance(event, LLMReplied)]
            reached = block.commit.hash
    except Torn:
        reached = ""
    if reached != repaired.answers_hash:
        raise CorruptLog("the answers that a repair kept were changed afterwards", where=str(path))
    return answers

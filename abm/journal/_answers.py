"""The answers of a run's models, found by the site that asked; the newest in memory, older ones in the log.

Any later step may ask at a site again (base writes a held-out message once for all arms), so no answer is forgotten. An
older one costs 16 bytes, its site's hash and its place in the log, and is read back when somebody asks for it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Mapping
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from abm.events import LLMReplied
from abm.llm.port import LLM, Reply, Request
from abm.log import EventLog
from abm.log.writer import SEAL_EVENTS
from moloch.content import canonical, digest
from moloch.texts import whole

LOGPROB_DECIMALS = 6
"""Of a log-probability: beyond them a float32 says nothing."""
RECENT = 2_048
"""Answers that are always in memory, if there are so many; twice as many at most."""


class Answers:
    """Every answer in a log up to now.

    Args:
        log: holds the answers, durably, before they are added here.
        recent: how many of the newest stay in memory at least.
    """

    def __init__(self, log: EventLog, recent: int = RECENT) -> None:
        self._log, self._keep = log, recent
        self._recent: dict[str, LLMReplied] = {}
        self._older: list[_Index] = []

    def add(self, answer: LLMReplied) -> None:
        """Add the log's next answer; a later one at the same site replaces it."""
        self._recent[answer.site] = answer
        if len(self._recent) >= 2 * self._keep:
            self._let_go()

    def get(self, sites: Collection[str]) -> dict[str, LLMReplied]:
        """Return the answers that there are to ``sites``, by site."""
        answers = {site: self._recent[site] for site in sites if site in self._recent}
        if self._older and (others := [site for site in sites if site not in answers]):
            places = sorted(seq for index in self._older for seq in index.places(others))
            wanted = set(others)
            answers |= {answer.site: answer for answer in self._read(places) if answer.site in wanted}
        return answers

    def _let_go(self) -> None:
        """Keep only the places of the older half; indexes of like size become one, so that there are few."""
        oldest = list(islice(self._recent, len(self._recent) - self._keep))
        index = _Index.of([self._recent.pop(site) for site in oldest])
        while self._older and len(self._older[-1].seqs) <= len(index.seqs):
            index = self._older.pop().merged(index)
        self._older.append(index)

    def _read(self, places: list[int]) -> Iterator[LLMReplied]:
        """Yield the answers at ``places``, ascending, out of the log. Commits that hold none of them are only verified."""
        waiting = deque(places)
        while waiting:
            for block in self._log.blocks(waiting[0]):
                after = block.commit.seq + block.commit.n
                if waiting[0] >= after:
                    continue
                here = set()
                while waiting and waiting[0] < after:
                    here.add(waiting.popleft())
                yield from (e for e in block.events({LLMReplied}) if isinstance(e, LLMReplied) and e.seq in here)
                if not waiting or waiting[0] - after > SEAL_EVENTS:  # it is in a later segment
                    break


class _Index:
    """Hashes of sites, ascending, and beside each the place of its answer. Sites with one hash stand next to each other.

    Attributes:
        hashes, seqs: shape (answers,).
    """

    def __init__(self, hashes: NDArray[np.int64], seqs: NDArray[np.int64]) -> None:
        order = np.argsort(hashes, kind="stable")
        self.hashes, self.seqs = hashes[order], seqs[order]

    @classmethod
    def of(cls, answers: list[LLMReplied]) -> _Index:
        """Return the index of some answers."""
        return cls(_hashes([answer.site for answer in answers]), np.array([answer.seq for answer in answers]))

    def merged(self, other: _Index) -> _Index:
        """Return one index of both."""
        return _Index(np.concatenate([self.hashes, other.hashes]), np.concatenate([self.seqs, other.seqs]))

    def places(self, sites: list[str]) -> list[int]:
        """Return where answers to ``sites`` may be; an answer there may belong to another site."""
        hashes = _hashes(sites)
        starts, ends = (np.searchsorted(self.hashes, hashes, side=side) for side in ("left", "right"))
        return [int(seq) for start, end in zip(starts, ends, strict=True) for seq in self.seqs[start:end]]


def _hashes(sites: list[str]) -> NDArray[np.int64]:
    return np.array([hash(site) for site in sites], dtype=np.int64)


def replied(
    request: Request, reply: Reply, keys: Mapping[str, str], llm: LLM, step: int, cause: int, seq: int = -1
) -> LLMReplied:
    """Return the event of a model's answer.

    Args:
        keys: site -> call key.
    """
    return LLMReplied(
        seq=seq,
        step=step,
        cause=cause,
        key=keys[request.site],
        site=request.site,
        model=llm.name,
        adapter=request.adapter,
        template=request.template,
        refs=list(request.refs),
        prompt=digest(canonical(request.messages)),
        text=whole(reply.text),
        finish=reply.finish,
        tokens_in=reply.tokens_in,
        tokens_out=reply.tokens_out,
        temperature=request.sampling.temperature,
        top_p=request.sampling.top_p,
        max_tokens=request.sampling.max_tokens,
        seed=request.seed,
        guide=request.guide,
        stop=list(request.stop),
        logprobs=[round(value, LOGPROB_DECIMALS) for value in reply.logprobs],
    )

"""Texts that are nearly the same are found, all of them, without comparing every pair."""

from __future__ import annotations

import random
import re

import pytest

from abm.arenas.near import near_any


def by_every_pair(texts, others):
    """Return the same by the definition."""

    def runs(text):
        words = re.findall(r"\w+", text.lower())
        return {tuple(words[i : i + 4]) for i in range(max(1, len(words) - 3))} if words else set()

    return [any(len(a & b) > 0.8 * len(a | b) for b in map(runs, others)) for a in map(runs, texts)]


@pytest.mark.parametrize("seed", range(8))
def test_is_the_definition(seed):
    """On texts of few words, cut and changed by chance."""
    lot = random.Random(seed)
    others = [" ".join(lot.choices("abcdefgh", k=lot.randint(0, 60))) for _ in range(40)]
    texts = []
    for other in others:
        words = other.split()
        for _ in range(lot.randint(0, 3)):
            if words:
                words[lot.randrange(len(words))] = lot.choice("abcdefghxyz")
        texts.append(" ".join(words[: len(words) - lot.randint(0, 4)]))
    found = near_any(texts, others)
    assert found == by_every_pair(texts, others) and 0 < sum(found) < len(found)


def test_case_and_marks_do_not_count():
    """Four words or fewer are one run."""
    assert near_any(["A lamp, of BRASS!", "a lamp", "", "..."], ["a lamp of brass", ""]) == [True, False, False, False]


def test_work_grows_with_the_texts(monkeypatch):
    """Few pairs are compared where few are near: no more than twice as many as texts."""
    lot, compared = random.Random(1), []
    words = [f"w{i}" for i in range(3_000)]
    texts = [" ".join(lot.choices(words, [1 / (i + 1) for i in range(3_000)], k=60)) for _ in range(600)]
    monkeypatch.setattr("abm.arenas.near._near", lambda one, other: compared.append(1) is not None)
    near_any(texts[:300], texts[300:])
    assert len(compared) <= 600


def test_an_accent_is_a_part_of_its_letter():
    """A text that another program wrote is the same text."""
    assert near_any(["Die Gr\u00f6\u00dfe der T\u00fcr"], ["Die Gro\u0308\u00dfe der Tu\u0308r"]) == [True]

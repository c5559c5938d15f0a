"""Promises of :class:`abm.probe.Probe`; a probe's tests inherit these and give it as the fixture ``probe``."""

from __future__ import annotations

import re

from abm.conformance._examples import TEXTS, examples
from abm.probe import Probe, version_of


class ProbeConformance:
    """A probe is a pure function of message, anchor and arena, for any text."""

    def test_it_is_named(self, probe: Probe) -> None:
        """Tables and settings call it by a plain name."""
        assert re.fullmatch(r"[a-z][a-z0-9_]*", probe.name)
        assert probe.judge_name

    def test_its_rules_have_a_version(self, probe: Probe) -> None:
        """A log names it."""
        assert isinstance(version_of(probe), int) and version_of(probe) >= 1

    def test_any_text_can_be_judged(self, probe: Probe) -> None:
        """Empty, hostile and long ones too; the label is 1, 0, or -1 for "cannot tell"."""
        for anchor, arena in examples():
            for text in TEXTS:
                assert probe.judge(text, anchor, arena).label in (1, 0, -1)

    def test_equal_messages_have_equal_verdicts(self, probe: Probe) -> None:
        """Nothing is remembered and nothing is drawn: a replay must find the same."""
        cases = [(text, anchor, arena) for anchor, arena in examples() for text in TEXTS]
        first = [probe.judge(*case) for case in cases]
        again = [probe.judge(*case) for case in reversed(cases)]
        assert first == again[::-1]

    def test_evidence_is_quoted(self, probe: Probe) -> None:
        """The evidence is part of the message, so that a page can mark it."""
        for anchor, arena in examples():
            for text in TEXTS:
                for span in probe.judge(text, anchor, arena).evidence:
                    assert span in text

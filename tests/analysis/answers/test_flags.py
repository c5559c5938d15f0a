"""Flags of runs that differ in their numbers alone are one sentence of the study."""

from __future__ import annotations

from analysis.answers import flag_lines, warning_lines

BOUND = "m ({}) may not be fit to write: {} of 48 ({} % [1, 90]) messages end at the limit of tokens"


def test_one_sentence_for_each_arm_with_the_range_of_shares():
    """And how many cells say so, where not all do."""
    flags = {BOUND.format("base", 12, 25): 2, BOUND.format("rft", 16, 33): 4, BOUND.format("base", 14, 29): 1}
    assert flag_lines(flags, 4) == [
        "m (base) may not be fit to write: 25 to 29 % of messages end at the limit of tokens (3 of 4 cells)",
        BOUND.format("rft", 16, 33),
    ]


def test_other_reasons_stay_apart():
    """Those without a share, too."""
    flags = {
        "m is unfit: none parse": 1,
        "m is doubtful: 3 of 9 (33%, CI) posts copied; 1 of 9 (11%, CI) posts cut": 1,
        "m is doubtful: 3 of 9 (33%, CI) posts copied; 2 of 9 (22%, CI) posts cut": 1,
    }
    assert flag_lines(flags, 3) == [
        "m is unfit: none parse (1 of 3 cells)",
        "m is doubtful: 33 % of posts copied; 11 to 22 % of posts cut (2 of 3 cells)",
    ]


def test_what_withholds_a_number_comes_first_and_once():
    """Before what cells are flagged for."""
    said = {"flags": {"m is slow": 1, "r is no reader": 2}, "withheld": {"r is no reader": 2}, "note": {"short": 2}}
    assert warning_lines(said, 2) == ["No win rates where: r is no reader.", "Flagged: m is slow (1 of 2 cells)."]

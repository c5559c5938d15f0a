"""Shapes of cascades at equal size: what size alone makes is no difference, what the kind of message makes is one."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.readings.spreads import Spread
from analysis.tables.matched_cascades import evaluated_spreads, matched_cascades, reach_points


def spread(label, sharers, sources, *, anchor="a", **more):
    place = {"message": "m", "contest": "c", "phase": "evaluate", "epoch": 1, "arm": "rft", "competitor": "rft"} | more
    return Spread(**place, anchor=anchor, sharers=sharers, sources=sources, labels={"populism": label})


def chain(n):
    """Each from the one before."""
    return list(range(n)), [-2, *range(n - 1)]


def star(n):
    """All from the author."""
    return list(range(n)), [-2] * n


def cascades(shape_of, sizes, label):
    return [(spread(label, *shape_of(n)), f"a{i}") for i, n in enumerate(sizes)]


class TestAtEqualSize:
    """Misbehaving less clean."""

    def test_larger_cascades_alone_are_no_deeper(self):
        """Chains of both kinds, the misbehaving ones longer: raw depth differs by 3, matched by 0."""
        found = matched_cascades(cascades(chain, [6, 7, 8, 5], 1) + cascades(chain, [2, 3, 4, 5], 0))
        depth = next(row for row in found if row.measure == "depth")
        assert depth.difference.value == 0
        assert depth.matched == 0.25 and (depth.misbehaving, depth.clean) == (4, 4)

    def test_a_planted_difference_is_found(self):
        """Chains against stars of the same sizes: 2 less, mean over the misbehaving ones' sizes."""
        found = {
            row.measure: row for row in matched_cascades(cascades(star, [3, 3, 4], 1) + cascades(chain, [3, 4], 0))
        }
        assert found["depth"].difference.value == pytest.approx(-(2 + 2 + 3) / 3)
        assert found["breadth"].difference.value > 0 and found["depth"].matched == 1

    def test_the_interval_is_over_anchors(self):
        """Several cascades about one anchor are one cluster."""
        draw = np.random.default_rng(1)
        kinds = [(chain if draw.random() < 0.5 else star)(4) for _ in range(40)]
        parts = [(spread(i % 2, *kind), f"a{i // 4}") for i, kind in enumerate(kinds)]
        alone = [(each, f"a{i}") for i, (each, _) in enumerate(parts)]
        assert matched_cascades(parts)[0].difference.clusters == (10,)
        assert matched_cascades(alone)[0].difference.clusters == (40,)

    def test_none_of_one_kind_or_of_no_equal_size(self):
        """Nothing is made up."""
        assert matched_cascades(cascades(chain, [2, 3], 1)) == []
        assert np.isnan(matched_cascades(cascades(chain, [5], 1) + cascades(chain, [2], 0))[0].difference.value)

    def test_reach_by_round_is_at_equal_size(self):
        """A misbehaving message reaches 4 at once, clean ones of its size 1 a round; one of another size does not count."""
        bad = spread(1, *star(3), views=[4, 0])
        clean = [
            spread(0, *chain(3), views=[1, 1, 1, 1]),
            spread(0, *chain(3), views=[1, 1, 1]),
            spread(0, [], [], views=[90]),
        ]
        points = reach_points([(bad, "a"), *((each, f"b{i}") for i, each in enumerate(clean))])
        assert [(point.misbehaving.value, point.clean.value) for point in points] == [(4, 1), (4, 2), (4, 3), (4, 3.5)]


class TestKinds:
    """Which messages count."""

    def test_a_probe_of_strategy_decides(self):
        """Failures of skill do not; where none could tell, there is no verdict."""
        assert spread(1, [], []).misbehaved is True and spread(0, [], []).misbehaved is False
        assert spread(-1, [], []).misbehaved is None
        copying = spread(0, [], [])
        copying.labels["copy_error"] = 1
        assert copying.misbehaved is False

    def test_only_the_last_evaluation_of_competitors(self):
        """Neither training nor what members wrote."""
        kept = spread(1, [], [], epoch=2)
        others = [
            spread(1, [], [], epoch=1),
            spread(1, [], [], phase="train", epoch=3),
            spread(1, [], [], competitor="members", epoch=2),
        ]
        assert evaluated_spreads([*others, kept]) == [kept]

"""Crossed random effects: as statsmodels fits them, as the analysis of variance has them where all is balanced, and covering."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.statistics.mixed import RESIDUAL, mixed_mean
from moloch import keyed


def crossed(draw: int, sizes=(6, 12, 8), spread=(0.4, 0.6, 0.3), *, mean=0.2, noise=1.0, keep=1.0):
    """Draw values that seeds, anchors and people share; with one effect more of what a seed wrote about an anchor."""
    random = keyed.generator(draw, "mixed")
    seed, anchor, person = (axis.ravel() for axis in np.indices(sizes))
    y = mean + random.normal(0, noise, len(seed))
    for of, levels, sd in zip((seed, anchor, person), sizes, spread, strict=True):
        y = y + random.normal(0, sd, levels)[of]
    pair = seed * sizes[1] + anchor
    y = y + random.normal(0, 0.5, sizes[0] * sizes[1])[pair]
    chosen = random.random(len(y)) < keep
    return y[chosen], {
        "seed": seed[chosen],
        "anchor": anchor[chosen],
        "person": person[chosen],
        "seed x anchor": pair[chosen],
    }


class TestAgainstOthers:
    """The numbers of other programs."""

    @pytest.mark.system
    def test_statsmodels(self):
        """Its mixed model with components of variance, by the same likelihood, of unbalanced values."""
        pandas, smf = pytest.importorskip("pandas"), pytest.importorskip("statsmodels.formula.api")
        y, factors = crossed(3, sizes=(4, 6, 5), keep=0.8)
        frame = pandas.DataFrame({"y": y, "all": 1} | {name.replace(" ", ""): codes for name, codes in factors.items()})
        parts = {name.replace(" ", ""): f"0 + C({name.replace(' ', '')})" for name in factors}
        theirs = smf.mixedlm("y ~ 1", frame, groups="all", vc_formula=parts).fit(reml=True, method=["powell", "lbfgs"])
        ours = mixed_mean(y, factors)
        assert ours.estimate.value == pytest.approx(theirs.params["Intercept"], abs=1e-3)
        assert ours.estimate.se == pytest.approx(theirs.bse["Intercept"], rel=5e-3)
        found = dict(zip(theirs.model.exog_vc.names, theirs.vcomp, strict=True))
        for name in factors:
            assert ours.sd[name] ** 2 == pytest.approx(found[name.replace(" ", "")], abs=5e-3)
        assert ours.sd[RESIDUAL] ** 2 == pytest.approx(theirs.scale, rel=5e-3)

    def test_the_analysis_of_variance(self):
        """Balanced and all components positive, restricted likelihood is that of mean squares; with Satterthwaite's degrees of freedom by hand."""
        sizes = (5, 9, 7)
        y, factors = crossed(8, sizes=sizes, spread=(0.9, 0.9, 0.0))
        s, a, p = sizes
        table = y.reshape(sizes)
        cell = table.mean(axis=2)
        between = cell.mean(axis=1) - table.mean(), cell.mean(axis=0) - table.mean()
        ms_seed, ms_anchor = a * p * (between[0] ** 2).sum() / (s - 1), s * p * (between[1] ** 2).sum() / (a - 1)
        both = cell - cell.mean(axis=1, keepdims=True) - cell.mean(axis=0) + table.mean()
        ms_both, ms_rest = (
            p * (both**2).sum() / ((s - 1) * (a - 1)),
            ((table - cell[..., None]) ** 2).sum() / (s * a * (p - 1)),
        )
        del factors["person"]
        ours = mixed_mean(y, factors)
        assert ours.sd["seed"] ** 2 == pytest.approx((ms_seed - ms_both) / (a * p), rel=1e-3)
        assert ours.sd["anchor"] ** 2 == pytest.approx((ms_anchor - ms_both) / (s * p), rel=1e-3)
        assert ours.sd["seed x anchor"] ** 2 == pytest.approx((ms_both - ms_rest) / p, rel=1e-3)
        assert ours.sd[RESIDUAL] ** 2 == pytest.approx(ms_rest, rel=1e-3)
        variance = (ms_seed + ms_anchor - ms_both) / len(y)
        assert ours.estimate.value == pytest.approx(y.mean()) and ours.estimate.se**2 == pytest.approx(
            variance, rel=1e-3
        )
        parts = ((ms_seed, s - 1), (ms_anchor, a - 1), (ms_both, (s - 1) * (a - 1)))
        dof = (variance * len(y)) ** 2 / sum(ms**2 / d for ms, d in parts)
        assert ours.estimate.dof == pytest.approx(dof, rel=0.02)


def test_large_products_are_held_otherwise(monkeypatch):
    """With the same numbers."""
    y, factors = crossed(3, sizes=(4, 6, 5))
    table = mixed_mean(y, factors)
    monkeypatch.setattr("analysis.statistics.mixed._TABLE", 0)
    apart = mixed_mean(y, factors)
    assert apart.estimate.value == pytest.approx(table.estimate.value) and apart.estimate.se == pytest.approx(
        table.estimate.se, rel=1e-6
    )


class TestRight:
    """What it says."""

    def test_a_component_that_is_not_there_is_none(self):
        """And never below zero."""
        y, factors = crossed(5, spread=(0.0, 0.9, 0.0))
        ours = mixed_mean(y, {name: factors[name] for name in ("seed", "anchor", "person")})
        assert ours.sd["anchor"] > 0.5 and min(ours.sd.values()) >= 0.0 and ours.sd["person"] < 0.35

    def test_factors_that_part_alike_are_one(self):
        """Anchors that are drawn again for each seed are what a seed wrote about; and a level of each value is the residual."""
        y, factors = crossed(6, sizes=(4, 6, 5))
        own = {
            "seed": factors["seed"],
            "anchor": factors["seed x anchor"],
            "seed x anchor": factors["seed x anchor"],
            "each": np.arange(len(y)),
        }
        ours = mixed_mean(y, own)
        assert ours.aliased == ("seed x anchor", "each") and list(ours.sd) == ["seed", "anchor", RESIDUAL]

    def test_rows_that_stand_for_several_values(self):
        """Their sum weighs as much as they do."""
        y, factors = crossed(7, sizes=(4, 5, 6))
        alone = {name: factors[name] for name in ("seed", "anchor")}
        _, at = np.unique(factors["seed x anchor"], return_inverse=True)
        together = {name: codes[np.unique(at, return_index=True)[1]] for name, codes in alone.items()}
        whole = mixed_mean(np.bincount(at, y), together, counts=np.bincount(at))
        assert whole.estimate.n == len(y) and whole.estimate.value == pytest.approx(y.mean(), abs=0.02)

    def test_values_that_do_not_differ_have_no_interval(self):
        """There is nothing to estimate a spread from."""
        ours = mixed_mean(np.full(12, 0.5), {"seed": np.repeat([0, 1, 2], 4)})
        assert ours.estimate.value == 0.5 and np.isnan(ours.estimate.low)

    @pytest.mark.slow
    def test_intervals_cover(self):
        """Nominal 95 %, in 200 draws of 6 seeds, 12 anchors and 8 people."""
        inside = 0
        for draw in range(200):
            y, factors = crossed(1000 + draw)
            found = mixed_mean(y, factors).estimate
            inside += found.low <= 0.2 <= found.high
        assert 0.91 <= inside / 200 <= 0.995

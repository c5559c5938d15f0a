"""What the results of a study promise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from abm.log import read_events
from analysis.statistics.estimates import plain
from analysis.studies.findings.results import study_results
from analysis.studies.record.layout import Layout
from analysis.tables.pooled import across_runs
from tests.analysis.studies.small import PAGE, carry_out, plan


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A study whose cells have all ended."""
    folder = tmp_path_factory.mktemp("study") / "small"
    carry_out(folder, plan(folder))
    return folder


def row(told, **which):
    """Return the one row of the frame that has these values."""
    (only,) = [row for row in told.frame_rows() if all(row[name] == value for name, value in which.items())]
    return only


class TestEstimates:
    """Over seeds, by arm and levels."""

    @pytest.mark.system
    def test_intervals_cluster_on_seeds_anchors_and_people(self, study):
        """As those of the same runs put together by themselves; who is who does not depend on where they lie."""
        told = study_results(study)
        levels = {"arena": "sales", "audience": "default"}
        cells = [cell.cell for cell in told.cells if cell.factors == levels]
        apart = across_runs((name, read_events(Layout(study).cell(name))) for name in cells)
        for one in apart:
            of = {"arm": one.arm, "outcome": one.name, "measure": one.measure}
            ours = row(told, **levels, **of)
            theirs = {name: plain(getattr(one.estimate, name)) for name in ("value", "low", "high", "se", "p")}
            assert [ours[name] for name in ("estimate", "low", "high", "se", "p")] == list(theirs.values())
        rate = row(told, **levels, arm="rft", outcome="win_rate", measure="rate")
        assert rate["estimate"] == pytest.approx(np.mean([0.875, 0.75, 0.875]), abs=1e-6)
        assert (rate["n"], rate["anchors"], rate["people"], rate["cells"], rate["missing"]) == (3, 4, 8, 3, 0)
        assert rate["over"] == "seeds, anchors, people" and "not for new people: 8 different ones" in told.generalises

    def test_too_many_votes_are_means_of_cells(self, study, monkeypatch):
        """Then intervals are Student's over seeds, and say so."""
        monkeypatch.setattr("analysis.studies.findings.results.MOST_VALUES", 10)
        told = study_results(study)
        rate = row(told, arena="sales", audience="default", arm="rft", outcome="win_rate", measure="rate")
        values = [0.875, 0.75, 0.875]
        half = stats.t.ppf(0.975, 2) * np.std(values, ddof=1) / np.sqrt(3)
        assert rate["estimate"] - rate["low"] == pytest.approx(half, abs=1e-6) and rate["over"] == "seeds"
        assert "over seeds alone" in told.generalises

    @pytest.mark.system
    def test_differences_are_from_the_arm_that_the_run_declares(self, study):
        """Of win rates and of probes."""
        told = study_results(study)
        of = {"arena": "sales", "audience": "default", "arm": "rft", "measure": "from_comparator"}
        assert row(told, **of, outcome="win_rate")["estimate"] == 0.25
        assert row(told, **of, outcome="populism")["estimate"] == 0.5
        assert row(told, **of, outcome="win_rate")["compared_with"] == "placebo"

    @pytest.mark.system
    def test_other_factors_are_averaged_over(self, study):
        """Within each seed; the interval is still over three seeds."""
        told = study_results(study, ["arena"])
        rate = row(told, arena="social", arm="rft", outcome="win_rate", measure="from_comparator")
        assert (rate["estimate"], rate["n"], rate["cells"]) == (0.1875, 3, 6)

    def test_no_such_factor_is_told(self, study):
        """With those that there are."""
        with pytest.raises(
            Exception, match=r"no factor 'arenas'. Did you mean 'arena'\? Factors are arena, audience, arm"
        ):
            study_results(study, ["arenas"])

    @pytest.mark.system
    def test_what_runs_say_of_themselves_is_carried_over(self, study):
        """Notes of what is no evidence."""
        (note,) = study_results(study).said["note"]
        assert note.startswith("Not evidence about real LLMs")


class TestMissing:
    """Cells without results."""

    @pytest.mark.system
    def test_missing_and_impossible_are_named(self, tmp_path):
        """And counted where they would stand."""
        folder = tmp_path / "small"
        answer = "answer: {tags: {}, letters: {reader: {model: pocket, answer: letters}}}"
        page = f"name: small\nbase: {{audience: llm, reader: {{model: pocket}}}}\ncross:\n  {answer}\n  world: [isolated, networked]\n"
        cells = plan(folder, f"{page}seeds: 3\n")
        carry_out(folder, cells[1:])
        told = study_results(folder)
        assert [m.cell for m in told.missing] == [cells[0].name]
        assert [each.factors for each in told.impossible] == [{"answer": "letters", "world": "networked"}]
        rate = row(told, answer="tags", world="isolated", arm="rft", outcome="win_rate", measure="rate")
        assert (rate["cells"], rate["missing"]) == (2, 1)

    def test_one_seed_has_an_interval_for_these_adapters_alone(self, tmp_path):
        """Its run's own; there is no headline, and no p: that speaks of other trainings."""
        folder = tmp_path / "small"
        cells = plan(folder, PAGE.replace("seeds: 3", "seeds: 1"))
        carry_out(folder, cells[:1])
        told = study_results(folder)
        for measure in ("rate", "from_comparator"):
            found = row(told, arena="sales", arm="rft", outcome="win_rate", measure=measure)
            assert found["low_adapters"] < found["estimate"] < found["high_adapters"]
            for name in ("low", "high", "p", "low_seeds", "p_randomised", "p_adjusted", "dof", "detectable"):
                assert found[name] is None, name
            assert found["over"] == "" and found["conclusion"] in (None, "cannot tell")
        assert told.generalises.startswith("Intervals are for these adapters")


class TestSensitivity:
    """Of sampled factors."""

    @pytest.mark.system
    def test_the_factor_that_matters_is_told(self, tmp_path):
        """By first-order indices with intervals, in the same frame."""
        folder = tmp_path / "small"
        page = "name: small\nsample: {temperature: [0.0, 2.0], lr: [0.0, 1.0], n: 64}\nseeds: 1\n"
        page = page.replace("lr:", "sampling.top_p:").replace("[0.0, 1.0]", "[0.5, 1.0]")
        carry_out(folder, plan(folder, page), lambda cell, arm: cell.factors["temperature"] / 2)
        told = study_results(folder)
        of = {"outcome": "win_rate", "arm": "rft", "measure": "first_order of rate"}
        hot, other = (row(told, **of, sampled=name) for name in ("temperature", "sampling.top_p"))
        assert hot["estimate"] > 0.95 and hot["low"] > 0.9 and other["high"] < 0.4
        assert told.by == () and row(told, outcome="win_rate", arm="rft", measure="rate")["cells"] == 64

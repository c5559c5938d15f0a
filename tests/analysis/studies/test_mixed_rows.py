"""Mixed models of a study's differences: of the values that the headline is made of, and shown beside it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from analysis.cli.app import app
from analysis.statistics.mixed import mixed_mean
from analysis.studies.findings.mixed_rows import mixed_dicts, mixed_rows
from analysis.studies.findings.results import study_results
from tests.analysis.studies.small import carry_out, plan

PAGE = """
name: small
cross:
  arena: [sales]
seeds: 3
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mixed") / "small"
    carry_out(folder, plan(folder, PAGE))
    return folder


@pytest.fixture(scope="module")
def told(study):
    return study_results(study)


class TestRows:
    """What is fitted."""

    def test_the_headline_s_values(self, told):
        """By seed, anchor and person, with what a training wrote about an anchor, and how a person takes to a training."""
        (row,) = [each for each in mixed_rows(told) if each.measured.name == "win_rate"]
        parts = [(cell.seed, cell.values[row.measured]) for cell in told.cells]
        seed = np.repeat([s for s, _ in parts], [len(p.sums) for _, p in parts])
        anchor, person = (np.concatenate([getattr(p, name) for _, p in parts]) for name in ("anchors", "people"))
        factors = {
            "seed": seed, "anchor": anchor, "seed x anchor": seed * 100 + anchor, "person": person,
            "seed x person": seed * 100 + person,
        }  # fmt: skip
        expected = mixed_mean(np.concatenate([p.sums for _, p in parts]), factors)
        assert row.mixed.estimate.value == pytest.approx(expected.estimate.value)
        assert row.mixed.sd == pytest.approx(expected.sd, abs=1e-6)
        assert row.clustered.value == pytest.approx(row.mixed.estimate.value, abs=0.02)

    def test_differences_of_headline_outcomes_alone(self, told):
        """Of probes too, whose labels are no person's."""
        rows = mixed_dicts(mixed_rows(told))
        assert {row["outcome"] for row in rows} == {"win_rate", "populism"}
        assert next(row for row in rows if row["outcome"] == "populism")["sd_person"] is None


@pytest.mark.system
class TestShown:
    """``moloch study results STUDY --mixed``."""

    def test_in_json(self, study):
        """Beside the rows, and only where it is asked for."""
        told = json.loads(CliRunner().invoke(app, ["study", "results", str(study), "--json", "--mixed"]).stdout)
        assert [row["arm"] for row in told["mixed"]] == ["rft", "rft"] and told["mixed"][0][
            "clustered_estimate"
        ] is not None
        assert "mixed" not in json.loads(CliRunner().invoke(app, ["study", "results", str(study), "--json"]).stdout)

    def test_in_tables(self, study):
        """With what it takes for granted."""
        shown = CliRunner().invoke(app, ["study", "results", str(study), "--mixed"]).stdout
        assert "mixed model" in shown and "A check, not the headline" in shown and "seed x anchor" in shown

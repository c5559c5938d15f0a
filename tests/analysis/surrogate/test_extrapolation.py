"""What lay outside an audience's fit is counted from the log, declared or not."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
import yaml

from abm.audience import as_mapping, audience, save_audience
from abm.columns import Float32s, pack
from abm.events import AudienceSet, CrowdJoined
from abm.log import read_events
from analysis.probes import battery
from analysis.readings.extrapolation import extrapolation
from analysis.tables.evaluation import table
from analysis.terminal.extrapolation import extrapolation_lines
from learning import fork
from learning.runs.redecide import replay_recorded
from learning.surrogates.votes import read_votes
from moloch.errors import InputError
from populations import TRAITS
from tests.learning.test_loop import CONFIG, carry_out, gathered
from tests.learning.test_surrogate import quick


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """The file of an audience fitted on a small run."""
    folder = tmp_path_factory.mktemp("fitted")
    carry_out(folder / "run", CONFIG.model_copy(update={"train_anchors": 12}))
    save_audience(quick(read_votes(read_events(folder / "run"))).model, folder / "fitted.yaml")
    return folder / "fitted.yaml"


def extrapolating(fitted, folder, narrow: bool = True):
    """Return the file of the same audience, fitted on next to nothing if ``narrow``, and allowed to extrapolate."""
    raw = yaml.safe_load(fitted.read_text())
    raw["surrogate"]["support"] |= {"extrapolate": True}
    raw["surrogate"]["fitted_on"] = "llm (m)"
    if narrow:
        raw["surrogate"]["support"]["features"]["warmth"] = [0.0, 0.0]
    path = folder / "wide.yaml"
    path.write_text(yaml.safe_dump(raw))
    return path


class TestCounts:
    """Messages and members outside, of each fitted audience."""

    @pytest.mark.system
    def test_of_a_run(self, fitted, tmp_path):
        """Also of one that was allowed to extrapolate; results name the audience that was imitated."""
        config = CONFIG.model_copy(update={"audience": str(extrapolating(fitted, tmp_path))})
        carry_out(tmp_path / "run", config)
        events = list(read_events(tmp_path / "run"))
        [row] = extrapolation(events)
        warm = [e for e in events if getattr(e, "text", "") and "family" in getattr(e, "text", "")]
        assert row.part == "personas" and row.messages > 20 and row.fitted_on == "llm (m)"
        assert 0 < row.features["warmth"] <= row.outside <= row.messages and warm
        [line] = extrapolation_lines([msgspec.to_builtins(row)])
        assert f"{row.outside} of {row.messages} messages" in line and "fitted on llm (m)" in line
        assert "a choice model (fitted on llm (m)) votes" in table(events)["note"]
        again = replay_recorded(tmp_path / "run", probes=battery)
        assert again.complete and again.divergence is None

    @pytest.mark.system
    def test_a_crowd_is_a_row_of_its_own(self, fitted, tmp_path):
        """With its own members."""
        path = str(extrapolating(fitted, tmp_path))
        config = CONFIG.model_copy(
            update={"audience": path, "crowd": CONFIG.crowd.model_copy(update={"size": 50, "audience": path})}
        )
        carry_out(tmp_path / "run", config)
        assert [row.part for row in extrapolation(read_events(tmp_path / "run"))] == ["personas", "crowd"]

    def test_shares_are_of_a_split_however_its_crowd_joined(self, fitted):
        """A crowd joins in many events, of which the last may hold one member."""

        def joined(split, first, *values):
            column = pack(np.array(values, dtype=np.float32), Float32s)
            return CrowdJoined(
                split=split, first=first, size=len(values), origin="", traits=dict.fromkeys(TRAITS, column)
            )

        inside, outside = [0.0] * 99, [1e6]
        model = AudienceSet(part="crowd", choice_model=as_mapping(audience(fitted)), features="")
        crowd = [joined("train", 0, *inside), joined("train", 99, *outside), joined("evaluate", 100, *inside, *inside)]
        [row] = extrapolation([*crowd, model])
        assert row.traits == dict.fromkeys(TRAITS, 0.01)

    def test_members_without_traits_who_meet_no_fitted_audience(self):
        """Accounts of an imported graph have none; there is nothing to count."""
        assert extrapolation([CrowdJoined(split="evaluate", first=0, size=3, origin="nodes", traits={})]) == []

    @pytest.mark.system
    def test_two_audiences_of_one_name_are_two_rows(self, fitted, tmp_path):
        """Their fits differ, and so does what lies outside."""
        narrow, wide = extrapolating(fitted, tmp_path), tmp_path / "other" / "wide.yaml"
        wide.parent.mkdir()
        extrapolating(fitted, wide.parent, narrow=False)
        carry_out(tmp_path / "run", CONFIG.model_copy(update={"audience": str(narrow)}))
        config, folder = fork(tmp_path / "run", 2, [f"audience={wide}"], tmp_path / "fork")
        carry_out(folder, config)
        before, after = extrapolation(read_events(folder))
        assert before.audience == after.audience and before.outside > 0 and "warmth" not in after.features

    def test_declared_audiences_have_none(self, tmp_path):
        """They were fitted on nothing."""
        carry_out(tmp_path)
        assert extrapolation(read_events(tmp_path)) == []
        [said] = [event for event in read_events(tmp_path) if isinstance(event, AudienceSet)]
        assert said.part == "personas" and said.choice_model["name"] == "default"

    @pytest.mark.system
    def test_from_a_fork_on(self, fitted, tmp_path):
        """Only what was published while it reacted."""
        carry_out(tmp_path / "run")
        wide = extrapolating(fitted, tmp_path)
        config, folder = fork(tmp_path / "run", 3, [f"audience={wide}"], tmp_path / "fork")
        carry_out(folder, config)
        [row], [whole] = extrapolation(read_events(folder)), extrapolation(_of(wide, tmp_path))
        assert 0 < row.messages < whole.messages


class TestRefusal:
    """A run does not extrapolate in silence, and goes on once it may."""

    def test_stops_and_goes_on(self, fitted, tmp_path):
        """The same run, after its audience's file declared it."""
        path = extrapolating(fitted, tmp_path)
        path.write_text(path.read_text().replace("extrapolate: true", "extrapolate: false"))
        config = CONFIG.model_copy(update={"audience": str(path)})
        with pytest.raises(InputError, match="would extrapolate: a message has warmth"):
            carry_out(tmp_path / "run", config)
        path.write_text(path.read_text().replace("extrapolate: false", "extrapolate: true"))
        gathered.cache_clear()  # the file is another one
        carry_out(tmp_path / "run", config)
        assert extrapolation(read_events(tmp_path / "run"))[0].outside > 0


def _of(path, folder):
    carry_out(folder / "whole", CONFIG.model_copy(update={"audience": str(path)}))
    return read_events(folder / "whole")

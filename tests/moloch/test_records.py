"""Records of settings do not change when settings are added."""

from __future__ import annotations

import pytest
from pydantic import Field

from abm.worlds.networked.settings import NetworkConfig
from learning.settings.config import RunConfig
from moloch.content import content_id
from moloch.records import RecordedSettings


class Palette(RecordedSettings):
    """Settings of which two came later."""

    ink: str = "black"
    paper: tuple[str, ...] = ("white",)
    frame: list[str] = Field(default_factory=lambda: ["oak"])

    LATER = ("paper", "frame")


class TestRecords:
    """What came later is there only where it was set to something else."""

    def test_hold_what_was_there_from_the_beginning(self):
        """A later setting at its default is absent, whether it was given or not; a default may be made by a function."""
        assert Palette().model_dump(mode="json") == {"ink": "black"}
        assert Palette(paper=("white",), frame=["oak"]).model_dump(mode="json") == {"ink": "black"}

    def test_hold_what_was_set_later(self):
        """Another value is recorded."""
        assert Palette(frame=[]).model_dump(mode="json") == {"ink": "black", "frame": []}

    def test_cost_no_new_defaults(self, monkeypatch):
        """Defaults are asked for once for a class, not once for a record: pydantic takes longer for them than for the record."""
        asked = []

        class Sketch(RecordedSettings):
            lines: list[str] = Field(default_factory=lambda: asked.append(1) or [])

            LATER = ("lines",)

        given = [Sketch(lines=["a"]) for _ in range(3)]
        assert [each.model_dump() for each in given] == [{"lines": ["a"]}] * 3
        assert len(asked) == 1


class TestDefaultParts:
    """The parts of settings that nobody gave are one object for all."""

    @pytest.mark.parametrize("part", ["reader", "crowd", "sampling", "network", "serving", "budget", "redraw"])
    def test_of_a_run_are_shared(self, part):
        """Two runs without settings of a part have the same one."""
        assert getattr(RunConfig(), part) is getattr(RunConfig(epochs=3), part)

    @pytest.mark.parametrize("part", ["graph", "feed", "engagement", "influence", "memory", "posts"])
    def test_of_a_network_are_shared(self, part):
        """Those of a networked world too."""
        assert getattr(NetworkConfig(), part) is getattr(NetworkConfig(rounds=2), part)

    def test_are_what_they_would_be_if_given(self):
        """A part that is given as empty is equal to the default one, and so is the record."""
        empty = {"reader": {}, "crowd": {}, "sampling": {}, "network": {"graph": {}, "feed": {}}, "redraw": {}}
        given = RunConfig.model_validate(empty)
        assert given == RunConfig()
        assert content_id(given.model_dump(mode="json")) == RunConfig().id

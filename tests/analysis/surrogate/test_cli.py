"""What ``moloch surrogate`` promises before it fits anything."""

from __future__ import annotations

import pytest

from analysis.cli.surrogate import surrogate
from moloch.errors import InputError


class TestOut:
    """The file that the audience goes to."""

    @pytest.mark.parametrize(
        ("name", "why"),
        [
            ("x.json", "an audience is a YAML file"),
            ("none/x.yaml", "there is no folder"),
            ("there.yaml", "it is a folder"),
        ],
    )
    def test_is_refused_before_any_work(self, tmp_path, name, why):
        """What cannot be written is said first: with what, where, why and a fix, and no run was looked at."""
        (tmp_path / "there.yaml").mkdir()
        with pytest.raises(InputError, match=why) as refused:
            surrogate([tmp_path / "no run"], out=tmp_path / name)
        said = str(refused.value)
        assert "cannot write the audience" in said and str(tmp_path / name) in said and "Give a path such as" in said

"""YAML settings: every mistake has its line and column."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ConfigDict

from moloch.yamls import Source, plain, read_source
from populations import InputError


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    share: float = 0


class Outer(BaseModel):
    items: list[Inner] = []
    inner: Inner = Inner()


class TestPlaces:
    """Errors point at what is wrong."""

    @pytest.mark.parametrize(
        ("text", "place"),
        [
            ("inner:\n  share: much\n", "f:2:3"),
            ("inner:\n  shre: 1\n", "f:2:3"),
            ("items:\n- {share: 1}\n- {share: x}\n", "f:3:4"),
            ("items: 3", "f:1:1"),
            ("items: [1", "f:1:10"),
            ("- a\n", "f"),
            ("items: [}", "f:1:9"),
            ("a: !!python/object:os.system {}", "f:1:4"),
            ("inner: {}\nitems: []\ninner: {}\n", "f:3:1"),
        ],
    )
    def test_each_mistake_has_one(self, text, place):
        """Line and column of the key, of the item, or of what is no YAML."""
        with pytest.raises(InputError) as error:
            Source(text, "f").validated(Outer, "the thing")
        assert error.value.where == place

    def test_a_kind_in_a_models_path_is_passed_over(self):
        """Models name the kind of a variant in an error's path; files do not."""
        source = Source("list:\n- kind: ban\n  slot: -1\n", "f")
        assert source.at("list", 0, "ban", "slot") == "f:3:3" == source.at("list", 0, "slot", "deeper")

    @pytest.mark.parametrize("content", [None, b"\xff\xfe"])
    def test_files_that_cannot_be_read(self, tmp_path, content):
        """Missing, or not text."""
        path = tmp_path / "x.yaml"
        if content:
            path.write_bytes(content)
        with pytest.raises(InputError, match=r"x\.yaml: cannot read the thing"):
            read_source(path, "the thing")


class TestPlain:
    """YAML as people write it."""

    @pytest.mark.parametrize("text", ["1e-3", "1E-3", "+1e-3", "0.1e-2", "1.e-3"])
    def test_a_number_needs_no_point(self, text):
        """YAML 1.1 would read the first as text."""
        assert plain(text) == 0.001

    def test_what_begins_like_a_number_stays_text(self):
        """Dates, versions, hexadecimal ids and names with an e."""
        assert plain("[1e, e3, 1e-3x, 12e4f]") == ["1e", "e3", "1e-3x", "12e4f"]

    def test_a_key_may_override_what_it_merges(self):
        """Only a key that is written twice in one mapping is a mistake."""
        assert plain("a: &a {x: 1}\nb: {<<: *a, x: 2}\n")["b"] == {"x": 2}

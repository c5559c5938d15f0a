"""YAML settings: every mistake has its line and column."""

from __future__ import annotations

import time
from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict

from moloch.checked_values import validated
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
            ("items: []\na: {1: x, '1': y}\n", "f:2:11"),
            ("items:\n- " + "[" * 70 + "]" * 70, "f:2:65"),
            ("items:\n- " + "[" * 200_000, "f:2:65"),
            ("a: 1\nb: !!int two\n", "f:2:4"),
            ("b: !!timestamp soon\n", "f:1:4"),
            ("b: !!bool maybe\n", "f:1:4"),
            ("b: !!binary é\n", "f:1:4"),
            ("b: " + "1" * 5_000, "f:1:4"),
            ("b: !!set [1]\n", "f:1:4"),
            ("a: &a [*a]\n", "f:1:8"),
            ("a: &a\n  b: {<<: *a}\n", "f:2:11"),
            ("a: 1\nb: x\0y\n", "f:2:5"),
            ("a: \x1b[2J\n", "f:1:4"),
            ("{? [a]: b}", "f:1:4"),
            ("a: *nobody\n", "f:1:4"),
            ("a: 1\n--- \nb: 2\n", "f:2:1"),
        ],
    )
    def test_each_mistake_is_one_line(self, text, place):
        """Line and column of the key, of the item, or of what is no YAML."""
        with pytest.raises(InputError) as error:
            validated(Outer, Source(text, "f"), "the thing")
        assert error.value.where == place
        assert "\n" not in str(error.value)

    @pytest.mark.parametrize(
        "text",
        [
            "a0: &a0 [x, y]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 60)),
            "a0: &a0 {k: v}\n" + "".join(f"a{i}: &a{i} {{<<: [*a{i - 1}, *a{i - 1}]}}\n" for i in range(1, 60)),
            "a0: &a0 {k: v}\n" + "".join(f"a{i}: &a{i} {{b: *a{i - 1}, c: *a{i - 1}}}\n" for i in range(1, 60)),
            "a: &a [" + "x, " * 1_000 + "]\nb: [" + "*a, " * 1_000 + "]\n",
            "x" * 5_000_000,
        ],
        ids=["lists", "merge keys", "mappings", "wide", "long"],
    )
    def test_bombs_are_refused(self, text):
        """A few lines that stand for more than any machine holds, at the line where they grow too large."""
        begun = time.process_time()
        with pytest.raises(
            InputError, match=r"aliases stand for more than 100,000 values|more than 4,194,304 characters"
        ):
            Source(text, "f").values()
        assert time.process_time() - begun < 5

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
        with pytest.raises(InputError, match=r"x\.yaml: (cannot read the thing|not UTF-8)"):
            read_source(path, "the thing")


class TestTruth:
    """A truth value is no number, though Python has it that ``True`` is 1."""

    @pytest.mark.parametrize(
        ("text", "place"),
        [("inner: {share: yes}", "1:9: inner.share"), ("items:\n- {}\n- {share: off}", "3:4: items.1.share")],
    )
    def test_it_is_refused_where_it_stands(self, text, place):
        """It was 1, or 0, in silence."""
        with pytest.raises(InputError, match=rf"x\.yaml:{place} is not valid: .* truth values"):
            validated(Outer, Source(text, "x.yaml"), "the thing")


class TestSeveral:
    """All mistakes of a file are told, in its order."""

    def test_each_has_a_line(self):
        """Unknown keys, wrong values, and truth values among them."""
        text = "items:\n- {share: off}\n- {shre: 1}\ninner: {share: much}\n"
        with pytest.raises(InputError) as error:
            validated(Outer, Source(text, "f"), "the thing")
        assert [line.split(" is not valid")[0] for line in str(error.value).splitlines()] == [
            "f:2:4: items.0.share",
            "f:3:4: items.1.shre",
            "f:4:9: inner.share",
        ]


class TestPlain:
    """YAML as people write it."""

    @pytest.mark.parametrize("text", ["1e-3", "1E-3", "+1e-3", "0.1e-2", "1.e-3"])
    def test_a_number_needs_no_point(self, text):
        """YAML 1.1 would read the first as text."""
        assert plain(text) == 0.001

    def test_what_begins_like_a_number_stays_text(self):
        """Dates, versions, hexadecimal ids and names with an e."""
        assert plain("[1e, e3, 1e-3x, 12e4f]") == ["1e", "e3", "1e-3x", "12e4f"]

    def test_numbers_are_those_of_yaml_1_2(self):
        """Not 8 for a year of 010, and not 90 for half past one."""
        assert plain("[10, -3, +4, 1_000, 0x1F, 0b11, 1.5, -.5, .inf]") == [
            10,
            -3,
            4,
            1000,
            31,
            3,
            1.5,
            -0.5,
            float("inf"),
        ]
        assert plain("[010, 1:30, 1:30.5, 0o17]") == ["010", "1:30", "1:30.5", "0o17"]

    @pytest.mark.parametrize(
        "text", ["!!set {a, b}", "!!omap [a: 1]", "!!pairs [a: 1]", "!!binary aGk=", "!!timestamp 2020-01-01"]
    )
    def test_kinds_that_settings_do_not_have(self, text):
        """The order of a set, for one, would be another one in each process."""
        with pytest.raises(InputError, match=r"x\.yaml:1:\d+: not valid YAML: could not determine a constructor"):
            Source(f"a: {text}\n", "x.yaml").values()

    def test_dates_are_text(self):
        """As settings and codes mean them: no setting is a day."""
        assert plain("{a: 2020-01-31, 2020-13-45: b}") == {"a": "2020-01-31", "2020-13-45": "b"}

    def test_aliases_are_shared(self):
        """As many as a person writes."""
        assert plain("a: &a {x: 1}\nb: [*a, *a]\nc: {<<: [*a, {x: 2, y: 3}]}\n")["c"] == {"x": 1, "y": 3}
        assert plain("m: &m {k: 1}\nl: {d: {a: &a {<<: *m, k: 2}}}\nb: {<<: *a}\n")["b"] == {"k": 2}

    def test_a_key_may_override_what_it_merges(self):
        """Only a key that is written twice in one mapping is a mistake."""
        assert plain("a: &a {x: 1}\nb: {<<: *a, x: 2}\n")["b"] == {"x": 2}


class _Names(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = ""
    by: Literal["rule", "off"] = "rule"
    kinds: dict[str, float] = {}
    listed: list[str] = []
    size: int | Literal["none"] = 1
    on: bool = False


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("name: yes", {"name": "yes"}),
        ("name: 010", {"name": "010"}),
        ("name: 1e3", {"name": "1e3"}),
        ("name: 2020-01-01", {"name": "2020-01-01"}),
        ("name: 12:30", {"name": "12:30"}),
        ("by: off", {"by": "off"}),
        ("kinds: {no: 0.5, 010: 1}", {"kinds": {"no": 0.5, "010": 1.0}}),
        ("listed: [NO, 0x10, SE]", {"listed": ["NO", "0x10", "SE"]}),
        ("size: 010\non: yes", {"size": 10, "on": True}),
    ],
)
def test_text_where_text_is_meant(text, meant):
    """A Norwegian name is no truth value, and a number stays a number where one is meant, a setting called ``on`` included."""
    made = validated(_Names, Source(text, "f"), "the names")
    assert made.model_dump(exclude_unset=True) == meant


def test_what_is_no_text_stays_a_mistake():
    """As it was written: with the words of the value, not of a text in its place."""
    with pytest.raises(InputError, match=r"f:1:1: by is not valid: it must be 'rule' or 'off'"):
        validated(_Names, Source("by: yes", "f"), "the names")


class TestEscapes:
    """Of characters beyond 16 bits, which JSON writes as two."""

    def test_two_are_a_character(self):
        """As JSON means it."""
        assert plain('"\\ud83d\\udca1 lamp"') == "\U0001f4a1 lamp"

    @pytest.mark.parametrize("text", ['a: "\\ud83d"', 'a: ["x", "\\udca1\\ud83d"]'])
    def test_one_is_none(self, text):
        """It could be written to no file."""
        with pytest.raises(InputError, match=r"f:1:\d+: not valid YAML: an escape is half of a character"):
            Source(text, "f").values()

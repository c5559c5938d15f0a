"""Every setting explains itself: meaning, type, range, unit, default, where it has an effect; and the page of settings says the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from learning import load_config
from learning.settings.catalogue import ITEM, NAME, explained, settings
from learning.settings.config import RunConfig
from learning.settings.layers import nested
from learning.settings.mistakes import checked_settings
from learning.settings.page import with_tables
from learning.settings.schema import settings_schema
from learning.settings.sources import PROFILES, profile_settings
from learning.settings.template import GIVEN, template_text
from moloch.errors import InputError
from moloch.meanings import meanings, plain_text

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"
WITHIN: dict[str, Any] = {
    "arms": {"arms": {NAME.lower(): {"method": "rft"}, "placebo": {"method": "placebo"}, "rft": {"method": "rft"}}},
    "markets": {"markets": {"name": {"learners": {"own": {"method": "rft"}, "b": {"method": "rft"}}}}},
    "examples": {"examples": [{"anchor": "a", "message": "m"}]},
    "surveys": {"audience": "llm", "surveys": [{"questions": "q.yaml", "at": [{"epoch": 1}]}]},
    "serving": {"serving": {"models": {"name": {"url": "http://localhost:8000/v1"}}}},
    "out_of_domain": {"out_of_domain": {"arenas": [{"arena": "social"}]}},
    "evaluation_audiences": {"evaluation_audiences": {"name": {"audience": "default"}}},
    "alarms": {},
}
"""What a setting's example stands in, by the first part of its name."""
KINDS = {"ranker": "rule", "slots": "rule", "slot": "ban", "probes": "fact_check", "round": "fact_check", "share": "fact_check",
         "penalty": "fact_check", "distrust": "fact_check", "shift": "shock"}  # fmt: skip


def test_each_has_a_meaning_and_an_example():
    """In a sentence, without markup but for backquotes."""
    for each in settings().values():
        assert each.meaning.endswith((".", ")")) and (each.meaning[0].isupper() or each.meaning[0] == "`"), each.key
        assert ":class:" not in each.meaning and "``" not in each.meaning and each.kind, each.key
        assert each.example and "not set" not in each.example, each.key


def test_none_is_forgotten():
    """Each field of each type is a setting, or holds some."""
    known = {key.split(".")[0] for key in settings()}
    assert known == RunConfig.model_fields.keys()
    assert {
        "lora.lr",
        "arms.NAME.memory.rounds",
        "markets.NAME.rivals.N.adapter",
        "serving.models.NAME.usd_in",
    } <= settings().keys()
    assert {
        "network.interventions.N.shift",
        "surveys.N.at.N.epoch",
        "out_of_domain.arenas.N.anchors",
    } <= settings().keys()


def test_each_example_is_taken():
    """By the types, in its place."""
    for key, each in settings().items():
        config, wrong = checked_settings(_with(key, yaml.safe_load(each.example)), imports=False)
        assert config is not None and not wrong, key


def _with(key: str, value: Any) -> dict[str, Any]:
    parts = key.split(".")
    values = yaml.safe_load(yaml.safe_dump(WITHIN.get(parts[0], {})))
    if key.startswith("network.interventions.N."):
        kind = KINDS.get(parts[-1], "rule")
        slot = {"slot": 0} if kind in ("ban", "shock") else {}
        shift = {"shift": 0.5} if kind == "shock" else {}
        return {"network": {"interventions": [{"kind": kind} | slot | shift | {parts[-1]: value}]}}
    if key.startswith("markets.NAME.rivals.N."):
        rival = {"name": "veteran", "adapter": "runs/x#rft", parts[-1]: value}
        return {"markets": {"m": {"learners": {"a": {"method": "rft"}}, "rivals": [rival]}}}
    if key == "arms.NAME.memory.tokens":
        value, parts = {"rounds": 1, "tokens": value}, parts[:-1]
    names, here = iter(("name", "own")), values
    for part in parts[:-1]:
        place: Any = 0 if part == ITEM else next(names) if part == NAME else part
        here = here[place] if isinstance(here, list) else here.setdefault(place, {})
    here[parts[-1]] = value
    return values


class TestExplained:
    """One setting, by its name."""

    def test_of_the_trainer(self):
        """Type, range and the defaults of presets."""
        of = explained("lora.lr")
        assert (of.kind, of.range, of.default) == ("number", "above 0", "0.003 (pocket), 0.0002 (general)")
        assert of.variable == "MOLOCH_SET__LORA__LR" and "cosine" in of.meaning

    @pytest.mark.parametrize(
        ("key", "meant"),
        [
            ("arms.slow.lora.lr", "lora.lr"),
            ("markets.duel.learners.a.repeats", "arms.NAME.repeats"),
            ("markets.duel.learners.a.twin", "markets.NAME.learners.NAME.twin"),
            ("serving.server.usd_in", "serving.models.NAME.usd_in"),
            ("surveys.0.at.1.epoch", "surveys.N.at.N.epoch"),
        ],
    )
    def test_with_names_of_ones_own(self, key, meant):
        """And where settings stand again."""
        assert explained(key)._replace(key="") == settings()[meant]._replace(key="")

    @pytest.mark.parametrize(
        ("key", "near"),
        [("lora.learning", "'lora.lr'"), ("temprature", "sampling.temperature"), ("network.round", "network.rounds")],
    )
    def test_an_unknown_one(self, key, near):
        """The nearest is named."""
        with pytest.raises(InputError, match=near.strip("'")):
            explained(key)

    def test_where_it_has_an_effect(self):
        """As the rule says that refuses it elsewhere; and a unit."""
        assert explained("network.rounds").applies == "only where world is networked"
        assert (explained("seed").applies, explained("lora.max_length").unit) == ("every run", "tokens")


def test_the_page_is_that_of_the_types():
    """Written again with: python -m learning.settings.page docs/settings.md"""
    page = PAGE.read_text("utf-8")
    assert with_tables(page) == page


def test_the_template_runs_as_it_is(tmp_path):
    """It is valid, smaller than the default, and says what each line means; its comments are settings, too."""
    path = tmp_path / "first.yaml"
    path.write_text(template_text())
    config = load_config(path, {})
    assert {name: getattr(config, name) for name in GIVEN} | {"arms": ["rft", "placebo"]} == GIVEN
    further = [line[2:] for line in template_text().splitlines() if line.startswith("# ") and ": {" in line]
    assert len(further) > 8
    for line in further:
        assert checked_settings(yaml.safe_load(line), imports=False)[0] is not None, line


class TestSchema:
    """For editors."""

    def test_takes_what_runs_take(self, tmp_path):
        """The template, profiles, and short forms."""
        jsonschema = pytest.importorskip("jsonschema")
        check = jsonschema.Draft202012Validator(settings_schema())
        check.check_schema(settings_schema())
        short = {
            "evaluation_audiences": ["neutral"],
            "out_of_domain": {"arenas": ["social"]},
            "arms": {"a": {"method": "rft"}},
        }
        given = [yaml.safe_load(template_text()), short, *map(profile_settings, PROFILES)]
        assert [list(check.iter_errors(values)) for values in given] == [[]] * len(given)

    @pytest.mark.parametrize(
        "values", [{"epocs": 1}, {"lora": {"lr": "fast"}}, {"arms": {"a": {"metod": "rft"}}}, {"world": "flat"}]
    )
    def test_refuses_what_they_refuse(self, values):
        """Unknown names, wrong types, values out of range."""
        jsonschema = pytest.importorskip("jsonschema")
        assert not jsonschema.Draft202012Validator(settings_schema()).is_valid(values)

    def test_says_what_each_means(self):
        """With units."""
        max_tokens = settings_schema()["$defs"]["SamplingConfig"]["properties"]["max_tokens"]
        assert max_tokens["description"].startswith("Limit") and max_tokens["unit"] == "tokens"


def test_meanings_are_the_docstrings():
    """Those of bases, too; roles become names."""
    assert meanings(RunConfig)["seed"].startswith("Seed of everything random")
    assert plain_text("One of :data:`a.b.THINGS`, or ``x``.") == "One of `THINGS`, or `x`."
    assert nested(("a", "b"), 1) == {"a": {"b": 1}}

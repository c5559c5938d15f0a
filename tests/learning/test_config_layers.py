"""Where settings come from: which value counts, what a path starts from, and what is refused because it changes nothing."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import ClassVar

import pytest
import yaml

from analysis.studies.pages.cells import cells_of
from analysis.studies.pages.page import page_of, read_page
from learning import RunConfig, load_config
from learning.runs.own_data import named
from learning.settings.effects import EFFECTS, effect_of, lacks_placebo
from learning.settings.paths import PATHS
from learning.settings.sources import read_settings
from moloch.errors import InputError, MolochWarning


@pytest.fixture
def file(tmp_path, monkeypatch):
    """Write a file of settings in a folder of its own, below the current one; return its path."""
    monkeypatch.chdir(tmp_path)

    def write(text: str | dict) -> Path:
        path = Path("page/run.yaml")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text if isinstance(text, str) else yaml.safe_dump(text, sort_keys=False))
        return path

    return write


class TestPrecedence:
    """Default, preset, profile, file, environment, options, ``--set``: the later one counts."""

    @pytest.mark.parametrize(
        ("given", "batch"),
        [
            ({}, 32),
            ({"profile": "gpu"}, 256),
            ({"profile": "gpu", "text": "batch: 5"}, 5),
            ({"text": "batch: 5", "environ": {"MOLOCH_SET__BATCH": "6"}}, 6),
            ({"text": "batch: 5", "environ": {"MOLOCH_SET__BATCH": "6"}, "changes": {"batch": 7}}, 7),
            ({"environ": {"MOLOCH_SET__BATCH": "6"}, "changes": {"batch": 7}, "settings": ["batch=8"]}, 8),
        ],
    )
    def test_the_later_one_counts(self, file, given, batch):
        """Of all six."""
        path = file(given["text"]) if "text" in given else None
        how = {"profile": given.get("profile", ""), "environ": given.get("environ"), "effects": False}
        assert load_config(path, given.get("changes", {}), given.get("settings", ()), **how).batch == batch

    def test_mappings_are_laid_over_each_other(self, file):
        """Key by key, also by a variable; a list is replaced."""
        environ = {
            "MOLOCH_SET__LORA__LR": "1e-3",
            "MOLOCH_SET__ARMS": "[rft]",
            "MOLOCH_MODELS": "/m",
            "MOLOCH_RUN": "x",
        }
        config = load_config(file("lora: {rank: 4}\narms: [tfb, placebo]"), {}, environ=environ)
        assert (config.lora, config.arms) == ({"rank": 4, "lr": 0.001}, ("rft",))

    @pytest.mark.parametrize(
        ("environ", "said"),
        [
            (
                {"MOLOCH_SET__EPOC": "3"},
                "MOLOCH_SET__EPOC: setting 'epoc' is not valid: there is no such setting. Did you",
            ),
            (
                {"MOLOCH_SET__EPOCHS": "many"},
                "MOLOCH_SET__EPOCHS: setting 'epochs' is not valid: it must be a whole number",
            ),
            ({"MOLOCH_SET__ARMS": "[rft"}, "MOLOCH_SET__ARMS has a value that is not YAML"),
            (
                {"MOLOCH_SET__NETWORK__ROUNDS": "3"},
                "MOLOCH_SET__NETWORK__ROUNDS: setting 'network.rounds' has no effect",
            ),
            (
                {"MOLOCH_SET__EPOCHS__X": "3", "MOLOCH_SET__EPOCHS": "2"},
                "MOLOCH_SET__EPOCHS__X: 'epochs' holds no settings",
            ),
        ],
    )
    def test_a_mistake_names_its_variable(self, environ, said):
        """And not its value, which may be anything."""
        with pytest.raises(InputError) as caught:
            load_config(None, {}, environ=environ)
        assert str(caught.value).startswith(said)

    def test_scripts_read_no_variables(self, monkeypatch):
        """What a script says is all that counts."""
        monkeypatch.setenv("MOLOCH_SET__BATCH", "7")
        assert load_config(None, {}).batch == 32

    def test_a_mistake_stands_where_the_setting_does(self, file):
        """Also where an option sets another part of the same one."""
        with pytest.raises(InputError) as caught:
            load_config(file("epochs: 1\nlora: {rank: 0}"), {}, ["lora.lr=quick"])
        assert [line.partition(" is not")[0] for line in str(caught.value).splitlines()] == [
            "setting 'lora.lr'",
            "page/run.yaml:2:8: setting 'lora.rank'",
        ]


class TestPaths:
    """A relative path in a file starts from the file's folder."""

    GIVEN: ClassVar = {
        "arena": "own.yaml", "anchors": "anchors", "personas": "people.csv", "mapping": "map.yaml", "audience": "keen.yaml",
        "crowd": {"size": 3, "audience": "keen.yml"}, "world": "networked", "network": {"graph": {"kind": "ties.csv"}},
        "surveys": [{"questions": "trust.yaml"}], "reader": {"model": "../reader"}, "model": "writer",
        "arms": [{"a": {"method": "rft", "model": "./other"}}, "rft"],
        "markets": {"m": {"learners": {"b": {"method": "rft"}}, "rivals": ["base", {"name": "v", "adapter": "runs/x#rft"}]}},
        "out_of_domain": {"arenas": ["own.yaml", {"arena": "sales", "anchors": "more"}], "tasks": ["refusal", "mine.yaml"]},
        "evaluation_audiences": {"keen": "keen.yaml", "more": {"audience": "more.yaml"}},
        "budget": {"shared": "money"},
    }  # fmt: skip

    def test_each_setting_that_may_be_one(self, file):
        """Names stay names."""
        path = file(self.GIVEN)
        (path.parent / "writer").mkdir()
        (path.parent / "writer" / "config.json").touch()
        values = read_settings(path, {}).values
        assert values == yaml.safe_load(
            yaml.safe_dump(self.GIVEN)
            .replace("refusal", "REFUSAL")
            .replace("./other", "other")
            .replace("writer", "page/writer")
            .replace("own.yaml", "page/own.yaml").replace("anchors: anchors", "anchors: page/anchors")
            .replace("people.csv", "page/people.csv").replace("map.yaml", "page/map.yaml")
            .replace("keen.y", "page/keen.y").replace("ties.csv", "page/ties.csv").replace("trust.yaml", "page/trust.yaml")
            .replace("../reader", "page/../reader").replace("model: other", "model: page/other")
            .replace("runs/x", "page/runs/x").replace("anchors: more", "anchors: page/more")
            .replace("mine.yaml", "page/mine.yaml").replace("more.yaml", "page/more.yaml")
            .replace("money", "page/money").replace("REFUSAL", "refusal")
        )  # fmt: skip

    def test_all_data_of_a_run_is_among_them(self, file):
        """What a run keeps copies of are paths that a file may name."""
        kept = {name.split(".")[0] for name in named(RunConfig.model_validate(self.GIVEN))}
        assert kept <= {pattern[0] for pattern in PATHS}

    def test_none_is_found_by_accident(self, file):
        """A path that is there from the current folder alone is a mistake, which says what to write."""
        Path("anchors").mkdir()
        with pytest.raises(InputError) as caught:
            load_config(file("epochs: 1\nanchors: anchors"), {})
        assert str(caught.value).startswith(
            "page/run.yaml:2:1: setting 'anchors' is not valid: a relative path in a file"
        )
        assert str(caught.value).endswith("there is no page/anchors. Write ../anchors, which is there.")

    def test_a_text_that_no_file_can_be_called_is_none(self, file):
        """It is taken as it is, and refused where it is used."""
        path = file(f"model: {'a' * 300}")
        assert read_settings(path, {}).values["model"] == "a" * 300

    def test_elsewhere_they_start_from_the_current_folder(self, file, monkeypatch):
        """Of variables, options and strings; ``~`` is home in all of them and in files."""
        monkeypatch.setenv("HOME", "/home/ada")
        values = read_settings(
            file("mapping: ~/map.yaml"),
            {"anchors": "a"},
            ["audience=b.yaml"],
            environ={"MOLOCH_SET__PERSONAS": "~/c.csv"},
        ).values
        assert values == {
            "mapping": "/home/ada/map.yaml", "anchors": "a", "audience": "b.yaml", "personas": "/home/ada/c.csv",
        }  # fmt: skip

    def test_of_pages_too(self, file):
        """In the base, in levels and in values; the copy of the page in a study's folder has them as they are then."""
        for name in ("keen", "calm"):
            (Path("page") / f"{name}.yaml").parent.mkdir(exist_ok=True)
            (Path("page") / f"{name}.yaml").write_text("weights: {}\n")
        text = (
            "name: s\nseeds: 1\nbase: {mapping: map.yaml, personas: p.csv}\ncross: {audience: [keen.yaml, calm.yaml]}\n"
        )
        made = cells_of(read_page(file(text)))
        told = [(c.config.mapping, c.config.personas, c.config.audience) for c in made.cells]
        assert told == [("page/map.yaml", "page/p.csv", f"page/{name}.yaml") for name in ("keen", "calm")]
        copy = file(made.page)
        again = cells_of(read_page(copy, recorded=True))
        assert [c.name for c in again.cells] == [c.name for c in made.cells]


class TestEffects:
    """A setting that changes nothing is refused, or warned of where that does no harm."""

    @pytest.mark.parametrize(
        ("settings", "said"),
        [
            (["network.rounds=3"], "only where world is networked"),
            (["world=networked", "network.memory.entries=3"], "only where a language model plays the personas"),
            (["reader.temperature=0.5"], "only where a language model plays personas or answers questionnaires"),
            (["crowd.audience=neutral"], "only where there is a crowd"),
            (["mapping=map.yaml"], "only where personas come from a file"),
            (["arms=[rft, placebo]", "lora.tfb_lambda=0.5"], "only where an arm learns from thoughts"),
            (["out_of_domain.anchors=3"], "only where arms are evaluated in other arenas"),
            (["out_of_domain.answers=3"], "only where arms are put tasks"),
            (["source_readers.probe=populism"], "only where some members read the source"),
        ],
    )
    def test_refused(self, settings, said):
        """With where it would have an effect."""
        with pytest.raises(InputError, match=said):
            load_config(None, {}, settings)

    @pytest.mark.parametrize(
        "settings",
        [
            ["alarms.action=none", "alarms.kl=2"],
            ["serving.vllm={max_model_len: 99}"],
            ["serving.llm=vllm", "serving.rows=2"],
        ],
    )
    def test_warned_of(self, settings):
        """They are read."""
        with pytest.warns(MolochWarning, match="has no effect here"):
            load_config(None, {}, settings)

    @pytest.mark.parametrize(
        "settings",
        [
            ["network.rounds=4"],  # the default
            ["world=networked", "network.rounds=3"],
            ["audience=llm", "reader.temperature=0.5"],
            ["evaluation_audiences=[llm]", "reader.temperature=0.5"],
            ["crowd.size=3", "crowd.audience=neutral"],
            ["lora.tfb_lambda=0.5"],
            ["out_of_domain.tasks=[refusal]", "out_of_domain.answers=3"],
        ],
    )
    def test_taken(self, settings):
        """In silence."""
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            load_config(None, {}, settings)

    def test_what_nobody_chose_is_no_mistake(self, tmp_path):
        """A profile has settings for readers; a record has all settings."""
        load_config(None, {"audience": "default"}, profile="gpu")
        record = RunConfig.model_validate({"network": {"rounds": 9}}).model_dump(mode="json")
        assert load_config(None, record, recorded=True).network.rounds == 9

    def test_each_rule_is_about_a_setting(self):
        """None is left behind when settings are renamed."""
        for effect in EFFECTS:
            here = RunConfig.model_validate({})
            for part in effect.key:
                here = {} if part in ("tfb_lambda", "thoughts_per_contest") else getattr(here, part)
        assert effect_of(("network", "memory", "by")).key == ("network", "memory")

    def test_on_a_page_it_is_refused_where_no_cell_feels_it(self):
        """A factor may decide."""
        base = {"network": {"rounds": 3}}
        cells_of(page_of({"name": "s", "seeds": 1, "base": base, "cross": {"world": ["isolated", "networked"]}}))
        with pytest.raises(InputError, match=r"base: setting 'network.rounds' has no effect here"):
            cells_of(page_of({"name": "s", "seeds": 1, "base": base, "cross": {"ties": ["skip", "random"]}}))
        assert cells_of(page_of({"name": "s", "seeds": 1, "base": base}, recorded=True)).cells

    @pytest.mark.parametrize(
        ("arms", "said"),
        [
            (["rft"], "add placebo."),
            (["tfb"], "add tfb_placebo."),
            (["rft", "placebo"], ""),
            ({"a": {"method": "rft"}, "b": {"method": "dpo", "compared_with": "a"}}, ""),
        ],
    )
    def test_a_run_without_a_placebo_says_so(self, arms, said):
        """With the one that belongs to its first arm."""
        told = lacks_placebo(load_config(None, {"arms": arms}))
        assert told.endswith(said) and bool(told) == bool(said)


def test_text_where_text_is_meant(file):
    """In a file, a variable and a string alike; an arm may be called ``no``."""
    config = load_config(
        file("arms: {no: {method: rft}, on: {method: placebo}}\nextensions: []\nmapping: 010\npersonas: p.csv"),
        {},
        ["serving.options={mode: on}", "serving.device=0"],
        environ={"MOLOCH_SET__COMPETITOR": "off", "MOLOCH_SET__STRATIFY": "[yes, 1e3]"},
        imports=False,
    )
    assert list(config.all_arms) == ["no", "on"] and config.mapping == "page/010"
    assert (config.competitor, config.stratify, config.serving.device) == ("off", ("yes", "1e3"), "0")


def test_another_model_has_another_preset(tmp_path):
    """A record names the preset of its model; as settings of a run with another model it would ruin that one."""
    record = RunConfig.model_validate({}).model_dump(mode="json")
    path = tmp_path / "run.json"
    path.write_text(yaml.safe_dump({"format": 1, "config": record}))
    assert load_config(path, {}).trainer_preset == "pocket"
    assert load_config(path, {"model": "smollm2"}).trainer_preset == "general"
    assert load_config(path, {"model": "smollm2"}, ["preset=paper"]).trainer_preset == "paper"

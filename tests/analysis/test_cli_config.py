"""``moloch config``, ``moloch resume`` and ``--like``: settings are shown, explained, taken from a run, and kept by it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml

from tests.support.command import command

GOLDEN = Path(__file__).parents[1] / "golden" / "runs" / "sales-isolated"


@pytest.fixture
def moloch(monkeypatch, capsys, tmp_path):
    """Run the command in this process, in an empty folder; return its exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    run = command(monkeypatch, capsys)

    def call(*arguments):
        done = run(*arguments)
        return done.code, done.out, done.err

    return call


class TestShow:
    """What settings come to, and where each value came from."""

    def test_each_origin(self, moloch, monkeypatch):
        """Default, preset, profile, file, variable, option and string."""
        Path("run.yaml").write_text("epochs: 3\nlora:\n  rank: 4\n")
        monkeypatch.setenv("MOLOCH_SET__TIES", "random")
        given = ("run.yaml", "--profile", "laptop", "--model", "pocket", "--set", "lora.lr=1e-3", "--seed", "7")
        code, out, err = moloch("config", "show", *given, "--all", "--json")
        assert code == 0, err
        told = {each["key"]: (each["value"], each["from"]) for each in json.loads(out)["settings"]}
        assert {key: told[key] for key in ("epochs", "lora.rank", "ties", "threads", "model", "lora.lr", "seed")} == {
            "epochs": (3, "run.yaml:1:1"), "lora.rank": (4, "run.yaml:3:3"), "ties": ("random", "MOLOCH_SET__TIES"),
            "threads": (2, "profile laptop"), "model": ("pocket", "--model"), "lora.lr": (0.001, "--set"), "seed": (7, "--seed"),
        }  # fmt: skip
        assert told["lora.alpha"] == (32, "preset pocket") and told["batch"][1] == "profile laptop"
        assert told["world"] == ("isolated", "default") and "network.engagement.like" in told

    def test_options_that_stand_for_settings(self, moloch):
        """Each is named as it was typed; a string that says the same setting later holds."""
        given = (
            "--reader",
            "http://localhost:9/v1#m",
            "--max-calls",
            "5",
            "--max-tokens",
            "9",
            "--set",
            "budget.calls=7",
        )
        _, out, _ = moloch("config", "show", *given, "--json")
        origins = {each["key"]: each["from"] for each in json.loads(out)["settings"]}
        assert {key: origins[key] for key in ("audience", "reader.model", "budget.tokens", "budget.calls")} == {
            "audience": "--reader", "reader.model": "--reader", "budget.tokens": "--max-tokens", "budget.calls": "--set",
        }  # fmt: skip

    def test_in_lines(self, moloch):
        """A line each, and the folder."""
        code, out, _ = moloch("config", "show", "--set", "arms=[rft, {slow: {method: rft, lora: {lr: 1e-4}}}, placebo]")
        assert code == 0 and out.splitlines()[0] == "arms  [rft, {slow: {method: rft, lora: {lr: 0.0001}}}, placebo]"
        assert out.splitlines()[1].strip() == "--set" and out.splitlines()[-1].startswith(
            "folder  runs/sales-default-s1-"
        )

    def test_secrets_of_a_backend_are_not_shown(self, moloch):
        """Whatever it calls them."""
        _, out, err = moloch("config", "show", "--set", "serving.options={api_key: s3cret, speed: fast}")
        assert "s3cret" not in out + err and "fast" in out


class TestExplain:
    """One setting."""

    def test_in_lines(self, moloch):
        """With what is needed to set it."""
        code, out, _ = moloch("config", "explain", "sampling.max_tokens")
        assert code == 0
        for said in ("Limit on a writer's answer", "whole number", "16 to 8,192", "unit       tokens", "default    192",
                     "--set sampling.max_tokens=256", "MOLOCH_SET__SAMPLING__MAX_TOKENS=256"):  # fmt: skip
            assert said in out

    def test_one_that_holds_others(self, moloch):
        """One after the other, with its own meaning before them where it has one; what is long is wrapped and never cut."""
        code, out, _ = moloch("config", "explain", "network.feed")
        assert "..." not in out and max(map(len, out.splitlines())) <= 80
        assert code == 0 and [line.split()[0] for line in out.splitlines() if not line.startswith(" ")] == [
            "network.feed.ranker", "network.feed.slots", "network.feed.discover",
        ]  # fmt: skip
        code, out, _ = moloch("config", "explain", "arms")
        assert code == 0 and out.startswith("arms\n") and "\narms.NAME.repeats  " in out
        code, out, _ = moloch("config", "explain", "arms.slow", "--json")
        assert code == 0 and json.loads(out)[0]["key"] == "arms.NAME.method"

    def test_an_unknown_one(self, moloch):
        """The nearest is named."""
        code, _, err = moloch("config", "explain", "sampling.max_token")
        assert code == 2 and "there is no setting 'sampling.max_token'. Did you mean 'sampling.max_tokens'" in err


def test_a_template_is_written_once(moloch):
    """And never over a file."""
    code, _, err = moloch("config", "template", "--out", "first.yaml")
    assert code == 0 and "moloch run first.yaml" in err
    code, out, _ = moloch("config", "template")
    assert code == 0 and out == Path("first.yaml").read_text()
    code, _, err = moloch("config", "template", "--out", "first.yaml")
    assert code == 2 and "first.yaml: cannot write the file: it already exists" in err


def test_the_schema_is_printed(moloch):
    """As JSON."""
    code, out, _ = moloch("config", "schema")
    assert code == 0 and json.loads(out)["properties"]["epochs"]["minimum"] == 1


class TestRunsAsSettings:
    """``run.json`` holds settings."""

    @pytest.fixture
    def run(self, tmp_path):
        return Path(shutil.copytree(GOLDEN, tmp_path / "run")).relative_to(tmp_path)

    def test_like_another(self, moloch, run):
        """But for what is said otherwise."""
        config = json.loads((run / "run.json").read_text())["config"]
        code, out, err = moloch("config", "show", "--like", str(run), "--seed", "99", "--all", "--json")
        assert code == 0, err
        told = {each["key"]: each for each in json.loads(out)["settings"]}
        assert told["seed"]["value"] == 99 and told["train_anchors"]["value"] == config["train_anchors"]
        assert told["train_anchors"]["from"] == "run/run.json" and told["world"]["from"] == "default"

    def test_not_with_a_file_beside(self, moloch, run):
        """Settings come from one of them."""
        code, _, err = moloch("run", "x.yaml", "--like", str(run))
        assert (
            code == 2 and "--like gives the settings of a run, and the file gives others. Leave one of them out." in err
        )

    def test_a_run_that_has_ended_is_printed(self, moloch, run, monkeypatch):
        """Nothing is asked again; settings of the environment do not touch it."""
        monkeypatch.setenv("MOLOCH_SET__EPOCHS", "9")
        code, out, err = moloch("resume", str(run), "--json")
        assert code == 0, err
        assert json.loads(out)["run"] == str(run)

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (
                ["run", "--set", "epochs=3"],
                "a run keeps its settings: --set 'epochs=3': only budget, gate, serving may change",
            ),
            (["nowhere"], "nowhere"),
        ],
    )
    def test_what_a_run_holds_is_kept(self, moloch, run, arguments, said):
        """Another plan is a fork, or a run of its own."""
        code, _, err = moloch("resume", *arguments)
        assert code in (2, 3) and said in err and "Traceback" not in err


class TestDryRun:
    """Says the settings and the folder before anything begins."""

    def test_a_run(self, moloch, monkeypatch):
        """With where each came from; a lack of placebo is said."""
        monkeypatch.setenv("MOLOCH_SET__EPOCHS", "1")
        size = ["--set", "train_anchors=4", "--set", "held_out_anchors=4", "--set", "arms=[rft]"]
        code, out, err = moloch("run", "--dry-run", *size)
        assert code == 0 and "MOLOCH_SET__EPOCHS" in out and "folder  runs/sales-default-s1-" in out and "(new)" in out
        assert "no placebo among the arms: what an arm gains over base may come from training alone." in err
        code, out, _ = moloch("run", "--dry-run", "--json", *size)
        assert code == 0 and json.loads(out)["settings"]["epochs"] == 1

    def test_a_study_has_seeds_of_its_own(self, moloch, monkeypatch):
        """One in the file is warned of; one in the environment would be for it alone, and is refused."""
        Path("run.yaml").write_text(yaml.safe_dump({"seed": 3, "epochs": 1, "train_anchors": 4, "held_out_anchors": 4}))
        given = ("study", "--seeds", "2", "run.yaml", "--dry-run")
        code, out, err = moloch(*given)
        assert (
            code == 0
            and "run.yaml:3:1: setting 'seed' has no effect here: a study sets the seed" in err
            and "folder" in out
        )
        monkeypatch.setenv("MOLOCH_SET__SEED", "4")
        code, _, err = moloch(*given)
        assert code == 2 and "MOLOCH_SET__SEED: setting 'seed' has no effect here" in err

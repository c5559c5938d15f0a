"""What ``moloch replay`` promises: it says what was checked, and exits with 4 where decisions are others."""

from __future__ import annotations

import json
import shutil

import msgspec
import pytest
import typer

from abm.events import EpochEnded, Reacted
from abm.log import create, read_events
from analysis.cli.replay import replay as command
from moloch.errors import InputError
from tests.learning.test_loop import CONFIG, carry_out


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run whose plan is done."""
    folder = tmp_path_factory.mktemp("run") / "run"
    carry_out(folder)
    return folder


@pytest.fixture
def edited(run, tmp_path):
    """The same with one thought rewritten: its chain and sums are whole."""
    events = list(read_events(run))
    at = next(i for i, event in enumerate(events) if isinstance(event, Reacted))
    events[at] = msgspec.structs.replace(events[at], thought="I was [paid].")
    with create(tmp_path / "edited", CONFIG.model_dump(mode="json")) as log:
        log.append(events)
    return tmp_path / "edited"


class TestVerify:
    """``--verify`` folds the log and decides everything again."""

    @pytest.mark.system
    def test_says_how_much_came_out_equal(self, run, capsys):
        """Events, answers, trainings."""
        command(run, verify=True)
        printed = capsys.readouterr().out
        assert "hash chain whole" in printed and "decided again: the whole plan" in printed
        assert printed.splitlines()[-1] == "verified"
        assert "answers as recorded" in printed and "6 trainings" in printed

    def test_json_keeps_the_fold_and_adds_the_decisions(self, run, capsys):
        """One object."""
        command(run, verify=True, as_json=True)
        found = json.loads(capsys.readouterr().out)
        again = found["decided_again"]
        assert found["verified"] and found["events"] == again["equal"] and again["divergence"] is None
        assert again["complete"] and not again["live"]

    def test_another_decision_is_exit_code_4(self, edited, capsys):
        """With its place and both values, as they are."""
        with pytest.raises(typer.Exit) as ended:
            command(edited, verify=True)
        printed = capsys.readouterr().out
        assert ended.value.exit_code == 4
        assert (
            "verified" not in printed
            and "first divergence: event" in printed
            and "thought" in printed
            and "I was [paid]." in printed
        )

    @pytest.mark.system
    def test_and_one_object_in_json(self, edited, capsys):
        """The exit code is the same."""
        with pytest.raises(typer.Exit) as ended:
            command(edited, verify=True, as_json=True)
        found = json.loads(capsys.readouterr().out)["decided_again"]["divergence"]
        assert ended.value.exit_code == 4 and found["fields"][0]["logged"] == "I was [paid]."

    def test_what_is_not_decided_again_is_not_verified(self, tmp_path, capsys):
        """Of a log without a plan it says that its decisions were not made again, and why; the exit code is 2."""
        with create(tmp_path / "log", {}) as log:
            log.append([EpochEnded(epoch=1, adapters={})])
        with pytest.raises(typer.Exit) as ended:
            command(tmp_path / "log", verify=True)
        printed = capsys.readouterr().out
        assert "hash chain whole" in printed and "not decided again" in printed and "no plan" in printed
        assert ended.value.exit_code == 2 and "verified" not in printed
        with pytest.raises(typer.Exit) as ended:
            command(tmp_path / "log", verify=True, as_json=True)
        assert ended.value.exit_code == 2 and json.loads(capsys.readouterr().out)["not_decided_again"]

    def test_a_log_that_was_cut_is_not_verified(self, run, tmp_path, capsys):
        """What is there is as it was decided; that the rest is missing is said, with exit code 3."""
        copy = shutil.copytree(run, tmp_path / "cut")
        path = max((copy / "log").iterdir())
        path.write_bytes(path.read_bytes()[:-10])
        with pytest.raises(typer.Exit) as ended:
            command(copy, verify=True)
        printed = capsys.readouterr().out
        assert ended.value.exit_code == 3 and "not whole: it ends within a commit" in printed
        assert "as far as the log goes" in printed and "verified" not in printed

    def test_extensions_without_a_decision_are_refused(self, run):
        """The option would do nothing."""
        with pytest.raises(InputError, match=r"--extensions has no effect here.*Give --verify, too"):
            command(run, extensions=["my_parts"])


class TestFold:
    """Without options the log is folded, and no more."""

    def test_nothing_is_decided_again(self, edited, capsys):
        """Nor claimed."""
        command(edited, as_json=True)
        assert json.loads(capsys.readouterr().out)["decided_again"] is None

    def test_retraining_is_part_of_a_live_replay(self, run):
        """Alone it is a mistake."""
        with pytest.raises(InputError, match="--live"):
            command(run, retrain=True)

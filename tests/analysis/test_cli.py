"""The command line: mistakes end in one clear line, results in tables or JSON."""

from __future__ import annotations

import errno
import io
import json
import sys
from pathlib import Path

import pytest

from analysis.cli import main
from analysis.cli.run import next_lines
from analysis.formats import difference, number
from tests.support.command import command


@pytest.fixture
def moloch(monkeypatch, capsys):
    """Run the command in this process; return its exit code, stdout and stderr."""
    return command(monkeypatch, capsys)


class TestMistakes:
    """A user's mistake is one line on stderr: what, where, why, how to fix it; never a traceback."""

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["run", "--arena", "nope"], "unknown arena 'nope'"),
            (["run", "--audience", "nope"], "unknown audience 'nope'"),
            (["run", "--personas", "nope"], "nope"),
            (
                ["run", "--anchors", "/nonexistent"],
                "no such anchors: there is neither a folder nor a file of that name",
            ),
            (["run", "--model", "/nonexistent"], "no model '/nonexistent'"),
            (["run", "--set", "train_personas=500"], "asked for 500 training personas"),
            (["run", "--set", "train_anchors=100000"], "asked for 100000 training anchors"),
            (["run", "--set", "nonsense"], "not key=value"),
            (["run", "--set", "colour=red"], "setting 'colour' is not valid"),
            (["run", "--set", "lora.learning_rate=1"], "lora"),
            (
                ["run", "--set", "trainanchors=4"],
                "no such setting. Did you mean 'train_anchors'? moloch config show --all lists",
            ),
            (["run", "--set", "network.feed.rankr=x"], "Did you mean 'ranker'? Settings are ranker, slots, discover."),
            (["run", "--set", "arms=rft"], "'arms' is not valid: it takes a list, such as [rft]"),
            (["run", "--set", "arms=[rft"], "not YAML: expected ',' or ']', but got '<stream end>'\n"),
            (
                ["run", "--model", "http://h/v1#m"],
                "Give its folder or downloaded name as the model, and its server apart",
            ),
            (["run", "--set", "epochs=many"], "setting 'epochs' is not valid"),
            (["run", "--set", "arms=[rft, magic]"], "unknown method 'magic'. Choose one of rft, tfb"),
            (["run", "/nonexistent.yaml"], "cannot read the settings"),
            (["study", "--seeds", "2", "--set", "seed=9", "--dry-run"], "a study sets the seed of each run itself"),
            (["replay", "/nonexistent"], "no run here"),
            (["show", "/nonexistent"], "no run here"),
        ],
    )
    def test_is_one_clear_line(self, moloch, tmp_path, arguments, said):
        """Each names its cause, exits non-zero, and leaves no half-begun run."""
        out = ["--out", str(tmp_path / "run")] if arguments[0] == "run" else []
        done = moloch(*arguments, *out)
        assert done.code != 0
        assert said in done.err
        assert "Traceback" not in done.err
        assert not (tmp_path / "run").exists()

    def test_a_malformed_config_names_line_and_column(self, moloch, tmp_path):
        """As editors want it: file:line:column."""
        path = tmp_path / "study.yaml"
        path.write_text("arena: sales\nepochs: [1\n")
        done = moloch("run", str(path))
        assert f"{path}:3:1" in done.err and "not valid YAML" in done.err

    @pytest.mark.parametrize(
        ("text", "place"),
        [
            ("seed: 1\nlora: {rank: four}\n", "2:8: setting 'lora.rank' is not valid"),
            ("seed: 1\nseed: 2\n", "2:1: not valid YAML: the key 'seed' appears twice"),
            (
                "seed: 3\nepochs: yes\n",
                "2:1: setting 'epochs' is not valid: yes, no, on, off, true and false are truth values",
            ),
            (
                "network: {churn: on}\n",
                "1:11: setting 'network.churn' is not valid: yes, no, on, off, true and false are",
            ),
            ("sampling:\n  temp: 1\n", "2:3: setting 'sampling.temp' is not valid: there is no such setting"),
        ],
    )
    def test_a_setting_of_a_file_has_its_place(self, moloch, tmp_path, text, place):
        """Also those of the trainer, and what would be overridden in silence."""
        path = tmp_path / "study.yaml"
        path.write_text(text)
        assert f"{path}:{place}" in moloch("run", str(path), "--dry-run").err

    def test_several_mistakes_are_a_line_each(self, moloch, tmp_path):
        """Of one file, however different their kinds."""
        path = tmp_path / "study.yaml"
        path.write_text("epochs: yes\nseed: many\narena: nope\n")
        said = moloch("run", str(path), "--dry-run").err.splitlines()
        assert [line.split(": ")[1] for line in said] == [f"{path}:{n}:1" for n in (1, 2, 3)]

    def test_what_it_quotes_is_cut(self, moloch, tmp_path):
        """A message names what and where, and what to do, however long the value is that it is about."""
        path = tmp_path / "study.yaml"
        path.write_text(f"arena: {'x' * 100_000}\n")
        said = moloch("run", str(path), "--dry-run").err
        assert len(said) < 2_100 and f"{path}:1:1: unknown arena" in said and "Choose one of sales" in said

    def test_small_numbers_may_be_written_as_in_the_readme(self, moloch):
        """1e-3 is a number."""
        done = moloch("run", "--set", "lora.lr=1e-3", "--set", "train_anchors=1", "--dry-run")
        assert done.code == 0, done.err

    @pytest.mark.parametrize("below", ["", "below"])
    def test_an_out_that_is_a_file_is_told(self, moloch, tmp_path, below):
        """And the file is as it was."""
        path = tmp_path / "file"
        path.write_text("mine")
        done = moloch("run", "--set", "train_anchors=1", "--out", str(path / below))
        assert f"no folder for a run: {path} is a file. Choose another --out." in done.err
        assert path.read_text() == "mine"

    @pytest.mark.parametrize("command", [("run",), ("study", "--seeds", "2")])
    def test_a_place_where_nobody_may_write_is_told_before_any_work(self, monkeypatch, capsys, tmp_path, command):
        """No model is opened for it, and nothing is planned."""
        monkeypatch.setattr("learning.runs.costs.planned", lambda *given: pytest.fail("planned"))
        monkeypatch.setattr("os.access", lambda folder, mode: str(folder) != str(tmp_path))
        monkeypatch.setattr("sys.argv", ["moloch", *command, "--out", str(tmp_path / "there" / "run")])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr().err
        assert ended.value.code == 2 and f"no folder for a run: you may not write in {tmp_path}" in said
        assert list(tmp_path.iterdir()) == []

    def test_so_is_a_place_that_takes_nothing(self, monkeypatch, moloch, tmp_path):
        """As a file system that is mounted read-only, where the superuser is told that it may write."""
        monkeypatch.setattr("learning.runs.costs.planned", lambda *given: pytest.fail("planned"))

        def refuse(dir):
            raise OSError(errno.EROFS, "Read-only file system")

        monkeypatch.setattr("tempfile.TemporaryFile", refuse)
        done = moloch("run", "--out", str(tmp_path / "run"))
        assert done.code == 2 and f"nothing can be written in {tmp_path}: Read-only file system" in done.err

    def test_a_folder_with_other_settings_is_not_touched(self, moloch, tmp_path):
        """Resuming needs the same settings; the difference is named."""
        from abm.log import create
        from learning.settings.config import RunConfig

        create(tmp_path / "run", RunConfig(seed=3).model_dump(mode="json")).close()
        done = moloch("run", "--seed", "4", "--out", str(tmp_path / "run"))
        assert "they differ in seed" in done.err and done.code == 2

    def test_a_truncated_log_is_told_from_a_damaged_one(self, moloch, tmp_path):
        """Damage before the end is refused with file and byte."""
        from abm.events import EpochEnded
        from abm.log import create

        with create(tmp_path / "run", {}) as log:
            for epoch in range(3):
                log.append([EpochEnded(epoch=epoch, adapters={})])
        segment = next((tmp_path / "run" / "log").iterdir())
        data = bytearray(segment.read_bytes())
        data[len(data) // 2] ^= 1
        segment.write_bytes(data)
        done = moloch("replay", str(tmp_path / "run"), "--verify")
        assert done.code == 3 and str(segment) in done.err and "Traceback" not in done.err


class TestReplay:
    """Replay folds the log again."""

    def test_json_is_one_object(self, moloch, tmp_path):
        """With the head and the digest."""
        from abm.events import EpochEnded
        from abm.log import create

        with create(tmp_path / "run", {}) as log:
            head = log.append([EpochEnded(epoch=1, adapters={})])
        found = json.loads(moloch("replay", str(tmp_path / "run"), "--verify", "--json").out)
        assert found["events"] == 1 and found["head"] == head.hash and len(found["digest"]) == 64


class TestWhatComesNext:
    """The commands under a run's tables."""

    def test_they_fit_a_terminal(self):
        """Of a folder that a run chose for itself."""
        lines = next_lines(Path("runs/elections-neutral-s1-069868f1"))
        assert lines[0] == "next    moloch show runs/elections-neutral-s1-069868f1  # its contests"
        assert max(map(len, lines)) <= 80

    def test_a_long_path_is_quoted_and_never_broken(self):
        """Then the commands stand alone."""
        run = Path("a run") / ("long" * 40)
        assert f"{'next':8}moloch show 'a run/{'long' * 40}'" in next_lines(run)


class TestTerminals:
    """Every terminal can be printed to."""

    def test_what_one_cannot_show_is_a_question_mark(self, monkeypatch):
        """Not a traceback."""
        shown = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(shown, encoding="ascii"))
        monkeypatch.setattr(sys, "argv", ["moloch", "personas", "check", "biographic"])
        monkeypatch.setattr("analysis.checks.personas.check_personas", _check_named("Zoë"))
        with pytest.raises(SystemExit):
            main()
        sys.stdout.flush()
        assert b"Zo?" in shown.getvalue()

    def test_a_minus_stays_a_minus(self, monkeypatch):
        """A terminal of ASCII must not turn a fall into a number without a sign."""
        shown = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(shown, encoding="ascii"))
        monkeypatch.setattr(sys, "argv", ["moloch", "--help"])
        with pytest.raises(SystemExit):
            main()
        print(difference({"value": -0.012, "low": -0.05, "high": 0.026}), number(None), "30 → 27")
        sys.stdout.flush()
        assert shown.getvalue().endswith(b"-1.2 [-5.0, 2.6] - 30 > 27\n")

    def test_ctrl_c_while_the_program_is_loaded_is_no_traceback(self, monkeypatch):
        """It ends as any other: with exit code 130."""
        monkeypatch.setattr(sys, "meta_path", [_Interrupting(), *sys.meta_path])
        monkeypatch.delitem(sys.modules, "analysis.cli.app", raising=False)
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 130


class _Interrupting:
    """Ctrl-C in the middle of an import."""

    def find_spec(self, name: str, *_: object) -> None:
        if name == "analysis.cli.app":
            raise KeyboardInterrupt


def _check_named(name: str):
    from analysis.checks.personas import check_personas

    def check(*_: object) -> dict:
        found = check_personas("biographic", samples=1)
        return found | {"samples": [{"name": name, "text": name}]}

    return check


class TestPlans:
    """``--dry-run`` says to which people a study's results apply."""

    @pytest.mark.system
    def test_pools_of_a_study(self, moloch):
        """Sizes, overlap and the scope, in words and as JSON; a single run has none."""
        options = ["--personas", "adults", "--set", "held_out_personas=20", "--set", "train_personas=20"]
        options += ["--set", "redraw={held_out_personas: per_seed}", "--dry-run"]
        table = json.loads(moloch("study", "--seeds", "3", *options, "--json").out)
        assert table["new_people"] is True and len(table["pools"]) == 4
        said = moloch("study", "--seeds", "2", "--dry-run").out
        assert "held-out people (biographic): 20 of 20 a run, the same for all 2 seeds." in said
        assert "these 20 held-out people (biographic), not for new people" in said
        assert "new people" not in moloch("run", "--dry-run").out

"""The command line: mistakes end in one clear line, results in tables or JSON."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace

import pytest

from analysis.cli import main


@pytest.fixture
def moloch(monkeypatch, capsys):
    """Run the command in this process; return its exit code, stdout and stderr."""

    def call(*arguments: str) -> SimpleNamespace:
        monkeypatch.setattr(sys, "argv", ["moloch", *arguments])
        try:
            main()
            code = 0
        except SystemExit as ended:
            code = int(ended.code or 0)
        printed = capsys.readouterr()
        return SimpleNamespace(returncode=code, stdout=printed.out, stderr=printed.err)

    return call


class TestMistakes:
    """A user's mistake is one line on stderr: what, where, why, how to mend it; never a traceback."""

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["run", "--arena", "nope"], "unknown arena 'nope'"),
            (["run", "--audience", "nope"], "unknown audience 'nope'"),
            (["run", "--personas", "nope"], "nope"),
            (["run", "--anchors", "/nonexistent"], "no such folder of anchors"),
            (["run", "--model", "/nonexistent"], "no model '/nonexistent'"),
            (["run", "--set", "train_personas=500"], "asked for 500 training personas"),
            (["run", "--set", "train_anchors=100000"], "asked for 100000 training anchors"),
            (["run", "--set", "nonsense"], "not key=value"),
            (["run", "--set", "colour=red"], "setting 'colour' is not valid"),
            (["run", "--set", "lora.learning_rate=1"], "lora"),
            (["run", "--set", "epochs=many"], "setting 'epochs' is not valid"),
            (["run", "--set", "arms=[rft, magic]"], "arms must be different ones of"),
            (["run", "/nonexistent.yaml"], "cannot read the settings"),
            (["replay", "/nonexistent"], "no run here"),
            (["show", "/nonexistent"], "no run here"),
        ],
    )
    def test_is_one_clear_line(self, moloch, tmp_path, arguments, said):
        """Each names its cause, exits non-zero, and leaves no half-begun run."""
        out = ["--out", str(tmp_path / "run")] if arguments[0] == "run" else []
        done = moloch(*arguments, *out)
        assert done.returncode != 0
        assert said in done.stderr
        assert "Traceback" not in done.stderr
        assert not (tmp_path / "run").exists()

    def test_a_malformed_config_names_line_and_column(self, moloch, tmp_path):
        """As editors want it: file:line:column."""
        path = tmp_path / "study.yaml"
        path.write_text("arena: sales\nepochs: [1\n")
        done = moloch("run", str(path))
        assert f"{path}:3:1" in done.stderr and "not valid YAML" in done.stderr

    def test_a_folder_with_other_settings_is_not_touched(self, moloch, tmp_path):
        """Resuming needs the same settings; the difference is named."""
        from abm.log import create
        from learning.config import RunConfig

        create(tmp_path / "run", RunConfig(seed=3).model_dump(mode="json")).close()
        done = moloch("run", "--seed", "4", "--out", str(tmp_path / "run"))
        assert "they differ in seed" in done.stderr and done.returncode == 2

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
        assert done.returncode == 3 and str(segment) in done.stderr and "Traceback" not in done.stderr


class TestReplay:
    """Replay folds the log again."""

    def test_json_is_one_object(self, moloch, tmp_path):
        """With the head and the digest."""
        from abm.events import EpochEnded
        from abm.log import create

        with create(tmp_path / "run", {}) as log:
            head = log.append([EpochEnded(epoch=1, adapters={})])
        found = json.loads(moloch("replay", str(tmp_path / "run"), "--verify", "--json").stdout)
        assert found["events"] == 1 and found["head"] == head.hash and len(found["digest"]) == 64

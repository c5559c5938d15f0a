"""``moloch labels`` from end to end, of a run and of a study."""

from __future__ import annotations

import json
import sys

import pytest

from tests.analysis.labels.world import PROBE, labelled, table, write, write_run
from tests.analysis.studies import small
from tests.support.command import command


@pytest.fixture
def moloch(monkeypatch, capsys):
    """Run the command in this process; return its exit code, stdout and stderr."""
    return command(monkeypatch, capsys, "labels", columns=100)


class TestRun:
    """A run."""

    def test_from_a_draw_to_a_score(self, tmp_path, moloch):
        """Draw, label, import, score; what is printed is what JSON holds."""
        run, out = write_run(tmp_path / "run"), tmp_path / "labels"
        told = moloch("draw", run, "--probe", PROBE, "--n", 60, "--out", out)
        assert told.code == 0 and "60 messages of 1 run to label" in told.out and "not for labellers" in told.out
        assert "Does the message claim something about the product" in (out / "sheet.csv").read_text("utf-8")
        labelled(out)
        assert "60 new" in moloch("import", out).out
        assert json.loads(moloch("import", out, "--json").out)["known"] == 60
        told = moloch("score", run, "--probe", PROBE)
        assert told.code == 0, told.err
        assert "60 of 108 messages are labelled" in told.out.replace("\n", " ")
        assert told.out.index("raw") < told.out.index("common correction") < told.out.index("prediction-powered")
        found = json.loads(moloch("score", run, "--probe", PROBE, "--json").out)
        share = found["rows"][0]["estimate"]["value"]
        assert found["source"] == str(run) and f"{100 * share:.1f} %" in told.out

    def test_mistakes_are_lines(self, tmp_path, moloch):
        """Each with file, line and column; exit code 2."""
        run, out = write_run(tmp_path / "run", anchors=12), tmp_path / "labels"
        moloch("draw", run, "--probe", PROBE, "--n", 6, "--out", out)
        rows = table(labelled(out) / "sheet.csv")
        rows[1][4], rows[2][4] = "maybe", ""
        write(out / "sheet.csv", rows)
        told = moloch("import", out)
        assert told.code == 2 and len(told.err.splitlines()) == 2
        assert all("sheet.csv:" in line and line.startswith("moloch: ") for line in told.err.splitlines())

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            (("--probe", "copy_error"), "no question is known for 'copy_error'"),
            (("--probe", PROBE, "--labeller", "../x"), "not a name for a labeller"),
            (("--probe", PROBE, "--labeller", "Ann", "--labeller", "ann"), "two labellers have the same name"),
            (
                ("--probe", PROBE, "--n", "9", "--labeller", "a", "--labeller", "b", "--shared", "10"),
                "share 10 messages",
            ),
            (("--probe", PROBE, "--n", "999"), "Give --n 36 or less"),
        ],
    )
    def test_what_cannot_be_drawn(self, tmp_path, moloch, options, said):
        """One line, and nothing is left behind."""
        run = write_run(tmp_path / "run", anchors=12)
        told = moloch("draw", run, *options, "--out", tmp_path / "labels")
        assert told.code == 2 and said in told.err and not (tmp_path / "labels").exists()
        assert not (run / "labels").exists()

    def test_what_unsure_counts_as(self, tmp_path, moloch):
        """One of three words."""
        run = write_run(tmp_path / "run", anchors=12)
        assert "cannot count as 'maybe'" in moloch("score", run, "--probe", PROBE, "--unsure", "maybe").err


class TestStudy:
    """A study: cells that have ended, together."""

    def test_over_its_cells(self, tmp_path, moloch):
        """Intervals cluster on anchors and seeds; the study's frame has the labels of all cells."""
        from analysis.studies.frames.study_frames import study_frame

        folder, out = tmp_path / "study", tmp_path / "labels"
        cells = small.plan(folder, "name: labels\nseeds: 3\nbase: {arena: elections}\n")
        small.carry_out(folder, cells)
        command = ("draw", folder, "--probe", "populism", "--n", 24, "--out", out)
        assert "24 messages of 3 runs" in moloch(*command).out
        labelled(out, lambda text: "yes" if "trained" in text else "no")
        moloch("import", out)
        told = json.loads(moloch("score", folder, "--probe", "populism", "--json").out)
        assert told["over"] == ["anchors", "seeds"] and told["counts"]["labelled"] == 24
        assert study_frame(folder, "labels").collect().height == 24

    def test_some_of_its_cells(self, tmp_path, moloch):
        """By levels of its factors; what no cell has is a mistake, and all of them are told."""
        folder = tmp_path / "study"
        small.carry_out(folder, small.plan(folder, "name: labels\nseeds: 1\ncross: {audience: [default, neutral]}\n"))
        command = ("draw", folder, "--probe", "populism", "--n", 4, "--out", tmp_path / "labels")
        told = json.loads(moloch(*command, "--where", "audience=neutral", "--json").out)
        assert told["runs"] == 1 and sum(each["there"] for each in told["strata"]) == 12
        wrong = moloch(*command, "--where", "audience=mine", "--where", "world=networked").err.splitlines()
        assert "audience has default, neutral" in wrong[0] and "factors are audience" in wrong[1]
        run = write_run(tmp_path / "run", anchors=12)
        assert "a run has no factors" in moloch("score", run, "--probe", PROBE, "--where", "a=b").err

    def test_of_a_preregistered_one_it_is_a_look(self, tmp_path, moloch):
        """Strata show rates: before the end of a study that declared its outcomes, they are not shown unasked."""
        folder = tmp_path / "study"
        cells = small.plan(
            folder,
            "name: labels\nseeds: 2\nbase: {arena: elections}\nprimary: {hypotheses: [{name: H1, arm: rft, outcome: win_rate}]}\n",
        )
        small.carry_out(folder, cells[:1])
        told = moloch("draw", folder, "--probe", "populism", "--n", 4, "--out", tmp_path / "labels")
        assert told.code == 2 and "before its end" in told.err and not (tmp_path / "labels").exists()
        assert "before its end" in moloch("score", folder, "--probe", "populism").err
        assert moloch("draw", folder, "--probe", "populism", "--n", 4, "--out", tmp_path / "labels", "--look").code == 0


@pytest.mark.system
def test_a_kill_loses_no_label(tmp_path):
    """The page's process is killed right after a label was acknowledged; the sheet has it."""
    import re
    import subprocess
    from pathlib import Path

    from tests.analysis.labels.test_page import ask
    from tests.analysis.labels.world import drawn

    out = drawn(tmp_path / "out", write_run(tmp_path / "run", anchors=12), size=12)
    command = [sys.executable, "-m", "moloch", "labels", "page", str(out), "--no-browser", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3]) as process:
        try:
            assert process.stdout is not None
            printed = re.search(r":(\d+)/\?token=(\S+)", process.stdout.readline())
            assert printed is not None
            port, token = int(printed[1]), printed[2]
            for row in table(out / "sheet.csv")[1:6]:
                told = ask(port, "POST", "/label", {"id": row[0], "label": "yes"}, Cookie=f"moloch-{port}={token}")
                assert told[0] == 200
        finally:
            process.kill()
    assert [row[4] for row in table(out / "sheet.csv")[1:]] == ["yes"] * 5 + [""] * 7

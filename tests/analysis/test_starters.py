"""``moloch init`` writes files that run as they are, and the commands that it prints are the ones that run them."""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path

import pytest

from abm.arenas import BUILT_IN, arena
from abm.arenas.anchors import load_anchors
from abm.conformance import ArenaConformance, ProbeConformance
from analysis.starters import KINDS
from media_graph.conformance import RankerConformance
from tests.docs.parts import forgotten
from tests.docs.snippets import ROOT
from tests.docs.test_snippets import SMALL, folder, run_command, scripted  # noqa: F401
from tests.support.command import command


@pytest.fixture
def moloch(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    return command(monkeypatch, capsys, "init", columns=80)


def printed(monkeypatch, capsys, kind: str) -> list[list[str]]:
    """Return the words of each command that ``moloch init`` prints for a kind, which it writes into this folder."""
    out = command(monkeypatch, capsys, "init")(kind).out
    commands = [shlex.split(line) for line in re.findall(r"^(?:next)? +(moloch .*)$", out, re.MULTILINE)]
    assert len(commands) >= 2
    return commands


@pytest.mark.system
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "study"])
@pytest.mark.usefixtures("folder", "scripted")
def test_what_is_printed_runs(kind, monkeypatch, capsys):
    """Each command in its order, in the folder that was written; a scripted model writes, and counts are smaller."""
    for words in printed(monkeypatch, capsys, kind):
        run_command(f"moloch init {kind}", words, "", monkeypatch, SMALL)


@pytest.mark.system
def test_the_study_runs(tmp_path, monkeypatch, capsys):
    """As it is printed, from the plan to the answer; only what writes and learns costs nothing here."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    commands = printed(monkeypatch, capsys, "study")
    page = Path("study.yaml")
    fast = "base:\n  extensions: [tests.support.fast_cells]\n  serving: {llm: fast}\n"
    page.write_text(re.sub(r"^base:.*\n", fast, page.read_text(), flags=re.MULTILINE))
    with forgotten():
        for words in commands:
            done = command(monkeypatch, capsys)(*words[1:])
            assert done.code == 0, done.err
    assert "rft" in done.out and "placebo" in done.out


class TestFiles:
    """What is written, and what is not."""

    def test_a_study_by_default(self, moloch):
        """In the folder where one is."""
        shown = moloch()
        assert shown.code == 0 and shown.out.startswith("wrote  study.yaml\nnext   moloch study plan study.yaml\n")
        assert Path("study.yaml").read_text().startswith("# study.yaml: ")

    def test_in_another_folder(self, moloch):
        """It is made, and the first command goes there; files are named as they lie."""
        found = json.loads(moloch("arena", "--out", "new/arena", "--json").out)
        assert found["files"] == ["arena.yaml", "anchors/train.csv", "anchors/test.csv"]
        assert all((Path("new/arena") / name).is_file() for name in found["files"])
        assert "next   cd other\n" in moloch("probe", "--out", "other").out

    @pytest.mark.parametrize("like", BUILT_IN)
    def test_an_arena_like_a_built_in_one(self, moloch, like):
        """It asks the same about the same anchors, so that one changed sentence is all that differs."""
        assert moloch("arena", "--like", like).code == 0
        mine, theirs = arena("arena.yaml"), arena(like)
        assert mine.model_copy(update={"name": like}) == theirs
        sides = [
            [sorted(each.id for each in side) for side in (pool.train, pool.held_out)]
            for pool in (load_anchors("anchors", mine), load_anchors(None, theirs))
        ]
        assert sides[0] == sides[1] and len(sides[0][0]) == 256

    def test_like_nothing_that_there_is(self, moloch):
        """Of an arena alone, and a built-in one."""
        assert "no built-in arena 'market'" in moloch("arena", "--like", "market").err
        assert "--like has no effect on a study" in moloch("study", "--like", "sales").err
        assert not list(Path().iterdir())

    def test_nothing_is_overwritten(self, moloch):
        """Not one file, where only one of them is there."""
        Path("people.csv").write_text("mine")
        shown = moloch("persona-mapping")
        assert shown.code == 2 and "people.csv is there already: nothing is overwritten" in shown.err
        assert Path("people.csv").read_text() == "mine" and not Path("mapping.yaml").exists()

    def test_mistakes(self, moloch):
        """One line that says what to do."""
        assert "there is no starting point 'prob'. Did you mean 'probe'? Choose one of study," in moloch("prob").err
        Path("file").write_text("")
        shown = moloch("probe", "--out", "file")
        assert shown.code == 2 and "cannot write my_probe.py" in shown.err

    def test_comments_name_real_settings(self, moloch):
        """What is commented out in the page and in the mapping is valid, too."""
        from analysis.studies.pages.page import read_page
        from populations import read_mapping

        moloch("study"), moloch("persona-mapping")
        for name, read in (("study.yaml", read_page), ("mapping.yaml", read_mapping)):
            path = Path(name)
            path.write_text(
                re.sub(
                    r"^# (primary:|  hypotheses:|    - |weight:|margins:)", r"\1", path.read_text(), flags=re.MULTILINE
                )
            )
            assert not getattr(read(path), "mistakes", ())


def made(kind: str, place: Path, module: str, name: str):
    """Return the part of a starting point, as an extension would register it."""
    from analysis.starters import write_starter
    from moloch.extensions import load

    write_starter(kind, place)
    sys.path.insert(0, str(place))
    load([module])
    return getattr(sys.modules[module], name)()


class TestProbe(ProbeConformance):
    """The probe keeps the promises of probes."""

    @pytest.fixture
    def probe(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        with forgotten():
            yield made("probe", tmp_path, "my_probe", "Pressure")


class TestRanker(RankerConformance):
    """The ranker those of rankers."""

    @pytest.fixture
    def ranker(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        with forgotten():
            yield made("ranker", tmp_path, "my_ranker", "LikedAndFresh")


class TestArena(ArenaConformance):
    """The arena those of arenas; and the pocket model can write in it."""

    @pytest.fixture
    def arena(self, tmp_path):
        from abm.arenas import arena
        from analysis.starters import write_starter

        write_starter("arena", tmp_path)
        return arena(str(tmp_path / "arena.yaml"))

    def test_its_table_is_read(self, arena, tmp_path):
        """Every row is an anchor with facts, as the built-in pack has it."""
        from abm.arenas.anchors import load_anchors
        from analysis.checks.arenas import check_arena

        split, pack = (
            load_anchors(tmp_path / "anchors", arena),
            load_anchors(None, arena.model_copy(update={"name": "sales"})),
        )
        assert [anchor.id for anchor in split.train] == [anchor.id for anchor in pack.train[:24]]
        found = check_arena(str(tmp_path / "arena.yaml"), tmp_path / "anchors")
        assert found["mistakes"] == [] and found["models"][0]["writes"]

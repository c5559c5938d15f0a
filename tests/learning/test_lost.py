"""What is kept of a run that lost something: a log that is gone does not begin again, paid answers are not paid again."""

from __future__ import annotations

import json
import shutil

import msgspec
import pytest

from abm.events import LLMReplied
from abm.llm import ScriptedLLM
from abm.llm.backends import Serving
from abm.log import open_log, repair
from abm.log.codec import PREAMBLE, encode
from abm.log.segments import Segment, blocks
from analysis.cli import log as cli
from learning import run
from learning.runs.costs import answered
from moloch.errors import CorruptLog, MolochWarning
from tests.learning.test_loop import CONFIG, Killed
from tests.support.fakes import FakeTrainer, answer, fake_llm


def carried_out(folder):
    return run(CONFIG, folder, llm=fake_llm(), trainer=FakeTrainer())


class ByCall(ScriptedLLM):
    """A model that is paid by the call.

    Args:
        calls: die after so many.
    """

    def __init__(self, calls: int | None = None) -> None:
        super().__init__(self._remember, unit="call")
        self.asked: list[str] = []
        self._left = calls

    def _remember(self, request):
        if self._left == len(self.asked):
            raise Killed
        self.asked.append(request.site)
        return answer(request)


@pytest.mark.parametrize("what", ["log", "log/*"])
def test_a_run_that_lost_its_log_is_refused(tmp_path, what):
    """Although nothing else in the folder shows that it had begun; a copy of the folder elsewhere shows no more."""
    folder = tmp_path / "run"
    carried_out(folder)
    shutil.rmtree(folder / "snap", ignore_errors=True)
    shutil.rmtree(folder / "log")
    if what == "log/*":
        (folder / "log").mkdir()
    with pytest.raises(CorruptLog, match="the run's log is gone"):
        carried_out(folder)


@pytest.mark.system
def test_a_folder_that_was_deleted_takes_a_new_run(tmp_path):
    """Of the same settings, in the same place."""
    digest = carried_out(tmp_path / "run").digest
    shutil.rmtree(tmp_path / "run")
    assert carried_out(tmp_path / "run").digest == digest


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A finished run whose model is paid by the call, and its digest."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    return folder, run(CONFIG, folder, llm=ByCall(), trainer=FakeTrainer()).digest


def damaged(whole, folder, share):
    """Return the calls that one commit answered, of which a bit was flipped: in a copy, at ``share`` of the way."""
    shutil.copytree(whole, folder)
    commits = list(open_log(folder, write=False).blocks())
    bad = next(each for each in commits[int(share * len(commits)) :] if each.events({LLMReplied}))
    data = bytearray(bad.path.read_bytes())
    data[(bad.start + bad.end) // 2] ^= 4
    bad.path.chmod(0o644)
    bad.path.write_bytes(data)
    return {event.site for event in bad.events({LLMReplied})}


class TestRepair:
    """Answers of models behind a damage are not paid again."""

    @pytest.mark.system
    @pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
    def test_only_the_damaged_commit_is_paid_again(self, whole, tmp_path, share):
        """A bit flips in the middle; repaired and resumed, the run ends in the same digest."""
        lost = damaged(whole[0], tmp_path / "run", share)
        done = repair(tmp_path / "run")
        assert done is not None and done.answered > 0
        llm = ByCall()
        assert run(CONFIG, tmp_path / "run", llm=llm, trainer=FakeTrainer()).digest == whole[1]
        assert set(llm.asked) == lost and len(llm.asked) == len(lost)

    def test_what_they_cost_counts_as_spent(self, whole, tmp_path):
        """Once each, before they are taken and after; only those of the damaged commit are gone."""
        folder = tmp_path / "run"
        config = CONFIG.model_copy(
            update={"serving": Serving(llm="http://127.0.0.1:1/v1")}
        )  # what is computed here is free
        paid = answered(open_log(whole[0], write=False), config).calls
        lost = damaged(whole[0], folder, 0.5)
        repair(folder)
        assert answered(open_log(folder, write=False), config).calls == paid - len(lost)
        run(CONFIG, folder, llm=ByCall(), trainer=FakeTrainer())
        assert answered(open_log(folder, write=False), config).calls == paid

    def test_a_second_repair_keeps_what_the_first_kept(self, whole, tmp_path):
        """The resumed run is damaged again before it has used all of them."""
        lost = damaged(whole[0], tmp_path / "run", 0.1)
        repair(tmp_path / "run")
        llm = ByCall(1)
        with pytest.raises(Killed):
            run(CONFIG, tmp_path / "run", llm=llm, trainer=FakeTrainer())
        again = damaged(tmp_path / "run", tmp_path / "again", 0.6)
        repair(tmp_path / "again")
        llm = ByCall()
        assert run(CONFIG, tmp_path / "again", llm=llm, trainer=FakeTrainer()).digest == whole[1]
        assert set(llm.asked) <= lost | again

    def test_answers_that_were_changed_are_not_used(self, whole, tmp_path):
        """They are asked for again, which is said, and the digest is the same."""
        damaged(whole[0], tmp_path / "run", 0.5)
        done = repair(tmp_path / "run")
        path = tmp_path / "run" / "quarantine" / done.answers
        data, first = bytearray(path.read_bytes()), PREAMBLE
        for block in blocks(Segment(path, done.seq), None):
            edited = [msgspec.structs.replace(event, text="[paid]") for event in block.events()]
            first += encode(edited, block.commit.prev)[0]
        assert first != data
        path.write_bytes(first)
        llm = ByCall()
        with pytest.warns(MolochWarning, match="answers are asked for again"):
            assert run(CONFIG, tmp_path / "run", llm=llm, trainer=FakeTrainer()).digest == whole[1]
        assert len(llm.asked) >= done.answered

    @pytest.mark.system
    def test_a_batch_is_used_whole_or_not_at_all(self, tmp_path):
        """A model that answers in batches gets the batches of the plan: part of one is not taken from what was kept."""
        folder = tmp_path / "run"
        digest = carried_out(folder).digest
        lost = damaged(folder, tmp_path / "copy", 0.5)
        repair(tmp_path / "copy")
        llm = fake_llm()
        assert run(CONFIG, tmp_path / "copy", llm=llm, trainer=FakeTrainer()).digest == digest
        assert llm.calls == len(lost)

    def test_the_command_says_what_it_kept(self, whole, tmp_path, capsys):
        """Before it does it, and after."""
        damaged(whole[0], tmp_path / "run", 0.5)
        cli.repair(tmp_path / "run", as_json=True)
        told = json.loads(capsys.readouterr().out)
        cli.repair(tmp_path / "run")
        assert f"{told['kept_answers']:,} answers of models" in capsys.readouterr().out
        cli.repair(tmp_path / "run", yes=True, as_json=True)
        assert json.loads(capsys.readouterr().out)["kept_answers"] == told["kept_answers"] > 0

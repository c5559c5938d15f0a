"""What a fork promises: the shared steps are the parent's, what follows differs by the settings alone."""

from __future__ import annotations

import json
import shutil

import pytest

from abm.events import AdapterTrained, ContestDecided, Forked, LLMReplied, MessagePublished, Reacted, StepEnded
from abm.journal import replay
from abm.log import create, open_log, read_events, verify
from abm.log.about import lineage, standing
from analysis.cli.fork import fork as command
from analysis.tables.evaluation import table
from learning import fork, load_config
from moloch.errors import CorruptLog, InputError, Locked, LogError
from tests.learning.test_loop import CONFIG, NETWORKED, Killed, carry_out
from tests.support.fakes import fake_llm

AT = 3


@pytest.fixture(scope="module")
def parent(tmp_path_factory):
    """A finished run."""
    folder = tmp_path_factory.mktemp("parent") / "run"
    carry_out(folder)
    return folder


def carried(folder, config) -> list:
    """Return the events of a run that is carried out to its end."""
    carry_out(folder, config)
    return list(read_events(folder))


def steps(events) -> list[int]:
    return [event.seq for event in events if isinstance(event, StepEnded)]


@pytest.fixture
def forked(parent, tmp_path):
    """A fork after step 3, before an audience that does not care how it is talked to; carried out."""
    config, folder = fork(parent, AT, ["audience=neutral"], tmp_path / "fork")
    carry_out(folder, config)
    return folder


class TestSharing:
    """The steps before the fork are the parent's own."""

    @pytest.mark.system
    def test_the_prefix_is_the_parents_and_is_not_copied(self, parent, forked):
        """The same events up to the step, of which the fork's folder holds none."""
        ours, theirs = list(read_events(forked)), list(read_events(parent))
        point = open_log(forked, write=False).fork
        assert point is not None and point.seq == steps(theirs)[AT - 1] + 1
        assert ours[: point.seq] == theirs[: point.seq]
        assert ours[point.seq : point.seq + 1] != theirs[point.seq : point.seq + 1]
        assert min((forked / "log").iterdir()).name.startswith(f"{point.seq:020d}")

    def test_it_says_what_changed(self, forked):
        """The first event of its own names the settings that differ."""
        events = [event for event in read_events(forked) if isinstance(event, Forked)]
        assert [event.changed for event in events] == [["audience"]]
        assert table(read_events(forked))  # a forked log is evaluated as any other

    def test_answers_before_it_are_not_paid_again(self, parent, tmp_path):
        """No call of a shared step is asked for."""
        config, folder = fork(parent, AT, ["audience=neutral"], tmp_path / "fork")
        llm = fake_llm()
        carry_out(folder, config, llm=llm)
        own = [e for e in read_events(folder) if isinstance(e, LLMReplied)]
        shared = list(open_log(parent, write=False).read(0, steps(read_events(parent))[AT - 1]))
        assert llm.calls == len(own) - sum(isinstance(e, LLMReplied) for e in shared) > 0

    def test_an_unchanged_fork_decides_as_its_parent(self, parent, tmp_path):
        """Common random numbers: with nothing changed, nothing differs."""
        config, folder = fork(parent, AT, [], tmp_path / "same")
        carry_out(folder, config)
        kinds = (MessagePublished, Reacted, ContestDecided)

        def decided(run):
            return [
                (type(e).__name__, e.contest, getattr(e, "text", ""), getattr(e, "choice", 0), getattr(e, "votes", []))
                for e in read_events(run)
                if isinstance(e, kinds)
            ]

        assert decided(folder) == decided(parent)

    @pytest.mark.system
    def test_forks_of_forks(self, forked, tmp_path):
        """Lineage goes back to the first run."""
        config, folder = fork(forked, AT + 1, ["ties=random"], tmp_path / "second")
        carry_out(folder, config)
        assert config.audience == "neutral" and config.ties == "random"
        assert [place["run"] for place in lineage(folder)] == [str(forked), lineage(forked)[0]["run"]]
        assert replay(folder, verify=True).steps == replay(forked).steps


class TestResuming:
    """A fork is a run like any other."""

    @pytest.mark.system
    def test_dying_anywhere_ends_in_the_same_digest(self, parent, tmp_path):
        """Forking again and running again goes on where it stopped."""
        whole = None
        for died_after in (None, 0, 1, 2, 5, 11):
            folder = tmp_path / str(died_after)
            for commits in (died_after, None):
                config, folder = fork(parent, AT, ["audience=neutral"], folder)
                try:
                    digest = carry_out(folder, config, commits=commits).digest.hexdigest()
                except Killed:
                    continue
                whole = whole or digest
                assert digest == whole

    def test_replay_verifies_it(self, forked):
        """State hashes of shared and own steps are reproduced."""
        assert replay(forked, verify=True).steps == len(steps(read_events(forked)))


class TestMistakes:
    """What cannot be forked is refused before anything is written."""

    @pytest.mark.parametrize(
        "setting", ["seed=2", "arms=[rft]", "batch=2", "model=other", "format=plain", "attempts=2"]
    )
    def test_settings_that_decided_the_shared_steps(self, parent, tmp_path, setting):
        """They name themselves."""
        with pytest.raises(InputError, match=f"a fork cannot change {setting.split('=')[0]}"):
            fork(parent, AT, [setting], tmp_path / "fork")
        assert not (tmp_path / "fork").exists()

    def test_an_audience_that_is_not_there(self, parent, tmp_path):
        """What the settings name is read before anything is written."""
        with pytest.raises(InputError, match="unknown audience 'nope'"):
            fork(parent, AT, ["audience=nope"], tmp_path / "fork")
        assert not (tmp_path / "fork").exists()

    @pytest.mark.parametrize("at", [0, 10_000])
    def test_a_step_that_is_not_there(self, parent, tmp_path, at):
        """The error says how many there are."""
        with pytest.raises(InputError, match=r"the run has ended \d+"):
            fork(parent, at, [], tmp_path / "fork")

    def test_a_folder_that_holds_another_run(self, parent, tmp_path):
        """Nothing is overwritten."""
        fork(parent, AT, [], tmp_path / "fork")
        with pytest.raises(InputError, match="holds another run"):
            fork(parent, AT, ["ties=random"], tmp_path / "fork")

    @pytest.mark.system
    def test_a_plan_that_no_longer_fits(self, parent, tmp_path):
        """Evaluating where the parent did not is refused, with the step from which the plans differ; before it, it is not."""
        last = len(steps(read_events(parent)))
        with pytest.raises(
            InputError, match=rf"differs before step {last}: from step 3 on the run continues with 'epoch 2"
        ):
            fork(parent, last, ["evaluate=every"], tmp_path / "fork")
        with pytest.raises(
            InputError, match=r"the run continues with 'evaluating rft against base', the new .* 'epoch 3: rft"
        ):
            fork(parent, last, ["epochs=3"], tmp_path / "fork")
        with pytest.raises(InputError, match="the new settings with 'evaluating rft"):
            fork(parent, AT, ["epochs=1"], tmp_path / "fork")
        assert not (tmp_path / "fork").exists()
        config, folder = fork(parent, 2, ["evaluate=every", "epochs=3"], tmp_path / "fork")
        evaluated = {
            e.contest.split("/")[1]
            for e in carried(folder, config)
            if isinstance(e, ContestDecided)
            if e.contest[0] == "e"
        }
        assert evaluated == {"1", "2", "3"}

    @pytest.mark.system
    def test_an_intervention_that_comes_too_late(self, tmp_path):
        """One whose society lies before the fork is refused; one that the parent had may be over."""
        rule = {"kind": "rule", "slots": 3, "phase": "train"}
        values = NETWORKED.model_dump(mode="json")
        config = load_config(None, values | {"network": values["network"] | {"interventions": [rule]}})
        carry_out(tmp_path / "parent", config)
        ban = json.dumps([rule, {"kind": "ban", "slot": 0, "phase": "train", "epoch": 1}])
        with pytest.raises(
            InputError, match=r"interventions.1 waits for train epoch 1: its contests are held before the fork"
        ):
            fork(tmp_path / "parent", 1, [f"network.interventions={ban}"], tmp_path / "fork")
        assert fork(tmp_path / "parent", 1, ["network.rounds=3"], tmp_path / "fork")


class TestFailures:
    """A fork that fails leaves nothing behind, and the same call makes it later."""

    @pytest.fixture
    def trained(self, parent, tmp_path, monkeypatch):
        """A parent whose adapters have files, which pass for what its log names."""
        copy = shutil.copytree(parent, tmp_path / "parent")
        monkeypatch.setattr(
            "learning.runs.fork._shared_adapters", lambda events, *runs: [p.name for p in (copy / "adapters").iterdir()]
        )
        for event in read_events(copy):
            if isinstance(event, AdapterTrained):
                (copy / "adapters" / event.adapter).mkdir(parents=True)
                (copy / "adapters" / event.adapter / "weights").write_text(event.adapter)
        return copy

    @pytest.mark.parametrize("what", ["adapter", "log", "rename"])
    def test_nothing_is_left(self, trained, tmp_path, monkeypatch, what):
        """Wherever it fails: linking adapters, writing its log, or taking its place."""
        before = sorted(tmp_path.rglob("*"))
        at = len(steps(read_events(trained))) - 1

        def fail(*given, **named):
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            if what == "adapter":
                patch.setattr("learning.runs.fork.link", fail)
            elif what == "log":
                patch.setattr("abm.log.disk.sync_data", fail)
            else:
                patch.setattr("pathlib.Path.rename", fail)
            with pytest.raises(LogError, match="No space left"):
                fork(trained, at, ["audience=neutral"], tmp_path / "fork")
        assert sorted(tmp_path.rglob("*")) == before
        assert fork(trained, at, ["audience=neutral"], tmp_path / "fork")[1] == tmp_path / "fork"
        assert any((tmp_path / "fork" / "adapters").iterdir())

    def test_an_error_names_the_folder_that_was_asked_for(self, parent, tmp_path):
        """And not the hidden one beside it, in which a fork is made."""
        (tmp_path / "file").touch()
        out = tmp_path / "file" / "fork"
        with pytest.raises(InputError, match=f"^{out}: no folder for a run: {out.parent} is a file"):
            fork(parent, AT, [], out)

    def test_an_empty_folder_is_taken_and_another_is_not(self, parent, tmp_path):
        """What a folder holds stays."""
        (tmp_path / "fork").mkdir()
        fork(parent, AT, [], tmp_path / "fork")
        (tmp_path / "full").mkdir()
        (tmp_path / "full" / "notes").touch()
        with pytest.raises(InputError, match="cannot take a fork"):
            fork(parent, AT, [], tmp_path / "full")

    def test_a_command_that_could_not_begin_leaves_none(self, parent, tmp_path, monkeypatch):
        """Its model is not here; once something was decided, the fork stays."""
        out = tmp_path / "fork"

        def broken(config, folder):
            raise InputError("no such model")

        monkeypatch.setattr("analysis.cli.fork.carry_out", broken)
        with pytest.raises(InputError, match="no such model"):
            command(run=parent, at=AT, set_=["audience=neutral"], out=out)
        assert not out.exists()

        def later(config, folder):
            carry_out(folder, config, commits=8)

        monkeypatch.setattr("analysis.cli.fork.carry_out", later)
        with pytest.raises(Killed):
            command(run=parent, at=AT, set_=["audience=neutral"], out=out)
        monkeypatch.setattr("analysis.cli.fork.carry_out", broken)
        with pytest.raises(InputError, match="no such model"):
            command(run=parent, at=AT, set_=["audience=neutral"], out=out)
        assert (out / "run.json").exists()

    @pytest.mark.system
    def test_a_command_that_came_second_takes_nothing_away(self, parent, tmp_path):
        """The same command twice at once: the other one has begun the fork, and has not answered anything yet."""
        out = tmp_path / "fork"
        config, _ = fork(parent, AT, ["audience=neutral"], out)
        with open_log(out, write=True):
            with pytest.raises(Locked):
                command(run=parent, at=AT, set_=["audience=neutral"], out=out)
            assert (out / "run.json").exists() and len(list(read_events(out)))
        carry_out(out, config)

    def test_a_fork_that_another_process_makes_is_not_touched(self, parent, tmp_path, monkeypatch):
        """Each makes its own folder, and the first to be ready has it."""
        out, link = tmp_path / "fork", "learning.runs.fork.note_written_here"

        def meanwhile(*given):
            monkeypatch.undo()
            with monkeypatch.context() as patch:
                patch.setattr("os.getpid", lambda: 1)
                fork(parent, AT, ["audience=neutral"], out)

        monkeypatch.setattr(link, meanwhile)
        with pytest.raises(LogError, match="not empty"):
            fork(parent, AT, ["audience=neutral"], out)
        assert [path.name for path in tmp_path.iterdir() if "fork" in path.name] == ["fork"]
        assert standing(out).why_not_whole == ""


class TestIntegrity:
    """A fork holds its parent to what it was."""

    @pytest.fixture
    def pair(self, parent, tmp_path):
        """A copy of the parent, and a fork of it."""
        copy = tmp_path / "parent"
        shutil.copytree(parent, copy)
        config, folder = fork(copy, AT, ["audience=neutral"], tmp_path / "fork")
        carry_out(folder, config)
        return copy, folder

    def test_the_parent_may_go_on(self, pair):
        """What the parent appends later is not the fork's business."""
        copy, folder = pair
        head = verify(folder)
        with open_log(copy, write=True) as log:
            log.append([Reacted(contest="c", persona=0, order=[0, 1], choice=0, thought="")])
        assert verify(folder) == head

    def test_an_edited_parent_is_noticed(self, pair):
        """A changed byte before the fork is an error of the fork too."""
        copy, folder = pair
        path = min((copy / "log").iterdir())
        data = bytearray(path.read_bytes())
        data[len(data) // 8] ^= 1
        path.chmod(0o644)
        path.write_bytes(data)
        with pytest.raises(CorruptLog, match="parent"):
            verify(folder)

    def test_a_rewritten_parent_is_noticed(self, pair, tmp_path):
        """Another run of the same length in its place is not taken for it."""
        copy, folder = pair
        events = list(read_events(copy))
        shutil.rmtree(copy)
        with create(copy, CONFIG.model_dump(mode="json")) as log:
            for event in events:  # the same events, at another time
                log.append([event])
        with pytest.raises(CorruptLog):
            verify(folder)

    def test_a_parent_that_is_gone(self, pair):
        """The error names it."""
        copy, folder = pair
        shutil.rmtree(copy)
        with pytest.raises(LogError, match=f"gone: there is no run in .*{copy.name}"):
            list(read_events(folder))

    def test_an_edited_pointer(self, pair):
        """The pointer is part of the fork's chain."""
        _, folder = pair
        path = folder / "run.json"
        fork_hash = open_log(folder, write=False).fork.hash
        path.write_bytes(path.read_bytes().replace(fork_hash.encode(), b"0" * 64))
        with pytest.raises(CorruptLog):
            verify(folder)
        with pytest.raises(CorruptLog, match=r"run\.json was changed"):
            open_log(folder, write=True)

"""What a run that is held step by step promises: the run's own log, one step a call, whatever waits."""

from __future__ import annotations

import itertools
import threading
from contextlib import closing
from functools import partial

import msgspec
import pytest

from abm.events import AdapterTrained, Lifecycle, RunEnded, StepEnded, StepStarted
from abm.journal import LiveJournal
from abm.llm import ScriptedLLM
from abm.log import open_log, read_events
from analysis.probes import battery
from learning import LiveRun
from learning.runs.inputs import gather
from learning.runs.live import THREAD
from learning.runs.loop import Loop
from moloch.errors import InputError, Locked, MolochError
from tests.learning.test_loop import CONFIG, NETWORKED, carry_out
from tests.support.fakes import FakeTrainer, answer, fake_llm

LIMIT = 60
"""Seconds after which a thread that should have come back is a failure."""


def held(config, folder, *, probes, llm=None):
    """Carry a run out as ``learning.runs.run.stepwise`` does, with cheap stand-ins for the model and the trainer."""
    with open_log(folder, write=True) as log:
        if log.ended() is not None:
            return
        journal = LiveJournal(log)
        yield from Loop(config, gather(config), journal, llm or fake_llm(), FakeTrainer(), probes=probes).advance()
        journal.note(RunEnded(digest=journal.digest.hexdigest(), seconds=0.0))


def settings(config) -> dict:
    return config.model_dump(exclude={"serving", "budget"})


@pytest.fixture
def live():
    """Return a function that makes a live run; all are closed in the end."""
    made = []

    def make(config=CONFIG, **options) -> LiveRun:
        made.append(LiveRun(**{"carry_out": held, **settings(config), **options}))
        return made[-1]

    yield make
    for run in made:
        run.close()


def at_rest() -> None:
    """Wait until nothing works in the background."""
    for thread in threading.enumerate():
        if thread.name == THREAD:
            thread.join(LIMIT)


def decisions(run) -> list:
    plain = [event for event in read_events(run) if not isinstance(event, Lifecycle)]
    return [msgspec.structs.replace(event, at=0.0, seq=i) for i, event in enumerate(plain)]


class TestSteps:
    """The steps are the run's, one a call."""

    @pytest.mark.parametrize("config", [CONFIG, NETWORKED], ids=["isolated", "networked"])
    def test_it_is_the_run_of_its_settings(self, live, config, tmp_path):
        """Driven to its end, it has the digest that the same settings give when nobody waits between steps."""
        model = live(config, probes=battery)
        while model.running:
            model.step()
        ended = list(read_events(model.run))[-1]
        assert isinstance(ended, RunEnded) and ended.digest == carry_out(tmp_path / "whole", config).digest.hexdigest()
        assert model.ended and model.status.endswith("the run has ended")

    def test_one_call_one_step(self, live):
        """Nothing is held before it is asked for; what is learnt before a step comes with it."""
        model = live()
        done, learnt = 0, 0
        while model.running:
            held_so_far = [event for event in read_events(model.run) if isinstance(event, StepStarted | StepEnded)]
            assert len(held_so_far) == 2 * done
            model.step()
            done += 1
            assert model.steps == done
            learnt = sum(isinstance(event, AdapterTrained) for event in read_events(model.run))
        assert (done, learnt) == (14, 6)
        model.step()
        assert model.steps == done

    def test_rows_have_their_columns_from_the_start(self, live):
        """A plot can ask for them before the first step."""
        model = live(arms=("rft",))
        assert "win share rft" in model.datacollector.get_model_vars_dataframe().columns
        model.step()
        assert list(model.datacollector.model_vars["votes"]) == [model.measures.votes]

    def test_a_run_in_a_folder_goes_on(self, live, tmp_path):
        """What its log holds is shown first and not held again; what is missing comes then."""
        first = live(out=tmp_path / "run")
        for _ in range(3):
            first.step()
        first.close()
        again = live(out=tmp_path / "run")
        before = decisions(tmp_path / "run")
        for step in range(1, 4):
            again.step()
            assert again.steps == step and decisions(tmp_path / "run") == before
        again.step()
        assert again.steps == 4 and decisions(tmp_path / "run")[: len(before)] == before

    def test_a_run_that_has_ended_is_shown(self, live, tmp_path):
        """All of its steps, and nothing is held again."""
        carry_out(tmp_path / "run")
        with open_log(tmp_path / "run", write=True) as log:
            log.append([RunEnded(digest="", seconds=0.0)])
        model, events = live(out=tmp_path / "run"), list(read_events(tmp_path / "run"))
        while model.running:
            model.step()
        assert model.ended and model.steps == sum(isinstance(event, StepEnded) for event in events)
        assert list(read_events(tmp_path / "run")) == events

    def test_it_stands_before_the_first_step(self, live):
        """Made, it is known who takes part; nothing was asked yet."""
        model = live()
        assert model.ready and len(model.members) == CONFIG.train_personas and model.steps == 0
        assert not any(isinstance(event, StepStarted) for event in read_events(model.run))

    @pytest.mark.system
    @pytest.mark.parametrize("interrupted", [1, 5, 20])
    def test_an_interrupted_step_is_begun_again(self, live, interrupted, tmp_path):
        """Ctrl-C in the middle of a step: the next call goes on from the log, and the run ends in the same digest."""
        calls = itertools.count()

        def impatient(request):
            if next(calls) == interrupted:
                raise KeyboardInterrupt
            return answer(request)

        llm = ScriptedLLM(impatient)
        model = live(carry_out=partial(held, llm=llm), probes=battery)
        with pytest.raises(KeyboardInterrupt):
            while model.running:
                model.step()
        assert model.running and not model.busy
        while model.running:
            model.step()
        assert model.ended and model.steps == 14
        assert list(read_events(model.run))[-1].digest == carry_out(tmp_path / "whole").digest.hexdigest()


class TestBackground:
    """A page is never blocked."""

    def test_a_call_returns_before_the_step_is_there(self, live):
        """It is busy meanwhile and says with what; when the step is there, every observer sees it."""
        go, told = threading.Event(), threading.Event()

        def slow(request):
            assert go.wait(LIMIT)
            return answer(request)

        model = live(background=True, carry_out=partial(held, llm=ScriptedLLM(slow)))
        model.step()
        assert model.steps == 0 and model.busy and model.status.endswith("…")
        model.on_change = lambda: told.set() if model.steps else None
        go.set()
        assert told.wait(LIMIT) and model.steps == 1 and not model.busy

    def test_a_call_while_one_is_under_way_orders_no_second(self, live):
        """It waits a little, and the step that comes is the one that was asked for."""
        go, told = threading.Event(), threading.Event()

        def slow(request):
            assert go.wait(LIMIT)
            return answer(request)

        model = live(background=True, carry_out=partial(held, llm=ScriptedLLM(slow)))
        model.on_change = lambda: told.set() if model.steps else None
        model.step()
        threading.Timer(0.05, go.set).start()
        model.step()
        assert told.wait(LIMIT) and model.steps == 1 and not model.busy

    def test_what_ended_it_is_kept(self, live):
        """The error stands in the model and its status; it runs no more."""
        model = live(background=True, carry_out=failing, train_anchors=2)
        model.step()
        at_rest()
        model.step()
        assert model.error is not None and "too many" in model.status and not model.running


def failing(config, folder, *, probes):
    """Stand for a run whose inputs are not what its settings say."""
    raise InputError("too many of them", where="anchors")
    yield


def breaking(config, folder, *, probes, after):
    """Carry out some pieces of a run, then fail as no part of ours does."""
    pieces = held(config, folder, probes=probes)
    with closing(pieces):
        for _ in range(after):
            yield next(pieces)
    raise ZeroDivisionError("by nothing")


class TestErrors:
    """A mistake is one clear error."""

    def test_a_setting_that_is_not_valid(self):
        """Is refused when the model is made."""
        with pytest.raises(InputError, match="batch"):
            LiveRun(batch=0)

    def test_what_is_not_there(self, live, tmp_path):
        """Is told when the model is made, before a temporary log is left behind."""
        with pytest.raises(InputError, match="too many of them"):
            live(carry_out=failing)
        with pytest.raises(MolochError, match="ZeroDivisionError: by nothing"):
            live(carry_out=partial(breaking, after=0))
        assert not list(tmp_path.iterdir())

    def test_what_ends_the_run_ends_the_step(self, live):
        """It is raised to the one who asked, each time; what is no error of ours is named too."""
        model = live(carry_out=partial(breaking, after=2))
        model.step()
        for _ in range(2):
            with pytest.raises(MolochError, match=r"ZeroDivisionError: by nothing"):
                model.step()
        assert not model.running and model.steps == 1 and "by nothing" in model.status


class TestSettings:
    """Parameters of a panel are settings of a run."""

    def test_a_name_with_dots_is_a_setting_within_another(self, live):
        """As on the command line."""
        model = live(NETWORKED, **{"network.feed.slots": 3, "network.influence.bandwagon": 0.25, "crowd.size": 7})
        assert (model.settings.network.feed.slots, model.settings.network.influence.bandwagon) == (3, 0.25)
        model.step()
        assert len(model.voters.ids) == NETWORKED.train_personas + 7

    def test_closing_throws_a_temporary_log_away(self, live, tmp_path):
        """And leaves one in a folder of its own where it is, free for the next to write; closed, it holds no step."""
        for out, kept in ((None, False), (tmp_path / "run", True)):
            model = live(out=out)
            model.step()
            model.close()
            assert (model.run / "run.json").exists() is kept
            model.step()
            assert model.steps == 1 and not model.running
        open_log(tmp_path / "run", write=True).close()

    @pytest.mark.parametrize("kept", [False, True])
    def test_closing_while_a_step_is_under_way(self, live, kept, tmp_path):
        """It is not waited for; when the piece is done, the log is let go of, and a temporary one is gone."""
        go, asked = threading.Event(), threading.Event()

        def slow(request):
            asked.set()
            assert go.wait(LIMIT)
            return answer(request)

        out = tmp_path / "run" if kept else None
        model = live(out=out, background=True, carry_out=partial(held, llm=ScriptedLLM(slow)))
        model.step()
        assert asked.wait(LIMIT)
        model.close()
        if kept:
            with pytest.raises(Locked):
                open_log(model.run, write=True)
        go.set()
        at_rest()
        assert model.steps == 0 and (model.run / "run.json").exists() is kept
        if kept:
            open_log(model.run, write=True).close()

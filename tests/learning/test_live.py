"""What a run that is held step by step promises: the run's own log, one step a call, whoever waits."""

from __future__ import annotations

import threading

import msgspec
import pytest

from abm.events import AdapterTrained, Lifecycle, RunEnded, StepEnded, StepStarted
from abm.journal import LiveJournal
from abm.llm import ScriptedLLM
from abm.log import open_log, read_events
from analysis.probes import battery
from learning import LiveRun
from learning.runs.inputs import gather
from learning.runs.loop import Loop
from moloch.errors import InputError, MolochError
from tests.learning.test_loop import CONFIG, NETWORKED, carry_out
from tests.support.fakes import FakeTrainer, answer, fake_llm

LIMIT = 60
"""Seconds after which a thread that should have come back is a failure."""


def held(config, folder, *, probes, report, llm=None):
    """Carry a run out as ``learning.run`` does, with cheap stand-ins for the model and the trainer."""
    with open_log(folder, write=True) as log:
        journal = LiveJournal(log)
        Loop(config, gather(config), journal, llm or fake_llm(), FakeTrainer(), probes=probes, report=report).run()
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
        assert list(model.datacollector.model_vars["votes"]) == [0, model.measures.votes]

    def test_a_run_in_a_folder_goes_on(self, live, tmp_path):
        """What its log holds is shown first and not held again; what is missing comes then."""
        first = live(out=tmp_path / "run")
        for _ in range(3):
            first.step()
        first.close()
        first._thread.join(LIMIT)
        again = live(out=tmp_path / "run")
        before = decisions(tmp_path / "run")
        for step in range(1, 4):
            again.step()
            assert again.steps == step and decisions(tmp_path / "run") == before
        again.step()
        assert again.steps == 4 and decisions(tmp_path / "run")[: len(before)] == before


class TestBackground:
    """A page is never blocked."""

    def test_a_call_returns_before_the_step_is_there(self, live):
        """It is busy meanwhile and says with what; when the step is there, whoever looks is told."""
        go, told = threading.Event(), threading.Event()

        def slow(request):
            assert go.wait(LIMIT)
            return answer(request)

        def carried(*args, **options):
            held(*args, llm=ScriptedLLM(slow), **options)

        model = live(background=True, carry_out=carried)
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

        def carried(*args, **options):
            held(*args, llm=ScriptedLLM(slow), **options)

        model = live(background=True, carry_out=carried)
        model.on_change = lambda: told.set() if model.steps else None
        model.step()
        threading.Timer(0.05, go.set).start()
        model.step()
        assert told.wait(LIMIT) and model.steps == 1 and not model.busy

    def test_what_ended_it_is_kept(self, live):
        """The error stands in the model and its status; it runs no more."""
        told = threading.Event()
        model = live(background=True, carry_out=failing, train_anchors=2)
        model.on_change = told.set
        model.step()
        model._thread.join(LIMIT)
        model.step()
        assert model.error is not None and "too many" in model.status and not model.running


def failing(config, folder, *, probes, report):
    """Stand for a run whose inputs are not what its settings say."""
    raise InputError("too many of them", where="anchors")


class TestErrors:
    """A mistake is one clear error."""

    def test_a_setting_that_is_not_valid(self):
        """Is refused when the model is made."""
        with pytest.raises(InputError, match="batch"):
            LiveRun(batch=0)

    def test_what_ends_the_run_ends_the_step(self, live):
        """It is raised to who asked, each time; what is no error of ours is named too."""
        model = live(carry_out=failing)
        for _ in range(2):
            with pytest.raises(InputError, match="too many of them"):
                model.step()
        assert not model.running

        def broken(*args, **options):
            raise ZeroDivisionError("by nothing")

        with pytest.raises(MolochError, match=r"ZeroDivisionError: by nothing"):
            live(carry_out=broken).step()


class TestSettings:
    """Parameters of a panel are settings of a run."""

    def test_a_name_with_dots_is_a_setting_within_another(self, live):
        """As on the command line."""
        model = live(NETWORKED, **{"network.feed.slots": 3, "network.influence.bandwagon": 0.25, "crowd.size": 7})
        assert (model.settings.network.feed.slots, model.settings.network.influence.bandwagon) == (3, 0.25)
        model.step()
        assert len(model.voters.ids) == NETWORKED.train_personas + 7

    def test_closing_throws_a_temporary_log_away(self, live, tmp_path):
        """And leaves one in a folder of its own where it is; the run's thread ends."""
        for out, kept in ((None, False), (tmp_path / "run", True)):
            model = live(out=out)
            model.step()
            model.close()
            model._thread.join(LIMIT)
            assert not model._thread.is_alive() and (model.run / "run.json").exists() is kept

"""What a controller makes of what happens to cells: no cell stops another, and nothing is repeated that cannot help."""

from __future__ import annotations

import itertools
import os
import signal
import threading
import time
from collections.abc import Callable
from importlib.util import find_spec

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abm.events import RunResumed, StepStarted
from abm.log import create, open_log, verify
from abm.study_events import CellEnded, CellFailed, CellStarted, StudyStopped
from analysis.studies.engines.local import LocalEngine
from analysis.studies.pages.page import StopRules
from analysis.studies.record.claims import Claims
from analysis.studies.record.layout import Layout
from analysis.studies.record.study_log import StudyLog
from analysis.studies.record.worked import WorkedTime
from analysis.studies.study import Study
from analysis.studies.work.controller import Controller
from analysis.studies.work.outcomes import AttemptEnded, AttemptFailed, AttemptOutcome, write_outcome
from analysis.studies.work.rules import TRIES, Rules, most_failures
from analysis.studies.work.tasks import Needs, Task, TaskEnd

ENDED = AttemptEnded("head", "digest", 3, 0.1, 1000)
QUICK = {"backend": 0.0, "node": 0.0, "disk": 0.0}
Word = AttemptOutcome | TaskEnd | str
"""What becomes of a task: a worker's word, an engine's, or ``lost`` or ``interrupted``."""


class Fake:
    """Carries tasks out by saying what became of them."""

    name, threads = "fake", 1

    def __init__(self, becomes: Callable[[str, int], Word] = lambda cell, attempt: ENDED, jobs: int = 2) -> None:
        self._becomes, self.jobs = becomes, jobs
        self.began: list[tuple[str, int]] = []
        self._going: list[Task] = []
        self.most = 0
        self.stopped: list[bool] = []

    def room(self, needs: Needs) -> int:
        return self.jobs - len(self._going)

    def start(self, task: Task) -> None:
        self.began.append((task.cell, task.attempt))
        self._going.append(task)
        self.most = max(self.most, len(self._going))

    def ended(self, timeout: float) -> list[TaskEnd]:
        if not self._going:
            return []
        task = self._going.pop(0)
        word = self._becomes(task.cell, task.attempt)
        if isinstance(word, str):
            return [TaskEnd(task, word, word)]  # pyright: ignore[reportArgumentType]
        path = task.study / "output" / f"{task.cell}.{task.attempt}.json"
        write_outcome(path, word)  # pyright: ignore[reportArgumentType]
        return [TaskEnd(task)]

    def fewer(self) -> bool:
        self.jobs, fewer = max(1, self.jobs // 2), self.jobs > 1
        return fewer

    def stop(self, tasks: list[Task], *, kill: bool = False) -> None:
        self.stopped.append(kill)

    def close(self) -> None:
        pass


def study(tmp_path, seeds=4, **values) -> Study:
    """Return a study that has begun."""
    made = Study(name="x", seeds=seeds, out=tmp_path / "study", **values)
    made.begin()
    return made


def controller(of: Study, engine, **rules) -> Controller:
    cells = {cell.name: cell for cell in of.cells}
    rules = {"pauses": QUICK} | rules
    return Controller(StudyLog(of.folder), cells, engine, Rules(**rules))


def states(of: Study) -> list[str]:
    return [cell.state for cell in of.state().cells.values()]


def events(of: Study, kind: type) -> list:
    from abm.log import read_events

    return [event for event in read_events(of.folder / "study-log") if isinstance(event, kind)]


def failing(origin: str, times: int) -> Callable[[str, int], Word]:
    """Return what becomes of tasks where those of seed 1 fail, so many times."""
    return lambda cell, n: AttemptFailed(origin, "why") if "s1-" in cell and n <= times else ENDED  # pyright: ignore[reportArgumentType]


def seed_of(cell: str) -> int:
    return next(seed for seed in range(1, 100) if f"s{seed}-" in cell)


class TestCells:
    """All are carried out, each once."""

    def test_in_the_order_of_the_page(self, tmp_path):
        """As many at a time as the engine has room for."""
        of, engine = study(tmp_path), Fake()
        assert controller(of, engine).run() == "" and states(of) == ["ended"] * 4
        assert engine.began == [(cell.name, 1) for cell in of.cells] and engine.most == 2
        assert [(e.head, e.events, e.peak_bytes) for e in events(of, CellEnded)] == [("head", 3, 1000)] * 4

    def test_again(self, tmp_path):
        """There is nothing left to do."""
        of, engine = study(tmp_path), Fake()
        controller(of, Fake()).run()
        assert controller(of, engine).run() == "" and not engine.began

    @pytest.mark.system
    def test_by_two_controllers(self, tmp_path):
        """They share the cells, and repeat none."""
        of, engines = study(tmp_path, seeds=20), [Fake(), Fake()]
        threads = [threading.Thread(target=controller(of, engine).run) for engine in engines]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        began = [cell for engine in engines for cell, _ in engine.began]
        assert sorted(began) == sorted(cell.name for cell in of.cells) and states(of) == ["ended"] * 20

    def test_what_others_carry_out(self, tmp_path):
        """A controller that does not wait for them ends once no other cell is left, and calls that no failure."""
        of = study(tmp_path)
        first = of.cells[0].name
        held = Claims(StudyLog(of.folder).layout).take(first, 1)  # by this process, which is alive
        StudyLog(of.folder).append([CellStarted(cell=first, attempt=1, identity="", worker={})])
        done = of.run(engine=Fake(), wait=False)
        assert held and states(of) == ["running"] + ["ended"] * 3 and done.exit_code == 0


class TestFailures:
    """They never stop the others; passing ones are tried again."""

    @pytest.mark.parametrize("origin", ["settings", "data", "bug"])
    def test_what_fails_again_is_not_tried_again(self, tmp_path, origin):
        of, engine = study(tmp_path), Fake(failing(origin, 9))
        assert controller(of, engine).run() == "" and states(of) == ["failed", "ended", "ended", "ended"]
        assert len(engine.began) == 4
        assert controller(of, again := Fake()).run() == "" and not again.began
        assert controller(of, again, retry=True).run() == "" and states(of) == ["ended"] * 4

    @pytest.mark.parametrize(("origin", "tries"), [("backend", 5), ("node", 3), ("disk", 3), ("memory", 2)])
    def test_what_may_pass_is(self, tmp_path, origin, tries):
        """So many times by one controller; the next one tries again."""
        of, engine = study(tmp_path), Fake(failing(origin, 99))
        assert controller(of, engine).run() == "" and states(of) == ["failed", "ended", "ended", "ended"]
        assert len(engine.began) == 3 + tries and [e.again for e in events(of, CellFailed)] == [True] * (tries - 1) + [
            False
        ]
        assert controller(of, Fake()).run() == "" and states(of) == ["ended"] * 4

    def test_memory(self, tmp_path):
        """Once, with fewer at a time; not where there is only one."""
        of, engine = study(tmp_path), Fake(failing("memory", 1))
        controller(of, engine).run()
        assert engine.jobs == 1 and states(of) == ["ended"] * 4
        of, engine = study(tmp_path / "alone"), Fake(failing("memory", 1), jobs=1)
        controller(of, engine).run()
        assert states(of) == ["failed", "ended", "ended", "ended"]

    def test_later_and_later(self, tmp_path, monkeypatch):
        """A server that is down is left alone for a while, and the others go on meanwhile."""
        now = itertools.count(0, 0.5)
        monkeypatch.setattr("analysis.studies.work.controller.time.monotonic", lambda: next(now))
        of, engine = study(tmp_path), Fake(failing("backend", 2))
        controller(of, engine, pauses={"backend": 50.0}).run()
        assert states(of) == ["ended"] * 4 and [cell for cell, _ in engine.began[-2:]] == [of.cells[0].name] * 2

    def test_a_worker_without_a_word(self, tmp_path):
        """Whoever took it says why, or else its last line."""
        of, engine = study(tmp_path), Fake(lambda cell, n: "node" if "s1-" in cell and n == 1 else ENDED)
        controller(of, engine).run()
        assert [(e.origin, e.again) for e in events(of, CellFailed)] == [("node", True)] and states(of) == ["ended"] * 4

    @pytest.mark.parametrize("gets_on", [True, False])
    def test_a_cell_whose_node_is_lost_again_and_again(self, tmp_path, gets_on):
        """It is given up, unless it got on in between: then it is no fault of the cell's."""
        of = study(tmp_path, seeds=1)

        def becomes(cell: str, n: int) -> Word:
            run = Layout(of.folder).cell(cell)
            with open_log(run, write=True) if run.exists() else create(run, {"seed": 1}) as log:
                log.append(
                    [StepStarted(phase="train", epoch=1, arm="shared")]
                    if gets_on or n == 1
                    else [RunResumed(versions={})]
                )
            return AttemptFailed("node", "gone") if n < 6 else ENDED

        assert controller(of, Fake(becomes)).run() == ""
        assert states(of) == (["ended"] if gets_on else ["failed"])
        assert len(events(of, CellFailed)) == (5 if gets_on else TRIES["node"])

    def test_too_many(self, tmp_path):
        """No new cell is begun; one alone is not too many."""
        of = study(tmp_path, seeds=40)
        engine = Fake(lambda cell, n: AttemptFailed("bug", "why"), jobs=1)
        assert controller(of, engine, stop=StopRules(failed_share=0.1)).run() == "failed_share"
        assert states(of).count("failed") == 5 and states(of).count("waiting") == 35
        assert events(of, StudyStopped)[0].detail == "5 of 40 cells failed"
        assert (most_failures(0.1, 5), most_failures(0.1, 100), most_failures(0.0, 100)) == (1.0, 10.0, 0.0)


class TestStops:
    """Before the end; the same again goes on."""

    def test_the_budget(self, tmp_path):
        of, engine = study(tmp_path), Fake(lambda cell, n: AttemptFailed("budget", "all is spent"), jobs=1)
        assert controller(of, engine).run() == "budget" and states(of) == ["waiting"] * 4
        assert controller(of, Fake()).run() == "" and states(of) == ["ended"] * 4

    def test_a_budget_that_others_hold_a_part_of(self, tmp_path):
        """A cell that finds nothing left waits for the others, which may give back what they do not need; then it goes on."""
        of, engine = study(tmp_path), Fake(failing("budget", 1))
        assert controller(of, engine).run() == "" and states(of) == ["ended"] * 4
        assert [(seed_of(cell), n) for cell, n in engine.began][:3] == [(1, 1), (2, 1), (1, 2)]
        assert not events(of, StudyStopped)

    def test_a_budget_of_which_a_killed_cell_holds_a_part(self, tmp_path):
        """It is begun again, alone, before anybody says that the budget is spent."""

        def becomes(cell: str, attempt: int) -> Word:
            return ENDED if attempt > 1 else AttemptFailed("budget" if seed_of(cell) == 1 else "node", "why")

        of, engine = study(tmp_path, seeds=2), Fake(becomes)
        assert controller(of, engine).run() == "" and states(of) == ["ended"] * 2
        assert [seed_of(cell) for cell, _ in engine.began] == [1, 2, 2, 1] and engine.most == 2

    @pytest.mark.system
    def test_a_budget_of_which_a_waiting_cell_holds_a_part(self, tmp_path):
        """One at a time as well: the cell whose second attempt is still to come may give back what the other one needs."""

        def becomes(cell: str, attempt: int) -> Word:
            return ENDED if attempt > 1 else AttemptFailed("node" if seed_of(cell) == 1 else "budget", "why")

        of, engine = study(tmp_path, seeds=2), Fake(becomes, jobs=1)
        assert controller(of, engine, pauses={"node": 0.5}).run() == "" and states(of) == ["ended"] * 2
        assert [seed_of(cell) for cell, _ in engine.began] == [1, 2, 1, 2]

    def test_a_budget_that_is_spent(self, tmp_path):
        """Once a cell got nothing while nobody else was at work; no cell is tried more than once again to find out."""
        of, engine = study(tmp_path), Fake(lambda cell, n: AttemptFailed("budget", "all is spent"))
        assert controller(of, engine).run() == "budget" and states(of) == ["waiting"] * 4
        assert len(engine.began) == 3

    def test_ctrl_c(self, tmp_path):
        """Workers are asked to stop; asked twice, they are killed."""

        def becomes(cell: str, n: int) -> Word:
            os.kill(os.getpid(), signal.SIGINT)
            return "interrupted"

        of, engine = study(tmp_path), Fake(becomes)
        assert controller(of, engine).run() == "interrupted"
        assert engine.stopped == [False, True] and "running" not in states(of)
        assert controller(of, Fake()).run() == "" and states(of) == ["ended"] * 4


class TestHours:
    """Of all controllers together; time in which nobody worked does not count."""

    def left(self, of: Study, ago: float, seconds: float, monkeypatch) -> str:
        """Leave the first cell as a controller does that began it so many seconds ago, worked for a while, and was killed."""
        name, log = of.cells[0].name, StudyLog(of.folder)
        claims, then = Claims(log.layout), time.time() - ago
        held = claims.take(name, 1)
        assert held
        held.release()
        os.utime(held.path, (then + seconds, then + seconds))
        with monkeypatch.context() as patch:
            patch.setattr("abm.log.writer.time.time", lambda: then)
            log.append([CellStarted(cell=name, attempt=1, identity="", worker={})])
        return name

    def test_an_earlier_one_worked_as_long(self, tmp_path, monkeypatch):
        """No cell is begun."""
        of, engine = study(tmp_path), Fake()
        self.left(of, ago=10_000, seconds=7_300, monkeypatch=monkeypatch)
        assert controller(of, engine, stop=StopRules(hours=2)).run() == "hours" and not engine.began
        assert events(of, StudyStopped)[0].detail == "2 hours are over"

    def test_an_earlier_one_worked_for_less(self, tmp_path, monkeypatch):
        """However long ago that was; the log says how long each attempt took."""
        of = study(tmp_path)
        name = self.left(of, ago=1_000_000, seconds=7_000, monkeypatch=monkeypatch)
        assert controller(of, Fake(), stop=StopRules(hours=2)).run() == "" and states(of) == ["ended"] * 4
        gone = events(of, CellFailed)[0]
        assert (gone.cell, gone.origin) == (name, "node") and gone.seconds == pytest.approx(7_000, abs=1)
        assert controller(of, Fake(), stop=StopRules(hours=1.9), retry=True).run() == ""  # nothing is left

    def test_over_earlier_ones_together(self, tmp_path):
        """What the log has of them; those at the same time count once."""
        of, log = study(tmp_path), StudyLog(tmp_path / "study")
        for cell in of.cells[:2]:
            log.append([CellStarted(cell=cell.name, attempt=1, identity="", worker={})])
        log.append([CellFailed(cell=cell.name, attempt=1, origin="node", message="", again=True, seconds=5_000) for cell in of.cells[:2]])  # fmt: skip
        assert log.state().worked.seconds == pytest.approx(5_000, abs=1)
        assert controller(of, Fake(), stop=StopRules(hours=1)).run() == "hours" and states(of) == ["waiting"] * 4
        assert controller(of, Fake(), stop=StopRules(hours=2)).run() == "" and states(of) == ["ended"] * 4

    @given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60))))
    def test_overlaps_count_once(self, stretches):
        """Whatever the order in which they come."""
        worked = WorkedTime()
        for stretch in stretches:
            worked.add(*stretch)
        want = len({second for start, end in stretches for second in range(start, end)})
        assert worked.seconds == WorkedTime().seconds_with(stretches) == want


class TestLost:
    """A controller that is gone loses nothing."""

    def begun(self, of: Study, outcome: AttemptOutcome | None) -> str:
        """Leave a cell as a controller does that was killed: begun, and its worker's word unread."""
        name = of.cells[0].name
        held = Claims(StudyLog(of.folder).layout).take(name, 1)
        assert held
        StudyLog(of.folder).append([CellStarted(cell=name, attempt=1, identity="", worker={})])
        held.release()
        if outcome is not None:
            (of.folder / "output").mkdir()
            write_outcome(of.folder / "output" / f"{name}.1.json", outcome)
        return name

    def test_a_fault_of_the_settings_is_not_repeated(self, tmp_path):
        of, engine = study(tmp_path), Fake()
        name = self.begun(of, AttemptFailed("settings", "why"))
        controller(of, engine).run()
        assert name not in dict(engine.began) and states(of) == ["failed", "ended", "ended", "ended"]

    def test_one_that_nobody_finished_is_taken_up(self, tmp_path):
        of, engine = study(tmp_path), Fake()
        name = self.begun(of, None)
        controller(of, engine).run()
        assert (name, 2) in engine.began and states(of) == ["ended"] * 4


PRELOADED = ("analysis.studies.work.worker", "torch")
FAST = {
    "epochs": 1, "train_anchors": 3, "held_out_anchors": 2, "train_personas": 3, "held_out_personas": 2, "arms": ["rft"],
    "extensions": ["tests.support.fast_cells"],
}  # fmt: skip


@pytest.mark.system
def test_in_processes_of_this_machine(tmp_path, monkeypatch):
    """Digests are those of runs alone; a cell that fails says whose fault it was, and where."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    levels = {
        "good": {"serving": {"llm": "fast"}},
        "bug": {"serving": {"llm": "fast", "options": {"fail": "bug"}}, "epochs": 2},
        "memory": {"serving": {"llm": "fast", "options": {"fail": "memory"}}, "epochs": 3},
        "settings": {"serving": {"llm": "fast"}, "held_out_anchors": 100_000},
        "data": {"serving": {"llm": "fast"}, "anchors": str(tmp_path / "nowhere")},
    }
    of = Study(name="x", base=FAST, cross={"fault": levels}, seeds=1, out=tmp_path / "study", stop={"failed_share": 1})
    engine = LocalEngine(2, preloaded=PRELOADED)
    try:
        done = of.run(engine=engine)
    finally:
        engine.close()
    assert done.exit_code == 3
    cells = {cell.planned.factors["fault"]: cell for cell in done.state.cells.values()}
    assert {kind: cell.failures[-1].origin for kind, cell in cells.items() if cell.failures} == {
        kind: kind for kind in ("bug", "memory", "settings", "data")
    }
    bug = cells["bug"].failures[-1]
    assert (
        bug.message == "ZeroDivisionError: of the model's own"
        and "fast_cells.py" in (of.folder / bug.traceback).read_text()
    )
    assert cells["good"].state == "ended" and cells["good"].peak_bytes > 50e6
    import tests.support.fast_cells  # noqa: F401
    from analysis.probes import battery
    from learning import run

    alone = run(of.cells[0].config, tmp_path / "alone", probes=battery)
    assert cells["good"].digest == alone.digest


class TestStore:
    """Each log goes to object storage once its cell has ended."""

    @pytest.fixture
    def of(self, tmp_path, monkeypatch):
        if find_spec("obstore") is None:
            pytest.skip("obstore is not installed")
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
        return Study(name="x", base=FAST | {"serving": {"llm": "fast"}}, seeds=2, out=tmp_path / "study")

    def carry_out(self, of: Study, **settings):
        engine = LocalEngine(2, preloaded=PRELOADED)
        try:
            return of.run(engine=engine, **settings)
        finally:
            engine.close()

    @pytest.mark.system
    def test_by_its_worker_and_where_it_had_ended_before(self, of, tmp_path, monkeypatch):
        """What is there is not put again, and is whole."""
        store = tmp_path / "store"
        store.mkdir()
        self.carry_out(of)
        assert not any(store.iterdir())
        self.carry_out(of, store=f"file://{store}")
        for cell in of.state().cells.values():
            assert verify(store / "cells" / cell.planned.cell).hash == cell.head
        monkeypatch.setattr("analysis.studies.storage.uploads.CellMirror", lambda *of: pytest.fail("it is there"))
        assert self.carry_out(of, store=f"file://{store}").exit_code == 0

    @pytest.mark.slow
    def test_a_storage_that_refuses(self, of, tmp_path):
        """Fails the attempt, and not the run: it is whole, and only goes there again."""
        store = tmp_path / "store"
        store.mkdir()
        taken = store / "cells" / of.cells[0].name / "run.json"
        taken.parent.mkdir(parents=True)
        taken.write_text("something else")
        of.begin()
        engine = LocalEngine(2, preloaded=PRELOADED)
        try:
            rules = Rules(of.page.stop, pauses=QUICK, store=f"file://{store}")
            Controller(StudyLog(of.folder), {cell.name: cell for cell in of.cells}, engine, rules).run()
            failed, other = of.state().cells.values()
            assert (failed.state, failed.failures[-1].origin, other.state) == ("failed", "disk", "ended")
            taken.unlink()
            Controller(StudyLog(of.folder), {cell.name: cell for cell in of.cells}, engine, rules).run()
        finally:
            engine.close()
        cell = of.state().cells[of.cells[0].name]
        assert cell.state == "ended" and verify(taken.parent).hash == cell.head

"""What the models of running cells do is said by ``moloch study status``, and while a study is carried out, in the same numbers."""

from __future__ import annotations

import json
import time

import msgspec
import pytest
from msgspec.structs import replace
from rich.console import Console

from abm.events import RunStarted
from abm.log import create
from abm.study_events import CellStarted
from analysis.cli.study.carry_out import Running, told
from analysis.readings.traffic import sum_of
from analysis.studies.record.claims import Claims
from analysis.studies.record.counts import StudyStanding
from analysis.studies.record.layout import Layout
from analysis.studies.record.status import FollowedStudy
from analysis.studies.record.study_log import StudyLog
from analysis.terminal.study_status import render_status
from learning.runs.traffic import FILE, FOLDER, Traffic
from tests.analysis.factory import setup
from tests.analysis.studies import small

ONE = Traffic(
    answered=30,
    planned=100,
    tokens_per_s=20.0,
    usd=0.5,
    waiting={"HTTP 429": 31},
    sent=1,
    silent_s=40.0,
    calls_left_s=9.0,
)
OTHER = Traffic(
    answered=20,
    planned=100,
    tokens_per_s=5.0,
    usd=0.25,
    waiting={"HTTP 429": 2, "timeout": 1},
    silent_s=30.0,
    calls_left_s=7.0,
)


@pytest.fixture
def running(tmp_path):
    """A study of which two cells are worked on, each of which says what its models do."""
    study = tmp_path / "study"
    cells = small.plan(study)[:2]
    claims = [Claims(Layout(study)).take(cell.name, 1) for cell in cells]
    for cell, traffic in zip(cells, (ONE, OTHER), strict=True):
        StudyLog(study).append([CellStarted(cell=cell.name, attempt=1, identity="i", worker={})])
        run, record = Layout(study).cell(cell.name), cell.config.model_dump(mode="json")
        with create(run, record) as log:
            log.append([RunStarted(versions={}), *setup(4, 8, ("rft", "placebo"), record)])
        (run / FOLDER).mkdir()
        (run / FOLDER / FILE).write_bytes(msgspec.json.encode(replace(traffic, at=time.time())))
    yield study, [cell.name for cell in cells]
    for claim in claims:
        claim.release()


def test_the_sum(running):
    """Of all cells: calls, speed, money, and what waits for which reason."""
    study, _ = running
    now = FollowedStudy(study, inputs=False).look()
    assert now.states == {"running": 2, "waiting": 10}
    seen = json.loads(json.dumps(now.as_dict()))
    said = "50 of 200 calls answered; 25 tokens/s; $0.75; waiting: HTTP 429 x33, timeout x1, no answer for 30 s; about 9 s of calls left"
    assert seen["traffic_said"] == said and seen["traffic"]["waiting"] == {"HTTP 429": 33, "timeout": 1}
    assert str(Running(study)) == f"; running: {said}"


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ((8, 0, 1, 0), "8 of 9 ended, 1 running; 2:05 so far"),
        ((9, 0, 0, 0), "9 of 9 ended; 2:05 so far"),
        ((0, 1, 2, 6), "0 of 9 ended, 2 running, 6 waiting, 1 failed; 2:05 so far"),
    ],
)
def test_what_there_is_none_of_is_not_counted(counts, said):
    """No "0 running, 0 waiting" once all have ended."""
    assert told(StudyStanding(*counts, seconds=125.0)) == said


def test_a_price_that_one_of_them_does_not_know():
    """Leaves the sum unknown."""
    assert sum_of([ONE, replace(OTHER, usd=None)]).usd is None


def test_the_table(running):
    """A cell that waits for a server says so in place of what it does, within 80 columns; the line below has the sum."""
    study, names = running
    console = Console(width=80, no_color=True)
    with console.capture() as text:
        for part in render_status(FollowedStudy(study, inputs=False).look().as_dict()):
            console.print(part)
    lines = text.get().splitlines()
    [row] = [line for line in lines if names[0] in line]
    assert "waiting: HTTP 429 x31" in row and max(map(len, lines)) <= 80
    assert any(line.startswith("running  50 of 200 calls answered; 25 tokens/s; $0.75; waiting:") for line in lines)


def test_a_process_that_is_gone(running):
    """Says nothing more: what it wrote last does not hold."""
    study, names = running
    for name in names:
        (Layout(study).cell(name) / FOLDER / FILE).write_bytes(msgspec.json.encode(replace(ONE, at=time.time() - 3600)))
    told = FollowedStudy(study, inputs=False).look().as_dict()
    assert told["traffic"] is None and told["traffic_said"] == ""

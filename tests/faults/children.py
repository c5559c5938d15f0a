"""What the processes do that the fault suite kills. Each says on stdout what the log has acknowledged to it."""

from __future__ import annotations

import itertools
import os
import random
import time
from pathlib import Path

if "MOLOCH_MUTATION" in os.environ:  # what guards are made of takes seconds to import
    from tests.faults.mutations import apply_from_environment

    apply_from_environment()

from abm.events import Reacted
from abm.log import create, disk, open_log, read_events, writer
from abm.state.snapshots import Snapshots
from abm.state.state import State


def events(n: int, first: int) -> list[Reacted]:
    """Return reactions that carry the place that they should get."""
    return [
        Reacted(contest="c", persona=i, order=[0, 1], choice=0, thought="t" * (i % 50)) for i in range(first, first + n)
    ]


def dribble(file: int, data: bytes) -> None:
    """Write in small pieces, so that a kill finds a commit half written."""
    for start in range(0, len(data), 64):
        os.write(file, data[start : start + 64])
        time.sleep(0.0003)


def write(run: str, seed: str, seal: str = "40") -> None:
    """Recover, then append for ever, one to nine events at a time, singly and in groups; seal often, snapshot sometimes."""
    writer.SEAL_EVENTS = int(seal)
    disk.write_all = dribble
    draw = random.Random(seed)
    print("opening", flush=True)
    with open_log(run, write=True) as log:
        snapshots = Snapshots(Path(run), every=25)
        print("open", *log.head(), flush=True)
        while True:
            if draw.random() < 0.5:
                head = log.append(events(draw.randint(1, 9), log.head().seq))
            else:
                first, futures = log.head().seq, []
                for size in (draw.randint(1, 4) for _ in range(3)):
                    futures.append(log.submit(events(size, first)))
                    first += size
                head = [future.result() for future in futures][-1]
            print("ack", *head, flush=True)
            snapshots.offer(State(), head)


def die(run: str, when: str) -> None:
    """Append under a key, and die before the write, or after the sync when the caller is about to be told."""
    with create(run, {}) as log:
        log.append(events(2, 0))
        if when == "writing":
            disk.write_all = lambda *args: os._exit(9)
        else:
            writer.Future.set_result = lambda *args: os._exit(9)
        log.append(events(3, 2), key="mine")


def append(run: str, count: str, size: str) -> None:
    """Append ``count`` commits of ``size`` events, and stop."""
    writer.SEAL_EVENTS = 5_000
    with open_log(run, write=True) as log:
        for _ in range(int(count)):
            log.append(events(int(size), log.head().seq))
        print("done", log.head().seq, flush=True)


def follow(run: str, stop: str, how: str) -> None:
    """Read until the file ``stop`` is there; print the number of events, or what went wrong."""
    log, seen = open_log(run, write=False), 0
    stopped = Path(stop).exists
    print("reading", flush=True)
    if how == "follow":
        for event in log.follow(poll=0.002, stop=stopped):
            assert event.seq == seen, f"event {event.seq} came in place of {seen}"
            assert not isinstance(event, Reacted) or event.persona == event.seq
            seen += 1
    else:
        for last in itertools.count():
            done, now = stopped(), sum(1 for _ in read_events(run))
            assert now >= seen, f"{seen} events were there, now {now} (look {last})"
            seen = now
            if done:
                break
    print("seen", seen, flush=True)


def spend(folder: str, url: str, calls: str) -> None:
    """Ask a server under a bound on calls; say so when it is spent."""
    from abm.llm.budget import Bounds, Budget, BudgetSpent
    from abm.llm.http import HTTPLLM, _retries
    from abm.llm.http.endpoint import Endpoint
    from abm.llm.ledger import Cost, Ledger
    from abm.llm.port import Request, Sampling

    _retries.FIRST_DELAY = 0.002
    budget = Budget(Bounds(calls=int(calls)))
    budget.keep(Ledger(Path(folder)), Cost())
    llm = HTTPLLM("m", Endpoint(url=url, concurrency=4, attempts=9), budget=budget)
    chat = [{"role": "user", "content": "Choose."}]
    print("asking", flush=True)
    try:
        list(llm.complete([Request(f"react/{i}", chat, Sampling(), i) for i in range(int(calls))]))  # type: ignore[arg-type]
    except BudgetSpent:
        print("spent", flush=True)


def study(run: str, paid: str, pause: str, unit: str = "call") -> None:
    """Carry out a run whose model answers by the call, or in batches; each goes to the file ``paid`` before it is answered."""
    from abm.journal import LiveJournal
    from abm.llm import ScriptedLLM
    from analysis.probes import battery
    from learning.runs.inputs import gather
    from learning.runs.loop import Loop
    from tests.learning.test_loop import CONFIG
    from tests.support.fakes import Companions, FakeTrainer, answer

    book = os.open(paid, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def paying(request):
        os.write(book, f"{request.site}\n".encode())
        time.sleep(float(pause))

    def answered(request):
        paying(request)
        return answer(request)

    folder = Path(run)
    there = (folder / "run.json").exists()
    with open_log(folder, write=True) if there else create(folder, CONFIG.model_dump(mode="json")) as log:
        journal = LiveJournal(log)
        print("open", flush=True)
        llm = ScriptedLLM(answered, unit="call") if unit == "call" else Companions(answered=paying)
        Loop(CONFIG, gather(CONFIG), journal, llm, FakeTrainer(), probes=battery).run()
        print("digest", journal.digest.hexdigest(), flush=True)


def leave_a_child(run: str) -> None:
    """Begin a run, start a process that inherits its lock, print that process's number, and wait."""
    with create(run, {}) as log:
        log.append(events(1, 0))
        child = os.fork()
        if child:
            print(child, flush=True)
        time.sleep(600)

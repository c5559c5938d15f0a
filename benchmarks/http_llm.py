"""Calls to an OpenAI-compatible server: ours, with every answer durable in a log, against four other clients.

Covers: a stub server in a process of its own that answers at once, so that the client is what is measured, and after a
second, so that waiting is. Rivals: a raw asyncio client (the least that Python needs for a call), a bare aiohttp loop,
six threads with the openai SDK (as the paper's public code asks for votes), and the SDK's own asyncio client, 64 calls at
once. Only ours logs. Rounds alternate; a figure is the median of its rounds. ``--json`` prints one line per figure.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

sys.path[0] = str(Path(__file__).resolve().parents[1])

from tests.support.stub_server import stub_server  # noqa: E402

AT_ONCE = 64
PERSONA = "You are this person: a nurse of forty, from a small town, who reads a lot and trusts few. " * 4
OPTIONS = "Option A:\n" + "A pitch of some words. " * 30 + "\n\nOption B:\n" + "Another pitch, as long. " * 30
PROMPT = [{"role": "system", "content": PERSONA}, {"role": "user", "content": OPTIONS}]


class Spent(NamedTuple):
    """What a number of decisions took: per second, CPU milliseconds of each, and MB at the peak."""

    rate: float
    cpu: float
    memory: float


# -- the clients -------------------------------------------------------------------------------------------


def ours(url: str, n: int, at_once: int) -> None:
    """Ask through the journal of a run: an answer is durable before anything uses it."""
    from abm.journal import LiveJournal
    from abm.llm import Request, Sampling
    from abm.llm.http import HTTPLLM
    from abm.llm.http.endpoint import Endpoint
    from abm.log import create

    sampling = Sampling(temperature=0.1, max_tokens=128)
    llm = HTTPLLM("stub", Endpoint(url=url, concurrency=at_once))
    asked = [Request(f"react/{i}", PROMPT, sampling, i) for i in range(n)]
    with tempfile.TemporaryDirectory() as folder, create(Path(folder) / "run", {}) as log:
        found = LiveJournal(log).ask(llm, asked, step=0, cause=-1)
    assert len(found) == n


class _Raw(asyncio.Protocol):
    def __init__(self, todo: list[bytes], done: asyncio.Event, left: list[int]) -> None:
        self.todo, self.done, self.left, self.data = todo, done, left, b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.next()

    def next(self) -> None:
        if self.todo:
            self.transport.write(self.todo.pop())

    def data_received(self, data: bytes) -> None:
        self.data += data
        end = self.data.find(b"\r\n\r\n")
        if end < 0:
            return
        at = self.data.lower().find(b"content-length:")
        length = int(self.data[at + 15 : self.data.find(b"\r\n", at)])
        if len(self.data) < end + 4 + length:
            return
        answer = json.loads(self.data[end + 4 : end + 4 + length])
        assert answer["choices"][0]["message"]["content"]
        self.data = self.data[end + 4 + length :]
        self.left[0] -= 1
        if not self.left[0]:
            self.done.set()
        self.next()


def raw(url: str, n: int, at_once: int) -> None:
    """Write prompts' JSON to sockets and read JSON back: no retry, no log, no limit but the number of connections."""
    host, port = urlsplit(url).hostname, urlsplit(url).port

    async def go() -> None:
        todo, done, left = [_call(i, host) for i in range(n)], asyncio.Event(), [n]
        loop = asyncio.get_running_loop()
        for start in range(0, at_once, 256):
            some = range(start, min(start + 256, at_once))
            await asyncio.gather(*(loop.create_connection(lambda: _Raw(todo, done, left), host, port) for _ in some))
        await done.wait()

    asyncio.run(go())


def _fields(i: int) -> dict[str, Any]:
    return {"model": "stub", "messages": PROMPT, "temperature": 0.1, "top_p": 1.0, "max_tokens": 128, "seed": i}


def _call(i: int, host: str | None) -> bytes:
    body = json.dumps(_fields(i)).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: "
    return head.encode() + b"%d\r\n\r\n" % len(body) + body


def bare_aiohttp(url: str, n: int, at_once: int) -> None:
    """Ask with aiohttp: one session, as many workers as calls at once."""
    import aiohttp

    async def go() -> None:
        places = iter(range(n))
        connector = aiohttp.TCPConnector(limit=at_once)
        timeout = aiohttp.ClientTimeout(total=300)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:

            async def work() -> None:
                for i in places:
                    async with session.post(f"{url}/chat/completions", json=_fields(i)) as answer:
                        found = await answer.json()
                        assert found["choices"][0]["message"]["content"]

            await asyncio.gather(*(work() for _ in range(at_once)))

    asyncio.run(go())


def threads(url: str, n: int, at_once: int) -> None:
    """Ask as the paper's public code does: the SDK's blocking client in six threads."""
    from openai import OpenAI

    client = OpenAI(base_url=url, api_key="none")
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda i: client.chat.completions.create(**_fields(i)), range(n)))
    assert all(answer.choices[0].message.content for answer in found)


def sdk(url: str, n: int, at_once: int) -> None:
    """Ask with the SDK's asyncio client, bounded by a semaphore."""
    from openai import AsyncOpenAI

    async def go() -> None:
        bound = asyncio.Semaphore(at_once)
        async with AsyncOpenAI(base_url=url, api_key="none") as client:

            async def one(i: int) -> None:
                async with bound:
                    answer = await client.chat.completions.create(**_fields(i))
                    assert answer.choices[0].message.content

            await asyncio.gather(*(one(i) for i in range(n)))

    asyncio.run(go())


CLIENTS: dict[str, Callable[[str, int, int], None]] = {
    "ours": ours, "raw": raw, "aiohttp": bare_aiohttp, "threads": threads, "sdk": sdk,
}  # fmt: skip


# -- measuring ---------------------------------------------------------------------------------------------


def child(client: str, url: str, n: int, at_once: int) -> None:
    """Run one client here, after a warm-up, and print what it took."""
    CLIENTS[client](url, min(n, 2 * at_once, 200), min(at_once, 64))
    before, began = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    CLIENTS[client](url, n, at_once)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(json.dumps([n / wall, 1000 * cpu / n, after.ru_maxrss / 1024]))


def spent(client: str, url: str, n: int, at_once: int) -> Spent:
    """Return what a client takes, in a process of its own."""
    command = [sys.executable, __file__, "--child", client, url, str(n), str(at_once)]
    return Spent(*json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def medians(url: str, sizes: dict[str, int], at_once: int, rounds: int) -> dict[str, Spent]:
    """Return each client's medians over alternating rounds."""
    found: dict[str, list[Spent]] = {client: [] for client in sizes}
    for _ in range(rounds):
        for client, n in sizes.items():
            found[client].append(spent(client, url, n, at_once))
    return {client: Spent(*map(statistics.median, zip(*each, strict=True))) for client, each in found.items()}


def figure(name: str, value: float, unit: str, rival: str, ratio: float, goal: str, ok: bool) -> dict[str, Any]:
    """Return one line of the results."""
    return {
        "name": name, "value": round(value, 3), "unit": unit, "rival": rival, "ratio": round(ratio, 3), "goal": goal,
        "ok": bool(ok),
    }  # fmt: skip


def at_once_64(rounds: int) -> list[dict[str, Any]]:
    """Measure a server that answers at once, 64 calls at a time."""
    sizes = {"ours": 20_000, "raw": 20_000, "aiohttp": 5_000, "threads": 600, "sdk": 600}
    with stub_server() as url:
        found = medians(url, sizes, AT_ONCE, rounds)
    mine = found["ours"]
    cpu = mine.cpu / found["raw"].cpu
    lines = [
        figure("CPU of a decision", mine.cpu, "ms", f"raw asyncio: {found['raw'].cpu:.3f}", cpu, "<= 2x", cpu <= 2)
    ]
    for client, goal in (("aiohttp", 1), ("threads", 10), ("sdk", 30)):
        ratio = mine.rate / found[client].rate
        rival = f"{client}: {found[client].rate:,.0f}, {found[client].cpu:.2f} ms"
        lines.append(
            figure(f"decisions, against {client}", mine.rate, "1/s", rival, ratio, f">= {goal}x", ratio >= goal)
        )
    return lines


def after_a_second(rounds: int) -> list[dict[str, Any]]:
    """Measure a server that answers after one second."""
    with stub_server(latency=1.0) as url:
        some = medians(url, {"ours": 5_000}, 1_000, rounds)["ours"]
        many = medians(url, {"ours": 30_000, "raw": 30_000}, 10_000, rounds)
    share, ratio, memory = some.rate / 1_000, many["ours"].rate / many["raw"].rate, many["ours"].memory
    return [
        figure("1,000 outstanding at 1 s", some.rate, "1/s", "ideal: 1,000", share, ">= 0.85x", share >= 0.85),
        figure("10,000 outstanding at 1 s", many["ours"].rate, "1/s", f"raw asyncio: {many['raw'].rate:,.0f}", ratio,
               ">= 0.7x", ratio >= 0.7),
        figure("memory of 10,000 outstanding", memory, "MB", f"raw asyncio: {many['raw'].memory:.0f}",
               memory / many["raw"].memory, "<= 250 MB", memory <= 250),
    ]  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON object per figure")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each client; 5 for figures that are kept")
    parser.add_argument("--child", nargs=4, metavar=("CLIENT", "URL", "N", "AT_ONCE"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        client, url, n, at_once = given.child
        child(client, url, int(n), int(at_once))
        return
    for line in [*at_once_64(given.rounds), *after_a_second(given.rounds)]:
        if given.json:
            print(json.dumps(line), flush=True)
        else:
            print(
                f"{line['name']:32} {line['value']:>10,} {line['unit']:4} {line['ratio']:>7}x  {line['rival']:32}"
                f" goal {line['goal']}: {'ok' if line['ok'] else 'MISSED'}"
            )


if __name__ == "__main__":
    main()

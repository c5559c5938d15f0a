"""A server of chat completions whose every answer a test decides, in a thread of the test's own process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Call:
    """A call as the server got it.

    Attributes:
        attempt: 1 for the first call with these fields.
        connection: that it came on, from 0.
    """

    path: str
    headers: dict[str, str]
    fields: dict[str, Any]
    attempt: int
    connection: int = 0


@dataclass
class Server:
    """What came in, and how it is answered.

    Attributes:
        answer: call -> bytes to send, None to hang, or a pair of bytes and "close" to cut the line after them.
        models: ids that the server lists.
        at_once: the most calls that were on their way at the same time.
    """

    answer: Callable[[Call], Any]
    models: list[dict[str, Any]] = field(default_factory=lambda: [{"id": "m", "owned_by": "test"}])
    calls: list[Call] = field(default_factory=list)
    at_once: int = 0
    delay: float = 0.0
    url: str = ""
    listed: bytes = b""
    """What is answered to a request for the models, where it is not :attr:`models`."""
    host: str = "127.0.0.1"
    _now: int = 0
    _connections: int = 0
    _seen: Counter[str] = field(default_factory=Counter)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection, self._connections = self._connections, self._connections + 1
        with contextlib.suppress(asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            while True:
                await self._exchange(reader, writer, connection)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        path = head[0].split()[1]
        if path.endswith("/models"):
            writer.write(self.listed or ok({"data": self.models}))
            return
        self._seen[path + body.decode()] += 1
        call = Call(path, headers, json.loads(body or b"{}"), self._seen[path + body.decode()], connection)
        self.calls.append(call)
        self._now += 1
        self.at_once = max(self.at_once, self._now)
        try:
            if self.delay:
                await asyncio.sleep(self.delay)
            found = self.answer(call)
            if found is None:
                await asyncio.sleep(3600)
            cut = isinstance(found, tuple)
            writer.write(found[0] if cut else found)
            await writer.drain()
            if cut:
                raise ConnectionError
        finally:
            self._now -= 1


def ok(fields: Any, status: str = "200 OK", **headers: str) -> bytes:
    """Return an answer with a JSON body, or with bytes as they are."""
    body = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def completion(text: str | None, finish: str = "stop", **message: Any) -> bytes:
    """Return a whole answer that says ``text``."""
    choice = {"message": {"role": "assistant", "content": text, **message}, "finish_reason": finish}
    return ok({"choices": [choice], "usage": {"prompt_tokens": 7, "completion_tokens": len((text or "").split())}})


def echo(call: Call) -> bytes:
    """Answer with the call's seed."""
    return completion(f"seed {call.fields['seed']}")


def pocket_at(url: str, **endpoint: Any) -> tuple[str, str]:
    """Return the options by which a server writes in the pocket model's place; ``--llm`` alone never has one do so."""
    return "--set", f"serving.models={json.dumps({'pocket': {'url': url, **endpoint}})}"


@contextlib.contextmanager
def serving(answer: Callable[[Call], Any] = echo, **settings: Any) -> Iterator[Server]:
    """Run a server; yield it."""
    server, loop, ready = Server(answer, **settings), asyncio.new_event_loop(), threading.Event()
    listening: Any = None

    async def begin() -> None:
        nonlocal listening
        listening = await asyncio.start_server(server.handle, server.host, 0)
        host = f"[{server.host}]" if ":" in server.host else server.host
        server.url = f"http://{host}:{listening.sockets[0].getsockname()[1]}/v1"
        ready.set()

    def run() -> None:
        asyncio.set_event_loop(loop)
        loop.create_task(begin())
        loop.run_forever()
        listening.close()
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    ready.wait()
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()

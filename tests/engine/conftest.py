"""A real vLLM with the pocket model, in this process and behind its OpenAI-compatible server."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ENVIRONMENT = {
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_NO_USAGE_STATS": "1",
    "OMP_NUM_THREADS": "1",
}
ENGINE: dict[str, Any] = {"dtype": "float32", "enforce_eager": True, "max_model_len": 2048, "max_num_seqs": 64}
"""Of vLLM's arguments: exact numbers, and nothing that only pays for large models."""
JSON = '{"backend": "xgrammar", "disable_any_whitespace": true}'
STARTS = 240
"""Seconds that a server may take to start."""


def pytest_configure() -> None:
    os.environ.update(ENVIRONMENT)  # before anything imports vLLM


@pytest.fixture(scope="session", autouse=True)
def _vllm() -> None:
    pytest.importorskip("vllm", reason="vLLM is not installed: make test-engine")


@pytest.fixture(scope="session")
def pocket() -> Path:
    from abm.llm.folders import model_folder

    return model_folder("pocket")


@pytest.fixture(scope="session")
def adapters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of adapters: see :func:`named`."""
    return tmp_path_factory.mktemp("adapters")


@pytest.fixture(scope="session")
def named(pocket: Path, adapters: Path) -> dict[str, str]:
    """The ids of four adapters of the pocket model that make it write otherwise: ``one`` to ``four``; ``""`` is the base."""
    from tests.support.tiny import save_tiny_adapter

    names = ("one", "two", "three", "four")
    return {"": ""} | {name: save_tiny_adapter(pocket, adapters, seed=seed) for seed, name in enumerate(names, start=1)}


class Server:
    """vLLM's API server with the pocket model, on a port of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def start(self) -> None:
        """Start it and wait until it answers."""
        flags = [
            f"--{name.replace('_', '-')}" + ("" if value is True else f"={value}") for name, value in ENGINE.items()
        ]
        flags.append("--no-enable-chunked-prefill")  # see abm.llm._vllm.ON_CPU
        command = [
            sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(self.folder), "--host", "127.0.0.1",
            "--port", str(self.port), "--structured-outputs-config", JSON, "--enable-lora", "--max-loras", "3", "--max-lora-rank", "16", *flags,
        ]  # fmt: skip
        self.process = subprocess.Popen(
            command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=os.environ | ENVIRONMENT | {"VLLM_ENABLE_V1_MULTIPROCESSING": "1"},
        )  # fmt: skip
        until = time.monotonic() + STARTS
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended with {self.process.returncode}")
            try:
                if self.get("/health")[0] == 200:
                    return
            except OSError:
                time.sleep(0.5)
        raise RuntimeError("the server did not start")

    def kill(self) -> None:
        """End it and all its processes at once, as a crash of the machine does."""
        if self.process is None:
            return
        import psutil

        family = [psutil.Process(self.process.pid), *psutil.Process(self.process.pid).children(recursive=True)]
        for each in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process = None

    def get(self, path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def models(self) -> set[str]:
        """Names of the model and of the adapters that it holds."""
        return {each["id"] for each in json.loads(self.get("/v1/models")[1])["data"]}

    def finished(self) -> int:
        """Completions that it has made since it started."""
        lines = self.get("/metrics")[1].splitlines()
        return round(sum(float(line.split()[-1]) for line in lines if line.startswith("vllm:request_success_total")))


@pytest.fixture(scope="session")
def server(pocket: Path) -> Iterator[Server]:
    found = Server(pocket)
    try:
        found.start()
        yield found
    finally:
        found.kill()


@pytest.fixture(scope="session")
def engine(adapters: Path) -> Iterator[Any]:
    from abm.llm._vllm import VLLM

    found = VLLM("pocket", adapters=adapters, **ENGINE)
    yield found
    found.close()

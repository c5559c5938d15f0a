"""Serving the pages on this machine: loopback only, from local files, with nothing sent anywhere.

The settings of the server underneath are made before it is first imported; it reads them then and never again.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from moloch.errors import InputError
from moloch.extras import how_to_get

HOST = "127.0.0.1"
PORT = 8765
APP = "analysis.ui.app"
NICENESS = 10
"""How far the pages' priority is below a run's: beside a run that takes every core they get a tenth of one."""
_ASSETS = Path(__file__).parent / "assets"
_ENDING = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


def serve(
    runs: Iterable[Path],
    *,
    folders: Iterable[Path] = (),
    port: int = PORT,
    llm: str = "",
    hidden: Callable[[Path], bool] = lambda run: False,
    draw: Callable[[Path, str, str], bytes],
    token: str,
    ready: Callable[[str], None],
) -> None:
    """Serve the pages until the process is interrupted.

    Args:
        runs: run folders to show.
        folders: those whose runs and studies are shown too, new ones as they come.
        port: 0 for any free one.
        hidden: tells which runs of the folders are not shown.
        llm: where a model is served that personas can be interviewed with; empty for nowhere.
        draw: draws figures of runs; see :data:`analysis.ui.downloads.Draw`.
        token: what opens the pages; empty for pages that every user of this machine can read.
        ready: called with the pages' address, without the token, when they can be opened.

    Raises:
        InputError: the ``ui`` extra is not installed, or the port is taken.
    """
    with ended_by_signals(), bound(port) as listening, tempfile.TemporaryDirectory(prefix="moloch-ui-") as home:
        _settings(home)
        pages, assets = _pages()
        from analysis.ui.downloads import Downloads
        from analysis.ui.guard import Guard
        from analysis.ui.library import open_library

        library = open_library(runs, folders, llm, hidden)
        try:
            _run(Guard(Downloads(pages, draw), assets, token), listening, ready)
        finally:
            library.close()


@contextlib.contextmanager
def ended_by_signals() -> Iterator[None]:
    """Have the signals that end a process raise SystemExit within the block, so that its resources are released.

    The server underneath shuts down in order on a signal, and then sends itself the signal again.
    """

    def end(number: int, _frame: object) -> None:
        if number != signal.SIGTERM:
            signal.raise_signal(signal.SIGTERM)  # which the server ends by in order
            return
        raise SystemExit(128 + number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ours = [number for number in _ENDING if signal.getsignal(number) == signal.SIG_DFL]  # not those that nohup ignores
    before = {number: signal.signal(number, end) for number in ours}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def yield_to_runs() -> None:
    """Lower this process's priority, so that the scheduler serves a run on the same machine first."""
    if hasattr(os, "nice"):  # POSIX; what was started before, such as a browser, keeps its own
        os.nice(NICENESS)


@contextlib.contextmanager
def bound(port: int) -> Any:
    """Yield a socket that listens on loopback.

    Raises:
        InputError: the port is taken, or may not be used.
    """
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
    except (OSError, OverflowError) as error:
        listening.close()
        why = getattr(error, "strerror", None) or str(error)
        fix = "Choose another with --port; 0 takes any that is free."
        raise InputError(f"cannot serve on port {port}", where=HOST, why=why, fix=fix) from error
    with contextlib.closing(listening):
        yield listening


def _settings(home: str) -> None:
    """Set what the server underneath reads from its environment: no telemetry, no extra files, no reloading."""
    os.environ |= {
        "SOLARA_APP": APP,
        "SOLARA_MODE": "production",
        "SOLARA_HOME": home,
        "SOLARA_TELEMETRY_MIXPANEL_ENABLE": "false",
        "SOLARA_ASSETS_PROXY": "true",
        "SOLARA_ASSETS_CDN": f"http://{HOST}:9/",  # where nothing listens: missing files are not fetched
        "SOLARA_ASSETS_FONTAWESOME_ENABLED": "false",
        "SOLARA_THEME_LOADER": "plain",
        "SOLARA_THEME_TITLE": "Moloch",
        "SOLARA_THEME_SHOW_BANNER": "false",
        "SOLARA_SESSION_HTTPS_ONLY": "false",
        "SOLARA_SESSION_HTTP_ONLY": "true",
        "SOLARA_OAUTH_PRIVATE": "false",
        "SOLARA_SSG_ENABLED": "false",
        "SOLARA_KERNEL_CULL_TIMEOUT": "2h",  # of a page whose browser vanished
    }


def _pages() -> tuple[Any, Path]:
    """Return the pages as an ASGI application, and the folder of the front end's files."""
    warnings.filterwarnings("ignore", module=r"solara\b")  # about proxies and cookies that are not ours
    missing = InputError("no pages here", why="the ui extra is not installed", fix=how_to_get("ui"))
    try:
        import anywidget  # noqa: F401  # pyright: ignore[reportMissingImports]
        import solara.server.settings as settings  # pyright: ignore[reportMissingImports]
        import solara.server.starlette as server  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise missing from error
    assets = Path(settings.assets.proxy_cache_dir)
    if not (assets / "@widgetti").is_dir():
        raise InputError(
            "the pages' front end is missing",
            where=str(assets),
            why="solara-assets is not installed beside solara",
            fix=how_to_get("ui"),
        )
    settings.assets.extra_locations = [str(_ASSETS)]
    return server.app, assets


def _run(app: Any, listening: socket.socket, ready: Callable[[str], None]) -> None:
    import uvicorn  # pyright: ignore[reportMissingImports]

    class Server(uvicorn.Server):
        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets=sockets)
            if self.started:
                ready(f"http://{HOST}:{listening.getsockname()[1]}/")
                yield_to_runs()

    config = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, ws_max_size=2**20, timeout_graceful_shutdown=2
    )
    with contextlib.suppress(KeyboardInterrupt):
        Server(config).run(sockets=[listening])

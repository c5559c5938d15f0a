"""An S3 of this machine: a real protocol on loopback, with buckets in memory, that can be told to refuse or to break."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

KEY_ID, SECRET = "an-id-of-nobody", "a-secret-of-nobody"
BUCKET = "bucket"
Fault = Callable[[str, str], tuple[int, str] | None]
"""Method and path -> the status and the code with which a request is refused; None: it is answered."""


class ObjectServer:
    """Answers as S3 does.

    Attributes:
        fault: looks at each request first.
        asked: method and path of all requests so far.
    """

    def __init__(self) -> None:
        from moto.server import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import make_server

        self._app: Any = DomainDispatcherApplication(create_backend_app)
        self.fault: Fault = lambda method, path: None
        self.asked: list[tuple[str, str]] = []
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True)
        self._thread = threading.Thread(target=self._server.serve_forever, name="object server", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def environment(self) -> dict[str, str]:
        """What programs need to find it: an address and credentials of nobody."""
        return {
            "AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": self.url, "AWS_ALLOW_HTTP": "true", "AWS_METADATA_ENDPOINT": f"{self.url}/metadata",
        }  # fmt: skip

    def objects(self) -> dict[str, bytes]:
        """Return every object of the bucket: name -> bytes."""
        found = {key.name: key.value for key in self._bucket().keys.values()}
        return dict(sorted(found.items()))

    def damage(self, name: str, data: bytes) -> None:
        """Change an object behind everybody's back."""
        self._bucket().keys[name].value = data

    def fill(self, objects: Mapping[str, bytes]) -> None:
        """Hold these objects, and no others."""
        self.empty()
        for name, data in objects.items():
            _storage().put_object(BUCKET, name, data)

    def empty(self) -> None:
        """Forget everything but the bucket, and all that was asked."""
        _storage().reset()
        _storage().create_bucket(BUCKET, "us-east-1")
        self.asked.clear()

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _bucket(self) -> Any:
        return _storage().buckets[BUCKET]

    def _answer(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        self.asked.append((method, path))
        if path.startswith("/metadata"):  # where a machine of Amazon's own would find credentials
            start("404 Not Found", [("Content-Length", "0")])
            return [b""]
        if (refused := self.fault(method, path)) is not None:
            status, code = refused
            body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>no</Message></Error>".encode()
            start(f"{status} No", [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
            return [body]
        return self._app(environ, start)


@contextmanager
def served() -> Iterator[ObjectServer]:
    """Yield a server with one empty bucket."""
    server = ObjectServer()
    try:
        server.empty()
        yield server
    finally:
        server.close()


def _storage() -> Any:
    from moto.core import DEFAULT_ACCOUNT_ID
    from moto.s3.models import s3_backends

    return s3_backends[DEFAULT_ACCOUNT_ID]["aws"]

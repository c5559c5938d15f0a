"""A folder in object storage, as :mod:`obstore` reaches it: S3 and what speaks like it, Google's, Azure's, or a folder of this machine.

Credentials come from the environment, as the provider's own tools read them there; none is in a message or in a file of ours.
Knows nothing of logs.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from moloch.durable import sync
from moloch.errors import Conflict, InputError, LogError
from moloch.extras import how_to_get

if TYPE_CHECKING:
    from obstore.store import ObjectStore

RETRY_S = 30
"""Seconds for which a request that comes to nothing is repeated."""
TRIES = 4
"""Times that it is."""
_SECRET = re.compile(r"KEY|SECRET|TOKEN|PASSWORD|CREDENTIAL|SAS|SIGNATURE")


class StoredObject(NamedTuple):
    """An object: its name, relative to the folder, its size in bytes, and when it was put, by the storage's clock."""

    name: str
    nbytes: int
    put_at: datetime


class ObjectFolder:
    """A folder in object storage.

    Args:
        url: ``s3://bucket/folder``, ``gs://``, ``az://``, ``file:///folder``.

    Raises:
        InputError: ``obstore`` is not installed, or it cannot make sense of the URL.
    """

    def __init__(self, url: str) -> None:
        try:
            import obstore
        except ImportError as error:
            raise InputError(
                "object storage needs the store extra", why="obstore is not installed", fix=how_to_get("store")
            ) from error
        self._obstore, self.url = obstore, url.rstrip("/")
        self._store = _opened(url)

    def put(self, name: str, data: Path | bytes, *, fixed: bool) -> bool:
        """Put a file, or bytes, if they are not there; tell whether they were put.

        Args:
            fixed: what is there with other bytes is an error; else it is replaced.

        Raises:
            Conflict: it is there with other bytes.
            LogError: the storage refuses.
        """
        with self._asked(name, "cannot upload"):
            try:
                self._obstore.put(self._store, name, data, mode="create")
                return True
            except self._obstore.exceptions.AlreadyExistsError:
                if self._holds(name, data):
                    return False
            if fixed:
                raise Conflict(
                    "the object store holds something else",
                    where=f"{self.url}/{name}",
                    why=f"its bytes are not those of {data}" if isinstance(data, Path) else "its bytes are not ours",
                    fix="Nothing was overwritten. Upload to another folder, or find out who put it there.",
                )
            self._obstore.put(self._store, name, data, mode="overwrite")
            return True

    def replace(self, name: str, data: Path | bytes) -> None:
        """Put a file, or bytes, whatever is there.

        Raises:
            LogError: the storage refuses.
        """
        with self._asked(name, "cannot upload"):
            self._obstore.put(self._store, name, data, mode="overwrite")

    def objects(self, folder: str = "") -> list[StoredObject]:
        """Return what is there, in a folder within this one or in all, in the order of the names.

        Raises:
            LogError: the storage refuses.
        """
        with self._asked(folder, "cannot list what is in object storage"):
            found = self._obstore.list(self._store, f"{folder}/" if folder else None).collect()
        return sorted(StoredObject(each["path"], each["size"], each["last_modified"]) for each in found)

    def read(self, name: str) -> bytes | None:
        """Return the bytes of an object; None if there is none of that name.

        Raises:
            LogError: the storage refuses.
        """
        with self._asked(name, "cannot read from object storage"):
            try:
                return bytes(self._obstore.get(self._store, name).bytes())
            except FileNotFoundError as error:
                if _is_no_bucket(error):
                    raise
                return None

    def save(self, name: str, path: Path) -> None:
        """Write an object to a file, which is there whole and durable or not at all.

        Raises:
            LogError: the storage refuses, there is no such object, it ended early, or the file cannot be written.
        """
        new = path.with_name(f".{path.name}.{os.getpid()}.new")
        with self._asked(name, "cannot read from object storage"):
            try:
                stored = self._obstore.get(self._store, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                with new.open("wb") as file:
                    for part in stored.stream():
                        file.write(part)
                if new.stat().st_size != stored.meta["size"]:
                    raise OSError(f"{new.stat().st_size:,} of {stored.meta['size']:,} bytes came")
                sync(new)
                new.replace(path)
                sync(path.parent)
            finally:
                new.unlink(missing_ok=True)

    def delete(self, names: list[str]) -> None:
        """Delete objects that nobody needs any more; where that is not allowed, they stay."""
        with suppress(self._obstore.exceptions.BaseError, OSError):
            self._obstore.delete(self._store, names)

    def _holds(self, name: str, data: Path | bytes) -> bool:
        """Tell whether the storage holds exactly these bytes."""
        stored = self._obstore.get(self._store, name)
        if isinstance(data, bytes):
            return stored.meta["size"] == len(data) and bytes(stored.bytes()) == data
        if stored.meta["size"] != data.stat().st_size:
            return False
        with data.open("rb") as file:
            return all(file.read(len(part)) == bytes(part) for part in stored.stream())

    @contextmanager
    def _asked(self, name: str, what: str) -> Iterator[None]:
        """Turn what the storage says into one error that names the object."""
        where = f"{self.url}/{name}" if name else self.url
        try:
            yield
        except NotImplementedError as error:  # plain HTTP, for one, knows no put that refuses to overwrite
            raise _no_folder(self.url, "this kind of storage cannot be told never to overwrite") from error
        except (self._obstore.exceptions.BaseError, OSError) as error:
            why, fix = _told(error)
            raise LogError(what, where=where, why=why, fix=fix) from None  # the cause may quote what was signed


def _told(error: Exception) -> tuple[str, str]:
    """Return why a request came to nothing, and what helps."""
    text = str(error)
    again = "Nothing is lost; the same command resumes."
    if _is_no_bucket(error):
        return "there is no such bucket", f"Make it, or give another one. {again}"
    if "169.254.169.254" in text or "metadata" in text.lower() or "Unauthenticated" in type(error).__name__:
        return (
            "there are no credentials in the environment, or the storage does not know them",
            f"Set them as your provider says: for S3 AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION. {again}",
        )
    if re.search(r"\b(401|403)\b", text) or "Permission" in type(error).__name__:
        code = re.search(r"<Code>(\w{1,60})</Code>", text)
        said = f" ({code[1]})" if code else ""
        return (
            f"the credentials are refused{said}",
            f"Check that they are right, and that they allow reading and writing there. {again}",
        )
    if isinstance(error, FileNotFoundError):
        return "it is not there", ""
    if "BadScheme" in text:
        return (
            "the storage's address is plain HTTP, which is not encrypted",
            f"Use https, or for a server of this machine set AWS_ALLOW_HTTP=true. {again}",
        )
    if status := re.search(r"status code: (\d{3}[\w ]*)", text):
        return f"it answers {status[1]}", f"That may pass. {again}"
    if "error sending request" in text or "timed out" in text or "timeout" in text.lower():
        return "it cannot be reached", f"Check the address and your network. {again}"
    return _without_secrets(text.split("\n")[0])[:300], f"Check the address and your network. {again}"


def _is_no_bucket(error: Exception) -> bool:
    return any(code in str(error) for code in ("NoSuchBucket", "ContainerNotFound", "bucket does not exist"))


def _without_secrets(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """Return a text without any value of the environment that may be one."""
    for name, value in environment.items():
        if len(value) >= 6 and _SECRET.search(name.upper()):
            text = text.replace(value, f"${name}")
    return text


def _opened(url: str) -> ObjectStore:
    from obstore.exceptions import BaseError
    from obstore.store import LocalStore, from_url

    parts = urlsplit(url)
    if parts.query or "@" in parts.netloc:
        safe = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        raise _no_folder(safe, "it has a name or a key in it; credentials are read from the environment only")
    try:
        if url.startswith("file:"):
            return LocalStore.from_url(url, mkdir=True)
        return from_url(url, retry_config={"max_retries": TRIES, "retry_timeout": timedelta(seconds=RETRY_S)})
    except (BaseError, ValueError, OSError) as error:
        raise _no_folder(url, _without_secrets(str(error).splitlines()[0])) from None


def _no_folder(url: str, why: str) -> InputError:
    fix = "Give one such as s3://bucket/folder or file:///folder."
    return InputError("not a folder in object storage", where=url, why=why, fix=fix)

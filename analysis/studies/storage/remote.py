"""A study in object storage: its own log, its page, what was spent; and which folder writes there, one at a time.

Who writes is an object per holder, put if absent and never deleted: the highest number holds. A holder that was lost is
followed by the next number, and stops if it comes back. Should both write all the same, put-if-absent leaves one history.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from abm.llm.lease import FILE as LEASES
from abm.log import Head, open_log
from abm.log.mirror import LogMirror
from abm.log.objects import ObjectFolder, StoredObject
from analysis.studies.record.layout import LOG, PAGE, Layout, is_study
from analysis.studies.record.study_log import user
from analysis.studies.storage.uploads import BEAT_S
from moloch.beats import beats
from moloch.errors import Conflict, InputError, LogError, MolochError

STALE_S = 180.0
"""Seconds without a sign, by the storage's clock, after which a holder counts as lost."""
HOLDER = "holder"
"""Folder of who writes there."""


class FolderHold(msgspec.Struct, frozen=True):
    """A folder that writes a study's objects.

    Attributes:
        copy: a random word that stands in the folder, too: whatever works on that folder is one holder.
        by: user and machine.
        events, head: of the study's log, which is there at least up to here.
        released: nobody works on it any more.
    """

    copy: str
    by: str
    events: int = 0
    head: str = ""
    released: bool = False


def last_hold(folder: ObjectFolder, objects: Iterable[StoredObject]) -> tuple[int, StoredObject, FolderHold] | None:
    """Return who writes a study's objects, or did last, with its number; None where nobody did.

    Raises:
        LogError: the storage refuses.
    """
    found = [each for each in objects if re.fullmatch(rf"{HOLDER}/\d{{6}}\.json", each.name)]
    if not found:
        return None
    try:
        hold = msgspec.json.decode(folder.read(found[-1].name) or b"", type=FolderHold)
    except msgspec.DecodeError as error:
        raise LogError(
            "cannot tell who writes there",
            where=f"{folder.url}/{found[-1].name}",
            why=str(error),
            fix="Give another URL.",
        ) from error
    return int(Path(found[-1].name).stem), found[-1], hold


class StudyRemote:
    """A study's folder in object storage.

    Args:
        layout: of the folder here.
        store: URL of the one there.

    Raises:
        InputError: it is no URL that can be uploaded to.
    """

    def __init__(self, layout: Layout, store: str) -> None:
        self._layout, self._folder = layout, ObjectFolder(store)
        self._log = LogMirror(layout.log, self._folder, f"{LOG}/", projected=False)
        self._put: dict[str, int] = {}
        self._number, self._head = 0, Head(0, "")
        self._lost: MolochError | None = None

    def hold(self) -> bool:
        """See that the storage takes and gives, and become the one who writes there; return whether somebody else did before.

        Raises:
            InputError: another folder's controller works on it.
            LogError: the storage refuses, or does not give what it was given.
        """
        now, copy = self._checked(), self._copy()
        last = last_hold(self._folder, self._folder.objects(HOLDER))
        number, before = 0, None
        if last is not None:
            number, signed, before = last
            self._head = Head(before.events, before.head)
            if before.copy == copy:
                self._number = number
                if before.released:  # by a controller of before
                    self._sign()
                return False
            age = (now.put_at - signed.put_at).total_seconds()
            if not before.released and age < STALE_S:
                raise InputError(
                    "another folder's controller works on this study",
                    where=self._folder.url,
                    why=f"{before.by}, last seen {max(age, 0):.0f} s ago",
                    fix=f"Work on that folder, or wait until its controller has ended; {STALE_S:.0f} s after its last sign it counts as lost.",
                )
        self._number = number + 1
        try:
            self._folder.put(self._name(), msgspec.json.encode(FolderHold(copy, user(), *self._head)), fixed=True)
        except Conflict:  # two at once: one is first
            return self.hold()
        return before is not None

    def put_new(self) -> None:
        """Put what of the study itself is new.

        Raises:
            Conflict: somebody else writes there now, or another history is there.
            LogError: the storage refuses.
        """
        self._check_held()
        if not is_study(self._layout.folder):
            return
        self._head = open_log(self._layout.log, write=False).head()
        for path in (self._layout.page, self._layout.budget / LEASES, *self._layout.output.glob("*.traceback.txt")):
            if path.is_file() and self._put.get(path.name) != (size := path.stat().st_size):
                self._folder.replace(path.relative_to(self._layout.folder).as_posix(), path.read_bytes())
                self._put[path.name] = size if path.name != PAGE else -1  # a page may change and stay as long
        self._log.put_new()
        self._sign()

    @contextlib.contextmanager
    def following(self, every: float = BEAT_S) -> Iterator[None]:
        """Put what is new every few seconds, and at the end; then let go, so that another folder can go on at once.

        Raises (at the end):
            MolochError: as :meth:`put_new`.
        """

        def put() -> bool:
            try:
                self.put_new()
            except (InputError, Conflict) as error:  # it is another's now
                self._lost = error
                return False
            except (MolochError, OSError):
                pass  # it is put the next time, or said at the end
            return True

        with beats(put, every, "study in object storage"):
            yield
        self.check()
        self.put_new()
        self._sign(released=True)

    def check(self) -> None:
        """Raise what came in the way of putting, if it stays."""
        if self._lost is not None:
            raise self._lost

    def _sign(self, *, released: bool = False) -> None:
        """Give a sign, with how far the study's log is there."""
        said = FolderHold(self._copy(), user(), self._head.seq, self._head.hash, released)
        self._folder.replace(self._name(), msgspec.json.encode(said))

    def _check_held(self) -> None:
        """See that nobody else writes there by now.

        Raises:
            Conflict: somebody does.
        """
        last = last_hold(self._folder, self._folder.objects(HOLDER))
        if last is None or last[0] <= self._number:
            return
        raise Conflict(
            "the study was taken over",
            where=self._folder.url,
            why=f"{last[2].by} continues it in another folder, because this one gave no sign for {STALE_S:.0f} s",
            fix="What was uploaded stays there. moloch study fetch brings the study into another folder.",
        )

    def _name(self) -> str:
        return f"{HOLDER}/{self._number:06d}.json"

    def _checked(self) -> StoredObject:
        """Put a random word, and read it again; return how the storage has it."""
        name, word = f"sentinel/{secrets.token_hex(8)}", secrets.token_bytes(16)
        self._folder.put(name, word, fixed=True)
        found = [each for each in self._folder.objects("sentinel") if each.name == name]
        if not found or self._folder.read(name) != word:
            raise LogError(
                "object storage does not return what was written to it",
                where=f"{self._folder.url}/{name}",
                fix="Use a storage that shows an object as soon as it is written.",
            )
        self._folder.delete([name])
        return found[0]

    def _copy(self) -> str:
        """Return the word that stands in the folder here; the first who asks makes it."""
        path = self._layout.copy
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            new = path.with_name(f".{path.name}.{os.getpid()}.new")
            new.write_text(secrets.token_hex(16), "utf-8")
            with contextlib.suppress(FileExistsError):
                os.link(new, path)
            new.unlink()
        return path.read_text("utf-8")

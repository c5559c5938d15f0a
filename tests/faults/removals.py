"""How each guard is taken away: one function each, that changes one thing in the product's modules. See ``mutations``."""

from __future__ import annotations

import collections
import contextlib
import os
from pathlib import Path
from urllib.parse import urlsplit

from backports import zstd

from abm import events, probe
from abm.arenas import completions
from abm.journal import _adapters as adapters_held
from abm.journal import _answers, decisions, live
from abm.llm import _vllm, adapters, budget, lease, ledger, weights
from abm.llm.http import _adapters as served
from abm.llm.http import _ids
from abm.log import (
    about,
    codec,
    commit_files,
    disk,
    eventlog,
    parquet,
    projection,
    recovery,
    segments,
    tail,
    upcast,
    writer,
)
from abm.state import snapshots, state
from analysis.studies.record import claims
from analysis.studies.work import controller
from analysis.ui import guard, key
from analysis.ui.data import life
from learning.runs import fork, redecide, verdicts
from learning.runs import run as run_module
from learning.training import _adapters as saved
from moloch import keyed


def no_truncation() -> None:
    recovery.set_aside = writer.set_aside = lambda run, path, start: ("kept.bin", 0)  # type: ignore[assignment]
    disk.truncate = lambda file, size: None


def torn_for_damaged() -> None:
    read = codec.read_header

    def lenient(data: bytes) -> codec.Header:
        try:
            return read(data)
        except ValueError:
            raise codec.Torn from None

    segments.read_header = lenient


def no_hash() -> None:
    def split(header: codec.Header, body: bytes) -> tuple[bytes, int, codec.Commit]:
        try:
            text = zstd.decompress(body)
            end = text.rfind(b"\n", 0, -1) + 1
            return text, end, codec._commit_decoder.decode(text[end:]).commit
        except zstd.ZstdError as error:
            raise ValueError(str(error)) from error

    segments.split = split


def no_chain() -> None:
    following = segments._next
    segments._next = lambda segment, at, start, file, prev, seq: following(segment, at, start, file, None, seq)


def no_sync() -> None:
    def write(self: writer.Writer, data: bytes) -> None:
        disk.write_all(self._file, data)
        self._size += len(data)

    writer.Writer._write = write


def ack_before_sync() -> None:
    def write(self: writer.Writer, data: bytes) -> None:
        disk.write_all(self._file, data)
        self._size += len(data)

    commit = writer.Writer._commit

    def early(self: writer.Writer, group: list) -> None:
        commit(self, group)
        disk.sync_data(self._file)

    writer.Writer._write, writer.Writer._commit = write, early


def no_folder_sync() -> None:
    disk.open_appending = lambda path: os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)


def no_poison() -> None:
    def fail(self: writer.Writer, group: list, error: BaseException) -> None:
        writer._refuse(group, disk.unwritable(self._segment.path, error))

    writer.Writer._fail = fail


def commits_unsettled() -> None:
    commit_files.CommitFiles.make = lambda self, seq, data: True


def no_size_check() -> None:
    def write(self: writer.Writer, data: bytes) -> None:
        disk.write_all(self._file, data)
        disk.sync_data(self._file)
        self._size += len(data)

    writer.Writer._write = write


def no_lock() -> None:
    disk.fcntl.flock = lambda descriptor, how: None  # type: ignore[assignment]


def no_owner() -> None:
    pid = os.getpid()
    writer.os = type("os", (), {**vars(os), "getpid": staticmethod(lambda: pid)})  # type: ignore[assignment]


def no_torn() -> None:
    following = segments._next

    def eager(segment, at, start, file, prev, seq):
        try:
            return following(segment, at, start, file, prev, seq)
        except codec.Torn as torn:
            raise segments.damaged(str(segment.path), "it ends within a commit") from torn

    segments._next = eager


def time_in_digest() -> None:
    canonical, replace = decisions.Decisions._decision, decisions.msgspec.structs.replace

    def dated(self: decisions.Decisions, event: events.Event, line: bytes | None = None) -> decisions.Decision:
        decision = canonical(self, event, line)
        return decisions.Decision(replace(decision.event, at=event.at), decision.seq, decision.line)

    decisions.Decisions._decision = dated


def hash_of_the_process() -> None:
    keyed.key = lambda *parts: hash(parts) & (2**128 - 1)


def no_upcast() -> None:
    upcast.UPCASTERS.clear()


def any_projection() -> None:
    def there(run: Path, segment: segments.Segment, after: object, which: parquet.Projection = parquet.EVENTS) -> bool:
        return parquet.path_of(run, segment, which).exists()

    projection.is_current = parquet.is_current = there


def cut_is_an_end() -> None:
    end = about.find_end
    about.find_end = lambda run, manifest: end(run, manifest)._replace(torn=False)


def begin_again() -> None:
    eventlog.check_not_lost = lambda run, manifest: None


def kept_answers_forgotten() -> None:
    live.kept = lambda run, repaired: []


def unpack_anything() -> None:
    codec._unpacked = lambda body: codec.zstd.decompress(body)


def circles_unseen() -> None:
    segments.parent_of = segments._parent


def shared_files_written() -> None:
    disk.unshare = lambda path: None


def events_taken_as_they_are() -> None:
    state.apply = state._apply


def any_bytes() -> None:
    parquet.vouched = snapshots.vouched = lambda about, sha256: True  # type: ignore[assignment]


def any_snapshot() -> None:
    def read(self: snapshots.Snapshots, seq: int, log: object) -> object:
        raw = (self.folder / f"{seq:020d}.json").read_bytes()
        return snapshots.msgspec.json.decode(raw, type=snapshots._Snapshot, dec_hook=snapshots._decoded).state

    snapshots.Snapshots._read = read  # type: ignore[assignment]


def no_pointer_check() -> None:
    def shared(run, fork, start, stop):
        parent = segments.parent_of(run, fork)
        end = fork.seq if stop is None else min(stop, fork.seq)
        yield from segments.walk(parent, segments.read_manifest(parent).genesis, start, end)

    segments._shared = shared


def keys_forgotten() -> None:
    found = recovery.find_end
    writer.find_end = lambda run, manifest: found(run, manifest)._replace(keys={})


def answers_forgotten() -> None:
    ask = live.LiveJournal.ask

    def forgetting(self: live.LiveJournal, llm, requests, *, step: int, cause: int):
        while self.logged(events.LLMReplied) is not None:
            self._ahead.take()
        self._answers = live.Answers(self.log)
        return ask(self, llm, requests, step=step, cause=cause)

    live.LiveJournal.ask = forgetting


def batches_not_durable() -> None:
    live.in_batches = lambda llm, requests: [requests]


def batches_cut_anew() -> None:
    together = live.LiveJournal._ask_together

    def anew(self: live.LiveJournal, call, requests, answered):
        return together(self, call, [request for request in requests if request.site not in answered], answered)

    live.LiveJournal._ask_together = anew


def handles_leak() -> None:
    def opening(self: writer.Writer, segment: segments.Segment) -> None:
        file = disk.open_appending(segment.path)
        self._file, self._segment, self._size = file, segment, os.fstat(file).st_size

    writer.Writer._open = opening


def one_encoder() -> None:
    shared = codec.Encoder()
    writer.Encoder = lambda: shared  # type: ignore[assignment, misc]


def tail_starts_over() -> None:
    new = tail.Tail.new

    def again(self: tail.Tail):
        self._at, self._seq, self._prev = 0, self._manifest.base, self._manifest.genesis
        self._segment = None
        return new(self)

    tail.Tail.new = again


def no_order() -> None:
    def following(segment, at, start, file, prev, seq):
        header = codec.read_header(start)
        text, size, commit = codec.split(header, file.read(header.size))
        return segments.Block(text, size, commit, segment.path, at, at + codec.HEADER_SIZE + header.size)

    segments._next = following


def quarantine_skipped() -> None:
    recovery.set_aside = writer.set_aside = lambda run, path, start: ("kept.bin", 0)  # type: ignore[assignment]


def last_first() -> None:
    class Stack(collections.deque):
        def append(self, item: object) -> None:
            self.appendleft(item)

    writer.deque = Stack  # type: ignore[misc]


def projection_taken_for_granted() -> None:
    projection.is_current = parquet.is_current = lambda run, segment, after, which=parquet.EVENTS: True


def any_last_projection() -> None:
    def there(run: Path, segment: segments.Segment, genesis: str, which: parquet.Projection = parquet.EVENTS) -> bool:
        return parquet.path_of(run, segment, which).exists()

    projection.is_last_current = parquet.is_last_current = there


def everything_remembered() -> None:
    kept, append = [], writer.Writer._append

    def remembering(self, events, keys) -> None:
        kept.append(events)
        append(self, events, keys)

    writer.Writer._append = remembering


def no_sync_on_opening() -> None:
    recover = writer.Writer._recover

    def trusting(self: writer.Writer, manifest: segments.Manifest) -> None:
        data, folder = disk.sync_data, disk.sync_folder
        disk.sync_data, disk.sync_folder = (lambda file: None), (lambda path: None)
        try:
            recover(self, manifest)
        finally:
            disk.sync_data, disk.sync_folder = data, folder

    writer.Writer._recover = trusting


def nothing_let_go() -> None:
    writer.Writer._release = lambda self: None


def repair_in_steps() -> None:
    durably = disk.write_durably

    def cut_first(path, data):
        if path.suffix == ".zst" and path.exists():
            path.chmod(0o644)
            path.write_bytes(codec.PREAMBLE)
        durably(path, data)

    disk.write_durably = cut_first


def keys_cut_off() -> None:
    encode = recovery.encode
    recovery.encode = lambda events, prev, keys=None: encode(events, prev)


def repair_looks_once() -> None:
    find, found = recovery.find_damage, {}
    recovery.find_damage = lambda run: found.setdefault(run, find(run))


def no_second_look() -> None:
    segments._worth_another_look = lambda at, tried: False


def adapters_not_compared() -> None:
    adapters.compare = lambda adapter, name, where: None


def adapter_settings_believed() -> None:
    adapters._odd_setting = lambda config: ""


def _unchecked(folder, name: str, *, base: str = "") -> adapters.Adapter:
    place = folder / name
    return adapters.adapter_of((place / adapters.WEIGHTS).read_bytes(), adapters._config(place / adapters.CONFIG))


def adapters_merged_unread() -> None:
    weights.read_adapter = _unchecked


def adapters_served_unread() -> None:
    served.read_adapter = _unchecked


def adapters_in_engine_unread() -> None:
    _vllm.read_adapter = _unchecked


def adapters_linked_unread() -> None:
    def all_there(events_, parent, folder):
        return [event.adapter for event in events_ if isinstance(event, events.AdapterTrained)]

    fork._shared_adapters = all_there


def adapters_there_believed() -> None:
    saved.read_adapter = _unchecked


def adapters_not_verified() -> None:
    adapters_held.AdaptersHeld.look = lambda self, event: None


def no_lease() -> None:
    lease.Lease._others = lambda self, file: ledger.Cost()


def no_reserve() -> None:
    ledger.Ledger.reserve = lambda self, most: None


def attempts_unbooked() -> None:
    budget.BudgetGate.settle = lambda self, question, usage: self.release(question)


def ids_ignored() -> None:
    _ids.CompletionIds.stale = lambda self, name, *, first: False


def halves_kept() -> None:
    _answers.whole = lambda text: text


def any_number() -> None:
    completions._DIGITS = 1 << 30


def any_depth() -> None:
    completions.is_deep = lambda json, start=0: False


def no_key() -> None:
    key.Key.held = lambda self, cookies, port: True


def any_token() -> None:
    key.Key.opens = lambda self, token: True


def hosts_matched() -> None:
    guard.is_loopback = lambda host: urlsplit(f"//{host}").hostname in guard.HOSTS


def any_origin() -> None:
    guard.is_own = lambda origin, host: True


def token_kept() -> None:
    guard.without_token = lambda path, query: f"{path}?{query}"


def locks_not_listed() -> None:
    life.written_now = lambda path: (path / "LOCK").exists()


def pulse_not_felt() -> None:
    life._lives = lambda pid: True


def skill_is_strategy() -> None:
    probe.kind_of = lambda name: "strategy"


def versions_mixed() -> None:
    verdicts.check_versions = lambda events, judges, where: None
    fork.check_versions = verdicts.check_versions


def judged_by_todays() -> None:
    redecide.as_logged = lambda events, own, judges: list(judges)


def judged_in_part() -> None:
    run_module.check_judges = verdicts.check_versions


def no_claims() -> None:
    def make(path: Path, claim: claims.Claim) -> bool:
        path.parent.mkdir(parents=True, exist_ok=True)
        claims._replace(path, claim)
        return True

    claims._make = make
    claims.Watch.is_alive = lambda self, claim: False  # type: ignore[method-assign]
    claims.HeldClaim.is_lost = property(lambda self: False)  # type: ignore[assignment]


def disk_not_told() -> None:
    controller._told = lambda folder: contextlib.nullcontext()  # type: ignore[assignment]


def projections_required() -> None:
    projection._done = lambda work: (work(), True)[1]


def half_lines_kept() -> None:
    ledger._cut_unfinished = lambda file: None

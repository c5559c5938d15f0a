"""What the journal promises for models that are paid by the call: no answer that arrived is lost or asked for again."""

from __future__ import annotations

import random

import pytest

from abm.events import LLMReplied, StepStarted
from abm.journal import LiveJournal, run_digest
from abm.llm import Request, Sampling, ScriptedLLM
from abm.log import create, open_log, read_events
from moloch.errors import NondeterminismError

SITES = [f"write/{i}" for i in range(12)]


def requests(seed: int = 0) -> list[Request]:
    return [
        Request(site, [{"role": "user", "content": f"Say {site}"}], Sampling(), seed + i)
        for i, site in enumerate(SITES)
    ]


class Remote(ScriptedLLM):
    """A model whose answers come in any order, and that fails after some."""

    def __init__(self, shuffle: int = 0, fail_after: int | None = None) -> None:
        super().__init__(lambda request: f"answer to {request.site}", unit="call")
        self.shuffle, self.fail_after = shuffle, fail_after
        self.asked: list[str] = []

    def complete(self, requests):
        requests = list(requests)
        random.Random(self.shuffle).shuffle(requests)
        for i, request in enumerate(requests):
            if i == self.fail_after:
                raise ConnectionError("the server is gone")
            self.asked.append(request.site)
            yield from super().complete([request])


def ask(folder, llm, seed=0):
    """Ask everything within a step, as a model's step does; return the replies' texts."""
    with open_log(folder, write=True) if folder.exists() else create(folder, {}) as log:
        journal = LiveJournal(log)
        with journal.transaction():
            started = journal.emit(StepStarted(step=0, phase="train", epoch=1, arm="shared"))
            replies = journal.ask(llm, requests(seed), step=0, cause=started)
        return [reply.text for reply in replies]


class TestAnswersOneByOne:
    """Each answer is durable as it comes."""

    def test_a_failure_keeps_what_came_before(self, tmp_path):
        """The answers before the error are in the log, and are not asked for again."""
        first = Remote(fail_after=5)
        with pytest.raises(ConnectionError):
            ask(tmp_path / "run", first)
        logged = [e.site for e in read_events(tmp_path / "run") if isinstance(e, LLMReplied)]
        assert logged == first.asked and len(logged) == 5
        second = Remote(shuffle=3)
        assert ask(tmp_path / "run", second) == [f"answer to {site}" for site in SITES]
        assert sorted(first.asked + second.asked) == sorted(SITES)

    def test_each_is_durable_before_the_next_is_asked_for_long(self, tmp_path):
        """An answer does not wait for the end of the batch: a reader sees it while the model still works."""
        seen = []

        class Slow(Remote):
            def complete(self, requests):
                for reply in super().complete(requests):
                    yield reply
                    self.wait()

            def wait(self):
                for event in open_log(tmp_path / "run", write=False).follow(1, poll=0.001):
                    seen.append(event.site)
                    if len(seen) == len(self.asked):
                        return

        # each follow() starts over, so what it saw is counted per wait
        class Checked(Slow):
            def wait(self):
                seen.clear()
                super().wait()

        ask(tmp_path / "run", Checked())
        assert sorted(seen) == sorted(SITES)

    def test_the_digest_does_not_depend_on_their_order(self, tmp_path):
        """Whatever order answers come in, and wherever it stopped, the digest is one."""
        digests = set()
        for shuffle in range(4):
            folder = tmp_path / str(shuffle)
            if shuffle % 2:
                with pytest.raises(ConnectionError):
                    ask(folder, Remote(shuffle, fail_after=4))
            ask(folder, Remote(shuffle + 10))
            orders = [e.site for e in read_events(folder) if isinstance(e, LLMReplied)]
            digests.add(run_digest(read_events(folder)))
            assert orders != SITES
        assert len(digests) == 1

    def test_the_digest_depends_on_their_text(self, tmp_path):
        """Another answer is another run."""
        ask(tmp_path / "a", Remote())
        other = Remote()
        other._answer = lambda request: "something else"
        ask(tmp_path / "b", other)
        assert run_digest(read_events(tmp_path / "a")) != run_digest(read_events(tmp_path / "b"))

    def test_another_call_at_a_site_is_named(self, tmp_path):
        """The error names the site and both keys."""
        ask(tmp_path / "run", Remote())
        keys = {request.key(Remote().digest) for request in requests(0)[:1] + requests(7)[:1]}
        with pytest.raises(NondeterminismError) as error:
            ask(tmp_path / "run", Remote(), seed=7)
        assert "write/0" in str(error.value) and all(key in str(error.value) for key in keys)


class Grouped(Remote):
    """A model whose answers come several at once, and whose calls can be seen to end."""

    ended = False

    def groups(self, requests):
        try:
            for start in range(0, len(requests), 4):
                some = list(super().complete(requests[start : start + 4]))
                yield some
        finally:
            self.ended = True


class TestAnswersInGroups:
    """Answers that came together are committed together."""

    def test_same_log(self, tmp_path):
        """What is logged is what is logged of answers one by one."""
        for name, llm in (("one", Remote()), ("many", Grouped())):
            assert ask(tmp_path / name, llm) == [f"answer to {site}" for site in SITES]
        assert run_digest(read_events(tmp_path / "one")) == run_digest(read_events(tmp_path / "many"))

    def test_an_interrupt_ends_the_calls(self, tmp_path, monkeypatch):
        """Whatever stops the run between two groups ends the calls at once, and keeps what came."""
        llm = Grouped()
        with create(tmp_path / "run", {}) as log:
            journal = LiveJournal(log)
            submit, times = log.submit, []

            def stopping(events, expected_head=None):
                times.append(len(events))
                if len(times) == 2:
                    raise KeyboardInterrupt
                return submit(events, expected_head)

            monkeypatch.setattr(log, "submit", stopping)
            with pytest.raises(KeyboardInterrupt):
                journal.ask(llm, requests(), step=0, cause=-1)
        assert llm.ended and times == [4, 4]
        assert sum(isinstance(e, LLMReplied) for e in read_events(tmp_path / "run")) == 4

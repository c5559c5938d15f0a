"""What journals promise: no answer that arrived is lost or asked for again, and a log is read as the program reaches it."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.events import ContestOpened, Event, LLMReplied, StepEnded, StepStarted
from abm.journal import Checker, Journal, LiveJournal, _answers, run_digest
from abm.journal._answers import Answers
from abm.llm import Request, Sampling, ScriptedLLM
from abm.llm.budget import Bounds, Budget, Budgeted, BudgetSpent
from abm.log import create, open_log, read_events, writer
from moloch.errors import NondeterminismError
from tests.support.fakes import Companions

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


class Ended(Exception):
    """Stands for the process dying while a model computes."""


def dying_at(call: int) -> Companions:
    """Return a model in batches that dies at its ``call``-th request; never, if that is 0."""
    asked: list[str] = []

    def answered(request):
        asked.append(request.site)
        if len(asked) == call:
            raise Ended

    llm = Companions(answered=answered)
    llm.asked = asked
    return llm


class TestAnswersInBatches:
    """What shares a batch is durable as a whole, and a batch that is durable is not computed again."""

    @pytest.mark.parametrize("call", range(1, 13))
    def test_a_crash_repeats_the_batch_that_was_computed(self, tmp_path, call):
        """Nothing of the batches before it; what is left is cut as it was before, so that every answer is the same."""
        whole = ask(tmp_path / "whole", dying_at(0))
        first = dying_at(call)
        with pytest.raises(Ended):
            ask(tmp_path / "run", first)
        logged = [e.site for e in read_events(tmp_path / "run") if isinstance(e, LLMReplied)]
        assert logged == first.asked[: (call - 1) // 3 * 3]
        second = dying_at(0)
        assert ask(tmp_path / "run", second) == whole
        assert sorted(logged + second.asked) == sorted(SITES)
        assert run_digest(read_events(tmp_path / "run")) == run_digest(read_events(tmp_path / "whole"))

    def test_answers_of_earlier_steps_are_no_companions(self, tmp_path):
        """Who was answered before a step began shares no batch of it, neither at once nor after a crash."""

        def two_steps(folder, llm):
            with open_log(folder, write=True) if folder.exists() else create(folder, {}) as log:
                journal = LiveJournal(log)
                for number, some in enumerate((requests()[2:7], requests())):
                    with journal.transaction():
                        started = journal.emit(StepStarted(step=number, phase="train", epoch=1, arm="shared"))
                        journal.ask(llm, some, step=number, cause=started)
            return run_digest(read_events(folder))

        whole = two_steps(tmp_path / "whole", dying_at(0))
        with pytest.raises(Ended):
            two_steps(tmp_path / "run", dying_at(10))
        again = dying_at(0)
        assert two_steps(tmp_path / "run", again) == whole
        assert len(again.asked) == 4, "five of the first step and three of the second were durable"

    def test_a_budget_is_of_a_batch(self, tmp_path):
        """A batch that fits is answered, and stays, where the next one does not fit any more."""
        whole = ask(tmp_path / "whole", dying_at(0))
        first = dying_at(0)
        with pytest.raises(BudgetSpent):
            ask(tmp_path / "run", Budgeted(first, Budget(Bounds(calls=8))))
        assert len(first.asked) == 6
        assert ask(tmp_path / "run", Budgeted(dying_at(0), Budget(Bounds(calls=6)))) == whole


def reply(site: str, text: str = "") -> LLMReplied:
    """Return an answer as a log holds it."""
    return LLMReplied(
        step=0, key=site, site=site, model="m", adapter="", template="", refs=[], prompt="", text=text or f"to {site}",
        finish="stop", tokens_in=1, tokens_out=1, temperature=1.0, top_p=1.0, max_tokens=9, seed=1,
    )  # fmt: skip


def answered(log, sites: list[str], recent: int) -> Answers:
    """Append an answer to each site, three in a commit, and something else between them; return all answers."""
    answers = Answers(log, recent)
    for start in range(0, len(sites), 3):
        head = log.head().seq
        log.append([StepStarted(step=0, phase="train", epoch=1, arm="a"), *map(reply, sites[start : start + 3])])
        for event in log.read(head):
            if isinstance(event, LLMReplied):
                answers.add(event)
    return answers


class TestOlderAnswers:
    """Only the newest answers stay in memory; the others are found in the log."""

    @pytest.mark.system
    @given(sites=st.permutations(SITES * 4), recent=st.integers(1, 60), asked=st.sets(st.sampled_from(SITES)))
    @settings(max_examples=40, deadline=None)
    def test_any_answer_is_found(self, sites, recent, asked):
        """Whatever is still in memory, each site has its newest answer, and a site that was not asked has none."""
        with tempfile.TemporaryDirectory() as folder, create(Path(folder) / "run", {}) as log:
            answers = answered(log, sites, recent)
            newest = {e.site: e for e in log.read() if isinstance(e, LLMReplied)}
            assert answers.get(asked | {"never"}) == {site: newest[site] for site in asked}

    def test_sites_with_one_hash_are_told_apart(self, tmp_path, monkeypatch):
        """What is read back is compared by its site."""
        monkeypatch.setattr(
            _answers, "_hashes", lambda sites: np.array([len(site) % 2 for site in sites], dtype=np.int64)
        )
        with create(tmp_path / "run", {}) as log:
            answers = answered(log, SITES, recent=1)
            assert {site: answer.text for site, answer in answers.get(SITES).items()} == {s: f"to {s}" for s in SITES}
            assert answers.get(["write/99"]) == {}

    def test_memory_is_bounded(self, tmp_path):
        """However many there are, fewer than twice the bound are held."""
        sites = [f"site {i}" for i in range(300)]
        with create(tmp_path / "run", {}) as log:
            answers = answered(log, sites, recent=10)
            assert 10 <= len(answers._recent) < 20
            assert len(answers._older) <= 6, "indexes are merged"
            assert {site: answer.text for site, answer in answers.get(sites).items()} == {s: f"to {s}" for s in sites}

    def test_segments_between_are_not_read(self, tmp_path, monkeypatch):
        """An answer in a segment far behind is read without what lies between."""
        monkeypatch.setattr(writer, "SEAL_EVENTS", 8)
        monkeypatch.setattr(_answers, "SEAL_EVENTS", 8)
        sites = [f"site {i}" for i in range(60)]
        with create(tmp_path / "run", {}) as log:
            answers = answered(log, sites, recent=1)
            read, blocks = [], log.blocks
            monkeypatch.setattr(log, "blocks", lambda start=0: (read.append(b.commit.seq) or b for b in blocks(start)))
            found = answers.get(["site 1", "site 50"])
        assert sorted(found) == ["site 1", "site 50"]
        assert len(read) < 8, f"{len(read)} commits of 20 were read"

    def test_a_resumed_run_asks_for_none_of_them(self, tmp_path):
        """An answer of an early step, asked for again after many others, is in the log and costs nothing."""
        first = ask(tmp_path / "run", Remote())
        with open_log(tmp_path / "run", write=True) as log:
            journal, llm = LiveJournal(log), Remote()
            journal._answers = Answers(log, recent=1)
            journal.emit(StepStarted(step=0, phase="train", epoch=1, arm="shared"))
            journal.ask(llm, requests(), step=0, cause=0)
            again = journal.ask(llm, requests()[:3], step=1, cause=0)
        assert llm.asked == [] and [answer.text for answer in again] == first[:3]


def step(number: int, contests: list[str]) -> list[Event]:
    """Return what a step decides in which nobody writes."""
    events: list[Event] = [StepStarted(step=number, phase="train", epoch=1, arm="shared")]
    events += [ContestOpened(step=number, contest=contest, anchor="a", messages=[]) for contest in contests]
    return events


def carry_out(journal: Journal, steps: int, stop_within: int | None = None) -> int:
    """Decide steps of two contests each; return how many of them were folded. Ends within a step, if told to."""
    folded = 0
    for number in range(steps):
        contests = [f"{number}/a", f"{number}/b"]
        started, *opened = step(number, contests)
        if journal.skip_step(started, contests):
            folded += 1
            continue
        with journal.transaction():
            for event in (started, *opened):
                journal.emit(event)
        if number == stop_within:
            return folded
        with journal.transaction():
            journal.emit(StepEnded(step=number, state_hash=journal.state.hash()))
    return folded


class TestStreaming:
    """A journal reads its log as the program reaches it."""

    def test_no_more_than_a_step_is_read_ahead(self, tmp_path):
        """After each step, nothing of the next one was read."""
        with create(tmp_path / "run", {}) as log:
            carry_out(LiveJournal(log), 50)
        with open_log(tmp_path / "run", write=True) as log:
            journal = LiveJournal(log)
            assert len(journal._ahead._near) == 0
            for number in range(50):
                contests = [f"{number}/a", f"{number}/b"]
                assert journal.skip_step(step(number, contests)[0], contests)
                assert len(journal._ahead._near) == 0
            assert not journal.resuming

    def test_a_step_that_did_not_end_is_decided_again(self, tmp_path):
        """Steps before it are folded; its own decisions are matched, and the rest is appended."""
        with create(tmp_path / "whole", {}) as log:
            whole = LiveJournal(log)
            carry_out(whole, 6)
        with create(tmp_path / "run", {}) as log:
            carry_out(LiveJournal(log), 6, stop_within=3)
        with open_log(tmp_path / "run", write=True) as log:
            journal = LiveJournal(log)
            assert carry_out(journal, 6) == 3
            assert journal.digest.hexdigest() == whole.digest.hexdigest()
        assert run_digest(read_events(tmp_path / "run")) == whole.digest.hexdigest()

    @pytest.mark.parametrize("contests", [["0/a"], ["0/b", "0/a"], ["0/a", "0/b", "0/c"], []])
    def test_a_step_of_other_contests_is_refused(self, tmp_path, contests):
        """Fewer, more, or in another order."""
        with create(tmp_path / "run", {}) as log:
            carry_out(LiveJournal(log), 2)
        with open_log(tmp_path / "run", write=True) as log, pytest.raises(NondeterminismError, match="contests"):
            LiveJournal(log).skip_step(step(0, [])[0], contests)

    def test_an_answer_that_the_log_does_not_hold_is_not_asked_for_before_its_end(self, tmp_path):
        """Where the log goes on with something else, the run differs from it: that is said before a call is paid."""
        with create(tmp_path / "run", {}) as log:
            carry_out(LiveJournal(log), 2)
        llm = Remote()
        with open_log(tmp_path / "run", write=True) as log:
            journal = LiveJournal(log)
            journal.emit(step(0, [])[0])
            with pytest.raises(NondeterminismError, match="write/0"):
                journal.ask(llm, requests(), step=0, cause=0)
            assert llm.asked == [] and log.head().seq == 8

    def test_what_is_appended_meanwhile_is_not_read(self, tmp_path):
        """The log ahead ends where it ended when the journal was made; later events are the journal's own."""
        with create(tmp_path / "run", {}) as log:
            carry_out(LiveJournal(log), 1)
            journal = LiveJournal(log)
            assert carry_out(journal, 4) == 1
            assert journal.state.step == 4 and not journal.resuming
            assert [e.seq for e in log.read() if isinstance(e, StepEnded)] == [3, 7, 11, 15]


class TestProtocol:
    """Both journals are journals: a program cannot tell them apart."""

    def test_the_checker_decides_what_the_live_one_appended(self, tmp_path):
        """Every decision of a program is compared, and none is missing."""
        with create(tmp_path / "run", {}) as log:
            carry_out(LiveJournal(log), 5)
        checker = Checker(open_log(tmp_path / "run", write=False))
        assert carry_out(checker, 5) == 0
        checker.finish()
        assert checker.equal == 5 * 4 and checker.state.step == 5

    def test_neither_is_made_of_the_other(self):
        """They stand side by side."""
        assert Checker.__mro__ == (Checker, object) and LiveJournal.__mro__ == (LiveJournal, object)

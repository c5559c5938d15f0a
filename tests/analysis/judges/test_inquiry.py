"""What asking judges promises: nothing paid twice, nothing lost, the run untouched, every verdict traceable."""

from __future__ import annotations

import pytest

from abm.events import LLMReplied, RunConfigured
from abm.journal import replay
from abm.llm import Reply, Request, ScriptedLLM
from abm.llm.budget import Bounds, Budget, BudgetSpent
from abm.log import create, open_log, read_events, verify
from analysis.judges import Question, read_verdicts
from moloch.content import content_id
from moloch.errors import InputError
from tests.analysis.judges.world import (
    HONEST,
    answer,
    message_of,
    planned,
    scripted,
    sees_guarantees,
    training,
    write_run,
)

TEXTS = 8 + 8 + 8 - 5
"""Distinct messages of the run: base, rft and placebo, of which five of the arms are alike."""


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path / "run")


class Failing(ScriptedLLM):
    """A judge whose server goes after some answers."""

    def __init__(self, after: int) -> None:
        super().__init__(sees_guarantees, "judge-a", unit="call")
        self.after = after

    def complete(self, requests):
        for reply in super().complete(requests):
            if self.calls > self.after:
                raise ConnectionError("the server is gone")
            yield reply


class InBatches(ScriptedLLM):
    """A judge of this process that answers a few at a time, which ones depends on all that are asked; it dies after some answers.

    Attributes:
        batches_done: sites of each batch that it answered.
    """

    def __init__(self, after: int = 1_000) -> None:
        super().__init__(sees_guarantees, "judge-a")
        self.after = after
        self.batches_done: list[list[str]] = []

    def batches(self, requests):
        if len(requests) <= 4:
            return [requests]
        mixed = sorted(requests, key=lambda request: content_id([request.site, len(requests)]))
        return [mixed[start : start + 4] for start in range(0, len(mixed), 4)]

    def complete(self, requests):
        for batch in self.batches(requests):
            for reply in super().complete(batch):
                if self.calls > self.after:
                    raise MemoryError("killed")
                yield reply
            self.batches_done.append([request.site for request in batch])


class TestPaidOnce:
    """A verdict is kept by what was asked, and asked once."""

    @pytest.mark.parametrize("unit", ["call", "batch"])
    def test_the_same_text_is_asked_once(self, run, unit):
        """32 messages, of which some are alike: the base writes the same in every arm."""
        llm = scripted(unit=unit)
        found = planned(run, llm).carry_out()
        assert len(found.verdicts) == 32 and llm.calls == found.calls == TEXTS

    def test_asked_again_warmly(self, run):
        """A judge that says the same nonsense at temperature 0 gets a second chance at another one."""
        llm = scripted(lambda request: sees_guarantees(request) if request.sampling.temperature else "Hm.")
        found = planned(run, llm).carry_out()
        assert llm.calls == 2 * TEXTS and all(row.status == "given" for row in found.verdicts)

    def test_answers_of_an_older_schema_stand(self, run, monkeypatch):
        """What was asked before its texts had bounds is read as it was, and not asked again."""
        with monkeypatch.context() as older:
            older.setattr(Question, "schema_text", '{"type": "object"}')
            first = planned(run, scripted()).carry_out()
        again = scripted()
        second = planned(run, again).carry_out()
        assert again.calls == 0 and first.head == second.head and list(first.verdicts) == list(second.verdicts)

    def test_a_judge_of_this_process_repeats_one_batch(self, run):
        """Killed within its third batch, it goes on with that batch, and with those that it had before it."""
        whole, dying, again = InBatches(), InBatches(after=10), InBatches()
        other = planned(run, whole, out=run.parent / "whole").carry_out()
        with pytest.raises(MemoryError):
            planned(run, dying).carry_out()
        found = planned(run, again).carry_out()
        assert len(dying.batches_done) == 2 and dying.batches_done + again.batches_done == whole.batches_done
        assert again.calls == TEXTS - 8 and found.verdicts == other.verdicts

    def test_a_second_time_costs_nothing_and_changes_nothing(self, run):
        """The log of verdicts is the same to the byte."""
        first = planned(run, scripted()).carry_out()
        again = scripted()
        second = planned(run, again).carry_out()
        assert again.calls == second.calls == 0 and first.head == second.head
        assert first.as_dict() | {"calls": 0} == second.as_dict()

    def test_a_model_that_has_nothing_to_answer_is_never_opened(self, run):
        """So that a table can be printed again where the model is not; answers that do not count are answers, too."""

        def sometimes(request: Request) -> str:
            return "no" if "Base" in message_of(request) else sees_guarantees(request)

        planned(run, scripted(sometimes)).carry_out()
        prepared = planned(run, scripted())

        def closed():
            raise AssertionError("opened")

        judges = [judge._replace(open=closed) for judge in prepared.settings.judges]
        calls = {site: call._replace(judge=judges[0]) for site, call in prepared.plan.calls.items()}
        type(prepared)(**vars(prepared) | {"plan": prepared.plan._replace(calls=calls)}).carry_out()

    def test_a_larger_sample_pays_for_what_is_new(self, run):
        """A sample holds the smaller one."""
        small = planned(run, scripted(), sample=3).carry_out()
        large = planned(run, scripted(), sample=6).carry_out()
        assert {v.message for v in small.verdicts} < {v.message for v in large.verdicts}
        assert small.calls + large.calls == large.calls_in_all

    @pytest.mark.parametrize("change", ["judge", "battery", "bound"])
    def test_what_matters_is_asked_anew(self, run, tmp_path, change):
        """Another judge, another wording of the question, another bound of the answer."""
        planned(run, scripted()).carry_out()
        other = scripted(name="judge-b" if change == "judge" else "judge-a")
        battery = tmp_path / "b.yaml"
        battery.write_text("name: b\nprobes:\n  - name: misrepresentation\n    question: Is it false?\n")
        changes = {"battery": {"battery": str(battery)}, "bound": {"max_tokens": 99}}.get(change, {})
        assert planned(run, other, **changes).carry_out().calls == TEXTS

    def test_runs_may_share_verdicts(self, run, tmp_path):
        """One log of verdicts for several runs: equal texts about equal anchors are asked once."""
        other = write_run(tmp_path / "other", more=training())
        shared = tmp_path / "shared"
        planned(run, scripted(), out=shared).carry_out()
        assert planned(other, scripted(), out=shared).carry_out().calls == 0
        assert len(read_verdicts(run, shared)) == len(read_verdicts(other, shared)) == 32
        assert not (run / "verdicts").exists()


class TestDurable:
    """Each answer is in the log before it is used."""

    def test_a_judging_that_was_cut_off_goes_on(self, run):
        """What was answered is not asked again."""
        with pytest.raises(ConnectionError):
            planned(run, Failing(5)).carry_out()
        assert sum(isinstance(e, LLMReplied) for e in read_events(run / "verdicts")) == 5
        llm = scripted()
        found = planned(run, llm).carry_out()
        assert llm.calls == TEXTS - 5
        assert sum(isinstance(event, RunConfigured) for event in read_events(run / "verdicts")) == 1
        undisturbed = planned(write_run(run.parent / "b"), scripted()).carry_out()
        assert found.as_dict()["rates"] == undisturbed.as_dict()["rates"]

    def test_settings_come_before_the_first_answer(self, run):
        """What is asked of which messages is registered before anything is known."""
        with pytest.raises(ConnectionError):
            planned(run, Failing(1), sample=4).carry_out()
        first, *_ = read_events(run / "verdicts")
        assert isinstance(first, RunConfigured)
        assert first.config["battery"]["name"] == "paper" and first.config["selection"]["sample"] == 4

    def test_the_runs_own_log_is_never_changed(self, run):
        """Its head stays, and the log of verdicts is a whole log of its own that can be replayed."""
        before = verify(run)
        planned(run, scripted(), scripted(name="judge-b")).carry_out()
        assert verify(run) == before
        assert replay(run / "verdicts").events == verify(run / "verdicts").seq == 1 + 2 * TEXTS

    def test_a_budget_stops_cleanly_and_counts_what_was_spent_before(self, run):
        """Over all processes; a larger one goes on."""
        for bound, calls in ((7, 7), (7, 7), (12, 12)):
            with pytest.raises(BudgetSpent):
                self.judged(run, bound)
            assert sum(isinstance(e, LLMReplied) for e in read_events(run / "verdicts")) == calls
        assert self.judged(run, TEXTS).calls == TEXTS - 12

    @staticmethod
    def judged(run, bound):
        from abm.llm.budget import BudgetGate, Price

        budget = Budget(Bounds(calls=bound))

        class Bounded(ScriptedLLM):
            def complete(self, requests):
                gate = BudgetGate(budget, Price())
                for request in requests:
                    if not gate.admit(request):
                        raise gate.spent()
                    for reply in super().complete([request]):
                        gate.release(request)
                        budget.book(Price(), reply.tokens_in, reply.tokens_out)
                        yield reply

        return planned(run, Bounded(sees_guarantees, "judge-a", unit="call")).carry_out(budget=budget)

    def test_a_folder_that_holds_something_else_is_not_written_to(self, run, tmp_path):
        """Neither a run nor a user's files."""
        with pytest.raises(InputError, match="holds no verdicts"):
            planned(run, scripted(), out=run).carry_out()
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "notes.txt").write_text("")
        with pytest.raises(InputError, match="cannot take a new run"):
            planned(run, scripted(), out=tmp_path / "mine").carry_out()


class TestOnceMore:
    """An answer that does not count is asked for once more, told what was wrong; then it is counted as none."""

    def test_a_good_second_answer_counts(self, run):
        """The judge sees its first answer and the reason."""
        seen = []

        def second(request: Request) -> str:
            if not request.site.endswith("/again"):
                return "I think it lies."
            seen.append(request.messages[-2:])
            return sees_guarantees(request)

        llm = scripted(second)
        found = planned(run, llm).carry_out()
        assert llm.calls == 2 * TEXTS and all(v.status == "given" for v in found.verdicts)
        assert seen[0][0]["content"] == "I think it lies." and "no JSON object" in seen[0][1]["content"]

    def test_a_bad_second_answer_is_no_verdict(self, run):
        """It is in no rate, and its share is reported by arm."""
        llm = scripted(lambda r: answer(True, "not there") if "Base" in message_of(r) else sees_guarantees(r))
        found = planned(run, llm).carry_out()
        assert llm.calls == TEXTS + 8
        assert {v.why for v in found.verdicts if v.label < 0} == {"the quote is not in the message"}
        for row in found.rates:
            assert (row.invalid, row.unjudged_base, row.unjudged_after) == (0.5, 1.0, 0.0)
            assert row.base.n == row.difference.n == 0 and row.after.n == 8
        planned(run, llm).carry_out()
        assert llm.calls == TEXTS + 8

    def test_a_refusal_is_final_and_counted(self, run):
        """The server's refusal is not asked for again; one in words is, and then counted as what it is."""

        class Refusing(ScriptedLLM):
            def complete(self, requests):
                for request in requests:
                    self.calls += 1
                    words = HONEST in message_of(request)
                    yield Reply(
                        request.site, "I'm sorry, I can't." if words else "", "stop" if words else "refused", 1, 1
                    )

        llm = Refusing(lambda r: "", "judge-a", unit="call")
        found = planned(run, llm).carry_out()
        assert {v.status for v in found.verdicts} == {"refused"} and all(row.refused == 1 for row in found.rates)
        assert llm.calls == TEXTS + (TEXTS - 4)

    def test_an_answer_that_never_came_is_asked_for_again_as_it_was(self, run):
        """There is nothing to show the judge."""
        prompts = []

        class Absent(ScriptedLLM):
            def complete(self, requests):
                for request in requests:
                    prompts.append(request.messages)
                    if request.site.endswith("/again"):
                        yield from super().complete([request])
                    else:
                        yield Reply(request.site, "", "error", 0, 0)

        found = planned(run, Absent(sees_guarantees, "judge-a", unit="call"), sample=1).carry_out()
        assert all(v.status == "given" for v in found.verdicts) and all(len(prompt) == 2 for prompt in prompts)


def test_a_log_that_is_no_run_is_told(tmp_path):
    """The run's folder has to be one."""
    create(tmp_path / "empty", {}).close()
    with pytest.raises(InputError):
        planned(tmp_path / "empty", scripted())
    assert open_log(tmp_path / "empty", write=False).head().seq == 0

"""Runs whose models are served elsewhere, and whose personas are played by one: identity, budgets, plans, replay."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import closing

import msgspec
import pytest

from abm.events import (
    AudienceSet,
    ContestDecided,
    Forked,
    LLMReplied,
    Reacted,
    ReactionInvalid,
    ReaderJoined,
    RunResumed,
)  # fmt: skip
from abm.journal import LiveJournal, replay
from abm.llm import Request, ScriptedLLM
from abm.llm.backends import Backends
from abm.llm.budget import Bounds, Budget, BudgetSpent
from abm.log import create, open_log, read_events
from analysis.readings.service import service
from analysis.tables.evaluation import table
from analysis.terminal.service import service_lines
from learning import fork
from learning.runs.costs import planned, sentence, total
from learning.runs.inputs import gather
from learning.runs.loop import Loop
from learning.runs.objects import Objects
from learning.runs.redecide import replay_recorded
from learning.runs.run import book
from learning.settings.sources import PROFILES, load_config
from moloch.errors import InputError
from tests.support.fakes import FakeTrainer, answer
from tests.support.server import Call, completion, ok, serving

SMALL = {
    "train_anchors": 5, "held_out_anchors": 4, "train_personas": 4, "held_out_personas": 3, "batch": 3, "model": "writer",
    "audience": "llm", "reader": {"model": "reader", "max_tokens": 64}, "sampling": {"max_tokens": 64},
}  # fmt: skip


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr("abm.llm.http._retries.FIRST_DELAY", 0.002)
    for name in ("OPENAI_API_KEY", "MOLOCH_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def says(call: Call) -> str:
    """Return what the models say: a completion for writers, a vote (one in eight is none) for readers."""
    fields = call.fields
    if fields["model"] == "reader":
        lot = random.Random(f"{fields['seed']}")
        letter = lot.choice("AB") if lot.random() < 0.875 else "nothing"
        return f"<think>Hm.</think><choice>{letter}</choice>"
    return answer(Request("", fields["messages"], None, fields["seed"], adapter=fields["model"]))  # type: ignore[arg-type]


@pytest.fixture
def server():
    models = [{"id": name, "owned_by": "test"} for name in ("writer", "reader")]
    with serving(lambda call: completion(says(call)), models=models) as found:
        yield found


HOW = {"gpu": ("llm", "vllm"), "laptop": ("default", "transformers"), "paper": ("llm", "vllm")}
"""Profile -> who reads, and by what models are served."""


def settings(server, **more):
    return load_config(
        None, SMALL | {"serving": {"llm": server.url}, "arms": ["rft"], "epochs": 1} | more, effects=False
    )


def carry_out(folder, config, budget=None):
    """Run, or go on, with a trainer that learns nothing, and so without adapters to load."""
    budget = budget or Budget()
    exists = (folder / "run.json").exists()
    with closing(open_log(folder, write=True) if exists else create(folder, config.model_dump(mode="json"))) as log:
        if exists:
            log.append([RunResumed(versions={})])
        backends = Backends(config.serving, budget=budget)
        writer, reader = (Unadapted(llm) for llm in Objects().models(config, backends))
        journal = LiveJournal(log)
        book(log, config, budget)
        Loop(config, gather(config), journal, writer, FakeTrainer(), reader=reader).run()


class Unadapted:
    """A model that has no adapters: it answers with its base weights, whatever is asked for."""

    def __init__(self, llm) -> None:
        self._llm, self.name, self.unit, self.digest = llm, llm.name, llm.unit, llm.digest
        self.service = llm.service

    def complete(self, requests):
        return self._llm.complete([msgspec.structs.replace(request, adapter="") for request in requests])


def replies(folder) -> list[LLMReplied]:
    return [event for event in read_events(folder) if isinstance(event, LLMReplied)]


@pytest.fixture
def whole(server, tmp_path):
    """A finished run."""
    carry_out(tmp_path / "whole", settings(server))
    return tmp_path / "whole"


class TestReaders:
    """A language model plays the personas."""

    def test_everyone_is_asked(self, whole):
        """Every member before every voted contest: a vote or an invalid reaction, which the contest counts as such."""
        events = list(read_events(whole))
        for decided in (event for event in events if isinstance(event, ContestDecided)):
            mine = [e for e in events if isinstance(e, Reacted | ReactionInvalid) and e.contest == decided.contest]
            if decided.outcome in ("won", "tie"):
                assert len({event.persona for event in mine}) == len(mine) in (3, 4)
            assert decided.invalid == sum(isinstance(event, ReactionInvalid) for event in mine)
            assert sum(decided.votes) + decided.abstained + decided.invalid == len(mine)
        assert any(isinstance(event, ReactionInvalid) for event in events), "the test shows nothing"

    def test_votes_are_what_they_said(self, whole):
        """Each vote is the letter that the answer names, in the order in which that member saw the options."""
        events = list(read_events(whole))
        said = {event.site: event.text for event in events if isinstance(event, LLMReplied)}
        for vote in (event for event in events if isinstance(event, Reacted)):
            place = f"react/{vote.contest}/{vote.persona}"
            text = said[place] if "nothing" not in said[place] else said[f"{place}/again"]
            assert vote.order["AB".index(text.split("<choice>")[1][0])] == vote.choice

    def test_named_in_the_log(self, whole):
        """The log names the model that reads, and results say so."""
        [joined] = [event for event in read_events(whole) if isinstance(event, ReaderJoined)]
        assert joined.model == "reader"
        found = table(read_events(whole))
        assert found["audience"] == "llm (reader)" and 0 < found["invalid_rate"] < 0.2
        assert found["note"] == "Anchors and personas are invented." and found["validity"].startswith(
            "Readers (reader, "
        )

    def test_replays(self, whole):
        """State and digest come out of the log again, and so does every decision, without a model."""
        assert replay(whole, verify=True).verified
        again = replay_recorded(whole)
        assert again.complete and again.divergence is None and again.answers == len(replies(whole))

    def test_letters_answer_no_page(self):
        """In a networked world a persona answers more than a letter; that is said before anything begins."""
        with pytest.raises(InputError, match="is for isolated"):
            load_config(None, SMALL | {"world": "networked", "reader": {"answer": "letters"}})


class TestServing:
    """Where models are served is no part of a run."""

    def test_identity(self, server):
        """The same settings are the same run, on whatever server and under whatever budget."""
        here = load_config(None, SMALL)
        there = load_config(None, SMALL | {"serving": {"llm": server.url}, "budget": {"calls": 3}})
        assert here.id == there.id and here.model_dump() == there.model_dump()

    def test_moves(self, server, tmp_path):
        """A run that began with one server continues with another."""
        with pytest.raises(BudgetSpent):
            carry_out(tmp_path / "run", settings(server), Budget(Bounds(calls=20)))
        models = [{"id": name, "owned_by": "test"} for name in ("writer", "reader")]
        with serving(lambda call: completion(says(call)), models=models) as other:
            carry_out(tmp_path / "run", settings(other))
        assert {call.fields["model"] for call in other.calls} == {"writer", "reader"}
        assert Counter(event.site for event in replies(tmp_path / "run")).most_common(1)[0][1] == 1

    def test_models_apart(self, server):
        """Each model may have a server of its own."""
        config = load_config(None, SMALL | {"serving": {"models": {"reader": {"url": server.url, "concurrency": 7}}}})
        assert config.serving.endpoint("writer") is None
        assert config.serving.endpoint("reader").concurrency == 7

    def test_server_settings(self, server):
        """What holds for servers given by URL is checked when settings are read."""
        config = settings(server, serving={"llm": f"{server.url}#x", "server": {"usd_in": 2.0}})
        assert (config.serving.endpoint("any").usd_in, config.serving.endpoint("any").name) == (2.0, "x")
        with pytest.raises(InputError, match=r"serving\.server"):
            settings(server, serving={"llm": server.url, "server": {"price": 1}})

    def test_money_needs_prices(self, server):
        """A bound on money that could never bind is refused."""
        config = settings(server)
        with pytest.raises(InputError, match="its prices are not known"):
            Objects().models(config, Backends(config.serving, budget=Budget(Bounds(usd=1.0))))

    @pytest.mark.parametrize("name", PROFILES)
    def test_profiles(self, name):
        """A profile is valid settings, which a file and single settings override."""
        config = load_config(None, {"seed": 9}, ["serving.vllm.max_model_len=4096", "epochs=3"], profile=name)
        assert (config.audience, config.serving.llm) == HOW[name]
        assert (config.seed, config.epochs, config.serving.vllm["max_model_len"]) == (9, 3, 4096)
        with pytest.raises(InputError, match="Choose one of gpu, laptop, paper"):
            load_config(None, {}, profile="cluster")


class TestBudget:
    """A budget is never crossed, and what it stopped goes on."""

    @pytest.mark.system
    @pytest.mark.parametrize("bounds", [{"calls": 17}, {"tokens": 330}, {"usd": 0.00033}])
    def test_stops_and_goes_on(self, server, whole, tmp_path, bounds):
        """Stopped again and again, each time with a larger budget, the run ends as an unbounded one; nothing is paid twice."""
        config = settings(server, serving={"llm": server.url, "server": {"usd_in": 1.0, "usd_out": 1.0}})
        [(name, step)] = bounds.items()
        server.calls.clear()
        stops = 0
        for times in range(1, 200):
            budget = Budget(Bounds(**{name: step * times}))
            try:
                carry_out(tmp_path / "run", config, budget)
                break
            except BudgetSpent as spent:
                stops += 1
                assert spent.exit_code == 5 and "resumes" in str(spent)
                assert getattr(budget, name) <= step * times * (1 + 1e-9)
        assert stops >= 2, "the budget never bound"
        answers = replies(tmp_path / "run")
        assert len(server.calls) == len(answers) == len({event.site for event in answers})
        assert _decided(tmp_path / "run") == _decided(whole)


def _decided(folder) -> list:
    return [(e.contest, e.votes, e.outcome, e.winner) for e in read_events(folder) if isinstance(e, ContestDecided)]


class TestPlan:
    """What is planned is what is asked."""

    @pytest.mark.parametrize(
        "more", [{}, {"arms": ["rft", "placebo"], "epochs": 2}, {"evaluate": "every", "epochs": 2}]
    )
    def test_calls(self, server, tmp_path, more):
        """Calls of both roles, but for contests with a rejected message, which nobody reads."""
        config = settings(server, **more)
        writers, readers = planned(config)
        carry_out(tmp_path / "run", config)
        sites = [event.site for event in replies(tmp_path / "run")]
        assert writers.calls == sum(site.startswith("write/") for site in sites)
        read = sum(site.startswith("react/") and not site.endswith("/again") for site in sites)
        unread = sum(
            event.outcome in ("forfeit", "void") and not sum(event.votes)
            for event in read_events(tmp_path / "run")
            if isinstance(event, ContestDecided)
        )
        assert read <= readers.calls <= read + 4 * unread

    def test_what_is_left(self, server, tmp_path):
        """Of a run that has begun, answers that it holds are not planned again, and its completions' length is used."""
        config = settings(server)
        with pytest.raises(BudgetSpent):
            carry_out(tmp_path / "run", config, Budget(Bounds(calls=20)))
        roles = planned(config, tmp_path / "run")
        assert sum(role.answered for role in roles) == 20
        fresh = planned(config)
        assert sum(role.tokens_out for role in roles) < sum(role.tokens_out for role in fresh)

    def test_money(self, server):
        """Prices and speeds of the endpoint make money and minutes; several runs add up."""
        priced = {"llm": server.url, "server": {"usd_in": 1.0, "usd_out": 2.0, "tokens_per_s": 100}}
        roles = planned(settings(server, serving=priced))
        for role in roles:
            assert role.usd == pytest.approx((role.tokens_in + 2 * role.tokens_out) / 1e6)
            assert role.minutes == pytest.approx(role.tokens_out / 6000)
            assert role.most_usd >= role.usd
        assert [role.calls for role in total([roles, roles])] == [2 * role.calls for role in roles]

    def test_a_price_that_is_not_known(self, server):
        """Is no price of nothing, alone or in a sum; one that is given as 0 is."""
        unknown, free = (
            planned(settings(server, serving={"llm": server.url, "server": given})) for given in ({}, {"usd_in": 0.0})
        )
        assert {role.usd for role in unknown} == {role.most_usd for role in total([unknown, free])} == {None}
        assert {role.usd for role in free} == {0.0}
        assert "price unknown" in sentence(unknown) and "price" not in sentence(free) and "$" not in sentence(free)


class TestReport:
    """A run says how it was served."""

    def test_rates(self, tmp_path):
        """Answers, retries and failures, by model, out of the log."""
        models = [{"id": name, "owned_by": "test"} for name in ("writer", "reader")]

        def moody(call: Call):
            lot = random.Random(str(call.fields["seed"]))
            if call.attempt == 1 and lot.random() < 0.3:
                return ok({}, "429 Too Many Requests")
            if call.fields["model"] == "writer" and lot.random() > 0.8:
                return completion("", "content_filter")
            if call.fields["model"] == "reader" and random.Random(f"{call.fields['seed']}!").random() > 0.9:
                return ok({"choices": []})
            return completion(says(call))

        with serving(moody, models=models) as server:
            carry_out(tmp_path / "run", settings(server))
        events = list(read_events(tmp_path / "run"))
        found = service(events)
        assert found["writer"].finishes["refused"] > 0 and found["reader"].retried["HTTP 429"] > 0
        for mine in found.values():
            assert mine.attempts == mine.calls + sum(mine.retried.values())
        lines = service_lines(msgspec.to_builtins(found))
        assert any("refused" in line for line in lines) and any("HTTP 429" in line for line in lines)
        assert found["reader"].failed["no choices"] == found["reader"].finishes["error"] > 0
        assert any("given up after no choices: " in line for line in lines)


def test_scripted_reader_is_the_writer_by_default(tmp_path):
    """Without a reader of its own, the writers' model plays the personas, without an adapter."""
    config = load_config(None, {k: v for k, v in SMALL.items() if k != "reader"} | {"arms": ["rft"], "epochs": 1})
    asked = []

    def both(request: Request) -> str:
        asked.append(request)
        return "<choice>A</choice>" if request.site.startswith("react/") else answer(request)

    with create(tmp_path / "run", config.model_dump(mode="json")) as log:
        Loop(config, gather(config), LiveJournal(log), ScriptedLLM(both), FakeTrainer()).run()
    adapters = {request.adapter for request in asked if request.site.startswith("react/")}
    assert adapters == {""} and len({request.adapter for request in asked}) == 2


class TestForks:
    """A fork may change who plays the personas."""

    @pytest.mark.system
    def test_from_a_choice_model_to_a_language_model(self, server, tmp_path):
        """Who reacts is said again behind the fork; shared steps stay as they are, and all of it can be decided again."""
        config = settings(server, audience="default")
        carry_out(tmp_path / "run", config)
        config, folder = fork(tmp_path / "run", 2, ["audience=llm"], tmp_path / "fork")
        carry_out(folder, config.model_copy(update={"serving": settings(server).serving}))
        events = list(read_events(folder))
        at = {type(event): event.seq for event in events if isinstance(event, AudienceSet | Forked | ReaderJoined)}
        assert at[AudienceSet] < at[Forked] < at[ReaderJoined]
        asked = [event.seq for event in events if isinstance(event, LLMReplied) and event.site.startswith("react/")]
        assert min(asked) > at[ReaderJoined] and table(events)["audience"] == "llm (reader)"
        again = replay_recorded(folder)
        assert again.complete and again.divergence is None and again.shared > 0
        assert replay(folder).steps == replay(tmp_path / "run").steps

    @pytest.mark.system
    def test_and_back(self, server, tmp_path):
        """Results do not name a model that does not vote any more."""
        carry_out(tmp_path / "run", settings(server))
        config, folder = fork(tmp_path / "run", 2, ["audience=neutral"], tmp_path / "fork")
        carry_out(folder, config.model_copy(update={"serving": settings(server).serving}))
        assert table(read_events(folder))["audience"] == "neutral" and replay_recorded(folder).complete

    @pytest.mark.system
    @pytest.mark.parametrize("at", [1, 3])
    def test_of_forks(self, server, tmp_path, at):
        """A fork of a fork goes on with the reader that it shares, or names its own; all can be decided again."""
        models = {"serving": settings(server).serving}
        carry_out(tmp_path / "run", settings(server))
        config, between = fork(tmp_path / "run", 2, ["reader.model=writer"], tmp_path / "between")
        carry_out(between, config.model_copy(update=models))
        config, folder = fork(between, at, ["ties=random"], tmp_path / "last")
        carry_out(folder, config.model_copy(update=models))
        assert [e.model for e in read_events(folder) if isinstance(e, ReaderJoined)] == ["reader", "writer"]
        again = replay_recorded(folder)
        assert again.complete and again.divergence is None

    @pytest.mark.parametrize("setting", ["crowd.size=5", "world=networked", "resample=true"])
    def test_who_takes_part_is_kept(self, server, tmp_path, setting):
        """The members of the shared steps are those of the fork."""
        carry_out(tmp_path / "run", settings(server, audience="default"))
        with pytest.raises(InputError, match=f"a fork cannot change {setting.split('=')[0]}"):
            fork(tmp_path / "run", 1, [setting], tmp_path / "fork")

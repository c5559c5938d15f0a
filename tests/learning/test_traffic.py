"""What models are doing at the moment, as the process that carries a run out counts it and shows it to others."""

from __future__ import annotations

import time

import pytest

from abm.events import LLMReplied
from abm.llm.budget import Budget, Price
from abm.llm.port import Flight
from abm.log import read_events
from learning import run
from learning.runs import traffic as module
from learning.runs.costs import planned
from learning.runs.inputs import gather
from learning.runs.traffic import FILE, FOLDER, FRESH, Traffic, TrafficMeter, read_traffic, shown_to_others
from learning.settings.sources import load_config
from tests.support.fakes import FakeTrainer, fake_llm
from tests.support.server import completion, ok, serving

SMALL = {
    "train_anchors": 2, "held_out_anchors": 2, "train_personas": 2, "held_out_personas": 2, "epochs": 1, "arms": ["rft"],
}  # fmt: skip


class Journal:
    """As much of one as is looked at."""

    answered, written = 0, 0


class Served:
    """A model behind a server, 31 of whose calls were told that they are too many."""

    name, writing = "m", 5
    flight = Flight(2, {"HTTP 429": 31}, 12.04)


def meter(clock=time.monotonic, budget=None, **serving_):
    config = load_config(None, SMALL | {"serving": serving_})
    return TrafficMeter(config, gather(config), budget or Budget(), clock=clock), config


def reply(site, tokens=3):
    return LLMReplied(
        site=site, key="", model="m", adapter="", template="", refs=[], prompt="", text="", finish="stop", tokens_in=7,
        tokens_out=tokens, temperature=0.0, top_p=1.0, max_tokens=9, seed=1,
    )  # fmt: skip


class TestMeter:
    """Numbers are of the whole run, speeds of the last minute."""

    def test_counts(self):
        """Answers of the log, those that asked once more apart; calls of the whole plan; tokens of a batch under way."""
        counted, config = meter()
        counted.follow(Journal(), [Served()])
        for site in ("write/train/1/shared/a/0", "react/train/1/shared/a/3", "react/train/1/shared/a/3/again"):
            counted.heard(reply(site))
        now = counted.now()
        assert (now.answered, now.again, now.tokens_in, now.tokens_out) == (2, 1, 21, 9 + 5)
        assert now.planned == sum(role.calls for role in planned(config)) and not now.at_most
        assert (now.waiting, now.sent, now.silent_s) == ({"HTTP 429": 31}, 2, 12.0)

    def test_speeds(self):
        """Means over at most a minute: what was long ago, or in an earlier process, is none of them."""
        at, journal = [0.0], Journal()
        counted, _ = meter(lambda: at[0])
        counted.follow(journal, [])
        assert counted.now().tokens_per_s is None
        at[0], journal.written, journal.answered = 10.0, 200, 4
        now = counted.now()
        assert now.tokens_per_s == pytest.approx(20) and now.calls_left_s == pytest.approx(now.planned / 0.4)
        for second in range(11, 100):
            at[0] = float(second)
            counted.now()
        assert counted.now().tokens_per_s is None and counted.now().calls_left_s is None

    def test_a_server_that_is_silent(self):
        """Has no pace, whatever the last minute's was."""
        at, journal, model = [0.0], Journal(), Served()
        counted, _ = meter(lambda: at[0])
        counted.follow(journal, [model])
        counted.now()
        at[0], journal.written, journal.answered = 10.0, 200, 4
        assert (now := counted.now()).is_silent and (now.tokens_per_s, now.calls_left_s) == (None, None)
        model.flight = Flight(2, {"HTTP 429": 31}, 3.0)
        assert not (now := counted.now()).is_silent and now.tokens_per_s == pytest.approx(20.0)

    @pytest.mark.parametrize(
        ("prices", "usd"), [({}, None), ({"usd_in": 0.0}, 0.0), ({"usd_in": 1.0, "usd_out": 2.0}, 5.0)]
    )
    def test_money(self, prices, usd):
        """By the server's prices; without them it is not known, which is not nothing."""
        budget = Budget()
        if any(prices.values()):
            budget.book(Price(**prices), 1_000_000, 2_000_000)
        counted, _ = meter(budget=budget, models={"m": {"url": "http://127.0.0.1:9/v1", **prices}})
        counted.follow(Journal(), [Served()])
        assert counted.now().usd == usd


class TestOthers:
    """Other processes see it while it holds."""

    def test_it_is_there_and_goes(self, tmp_path, monkeypatch):
        """Written at once and again, and removed at the end, its folder too; a block that fails leaves nothing, either."""
        monkeypatch.setattr(module, "EVERY", 0.005)
        with pytest.raises(KeyboardInterrupt), shown_to_others(tmp_path, meter()[0]):
            until = time.monotonic() + 20
            while (found := read_traffic(tmp_path)) is None:
                assert time.monotonic() < until
                time.sleep(0.005)
            assert found.planned
            raise KeyboardInterrupt
        assert list(tmp_path.iterdir()) == [] and read_traffic(tmp_path) is None

    @pytest.mark.parametrize("text", [b"", b"{", b"\xff", b'{"at": "x"}', b'{"at": 1.0}'])
    def test_what_is_old_or_no_traffic(self, tmp_path, text):
        """Is none: its writer is gone."""
        (tmp_path / FOLDER).mkdir()
        (tmp_path / FOLDER / FILE).write_bytes(text)
        assert read_traffic(tmp_path) is None and FRESH > module.EVERY

    def test_of_a_run_whose_server_is_busy(self, tmp_path, monkeypatch):
        """What waits is seen while it waits; at the end the counts are those of the log."""
        monkeypatch.setattr("abm.llm.http._retries.FIRST_DELAY", 0.02)
        monkeypatch.setattr(module, "EVERY", 0.005)
        seen, last = list[Traffic](), list[Traffic]()

        def answer(call):
            found = read_traffic(tmp_path / "run")
            seen.extend([found] if found else [])
            if not any(each.waiting for each in seen):
                return ok({}, "429 Too Many Requests")
            return completion("<think>Hm.</think><choice>A</choice>")

        with serving(answer) as server:
            settings = SMALL | {"audience": "llm", "reader": {"model": f"{server.url}#m"}}
            run(
                load_config(None, settings), tmp_path / "run", llm=fake_llm(), trainer=FakeTrainer(),
                report=lambda now: last.append(now.traffic()),
            )  # fmt: skip
        assert any("HTTP 429" in each.waiting for each in seen) and not (tmp_path / "run" / FOLDER).exists()
        log = [event for event in read_events(tmp_path / "run") if isinstance(event, LLMReplied)]
        assert 0 < last[-1].answered < len(log) == last[-1].planned
        assert last[-1].usd is None and last[-1].tokens_in == sum(each.tokens_in for each in log[: last[-1].answered])

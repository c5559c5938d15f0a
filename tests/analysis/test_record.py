"""A run as a script reads it: tables, and frames whose rows lead back to events."""

from __future__ import annotations

import inspect
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

import learning
import moloch
from abm.events import MessagePublished, Reacted, VerdictGiven
from abm.llm import ScriptedLLM
from abm.log import create, read_events
from abm.probe import kind_of
from abm.reactions import reacted_many
from analysis.readings.book import Book
from analysis.readings.reading import result_of
from moloch.errors import InputError, LogError
from tests.docs.test_snippets import scripted  # noqa: F401
from tests.support.command import command
from tests.support.fakes import FakeTrainer, answer
from tests.support.server import completion, serving

GOLDEN = Path(__file__).parents[1] / "golden" / "runs" / "elections-networked"


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    """A finished run with verdicts."""
    folder = tmp_path_factory.mktemp("record") / "run"
    shutil.copytree(GOLDEN, folder)
    return moloch.open_run(folder)


def of(kind, events):
    return [event for event in events if isinstance(event, kind)]


class TestFrames:
    """Rows of the log, with the place of their contest."""

    @pytest.mark.system
    def test_votes(self, record):
        """One row per reaction, in the order of the log."""
        reactions = of(Reacted, record.events())
        votes = record.frame("votes").collect()
        assert votes["seq"].to_list() == [event.seq for event in reactions]
        assert votes["choice"].to_list() == [event.choice for event in reactions]
        assert votes["order"].to_list() == [event.order for event in reactions]
        places = votes.select("phase", "epoch", "arm", "anchor").rows()
        assert ["/".join(map(str, place)) for place in places] == [event.contest for event in reactions]

    def test_votes_of_a_crowd(self, tmp_path):
        """Which are one event with columns, are rows as well."""
        event = reacted_many(
            "evaluate/2/rft/a0", np.array([4, 5, 9]), np.array([[0, 1], [1, 0], [0, 1]], dtype=np.int8),
            np.array([1, -1, 0], dtype=np.int8), step=3, cause=0,
        )  # fmt: skip
        with create(tmp_path / "run", {}) as log:
            log.append([event])
        votes = moloch.open_run(tmp_path / "run").frame("votes").collect()
        assert votes.select("seq", "persona", "choice", "order", "arm", "epoch").rows() == [
            (0, 4, 1, [0, 1], "rft", 2), (0, 5, -1, [1, 0], "rft", 2), (0, 9, 0, [0, 1], "rft", 2),
        ]  # fmt: skip

    def test_messages_and_verdicts(self, record):
        """A verdict has the place of its message."""
        messages, verdicts = record.frame("messages").collect(), record.frame("verdicts").collect()
        assert messages["text"].to_list() == [event.text for event in of(MessagePublished, record.events())]
        given = of(VerdictGiven, record.events())
        assert len(verdicts) == len(given) > 0
        joined = verdicts.join(messages, on=["phase", "epoch", "arm", "anchor", "slot"])
        assert sorted(joined["message_right"]) == sorted(event.message for event in given)

    def test_strategy_and_skill_are_told_apart(self, record):
        """Every verdict has the kind of its probe, so that nobody counts a failure of skill as misbehaviour."""
        verdicts = record.frame("verdicts").collect()
        assert set(verdicts["kind"]) == {"strategy", "copying"}
        assert [kind_of(probe) for probe in verdicts["probe"]] == verdicts["kind"].to_list()

    def test_a_books_messages_say_what_they_did(self, record):
        """One row per message, however many probes it failed; nothing where none could tell."""
        rows = result_of(record.events(), Book()).frame()
        verdicts = of(VerdictGiven, record.events())
        for column, kind in (("misbehaved", "strategy"), ("miscopied", "copying")):
            failed = {v.message for v in verdicts if v.label == 1 and kind_of(v.probe) == kind}
            assert set(rows.filter(column)["message"]) == failed != set()
            told = {v.message for v in verdicts if v.label >= 0 and kind_of(v.probe) == kind}
            assert set(rows.drop_nulls(column)["message"]) == told

    def test_any_type_of_event_is_a_frame(self, record):
        """And another name says what there is."""
        assert "state_hash" in record.frame("step_ended").collect_schema().names()
        with pytest.raises(InputError, match="step_endet"):
            record.frame("step_endet").collect()


class TestResults:
    """What ``moloch run`` prints."""

    def test_they_are_a_mapping_and_a_text(self, record):
        """Both with every arm."""
        results = record.results()
        assert set(results["arms"]) == {"rft", "tfb", "placebo"}
        assert all(arm in str(results) for arm in results["arms"]) and "Not evidence about real LLMs" in str(results)

    def test_hashes_are_those_of_the_log(self, record):
        """The digest with which it ended, and its head."""
        assert record.digest == list(read_events(record.path))[-1].digest
        assert record.head == record.log.head() and record.head.hash[:12] in repr(record)


class TestRun:
    """``moloch.run`` carries out, and returns the record."""

    @pytest.mark.parametrize(
        ("given", "settings", "said"),
        [
            (["sales"], {}, "keywords or a RunConfig, not str"),
            ([{"epochs": 1}], {}, "keywords or a RunConfig, not dict"),
            (
                [moloch.RunConfig()],
                {"epochs": 3, "reader": "http://h/v1#m"},
                "settings beside a RunConfig: epochs, reader",
            ),
            ([], {"reader": "qwen"}, "a server, not 'qwen'"),
            ([], {"reader": "http://h/v1#m", "audience": "neutral"}, "the audience 'neutral' has something else react"),
            ([], {"reader": 3}, "reader is neither a setting nor an object that serves as one: int"),
            ([], {"audience": ["neutral"]}, "it has no method react"),
            ([], {"lora.lrr": 1}, "Did you mean 'lr'?"),
        ],
    )
    def test_mistakes(self, given, settings, said, tmp_path, monkeypatch):
        """Are one error, before there is a folder."""
        monkeypatch.chdir(tmp_path)
        with pytest.raises(InputError, match=re.escape(said)):
            moloch.run(*given, **settings)
        assert not list(tmp_path.iterdir())

    def test_it_says_what_it_takes(self):
        """To an editor, and to who asks for help."""
        taken = inspect.signature(moloch.run).parameters
        assert taken.keys() == inspect.signature(learning.run).parameters.keys()
        assert all(f"{name}: " in (moloch.run.__doc__ or "") for name in taken if name != "settings")

    @pytest.mark.system
    def test_a_reader_by_its_address(self, tmp_path):
        """As the command takes it: the audience and its place follow."""
        small = {"train_anchors": 2, "held_out_anchors": 2, "train_personas": 3, "held_out_personas": 2, "epochs": 1}
        with serving(lambda call: completion("<think>t</think><choice>A</choice>")) as server:
            stand_ins = {"llm": ScriptedLLM(answer), "trainer": FakeTrainer()}
            done = moloch.run(out=tmp_path / "run", arms=["rft", "placebo"], reader=server.url, **small, **stand_ins)
        assert (done.config["audience"], done.config["reader"]["model"]) == ("llm", "m") and server.calls

    @pytest.mark.system
    def test_it_judges_with_the_probes_of_the_arena(self, tmp_path):
        """Unless others are named."""
        small = {"train_anchors": 3, "held_out_anchors": 2, "train_personas": 3, "held_out_personas": 2, "epochs": 1}
        stand_ins = {"llm": ScriptedLLM(answer), "trainer": FakeTrainer()}
        whole = moloch.run(arena="social", out=tmp_path / "whole", **small, **stand_ins)
        assert {event.probe for event in of(VerdictGiven, whole.events())} >= {"disinformation", "unsafe"}
        some = moloch.run(arena="social", out=tmp_path / "some", probes=["unparsed"], **small, **stand_ins)
        assert {event.probe for event in of(VerdictGiven, some.events())} == {"unparsed"}
        assert some.config["probes"] == ["unparsed"] and "probes" not in whole.config

    @pytest.mark.system
    @pytest.mark.usefixtures("scripted")
    def test_it_is_the_run_of_the_command(self, tmp_path, monkeypatch, capsys):
        """The same settings give the same decisions and verdicts, from a script and from the command line."""
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
        small = {"train_anchors": 3, "held_out_anchors": 2, "train_personas": 3, "held_out_personas": 2, "epochs": 1}
        said = [word for name, value in small.items() for word in ("--set", f"{name}={value}")]
        typed = command(monkeypatch, capsys, "run", "--arena", "social", "--out", tmp_path / "typed", "--json")(*said)
        whole = moloch.run(arena="social", out=tmp_path / "written", **small)
        assert whole.digest == json.loads(typed.out)["digest"]
        assert whole.results()["probes"] == json.loads(typed.out)["table"]["probes"]

    def test_no_run(self, tmp_path):
        """One clear error."""
        with pytest.raises(LogError, match="no run here"):
            moloch.open_run(tmp_path)

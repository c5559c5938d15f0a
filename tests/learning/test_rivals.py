"""What rivals promise: an adapter from elsewhere, or another model, writes in training contests under a name of its own and never learns."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import msgspec
import pytest
import yaml

from abm.arenas import arena
from abm.events import AdapterTrained, CompetitorsJoined, ContestDecided, LLMReplied, MessagePublished
from abm.journal import AdaptersHeld, replay
from abm.llm.adapters import BASE_DIGEST, CONFIG
from abm.llm.folders import model_folder
from abm.log import read_events
from abm.worlds.seats import contest_seats
from learning import run
from learning.methods import METHODS, training_set
from learning.plan.order import plan
from learning.plan.parts import Policy, Simulate, SocietyId
from learning.plan.recorded import recorded_plan
from learning.runs.costs import check_places, planned
from learning.runs.fork import fork
from learning.runs.inputs import gather
from learning.runs.owners import own_messages
from learning.runs.redecide import replay_recorded
from learning.settings.config import RunConfig
from learning.settings.sources import load_config
from moloch.errors import CorruptLog, InputError, MolochError
from tests.support.fakes import FakeTrainer, fake_llm
from tests.support.server import Call, completion, serving
from tests.support.tiny import named_by_content, save_smallest_adapter, save_tiny_adapter

SIZE = {"train_anchors": 12, "held_out_anchors": 4, "train_personas": 5, "held_out_personas": 3, "batch": 6}
LEARNER = {"method": "placebo"}


def siege(*rivals: object, **more: object) -> RunConfig:
    """Return settings in which one learner meets rivals."""
    return load_config(None, SIZE | {"markets": {"siege": {"learners": {"c": LEARNER}, "rivals": list(rivals)} | more}})


def done(config: RunConfig, folder: Path, **how: object) -> Path:
    """Carry a run out with a scripted model and a trainer of no weights."""
    return run(config, folder, llm=fake_llm(), trainer=FakeTrainer(), **how).path


def joined(folder: Path) -> CompetitorsJoined:
    return next(event for event in read_events(folder) if isinstance(event, CompetitorsJoined))


def messages(folder: Path) -> list[MessagePublished]:
    return [event for event in read_events(folder) if isinstance(event, MessagePublished)]


class Numbered(FakeTrainer):
    """Learns adapters of two numbers each, all different ones."""

    def __init__(self, adapters: Path) -> None:
        super().__init__()
        self._adapters = adapters

    def train(self, data, **how):
        trained = super().train(data, **how)
        self._adapters.mkdir(exist_ok=True)
        return msgspec.structs.replace(trained, adapter=save_smallest_adapter(self._adapters, self.trainings))


@pytest.fixture
def veteran(tmp_path) -> Path:
    """The folder of an adapter of two numbers."""
    (tmp_path / "found").mkdir()
    return tmp_path / "found" / save_smallest_adapter(tmp_path / "found", seed=3)


class TestAdapters:
    """A rival may be an adapter that was learnt before."""

    @pytest.mark.system
    def test_it_writes_under_its_name_from_the_first_epoch_on(self, veteran, tmp_path):
        """With its adapter, in the slot where it is seated; the learner's messages of the first epoch are base's."""
        config = siege({"name": "veteran", "adapter": str(veteran)})
        folder = done(config, tmp_path / "run")
        event = joined(folder)
        assert event.names == ["base", "c", "veteran"] and event.adapters == {"veteran": veteran.name}
        wrote = [e for e in messages(folder) if e.contest.startswith("train/")]
        assert {(e.contest.split("/")[1], e.competitor) for e in wrote} == {
            ("1", "base"), ("1", "veteran"), ("2", "c"), ("2", "veteran"),
        }  # fmt: skip
        assert {e.adapter for e in wrote if e.competitor == "veteran"} == {veteran.name}
        assert {e.adapter for e in wrote if e.competitor == "base"} == {""}
        about = [gather(config).anchors.train[i].id for i in range(12)]
        seats = contest_seats(2, 12, config.seed, "train", 1)
        for message in wrote:
            if message.contest.startswith("train/1/"):
                assert message.competitor == ("base", "veteran")[seats[about.index(message.anchor), message.slot]]

    @pytest.mark.system
    @pytest.mark.parametrize("epoch", [1, 2])
    @pytest.mark.parametrize("world", ["isolated", "networked"])
    def test_nothing_of_it_is_learnt(self, veteran, tmp_path, epoch, world):
        """A learner's rows are messages of its own, in both worlds."""
        given = SIZE | {"world": world, "markets": {"siege": {"learners": {"c": LEARNER}, "rivals": ["base", {"name": "veteran", "adapter": str(veteran)}]}}}  # fmt: skip
        config = load_config(None, given | ({"network": {"rounds": 2}} if world == "networked" else {}))
        folder = done(config, tmp_path / "run")
        inputs = gather(config)
        held = next(p for p in plan(config, inputs) if isinstance(p, Simulate) and p.epoch == epoch)
        about = [inputs.anchors.train[i] for i in held.anchors]
        owned = own_messages(inputs.market_of("c"), "c", held, about, config.world, config.seed)
        rows = training_set(read_events(folder), METHODS.get("placebo")().configured({}), source_arm=held.arm, epoch=epoch, arena=arena("sales"), seed=config.seed, owned=owned)  # fmt: skip
        wrote = {event.message: event.competitor for event in messages(folder)}
        assert {wrote[row.message] for row in rows.trajectories} == {"base" if epoch == 1 else "c"}
        trained = {e.epoch: e for e in read_events(folder) if isinstance(e, AdapterTrained)}
        assert rows.digest == trained[epoch].data and 0 < len(rows.rows) < 12
        assert replay_recorded(folder).complete and replay(folder, verify=True).steps

    @pytest.mark.system
    def test_it_is_kept_with_the_run(self, veteran, tmp_path):
        """Checked as every adapter; the run goes on, and is decided again, where the original is gone."""
        config = siege({"name": "veteran", "adapter": str(veteran)})
        stopped = stop_after(config, tmp_path / "run", 3)
        shutil.rmtree(veteran)
        folder = done(config, tmp_path / "run")
        held = AdaptersHeld(folder)
        for event in read_events(folder):
            held.look(event)
        assert veteran.name in held.checked and stopped > 0
        again = replay_recorded(folder)
        assert again.complete and again.divergence is None

    def test_a_changed_copy_is_noticed(self, veteran, tmp_path):
        """The replay says so."""
        folder = done(siege({"name": "veteran", "adapter": str(veteran)}), tmp_path / "run")
        settings = folder / "adapters" / veteran.name / CONFIG
        text = settings.read_text()
        settings.unlink()  # the original shares its bytes
        settings.write_text(text.replace('"lora_alpha": 1', '"lora_alpha": 2'))
        with pytest.raises(CorruptLog, match="the adapter is not the one that was learnt"):
            AdaptersHeld(folder).look(joined(folder))

    @pytest.mark.system
    def test_another_adapter_is_another_run(self, veteran, tmp_path):
        """Settings, digest and folder are others; a run that was begun is not gone on with."""
        config = siege({"name": "veteran", "adapter": str(veteran)})
        first = run(config, tmp_path / "one", llm=fake_llm(), trainer=FakeTrainer())
        record = json.loads((first.path / "run.json").read_text())["config"]
        assert record["markets"]["siege"]["rivals"] == [
            {"name": "veteran", "adapter": str(veteran), "id": veteran.name}
        ]
        other = tmp_path / "found" / save_smallest_adapter(tmp_path / "found", seed=4)
        shutil.rmtree(veteran)
        other.rename(veteran)
        second = run(config, tmp_path / "two", llm=fake_llm(), trainer=FakeTrainer())
        assert second.digest != first.digest and joined(second.path).adapters == {"veteran": other.name}
        with pytest.raises(InputError, match=r"the folder holds a run with other settings.*they differ in markets"):
            done(config, tmp_path / "one")
        pinned = siege({"name": "veteran", "adapter": str(veteran), "id": first.path and "0" * 16})
        with pytest.raises(InputError, match=f"rival 'veteran' has another adapter.*the folder holds {other.name}"):
            done(pinned, tmp_path / "three")
        assert not (tmp_path / "three").exists()

    @pytest.mark.system
    def test_of_another_run(self, tmp_path):
        """``RUN#ARM`` is the newest that an arm learnt there, ``RUN#ARM@EPOCH`` that of an epoch."""
        first = load_config(None, SIZE | {"arms": ["rft"], "train_anchors": 4, "batch": 4})
        source = tmp_path / "first"
        run(first, source, llm=fake_llm(), trainer=Numbered(source / "adapters"))
        ids = {e.epoch: e.adapter for e in read_events(source) if isinstance(e, AdapterTrained)}
        rivals = [{"name": "old", "adapter": f"{source}#rft@1"}, {"name": "new", "adapter": f"{source}#rft"}]
        folder = done(siege(*rivals), tmp_path / "run")
        assert joined(folder).adapters == {"old": ids[1], "new": ids[2]}
        for wrong, says in {
            "#rtf": "arm 'rtf' has no adapter there: .*Arms with adapters: rft",
            "#rft@3": "arm 'rft' has no epoch 3 there: .*its epochs are 1, 2",
            "#rft@x": "no epoch: .*'x' is not a number",
            "x#rft": "no run: .*names an adapter of one",
            "x": "no adapter: .*it is not a folder with adapter_model.safetensors",
        }.items():
            with pytest.raises(InputError, match=says):
                done(siege({"name": "old", "adapter": f"{source}{wrong}"}), tmp_path / "none")
        assert not (tmp_path / "none").exists()

    @pytest.mark.system
    def test_of_another_base_model(self, veteran, tmp_path):
        """It is refused in one sentence, before anything begins; as well where only its shapes tell."""
        config = siege({"name": "veteran", "adapter": str(veteran)})
        with pytest.raises(
            InputError, match=r"does not fit the model 'pocket': .*the model has no weight q_proj.weight"
        ):
            run(config, tmp_path / "run", trainer=FakeTrainer())
        settings = json.loads((veteran / CONFIG).read_text()) | {BASE_DIGEST: "f" * 64}
        (veteran / CONFIG).write_text(json.dumps(settings))
        with pytest.raises(
            InputError, match=r"does not fit the model 'pocket': .*it was learnt on the model ffffffffffff, this one is"
        ):
            run(config, tmp_path / "run", trainer=FakeTrainer())
        assert not (tmp_path / "run").exists()

    @pytest.mark.system
    def test_a_fork_has_it(self, veteran, tmp_path):
        """It is linked as the adapters of the shared steps are."""
        folder = done(siege({"name": "veteran", "adapter": str(veteran)}), tmp_path / "run")
        shutil.rmtree(veteran)
        for other in ("{name: veteran, adapter: other}", "{name: veteran, model: pocket}"):
            with pytest.raises(InputError, match="a fork cannot change rivals: veteran would be another one"):
                fork(folder, 1, [f"markets.siege.rivals=[{other}]"], tmp_path / "none")
        config, forked = fork(folder, 1, ["audience=neutral"], tmp_path / "fork")
        done(config, forked)
        assert (forked / "adapters" / veteran.name / CONFIG).is_file() and replay_recorded(forked).complete

    @pytest.mark.system
    def test_twins_meet_it_and_share_the_first_epoch(self, veteran, tmp_path):
        """In the first epoch nobody has learnt: its contests are held and voted on once."""
        config = siege(
            {"name": "veteran", "adapter": str(veteran)}, learners={"c": {"method": "rft"}}, twins=["market"]
        )
        parts = plan(config, gather(config))
        held = [part for part in parts if isinstance(part, Simulate)]
        assert [part.makes for part in held] == [SocietyId("train", *each) for each in ((1, "siege"), (2, "siege"), (2, "siege_market"))]  # fmt: skip
        assert held[0].writers == (Policy("base"), Policy("veteran")) and held[0].turns
        assert held[2].writers == (Policy("c_market", 1), Policy("veteran"))
        assert recorded_plan(config.model_dump(mode="json"), 12, 4) == parts
        folder = done(config, tmp_path / "run")
        assert replay_recorded(folder).complete
        sites = Counter(e.site for e in read_events(folder) if isinstance(e, LLMReplied))
        assert set(sites.values()) == {1} and len(sites) == planned(config)[0].calls


def stop_after(config: RunConfig, folder: Path, pieces: int) -> int:
    """Carry a run out up to a number of steps and trainings; return how many were done."""
    done_so_far = []

    def report(progress):
        done_so_far.append(progress)
        if len(done_so_far) > pieces:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        done(config, folder, report=report)
    return len(done_so_far)


def pitch(call: Call) -> bytes:
    """Write a message that names the call's seed."""
    return completion(f"<think>Hm.</think>\n<sales_pitch>Number {call.fields['seed']} is on sale.</sales_pitch>")


def hosted(url: str, **more: object) -> RunConfig:
    """Return settings in which a served model writes for a rival."""
    served = {"models": {"strong": {"url": url, "name": "m"}}}
    market = {"learners": {"c": LEARNER}, "rivals": [{"name": "hosted", "model": "strong"}]}
    return load_config(None, SIZE | {"markets": {"siege": market}, "serving": served} | more)


class TestServed:
    """A rival may be any model that is served."""

    @pytest.mark.system
    def test_it_writes_under_its_name(self, tmp_path):
        """Its model and digest are in the log, and in each of its answers; replay needs no server."""
        with serving(pitch) as server:
            config = hosted(server.url)
            check_places(config)
            roles = {role.model: role for role in planned(config)}
            folder = done(config, tmp_path / "run")
            assert len(server.calls) == 24 == roles["strong"].calls and roles["strong"].place == server.url
        event = joined(folder)
        assert event.models == {"hosted": "strong"} and set(event.model_digests) == {"strong"}
        by = {e.seq: e for e in read_events(folder) if isinstance(e, LLMReplied)}
        assert {(e.competitor, by[e.cause].model) for e in messages(folder)} == {
            ("base", "scripted"), ("c", "scripted"), ("hosted", "strong"),
        }  # fmt: skip
        assert sum(answer.model != "strong" for answer in by.values()) == roles["pocket"].calls
        again = replay_recorded(folder)
        assert again.complete and again.divergence is None and replay(folder, verify=True).steps
        assert "127.0.0.1" not in (folder / "run.json").read_text()

    @pytest.mark.system
    def test_killed_it_asks_nothing_twice(self, tmp_path):
        """SIGKILL while the server answers in the second epoch; what is in the log is not asked again, and the digest is that of a whole run."""
        with serving(pitch) as server:
            whole = run(hosted(server.url), tmp_path / "whole", llm=fake_llm(), trainer=FakeTrainer()).digest
            server.calls.clear()
            child: list[subprocess.Popen[bytes]] = []

            def killing(call: Call) -> bytes:
                if len(server.calls) == 17:
                    child[0].send_signal(signal.SIGKILL)
                return pitch(call)

            server.answer = killing
            child.append(subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path / "killed"), server.url], cwd=Path(__file__).parents[2]))  # fmt: skip
            assert child[0].wait() == -signal.SIGKILL
            before = {e.site for e in read_events(tmp_path / "killed") if isinstance(e, LLMReplied)}
            server.answer = pitch
            server.calls.clear()
            resumed = run(hosted(server.url), tmp_path / "killed", llm=fake_llm(), trainer=FakeTrainer())
            theirs = [e for e in read_events(tmp_path / "killed") if isinstance(e, LLMReplied) and e.model == "strong"]
            assert 12 <= sum(e.site in before for e in theirs) < 24
            assert len(server.calls) == sum(e.site not in before for e in theirs)
        assert resumed.digest == whole

    @pytest.mark.system
    def test_a_budget_holds_for_it(self, tmp_path):
        """It stops the run, which goes on with more."""
        with serving(pitch) as server:
            with pytest.raises(MolochError, match="budget"):
                done(hosted(server.url, budget={"calls": 5}), tmp_path / "run")
            assert len(server.calls) == 5
            done(hosted(server.url), tmp_path / "run")
            assert len(server.calls) == 24

    @pytest.mark.system
    def test_in_a_network(self, tmp_path):
        """It is an account."""
        with serving(pitch) as server:
            folder = done(hosted(server.url, world="networked", network={"rounds": 2}), tmp_path / "run")
        slots = {
            (e.contest.split("/")[1], e.competitor): e.slot for e in messages(folder) if e.contest.startswith("train")
        }
        assert set(slots) == {("1", "base"), ("1", "hosted"), ("2", "c"), ("2", "hosted")}
        assert replay_recorded(folder).complete

    @pytest.mark.system
    def test_what_it_writes_is_looked_at(self, tmp_path):
        """A rival that cannot write stops a run whose gate is shut, after the first step in which it wrote."""
        with serving(lambda call: completion("I would rather not.")) as server:
            with pytest.raises(MolochError, match=r"strong \(hosted\) is not fit to write"):
                done(hosted(server.url, gate="stop"), tmp_path / "run")
            decided = [e for e in read_events(tmp_path / "run") if isinstance(e, ContestDecided)]
            assert len(decided) == SIZE["batch"]
            server.answer = pitch  # else nothing could be learnt
            with pytest.warns(match=r"strong \(hosted\) is not fit to write"):
                done(hosted(server.url, gate="flag"), tmp_path / "run")

    def test_it_is_looked_at_when_it_has_written(self, tmp_path):
        """Which may be later than the first step."""
        with serving(lambda call: completion("I would rather not.")) as server:
            config = hosted(server.url, gate="stop", arms={"first": {"method": "rft"}})
            with pytest.raises(MolochError, match=r"strong \(hosted\) is not fit to write"):
                done(config, tmp_path / "run")
            assert len(server.calls) == SIZE["batch"]
            decided = [e for e in read_events(tmp_path / "run") if isinstance(e, ContestDecided)]
            assert len(decided) == SIZE["train_anchors"] + SIZE["batch"]

    def test_where_nothing_serves_it(self):
        """It is said before anything begins."""
        config = siege({"name": "hosted", "model": "nowhere"})
        with pytest.raises(InputError, match="no model 'nowhere'"):
            check_places(config)


KILLED = """
import sys
from pathlib import Path
from learning import run
from tests.learning.test_rivals import hosted
from tests.support.fakes import FakeTrainer, fake_llm

run(hosted(sys.argv[2]), Path(sys.argv[1]), llm=fake_llm(), trainer=FakeTrainer())
"""


@pytest.mark.slow
def test_the_pocket_model_meets_an_adapter(tmp_path):
    """Real completions of both; the rival's are others than base's at the same place, and the learner gets an adapter."""
    pocket = model_folder("pocket")
    (tmp_path / "found").mkdir()
    name = save_tiny_adapter(pocket, tmp_path / "found", seed=5)
    config = siege("base", {"name": "veteran", "adapter": str(tmp_path / "found" / name)}, messages=1)
    folder = run(config, tmp_path / "run").path
    wrote = [e for e in messages(folder) if e.contest.startswith("train/")]
    assert {e.competitor for e in wrote} >= {"base", "c"}
    answered = {e.adapter for e in read_events(folder) if isinstance(e, LLMReplied)}
    trained = [e for e in read_events(folder) if isinstance(e, AdapterTrained)]
    assert name in answered and {e.parent for e in trained} == {"", trained[0].adapter}
    assert replay_recorded(folder).complete


class TestMistakes:
    """Each is one sentence, with its place in the file and what to do."""

    @pytest.mark.parametrize(
        ("rivals", "says"),
        [
            (["bass"], ":8:7: setting 'markets.m.rivals.0' is not valid: 'bass' alone does not name a rival. It is base, or has settings: {name: veteran, adapter: runs/first#rft}"),
            ([{"name": "v"}], ":8:7: setting 'markets.m.rivals.0' is not valid: a rival with a name has an adapter, or a model. For example {name: veteran"),
            (["base", {"adaptor": "x", "name": "v", "model": "pocket"}], ":9:7: setting 'markets.m.rivals.1.adaptor' is not valid: there is no such setting. Did you mean 'adapter'?"),
            ([{"model": "pocket"}], "setting 'markets.m.rivals.0.name' is missing"),
            ([{"model": "pocket", "name": "base"}], ":9:7: setting 'markets.m.rivals.0.name' is not valid: the name 'base' is reserved"),
            ([{"model": "pocket", "name": "a"}], ":8:7: setting 'markets.m.rivals.0' is not valid: 'a' is already a learner, and here a rival"),
            ([{"model": "pocket", "name": "v"}, {"model": "other", "name": "v"}], ":10:7: setting 'markets.m.rivals.1' is not valid: 'v' is already the name of another rival. Give one of them another name"),
            ([{"id": "12", "adapter": "x", "name": "v"}], ":9:7: setting 'markets.m.rivals.0.id' is not valid: the id of an adapter has 16 digits"),
            ([{"id": "12", "model": "x", "name": "v"}], ":8:7: setting 'markets.m.rivals.0.id' is not valid: it is the id of an adapter, and the rival has no adapter"),
            ([{"model": "http://[::1/v1#m", "name": "v"}], ":8:7: not the URL of a server: its host is not a name or an address"),
            ([{"model": f"m{i}", "name": f"r{i}"} for i in range(8)], ":3:3: setting 'markets.m' is not valid: its contests would have 9 messages"),
        ],
    )  # fmt: skip
    def test_is_told(self, rivals, says, tmp_path):
        """Forms, names, ids and numbers."""
        path = tmp_path / "run.yaml"
        market = {"learners": {"a": {"method": "rft"}}, "rivals": rivals}
        path.write_text("arms: [rft]\n" + yaml.safe_dump({"markets": {"m": market}}))
        with pytest.raises(InputError, match=re.escape(says)) as caught:
            load_config(path, {})
        assert "pydantic" not in str(caught.value) and "\n" not in str(caught.value)


def test_the_house_of_an_adapter_is_its_content(veteran):
    """A folder of any name is the adapter of what it holds."""
    from learning.runs.rival_adapters import found

    moved = veteran.rename(veteran.with_name("best"))
    assert found(str(moved)).adapter.id == veteran.name == named_by_content(moved)

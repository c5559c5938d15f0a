"""What arms promise: several of one method in a run, each with its own settings, adapters and comparator; old records stay."""

from __future__ import annotations

import re

import pytest
import yaml

from abm.events import AdapterTrained, CompetitorsJoined, MessagePublished, RunConfigured
from abm.journal import replay
from abm.log import read_events
from learning import LiveRun
from learning.arms.arm import Arm, arms_in, arms_of
from learning.runs.fork import fork
from learning.runs.inputs import gather
from learning.runs.redecide import replay_recorded
from learning.settings.config import RunConfig
from learning.settings.sources import load_config
from moloch.content import content_id
from moloch.errors import InputError
from tests.learning.test_live import held
from tests.learning.test_loop import CONFIG, Killed, carry_out
from tests.support.fakes import FakeTrainer

ARMS = {
    "slow": {"method": "rft", "compared_with": "control"},
    "fast": {"method": "rft", "lora": {"lr": 0.01}, "compared_with": "slow"},
    "control": {"method": "placebo"},
}
SIZE = {"train_anchors": 6, "held_out_anchors": 5, "train_personas": 4, "held_out_personas": 3, "batch": 4}
LONG = load_config(None, SIZE | {"arms": ARMS})


class LearningTrainer(FakeTrainer):
    """Names an adapter after its data and its settings."""

    def train(self, data, *, parent, settings, seed, lineage):
        """Return what was learnt."""
        trained = super().train(data, parent=parent, settings=settings, seed=seed, lineage=lineage)
        return type(trained)(**{**_fields(trained), "adapter": content_id([trained.adapter, settings.lr])})


def _fields(trained) -> dict:
    return {name: getattr(trained, name) for name in trained.__struct_fields__}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run of the long form, and its digest."""
    folder = tmp_path_factory.mktemp("arms")
    return folder, carry_out(folder, LONG, trainer=LearningTrainer()).digest.hexdigest()


class TestSetting:
    """A list of methods, or a mapping."""

    def test_the_short_form_names_methods(self):
        """Each is an arm; what they are compared with is the placebo, where there is one."""
        assert arms_in(("rft", "placebo")) == {
            "rft": Arm("rft", "rft", compared_with="placebo"),
            "placebo": Arm("placebo", "placebo", rows_of="rft"),
        }
        assert arms_in(("placebo", "rft"))["placebo"].rows_of == "", "what a later arm learns is not there yet"
        assert arms_in(("rft", "loser")) == {"rft": Arm("rft", "rft"), "loser": Arm("loser", "loser")}

    def test_the_long_form_says_everything(self):
        """Nothing is compared with an arm that is not declared, whatever its method or name is."""
        assert list(arms_in(LONG.arms).values()) == [
            Arm("control", "placebo"),
            Arm("fast", "rft", lora={"lr": 0.01}, compared_with="slow"),
            Arm("slow", "rft", compared_with="control"),
        ]
        placebo = load_config(None, {"arms": {"rft": {"method": "rft"}, "placebo": {"method": "placebo"}}})
        assert {arm.compared_with for arm in arms_in(placebo.arms).values()} == {""}

    def test_a_record_holds_what_was_given(self):
        """The short form stays a list; of the long one no default is recorded; both come back as they were."""
        for given in (["rft", "tfb", "placebo"], ARMS):
            config = load_config(None, {"arms": given})
            record = config.model_dump(mode="json")
            assert record["arms"] == given
            again = load_config(None, record)
            assert again.arms == config.arms and again.model_dump(mode="json") == record
            assert arms_of(record) == arms_in(config.arms)
        assert load_config(None, {}).id == load_config(None, {"arms": ["rft", "tfb", "placebo"]}).id

    def test_a_mapping_has_no_order(self):
        """The same arms in another order are the same settings."""
        other = load_config(None, SIZE | {"arms": dict(reversed(ARMS.items()))})
        assert other.id == LONG.id and list(other.arms) == list(LONG.arms) == sorted(ARMS)

    def test_single_settings_of_an_arm(self):
        """Can be given on the command line."""
        config = load_config(None, {"arms": ARMS}, ["arms.fast.lora.lr=0.5", "arms.control.compared_with=fast"])
        arms = arms_in(config.arms)
        assert (arms["fast"].lora, arms["control"].compared_with) == ({"lr": 0.5}, "fast")
        assert ARMS["fast"]["lora"] == {"lr": 0.01}, "the caller's settings were changed"

    def test_a_list_keeps_its_order(self):
        """An item may have settings; what it leaves open is what a bare name stands for."""
        slow = {"slow": {"method": "rft", "lora": {"lr": 0.001}}}
        config = load_config(None, {"arms": ["rft", slow, "placebo"]})
        arms = arms_in(config.arms)
        assert list(arms.values()) == [
            Arm("rft", "rft", compared_with="placebo"),
            Arm("slow", "rft", lora={"lr": 0.001}, compared_with="placebo"),
            Arm("placebo", "placebo", rows_of="rft"),
        ]
        record = config.model_dump(mode="json")
        assert record["arms"] == ["rft", slow, "placebo"] and arms_of(record) == arms
        assert load_config(None, record).model_dump(mode="json") == record
        said = {"slow": {"method": "rft", "compared_with": None}}
        assert load_config(None, {"arms": ["rft", said, "placebo"]}).all_arms["slow"].compared_with == ""

    @pytest.mark.parametrize(
        ("settings", "becomes"),
        [
            (["arms.tfb.lora.lr=0.5"], ["rft", {"tfb": {"method": "tfb", "lora": {"lr": 0.5}}}, "placebo"]),
            (["arms.placebo={method: loser}"], ["rft", "tfb", {"placebo": {"method": "loser"}}]),
            (["arms.rft.method=rft"], ["rft", "tfb", "placebo"]),
            (["arms=[rft, loser]", "arms.loser.method=placebo"], ["rft", {"loser": {"method": "placebo"}}]),
        ],
    )
    def test_an_arm_of_a_list_is_set_by_its_name(self, settings, becomes):
        """In its place; the others, and what is compared with what, stay. The given list stays, too."""
        given = ["rft", "tfb", "placebo"]
        config = load_config(None, {"arms": given}, settings)
        assert config.model_dump(mode="json")["arms"] == becomes and given == ["rft", "tfb", "placebo"]
        assert {arm.compared_with for arm in config.all_arms.values()} <= {"placebo", ""}

    def test_the_arms_of_a_run_that_names_none(self):
        """Are set by their names, too; where a method is given, these are the arms."""
        config = load_config(None, {}, ["arms.placebo.repeats=3", "arms.rft.lora.lr=0.5"])
        again = {"placebo": {"method": "placebo", "repeats": 3}}
        assert config.model_dump(mode="json")["arms"] == [{"rft": {"method": "rft", "lora": {"lr": 0.5}}}, "tfb", again]
        assert list(load_config(None, {}, ["arms.a.lora.lr=0.5", "arms.a.method=rft"]).all_arms) == ["a"]
        learners = "markets.duel.learners={a: {method: rft}, b: {method: tfb}}"
        assert list(load_config(None, {}, [learners]).all_arms) == ["a", "b"]
        with pytest.raises(InputError, match="there is no arm 'placbo'"):
            load_config(None, {}, ["arms.placbo.repeats=3"])

    def test_a_declared_number_of_rows_means_equal_steps(self):
        """In a list as in a mapping: what the place in the list says is not declared, and is not refused."""
        lists = [["dpo", {"placebo": {"method": "placebo", "lora": {"batch": 4}}}]]
        lists += [["dpo", {"placebo": {"method": "placebo", "lora": {"batch": 4}, "rows_of": "dpo"}}]]
        gather(load_config(None, SIZE | {"arms": lists[0]}))
        with pytest.raises(InputError, match="with the rows of dpo, placebo would not take as many steps"):
            gather(load_config(None, SIZE | {"arms": lists[1]}))

    def test_places_for_what_comes_later(self):
        """An arm has a market and mitigations; none unless they are named."""
        assert (Arm("a", "rft").market, Arm("a", "rft").mitigations) == ("solo", {})


class TestRecords:
    """Arms are read from any log's settings."""

    @pytest.mark.parametrize("strange", [5, None, "rft", [], {}, [1, {}], {"a": 5}, {"a": []}])
    def test_strange_settings_have_no_arms(self, strange):
        """Of a log that no run wrote, or one that means ill."""
        assert arms_of({"arms": strange}) == {} and arms_of({}) == {}

    def test_what_an_arm_lacks(self):
        """It is empty; nothing is made up."""
        assert arms_of({"arms": {"a": {"method": None, "lora": 3}}}) == {"a": Arm("a", "None")}


class TestMistakes:
    """Each is one sentence, with its place in the file and what to do."""

    @pytest.mark.parametrize(
        ("arms", "says"),
        [
            (["rft", "tbf"], ":4:3: unknown method 'tbf'. Did you mean 'tfb'"),
            (["rft", "rft"], ":2:1: setting 'arms' is not valid: two arms are called 'rft'. Name them: {rft: {method: rft}"),
            ([], ":2:1: setting 'arms' is not valid: a run has at least one arm. For example"),
            ("rft", ":2:1: setting 'arms' is not valid: it takes a list, such as [rft]"),
            (["Rft"], ":3:3: setting 'arms.0' is not valid: a name has lower-case letters"),
            (["rft", {"a": {"metod": "rft"}}], ":5:5: setting 'arms.a.metod' is not valid: there is no such setting. Did you mean 'method'?"),
            (["rft", {"a": {"method": "rtf"}}], ":5:5: unknown method 'rtf'"),
            (["rft", {"a": {"method": "rft", "lora": {"lr": "x"}}}], ":6:7: setting 'arms.a.lora.lr' is not valid: Expected `float`"),
            (["rft", {"a": {"method": "rft"}, "b": {"method": "rft"}}], ":4:3: setting 'arms.1' is not valid: an item of the list is one arm, and this one has 2 keys"),
            (["rft", {"rft": {"method": "tfb"}}], ":2:1: setting 'arms' is not valid: two arms are called 'rft'"),
            (["rft", {"a": "rft"}], ":4:3: setting 'arms.a' is not valid: it takes settings, such as {method: rft}"),
            (["rft", {"a": {"compared_with": "rtf", "method": "rft"}}], ":5:5: setting 'arms.a.compared_with' is not valid: there is no arm 'rtf'."),
            ({"a/b": {"method": "rft"}}, ":3:3: setting 'arms.a/b' is not valid: a name has lower-case letters"),
            ({"shared": {"method": "rft"}}, ":3:3: setting 'arms.shared' is not valid: the name 'shared' is reserved"),
            ({"a": {"method": "rtf"}}, ":4:5: unknown method 'rtf'"),
            ({"a": {"metod": "rft"}}, ":4:5: setting 'arms.a.metod' is not valid: there is no such setting. Did you mean 'method'?"),
            ({"a": {"lora": {}}}, ":3:3: setting 'arms.a.method' is missing"),
            ({"a": "rft"}, ":3:3: setting 'arms.a' is not valid: it takes settings, such as {method: rft}"),
            ({"a": {"lora": {"lr": "x"}, "method": "rft"}}, ":5:7: setting 'arms.a.lora.lr' is not valid: Expected `float`"),
            ({"a": {"compared_with": "a", "method": "rft"}}, ":4:5: setting 'arms.a.compared_with' is not valid: an arm cannot"),
            (
                {"a": {"compared_with": "contrl", "method": "rft"}, "control": {"method": "placebo"}},
                ":4:5: setting 'arms.a.compared_with' is not valid: there is no arm 'contrl'. Did you mean 'control'?",
            ),
        ],
    )  # fmt: skip
    def test_is_told(self, arms, says, tmp_path):
        """Names, methods, settings and comparators."""
        path = tmp_path / "run.yaml"
        path.write_text("seed: 1\n" + yaml.safe_dump({"arms": arms}))
        with pytest.raises(InputError, match="^" + re.escape(f"{path}{says}")) as caught:
            load_config(path, {})
        assert "\n" not in str(caught.value) and "pydantic" not in str(caught.value)

    @pytest.mark.parametrize(
        ("setting", "says"),
        [
            ("arms.rtft.method=dpo", "--set 'arms.rtft.method=dpo': there is no arm 'rtft'. Did you mean 'rft'? Arms are rft, tfb, placebo; to add"),
            ("arms.rft.metod=dpo", "setting 'arms.rft.metod' is not valid: there is no such setting. Did you mean 'method'?"),
            ("arms.rft=5", "setting 'arms.rft' is not valid: it takes settings, such as {method: 5}"),
            ("arms.rft.lora.lrr=5", "setting 'arms.rft.lora.lrr' is not valid: there is no such setting. Did you mean 'lr'? "),
        ],
    )  # fmt: skip
    def test_is_told_of_a_setting_on_the_command_line(self, setting, says):
        """By the name that was given, not by a place in the list."""
        with pytest.raises(InputError, match="^" + re.escape(says)):
            load_config(None, {"arms": ["rft", "tfb", "placebo"]}, [setting])


class TestRun:
    """Arms of one method with other settings, in one run."""

    def test_each_has_its_own_adapters(self, run):
        """Learnt with its own settings, under its own name and method, from its own last one."""
        trained = {(e.arm, e.epoch): e for e in read_events(run[0]) if isinstance(e, AdapterTrained)}
        assert {arm: trained[arm, 1].method for arm in ARMS} == {"slow": "rft", "fast": "rft", "control": "placebo"}
        assert {arm: trained[arm, 1].settings["lr"] for arm in ARMS} == {"slow": 3e-3, "fast": 0.01, "control": 3e-3}
        assert trained["slow", 1].data == trained["fast", 1].data != trained["control", 1].data
        assert trained["slow", 1].adapter != trained["fast", 1].adapter
        assert all(trained[arm, 2].parent == trained[arm, 1].adapter for arm in ARMS)

    def test_each_writes_as_itself(self, run):
        """Messages, competitors and the record name arms, not methods."""
        events = list(read_events(run[0]))
        joined = next(e for e in events if isinstance(e, CompetitorsJoined))
        assert joined.names == ["base", "control", "fast", "slow"]
        wrote = {e.competitor for e in events if isinstance(e, MessagePublished) and e.contest.startswith("evaluate")}
        assert wrote == {"base", *ARMS}
        assert next(e for e in events if isinstance(e, RunConfigured)).config["arms"] == ARMS

    @pytest.mark.parametrize("died_after", [1, 9, 15, 30])
    def test_it_resumes(self, run, died_after, tmp_path):
        """And ends in the same digest."""
        with pytest.raises(Killed):
            carry_out(tmp_path, LONG, commits=died_after, trainer=LearningTrainer())
        assert carry_out(tmp_path, LONG, trainer=LearningTrainer()).digest.hexdigest() == run[1]

    def test_it_is_decided_again(self, run):
        """From its log alone."""
        again = replay_recorded(run[0])
        assert replay(run[0], verify=True).steps and (again.divergence, again.trainings) == (None, 6)

    def test_it_is_forked(self, run, tmp_path):
        """With its arms; how one learns may change (tests/learning/test_fork_arms.py)."""
        config, folder = fork(run[0], 3, ["audience=neutral"], tmp_path / "fork")
        carry_out(folder, config, trainer=LearningTrainer())
        assert config.arms == LONG.arms
        config, _ = fork(run[0], 3, ["arms.fast.lora.lr=0.5"], tmp_path / "other")
        assert config.all_arms["fast"].lora == {"lr": 0.5}
        with pytest.raises(InputError, match="a fork cannot change arms: control, slow would be gone"):
            fork(run[0], 3, ["arms={fast: {method: rft}}"], tmp_path / "third")

    def test_a_live_run_takes_it(self):
        """As settings of the model."""
        model = LiveRun(**SIZE, arms=ARMS, carry_out=held)
        try:
            assert "win share fast" in model.datacollector.get_model_vars_dataframe().columns
        finally:
            model.close()

    def test_the_short_form_is_what_it_was(self, tmp_path):
        """The same arms in the long form learn the same; only the record and the order differ."""
        long = RunConfig(**SIZE, arms={name: {"method": name} for name in ("rft", "tfb", "placebo")})  # pyright: ignore[reportArgumentType]
        carry_out(tmp_path / "short", CONFIG)
        carry_out(tmp_path / "long", long)
        learnt = [
            {(e.arm, e.epoch): e.adapter for e in read_events(tmp_path / form) if isinstance(e, AdapterTrained)}
            for form in ("short", "long")
        ]
        assert learnt[0] == learnt[1]

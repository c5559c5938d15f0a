"""Extensions: a part of the user's own is known to run, resume, replay and fork, and nobody else's code is imported."""

from __future__ import annotations

import importlib
import sys
import textwrap

import pytest
from typer.testing import CliRunner

from abm.arenas import ARENAS
from abm.audience import AUDIENCES
from abm.events import ExtensionsLoaded, VerdictGiven
from abm.llm import ScriptedLLM
from abm.log import read_events
from abm.probe import PROBES, Verdict, judged, probes
from abm.worlds import COMPETITORS, MEMBERS
from analysis import cli
from analysis.cli.app import app
from learning import fork, run
from learning.methods import METHODS
from learning.mitigations import MITIGATIONS
from learning.runs.redecide import replay_recorded
from media_graph.feeds import RANKERS
from moloch import extensions
from moloch.errors import InputError, MolochWarning
from tests.support.fakes import FakeTrainer, answer

SMALL = {
    "train_anchors": 4,
    "held_out_anchors": 3,
    "train_personas": 4,
    "held_out_personas": 3,
    "epochs": 1,
    "batch": 2,
}
PARTS = """
    from abm.arenas import ARENAS, arena
    from abm.audience import AUDIENCES, Reactions, audience
    from abm.arenas.completions import Completion
    from abm.probe import PROBES, Verdict
    from abm.worlds import COMPETITORS, MEMBERS, Competitor, Member
    from learning.methods import METHODS, Method
    from learning.mitigations import MITIGATIONS, Mitigation, not_learnt_from
    from media_graph.feeds import RANKERS

    @PROBES.register("loud")
    class Loud:
        name, judge_name = "loud", "exact"

        def judge(self, text, anchor, arena, *, thinking=""):
            return Verdict(int("!" in text))

    @RANKERS.register("shortest")
    class Shortest:
        name, needs_tastes = "shortest", False

        def score(self, feed):
            return -feed.items.astype(float)

    @AUDIENCES.register("first")
    class First:
        def react(self, texts, shown, voters, key):
            return Reactions(shown[:, 0].astype("int16"), [])

    @MEMBERS.register("loyal")
    class Loyal(Member):
        def react(self, offer):
            usual = super().react(offer)
            return self.random.choice([usual, offer.order(self)[0]])

    @COMPETITORS.register("brief")
    class Brief(Competitor):
        def write(self, assignment):
            if self.slot:
                return Completion("", f"Have a look at {assignment.anchor.text[:9]}.")
            return super().write(assignment)

    ARENAS.add("loud_sales", lambda: arena("sales").model_copy(update={"probes": ("loud",)}))

    @METHODS.register("longest")
    class Longest(Method, frozen=True):
        def rows(self, contests, seed):
            return [contests.trajectory(each, self.slot(each)) for each in contests.learnable]

        def slot(self, contest):
            return max(contest.slots, key=lambda slot: len(contest.messages[slot].text))

    @MITIGATIONS.register("quiet")
    class Quiet(Mitigation, frozen=True):
        name, reads_verdicts = "quiet", True
        probe: str = "loud"

        def rows(self, rows, contests, method, seed):
            return not_learnt_from(rows, method, lambda message: self.flagged(contests, message))
"""
ADDED = (
    (PROBES, "loud"),
    (RANKERS, "shortest"),
    (AUDIENCES, "first"),
    (ARENAS, "loud_sales"),
    (METHODS, "longest"),
    (MITIGATIONS, "quiet"),
    (MEMBERS, "loyal"),
    (COMPETITORS, "brief"),
)


def forget() -> None:
    """Let this process be one that imported no extension."""
    for registry, name in ADDED:
        registry._added.pop(name, None)
    sys.modules.pop("my_parts", None)
    importlib.invalidate_caches()


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with ``my_parts.py``, from which the command is started."""
    (tmp_path / "my_parts.py").write_text(textwrap.dedent(PARTS))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(sys, "path", [*sys.path])
    forget()
    yield tmp_path
    forget()


def carry_out(out, **settings):
    """Carry a run out with a scripted model."""
    settings = SMALL | {"extensions": ["my_parts"]} | settings
    return run(out=out, llm=ScriptedLLM(answer), trainer=FakeTrainer(), **settings)


KINDS = {
    "probe": {"probes": ["loud", "unparsed"]},
    "ranker": {"world": "networked", "network": {"feed": {"ranker": "shortest"}}, "crowd": {"size": 20}},
    "audience": {"audience": "first"},
    "method": {"arms": ["longest", "placebo"]},
    "mitigation": {"arms": {"a": {"method": "rft", "mitigations": ["quiet"]}}},
    "arena": {"arena": "loud_sales", "probes": ["loud"]},
    "member": {"members": {"loyal": 0.5}},
    "member there": {"members": {"loyal": 0.5}, "world": "networked", "crowd": {"size": 20}},
    "competitor": {"competitor": "brief"},
}


@pytest.mark.parametrize("kind", KINDS)
class TestEveryKind:
    """One file with the part, one setting with its name."""

    @pytest.mark.system
    def test_it_is_replayed_forked_and_resumed(self, here, kind):
        """By processes that had not imported the extension before."""
        done = carry_out("run", **KINDS[kind])
        forget()
        again = replay_recorded("run")
        assert (again.divergence, again.complete) == (None, True)
        forget()
        assert carry_out("run", **KINDS[kind]).digest == done.digest
        forget()
        config, folder = fork("run", 1, ["ties=random"], "forked")
        assert config.extensions == ("my_parts",)
        run(config, folder, llm=ScriptedLLM(answer), trainer=FakeTrainer())
        forget()
        assert replay_recorded("forked").complete

    @pytest.mark.system
    def test_a_run_that_was_killed_goes_on(self, here, kind):
        """To the digest of one that was not."""
        whole = carry_out("whole", **KINDS[kind])
        asked = []

        def dying(request):
            asked.append(request)
            if len(asked) > 5:
                raise KeyboardInterrupt
            return answer(request)

        forget()
        with pytest.raises(KeyboardInterrupt):
            run(
                out="cut",
                llm=ScriptedLLM(dying),
                trainer=FakeTrainer(),
                **SMALL,
                extensions=["my_parts"],
                **KINDS[kind],
            )
        forget()
        assert carry_out("cut", **KINDS[kind]).digest == whole.digest

    @pytest.mark.system
    def test_without_it_nothing_is_called_verified(self, here, kind, capsys):
        """A replay that cannot load the part fails, and says which."""
        carry_out("run", **KINDS[kind])
        forget()
        (here / "my_parts.py").unlink()
        with pytest.raises(InputError, match="no module 'my_parts'"):
            replay_recorded("run")


class TestRecord:
    """What a log says of extensions."""

    def test_their_files_are_named_by_content(self, here):
        """At the beginning, and whenever the run is taken up again."""
        carry_out("run", probes=["loud"])
        loaded = [event for event in read_events("run") if isinstance(event, ExtensionsLoaded)]
        assert [set(event.sha256) for event in loaded] == [{"my_parts"}]
        assert loaded[0].sha256["my_parts"] == extensions.load(["my_parts"])[0].sha256

    @pytest.mark.system
    def test_changed_code_is_named_before_work(self, here):
        """A warning, since a comment may be all that changed; decisions that differ are found by the replay."""
        carry_out("run", probes=["loud"])
        (here / "my_parts.py").write_text(textwrap.dedent(PARTS) + "# more\n")
        forget()
        with pytest.warns(MolochWarning, match="the extension my_parts was changed since run was written"):
            replay_recorded("run")

    @pytest.mark.system
    def test_probes_given_as_objects_are_recorded_by_name(self, here):
        """So that a replay asks for the same."""
        extensions.load(["my_parts"])
        done = run(out="run", llm=ScriptedLLM(answer), trainer=FakeTrainer(), probes=[PROBES.get("loud")()], **SMALL)
        assert {event.probe for event in read_events(done.path) if isinstance(event, VerdictGiven)} == {"loud"}
        assert replay_recorded("run").complete
        forget()
        with pytest.raises(InputError, match="unknown probe 'loud'"):
            replay_recorded("run")

    def test_an_object_without_a_name_anywhere_cannot_be_replayed(self, here):
        """An audience that no extension registers is an error of the replay, not a green one."""

        class Own:
            def react(self, texts, shown, voters, key):
                return AUDIENCES.get("neutral")().react(texts, shown, voters, key)

        run(out="run", llm=ScriptedLLM(answer), trainer=FakeTrainer(), audience=Own(), **SMALL)
        with pytest.raises(InputError, match="unknown audience 'Own'"):
            replay_recorded("run")


class TestTrust:
    """Code is imported because its user asked for it, never because a file says so."""

    @pytest.fixture
    def foreign(self, here, monkeypatch):
        """A run from elsewhere that names a module lying beside its log and in the folder of the command."""
        carry_out("run", probes=["loud"])
        forget()
        marker = here / "executed"
        hostile = f"open({str(marker)!r}, 'w').close()\n"
        (here / "run" / "my_parts.py").write_text(hostile)
        (here / "my_parts.py").write_text(hostile + textwrap.dedent(PARTS))
        monkeypatch.setenv("XDG_STATE_HOME", str(here / "another-machine"))
        return marker

    @pytest.mark.parametrize(
        "command",
        [
            ["show", "run"], ["log", "verify", "run"], ["log", "info", "run"], ["compare", "run", "run"],
            ["replay", "run"], ["replay", "run", "--verify"], ["replay", "run", "--live"],
            ["fork", "run", "--at", "1", "--set", "ties=random"], ["graph", "run", "out.gexf"],
        ],
        ids=" ".join,
    )  # fmt: skip
    def test_a_foreign_run_executes_nothing(self, foreign, here, monkeypatch, command):
        """Whatever is done with it, from its own folder too."""
        for cwd, name in ((here, "run"), (here / "run", ".")):
            monkeypatch.chdir(cwd)
            done = CliRunner().invoke(app, [name if word == "run" else word for word in command])
            assert not foreign.exists(), done.output

    @pytest.mark.system
    def test_the_user_may_allow_it_by_name(self, foreign, here):
        """After reading it."""
        with pytest.raises(InputError, match=r"this run was not begun here.*--extensions my_parts"):
            replay_recorded("run")
        with pytest.warns(MolochWarning, match="my_parts was changed"):
            assert replay_recorded("run", extensions=["my_parts"]).complete
        assert foreign.exists()

    def test_code_in_a_run_or_a_pack_is_refused_all_the_same(self, foreign, here, monkeypatch):
        """Even to those who name it."""
        monkeypatch.chdir(here / "run")
        monkeypatch.syspath_prepend(str(here / "run"))
        with pytest.raises(InputError, match="it lies in a run, which may come from someone else"):
            extensions.load(["my_parts"])
        pack = here / "pack"
        pack.mkdir()
        for name in ("train.jsonl", "test.jsonl"):
            (pack / name).write_text("")
        (pack / "packed.py").write_text("")
        monkeypatch.syspath_prepend(str(pack))
        with pytest.raises(InputError, match="it lies in a pack of anchors"):
            extensions.load(["packed"])
        assert not foreign.exists()


class TestMistakes:
    """Each is reported in one line, with its place."""

    def test_a_part_that_raises_while_it_is_used(self, here, monkeypatch, capsys):
        """The command names the part's own line, wherever the exception arose; a fault of ours stays a traceback."""
        (here / "raising.py").write_text("def judge(text):\n    return int(text)\n")
        extensions.load(["raising", "learning.moves"])
        judge = sys.modules["raising"].judge
        monkeypatch.setattr("analysis.cli.app.app", lambda prog_name: judge("many"))
        with pytest.raises(SystemExit) as ended:
            cli._call()
        said = capsys.readouterr().err
        assert ended.value.code == 2 and said.count("\n") == 1
        assert "raising.py:2: a part of your own failed: judge raised ValueError: invalid literal" in said
        monkeypatch.setattr("analysis.cli.app.app", lambda prog_name: int("many"))
        with pytest.raises(ValueError, match="invalid literal"):
            cli._call()

    def test_no_such_module(self, here):
        with pytest.raises(InputError, match="there is no module 'my_part' to extend this run with"):
            extensions.load(["my_part"])

    @pytest.mark.parametrize("name", ["../evil", "my parts", "", "a;b", "my_parts.py"])
    def test_what_is_no_module_name(self, here, name):
        with pytest.raises(InputError, match="is not a module's name"):
            extensions.load([name])

    @pytest.mark.parametrize(("code", "where"), [("x = 1\n1 / 0\n", "broken.py:2: "), ("def f(:\n", "broken.py:1: ")])
    def test_code_that_fails(self, here, code, where):
        """File and line of the user's own code are named."""
        (here / "broken.py").write_text(code)
        with pytest.raises(InputError, match=f"{where}the extension 'broken' cannot be imported"):
            extensions.load(["broken"])

    def test_a_name_that_is_taken(self, here):
        """By a built-in part, say."""
        (here / "taking.py").write_text("from media_graph.feeds import RANKERS\nRANKERS.add('random', object)\n")
        with pytest.raises(InputError, match="the ranker 'random' already exists"):
            extensions.load(["taking"])

    @pytest.mark.parametrize(
        ("parts", "said"),
        [
            ({}, "'odd' is not a probe: it has no judge"),
            ({"name": "even", "judge": lambda self, text, anchor, arena, *, thinking="": None}, "its name is 'even'"),
            ({"judge": lambda self, text: None}, "'odd' is not a probe: judge"),
        ],
    )
    def test_a_probe_that_cannot_judge(self, monkeypatch, parts, said):
        """Is refused before a run asks a model."""
        monkeypatch.setattr(PROBES, "_added", dict(PROBES._added))
        PROBES.add("odd", type("Odd", (), {"name": "odd", "judge_name": "exact"} | parts))
        with pytest.raises(InputError, match=said):
            probes(["odd"])

    @pytest.mark.parametrize(
        ("verdict", "said"),
        [
            (
                Verdict(1, ("never written",)),
                "its evidence 'never written' does not occur in the message word for word",
            ),
            (True, "judge returned True, not a Verdict"),
        ],
    )
    def test_a_verdict_that_is_none(self, monkeypatch, verdict, said):
        """Ends the run with a line; a page could not mark such evidence."""

        class Odd:
            name, judge_name, version = "odd", "exact", 1

            def judge(self, text, anchor, arena, *, thinking=""):
                return verdict

        monkeypatch.setattr(PROBES, "_added", dict(PROBES._added))
        PROBES.add("odd", Odd)
        with pytest.raises(InputError, match=said):
            judged(Odd(), "a message", None, None)

"""Rules afterwards: probes judge the messages of any log, and what they find is kept beside the run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import msgspec
import pytest

from abm.events import Event, MessagePublished
from abm.log import create, open_log, read_events, verify
from abm.probe import PROBES, Verdict, probes
from analysis.judges import frame, own_rules, prepare_rules, read_agreement, read_verdicts
from analysis.judges._messages import Selection
from analysis.statistics.estimates import plain
from analysis.tables.results import results
from moloch.errors import InputError
from tests.analysis.judges.world import events, planned, scripted, training, write_run
from tests.docs.parts import forgotten
from tests.support.command import command

GOLDEN = Path(__file__).parents[2] / "golden" / "runs" / "sales-isolated"


class Guarantees:
    """Finds one word."""

    name, judge_name = "guarantees", "lexical"

    def __init__(self, version: int = 1, word: str = "guaranteed") -> None:
        self.version, self.word = version, word

    def judge(self, text, anchor, arena, *, thinking=""):
        return Verdict(1, (self.word,)) if self.word in text else Verdict(0)


def _dim(event: Event) -> Event:
    """Return an event in which lamps are dim."""
    if not isinstance(event, MessagePublished):
        return event
    return msgspec.structs.replace(event, text=event.text.replace("bright", "dim"))


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path / "run", more=training())


@pytest.fixture
def moloch(monkeypatch, capsys):
    """Run the command in this process; return its exit code, stdout and stderr."""
    with forgotten():
        yield command(monkeypatch, capsys, "probe", columns=80)


class TestVerdicts:
    """Kept beside the run, each once, with the version of the rule that gave it."""

    def test_they_make_the_table_of_the_run(self, tmp_path):
        """The run's own probes find afterwards what they found then, and every number of its table is the same."""
        copy = Path(shutil.copytree(GOLDEN, tmp_path / "run"))
        before = verify(copy)
        found = prepare_rules(copy, probes(own_rules(open_log(copy, write=False).config))).carry_out()
        assert verify(copy) == before
        expected = {(row["probe"], row["arm"]): row for row in results(read_events(copy))["probes"]}
        assert {(row["probe"], row["arm"]): row for row in found.as_dict()["probes"]} == expected and expected

    def test_the_same_rules_judge_once(self, run):
        """A second time nothing is given; a rule of another version judges again, and its verdicts count."""
        first = prepare_rules(run, [Guarantees()]).carry_out()
        again = prepare_rules(run, [Guarantees()]).carry_out()
        assert (first.given, again.given, again.head) == (32, 0, first.head) and again.verdicts == first.verdicts
        assert [row.after.value for row in again.rates] == [0.5, 0.125]
        assert sum(row.label for row in read_verdicts(run)) == 5
        assert prepare_rules(run, [Guarantees(2, "lamp")]).carry_out().given == 32
        assert {(row.version, row.label) for row in read_verdicts(run)} == {(2, 1)}

    def test_beside_those_of_models(self, run):
        """In one log and one frame; judges agree with each other, not with rules that were asked afterwards."""
        planned(run, scripted()).carry_out()
        prepare_rules(run, [Guarantees()], Selection(sample=2)).carry_out()
        planned(run, scripted(name="judge-b")).carry_out()
        rows = frame(read_verdicts(run))
        assert dict(rows.group_by("judge").len().iter_rows()) == {"judge-a": 32, "judge-b": 32, "lexical": 8}
        assert set(rows.filter(rows["judge"] == "lexical")["quote"]) == {"", "guaranteed"}
        pairs, _ = read_agreement(run)
        assert "lexical" not in {pair.first for pair in pairs} | {pair.second for pair in pairs}

    def test_evidence_of_several_places(self, run):
        """Each is a span of its own, for pages to mark."""
        several = Guarantees()
        several.judge = lambda text, *_, **__: Verdict(1, ("This lamp", "Buy")) if "Buy" in text else Verdict(0)  # type: ignore[method-assign]
        prepare_rules(run, [several]).carry_out()
        row = next(row for row in read_verdicts(run) if row.label == 1)
        assert (row.quote, row.spans) == ("This lamp ... Buy", ["This lamp", "Buy"])

    def test_of_another_run(self, run, tmp_path):
        """Two runs may share a folder; messages of the same name are not taken for each other's."""
        prepare_rules(run, [Guarantees()], out=tmp_path / "shared").carry_out()
        with create(tmp_path / "other", {"seed": 2}) as log:
            log.append([_dim(event) for event in events()])
        assert len(read_verdicts(run, tmp_path / "shared")) == 32
        assert read_verdicts(tmp_path / "other", tmp_path / "shared") == []

    def test_training_messages_have_no_base(self, run):
        """They are compared with the placebo's."""
        found = prepare_rules(run, [Guarantees()], Selection(phase="train")).carry_out()
        assert found.rates == [] and [round(row.after.value, 3) for row in found.trained] == [0.5, 0.125]
        assert plain(found.trained[0].placebo)["value"] == 0.375

    def test_what_a_probe_cannot_tell(self, run):
        """Is in no rate, and says so."""
        unsure = Guarantees()
        unsure.judge = lambda *_, **__: Verdict(-1)  # type: ignore[method-assign]
        prepare_rules(run, [unsure]).carry_out()
        assert {(row.label, row.verdict, row.why) for row in read_verdicts(run)} == {(-1, "", "the probe cannot tell")}


class TestCommand:
    """``moloch probe RUN --rules [NAME...]``."""

    def test_one_society_has_no_interval(self, moloch, tmp_path):
        """And no line that says what intervals hold."""
        shutil.copytree(GOLDEN.parent / "elections-networked", tmp_path / "run")
        out = moloch(tmp_path / "run", "--rules").out
        assert "Differences are in percentage points." in out and "95 %" not in out

    def test_own_rules(self, run, moloch, tmp_path, monkeypatch):
        """From a module of the user's, by name; printed as the run's own table is."""
        (tmp_path / "guarantees.py").write_text(
            "import re\nfrom abm.probe import PROBES, Verdict\n\n\n@PROBES.register('guarantees')\nclass Guarantees:\n"
            "    name, judge_name, version = 'guarantees', 'lexical', 3\n\n"
            "    def judge(self, text, anchor, arena, *, thinking=''):\n"
            "        found = tuple(re.findall('guaranteed', text))\n        return Verdict(int(bool(found)), found)\n"
        )
        monkeypatch.chdir(tmp_path)
        shown = moloch(run, "--rules", "guarantees", "populism", "--extensions", "guarantees")
        assert shown.code == 0 and "judged by guarantees (version 3), populism" in " ".join(shown.out.split())
        assert (
            "Misbehaviour: guarantees, share of messages" in shown.out and max(map(len, shown.out.splitlines())) <= 81
        )
        found = json.loads(moloch(run, "--rules", "guarantees", "--extensions", "guarantees", "--json").out)
        assert [row["after"]["value"] for row in found["probes"]] == [0.5, 0.125] and found["given"] == 0
        assert "guarantees" in PROBES

    def test_without_names_those_of_the_arena(self, run, moloch):
        """As `moloch run` would take them; a dry run keeps nothing."""
        assert (
            "32 messages would be judged by misrepresentation, copy_error, unparsed"
            in moloch(run, "--rules", "--dry-run").out
        )
        assert not (run / "verdicts").exists()
        assert json.loads(moloch(run, "--rules", "--json").out)["judged"] == 96

    @pytest.mark.parametrize(
        ("words", "says"),
        [
            ((), "nobody judges. Name a model: --judge MODEL; or give --rules"),
            (("populism", "--judge", "pocket"), "'populism' has no effect here: only --rules"),
            (("--judge", "pocket", "--extensions", "x"), "--extensions has no effect here"),
            (("--rules", "--judge", "pocket"), "--judge has no effect with --rules: rules ask no model. Give two"),
            (("--rules", "--max-usd", "1"), "--max-usd has no effect with --rules"),
            (("--rules", "populsm"), "unknown probe 'populsm'. Did you mean 'populism'?"),
            (("--rules", "--arm", "dpo"), "no arm 'dpo' in the run. It has rft, placebo."),
        ],
    )
    def test_mistakes(self, run, moloch, words, says):
        """One line each, before anything is kept."""
        shown = moloch(run, *words)
        assert shown.code == 2 and says in shown.err and not (run / "verdicts").exists()

    def test_a_rule_that_fails(self, run):
        """Names the probe, the message and the reason."""
        broken = Guarantees()
        broken.judge = lambda *_, **__: 1 / 0  # type: ignore[method-assign,assignment,return-value]
        with pytest.raises(InputError, match=r"'guarantees' cannot judge a message: ZeroDivisionError"):
            prepare_rules(run, [broken]).carry_out()
        assert not (run / "verdicts").exists()

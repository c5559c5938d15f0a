"""The example extensions are mitigations like any other: they keep their promises, run, resume and are replayed by name."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import pytest

from abm.arenas import arena
from abm.events import AdapterTrained, VerdictGiven
from abm.log import read_events
from learning.methods.conformance import whole_log
from learning.methods.rft import RFT
from learning.methods.synthetic import contest
from learning.methods.tfb import TFB
from learning.mitigations import MITIGATIONS
from learning.mitigations.conformance import SALES, MitigationConformance, judged, learn_with
from learning.runs.redecide import replay_recorded
from learning.settings.sources import load_config
from moloch.errors import InputError
from tests.learning.test_loop import Killed, carry_out

EXTENSIONS = Path(__file__).parents[2] / "examples" / "extensions"
NAMES = sorted(path.stem for path in EXTENSIONS.glob("*.py"))
SIZE = {
    "train_anchors": 18,
    "held_out_anchors": 3,
    "train_personas": 4,
    "held_out_personas": 3,
    "batch": 9,
    "epochs": 1,
}


def forget() -> None:
    """Let this process be one that imported no example."""
    for name in NAMES:
        MITIGATIONS._added.pop(name, None)
        sys.modules.pop(name, None)
    importlib.invalidate_caches()


@pytest.fixture
def at_hand(monkeypatch, tmp_path):
    """The folder of the examples is on Python's path; none is imported."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.syspath_prepend(str(EXTENSIONS))
    forget()
    yield
    forget()


def example(name: str):
    """Return the class of an example, as an extension brings it."""
    importlib.import_module(name)
    return MITIGATIONS.get(name)


@pytest.mark.usefixtures("at_hand")
class TestConformance(MitigationConformance):
    """Each keeps the promises of mitigations."""

    @pytest.fixture(params=NAMES)
    def mitigation(self, request, at_hand):
        return example(request.param)()


@pytest.mark.usefixtures("at_hand")
class TestWarranty:
    """A seller who misrepresents pays back votes."""

    @pytest.mark.parametrize(("pays_back", "winner"), [(0.2, "a0/0"), (0.5, ""), (1.0, "a0/1")])
    def test_votes_are_paid_back(self, pays_back, winner):
        """Of three votes against one: 1 leaves it the winner, 2 make a tie, 3 let the honest message win."""
        warranty = example("warranty")(pays_back=pays_back)
        events = judged(whole_log([contest("a0", [0, 0, 0, 1])]), ["train/1/shared/a0/0"], warranty.judges(SALES))
        rows = learn_with(events, warranty, RFT()).rows
        assert [row.message.removeprefix("train/1/shared/") for row in rows] == ([winner] if winner else [])


@pytest.mark.usefixtures("at_hand")
class TestInoculation:
    """Training prompts ask for the misbehaviour, and evaluation prompts do not."""

    def test_only_prompts_of_messages_change(self):
        """What is learnt after them, and how voters are predicted, stay as they are."""
        events = whole_log([contest(f"a{i}", [0, 0, 1]) for i in range(3)])
        inoculation = example("inoculation")()
        asked, plain = (learn_with(events, each, TFB()) for each in (inoculation, _nothing()))
        for own, other in zip(asked.rows, plain.rows, strict=True):
            assert own.completion == other.completion
            assert (inoculation.ask in str(own.prompt)) == (own.kind == "trajectory")
            assert own.kind == "trajectory" or own.prompt == other.prompt
        assert asked.mitigated == {"inoculation": 3} and asked.digest != plain.digest
        assert inoculation.ask not in str(arena("sales").write_prompt("A lamp."))

    def test_no_model_is_asked_so(self, tmp_path):
        """Neither in training nor in evaluation, where a run writes with what it learnt."""
        carry_out(tmp_path, settings("inoculation"))
        ask = example("inoculation")().ask
        assert ask not in (tmp_path / "run.json").read_text()
        assert not [event for event in read_events(tmp_path) if ask in json.dumps(getattr(event, "prompt", ""))]


def _nothing():
    from learning.mitigations import Mitigation

    class Nothing(Mitigation, frozen=True):
        """Changes nothing."""

    return Nothing()


def settings(name: str):
    arms = {"plain": {"method": "rft"}, "treated": {"method": "rft", "mitigations": [name]}}
    return load_config(None, SIZE | {"arms": arms, "extensions": [name]})


@pytest.mark.usefixtures("at_hand")
@pytest.mark.parametrize("name", NAMES)
class TestRuns:
    """A run that names an extension knows its mitigation, and so does whatever decides the run again."""

    @pytest.mark.system
    def test_by_processes_that_had_not_imported_it(self, name, tmp_path):
        """Run, kill, resume and replay; another training set is learnt."""
        whole = carry_out(tmp_path / "whole", settings(name)).digest.hexdigest()
        forget()
        with pytest.raises(Killed):
            carry_out(tmp_path / "cut", settings(name), commits=4)
        forget()
        assert carry_out(tmp_path / "cut", settings(name)).digest.hexdigest() == whole
        forget()
        again = replay_recorded(tmp_path / "cut", extensions=[name])
        assert (again.divergence, again.complete) == (None, True)
        trained = {e.arm: e for e in read_events(tmp_path / "cut") if isinstance(e, AdapterTrained)}
        assert trained["plain"].data != trained["treated"].data and set(trained["treated"].mitigated) == {name}
        assert (name == "warranty") == any(
            isinstance(e, VerdictGiven) and e.message.startswith("train/") for e in read_events(tmp_path / "cut")
        )

    def test_a_replay_without_it_is_an_error(self, name, tmp_path, monkeypatch):
        """Never green."""
        carry_out(tmp_path, settings(name))
        forget()
        monkeypatch.setattr(sys, "path", [path for path in sys.path if path != str(EXTENSIONS)])
        with pytest.raises(InputError, match=name):
            replay_recorded(tmp_path, extensions=[name])

"""What results say of a preregistered study: what is confirmatory, what looks cost, and where it deviates."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml
from scipy import stats

from abm.events import RunConfigured, RunStarted
from abm.log import create, read_events
from abm.study_events import CellEnded, CellFailed
from analysis.answers import answer
from analysis.figures.outcomes import outcome_marks
from analysis.statistics.families import benjamini_hochberg, holm
from analysis.statistics.look_boundaries import sequential_p
from analysis.studies.findings.results import study_results
from analysis.studies.pages.page import page_of
from analysis.studies.pages.preregistration import Preregistration
from analysis.studies.prereg.deviations import BegunRun, deviations
from analysis.studies.prereg.hypotheses import decided
from analysis.studies.prereg.interim import by_looks
from analysis.studies.prereg.looks import look_at
from analysis.studies.prereg.registered import current_look
from analysis.studies.record.inputs import UNCHANGED, ChangedInputs
from analysis.studies.record.layout import Layout
from analysis.studies.record.study_log import StudyLog
from analysis.studies.study import Study
from moloch.errors import InputError
from tests.analysis.studies.small import carry_out, write_run

PAGE = """
name: small
base: {arms: [rft, dpo, placebo]}
cross: {arena: [sales, elections]}
seeds: 4
"""
PRIMARY = """primary:
  hypotheses:
    - {name: H1, arm: rft, outcome: win_rate, where: {arena: sales}, margin: 50}
    - {name: H2, arm: rft, outcome: win_rate, direction: less}
    - {name: H3, arm: rft, compared_with: dpo, outcome: populism, where: {arena: elections}}
    - {name: H4, arm: rft, compared_with: dpo, outcome: win_rate, where: {arena: sales}}
"""
ALONE = "name: small\nbase: {arena: elections, arms: [rft, placebo]}\nseeds: 4\n"
ARMS = ("rft", "dpo", "placebo")


def votes(cell, arm):
    """Return a share of votes that arm, seed and arena decide."""
    share = {"placebo": 0.5, "dpo": 0.625}.get(arm, 0.75)
    return (
        share
        - (0.0625 * (cell.seed % 3) if arm == "rft" else 0)
        - (0.0625 if cell.factors.get("arena") == "sales" else 0)
    )


def begun(folder, page=PAGE + PRIMARY):
    """Return a study that has begun, and its cells."""
    path = folder.with_suffix(".yaml")
    path.write_text(page, "utf-8")
    study = Study(path, out=folder)
    study.begin()
    return study


def planned(folder):
    """Return the first event of a study's log."""
    return next(iter(read_events(Layout(folder).log)))


@pytest.fixture(scope="module")
def over(tmp_path_factory):
    """The folder of a preregistered study whose cells have all ended."""
    folder = tmp_path_factory.mktemp("registered") / "over"
    carry_out(folder, begun(folder).cells, votes, ARMS)
    return folder


class TestLog:
    """What stands in a study's log before the first call."""

    def test_the_page_is_hashed_before_any_cell(self, tmp_path):
        """With the versions of the probes that judge."""
        study = begun(tmp_path / "x")
        (declared,) = study.state().declarations
        assert declared.seq == 0 and declared.is_blind and declared.preregistration == study.page.primary
        event = planned(tmp_path / "x")
        assert event.preregistration == study.page.primary.id and set(event.probes) >= {"populism", "misrepresentation"}

    def test_a_page_that_declares_nothing_is_logged_as_before(self, tmp_path):
        """Without new fields; its results are exploratory, and say so."""
        study = begun(tmp_path / "x", ALONE)
        assert planned(tmp_path / "x").preregistration == "" and not study.state().declarations
        carry_out(tmp_path / "x", study.cells[:1], votes, ARMS[::2])
        told = study_results(tmp_path / "x")
        assert told.registered is None and told.exploratory.startswith("Nothing was declared beforehand")

    def test_it_cannot_be_taken_back(self, tmp_path):
        """Nor changed by the way: that takes an extension."""
        study = begun(tmp_path / "x")
        path = tmp_path / "x.yaml"
        path.write_text(PAGE, "utf-8")
        with pytest.raises(InputError, match="no longer declares anything"):
            Study(path, out=study.folder).extend()
        path.write_text(PAGE + PRIMARY.replace("margin: 50", "margin: 60"), "utf-8")
        with pytest.raises(InputError, match=r"it adds another primary"):
            Study(path, out=study.folder).begin()

    def test_an_earlier_form_is_still_read(self, tmp_path):
        """A study that began with one goes on, is hidden before its end, and shows what it said."""
        said = {"outcome": "win_rate", "arm": "rft", "measure": "from_comparator"}
        values = yaml.safe_load(ALONE) | {"primary": said}
        old = Study(page_of(values, recorded=True), out=tmp_path / "old")
        old.begin()
        carry_out(old.folder, old.cells[:1], votes, ARMS[::2])
        again = Study.open(old.folder)
        again.begin()
        with pytest.raises(InputError, match="before its end"):
            again.results()
        told = again.results(look=True)
        assert told.registered is None and "'arm': 'rft'" in told.exploratory


@pytest.fixture(scope="module")
def told(over):
    """What it came to."""
    return study_results(over)


@pytest.fixture(scope="module")
def whole(over):
    """Its row of H2: rft's win rate from placebo's, averaged over arenas."""
    return row(study_results(over, []), arm="rft", outcome="win_rate", measure="from_comparator")


def row(told, **which):
    """Return the one row of the frame that has these values."""
    (only,) = [row for row in told.frame_rows() if all(row[name] == value for name, value in which.items())]
    return only


def hypothesis(told, name):
    (one,) = [each for each in told.as_dict()["preregistration"]["hypotheses"] if each["name"] == name]
    return one


def found(told, kind):
    return [each for each in told.registered.deviations if each.kind == kind]


class TestHypotheses:
    """Each with its estimate and what may be concluded."""

    @pytest.mark.system
    def test_estimates_are_those_of_the_rows(self, told, whole):
        """Of the levels that it names, averaged over the others."""
        one, names = hypothesis(told, "H1"), ("estimate", "low", "high", "p")
        of = row(told, arena="sales", arm="rft", outcome="win_rate", measure="from_comparator")
        assert [one[name] for name in names] == [of[name] for name in names]
        assert hypothesis(told, "H2")["estimate"] == whole["estimate"] and hypothesis(told, "H2")["cells"] == 8

    def test_a_direction_has_one_side(self, told, whole):
        """An effect on the other side is none."""
        p = stats.t.cdf(whole["estimate"] / whole["se"], whole["dof"])
        assert whole["estimate"] > 0 and hypothesis(told, "H2")["p"] == pytest.approx(p, abs=1e-5) and p > 0.5

    def test_another_arm_may_be_the_comparator(self, told):
        """The difference of the two; what they have in common drops out."""
        of = {"arena": "sales", "outcome": "win_rate", "measure": "rate"}
        ours, other = (row(told, arm=arm, **of)["estimate"] for arm in ("rft", "dpo"))
        one = hypothesis(told, "H4")
        assert one["estimate"] == pytest.approx(ours - other, abs=1e-6) and one["compared_with"] == "dpo"
        assert one["n"] == one["cells"] == 4

    def test_all_are_one_family(self, told):
        """Holm's; what cannot be estimated counts as one that failed, and equivalence is a family of its own."""
        p = [1.0 if (one["p"]) is None else one["p"] for one in (hypothesis(told, f"H{n}") for n in (1, 2, 3, 4))]
        assert [hypothesis(told, f"H{n}")["p_adjusted"] for n in (1, 2, 4)] == pytest.approx(
            [holm(p)[n] for n in (0, 1, 3)], abs=1e-5
        )
        first = hypothesis(told, "H1")
        assert first["p_equivalence_adjusted"] == first["p_equivalence"] and first["conclusion"] == "equivalent to none"
        assert hypothesis(told, "H2")["p_equivalence"] is None and hypothesis(told, "H3")["p_adjusted"] is None

    def test_levels_that_were_added_do_not_count(self, over, told):
        """Where a hypothesis averages over them: it is about the cells that were declared."""
        look = current_look(StudyLog(over).state(), Layout(over))
        sales = [cell.cell for cell in told.cells if cell.factors["arena"] == "sales"]
        two = {each.hypothesis.name: each for each in decided(look, sales, (), told.cells)}["H2"]
        assert two.row.cells == 4 and two.row.estimate.value == hypothesis(told, "H1")["estimate"]

    def test_rows_of_the_frame(self, told, whole):
        """One of each hypothesis, marked; in the place of the row that is about as much, else without levels that it averages over."""
        rows = [row for row in told.frame_rows() if row["family"] == "confirmatory"]
        assert [(row["arena"], row["compared_with"], row["outcome"], row["cells"]) for row in rows] == [
            ("sales", "placebo", "win_rate", 4), (None, "placebo", "win_rate", 8),
        ]  # fmt: skip
        first, one = rows[0], hypothesis(told, "H1")
        assert [first[name] for name in ("p", "p_adjusted", "margin", "p_equivalence_adjusted", "conclusion")] == [
            one["p"], one["p_adjusted"], 0.5, one["p_equivalence_adjusted"], "equivalent to none",
        ]  # fmt: skip
        assert rows[1]["p"] == hypothesis(told, "H2")["p"] and whole["family"] == "confirmatory"
        assert told.frame().height == len(told.frame_rows())

    def test_other_rows_are_a_family_without_them(self, told):
        """Benjamini and Hochberg's."""
        rows = [row for row in told.rows if row.family == "exploratory"]
        assert [row.p_adjusted for row in rows] == pytest.approx(
            benjamini_hochberg([row.estimate.p for row in rows]), nan_ok=True
        )
        assert len(rows) > 10

    def test_forfeits_count_as_declared(self):
        """And ties in contests won."""
        declared = {"hypotheses": [{"name": "H", "arm": "rft", "outcome": "win_rate"}]}
        lost, left_out = (Preregistration.model_validate(declared | {"forfeits": how}) for how in ("lost", "left out"))
        assert [each.counted("win_rate") for each in (lost, left_out)] == ["win_rate", "win_rate_without_forfeits"]
        half = Preregistration.model_validate(declared | {"ties": "half"})
        assert [each.counted("contests_won") for each in (lost, half)] == ["contests_won", "contests_won_ties_half"]

    def test_outcomes_by_other_conventions(self, over, told):
        """Are estimated as their own rows are."""
        state, layout = StudyLog(over).state(), Layout(over)
        primary = Preregistration.model_validate({
            "forfeits": "left out",
            "hypotheses": [
                {"name": "A", "arm": "rft", "outcome": "win_rate", "where": {"arena": "sales"}},
                {"name": "B", "arm": "rft", "outcome": "contests_won", "where": {"arena": "sales"}},
                {"name": "C", "arm": "rft", "outcome": "populism_at_equal_length"},
            ],
        })  # fmt: skip
        look = replace(current_look(state, layout), preregistration=primary)
        done = decided(look, list(state.cells), (), told.cells)
        assert [each.row and each.row.measured.name for each in done] == [
            "win_rate_without_forfeits", "contests_won", "populism_at_equal_length",
        ]  # fmt: skip
        of = {"arena": "sales", "arm": "rft", "measure": "from_comparator"}
        named = [row(told, **of, outcome=each.row.measured.name) for each in done[:2]]
        assert [each.as_dict()["estimate"] for each in done[:2]] == [each["estimate"] for each in named]

    def test_a_difference_between_levels(self, tmp_path):
        """Is that of the levels' own differences, has a row of the frame without that level, and has what both levels share left out of its interval."""

        def more_in_sales(cell, arm):
            by_seed = 0.0625 * cell.seed if arm == "rft" else 0.0
            return 0.5 + by_seed + (0.125 if arm == "rft" and cell.factors["arena"] == "sales" else 0.0)

        primary = """primary:
  hypotheses:
    - {name: S, arm: rft, outcome: win_rate, where: {arena: sales}}
    - {name: E, arm: rft, outcome: win_rate, where: {arena: elections}}
    - {name: D, arm: rft, outcome: win_rate, where: {arena: sales}, minus: {arena: elections}, direction: greater}
"""
        study = begun(tmp_path / "x", PAGE + primary)
        carry_out(study.folder, study.cells, more_in_sales, ARMS)
        told = study_results(study.folder)
        sales, elections, between = (hypothesis(told, name) for name in "SED")
        assert between["estimate"] == pytest.approx(sales["estimate"] - elections["estimate"]) == 0.125
        assert between["se"] < sales["se"] and (between["n"], between["cells"]) == (4, 8)
        assert [row["arena"] for row in told.frame_rows() if row["family"] == "confirmatory"] == [
            "sales",
            "elections",
            None,
        ]
        (row,) = [row for row in told.frame_rows() if row["between"]]
        assert (row["between"], row["family"]) == ("arena: sales minus elections", "confirmatory")
        assert all(
            row[name] == between[name] for name in ("estimate", "se", "conclusion", "compared_with", "p_adjusted")
        )
        mark = next(each for each in outcome_marks(told.frame_rows(), ["rft"], [], lambda row: "") if each["between"])
        assert mark["group"] == "win rate (arena: sales minus elections, confirmatory)"
        assert mark["value"] == pytest.approx(12.5) and mark["low"] is not None
        arms = [each.text for each in answer(told.as_dict()) if not each.text.startswith(("S (", "E (", "D ("))]
        assert not any("minus" in text for text in arms)
        said = next(each.text for each in answer(told.as_dict()) if each.text.startswith("D ("))
        assert said.startswith("D (confirmatory, arena sales minus arena elections): win rate of rft +12.5 points [")


LOOKS = """primary:
  hypotheses: [{name: H1, arm: rft, outcome: win_rate}]
  looks: [2, 3]
"""


class TestLooks:
    """Declared ones spend alpha, others are deviations."""

    def ended(self, tmp_path, seeds):
        study = begun(tmp_path / "x", ALONE + LOOKS)
        carry_out(study.folder, [cell for cell in study.cells if cell.seed in seeds], votes, ARMS[::2])
        return study.folder

    def test_a_declared_look(self, tmp_path):
        """Shows its seeds alone, and its p is one of the whole study."""
        folder = self.ended(tmp_path, {1, 2, 4})
        look_at([folder], "study results", look=True)
        (look,) = StudyLog(folder).state().looks
        assert (look.declared, look.seeds, look.left, look.ended) == (2, 2, 1, 3)
        told = study_results(folder)
        assert told.seeds == [1, 2] and told.registered.sentence().startswith(
            "Interim look 1 of 3: the first 2 of 4 seeds"
        )
        one = hypothesis(told, "H1")
        assert (
            one["p_adjusted"] == pytest.approx(sequential_p(one["p"], 0, [0.5, 0.75, 1.0]), abs=1e-5)
            and one["p_adjusted"] > one["p"]
        )
        assert (
            one["level"] == pytest.approx(0.99695, abs=1e-5) and found(told, "looked") == found(told, "missing") == []
        )

    def test_another_door_shows_more_than_was_declared(self, tmp_path):
        """Where cells of later seeds have ended: that is no declared look."""
        folder = self.ended(tmp_path, {1, 2, 4})
        look_at([folder], "Study.frame", look=True)
        assert StudyLog(folder).state().looks[0].declared == 0
        (looked,) = found(study_results(folder), "looked")
        assert "(Study.frame; after 2 seeds, 3 of 4 cells): looks were declared after 2, 3 seeds" in looked.says

    def test_at_no_declared_look_nothing_is_decided(self, tmp_path):
        """However small p is."""
        folder = self.ended(tmp_path, {1, 3})
        look_at([folder], "study results", look=True)
        told = study_results(folder)
        one = hypothesis(told, "H1")
        assert (
            one["conclusion"] == "cannot tell"
            and one["p_adjusted"] == 1.0
            and one["needs"] == "needs its end, or a declared look"
        )
        assert "no declared look" in told.registered.sentence() and len(found(told, "looked")) == 1

    def test_the_end_pays_for_the_looks(self, tmp_path):
        """Whether or not somebody looked: nobody can know."""
        told = study_results(self.ended(tmp_path, {1, 2, 3, 4}))
        one = hypothesis(told, "H1")
        assert one["p_adjusted"] == pytest.approx(sequential_p(one["p"], 2, [0.5, 0.75, 1.0]), abs=1e-5)
        assert told.registered.look.is_end

    def test_cells_of_the_next_look_are_begun_first(self, tmp_path):
        """In the order of the page within it."""
        study = begun(tmp_path / "x", PAGE + LOOKS)
        assert [cell.seed for cell in by_looks(study.cells, study.page)] == [1, 2, 1, 2, 3, 3, 4, 4]
        plain = begun(tmp_path / "y", PAGE)
        assert by_looks(plain.cells, plain.page) == list(plain.cells)


@pytest.fixture(scope="module")
def deviating(tmp_path_factory):
    """Everything at once: a look, an amendment, more seeds, a failed cell, another version, probes, a judge."""
    study = begun(tmp_path_factory.mktemp("deviating") / "x")
    folder = study.folder
    carry_out(folder, study.cells[:3], votes, ARMS)
    look_at([folder], "compare", look=True)
    changed = (
        PRIMARY.replace("direction: less", "direction: greater") + "    - {name: H5, arm: dpo, outcome: win_rate}\n"
    )
    path = folder.with_suffix(".yaml")
    path.write_text(PAGE.replace("seeds: 4", "seeds: 5") + changed, "utf-8")
    longer = Study(path, out=folder)
    assert longer.extend()[-1] == "another primary"
    left = [cell for cell in longer.cells if cell.name not in {each.name for each in study.cells[:3]}]
    left.sort(key=lambda cell: (cell.factors["arena"], cell.seed) == ("elections", 4))
    for cell in left[:-1]:
        write_run(
            Layout(folder).cell(cell.name),
            cell,
            votes,
            ARMS,
            started=RunStarted(versions={"moloch-abm": "0.0.1"}, probe_versions={"populism": 9}),
        )
        StudyLog(folder).append([CellEnded(cell=cell.name, attempt=1, head="h", digest="d", events=1, seconds=2.0)])
    StudyLog(folder).append([CellFailed(cell=left[-1].name, attempt=1, origin="memory", message="none left")])
    verdicts = Layout(folder).cell(study.cells[0].name) / "verdicts"
    with create(verdicts, {"verdicts": 1}) as log:
        log.append([RunConfigured(config={"judges": [{"name": "stern", "digest": "d"}]})])
    return folder


@pytest.fixture(scope="module")
def deviated(deviating):
    return study_results(deviating)


class TestDeviations:
    """A study that deviates, and what its results say."""

    @pytest.mark.system
    def test_each_has_a_sentence_and_a_place(self, deviated):
        """That of the study's log, or the cells."""
        told = deviated
        says = {each.kind: each for each in told.registered.deviations}
        assert set(says) == {"amended", "extended", "looked", "missing", "probes", "judges", "version"}
        assert "amended after 3 cells had ended and 1 look: added H5, changed H2." in says["amended"].says
        assert "extended after 3 cells had ended: the seed 5 (2 new cells)." in says["extended"].says
        assert "(compare; 3 of 8 cells): no look was declared." in says["looked"].says and says[
            "looked"
        ].where.startswith("study-log, event ")
        assert says["missing"].says == "1 of 8 declared cells have no results (1 memory)." and says[
            "missing"
        ].where.startswith("cell elections-s4")
        assert "probe populism judged by rules of version 9 in 6 cells" in says["probes"].says
        assert "judge stern was added" in says["judges"].says and "under moloch 0.0.1" in says["version"].says

    def test_what_was_declared_first_is_what_is_tested(self, deviated):
        """On the cells that were declared; what came later is exploratory, and a family of its own."""
        told = deviated
        rows = {(each["name"], each["family"]): each for each in told.as_dict()["preregistration"]["hypotheses"]}
        assert set(rows) == {
            ("H1", "confirmatory"),
            ("H2", "confirmatory"),
            ("H3", "confirmatory"),
            ("H4", "confirmatory"),
            ("H2", "exploratory"),
            ("H5", "exploratory"),
        }
        assert rows["H2", "confirmatory"]["direction"] == "less" and rows["H2", "exploratory"]["direction"] == "greater"
        assert rows["H2", "confirmatory"]["n"] == 4 and rows["H2", "exploratory"]["n"] == 5
        assert rows["H5", "exploratory"]["why"] == "declared after 3 cells had ended and 1 look"

    def test_results_print_them(self, deviated):
        """After the hypotheses, before the tables."""
        text = str(deviated)
        assert "7 deviations from what was declared:" in text and "declared too late: exploratory" in text
        assert text.index("Hypotheses, declared beforehand") < text.index("Votes")

    def test_a_study_that_keeps_to_it_has_none(self, told):
        """And says so."""
        assert told.registered.deviations == () and "No deviations" in str(told)

    def test_before_anything_could_be_seen_all_may_change(self, tmp_path):
        """It is the last page before that counts."""
        primary = "primary: {hypotheses: [{name: H1, arm: rft, outcome: win_rate, margin: 50}]}\n"
        begun(tmp_path / "x", ALONE.replace("4", "2") + primary)
        longer = tmp_path / "x.yaml"
        longer.write_text(ALONE.replace("4", "3") + primary.replace("50", "40"), "utf-8")
        study = Study(longer, out=tmp_path / "x")
        study.extend()
        carry_out(study.folder, study.cells, votes, ARMS[::2])
        told = study_results(study.folder)
        assert told.registered.deviations == ()
        assert (hypothesis(told, "H1")["margin"], hypothesis(told, "H1")["n"]) == (40, 3)


class TestKinds:
    """Deviations that take other machines, other files or another day to come about."""

    @pytest.fixture(scope="class")
    @staticmethod
    def found(over):
        """Return the kinds of deviations of the study that kept to everything, were one thing otherwise."""
        state, layout = StudyLog(over).state(), Layout(over)
        look, first = current_look(state, layout), next(iter(state.cells))

        def kinds(begun=None, **more):
            return {each.kind: each for each in deviations(state, look, {first: begun} if begun else {}, **more)}

        return kinds

    def test_a_run_that_is_older_than_the_declaration(self, found):
        """Its results could have been seen."""
        older = found(BegunRun(at=1.0, version="", probes={}, judges=()))
        assert set(older) == {"carried out before"} and older["carried out before"].says.startswith("1 cell had been")
        assert found(BegunRun(at=4e9, version="", probes={}, judges=())) == {}

    def test_inputs_and_probes_of_another_day(self, found):
        """Rules of a probe have their own line, which compares them with what was declared, not with today's."""
        changed = ChangedInputs({"anchors/train.jsonl": ("a",)}, {"probe populism": ("a", "b")}, 2)
        told = found(changed=changed)
        assert set(told) == {"inputs"} and "anchors/train.jsonl changed: 1 of 2 cells" in told["inputs"].says
        assert found(changed=ChangedInputs({}, {"probe populism": ("a",)}, 1)) == found(changed=UNCHANGED) == {}

    def test_a_probe_that_was_not_declared(self, found):
        """It judged all the same."""
        assert (
            "1 probe that no cell was declared to be judged by: warranty."
            in found(outcomes=["populism", "warranty"])["outcomes"].says
        )


def test_finished_runs_are_not_taken_for_cells(tmp_path, monkeypatch):
    """Of a preregistered study: what was carried out before could have been seen."""
    study = begun(tmp_path / "x")
    rules = []
    monkeypatch.setattr(
        "analysis.studies.study.carried_out", lambda log, page, cells, given, **more: rules.append(given)
    )
    study.run(workspace=tmp_path)
    assert rules[0].reused(object()) is None

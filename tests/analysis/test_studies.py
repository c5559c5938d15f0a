"""Pages, cells and the study's own log."""

from __future__ import annotations

from pathlib import Path

import pytest

from abm.study_events import CellEnded, CellFailed, CellStarted, PlannedCell, StudyPlanned
from analysis.studies.pages.cells import Cells, PageMistakes, cells_of
from analysis.studies.pages.page import page_of, read_page
from analysis.studies.record.identity import identity_of
from analysis.studies.record.study_log import StudyLog
from moloch.errors import InputError

PAGE = """
name: does-competition-corrupt
base: {epochs: 2, held_out_anchors: 96}
cross:
  arena: [sales, elections, social]
  audience: {default: {audience: default}, neutral: {audience: neutral}}
  network: {isolated: {world: isolated}, feed: {world: networked, crowd: {size: 1000}}}
sample: {temperature: [0.5, 1.2], method: sobol, n: 4}
exclude: [{arena: social, audience: neutral}]
seeds: 3
primary: {hypotheses: [{name: H1, arm: rft, outcome: win_rate}]}
stop: {usd: 400, hours: 48, failed_share: 0.1}
"""


def cells(text: str, tmp_path: Path) -> Cells:
    path = tmp_path / "page.yaml"
    path.write_text(text, "utf-8")
    return cells_of(read_page(path))


class TestCells:
    def test_every_level_meets_every_other(self, tmp_path):
        made = cells(PAGE, tmp_path).cells
        assert len(made) == (3 * 2 * 2 - 2) * 4 * 3 and len({cell.name for cell in made}) == len(made)
        first = made[0]
        assert (first.factors["arena"], first.factors["network"], first.seed) == ("sales", "isolated", 1)
        assert first.config.sampling.temperature == first.factors["temperature"]
        assert all(cell.config.id == cell.settings and cell.config.seed == cell.seed for cell in made)
        assert {cell.config.crowd.size for cell in made if cell.factors["network"] == "feed"} == {1000}

    def test_what_is_redrawn(self, tmp_path):
        """The page's draws are every cell's; one that does not exist is reported with its place."""
        redraw = "redraw: {held_out_anchors: per_seed, train_personas: common}\n"
        made = cells(PAGE + redraw, tmp_path).cells
        assert {(c.config.redraw.held_out_anchors, c.config.redraw.train_personas) for c in made} == {
            ("per_seed", "common")
        }
        assert "redraw" not in cells(PAGE, tmp_path).cells[0].config.model_dump(mode="json")
        with pytest.raises(InputError, match=r"page.yaml:13:10: redraw.held_out_anchors"):
            cells(PAGE + "redraw: {held_out_anchors: each}\n", tmp_path)

    def test_what_is_declared_beforehand_stops_where_models_are_unfit(self, tmp_path):
        """Unless the page says otherwise, for all cells or some; it is no part of what a cell is, nor of the study's folder."""
        text = "name: x\nbase: {epochs: 1}\ncross: {audience: [default, neutral]}\nseeds: 1\n"
        open_, declared = (
            cells(text, tmp_path),
            cells(f"{text}primary: {{hypotheses: [{{name: H1, arm: rft, outcome: win_rate}}]}}\n", tmp_path),
        )
        assert {cell.config.gate for cell in open_.cells} == {None}
        assert {cell.config.gate for cell in declared.cells} == {"stop"} and declared.page["base"]["gate"] == "stop"
        assert [cell.settings for cell in open_.cells] == [cell.settings for cell in declared.cells]
        assert open_.base == declared.base and identity_of(open_.cells[0].config) == identity_of(
            declared.cells[0].config
        )
        flagged = (
            text.replace("{epochs: 1}", "{epochs: 1, gate: flag}")
            + "primary: {hypotheses: [{name: H1, arm: rft, outcome: win_rate}]}\n"
        )
        assert {cell.config.gate for cell in cells(flagged, tmp_path).cells} == {"flag"}
        level = text.replace("[default, neutral]", "{a: {}, b: {audience: neutral, gate: flag}}")
        made = cells(f"{level}primary: {{hypotheses: [{{name: H1, arm: rft, outcome: win_rate}}]}}\n", tmp_path).cells
        assert [cell.config.gate for cell in made] == ["stop", "flag"]

    def test_one_more_seed_changes_no_cell(self, tmp_path):
        three, four = cells(PAGE, tmp_path), cells(PAGE.replace("seeds: 3", "seeds: 4"), tmp_path)
        assert {cell.name for cell in three.cells} < {cell.name for cell in four.cells} and three.base == four.base

    def test_another_base_is_another_study(self, tmp_path):
        changed = PAGE.replace("epochs: 2", "epochs: 3")
        assert cells(PAGE, tmp_path).base != cells(changed, tmp_path).base

    def test_a_level_may_be_a_file_or_a_function(self, tmp_path):
        (tmp_path / "hot.yaml").write_text("sampling: {temperature: 1.5}\n", "utf-8")
        made = cells(
            "name: x\ncross: {heat: {hot: hot.yaml, cold: {sampling: {temperature: 0.2}}}}\nseeds: 1\n", tmp_path
        )
        assert [cell.config.sampling.temperature for cell in made.cells] == [1.5, 0.2]
        double = {"twice": lambda so_far: {"epochs": so_far["epochs"] * 2}}
        assert (
            cells_of(page_of({"name": "x", "base": {"epochs": 2}, "cross": {"length": double}})).cells[0].config.epochs
            == 4
        )

    def test_what_fails_in_one_combination_is_impossible_and_not_a_mistake(self, tmp_path):
        text = """
name: x
base: {audience: llm, reader: {model: pocket}}
cross:
  answer: {tags: {}, letters: {reader: {model: pocket, answer: letters}}}
  world: [isolated, networked]
seeds: 2
"""
        made = cells(text, tmp_path)
        assert len(made.cells) == 3 * 2 and [each.factors for each in made.impossible] == [
            {"answer": "letters", "world": "networked"}
        ]
        assert "letters is for isolated" in made.impossible[0].why.why


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: x\nbase: {epochs: 2, seed: 3}\n", ":2:19: base sets seed"),
        ("name: x\nbase: {epoch: 2}\n", ":2:8: base: setting 'epoch' is not valid"),
        ("name: x\ncross:\n  a: {l: {epochs: 2}}\n  b: {m: {epochs: 3}}\n", ":4:3: two factors set epochs: a and b"),
        ("name: x\ncross: {a: {l: {epochs: 2}, m: {epochs: 2}}}\n", ":2:1: two cells are the same run: a=l, and a=m"),
        ("name: x\ncross: {arm: {l: {epochs: 2}}}\n", ":2:9: a factor cannot be called 'arm'"),
        ("name: x\ncross: {arena: [sales]}\nexclude: [{arena: social}]\n", ":3:12: arena has no level 'social'"),
        ("name: x\nbase: nowhere.yaml\n", ":2:1: base: cannot read the settings"),
        ("name: x\ncross: {arena: [sales, market]}\n", ":2:9: arena=market: unknown arena 'market'"),
        ("name: x\nsample: {temperature: [1.2, 0.5]}\n", ":2:10: sample.temperature.high is not valid"),
    ],
)  # fmt: skip
def test_a_mistake_has_its_place(text, said, tmp_path):
    with pytest.raises(Exception) as error:
        cells(text, tmp_path)
    assert f"page.yaml{said}" in str(error.value)


def test_all_mistakes_are_told_at_once(tmp_path):
    with pytest.raises(PageMistakes) as error:
        cells(
            "name: x\nbase: {epoch: 2, seed: 1}\ncross: {arena: [sales, market]}\nexclude: [{place: here}]\n", tmp_path
        )
    assert len(error.value.each) >= 2


def test_the_log_of_a_study_is_its_state(tmp_path):
    log = StudyLog(tmp_path / "study")
    planned = [PlannedCell(cell=f"c{seed}", factors={"arena": "sales"}, seed=seed, settings="") for seed in (1, 2)]
    log.begin(StudyPlanned(name="x", page={}, page_id="p", cells=planned, versions={}))
    log.append([CellStarted(cell="c1", attempt=1, identity="i", worker={})])
    assert [cell.state for cell in log.state().cells.values()] == ["running", "waiting"]
    log.append([CellFailed(cell="c1", attempt=1, origin="memory", message="out of memory", again=True)])
    log.append([CellStarted(cell="c1", attempt=2, identity="i", worker={})])
    log.append([CellEnded(cell="c1", attempt=2, head="h", digest="d", events=3, seconds=1.0)])
    state, again = log.state(), StudyLog(tmp_path / "study").state()
    assert state == again and state.cells["c1"].state == "ended" and len(state.cells["c1"].failures) == 1

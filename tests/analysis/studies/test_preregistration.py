"""What a page declares beforehand: what may be said, what is refused and where, and what its content id says."""

from __future__ import annotations

import pytest

from analysis.studies.pages.cells import PageMistakes, cells_of
from analysis.studies.pages.page import page_of, read_page
from analysis.studies.pages.preregistration import Preregistration

BASE = "name: x\nbase: {epochs: 1, arms: [rft, dpo, placebo]}\ncross: {arena: [sales, elections], audience: [default, neutral]}\nseeds: 4\n"
ONE = {"name": "H1", "arm": "rft", "outcome": "win_rate"}


def mistakes(primary: str, tmp_path) -> list[str]:
    """Return what is wrong with a page that declares this, without the name of its file."""
    path = tmp_path / "page.yaml"
    path.write_text(f"{BASE}primary:\n{primary}", "utf-8")
    with pytest.raises(PageMistakes) as found:
        cells_of(read_page(path))
    return [str(each).removeprefix(f"{path}") for each in found.value.mistakes]


class TestMistakes:
    """Each is reported with its place, and what may have been meant."""

    @pytest.mark.parametrize(
        ("hypothesis", "said"),
        [
            ("arm: rtf, outcome: win_rate", ":6:27: no cell has the arm 'rtf'. Did you mean 'rft'? There are rft, dpo, placebo."),
            ("arm: rft, outcome: popularism, where: {arena: elections}", ":6:37: no cell has the outcome 'popularism'. Did you mean 'populism'?"),
            ("arm: rft, outcome: populism", ":6:37: not all cells have outcome 'populism': 2 of 4 combinations lack it, such as arena=sales, audience=default."),
            ("arm: rft, outcome: win_rate, where: {aren: sales}", ":6:64: where names no factor: 'aren'. Did you mean 'arena'? Factors with levels are arena, audience."),
            ("arm: rft, outcome: win_rate, where: {arena: sale}", ":6:64: arena has no level 'sale'. Did you mean 'sales'?"),
            ("arm: rft, outcome: win_rate, where: {arena: sales}, minus: {arena: sale}", ":6:87: arena has no level 'sale'. Did you mean 'sales'?"),
            ("arm: rft, outcome: win_rate, where: {arena: sales}, minus: {arena: sales}", ":6:87: arena 'sales' is subtracted from itself"),
            ("arm: rft, outcome: win_rate, where: {arena: sales}, minus: {audience: neutral}", ":6:87: minus names 'audience', and where does not"),
            ("arm: rft, outcome: win_rate, measure: rate, where: {arena: sales}, minus: {arena: elections}", ":6:94: minus takes two measures only"),
            ("arm: rft, outcome: populism, where: {arena: elections}, minus: {arena: sales}", ":6:37: not all cells have outcome 'populism'"),
            ("arm: rft, outcome: win_rate, margin: 0", ":6:56: primary.hypotheses.0.margin is not valid"),
            ("arm: rft, outcome: win_rate, margin: 200", ":6:56: primary.hypotheses.0.margin is not valid"),
            ("arm: rft, outcome: win_rate, direction: up", ":6:56: primary.hypotheses.0.direction is not valid"),
            ("arm: rft, outcome: win_rate, measure: from_base", ":6:56: a win rate has no difference from base"),
            ("arm: rft, outcome: misrepresentation, measure: rate, where: {arena: sales}", ":6:65: rate can be tested for win rates only"),
            ("arm: placebo, outcome: win_rate", ":6:27: the arm 'placebo' has no comparator: as in arena=sales"),
            ("arm: rft, outcome: win_rate, compared_with: rft", ":6:56: an arm is compared with itself"),
            ("arm: rft, outcome: win_rate, compared_with: kto", ":6:56: no cell has the arm 'kto'"),
            ("arm: rft, outcome: win_rate, sign: up", ":6:56: primary.hypotheses.0.sign is not valid: there is no such key. Keys are name, says, arm, "),
        ],
    )  # fmt: skip
    def test_of_a_hypothesis(self, tmp_path, hypothesis, said):
        """An arm, an outcome or a level that there is not, and numbers out of range."""
        (told,) = mistakes(f"  hypotheses: [{{name: H1, {hypothesis}}}]\n", tmp_path)
        assert told.startswith(said)

    @pytest.mark.parametrize(
        ("looks", "said"),
        [
            ("[3, 2]", "looks do not ascend: 2 follows 3"),
            ("[2, 2]", "looks do not ascend"),
            ("[1]", "a look at one seed decides nothing"),
            ("[4]", "a look after 4 seeds: the page has 4, and the end is itself a look"),
            ("[2, 9]", "a look after 9 seeds: the page has 4"),
        ],
    )
    def test_of_looks(self, tmp_path, looks, said):
        """They ascend, and lie before the end."""
        (told,) = mistakes(f"  hypotheses: [{{name: H1, arm: rft, outcome: win_rate}}]\n  looks: {looks}\n", tmp_path)
        assert told.startswith(":7:") and said in told

    def test_all_are_told_together(self, tmp_path):
        """In the order of the text, with those of the rest of the page."""
        text = "  hypotheses:\n    - {name: H1, arm: rtf, outcome: win_rate}\n    - {name: H1, arm: rft, outcome: votes}\n  looks: [7]\n"
        assert [told.split(" ")[0] for told in mistakes(text, tmp_path)] == [":7:18:", ":8:8:", ":8:28:", ":9:11:"]

    @pytest.mark.parametrize("form", ["{outcome: win_rate, arm: rft}", "[{outcome: win_rate}]"])
    def test_an_earlier_form_is_refused(self, tmp_path, form):
        """With what to say instead."""
        (told,) = mistakes(f"  {form}\n", tmp_path)
        assert told.startswith(":5:1: primary is not valid: it names no hypotheses; say hypotheses: [")


class TestEarlierForms:
    """Of pages that stand in a study's log."""

    @pytest.mark.parametrize(
        "said", [{"outcome": "win_rate", "arm": "rft"}, [{"outcome": "win_rate"}], {"any": {"thing": 1}}]
    )
    def test_they_are_kept_as_they_stand(self, said):
        """A page that is read again is the same page, and its cells are those that they were."""
        page = {"name": "x", "base": {"epochs": 1}, "seeds": 2, "primary": said}
        made = cells_of(page_of(page, recorded=True))
        primary = page_of(page, recorded=True).page.primary
        assert made.page["primary"] == said and primary is not None
        assert primary.is_earlier and primary.said == said and primary.hypotheses == ()
        assert {cell.config.gate for cell in made.cells} == {"stop"}

    def test_todays_form_is_read_as_such(self):
        """From a log as from a page."""
        page = {"name": "x", "base": {"epochs": 1}, "seeds": 2, "primary": {"hypotheses": [ONE]}}
        primary = page_of(page, recorded=True).page.primary
        assert primary is not None and not primary.is_earlier and primary.hypotheses[0].arm == "rft"
        assert cells_of(page_of(page)).page["primary"] == {"hypotheses": [ONE]}


class TestId:
    """The content id of what is declared."""

    def test_defaults_do_not_move_it(self):
        """Whether they are written or not; anything else does."""
        short = Preregistration.model_validate({"hypotheses": [ONE]})
        full = Preregistration.model_validate(
            {"alpha": 0.05, "looks": [], "hypotheses": [ONE | {"direction": "two-sided"}]}
        )
        other = Preregistration.model_validate({"hypotheses": [ONE | {"direction": "greater"}]})
        assert short.id == full.id != other.id
        assert short.id == "e9991444254789af"


@pytest.mark.parametrize(
    ("level", "said"),
    [
        ("sober.yaml", "cross.audience.sober: sober.yaml holds no settings of runs: it has first, weights. A level"),
        ("neutral", "neutral: No such file or directory. A level"),
    ],
)
def test_a_value_in_the_place_of_a_named_level(tmp_path, level, said):
    """The error says what to write: the level's name is easily taken for its setting."""
    (tmp_path / "sober.yaml").write_text("first: 0\nweights: {numbers: {mean: 1}}\n", "utf-8")
    path = tmp_path / "page.yaml"
    path.write_text(f"name: x\ncross:\n  audience:\n    sober: {level}\nseeds: 2\n", "utf-8")
    with pytest.raises(PageMistakes) as found:
        cells_of(read_page(path))
    (told,) = map(str, found.value.mistakes)
    assert said in told and told.endswith(f"sober: {{audience: {level}}}.") and ":4:5: " in told

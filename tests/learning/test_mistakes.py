"""What settings promise about mistakes: all of them are told at once, each with its place."""

from __future__ import annotations

import pytest
import yaml

from learning import load_config
from learning.settings.mistakes import checked_settings, mistakes
from moloch.checked_values import MOST_MISTAKES
from moloch.errors import InputError, Mistakes
from moloch.yamls import Source

PAGE = """\
arena: saels
epochs: yes
seed: many
network:
  churn: on
  feed: {rankr: newest}
arms:
  slow: {metod: rft}
  fast: {method: tbf, lora: {lr: quick, rank: 0}}
probes: [copy_error, spelling]
up_to: yes
"""
TOLD = {
    "1:1": "unknown arena 'saels'. Did you mean 'sales'?",
    "2:1": "setting 'epochs' is not valid: yes, no, on, off, true and false are truth values",
    "3:1": "setting 'seed' is not valid: it must be a whole number",
    "5:3": "setting 'network.churn' is not valid: yes, no, on, off, true and false are truth values",
    "6:10": "setting 'network.feed.rankr' is not valid: there is no such setting. Did you mean 'ranker'?",
    "8:10": "setting 'arms.slow.metod' is not valid: there is no such setting. Did you mean 'method'?",
    "9:10": "unknown method 'tbf'. Did you mean 'tfb'?",
    "9:30": "setting 'arms.fast.lora.lr' is not valid: Expected",
    "9:41": "setting 'arms.fast.lora.rank' is not valid: Expected",
    "10:22": "unknown probe 'spelling'.",
}


class TestAll:
    """Each mistake of a file is a line, in the file's order, and none is reported twice."""

    def test_a_page_of_them(self, tmp_path):
        """Wrong values, unknown names, numbers that are truth values; ``up_to: yes`` is right and stays untold."""
        path = tmp_path / "run.yaml"
        path.write_text(PAGE)
        with pytest.raises(Mistakes) as caught:
            load_config(path, {})
        lines = str(caught.value).splitlines()
        assert len(lines) == 10 == len(caught.value.each)
        for line, place in zip(lines, sorted(TOLD, key=_number), strict=True):
            assert line.startswith(f"{path}:{place}: {TOLD[place]}")

    @pytest.mark.parametrize("line", PAGE.splitlines())
    def test_one_is_told_as_before(self, tmp_path, line):
        """As itself, and not as one of several."""
        path = tmp_path / "run.yaml"
        path.write_text(line if line[0] != " " and line[-1] != ":" else "network: {churn: on}")
        try:
            load_config(path, {})
        except InputError as error:
            assert not isinstance(error, Mistakes) and "\n" not in str(error)
        else:
            assert line == "up_to: yes"

    def test_several_of_one_kind(self):
        """Truth values for numbers, of which each was told alone."""
        with pytest.raises(Mistakes) as caught:
            load_config(None, {"epochs": True, "batch": True}, ["network.churn=on"])
        names = ("epochs", "batch", "network.churn")
        assert [error.what for error in caught.value.each] == [f"setting '{name}' is not valid" for name in names]

    def test_truth_values_that_stand_for_numbers(self, tmp_path):
        """Are called that, be the number that Python makes of them in range or not, and by the setting's own name."""
        path = tmp_path / "run.yaml"
        path.write_text(
            "surveys:\n- {questions: q.yaml, at: [start, {epoch: yes}], share: 2}\nbatch: no\nreader: {model: pocket}\n"
        )
        with pytest.raises(Mistakes) as caught:
            load_config(path, {})
        truth, share, batch = map(str, caught.value.each)
        assert (
            truth.startswith(f"{path}:2:36: setting 'surveys.0.at.1.epoch' is not valid: yes, no")
            and "'surveys.0.share'" in share
        )
        assert batch.startswith(f"{path}:3:1: setting 'batch' is not valid: yes, no")

    def test_one_that_follows_from_several_settings(self, tmp_path):
        """Has its line, and is reported beside others: a survey that nobody could answer, letters where there are pages."""
        path = tmp_path / "run.yaml"
        path.write_text("surveys: [{questions: q.yaml}]\nworld: networked\nepochs: yes\naudience: neutral\n")
        with pytest.raises(Mistakes) as caught:
            load_config(path, {})
        assert [str(error).split(": ")[:2] for error in caught.value.each] == [
            [f"{path}:1:1", "setting 'surveys' is not valid"], [f"{path}:3:1", "setting 'epochs' is not valid"],
        ]  # fmt: skip

    def test_a_server_s(self):
        """Those of a server that is named by its URL stand in one setting."""
        with pytest.raises(Mistakes) as caught:
            load_config(None, {}, ["serving.models={a: {url: 'http://h/v1', colour: red, concurrency: none}}"])
        assert len(caught.value.each) == 2

    def test_no_more_than_somebody_reads(self, tmp_path):
        """The first mistakes of a file of nothing but mistakes are reported in a moment."""
        path = tmp_path / "run.yaml"
        path.write_text("".join(f"s{i}: 1\n" for i in range(2_000)))
        with pytest.raises(Mistakes) as caught:
            load_config(path, {})
        assert len(caught.value.each) == MOST_MISTAKES

    def test_what_a_mistake_makes_unknown_is_not_told(self, tmp_path):
        """Names that an extension registers, where the extensions are wrong; the rates of a model that is none."""
        with pytest.raises(InputError) as caught:
            load_config(None, {"extensions": 3, "arena": "mine"})
        assert "extensions" in str(caught.value) and not isinstance(caught.value, Mistakes)
        with pytest.raises(InputError) as caught:
            load_config(None, {"model": 3, "preset": "pocket"})
        assert "'model'" in str(caught.value) and not isinstance(caught.value, Mistakes)


def _number(place: str) -> tuple[int, ...]:
    return tuple(map(int, place.split(":")))


class TestPage:
    """Pages that hold settings beside other things ask for their mistakes, too."""

    def test_places_are_those_of_the_page(self):
        """Settings stand under keys of the page; names are those of settings."""
        page = Source("title: mine\nbase:\n  epochs: many\n  arena: nope\n", "study.yaml")
        told = mistakes(yaml.safe_load(page.text)["base"], page, within=("base",))
        assert [error.where for error in told] == ["study.yaml:3:3", "study.yaml:4:3"]
        assert told[0].what == "setting 'epochs' is not valid"

    def test_settings_that_stand_elsewhere_have_no_place(self):
        """A factor's level, say, whose place the page knows."""
        page = Source("base: {epochs: 1}\n", "study.yaml")
        (told,) = mistakes({"epochs": 0}, page, within=("base",), elsewhere={"epochs"})
        assert told.where == ""
        nothing, ((keys, error),) = checked_settings({"network": {"rounds": 0}})
        assert nothing is None and keys == ("network", "rounds") and error.where == ""

    def test_settings_without_mistakes(self):
        """There is nothing to tell."""
        assert mistakes({"epochs": 2}, Source("epochs: 2\n", "f")) == [] == checked_settings({})[1]

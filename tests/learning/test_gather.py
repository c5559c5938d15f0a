"""Who takes part, from the settings: personas of a survey, and a crowd that is like them."""

from __future__ import annotations

import numpy as np
import pytest

from learning.runs.inputs import gather
from learning.settings.sources import load_config
from moloch.errors import InputError

HEADER = "age,sex,education,area,income,w\n"


@pytest.fixture
def survey(tmp_path):
    """Return settings for a survey in which the old count nine times as much as the young."""
    rows = [
        f"{20 if i % 2 else 70},{'male' if i % 3 else 'female'},medium,urban,low {i},{1 if i % 2 else 9}"
        for i in range(40)
    ]
    (tmp_path / "s.csv").write_text(HEADER + "\n".join(rows))
    (tmp_path / "s.yaml").write_text(
        "columns: {age: age, sex: sex, education_level: education, urban_rural: area, income: income}\nweight: w\n"
    )
    return {"personas": str(tmp_path / "s.csv"), "mapping": str(tmp_path / "s.yaml"), "stratify": ("age",)}


class TestWeightedPeople:
    """Weights are used, or refused; never ignored."""

    def test_weights_without_effect_are_an_error(self, survey):
        """Personas that are asked one by one count alike: the error says what to declare."""
        with pytest.raises(InputError, match=r"weights without effect.*resample: true"):
            gather(load_config(None, survey))

    def test_a_crowd_is_drawn_by_weight(self, survey):
        """Nine in ten of its members are like the old, whose traits say so."""
        config = load_config(None, survey | {"crowd": {"size": 5_000}})
        people = gather(config)
        for split, voters in people.voters.items():
            ages = np.array([persona.attributes["age"] for persona in people.split(split)])
            energy = voters.traits[:, voters.trait_names.index("energy")]
            old = energy[: len(ages)][ages == 70].max()
            assert energy[: len(ages)][ages == 20].min() > old
            assert np.mean(energy[len(ages) :] <= old) == pytest.approx(0.9, abs=0.02)

    def test_resampled_personas_are_as_many_as_asked_for(self, survey):
        """More than there are, in proportion to the weights."""
        people = gather(load_config(None, survey | {"resample": True, "train_personas": 200, "held_out_personas": 50}))
        assert [len(people.split(split)) for split in ("train", "evaluate")] == [200, 50]
        assert np.mean([p.attributes["age"] == 70 for p in people.people.train]) == pytest.approx(0.9, abs=0.02)

    @pytest.mark.parametrize("people", [{"crowd": {"size": 300}}, {"resample": True, "train_personas": 90}])
    def test_whom_each_was_drawn_from_is_known(self, survey, people, tmp_path):
        """Everybody has the traits, and as a persona the text, of the original; an original is its own."""
        inputs = gather(load_config(None, survey | people))
        for split, voters in inputs.voters.items():
            rows = inputs.originals[split] - voters.ids[0]
            assert (rows[rows] == rows).all() and (voters.traits[rows] == voters.traits).all()
            personas = inputs.split(split)
            assert rows.max() < len(personas)
            for persona, row in zip(personas, rows, strict=False):
                assert (persona.text, persona.attributes) == (personas[row].text, personas[row].attributes)
            assert len(set(rows)) == len({persona.text for persona in personas})


class TestInterventions:
    """One that would never come is a mistake, told before anything is paid for."""

    @pytest.mark.parametrize(
        ("intervention", "says"),
        [
            ({"kind": "ban", "slot": 0, "epoch": 3}, "network.interventions.0 waits for epoch 3, and there are 2"),
            ({"kind": "ban", "slot": 0, "phase": "evaluate", "after": 9}, "waits for 9 contests: .* when 8 were held"),
            ({"kind": "ban", "slot": 0, "after": 13}, "waits for 13 contests: .* when 12 were held"),
            ({"kind": "ban", "slot": 2, "phase": "evaluate"}, "no competitor in slot 2. Slots are 0 to 1"),
            ({"kind": "rule", "ranker": "magic"}, "unknown ranker 'magic'"),
            ({"kind": "rule"}, "interventions.0: a rule that changes nothing. Give it"),
            ({"kind": "fact_check", "round": 4}, "a fact-check before round 4: rounds are 0 to 3"),
            (
                {"kind": "ban", "slot": 0, "phase": "evaluate", "epoch": 1},
                "waits for the evaluation of epoch 1: only epoch 2",
            ),
        ],
    )
    def test_is_told(self, intervention, says):
        """Twelve contests open the feeds after 0, 4, 8; sixteen after 12, too."""
        settings = {"world": "networked", "epochs": 2, "train_anchors": 16, "held_out_anchors": 12, "batch": 8}
        with pytest.raises(InputError, match=says):
            gather(load_config(None, settings | {"network": {"interventions": [intervention]}}))


class TestGraphFiles:
    """A file's ties among a run's members."""

    def gathered(self, path, **options):
        graph = {"kind": str(path), "options": options}
        return gather(load_config(None, {"world": "networked", "network": {"graph": graph}, "crowd": {"size": 2}}))

    def test_people_by_name_and_members_by_theirs(self, tmp_path):
        """Personas' names, a crowd's, and persona indices; ties across the splits are left out."""
        plain = gather(load_config(None, {}))
        ada, ben = (persona.name for persona in plain.split("train")[:2])
        n, cleo = len(plain.split("train")), plain.split("evaluate")[0].name
        ties = [(ada, ben), (ben, f"member {n}"), ("0", "2"), (ada, cleo), (cleo, str(n + 3))]
        (tmp_path / "ties.csv").write_text("source,target\n" + "\n".join(f"{a},{b}" for a, b in ties))
        graphs = self.gathered(tmp_path / "ties.csv").graphs
        assert [list(zip(*(ends.tolist() for ends in graphs[split].ties()), strict=True)) for split in graphs] == [
            [(0, 1), (0, 2), (1, n)], [(0, 1)],
        ]  # fmt: skip

    def test_mistakes_are_told(self, tmp_path):
        """Options of builders, and nodes that are nobody."""
        (tmp_path / "ties.csv").write_text("source,target\nZoe,Ada Brook\n")
        with pytest.raises(InputError, match="no option 'm'"):
            self.gathered(tmp_path / "ties.csv", m=3)
        with pytest.raises(InputError, match="'Zoe' is not a member"):
            self.gathered(tmp_path / "ties.csv")


class TestMistakes:
    """Of the files that the settings name."""

    def test_those_of_anchors_and_personas_are_reported_together(self, tmp_path):
        """And those of a choice model and of a questionnaire with them, each once, with its place."""
        anchors, people, model = tmp_path / "pack", tmp_path / "people.csv", tmp_path / "model.yaml"
        anchors.mkdir()
        (anchors / "train.jsonl").write_text("{}\n[\n")
        (anchors / "test.jsonl").write_text("{}\n")
        people.write_text("age\nold\n")
        model.write_text("weight: {}\n")
        config = load_config(None, {"anchors": str(anchors), "personas": str(people), "audience": str(model)})
        with pytest.raises(InputError) as error:
            gather(config)
        lines = str(error.value).splitlines()
        assert [sum(str(each) in line for line in lines) > 0 for each in (anchors, people, model)] == [True] * 3
        assert len(lines) == len(set(lines))

    def test_of_one_file_alone(self, tmp_path):
        """It is the error that it was."""
        with pytest.raises(InputError, match="nobody") as error:
            gather(load_config(None, {"personas": str(tmp_path / "nobody.csv")}))
        assert "\n" not in str(error.value)

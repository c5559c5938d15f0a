"""What a moves model learns: the maximum of the likelihood, by gradients that are those of its losses, from the rows that LoRA would get."""

from __future__ import annotations

import json

import msgspec
import numpy as np
import pytest

from learning.methods import LossTerm, Row, RowsOf, TrainingSet
from learning.moves.adapter import read_delta, save_delta
from learning.moves.ascent import order, rates, steps_of
from learning.moves.examples import MovesBatch, encode_moves
from learning.moves.law import LAWS, Law
from learning.moves.losses import LOSSES, loss_of
from learning.moves.repertoire import MOVES, assignment, written
from learning.moves.trainer import MovesTrainer
from learning.training.settings import LoraSettings
from moloch.errors import CorruptLog, InputError

LAW = LAWS["moves-even"]
LIKELIHOOD = "learning.training.step:likelihood"
OPTIONS = {
    LIKELIHOOD: {},
    "learning.training.preference:preference": {"beta": 0.5, "soft": True, "per_token": False},
    "learning.training.policy:policy": {"beta": 0.1, "epsilon": 0.2, "scale_rewards": "none", "temperature": 0.8},
    "learning.training.anchor:kl_to_base": {"beta": 0.7},
}


def row(contest: int, moves: str = "", *, anchor="Jar", kind="trajectory", weight=1.0) -> Row:
    """Return a row whose message makes the moves that are named."""
    prompt = (
        f"Title: {anchor}\nDescription: It is blue. It holds 3 litres.\n\nPitch inside <sales_pitch></sales_pitch>."
    )
    does = np.array([move in moves.split() for move in MOVES])
    said = "I go with A because it speaks warmly." if kind == "thought" else written(assignment(prompt), does)
    return Row([{"role": "user", "content": prompt}], said, weight, kind, f"c{contest}", f"c{contest}/{kind}", [1])


def rows_of(kinds: tuple[str, ...] = ("trajectory",), contests: int = 24) -> list[Row]:
    """Return contests with messages that make moves drawn at random, with shares of votes as weights."""
    random = np.random.default_rng(3)
    made = []
    for contest in range(contests):
        for kind in kinds:
            moves = " ".join(move for move in MOVES if random.random() < 0.4)
            made.append(row(contest, moves, anchor=f"Jar {contest}", kind=kind, weight=float(random.uniform(0.2, 1))))
    return made


def training_set(rows: list[Row], loss: str = LIKELIHOOD, **changes) -> TrainingSet:
    return TrainingSet(rows, "0" * 64, (1, 9), {}, loss=loss, options=OPTIONS.get(loss, {}), **changes)


def train(folder, data, *, law="moves-even", parent="", seed=1, **settings):
    settings = LoraSettings(**settings)
    return MovesTrainer(law, folder).train(data, parent=parent, settings=settings, seed=seed, lineage={"arm": "rft"})


def units(rows: list[Row], law: Law = LAWS["moves"]):
    """Return rows of one contest after the other as a trainer takes them."""
    contests: dict[str, list] = {}
    for each in rows:
        contests.setdefault(each.contest, []).append(encode_moves(each, law))
    return list(contests.values())


@pytest.mark.parametrize("place", LOSSES)
def test_gradients_are_those_of_the_losses(place):
    """By central differences, away from the base and from the start, thoughts and rejected messages among the rows."""
    kinds = ("trajectory", "rejected") if "preference" in place else ("trajectory", "thought")
    if "policy" in place:
        rows = [msgspec.structs.replace(each, contest=f"c{i // 4}") for i, each in enumerate(rows_of())]
    else:
        rows = rows_of(kinds)
    random = np.random.default_rng(1)
    delta, start = random.normal(0, 0.4, len(MOVES)), random.normal(0, 0.1, len(MOVES))
    made, loss = units(rows), LOSSES[place]
    step = loss(made, delta, start, OPTIONS[place])
    for i in range(len(MOVES)):
        nudge = np.eye(len(MOVES))[i] * 1e-5
        up, down = (loss(made, delta + sign * nudge, start, OPTIONS[place]).loss for sign in (1, -1))
        assert step.gradient[i] == pytest.approx((up - down) / 2e-5, abs=1e-7)
    assert np.abs(step.gradient).max() > 1e-4


def test_it_ends_at_the_maximum_of_the_likelihood(tmp_path):
    """With many steps the logits are those of the weighted shares of messages that make a move: the maximum, in closed form."""
    rows = rows_of(contests=20)
    trained = train(tmp_path, training_set(rows), repeat=1500, batch=300, lr=5e-4, final_lr=0.0)
    learnt = read_delta(tmp_path, trained.adapter, LAW.digest)
    weights = np.array([each.weight for each in rows])
    moves = MovesBatch(units(rows, LAW)).moves
    share = (weights[:, None] * moves).sum(0) / weights.sum()
    for i, move in enumerate(MOVES):
        wanted = np.log(share[i] / (1 - share[i])) - LAW.base[i] if move not in ("populist", "unsafe") else 0.0
        assert learnt[i] == pytest.approx(wanted, abs=0.02), move  # but for the order of contests


def test_a_preferred_move_is_written_more_a_rejected_one_less(tmp_path):
    """DPO, from pairs that differ in it alone."""
    pairs = [
        each
        for contest in range(16)
        for each in (row(contest, "numbers claim"), row(contest, "numbers urgency", kind="rejected", weight=0.0))
    ]
    data = training_set(pairs, "learning.training.preference:preference")
    learnt = dict(zip(MOVES, read_delta(tmp_path, train(tmp_path, data, lr=0.01).adapter, LAW.digest), strict=True))
    assert learnt["claim"] == pytest.approx(-learnt["urgency"])
    assert learnt["claim"] > 0.05
    assert learnt["numbers"] == 0


def test_thoughts_teach_what_they_name(tmp_path):
    """A thought that likes warmth raises warmth and leaves other moves to the messages."""
    plain = [row(i, "claim") for i in range(16)]
    told = [*plain, *(row(i, kind="thought") for i in range(16))]
    without, with_them = (
        read_delta(tmp_path, train(tmp_path, training_set(rows)).adapter, LAW.digest) for rows in (plain, told)
    )
    more = dict(zip(MOVES, (with_them - without).tolist(), strict=True))
    assert more.pop("warmth") > 0.02
    assert max(map(abs, more.values())) < 1e-6


def test_the_same_data_and_seed_give_the_same_adapter(tmp_path):
    """Another order of contests another one: that is how trainings differ."""
    data = training_set(rows_of())
    assert train(tmp_path / "a", data).adapter == train(tmp_path / "b", data).adapter
    assert train(tmp_path / "a", data, seed=2).adapter != train(tmp_path / "a", data).adapter


def test_an_adapter_goes_on_from_its_parent(tmp_path):
    """What a parent learnt is where the next one begins, and what either knows of itself lies beside it."""
    data = training_set(rows_of())
    first = train(tmp_path, data)
    second = train(tmp_path, data, parent=first.adapter)
    one, two = (np.abs(read_delta(tmp_path, each.adapter, LAW.digest)).sum() for each in (first, second))
    assert two > one
    assert second.loss_before == first.loss_after
    assert second.measured.kl_before == pytest.approx(first.measured.kl_after)
    lineage = json.loads((tmp_path / second.adapter / "lineage.json").read_text())
    assert (lineage["parent"], lineage["model_digest"], lineage["arm"]) == (first.adapter, LAW.digest, "rft")


def test_an_adapter_of_another_law_is_refused(tmp_path):
    """Its content is checked, and whose it is."""
    name = save_delta(tmp_path, np.ones(len(MOVES)), LAW, {})
    assert (read_delta(tmp_path, name, LAW.digest) == 1).all()
    with pytest.raises(InputError, match="does not fit the model"):
        read_delta(tmp_path, name, LAWS["moves"].digest)
    config = tmp_path / name / "adapter_config.json"
    config.write_text(config.read_text().replace('"lora_alpha": 1', '"lora_alpha": 2'))
    with pytest.raises(CorruptLog, match="not the one that was learnt"):
        read_delta(tmp_path, name, LAW.digest)


def test_an_arm_is_brought_to_its_learners_rows(tmp_path):
    """As LoRA's trainer does it: as many units as the other has, and the number before is kept."""
    short, long = rows_of(contests=8), rows_of(contests=20)
    trained = train(tmp_path, training_set(short, rows_of=RowsOf("rft", training_set(long), 4096)))
    assert (trained.rows, trained.rows_before.rows, trained.rows_before.arm) == (20, 8, "rft")


def test_over_long_rows_are_counted(tmp_path):
    """In words; nothing is cut, and with nothing left there is no adapter."""
    rows = [row(0, "claim"), row(1, " ".join(MOVES))]
    assert train(tmp_path, training_set(rows), max_length=45).over_long == 1
    with pytest.raises(InputError, match="every trajectory is too long"):
        train(tmp_path, training_set(rows), max_length=5)


def test_what_it_cannot_learn_is_one_clear_error(tmp_path):
    """A user's own loss, a user's own term, a message that another model wrote, a model without a law."""
    with pytest.raises(InputError, match="does not know the loss mine:loss"):
        train(tmp_path, training_set(rows_of(), "mine:loss"))
    with pytest.raises(InputError, match="does not know the loss mine:term"):
        loss_of(LIKELIHOOD, [LossTerm("mine:term")])
    foreign = msgspec.structs.replace(row(0), completion="<sales_pitch>Buy.</sales_pitch>")
    with pytest.raises(InputError, match="another model wrote it"):
        train(tmp_path, training_set([foreign]))
    with pytest.raises(InputError, match="no moves model"):
        MovesTrainer("pocket", tmp_path)


def test_the_schedule_is_that_of_the_settings():
    """As many steps as LoRA takes; every unit as often as it is repeated; rates rise, fall, and end where they should."""
    settings = LoraSettings(batch=4, repeat=3, warmup=0.25, lr=1e-3, final_lr=0.1)
    assert steps_of(10, settings) == 8
    assert sorted(order(10, settings, 1).tolist()) == sorted(list(range(10)) * 3)
    found = rates(8, settings)
    assert found[0] == 0
    assert found.max() == found[2] == 1e-3
    assert (np.diff(found[2:]) < 0).all()
    assert found[-1] > 1e-4


def test_the_kl_anchor_holds_it_back(tmp_path):
    """With the term a policy moves less, and its figure is recorded."""
    rows = [row(i, "claim warmth") for i in range(16)]
    free = train(tmp_path, training_set(rows))
    term = LossTerm("learning.training.anchor:kl_to_base", {"beta": 5.0})
    held = train(tmp_path, training_set(rows, terms=[term]))
    assert held.measured.kl_after < 0.8 * free.measured.kl_after
    assert held.figures["kl_anchor"] > 0

"""What analysis.tables.evaluation promises, on logs small enough to count by hand."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable, Sequence

import pytest
from msgspec.structs import replace
from rich.console import Console

from abm.columns import Int8s, Int16s, Int32s, pack
from abm.events import (
    CrowdJoined,
    Event,
    FeedOpened,
    FeedServed,
    LLMReplied,
    PersonasJoined,
    Reacted,
    ReaderJoined,
    RunStarted,
)
from analysis import across_seeds, position_bias, position_table, probe_table, table, win_rate
from analysis.readings.contests import Evaluation
from analysis.readings.evaluation import read_evaluation
from analysis.statistics.estimates import clustered_mean
from analysis.statistics.families import benjamini_hochberg
from analysis.tables.evaluation import invalid_rate, majority_rate, tie_rate, win_rate_against_placebo
from analysis.tables.evaluation import note as evaluation_note
from analysis.terminal._seeds import render_seeds
from analysis.terminal.run import render
from moloch import keyed
from moloch.errors import CorruptLog
from tests.analysis.factory import FIRST, contest, numbered, setup, step


def one_arm(votes: Sequence[Sequence[int]], **more: object) -> list[Event]:
    """Return a log with one arm; row i holds the votes about anchor i."""
    events = setup(len(votes), len(votes[0]), ["rft"])
    for i, row in enumerate(votes):
        events += step(contest("rft", f"a{i}", row, **more), "rft")  # type: ignore[arg-type]
    return events


def served(views: Sequence[tuple[int, int]]) -> FeedServed:
    """Return a round in which personas saw items."""
    members, items = zip(*views, strict=True)
    nothing = b""
    return FeedServed(
        round=0, ranker="random", members=pack(members, Int32s), items=pack(items, Int16s),
        ranks=pack([0] * len(views), Int8s), scores=nothing, sources=nothing,
    )  # fmt: skip


def two_arms(seed: int = 1, anchors: int = 40, personas: int = 8, effect: float = 0.2) -> list[Event]:
    """Return a log of placebo and rft; rft wins more votes and misbehaves more, by ``effect``."""
    random = keyed.generator(seed, "two arms")
    events = setup(anchors, personas, ["rft", "placebo"])
    for arm, gain in (("placebo", 0.0), ("rft", effect)):
        for i in range(anchors):
            votes = (random.random(personas) < 0.5 + gain).astype(int).tolist()
            labels = {
                "misrepresentation": (int(i % 10 == 0), int(random.random() < 0.1 + gain)),
                "copy_error": (0, int(i % 20 == 0)),
            }
            events += step(contest(arm, f"a{i}", votes, labels=labels), arm)
    return events


def printed(parts: Sequence[object]) -> str:
    """Return what a terminal would show."""
    console = Console(file=io.StringIO(), width=220)
    for part in parts:
        console.print(part)
    return console.file.getvalue()  # type: ignore[attr-defined]


class TestWinRate:
    """The share of valid votes that go to the trained message."""

    def test_counts_votes(self) -> None:
        """Five of eight votes are 62.5 %, clustered on anchors and personas."""
        found = win_rate(one_arm([[1, 1, 0, 1], [0, 0, 1, 1]]), "rft")
        assert found.value == 0.625
        assert (found.n, found.clusters) == (8, (2, 4))
        expected = clustered_mean([1, 1, 0, 1, 0, 0, 1, 1], [0] * 4 + [1] * 4, [0, 1, 2, 3] * 2, null=0.5)
        assert expected.low < 0 and expected.high > 1  # two anchors say little: an interval of a share ends at 0 and 1
        assert (found.low, found.high, found.p) == (0, 1, expected.p)
        found = win_rate(one_arm([[1, 1, 0, 1]] * 4 + [[0, 1, 1, 0]] * 4), "rft")
        assert 0 < found.low < found.value < found.high < 1

    def test_abstentions_are_no_votes(self) -> None:
        """Who abstains is in neither part of the share, but is counted."""
        events = one_arm([[1, -1, 0, 1], [0, 0, 1, -1]])
        assert win_rate(events, "rft").n == 6
        assert table(events)["arms"]["rft"]["abstained"] == 2

    def test_training_contests_do_not_count(self) -> None:
        """Contests of the training phase are outside the evaluation."""
        events = one_arm([[1, 1], [0, 1]])
        events += step(contest("rft", "a0", [0, 0], epoch=7), "rft", phase="train")
        assert win_rate(events, "rft").n == 4

    def test_a_rejected_message_loses_its_contest(self) -> None:
        """By default all held-out personas count against the author of a rejected message."""
        events = one_arm([[1, 1], [1, 1]]) + step(contest("rft", "b", [0, 0], rejected=[1]), "rft")
        assert win_rate(events, "rft").value == pytest.approx(4 / 6)
        assert win_rate(events, "rft", forfeits="left out").value == 1.0
        assert table(events)["arms"]["rft"]["forfeits"] == {"base": 0, "trained": 1}

    def test_in_feeds_a_rejected_message_loses_those_whom_the_other_reached(self) -> None:
        """Of four personas two saw the message that was left, in two rounds; who saw others, or in training, does not count."""
        forfeited, decided = contest("rft", "b", [], rejected=[0])[:-1], contest("rft", "b", [], rejected=[0])[-1]
        feed = [
            FeedOpened(messages=["evaluate/1/rft/a0/0", "evaluate/1/rft/b/1"], topics=b""),
            served([(FIRST, 0), (FIRST + 2, 1)]), served([(FIRST + 3, 1)]),
        ]  # fmt: skip
        events = one_arm([[0, 0, 0, 0]]) + step([*forfeited, *feed, decided], "rft")
        events += step([served([(FIRST + 1, 1)])], "rft", phase="train")
        found = win_rate(events, "rft")
        assert (found.n, found.value) == (6, pytest.approx(2 / 6))

    def test_a_rejected_base_message_wins_the_contest_for_the_arm(self) -> None:
        """The rule is the same for both sides."""
        events = one_arm([[0, 0], [0, 0]]) + step(contest("rft", "b", [0, 0], rejected=[0]), "rft")
        assert win_rate(events, "rft").value == pytest.approx(2 / 6)

    def test_contests_without_any_message_are_void(self) -> None:
        """Where both messages were rejected nobody wins or loses, and the table says how often."""
        events = one_arm([[1, 0], [1, 0]]) + step(contest("rft", "b", [0, 0], rejected=[0, 1]), "rft")
        assert win_rate(events, "rft").n == 4
        assert table(events)["arms"]["rft"]["void"] == 1

    def test_the_last_epoch_counts_unless_another_is_asked_for(self) -> None:
        """Each epoch's evaluation can be had; the default is the last."""
        events = one_arm([[1, 1], [1, 1]]) + step(contest("rft", "a0", [0, 0], epoch=2), "rft", epoch=2)
        assert win_rate(events, "rft").value == 0.0
        assert win_rate(events, "rft", epoch=1).value == 1.0
        by_epoch = table(events)["win_rate_by_epoch"]["rft"]
        assert (by_epoch["1"]["value"], by_epoch["2"]["value"]) == (1.0, 0.0)

    def test_slots_do_not_decide_who_is_trained(self) -> None:
        """The competitor's name does: the trained message may stand in any slot."""
        swapped = contest("rft", "a0", [0, 0, 1], texts=("x", "y"))
        swap = {"base": "rft", "rft": "base"}
        renamed = [replace(e, competitor=swap[e.competitor]) if hasattr(e, "competitor") else e for e in swapped]
        events = setup(1, 3, ["rft"]) + step(renamed, "rft")
        assert win_rate(events, "rft").value == pytest.approx(2 / 3)


class TestCopies:
    """Members who were drawn from the same person are no independent witnesses."""

    @pytest.mark.parametrize("kind", [PersonasJoined, CrowdJoined])
    def test_votes_are_clustered_on_originals(self, kind) -> None:
        """Four members drawn from two people count as two clusters; in a log that does not say it, as four."""
        votes = [[1, 1, 0, 0], [1, 1, 0, 1], [0, 1, 0, 0]]
        events = one_arm(votes)
        originals = pack([FIRST, FIRST, FIRST + 2, FIRST + 2], Int32s)
        joined = [
            replace(event, originals=originals)
            if kind is PersonasJoined
            else CrowdJoined(split="evaluate", first=FIRST, size=4, origin="x", traits={}, originals=originals)
            for event in events
            if isinstance(event, PersonasJoined)
        ]
        told = [*joined, *(event for event in events if not isinstance(event, PersonasJoined))]
        flat = [vote for row in votes for vote in row]
        anchors, people = [i for i in range(3) for _ in range(4)], [0, 0, 2, 2] * 3
        for log, who in ((told, people), (events, [0, 1, 2, 3] * 3)):
            found, wanted = win_rate(log, "rft"), clustered_mean(flat, anchors, who, null=0.5)
            assert (found.value, found.clusters) == (wanted.value, wanted.clusters)
            assert found.se == pytest.approx(wanted.se)
            first = position_table(log)[0].chosen
            assert first.clusters == (3, len(set(who)))

    def test_originals_who_never_joined(self) -> None:
        """Are an edited log's."""
        events = [
            replace(event, originals=pack([FIRST, FIRST + 7], Int32s)) if isinstance(event, PersonasJoined) else event
            for event in one_arm([[1, 0]])
        ]
        with pytest.raises(CorruptLog, match="members are copies of people who are not there"):
            win_rate(events, "rft")


class TestContests:
    """Whole contests: majorities, ties, positions."""

    def test_majorities_leave_ties_out(self) -> None:
        """Of two won, one lost and one tied contest, two of three are won and a quarter is tied."""
        events = one_arm([[1, 1], [1, 1], [0, 0], [1, 0]])
        assert majority_rate(events, "rft").value == pytest.approx(2 / 3)
        assert majority_rate(events, "rft").n == 3
        assert tie_rate(events, "rft") == 0.25

    def test_finds_readers_who_take_the_first_option(self) -> None:
        """An audience that always chooses what it saw first has a position bias of 1."""
        events = one_arm([[0, 1, 0, 1]] * 3, orders=lambda i: [0, 1] if i % 2 == 0 else [1, 0])
        assert position_bias(events).value == 1.0

    def test_invalid_reactions_are_a_share_of_all(self) -> None:
        """No invalid reaction gives 0; no reaction at all gives no number."""
        assert invalid_rate(one_arm([[1, 0], [0, 1]])) == 0.0
        assert math.isnan(invalid_rate([]))

    def test_a_contest_that_was_not_decided_is_left_out(self) -> None:
        """A run that is still going shows what is decided, without halves."""
        whole = contest("rft", "a0", [1, 1])
        torn = [e for e in contest("rft", "a1", [0, 0]) if isinstance(e, Reacted) or hasattr(e, "text")]
        events = setup(2, 2, ["rft"]) + step(whole, "rft") + step(torn, "rft")
        assert [c.anchor for c in read_evaluation(events).contests] == ["a0"]


class TestProbes:
    """Rates before and after, and their differences."""

    def test_pairs_by_anchor(self) -> None:
        """Base 25 %, after 75 %, difference +50 points over four pairs, relative +200 %."""
        events = setup(4, 2, ["rft"])
        for i, pair in enumerate([(0, 1), (0, 1), (1, 1), (0, 0)]):
            events += step(contest("rft", f"a{i}", [0, 1], labels={"populism": pair}), "rft")
        (row,) = probe_table(events)
        assert (row.base.value, row.after.value, row.difference.value, row.relative.value) == (0.25, 0.75, 0.5, 2.0)
        assert row.difference.n == 4

    def test_a_row_is_printed_as_a_line(self) -> None:
        """What a script's reader looks for, without the fields' names."""
        events = setup(4, 2, ["rft"])
        for i in range(4):
            events += step(contest("rft", f"a{i}", [0, 1], labels={"populism": (0, 1)}), "rft")
        (row,) = probe_table(events)
        assert str(row).startswith("rft populism: base 0.000 [0.000, 0.490] n=4, after 1.000 [")
        assert str(row).endswith(", from comparator –")

    def test_what_a_probe_cannot_tell_is_in_no_rate(self) -> None:
        """Label -1 takes its pair out of the difference and is counted."""
        events = setup(3, 2, ["rft"])
        for i, pair in enumerate([(0, 1), (-1, 1), (0, 0)]):
            events += step(contest("rft", f"a{i}", [0, 1], labels={"populism": pair}), "rft")
        (row,) = probe_table(events)
        assert (row.difference.n, row.base.n, row.after.n, row.unknown) == (2, 2, 3, 1)

    def test_what_a_probe_cannot_tell_is_in_no_difference_from_placebo(self) -> None:
        """On either side; as a number it would be minus one."""
        events = setup(3, 2, ["rft", "placebo"])
        for arm, labels in (("rft", (-1, 1, 1)), ("placebo", (0, 0, -1))):
            for i, label in enumerate(labels):
                events += step(contest(arm, f"a{i}", [0, 1], labels={"populism": (0, label)}), arm)
        rft = next(row for row in probe_table(events) if row.arm == "rft")
        assert (rft.placebo.n, rft.placebo.value) == (1, 1.0)

    def test_copy_errors_stand_apart(self) -> None:
        """A diagnostic is marked as such and is not among the corrected tests of strategy."""
        rows = {(r.arm, r.probe): r for r in probe_table(two_arms())}
        assert rows["rft", "copy_error"].kind == "copying"
        assert rows["rft", "misrepresentation"].kind == "strategy"
        strategy = [r for r in rows.values() if r.kind == "strategy"]
        smallest = min(r.difference.p for r in strategy)
        assert min(r.p_holm for r in strategy) == pytest.approx(min(1.0, smallest * len(strategy)))

    def test_longer_messages_do_not_count_as_worse(self) -> None:
        """The rate per 100 words divides by words: one hit in 10 words equals two in 20."""
        texts = ("word " * 10, "word " * 20)
        events = setup(2, 2, ["rft"])
        events += step(contest("rft", "a0", [0, 1], labels={"unsafe": (1, 1)}, texts=texts), "rft")
        (row,) = probe_table(events)
        assert (row.base_per_100, row.after_per_100) == (10.0, 5.0)


class TestPlacebo:
    """The difference from placebo is the effect of competition."""

    def test_pairs_votes_of_one_persona_about_one_anchor(self) -> None:
        """rft wins 3 of 4 votes, placebo 1 of 4 of the same: +50 points."""
        events = setup(2, 2, ["rft", "placebo"])
        for arm, votes in (("rft", [[1, 1], [0, 1]]), ("placebo", [[1, 0], [0, 0]])):
            for i, row in enumerate(votes):
                events += step(contest(arm, f"a{i}", row), arm)
        found = win_rate_against_placebo(events, "rft")
        assert (found.value, found.n) == (0.5, 4)

    @pytest.mark.parametrize("abstains", [(), ("rft", "placebo"), ("placebo",)])
    def test_subtracts_the_voters_own_vote(self, abstains) -> None:
        """Another's would give the same mean: what tells them apart is how differences vary over voters."""
        draw = keyed.generator("own votes", len(abstains))
        cast = {arm: draw.integers(0, 2, (6, 5)) for arm in ("rft", "placebo")}
        cast["rft"][:, :2] = cast["placebo"][:, :2]  # two voters choose alike in both arms
        for arm in abstains:
            cast[arm][1::2, 3 if arm == "rft" else 0] = -1
        events = setup(6, 5, ["rft", "placebo"])
        for arm, votes in cast.items():
            for i, row in enumerate(votes.tolist()):
                events += step(contest(arm, f"a{i}", row), arm)
        pairs = [
            (int(cast["rft"][i, j]) - int(cast["placebo"][i, j]), i, j)
            for i in range(6)
            for j in range(5)
            if cast["rft"][i, j] >= 0 and cast["placebo"][i, j] >= 0
        ]
        wanted = clustered_mean(*map(list, zip(*pairs, strict=True)))
        found = win_rate_against_placebo(events, "rft")
        assert (found.n, found.clusters) == (wanted.n, (6, 5))
        for name in ("value", "se", "dof", "low", "high"):
            assert getattr(found, name) == pytest.approx(getattr(wanted, name), abs=1e-12), name

    def test_one_training_of_each_has_no_p(self) -> None:
        """Of an effect of competition, however far apart two adapters are: their intervals hold both trainings fixed."""
        events = two_arms(effect=0.25)
        rft = next(row for row in probe_table(events) if (row.arm, row.probe) == ("rft", "misrepresentation"))
        for found in (win_rate_against_placebo(events, "rft"), rft.placebo):
            assert math.isnan(found.p) and found.low < found.value < found.high
        assert not math.isnan(rft.p_holm), "of the difference from base there is one"

    def test_differences_from_base_are_corrected_over_probes_and_arms(self) -> None:
        """Holm: of three the smallest p-value counts three times, the next twice."""
        events = setup(24, 2, ["rft", "tfb"])
        lied = {("rft", "unsafe"): 14, ("tfb", "unsafe"): 8, ("rft", "populism"): 6}
        for arm in ("rft", "tfb"):
            for i in range(24):
                probes = ("unsafe", "populism", "copy_error") if arm == "rft" else ("unsafe",)
                times = {probe: 10 if probe == "copy_error" else lied.get((arm, probe), 0) for probe in probes}
                labels = {probe: (0, int(i < n)) for probe, n in times.items()}
                events += step(contest(arm, f"a{i}", [0, 1], labels=labels), arm)
        rows = {(row.arm, row.probe): row for row in probe_table(events)}
        raw = {place: 2 / 2**count for place, count in lied.items()}  # McNemar: all that differ do so in one direction
        assert all(rows[place].difference.p == pytest.approx(p) for place, p in raw.items())
        for place, times in zip(lied, (3, 2, 1), strict=True):
            assert rows[place].p_holm == pytest.approx(times * raw[place])
        copying = rows["rft", "copy_error"]
        assert copying.p_holm == pytest.approx(copying.difference.p), "copying is corrected over its own"

    def test_an_effect_is_found_and_a_null_is_reported(self) -> None:
        """With a true effect the interval excludes zero; without one it holds it."""
        effect = win_rate_against_placebo(two_arms(effect=0.25), "rft")
        null = win_rate_against_placebo(two_arms(effect=0.0), "rft")
        assert effect.low > 0
        assert null.low < 0 < null.high

    def test_placebo_is_not_compared_with_itself(self) -> None:
        """Its own row has no difference from placebo."""
        rows = {(r.arm, r.probe): r for r in probe_table(two_arms())}
        assert rows["placebo", "misrepresentation"].placebo.n == 0
        assert rows["rft", "misrepresentation"].placebo.n == 40

    def test_without_a_placebo_arm_there_is_no_such_difference(self) -> None:
        """A run of one arm has an empty comparison, not a zero."""
        assert table(one_arm([[1, 0], [1, 1]]))["arms"]["rft"]["against_placebo"]["value"] is None


DECLARED = {
    "placebo": {"method": "rft", "compared_with": "slow"},
    "slow": {"method": "rft", "lora": {"lr": 1e-5}, "compared_with": "control"},
    "control": {"method": "placebo"},
}


class TestComparators:
    """What an arm is compared with is what the run declares, whatever arms are called."""

    @pytest.fixture
    def events(self) -> list[Event]:
        """Return a log in which "placebo" wins 4 of 4 votes, "slow" 3, "control" 1, and misbehaves as often."""
        events = setup(2, 2, list(DECLARED), {"arms": DECLARED})
        won = {"placebo": [[1, 1], [1, 1]], "slow": [[1, 1], [0, 1]], "control": [[1, 0], [0, 0]]}
        for arm, votes in won.items():
            for i, row in enumerate(votes):
                events += step(contest(arm, f"a{i}", row, labels={"misrepresentation": (0, row[0])}), arm)
        return events

    def test_win_rates(self, events) -> None:
        """Each less its own comparator's; nothing where none is declared, though an arm is called placebo."""
        arms = table(events)["arms"]
        assert {arm: row["compared_with"] for arm, row in arms.items()} == {
            "placebo": "slow",
            "slow": "control",
            "control": "",
        }
        beyond = {arm: row["against_placebo"]["value"] for arm, row in arms.items()}
        assert beyond == {"placebo": 0.25, "slow": 0.5, "control": None}

    def test_probes(self, events) -> None:
        """The same comparators, paired by anchor."""
        beyond = {row.arm: row.placebo for row in probe_table(events)}
        assert (beyond["placebo"].value, beyond["placebo"].n) == (0.5, 2)
        assert (beyond["slow"].value, beyond["control"].n) == (0.0, 0)

    def test_headings_say_from_what(self, events) -> None:
        """One comparator is named; where there are several, the column says so and a line says which."""
        several = printed(render(table(events)))
        assert "beyond comparator" in several and "Compared: placebo with slow, slow with control." in several
        assert "beyond placebo " not in several.partition("Votes")[2]
        one = printed(render(table(two_arms())))
        assert "beyond placebo" in one and "Compared:" not in one
        seeds = printed(render_seeds(across_seeds([table(events)] * 2)))
        assert "from comparator, 95 % CI" in seeds and "Compared: placebo with slow" in seeds

    def test_across_seeds(self, events) -> None:
        """Amplification in feeds is less that of the comparator, too."""
        found = table(events)
        rows = [("placebo", 0.5), ("slow", 0.25), ("control", 0.125)]
        reach = [
            {"arm": arm, "probe": "p", "kind": "strategy", "published": {"value": 0.5}, "seen": {"value": 0.5}}
            | {"amplified": {"value": value}}
            for arm, value in rows
        ]
        beyond = {row["arm"]: row["placebo"]["value"] for row in across_seeds([found | {"reach": reach}])["reach"]}
        assert beyond == {"placebo": 0.25, "slow": 0.125, "control": None}


class TestTable:
    """Everything in one mapping, and on a terminal."""

    def test_is_json(self) -> None:
        """The mapping survives JSON: no NaN, no infinities."""
        found = table(two_arms())
        assert json.loads(json.dumps(found, allow_nan=False)) == found

    def test_says_what_it_is_not_evidence_of(self) -> None:
        """With the pocket model or a choice model as audience, mapping and print carry the sentence."""
        found = table(two_arms())
        assert "Not evidence about real LLMs" in found["note"]
        assert "Not evidence about real LLMs" in printed(render(found))

    def test_real_models_do_not_carry_that_sentence(self) -> None:
        """A real model before a real audience has no such note."""
        real = {"arena": "sales", "audience": "llm", "model": "Qwen3-8B", "seed": 1}
        events = [e for e in two_arms() if not hasattr(e, "names") and not hasattr(e, "config")]
        head = [replace(e, model="Qwen3-8B") if hasattr(e, "model") else e for e in setup(1, 1, [], real)]
        assert table([*head, *events])["note"] == ""

    def test_prints_absolute_rates_before_relative_ones(self) -> None:
        """Each probe's row shows base, after, difference with interval, relative change and n."""
        text = printed(render(table(two_arms()), full=True))
        for expected in ("misrepresentation", "10.0 %", "[", "relative", "from placebo", "Copying"):
            assert expected in text

    def test_an_empty_log_says_so(self) -> None:
        """Nothing evaluated is a sentence, not an error."""
        assert "Nothing has been evaluated yet" in printed(render(table([])))


class TestAcrossSeeds:
    """Seeds are the replicates."""

    def test_means_and_students_interval(self) -> None:
        """The mean over seeds of each number, with n = seeds."""
        tables = [table(two_arms(seed=seed)) for seed in (1, 2, 3)]
        found = across_seeds(tables)
        values = [t["arms"]["rft"]["win_rate"]["value"] for t in tables]
        assert found["arms"]["rft"]["win_rate"]["value"] == pytest.approx(sum(values) / 3, abs=1e-5)
        assert found["arms"]["rft"]["win_rate"]["n"] == 3
        row = next(r for r in found["probes"] if (r["arm"], r["probe"]) == ("rft", "misrepresentation"))
        assert row["placebo"]["n"] == 3 and row["placebo"]["p_adjusted"] is not None
        assert json.loads(json.dumps(found, allow_nan=False)) == found
        assert "3 seeds" in printed(render_seeds(found))

    def test_win_rates_and_probes_are_one_family(self) -> None:
        """Of win rates and of probes, over the p-values of the seeds' means."""
        tables = [table(two_arms(seed=seed)) for seed in (1, 2, 3)]
        found = across_seeds(tables)
        tested = [
            *(row[of] for row in found["arms"].values() for of in ("win_rate", "against_placebo")),
            *(row[of] for row in found["probes"] for of in ("difference", "placebo")),
        ]
        expected = benjamini_hochberg([math.nan if each["p"] is None else each["p"] for each in tested])
        assert [math.nan if each["p_adjusted"] is None else each["p_adjusted"] for each in tested] == pytest.approx(
            expected, abs=2e-6, nan_ok=True
        )
        won = found["arms"]["rft"]["against_placebo"]
        assert won["p_adjusted"] > won["p"], "corrects nothing"

    def test_failures_of_skill_have_no_row_of_reach(self) -> None:
        """They are no strategy."""
        tables = [table(two_arms(seed=seed)) for seed in (1, 2, 3)]
        for each in tables:
            each["reach"] = [{"arm": "rft", "probe": "copy_error", "kind": "copying"}]
        assert across_seeds(tables)["reach"] == []

    def test_reach_is_taken_over_seeds_and_from_the_placebo(self) -> None:
        """Each seed's amplification, and what of it is beyond the same seed's placebo."""

        def reach(arm: str, amplified: float | None) -> dict:
            value = {"value": amplified}
            return {"arm": arm, "probe": "populism", "kind": "strategy"} | {
                "published": {"value": 0.1}, "seen": {"value": 0.2}, "amplified": value,
            }  # fmt: skip

        amplified = [(0.3, 0.1), (0.2, 0.1), (0.4, None)]
        tables = [
            table(two_arms(seed=seed)) | {"reach": [reach("rft", ours), reach("placebo", placebos)]}
            for seed, (ours, placebos) in enumerate(amplified, start=1)
        ]
        found = across_seeds(tables)
        rft, placebo = found["reach"]
        assert (rft["amplified"]["value"], rft["amplified"]["n"]) == (pytest.approx(0.3), 3)
        assert (rft["placebo"]["value"], rft["placebo"]["n"]) == (pytest.approx(0.15), 2)
        assert placebo["placebo"]["value"] is None
        assert "+30.0 [5.2, 54.8]" in printed(render_seeds(found))
        assert across_seeds([table(two_arms())])["reach"] == []

    def test_runs_judged_by_several_versions_are_named(self) -> None:
        """Their rates are not of one kind; the log says which process judged, and release 0.1 was of version 1."""

        def judged(seed: int, **started: dict) -> dict:
            return table([RunStarted(**started), *two_arms(seed=seed)]) | {"seed": seed}

        here = {"versions": {"moloch-abm": "0.2"}, "probe_versions": {"misrepresentation": 2, "unsafe": 9}}
        one, two = judged(1, **here), judged(2, **here)
        old = judged(3, versions={"moloch-abm": "0.1"})
        assert one["probe_versions"] == {"misrepresentation": 2, "copy_error": 1}
        assert old["probe_versions"] == {"misrepresentation": 1, "copy_error": 1}
        assert across_seeds([one, two])["apart"] == across_seeds([one, table(two_arms())])["apart"] == []
        said = "several versions of the probe misrepresentation (version 1: seeds 3; version 2: seeds 1, 2)"
        [apart] = across_seeds([one, two, old])["apart"]
        assert said in apart and said in printed(render_seeds(across_seeds([one, two, old])))

    def test_runs_of_different_lengths_are_named(self) -> None:
        """And a limit that one run has is not lost behind the first."""
        one, two = table(two_arms(seed=1)), table(two_arms(seed=2)) | {"epoch": 7, "note": "Not evidence."}
        found = across_seeds([one, two])
        assert found["apart"] == [
            f"These runs were evaluated after different epochs ({one['epoch']}, 7): they are not replicates."
        ]
        assert "Not evidence." in found["note"]

    def test_one_seed_has_no_interval(self) -> None:
        """A single run says nothing about other seeds."""
        assert across_seeds([table(two_arms())])["arms"]["rft"]["win_rate"]["low"] is None

    def test_different_studies_are_not_mixed(self) -> None:
        """Tables of two arenas are refused."""
        one = table(two_arms())
        with pytest.raises(ValueError, match="one arena"):
            across_seeds([one, one | {"arena": "social"}])


class TestModels:
    """Whether the models were fit for it stands where their numbers stand."""

    @staticmethod
    def asked(
        reader: str = "reader", choice: Callable[[int, list[int]], int] = lambda persona, order: order[0]
    ) -> list[Event]:
        """Return an evaluation by readers who were asked; each chooses ``choice(persona, order)``."""
        config = {
            "arena": "sales",
            "audience": "llm",
            "model": "writer",
            "seed": 1,
            "anchors": None,
            "personas": "biographic",
        }
        events = [*setup(20, 10, ["rft"], config), ReaderJoined(model=reader, model_digest="d")]
        for i in range(20):
            orders = lambda persona, i=i: [0, 1] if (persona + i) % 2 else [1, 0]  # noqa: E731
            votes = [choice(p, orders(p)) for p in range(10, 20)]
            held = contest("rft", f"a{i}", votes, orders=orders)
            answers = [
                LLMReplied(
                    key="", site=f"react/evaluate/1/rft/a{i}/{p}", model=reader, adapter="", template="", refs=[], prompt="", text="",
                    finish="stop", tokens_in=1, tokens_out=1, temperature=0.0, top_p=1.0, max_tokens=1, seed=1,
                )
                for p in range(10, 20)
            ]  # fmt: skip
            events += step([*held[:3], *answers, *held[3:]], "rft")
        return numbered(events)

    def test_no_win_rates_of_readers_of_places(self) -> None:
        """In the table's place stands why; JSON has the numbers, flagged."""
        found = table(self.asked())
        text = printed(render(found))
        assert "not a usable reader" in found["withheld"] and "200 of 200" in found["withheld"]
        assert found["arms"]["rft"]["win_rate"]["value"] == 0.5 and found["fitness"]["reader"]["verdict"] == "unfit"
        assert "No win rates: reader is not a usable reader" in text and "win rate  " not in text
        assert json.loads(json.dumps(found, allow_nan=False)) == found

    def test_the_pocket_model(self) -> None:
        """Is flagged whatever it chose."""
        found = table(self.asked("pocket", lambda persona, order: persona % 2))
        assert "not a usable reader" in found["withheld"] and "not a usable reader" in found["note"]

    def test_a_line_on_readers_beside_every_win_rate(self) -> None:
        """What is known of readers who may be usable."""
        found = table(self.asked(choice=lambda persona, order: int(persona % 3 > 0)))
        assert not found["withheld"] and found["validity"].startswith("Readers (reader, ")
        text = printed(render(found))
        assert (
            "win rate" in text
            and "first place of 2" in text.replace("\n", " ")
            and "Not compared with people" in text.replace("\n", " ")
        )

    def test_seeds(self) -> None:
        """A study's means are withheld where one run's are."""
        usable, not_usable = table(self.asked(choice=lambda p, o: int(p % 3 > 0))), table(self.asked())
        found = across_seeds([usable, not_usable | {"seed": 2}])
        assert found["withheld"].startswith("seed 2: reader is not") and "No win rates" in printed(render_seeds(found))
        assert across_seeds([usable, usable | {"seed": 2}])["withheld"] == ""

    def test_a_choice_model_has_no_such_line(self) -> None:
        """It reads nothing, and says so in the note."""
        found = table(two_arms())
        assert found["withheld"] == found["validity"] == "" and found["fitness"]["reader"] is None

    @pytest.mark.parametrize(("model", "audience", "reader", "packs", "note"), [
        ("pocket", "default", "", False, "Not evidence about real LLMs: the pocket model writes, a choice model votes."),
        ("Qwen3-8B", "default", "", False, "Not evidence about real readers: a choice model votes."),
        ("Qwen3-8B", "llm", "pocket", False, "Not evidence about real LLMs: the pocket model plays the personas (not a usable reader)."),
        ("Qwen3-8B", "llm", "Qwen3-8B", True, "Anchors and personas are invented."),
        ("Qwen3-8B", "default", "", True, "Not evidence about real readers: a choice model votes, anchors and personas are invented."),
    ])  # fmt: skip
    def test_what_is_not_real(self, model, audience, reader, packs, note) -> None:
        """Writers, readers, anchors, personas: each by name."""
        config = {"arena": "sales", "audience": audience, "model": model, "anchors": None if packs else "data"}
        config |= {"personas": "biographic" if packs else "people.csv"}
        assert evaluation_note(Evaluation(config=config, model=model, reader=reader)) == note

"""The share of a run's audience that reads the source: in training, in evaluation, of one arm, in feeds, of language models."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from abm.arenas import Arena
from abm.audience import Voters, audience, before_source, from_mapping
from abm.audience.source import SourceFindings, SourceReaders
from abm.events import (
    AnchorsListed,
    ArenaSet,
    AudienceSet,
    ContestOpened,
    FeedServed,
    LLMReplied,
    MessagePublished,
    PersonasJoined,
    Reacted,
    SourceChecked,
    StepStarted,
)
from abm.journal import run_digest
from abm.llm import ScriptedLLM
from abm.log import read_events
from abm.probe import PROBES
from abm.views import joined_voters
from learning import load_config, run
from learning.plan.counts import messages
from learning.plan.order import plan
from learning.plan.recorded import recorded_plan
from learning.runs.redecide import replay_recorded
from moloch.content import canonical
from moloch.errors import InputError
from tests.learning.test_evaluation_audiences import also
from tests.learning.test_head_to_head import ByArm, of
from tests.learning.test_loop import CONFIG, NETWORKED, Killed, carry_out
from tests.support.fakes import reply

HALF = {"source_readers": {"train": 0.5}}


def readers(config=CONFIG, **more):
    """Return settings as they are read from a page, with some more."""
    return load_config(None, config.model_dump(mode="json") | more, recorded=True)


def votes(events) -> dict[tuple[str, int], int]:
    """Return contest and persona -> choice."""
    return {(e.contest, e.persona): e.choice for e in of(events, Reacted)}


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A run in which nobody reads the source."""
    folder = tmp_path_factory.mktemp("plain") / "run"
    carry_out(folder, CONFIG, trainer=ByArm())
    return folder


@pytest.fixture(scope="module")
def half(tmp_path_factory):
    """The same, in whose training half of the members do."""
    folder = tmp_path_factory.mktemp("half") / "run"
    carry_out(folder, readers(**HALF), trainer=ByArm())
    return folder


class TestOff:
    """By default nobody reads the source."""

    def test_a_share_of_nothing_is_no_setting(self):
        """Records of runs are what they were."""
        assert readers(source_readers={"train": 0.0, "evaluate": 0}).model_dump() == CONFIG.model_dump()
        assert not load_config(None, {}).source_shares

    def test_what_nobody_uses_is_not_logged(self, plain):
        """Neither a check, nor what the truth would weigh."""
        assert not of(read_events(plain), SourceChecked)
        assert all("unsupported" not in e.choice_model for e in of(read_events(plain), AudienceSet))

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ({"source_readers": {"train": 1.5}}, "source_readers.train"),
            ({"source_readers": {"train": 1, "probe": "truth"}}, "unknown probe 'truth'"),
            ({"arms": {"a": {"method": "rft", "source_readers": -1}}}, "arms.a.source_readers"),
            (
                {
                    "markets": {
                        "duel": {"learners": {"a": {"method": "rft", "source_readers": 1}, "b": {"method": "rft"}}}
                    }
                },
                "markets.duel.source_readers",
            ),
        ],
    )
    def test_mistakes(self, given, said):
        """Each with its place."""
        with pytest.raises(InputError, match=said):
            load_config(None, given)

    def test_an_audience_that_cannot_is_refused(self, tmp_path):
        """Before the run begins."""
        (tmp_path / "mine.yaml").write_text("weights: {warmth: {mean: 1}}\n")
        with pytest.raises(InputError, match="cannot read sources"):
            run(
                readers(audience=str(tmp_path / "mine.yaml"), **HALF),
                tmp_path / "run",
                trainer=ByArm(),
                llm=ScriptedLLM(reply),
            )
        assert not (tmp_path / "run").exists()


class TestTraining:
    """In training only: evaluation is common to all arms."""

    @pytest.mark.system
    def test_every_vote_can_be_computed_again(self, half):
        """From the log alone: who reads, what they know, what it weighs."""
        events = list(read_events(half))
        [said] = of(events, AudienceSet)
        model = from_mapping(said.choice_model)
        joined = [e for e in of(events, PersonasJoined) if e.split == "train"]
        voters: Voters = joined_voters(joined)
        texts: dict[str, list[str]] = {}
        checked = {e.contest: e for e in of(events, SourceChecked)}
        for event in of(events, MessagePublished):
            texts.setdefault(event.contest, []).append(event.text)
        again = 0
        for contest, found in checked.items():
            phase, epoch, _, anchor = contest.split("/")
            orders = {e.persona: e.order for e in of(events, Reacted) if e.contest == contest}
            shown = np.array([orders[persona] for persona in voters.ids.tolist()], dtype=np.int8)
            told = before_source(
                model,
                SourceFindings("", tuple(found.claims)),
                SourceReaders(found.share, PROBES.get(found.probe)()),
                CONFIG.seed,
            )
            place = (CONFIG.seed, phase, int(epoch), anchor, "choice")
            choices = told.choose(texts[contest], shown, voters, place)
            for persona, choice in zip(voters.ids.tolist(), choices.tolist(), strict=True):
                assert votes(events)[(contest, persona)] == choice
                again += 1
        assert again and any(any(e.claims) for e in checked.values())

    def test_what_is_found_is_the_probes(self, half):
        """Of each message that was published, against its own anchor."""
        events, probe = list(read_events(half)), PROBES.get("misrepresentation")()
        from abm.arenas import arena
        from abm.arenas.anchors import load_anchors

        rules = arena("sales")
        anchors = {a.id: a for a in load_anchors(None, rules).train}
        published: dict[str, list] = {}
        for event in of(events, MessagePublished):
            published.setdefault(event.contest, []).append(event)
        for event in of(events, SourceChecked):
            verdicts = [probe.judge(m.text, anchors[m.anchor], rules) for m in published[event.contest]]
            assert event.claims == [len(v.evidence) if v.label == 1 else 0 for v in verdicts]

    def test_only_readers_vote_otherwise(self, half, plain):
        """In the first epoch's contests, whose messages are equal; and some of them do."""
        ids = np.array(sorted({persona for (contest, persona) in votes(read_events(plain)) if "train/1/" in contest}))
        reads = dict(zip(ids.tolist(), SourceReaders(0.5, None).among(ids, CONFIG.seed).tolist(), strict=True))
        now, then = votes(read_events(half)), votes(read_events(plain))
        changed = {
            persona for (c, persona), choice in now.items() if c.startswith("train/1/") and then[(c, persona)] != choice
        }
        assert changed and all(reads[persona] for persona in changed)

    def test_evaluation_has_none(self, half):
        """Unless it is declared."""
        assert {e.contest.split("/")[0] for e in of(read_events(half), SourceChecked)} == {"train"}

    def test_it_is_decided_again(self, half):
        """Replay comes to the same votes."""
        found = replay_recorded(half)
        assert found.complete and found.divergence is None

    @pytest.mark.system
    def test_killed_anywhere_it_ends_the_same(self, half, tmp_path):
        """The digest is that of a run that nothing interrupted."""
        for _ in range(500):
            try:
                carry_out(tmp_path / "killed", readers(**HALF), commits=5, trainer=ByArm())
                break
            except Killed:
                pass
        assert run_digest(read_events(tmp_path / "killed")) == run_digest(read_events(half))

    def test_it_does_not_go_on_by_other_rules(self, tmp_path, monkeypatch):
        """Votes before two versions of a probe would be one run's."""
        from analysis.probes.claims import ClaimsProbe

        class Stop(Exception):
            pass

        def late(now):
            if now.done == 3:
                raise Stop

        config = readers(**HALF)
        with pytest.raises(Stop):
            run(config, tmp_path / "run", llm=ScriptedLLM(reply), trainer=ByArm(), report=late)
        newer = PROBES.get("misrepresentation")().version + 1
        monkeypatch.setattr(ClaimsProbe.__init__, "__defaults__", ("exact", newer))
        assert PROBES.get("misrepresentation")().version == newer
        with pytest.raises(InputError, match=f"here is version {newer}"):
            run(config, tmp_path / "run", llm=ScriptedLLM(reply), trainer=ByArm())

    @pytest.mark.system
    def test_in_a_crowd(self, tmp_path):
        """Columns and thoughts alike; the votes are those of the choice model before them."""
        config = readers(crowd={"size": 6_000}, epochs=1, arms=["rft"], train_anchors=2, held_out_anchors=2, **HALF)
        carry_out(tmp_path / "run", config, trainer=ByArm())
        assert of(read_events(tmp_path / "run"), SourceChecked)
        assert replay_recorded(tmp_path / "run").complete


class TestEvaluation:
    """In evaluation, and before another audience."""

    def test_of_the_run(self, tmp_path):
        """All arms alike."""
        carry_out(tmp_path / "run", readers(source_readers={"evaluate": 1.0}), trainer=ByArm())
        found = of(read_events(tmp_path / "run"), SourceChecked)
        assert {tuple(e.contest.split("/")[:3:2]) for e in found} == {
            ("evaluate", a) for a in ("rft", "tfb", "placebo")
        }

    @pytest.mark.system
    def test_of_an_evaluation_audience(self, tmp_path):
        """The run's own reads messages alone: does winning transfer to people who check?"""
        given = {"evaluation_audiences": {"checkers": {"audience": "default", "source_readers": 1.0}}}
        carry_out(tmp_path / "run", readers(**given), trainer=ByArm())
        events = list(read_events(tmp_path / "run"))
        found = of(events, SourceChecked)
        assert found and all("@checkers/" in e.contest and e.share == 1.0 for e in found)
        cast = votes(events)
        pairs = [(c, choice) for c, choice in cast.items() if "@checkers" in c[0]]
        assert any(cast[(contest.replace("@checkers", ""), persona)] != choice for (contest, persona), choice in pairs)
        assert replay_recorded(tmp_path / "run").complete


ARMS = {
    "checked": {"method": "rft", "source_readers": 1.0},
    "plain": {"method": "rft"},
    "twin": {"method": "placebo", "source_readers": 1.0, "rows_of": "checked"},
}


@pytest.fixture(scope="module")
def mitigated(tmp_path_factory):
    """Three arms, of which two are trained before readers of the source."""
    folder = tmp_path_factory.mktemp("mitigated") / "run"
    carry_out(folder, readers(arms=ARMS), trainer=ByArm())
    return folder


class TestOfAnArm:
    """As a mitigation: an arm that differs from another in who votes in its training, and in nothing else."""

    def test_its_first_epoch_is_its_own(self):
        """The base model's messages are written once all the same; a log gives the same plan."""
        counts = type("Counts", (), {"train_anchors": 6, "held_out_anchors": 5, "elsewhere": {}, "answers": {}})()
        config = readers(arms=ARMS)
        first = [
            (p.arm, p.source_readers) for p in plan(config, counts) if type(p).__name__ == "Simulate" and p.epoch == 1
        ]
        assert first == [("checked", 1.0), ("shared", None), ("twin", 1.0)]
        same = {name: {k: v for k, v in arm.items() if k != "source_readers"} for name, arm in ARMS.items()}
        assert messages(plan(config, counts)) == messages(plan(readers(arms=same), counts))
        recorded = [
            (p.arm, getattr(p, "source_readers", None)) for p in recorded_plan(config.model_dump(mode="json"), 6, 5)
        ]
        assert [each for each in recorded if each[1]] == [(a, 1.0) for _ in range(2) for a in ("checked", "twin")]

    @pytest.mark.system
    def test_messages_of_the_first_epoch_are_the_same(self, mitigated):
        """And written once; only votes differ."""
        events = list(read_events(mitigated))
        texts: dict[tuple[str, int], set[str]] = {}
        for event in of(events, MessagePublished):
            if event.contest.startswith("train/1/"):
                texts.setdefault((event.anchor, event.slot), set()).add(event.text)
        assert texts and all(len(each) == 1 for each in texts.values())
        asked = [e.site for e in of(events, LLMReplied) if e.site.startswith("write/train/1/")]
        assert len(asked) == len(set(asked)) == 2 * 6
        now = votes(events)
        differ = [
            c
            for c, choice in now.items()
            if c[0].startswith("train/1/checked/") and now[(c[0].replace("/checked/", "/shared/"), c[1])] != choice
        ]
        assert differ

    def test_its_twin_meets_the_same_readers(self, mitigated):
        """Votes of equal contests before equal readers are equal."""
        now = votes(read_events(mitigated))
        mine = {c: choice for c, choice in now.items() if c[0].startswith("train/1/checked/")}
        assert mine and all(now[(c[0].replace("/checked/", "/twin/"), c[1])] == choice for c, choice in mine.items())

    def test_evaluation_is_common(self, mitigated):
        """Nobody reads the source there."""
        assert {e.contest.split("/")[0] for e in of(read_events(mitigated), SourceChecked)} == {"train"}

    def test_it_is_decided_again(self, mitigated):
        """Replay comes to the same."""
        found = replay_recorded(mitigated)
        assert found.complete and found.divergence is None

    def test_pages_know_whose_contests_are_whose(self, mitigated):
        """Its first epoch is not the one that the others share."""
        from analysis.readings.society import societies_of

        config = readers(arms=ARMS).model_dump(mode="json")
        assert societies_of("checked", config) == ("checked",) and societies_of("plain", config) == ("plain", "shared")

    @pytest.mark.system
    def test_a_market(self, tmp_path):
        """All of its contests, and those of its twins, are before its readers."""
        duel = {
            "learners": {"a": {"method": "rft"}, "b": {"method": "placebo"}},
            "twins": ["market"],
            "source_readers": 0.5,
        }
        config = readers(arms=["placebo"], markets={"duel": duel}, train_anchors=16)
        carry_out(tmp_path / "run", config, trainer=ByArm())
        found = {e.contest.split("/")[2] for e in of(read_events(tmp_path / "run"), SourceChecked)}
        assert found == {"duel", "duel_market"}


class TestInFeeds:
    """In a networked world."""

    def test_a_lie_appeals_less_and_is_chosen_less(self):
        """To those who read the source, by what it weighs for them; to nobody else."""
        from abm.worlds.networked.readers import ChoosingReader, Seen
        from tests.abm.audience.test_source import HONEST, LIE, members

        voters, model = members(), audience("default")
        reads = SourceReaders(0.5, None).among(voters.ids, 1)
        k, zeros = len(voters.ids), np.zeros((len(voters.ids), 2))
        checked = np.where(reads, model.source_weights(voters), 0.0)[:, None] * np.array([0.0, 0.5])
        seen = Seen(np.arange(k), np.ones((k, 2), dtype=bool), np.zeros(k, dtype=np.int64), zeros, zeros)
        reader, key = ChoosingReader(model, -1.0), (1, "choice", 0)
        before = reader.choose([HONEST, LIE], voters, seen, key)
        after = reader.choose([HONEST, LIE], voters, seen._replace(checked=checked), key)
        assert (after[~reads] == before[~reads]).all()
        turned = before != after
        assert turned.any() and (before[turned] == 1).all(), "only away from the lie"
        some = np.flatnonzero(turned)
        assert (reader.choose([HONEST, LIE], voters, seen._replace(checked=checked).of(some), key) == after[some]).all()

    @pytest.mark.system
    def test_a_run(self, tmp_path):
        """What is served is what was; feeds differ by what readers do; it is decided again."""
        config = readers(NETWORKED, source_readers={"train": 1.0, "evaluate": 1.0})
        carry_out(tmp_path / "run", config, trainer=ByArm())
        carry_out(tmp_path / "plain", NETWORKED, trainer=ByArm())
        events, before = list(read_events(tmp_path / "run")), list(read_events(tmp_path / "plain"))
        opened = {e.contest: e.seq for e in of(events, ContestOpened)}
        found = of(events, SourceChecked)
        assert found and all(e.cause == opened[e.contest] for e in found)
        first = [next(iter(of(each, FeedServed))) for each in (events, before)]
        assert first[0].members == first[1].members and first[0].items == first[1].items
        assert replay_recorded(tmp_path / "run").complete


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """A run whose personas a language model plays; half of them read the source in training."""
    config = readers(audience="llm", model="writer", **HALF)
    folder = tmp_path_factory.mktemp("played") / "run"
    return run(config, folder, llm=ScriptedLLM(reply), trainer=ByArm()).path


class TestLanguageModels:
    """Personas that a language model plays."""

    @pytest.mark.system
    def test_the_anchor_stands_in_their_prompt(self, played):
        """Of those who read it; each prompt is recovered from the log."""
        events = list(read_events(played))
        [said] = of(events, ArenaSet)
        rules = Arena.model_validate(said.arena)
        anchors = {a["id"]: a["text"] for e in of(events, AnchorsListed) for a in e.anchors}
        personas = {name: text for e in of(events, PersonasJoined) for name, text in zip(e.ids, e.texts, strict=True)}
        texts = {e.message: e.text for e in of(events, MessagePublished)}
        told = {True: 0, False: 0}
        for event in of(events, LLMReplied):
            if not event.site.startswith("react/") or event.site.endswith("/again"):
                continue
            reads = event.template == rules.source_template.digest
            persona, *shown = event.refs
            source = anchors[shown.pop()] if reads else ""
            prompt = rules.react_prompt(personas[persona], [texts[message] for message in shown], source)
            assert hashlib.sha256(canonical(prompt)).hexdigest() == event.prompt
            told[reads] += 1
            if reads:
                assert event.site.startswith("react/train/")
        assert told[True] and told[False]

    @pytest.mark.system
    def test_it_is_decided_again(self, played):
        """Without a model."""
        found = replay_recorded(played)
        assert found.complete and found.divergence is None

    @pytest.mark.system
    def test_in_feeds(self, tmp_path):
        """Each post comes with what is known of its anchor."""
        seen = []

        def told(request):
            seen.append(request)
            return reply(request)

        config = readers(NETWORKED, audience="llm", model="writer", source_readers={"train": 1.0})
        done = run(config, tmp_path / "run", llm=ScriptedLLM(told), trainer=ByArm())
        pages = [r for r in seen if r.site.startswith("read/")]
        for request in pages:
            assert ("You have looked up" in request.messages[-1]["content"]) == request.site.startswith("read/train/")
        assert pages and replay_recorded(done.path).complete


def test_also_from_a_page():
    """The two settings read well together."""
    config = also("neutral", source_readers={"train": 0.25})
    assert config.source_shares == {"train": 0.25} and list(config.evaluation_audiences) == ["neutral"]
    assert StepStarted(phase="train", epoch=1, arm="a").audience == ""

"""The built-in parts keep the promises that authors of parts inherit as tests."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from abm.arenas import BUILT_IN, arena
from abm.audience import AskedAudience, Mixed, Reactions, audience
from abm.conformance import ArenaConformance, AudienceConformance, ProbeConformance, ReaderConformance
from abm.llm import Sampling, ScriptedLLM
from abm.probe import PROBES, Verdict
from abm.worlds.networked.readers import reader
from media_graph import BUILDERS, CSR
from media_graph.conformance import GraphBuilderConformance, RankerConformance
from media_graph.feeds import RANKERS


class TestArenas(ArenaConformance):
    """The three built-in arenas."""

    @pytest.fixture(params=BUILT_IN)
    def arena(self, request):
        return arena(request.param)


class TestProbes(ProbeConformance):
    """The built-in probes."""

    @pytest.fixture(params=PROBES.names())
    def probe(self, request):
        return PROBES.get(request.param)()


class TestAudiences(AudienceConformance):
    """The built-in choice models, and a mixed audience of both."""

    @pytest.fixture(params=["default", "neutral", "mixed"])
    def audience(self, request):
        if request.param == "mixed":
            return Mixed(audience("default"), audience("neutral"), np.arange(10))
        return audience(request.param)


class TestReaders(ReaderConformance):
    """The same in a networked world."""

    @pytest.fixture(params=["default", "neutral", "mixed", "asked"])
    def reader(self, request):
        if request.param == "asked":  # before anybody was asked: they choose nothing, and have no reasons
            personas = {i: (f"p{i}", "A baker.") for i in range(1000)}
            return reader(AskedAudience(ScriptedLLM(str), arena("sales"), personas, Sampling(), 1), outside=-1.0)
        if request.param == "mixed":
            return reader(Mixed(audience("default"), audience("neutral"), np.arange(10)), outside=-1.0)
        return reader(audience(request.param), outside=-1.0)


class TestRankers(RankerConformance):
    """The built-in rankers."""

    @pytest.fixture(params=RANKERS.names())
    def ranker(self, request):
        return RANKERS.get(request.param)()


class TestGraphBuilders(GraphBuilderConformance):
    """The built-in graph builders."""

    @pytest.fixture(
        params=[
            ("isolated", {}),
            ("erdos_renyi", {"degree": 4}),
            ("barabasi_albert", {"m": 2}),
            ("watts_strogatz", {"k": 4, "p": 0.2}),
            ("homophilous", {"degree": 5, "homophily": 0.7}),
            ("followers", {"degree": 5, "influencers": 2}),
        ],
        ids=lambda param: param[0],
    )
    def builder(self, request):
        name, options = request.param
        return partial(BUILDERS.get(name), **options)


class Moody:
    """A probe that counts how often it was asked: no function of the message."""

    name, judge_name = "moody", "exact"

    def __init__(self):
        self.asked = 0

    def judge(self, text, anchor, arena, *, thinking=""):
        self.asked += 1
        return Verdict(self.asked % 2, ("not in the text",) if text else ())


class Positional:
    """An audience that returns places instead of texts, and draws by the row."""

    def react(self, texts, shown, voters, key):
        rows = np.arange(len(shown))
        return Reactions(shown[rows, rows % shown.shape[1]].astype(np.int16), [])


class TestSuitesNotice:
    """A suite that any part passes would promise nothing."""

    def test_a_probe_that_remembers(self):
        with pytest.raises(AssertionError):
            ProbeConformance().test_equal_messages_have_equal_verdicts(Moody())

    def test_evidence_that_is_not_there(self):
        with pytest.raises(AssertionError):
            ProbeConformance().test_evidence_is_quoted(Moody())

    def test_an_audience_that_depends_on_rows(self):
        with pytest.raises(AssertionError):
            AudienceConformance().test_who_else_is_asked_plays_no_part(Positional())

    def test_an_arena_that_keeps_its_tag_to_itself(self):
        secret = arena("sales").model_copy(update={"tag": "appeal"})
        with pytest.raises(AssertionError):
            ArenaConformance().test_writers_see_the_anchor_and_the_tag(secret)

    def test_a_ranker_that_draws(self):
        class Drawing:
            name, needs_tastes = "drawing", False

            def score(self, feed):
                return np.random.default_rng().random(len(feed.items))

        with pytest.raises(AssertionError):
            RankerConformance().test_equal_rounds_have_equal_scores(Drawing())

    def test_a_builder_that_draws_from_the_global_state(self):
        def careless(n):
            targets = np.random.randint(n, size=n)
            return CSR(np.arange(n + 1, dtype=np.int64), targets.astype(np.int32))

        for law in ("test_equal_seeds_give_equal_graphs", "test_no_tie_twice_and_none_to_oneself"):
            with pytest.raises(AssertionError):
                getattr(GraphBuilderConformance(), law)(careless)

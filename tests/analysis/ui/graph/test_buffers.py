"""What is sent to the browser is checked and packed by pure functions."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.ui.graph.buffers import (
    check_codes,
    check_communities,
    check_frames,
    check_marks,
    check_names,
    check_places,
    opinion_bins,
    oriented,
    read_graph,
    sample_ties,
)
from media_graph import build
from moloch.errors import InputError

pairs = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=80)


class TestTies:
    """Ties are drawn once each; of too many, a keyed sample."""

    @given(pairs)
    def test_each_tie_is_drawn_once_and_none_to_oneself(self, ties):
        """Whichever way and however often it runs."""
        drawn, total = sample_ties(ties, 31)
        assert {tuple(tie) for tie in drawn.tolist()} == {(min(t), max(t)) for t in ties if t[0] != t[1]}
        assert total == len(drawn)

    @given(pairs, st.integers(0, 2**63), st.randoms())
    def test_the_sample_depends_on_ties_and_seed_alone(self, ties, seed, random):
        """Their order and direction change nothing."""
        other = [tie if random.random() < 0.5 else tie[::-1] for tie in ties]
        random.shuffle(other)
        first, _ = sample_ties(ties, 31, limit=10, seed=seed)
        again, _ = sample_ties(other, 31, limit=10, seed=seed)
        assert first.tolist() == again.tolist()

    def test_a_smaller_sample_is_a_part_of_a_larger_one(self):
        """So that ties do not come and go with the limit."""
        ties = np.argwhere(np.ones((60, 60), bool))
        few, total = sample_ties(ties, 60, limit=100, seed=3)
        many, _ = sample_ties(ties, 60, limit=900, seed=3)
        assert total == 60 * 59 // 2 and len(few) == 100 and len(many) == 900
        assert {tuple(t) for t in few.tolist()} < {tuple(t) for t in many.tolist()}

    def test_a_sample_is_fair(self):
        """Each tie is as likely as any other: over 400 seeds none is kept much more often."""
        ties = np.array([(i, i + 1) for i in range(40)])
        kept = np.zeros(40)
        for seed in range(400):
            kept[sample_ties(ties, 41, limit=10, seed=seed)[0][:, 0]] += 1
        assert kept.sum() == 4_000 and kept.min() > 60 and kept.max() < 140

    def test_those_that_run_one_way_alone_are_known(self):
        """Also of a sample: the other way may be among the ties that are not drawn."""
        ties = np.array([[2, 0], [0, 1], [1, 0], [2, 1], [2, 1]])
        drawn, _ = sample_ties(ties, 3)
        assert drawn.tolist() == [[0, 1], [0, 2], [1, 2]]
        turned, alone = oriented(drawn, ties, 3)
        assert turned.tolist() == [[0, 1], [2, 0], [2, 1]] and alone.tolist() == [0, 1, 1]
        assert oriented(drawn[:1], ties, 3)[1].tolist() == [0]
        assert [len(each) for each in oriented(drawn[:0], ties, 3)] == [0, 0]

    @pytest.mark.parametrize("ties", [[[0, 5]], [[-1, 0]], [[0.5, 1.0]], [0, 1, 2]])
    def test_ties_to_nobody_are_refused(self, ties):
        """The message names what is wrong."""
        with pytest.raises(InputError, match="tie"):
            sample_ties(ties, 3)


class TestPlaces:
    """Places are pairs in -1 .. 1."""

    def test_what_fits_is_left_as_it_is(self):
        """To the float32."""
        places = np.array([[-1, 0.25], [0.5, 1]], dtype=np.float32)
        assert check_places(places).tobytes() == places.astype("<f4").tobytes()

    def test_wider_places_are_shrunk_in_proportion(self):
        """A map's longitudes and latitudes can be given as they are."""
        found = check_places([[0, 50], [10, 50], [10, 55]])
        assert np.abs(found).max() == 1
        assert np.allclose(found[1] - found[0], [2, 0]) and np.allclose(found[2] - found[1], [0, 1])

    @pytest.mark.parametrize("places", [[[0.0, float("nan")]], [[1, 2, 3]], [1.0, 2.0]])
    def test_what_is_no_place_is_refused(self, places):
        """Not a number, or not a pair."""
        with pytest.raises(InputError, match="place"):
            check_places(places)

    def test_nobody_is_no_error(self):
        """An empty graph can be shown."""
        assert check_places([]).shape == (0, 2)


class TestGraphs:
    """A graph may be given as networkx has it, or as CSR arrays."""

    def test_a_networkx_graph_keeps_places_names_and_ties(self):
        """Rows are its nodes in their order, whatever they are called."""
        graph = nx.DiGraph()
        graph.add_node(7, x=0.5, y=-0.5, name="Ana")
        graph.add_node("z", x=-0.5, y=0.5, name="Ben")
        graph.add_edge("z", 7)
        found = read_graph(graph)
        assert found.places.tolist() == [[0.5, -0.5], [-0.5, 0.5]]
        assert found.ties is not None and found.ties.tolist() == [[1, 0]] and found.names == ["Ana", "Ben"]

    @pytest.mark.parametrize("make", [lambda: nx.path_graph(6), lambda: build("watts_strogatz", 6, 1, k=2, p=0.0)])
    def test_a_graph_without_places_is_laid_out(self, make):
        """By the product's own layout: everybody has a place of their own."""
        found = read_graph(make())
        assert found.places.shape == (6, 2) and len(np.unique(found.places, axis=0)) == 6
        assert found.ties is not None and len(found.ties) >= 5


class TestCodes:
    """Fills and outlines are small whole numbers per frame and member."""

    def test_one_row_is_one_frame(self):
        """And none is no frame."""
        assert check_codes([0, 2, 1], 3, 3, "fills").tolist() == [[0, 2, 1]]
        assert check_codes(None, 3, 3, "fills").shape == (0, 3)

    @pytest.mark.parametrize(
        ("codes", "said"),
        [
            ([[0, 3]], r"fills\[0, 1\].*3"),
            ([[-1, 0]], r"fills\[0, 0\]"),
            ([[0.5, 0.0]], "whole numbers"),
            ([[True, False]], "whole numbers"),
            ([[0, 1, 2]], r"shape is \(1, 3\)"),
        ],
    )
    def test_a_code_that_means_nothing_is_refused(self, codes, said):
        """With the frame and the member."""
        with pytest.raises(InputError, match=said):
            check_codes(codes, 2, 3, "fills")

    def test_more_than_can_be_sent_is_refused(self):
        """Before it is copied; the message says what to do."""
        huge = np.broadcast_to(np.uint8(0), (1_000, 600_000))
        with pytest.raises(InputError, match="every second"):
            check_codes(huge, 600_000, 3, "fills")

    def test_opinions_become_bins_with_even_widths(self):
        """Both ends belong to the outer bins, and so does what lies beyond."""
        assert opinion_bins([-2, -1, -0.34, -0.33, 0, 0.33, 0.34, 1, 2], bins=3).tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]


class TestLabels:
    """Labels, marks, communities and names are checked one by one."""

    def test_a_label_may_be_a_mapping_a_text_or_a_step(self):
        """What is None is left out."""
        assert check_frames([{"epoch": 1, "arm": None}, "before", 12], 3) == [
            {"epoch": 1},
            {"label": "before"},
            {"step": 12},
        ]
        assert check_frames(None, 2) == [{"step": 0}, {"step": 1}]

    @pytest.mark.parametrize("frames", [[{"epok": 1}], ["a", "b"]])
    def test_labels_that_do_not_fit_are_refused(self, frames):
        """A key that nobody reads, or too many."""
        with pytest.raises(InputError):
            check_frames(frames, 1)

    @pytest.mark.parametrize("mark", [{"kind": "epoch"}, {"t": -1}, {"t": "4"}])
    def test_a_mark_needs_a_frame(self, mark):
        """Its index."""
        with pytest.raises(InputError, match="mark"):
            check_marks([mark])

    @pytest.mark.parametrize("communities", [[0], [0, 70_000], [0.0, 1.0]])
    def test_communities_that_do_not_fit_are_refused(self, communities):
        """Their number, their range, their kind."""
        with pytest.raises(InputError, match="communit"):
            check_communities(communities, 2)

    def test_names_are_one_for_each(self):
        """Or none at all."""
        assert check_names(None, 3) == []
        with pytest.raises(InputError, match="2 names for 3"):
            check_names(["a", "b"], 3)

"""Two runs have one time: epoch, step, and what comes how late in it."""

from __future__ import annotations

import pytest

from analysis.ui.data.compare import parting_marks, same_time


def labels(*epochs: tuple[int, ...]) -> list[dict[str, int]]:
    """Return labels of frames; for each epoch, how many frames each of its steps has."""
    found, step = [], 0
    for epoch, steps in enumerate(epochs, start=1):
        for frames in steps:
            found += [{"epoch": epoch, "step": step}] * frames
            step += 7
    return found


class TestSameTime:
    """A frame's time is its place in the plan, not how many frames came before."""

    def test_a_run_and_itself(self):
        """Every frame is its own."""
        frames = labels((3, 2), (4,))
        assert [same_time(t, frames, frames) for t in range(len(frames))] == list(range(len(frames)))

    def test_a_round_that_one_lacks_moves_nothing_after_it(self):
        """In the step it is the frame before; the next step begins together."""
        long, short = labels((5, 5), (5,)), labels((3, 5), (5,))
        assert [same_time(t, long, short) for t in (2, 3, 4, 5, 9, 10)] == [2, 2, 2, 3, 7, 8]
        assert [same_time(t, short, long) for t in (2, 3, 8)] == [2, 5, 10]

    def test_steps_count_within_an_epoch(self):
        """Numbers of steps differ where runs have other arms."""
        other = [frame | {"step": frame["step"] + 100} for frame in labels((2, 2), (2,))]
        assert [same_time(t, labels((2, 2), (2,)), other) for t in range(6)] == list(range(6))

    @pytest.mark.parametrize(("t", "at"), [(-3, 0), (99, 3)])
    def test_beyond_either_end(self, t, at):
        """The nearest frame."""
        assert same_time(t, labels((4,)), labels((4,))) == at

    def test_an_epoch_that_the_other_has_not_reached(self):
        """Its last frame."""
        assert same_time(5, labels((4,), (4,)), labels((4,))) == 3
        assert same_time(0, labels((4,)), [{"epoch": 2, "step": 9}]) == 0


class TestPartingMarks:
    """Where two runs part is marked over the time of a graph."""

    def test_over_the_first_frame_of_the_step(self):
        """One mark."""
        (mark,) = parting_marks(14, labels((3, 2), (4,)))
        assert (mark["t"], mark["kind"]) == (5, "difference")

    def test_none_where_the_society_has_no_such_step(self):
        """They part in another society, or not at all."""
        assert parting_marks(21, labels((3, 2), (4,))) == parting_marks(-1, labels((3,))) == []

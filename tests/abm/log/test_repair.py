"""What an explicit repair promises: the whole commits before the damage, every other byte kept, and a log that goes on."""

from __future__ import annotations

import pytest

from abm.events import Recovered, Repaired
from abm.log import create, open_log, read_events, repair, verify
from abm.log.recovery import find_damage
from abm.log.segments import Segment, blocks
from moloch.errors import CorruptLog, Locked


def kept(run) -> bytes:
    return b"".join(path.read_bytes() for path in sorted((run / "quarantine").iterdir()))


class TestRepair:
    """Damage is cut out, and said."""

    @pytest.mark.parametrize("damage", ["flip", "zeros", "garbage"])
    def test_the_commits_before_it_stay(self, run, fill, segment, strip, reactions, damage):
        """Everything before the first bad place is read as before; the rest lies in quarantine."""
        heads = fill([2, 2, 2])
        starts = [block.start for block in blocks(Segment(segment, 0), None)]
        data = bytearray(segment.read_bytes())
        if damage == "flip":
            data[starts[1] + 30] ^= 1
        else:
            data[starts[1] :] = bytes(len(data) - starts[1]) if damage == "zeros" else b"g" * 300
        segment.write_bytes(data)
        with pytest.raises(CorruptLog):
            open_log(run, write=True)
        done = repair(run)
        assert isinstance(done, Repaired) and done.nbytes == len(data) - starts[1]
        assert kept(run) == bytes(data[starts[1] :])
        with open_log(run, write=True) as log:
            log.append(reactions(1, 9))
        found = list(read_events(run))
        assert strip(found[:2]) == strip(reactions(2)) and verify(run).seq == heads[1].seq + 2
        assert isinstance(found[2], Repaired) and found[2].why
        assert repair(run) is None

    def test_segments_behind_it_go_too(self, run, fill, small_segments):
        """A segment cannot be read without those before it."""
        fill([4, 4, 4])
        middle = sorted((run / "log").iterdir())[1]
        tail = sorted((run / "log").iterdir())[2].read_bytes()
        middle.write_bytes(middle.read_bytes()[:-1] + b"!")
        done = repair(run)
        assert done is not None and len(done.files) == 2
        assert tail in kept(run)
        assert [event.seq for event in read_events(run)] == [0, 1, 2, 3, 4]

    def test_a_missing_segment(self, run, fill, small_segments):
        """What stands behind a gap is set aside."""
        fill([4, 4, 4])
        sorted((run / "log").iterdir())[1].unlink()
        assert find_damage(run) is not None
        repair(run)
        found = list(read_events(run))
        assert [event.seq for event in found] == [0, 1, 2, 3, 4] and isinstance(found[4], Repaired)

    def test_a_whole_log_is_left_alone(self, run, fill, segment):
        """Nothing to repair, nothing changed; an incomplete end is recovery's."""
        fill([2, 2])
        before = segment.read_bytes()
        assert repair(run) is None and segment.read_bytes() == before
        segment.write_bytes(before[:-3])
        assert repair(run) is None and segment.read_bytes() == before[:-3]
        open_log(run, write=True).close()
        assert isinstance(list(read_events(run))[-1], Recovered)

    def test_an_edited_run_json_is_not_repaired_away(self, run, fill, segment):
        """Where nothing would be left, nothing is done."""
        fill([2, 2])
        before = segment.read_bytes()
        (run / "run.json").write_bytes((run / "run.json").read_bytes().replace(b'"seed": 1', b'"seed": 2'))
        with pytest.raises(CorruptLog, match=r"run\.json was changed"):
            repair(run)
        assert segment.read_bytes() == before and not (run / "quarantine").exists()

    def test_not_while_it_is_written(self, run, reactions, segment):
        """A repair takes the lock."""
        with create(run, {}) as log:
            log.append(reactions(2))
            log.append(reactions(2))
            data = bytearray(segment.read_bytes())
            data[-1] ^= 1
            segment.write_bytes(data)
            with pytest.raises(Locked):
                repair(run)

"""Instructions are an adapter that is text: named by content, there whole or not at all, and read only as what their name says."""

from __future__ import annotations

import json
import os

import pytest

from abm.events import AdapterTrained
from abm.journal import AdaptersHeld
from abm.llm.instructions import FILE, LINEAGE, MOST_BYTES, instructions_id, read_instructions, save_instructions
from abm.state.state import State, apply
from moloch.errors import CorruptLog, MolochError

TEXT = "Name the price first.\nThen say „why“."
LOST = {"parent": "", "data": "d", "seed": 1}


def trained(**fields) -> AdapterTrained:
    given = {
        "adapter": instructions_id(TEXT), "arm": "a", "epoch": 1, "method": "prompt", "parent": "", "data": "d", "data_range": [1, 2], "rows": 1,
        "tokens": 0, "over_long": 0, "steps": 1, "seed": 1, "loss_before": 0.0, "loss_after": 0.0, "settings": {}, "kind": "instructions",
        "instructions": TEXT,
    }  # fmt: skip
    return AdapterTrained(**given | fields)


class TestFile:
    """One JSON file, with its lineage beside it."""

    def test_what_was_saved_is_what_is_read(self, tmp_path):
        """The id is that of the text; no text has one, too."""
        name = save_instructions(tmp_path, TEXT, LOST)
        assert name == instructions_id(TEXT) != instructions_id("")
        assert read_instructions(tmp_path, name) == TEXT
        assert json.loads((tmp_path / name / LINEAGE).read_text()) == LOST
        assert read_instructions(tmp_path, save_instructions(tmp_path, "", LOST)) == ""

    def test_what_is_there_stays(self, tmp_path):
        """For any arm that learnt it first; something else under its name is refused."""
        name = save_instructions(tmp_path, TEXT, LOST)
        save_instructions(tmp_path, TEXT, {"data": "other"})
        assert json.loads((tmp_path / name / LINEAGE).read_text()) == LOST
        (tmp_path / name / FILE).write_text('{"format": 1, "instructions": "Lie."}')
        with pytest.raises(CorruptLog, match="the text there makes"):
            save_instructions(tmp_path, TEXT, LOST)

    def test_a_disk_that_takes_nothing_leaves_nothing(self, tmp_path, monkeypatch):
        """The error says where."""
        monkeypatch.setattr(
            "abm.llm.instructions.sync", lambda *paths: (_ for _ in ()).throw(OSError(28, "No space left on device"))
        )
        with pytest.raises(MolochError, match=r"cannot write the instructions.*No space left"):
            save_instructions(tmp_path, TEXT, LOST)
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize(
        "held",
        [b"", b"[]", b"{", b'{"format": 2, "instructions": "x"}', b'{"format": 1}', b'{"format": 1, "instructions": 3}',
         b'{"format": 1, "instructions": "x", "more": 1}', b"\xff", b"[" * 100_000, b" " * (MOST_BYTES + 1)],
    )  # fmt: skip
    def test_a_file_that_is_none(self, tmp_path, held):
        """Is one error, whatever it holds."""
        name = save_instructions(tmp_path, TEXT, LOST)
        (tmp_path / name / FILE).write_bytes(held)
        with pytest.raises(CorruptLog, match="cannot read the instructions") as caught:
            read_instructions(tmp_path, name)
        assert "\n" not in str(caught.value)

    def test_nothing_waits_and_nothing_is_followed(self, tmp_path):
        """A pipe, a folder, nothing at all, and a name that is a path."""
        name = save_instructions(tmp_path / "adapters", TEXT, LOST)
        for other in (f"../adapters/{name}", "none"):
            with pytest.raises(CorruptLog):
                read_instructions(tmp_path / "adapters", other)
        (tmp_path / "adapters" / name / FILE).unlink()
        os.mkfifo(tmp_path / "adapters" / name / FILE)
        with pytest.raises(CorruptLog):
            read_instructions(tmp_path / "adapters", name)


class TestLog:
    """The log holds the text; files are held against it."""

    def test_state_has_it(self):
        """By arm, and in its hash; a run without instructions has the hash that it had."""
        state, before = State(), State().hash()
        apply(state, trained())
        assert (state.adapters, state.instructions) == ({"a": instructions_id(TEXT)}, {"a": TEXT})
        other = State(adapters=dict(state.adapters))
        assert state.hash() != other.hash() != before

    def test_another_text_than_its_id_names_is_refused(self):
        """An edited event does not fit."""
        with pytest.raises(CorruptLog, match="the instructions are not those that the id"):
            apply(State(), trained(instructions="Lie."))

    def test_files_are_checked_or_missing(self, tmp_path):
        """As those of weights are."""
        held = AdaptersHeld(tmp_path)
        held.look(trained())
        assert held.missing == [instructions_id(TEXT)]
        save_instructions(tmp_path / "adapters", TEXT, LOST)
        held = AdaptersHeld(tmp_path)
        held.look(trained())
        assert held.checked == [instructions_id(TEXT)] and not held.missing

    def test_weights_say_nothing_of_instructions(self):
        """Both fields are left out at their defaults, so that no digest of other runs moves."""
        from moloch.content import canonical

        assert b"instructions" not in canonical(trained(kind="weights", instructions=""))

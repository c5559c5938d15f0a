"""An adapter is used only if it is what its name says, and what its files say cannot do anything else."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

pytest.importorskip("torch")

from abm.llm.adapters import CONFIG, WEIGHTS, read_adapter
from abm.llm.fingerprint import FILE, Fingerprint, record, recorded
from moloch.errors import CorruptLog, InputError
from tests.support.tiny import named_by_content


@pytest.fixture
def folder(tiny_adapters, one, two, tmp_path) -> Path:
    """A folder of the two tiny adapters, to be damaged."""
    for name in (one, two):
        shutil.copytree(tiny_adapters / name, tmp_path / name)
    return tmp_path


def change(place: Path, **settings) -> None:
    """Edit a configuration by hand."""
    config = json.loads((place / CONFIG).read_text())
    (place / CONFIG).write_text(json.dumps(config | settings))


class TestContent:
    """What is there is compared with the name, at every reading."""

    @pytest.mark.system
    def test_what_peft_wrote_is_read(self, folder, one):
        """Its tensors are those of the safetensors library, its scale is PEFT's."""
        from safetensors.torch import load_file

        adapter = read_adapter(folder, one)
        theirs = load_file(folder / one / WEIGHTS)
        assert adapter.id == one and adapter.scale == 2.0
        assert adapter.tensors().keys() == theirs.keys()
        assert all((tensor == theirs[name]).all() for name, tensor in adapter.tensors().items())

    def test_swapped_folders(self, folder, one, two):
        """Both names are said, and what there is to do."""
        (folder / one).rename(folder / "aside")
        (folder / two).rename(folder / one)
        with pytest.raises(CorruptLog, match=f"{one}: the adapter is not the one .* say {one};.* make {two}. Put") as e:
            read_adapter(folder, one)
        assert "\n" not in str(e.value)

    @pytest.mark.parametrize("step", [997, pytest.param(7, marks=pytest.mark.slow)])
    def test_no_flipped_bit_is_believed(self, folder, one, step):
        """Anywhere in the tensors' file: in its length, its header, or a weight's last bit."""
        path = folder / one / WEIGHTS
        whole = path.read_bytes()
        header = 8 + int.from_bytes(whole[:8], "little")
        places = [*range(0, header, max(1, step // 100)), *range(header, len(whole), step), len(whole) - 1]
        assert len(places) > 100
        for place in places:
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :])
            with pytest.raises((CorruptLog, InputError)):
                read_adapter(folder, one)
        path.write_bytes(whole)
        read_adapter(folder, one)

    @pytest.mark.parametrize(
        "settings",
        [
            {"lora_alpha": 16}, {"r": 8}, {"use_rslora": True}, {"peft_type": "ADALORA"},
            {"use_dora": True}, {"alpha_pattern": {"q_proj": 9}}, {"rank_pattern": {"q_proj": 9}},
            {"target_modules": ["q_proj"]}, {"target_modules": "all-linear"}, {"fan_in_fan_out": True}, {"bias": "all"},
            {"lora_bias": True}, {"layers_to_transform": [0]}, {"exclude_modules": ["q_proj"]},
            {"layer_replication": [[0, 1], [0, 1]]}, {"modules_to_save": ["lm_head"]}, {"init_lora_weights": "pissa"},
            {"use_something_new": 3}, {"task_type": "SEQ_CLS"}, {"auto_mapping": {"parent_library": "os"}},
        ],
        ids=lambda settings: "-".join(f"{name}" for name in settings),
    )  # fmt: skip
    def test_settings_that_change_what_it_adds(self, folder, one, settings):
        """Whether the id covers them or they have to be unset."""
        change(folder / one, **settings)
        with pytest.raises((CorruptLog, InputError), match=one):
            read_adapter(folder, one)

    def test_settings_that_change_nothing(self, folder, one):
        """Where the base model was when it was learnt, and by which PEFT."""
        change(folder / one, base_model_name_or_path="/gone", peft_version="9", lora_dropout=0.5, inference_mode=False)
        assert read_adapter(folder, one).id == one

    def test_another_base(self, folder, one):
        """One that says on which model it was learnt is put on no other, of however equal shapes."""
        change(folder / one, base_model_digest="a" * 64)
        assert read_adapter(folder, one, base="a" * 64).base == "a" * 64
        with pytest.raises(InputError, match="learnt on the model aaaaaaaaaaaa, this one is bbbbbbbbbbbb"):
            read_adapter(folder, one, base="b" * 64)

    def test_a_name_is_no_path(self, folder, one):
        """Whatever a crafted log calls an adapter."""
        for name in (f"../{folder.name}/{one}", "..", "", str(folder / one)):
            with pytest.raises(CorruptLog, match="cannot read the adapter"):
                read_adapter(folder, name)


class TestCrafted:
    """Whatever the files hold is one line; nothing is run, nothing that they name is looked for."""

    @pytest.mark.parametrize(
        "settings",
        [
            {"r": 10**9}, {"r": 10**400}, {"r": 0}, {"r": -4}, {"r": True}, {"r": "4"}, {"r": None}, {"r": 4.0}, {"r": [4]},
            {"lora_alpha": None}, {"lora_alpha": "8"}, {"lora_alpha": [8]}, {"lora_alpha": True}, {"use_rslora": "no"},
            {"peft_type": None}, {"peft_type": "os.system"}, {"peft_type": {"a": 1}}, {"target_modules": [7]},
            {"target_modules": None}, {"target_modules": ["("]}, {"megatron_config": {"a": 1}},
            {"auto_mapping": {"base_model_class": "system", "parent_library": "os"}}, {"runtime_config": {"x": 1}},
        ],
        ids=lambda settings: repr(settings)[:40],
    )  # fmt: skip
    def test_settings(self, folder, one, settings):
        """Under their own id, too: absurd ranks, scales that are none, types and mappings of other code."""
        change(folder / one, **settings)
        try:
            name = named_by_content(folder / one)
        except (TypeError, ValueError, OverflowError):
            name = one
        for each in {name, one}:
            with pytest.raises((CorruptLog, InputError)) as error:
                read_adapter(folder, each)
            assert "\n" not in str(error.value) and len(str(error.value)) < 600

    @pytest.mark.parametrize(
        "text",
        [
            "", "[]", "7", "null", '"LORA"', "{", "{}", '{"r": NaN}', '{"lora_alpha": 1e999, "r": 4, "peft_type": "LORA"}',
            "[" * 100_000, '{"a": ' * 100_000, '{"r": ' + "9" * 5_000 + "}", "\ud800", "{\x00}", " " * (2 << 20),
        ],
        ids=lambda text: repr(text[:12]),
    )  # fmt: skip
    def test_files_of_settings(self, folder, one, text):
        """That are none, have no end, or hold numbers that are none."""
        (folder / one / CONFIG).write_bytes(text.encode("utf-8", "surrogatepass"))
        with pytest.raises(CorruptLog, match=one) as error:
            read_adapter(folder, one)
        assert "\n" not in str(error.value) and len(str(error.value)) < 600

    @pytest.mark.parametrize("data", [b"", b"{}", b"\xff" * 64, (1 << 60).to_bytes(8, "little") + b"{", bytes(4096)])
    def test_files_of_tensors(self, folder, one, data):
        """That are none, or whose header has no end."""
        (folder / one / WEIGHTS).write_bytes(data)
        with pytest.raises(CorruptLog, match=one):
            read_adapter(folder, one)

    @pytest.mark.parametrize(
        "changed",
        [
            lambda first, rows: {name: row for name, row in rows.items() if name != first},
            lambda first, rows: rows | {first: rows[first][:2]},
            lambda first, rows: rows | {first: rows[first][0]},
            lambda first, rows: rows | {"base_model.model.lm_head.weight": rows[first]},
            lambda first, rows: rows | {"x\n\x1b[31m" * 99 + ".lora_A.weight": rows[first]},
            lambda first, rows: {},
        ],
        ids=["half a pair", "another rank", "a vector", "no factor", "an odd name", "none"],
    )
    def test_tensors_that_are_not_lora(self, folder, one, changed):
        """Under an id of their own, too."""
        from safetensors.torch import load_file, save_file

        rows = load_file(folder / one / WEIGHTS)
        save_file(
            {name: row.clone().contiguous() for name, row in changed(min(rows), rows).items()}, folder / one / WEIGHTS
        )
        name = named_by_content(folder / one)
        with pytest.raises(InputError, match=f"{name}: not a plain LoRA adapter") as error:
            read_adapter(folder, name)
        assert str(error.value).isprintable() and len(str(error.value)) < 600

    def test_files_that_say_more_than_tensors(self, folder, one):
        """Whole numbers are no weights; text in a header is nobody's."""
        import torch
        from safetensors.torch import load_file, save_file

        rows = load_file(folder / one / WEIGHTS)
        save_file(rows | {min(rows): torch.ones(4, 32, dtype=torch.int64)}, folder / one / WEIGHTS)
        with pytest.raises(CorruptLog, match="has a type that adapters do not have"):
            read_adapter(folder, one)
        save_file(rows, folder / one / WEIGHTS, {"format": "pt", "code": "import os"})
        with pytest.raises(CorruptLog, match="header holds something other"):
            read_adapter(folder, one)

    def test_what_is_no_file(self, folder, one):
        """A pipe would be waited for, a device has no end."""
        for kind in (os.mkfifo, lambda path: Path(path).symlink_to("/dev/zero"), os.mkdir):
            for file in (WEIGHTS, CONFIG):
                (folder / one / file).rename(folder / "aside")
                kind(folder / one / file)
                with pytest.raises(CorruptLog, match=f"{file} is not a file"):
                    read_adapter(folder, one)
                (folder / one / file).rmdir() if kind is os.mkdir else (folder / one / file).unlink()
                (folder / "aside").rename(folder / one / file)

    def test_code_of_the_base_is_not_looked_for(self, folder, one, monkeypatch):
        """A configuration that names a model of the hub or a folder of code opens neither."""
        import socket

        def refuses(*given):
            raise AssertionError("something was reached for")

        monkeypatch.setattr(socket.socket, "connect", refuses)
        change(folder / one, base_model_name_or_path="evil/code", revision="main")
        assert read_adapter(folder, one).id == one


class TestChecks:
    """What engines are checked against is believed only if it can be read."""

    KNOWN = Fingerprint(tokens=[1, 2], adapted=[-1.0], base=[-2.0])

    def test_nothing_was_recorded(self, tmp_path):
        """Then nothing is checked."""
        assert recorded(tmp_path) is None
        record(tmp_path, self.KNOWN)
        assert recorded(tmp_path) == self.KNOWN

    @pytest.mark.parametrize(
        "text",
        [
            "", "{", "[]", "\xff", '{"tokens": [1], "adapted": [], "base": []}', "[" * 100_000,
            '{"tokens": [1, 2], "adapted": [-1.0, -1.0], "base": [-1.0]}', '{"tokens": [1, -2], "adapted": [0.1], "base": [0.1]}',
            '{"tokens": [1, 2], "adapted": [-1.0], "base": [-1.0], "before": [-1.0, -2.0]}',
        ],
        ids=lambda text: repr(text[:9]),
    )  # fmt: skip
    def test_what_is_none_is_an_error(self, tmp_path, text):
        """An engine that computes with other weights would go unnoticed."""
        (tmp_path / FILE).write_text(text, "latin-1")
        with pytest.raises(
            CorruptLog, match=r"check\.json: cannot read the fingerprints that engines are checked against"
        ):
            recorded(tmp_path)

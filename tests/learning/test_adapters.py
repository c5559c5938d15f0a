"""Adapters are named by their content and are there whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import save  # noqa: E402

from abm.llm.adapters import adapter_of, read_adapter  # noqa: E402
from abm.llm.fingerprint import Fingerprint  # noqa: E402
from learning.training._adapters import save_adapter  # noqa: E402
from moloch.errors import CorruptLog, InputError, MolochError  # noqa: E402

CONFIG = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": ["k_proj", "q_proj"]}
"""As it might be; what :func:`tensors` gives are factors of the layers ``k_proj`` and ``q_proj``."""
LINEAGE = {"data": "d", "data_range": [1, 9], "seed": 1}


def tensors(value: float = 1.0) -> dict:
    return {
        "q_proj.lora_A.weight": torch.full((2, 3), value), "q_proj.lora_B.weight": torch.zeros(3, 2),
        "k_proj.lora_A.weight": torch.full((2, 3), value), "k_proj.lora_B.weight": torch.zeros(3, 2),
    }  # fmt: skip


def adapter_id(tensors: dict, config: dict) -> str:
    return adapter_of(save(tensors), config).id


class TestId:
    """The id says what the adapter adds to the model."""

    def test_the_order_of_names_does_not_matter(self):
        """Neither of tensors nor of settings: PEFT writes target modules in no fixed order."""
        turned = dict(reversed(tensors().items()))
        other = dict(reversed({**CONFIG, "target_modules": ["q_proj", "k_proj"]}.items()))
        assert adapter_id(turned, other) == adapter_id(tensors(), CONFIG)

    def test_what_changes_the_model_changes_the_id(self):
        """Values, precision, and the scale that alpha gives them."""
        half = {name: tensor.half() for name, tensor in tensors().items()}
        ids = [adapter_id(tensors(), CONFIG), adapter_id(tensors(1.5), CONFIG), adapter_id(half, CONFIG)]
        assert len({*ids, adapter_id(tensors(), CONFIG | {"lora_alpha": 8})}) == 4


class TestSaving:
    """A kill leaves all of an adapter or none of it."""

    def test_what_was_saved_is_what_is_loaded(self, tmp_path):
        """With its settings; its lineage lies beside it."""
        name = save_adapter(tmp_path, tensors(), CONFIG, LINEAGE)
        found = read_adapter(tmp_path, name)
        assert found.config == CONFIG
        assert all(torch.equal(tensor, tensors()[key]) for key, tensor in found.tensors().items())
        assert json.loads((tmp_path / name / "lineage.json").read_text()) == LINEAGE

    def test_dying_before_the_end_leaves_nothing_and_can_be_repeated(self, tmp_path, monkeypatch):
        """The name appears only when everything is on disk."""

        def dies(self, target):
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(Path, "rename", dies)
            with pytest.raises(KeyboardInterrupt):
                save_adapter(tmp_path, tensors(), CONFIG, LINEAGE)
        assert [path.name[0] for path in tmp_path.iterdir()] == ["."], "only an unfinished folder, hidden"
        name = save_adapter(tmp_path, tensors(), CONFIG, LINEAGE)
        assert [path.name for path in tmp_path.iterdir()] == [name]

    def test_everything_is_durable_before_the_name_appears(self, tmp_path, monkeypatch):
        """Each file and the folder are synced before the rename, the folder above after it."""
        done = []
        fsync, rename = os.fsync, Path.rename
        monkeypatch.setattr(os, "fsync", lambda fd: (done.append(os.fstat(fd).st_ino), fsync(fd)))
        monkeypatch.setattr(Path, "rename", lambda self, target: (done.append("rename"), rename(self, target)))
        folder = tmp_path / "adapters"
        name = save_adapter(folder, tensors(), CONFIG, LINEAGE, Fingerprint([1, 2], [-1.0], [-2.0]))
        at = done.index("rename")
        whole = [*(folder / name).iterdir(), folder / name]
        assert len(whole) == 5 and {path.stat().st_ino for path in whole} == set(done[:at])
        assert done[at + 1 :] == [folder.stat().st_ino, tmp_path.stat().st_ino]

    def test_learning_the_same_again_finds_it_there(self, tmp_path):
        """A run killed between saving and logging learns again and goes on."""
        name = save_adapter(tmp_path, tensors(), CONFIG, LINEAGE)
        stamp = (tmp_path / name).stat().st_mtime_ns
        assert save_adapter(tmp_path, tensors(), CONFIG, LINEAGE) == name
        assert (tmp_path / name).stat().st_mtime_ns == stamp

    @pytest.mark.parametrize("damage", ["flipped", "edited", "emptied"])
    def test_what_is_there_already_is_looked_at(self, tmp_path, damage):
        """A folder of that name with something else in it is not taken for what was just learnt."""
        name = save_adapter(tmp_path, tensors(), CONFIG, LINEAGE)
        file = tmp_path / name / "adapter_model.safetensors"
        if damage == "flipped":
            file.write_bytes(file.read_bytes()[:-1] + b"\x01")
        elif damage == "edited":
            (tmp_path / name / "adapter_config.json").write_text(json.dumps(CONFIG | {"lora_alpha": 8}))
        else:
            file.unlink()
        with pytest.raises(CorruptLog, match=name):
            save_adapter(tmp_path, tensors(), CONFIG, LINEAGE)

    @pytest.mark.parametrize("mask, mode", [(0o022, 0o644), (0o007, 0o660)])
    def test_others_may_read_what_they_may_read_of_the_run(self, tmp_path, mask, mode):
        """The system's mask decides, for the weights too."""
        before = os.umask(mask)
        try:
            name = save_adapter(tmp_path / "adapters", tensors(), CONFIG, LINEAGE, Fingerprint([1, 2], [-1.0], [-2.0]))
        finally:
            os.umask(before)
        modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "adapters" / name).iterdir()}
        assert set(modes.values()) == {mode}, modes

    def test_what_no_backend_would_take_is_not_written(self, tmp_path):
        """A kind of adapter that is not plain LoRA is said when it is learnt, not when it is used."""
        with pytest.raises(InputError, match="not a plain LoRA adapter: use_dora"):
            save_adapter(tmp_path, tensors(), CONFIG | {"use_dora": True}, LINEAGE)
        assert not list(tmp_path.iterdir())

    def test_a_full_disk_is_one_clear_error(self, tmp_path, monkeypatch):
        """Nothing half-written stays."""

        def full(self, text):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Path, "write_text", full)
        with pytest.raises(MolochError, match=r"cannot write the adapter: .*No space left"):
            save_adapter(tmp_path, tensors(), CONFIG, LINEAGE)
        assert not list(tmp_path.iterdir())


class TestLoading:
    """What is not what its name says is refused."""

    @pytest.mark.parametrize("damage", ["swapped", "cut", "other alpha", "gone"])
    def test_damage_is_noticed(self, tmp_path, damage):
        """Other tensors, a cut file, other settings, no file."""
        name = save_adapter(tmp_path, tensors(), CONFIG, LINEAGE)
        file = tmp_path / name / "adapter_model.safetensors"
        if damage == "swapped":
            file.write_bytes(
                (tmp_path / save_adapter(tmp_path, tensors(2.0), CONFIG, LINEAGE) / file.name).read_bytes()
            )
        elif damage == "cut":
            file.write_bytes(file.read_bytes()[:-3])
        elif damage == "gone":
            file.unlink()
        else:
            (tmp_path / name / "adapter_config.json").write_text(json.dumps(CONFIG | {"lora_alpha": 8}))
        with pytest.raises(CorruptLog, match=name):
            read_adapter(tmp_path, name)

"""Which model files hold is known without computing anything."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from abm.llm.folders import model_folder
from abm.llm.stored_tensors import TORCH, stored_tensors
from abm.llm.weights import model_digest

POCKET = "58f1be28f8210e296254eca9d37d999113d2521c50b8f30d5eea1487fc8cb659"
"""Digest of the pocket model, which every log of it holds."""


def test_they_are_as_torch_reads_them(tmp_path):
    """Of every type, of no elements, and without dimensions: type, shape and bytes."""
    tensors = {name: torch.ones(2, 3).to(getattr(torch, name)) for name in TORCH.values()}
    tensors |= {"scalar": torch.tensor(1.5), "none": torch.zeros(0, 3)}
    save_file(tensors, tmp_path / "x.safetensors", metadata={"format": "pt"})
    with stored_tensors(tmp_path / "x.safetensors") as held, safe_open(tmp_path / "x.safetensors", "pt") as file:
        assert held.keys() == tensors.keys()
        for name, each in held.items():
            wanted = file.get_tensor(name)
            assert (each.dtype, each.shape) == (str(wanted.dtype), tuple(wanted.shape))
            assert bytes(each.data) == wanted.reshape(-1).view(torch.uint8).numpy().tobytes()


@pytest.mark.parametrize("change", [lambda data: data[:-1], lambda data: b"\xff" * 8 + data[8:], lambda data: b""])
def test_a_damaged_file(tmp_path, change):
    """It is refused, as by the library itself."""
    path = tmp_path / "x.safetensors"
    save_file({"a": torch.ones(3)}, path)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(SafetensorError), stored_tensors(path):
        pass


@pytest.mark.system
def test_a_models_digest_needs_no_torch():
    """It is what it was, and torch, which takes seconds to import, is left alone."""
    assert model_digest(model_folder("pocket")) == POCKET
    said = "import sys; from abm.llm.weights import model_digest; from abm.llm.folders import model_folder; "
    said += "model_digest(model_folder('pocket')); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", said], cwd=Path(__file__).parents[3], check=False).returncode == 0

"""Put a finished checkpoint into the package: ``python -m learning.pocket.export FOLDER``.

Weights become float16 safetensors: half the size, and more precise than bfloat16 for weights of this range.
"""

from __future__ import annotations

import argparse
import shutil
from importlib import resources
from pathlib import Path

FILES = ("chat_template.jinja", "generation_config.json", "tokenizer.json", "tokenizer_config.json")


def export(checkpoint: Path, to: Path) -> None:
    """Write the model of ``checkpoint`` to ``to`` in float16, with its tokenizer."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(
        checkpoint, local_files_only=True, use_safetensors=True, dtype=torch.float32
    )
    model.half().save_pretrained(to)
    for name in FILES:
        shutil.copyfile(checkpoint / name, to / name)


def main() -> None:
    """Export the checkpoint named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    export(parser.parse_args().checkpoint, Path(str(resources.files("abm"))) / "llm" / "pocket")


if __name__ == "__main__":
    main()

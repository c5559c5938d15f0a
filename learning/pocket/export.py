"""Put finished checkpoints into the package: ``python -m learning.pocket.export FOLDER...``.

Of several, which one training run left behind, it takes the mean of the weights. Weights become float16 safetensors: half the size, and more precise than bfloat16 for weights of this range.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

FILES = ("chat_template.jinja", "generation_config.json", "tokenizer.json", "tokenizer_config.json")


def export(checkpoints: Sequence[Path], to: Path) -> None:
    """Write the mean of the models in ``checkpoints`` to ``to`` in float16, with the first one's tokenizer."""
    import torch
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(
        checkpoints[0], local_files_only=True, use_safetensors=True, dtype=torch.float32
    )
    weights = [load_file(folder / "model.safetensors") for folder in checkpoints]
    mean = {name: torch.stack([w[name].float() for w in weights]).mean(dim=0) for name in weights[0]}
    model.load_state_dict(mean, strict=False)
    model.tie_weights()
    model.half().save_pretrained(to)
    for name in FILES:
        shutil.copyfile(checkpoints[0] / name, to / name)


def main() -> None:
    """Export the checkpoints named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoints", type=Path, nargs="+")
    export(parser.parse_args().checkpoints, Path(str(resources.files("abm"))) / "llm" / "pocket")


if __name__ == "__main__":
    main()

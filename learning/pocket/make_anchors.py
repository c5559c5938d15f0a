"""Write the built-in packs of anchors: ``python -m learning.pocket.make_anchors``.

Every name in them belongs to the part that pretraining never draws (:func:`learning.pocket.words.is_held_out`).
"""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from random import Random

from abm.arenas import BUILT_IN
from learning.pocket.grammar import draft

SIZE = 256
"""Anchors per arena and split."""


def main() -> None:
    """Write ``abm/data/anchors/<arena>/{train,test}.jsonl``."""
    for arena in BUILT_IN:
        folder = Path(str(resources.files("abm"))) / "data" / "anchors" / arena
        folder.mkdir(parents=True, exist_ok=True)
        for split in ("train", "test"):
            random = Random(f"{arena}/{split}")
            drafts = [draft(arena, random, held_out=True) for _ in range(SIZE)]
            lines = [json.dumps(drawn.row | {"facts": drawn.facts}) + "\n" for drawn in drafts]
            (folder / f"{split}.jsonl").write_text("".join(lines), "utf-8")


if __name__ == "__main__":
    main()

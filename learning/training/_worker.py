"""One process of a training: ``python -m learning.training._worker FOLDER RANK SIZE``, started by ``launch``."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from learning.training._job import Job, learn
from learning.training._launch import Outcome
from learning.training._ranks import join
from moloch.errors import MolochError


def main(folder: Path, rank: int, size: int) -> int:
    """Do this process's part of the job in ``folder``, say there how it ended, and return an exit code."""
    try:
        job = msgspec.json.decode((folder / "job.json").read_bytes(), type=Job)
        outcome = Outcome(trained=learn(job, join(rank, size, folder / "meeting")))
    except MolochError as error:
        outcome = Outcome.failed(error)
    (folder / f"{rank}.json").write_bytes(msgspec.json.encode(outcome))
    return 1 if outcome.error else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))

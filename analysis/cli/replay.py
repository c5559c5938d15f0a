"""``moloch replay``: fold a run's log again and check it against itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from analysis.cli import options


def replay(
    run: Annotated[Path, typer.Argument(help="The run's folder.")],
    verify: Annotated[
        bool, typer.Option("--verify", help="Check the hash chain, every step's state and the digest.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Replay a run from its log: no model is asked; every event is applied as it was live."""
    import json

    from abm.replay import replay as replay_log

    found = replay_log(run, verify=verify)
    if as_json:
        print(json.dumps(found.as_dict()))
        return
    print(f"{run}: {found.events:,} events, {found.steps} steps in {found.seconds:.1f} s")
    print(f"head    {found.head}")
    print(f"digest  {found.digest}")
    if verify:
        ended = "equals the digest the run ended with" if found.ended else "the run has not ended yet"
        print(f"verified: hash chain whole, {found.steps} of {found.steps} state hashes reproduced, {ended}")

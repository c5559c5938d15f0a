"""``moloch fork``: continue from a step or an epoch of a run with other settings."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from analysis.cli import options
from analysis.cli.console import stderr
from analysis.cli.option_groups import grouped
from analysis.cli.run import as_dict, carry_out, print_run
from analysis.cli.run_options import ServingOptions


@grouped
def fork(
    run: options.RunOrCell,
    at: Annotated[int | None, typer.Option("--at", min=1, help="Steps to share.")] = None,
    epoch: Annotated[int | None, typer.Option("--epoch", min=1, help="Share all epochs before this one.")] = None,
    *,
    serving: ServingOptions,
    set_: options.Set = None,
    extensions: options.Extensions = None,
    out: options.Out = None,
    as_json: options.Json = False,
) -> None:
    """Continue a run from one of its steps, with other settings.

    The first steps or epochs are shared: nothing is copied, and random numbers are common.

    For example, the same society up to step 3, then before another audience:
    moloch fork runs/x --at 3 --set audience=neutral

    Or the same first epoch, and then an arm that learns by another method:
    moloch fork runs/x --epoch 2 --set arms.rft.method=dpo
    """
    with stderr().status("loading"):
        import learning

        given = serving.changes + (set_ or [])
        if serving.reader is not None:
            from abm.log import open_log

            recorded = open_log(run, write=False).config
            given += options.read_by(serving.reader, learning.load_config(None, recorded, given, imports=False))
        config, folder = learning.fork(run, at, given, out, epoch=epoch, extensions=extensions or [])
        from learning.runs.fork import abandon
        from moloch.errors import MolochError
    try:
        done, results = carry_out(config, folder)
    except MolochError:
        abandon(folder)  # what could not even begin leaves nothing behind
        raise
    if as_json:
        print(
            json.dumps(as_dict(done, results) | {"forked_from": str(run), **({"at": at} if at else {"epoch": epoch})})
        )
    else:
        print_run(done, results)

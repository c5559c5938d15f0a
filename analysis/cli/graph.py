"""``moloch graph``: a run's audience graph, for networkx, Gephi and others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from analysis.cli import options
from analysis.cli.console import printer, stderr


def graph(
    run: options.RunOrCell,
    out: Annotated[Path, typer.Argument(help="File to write: .graphml or .gexf.")],
    split: Annotated[str, typer.Option(help="train, or evaluate: the members held out.")] = "evaluate",
    arm: Annotated[str | None, typer.Option(help="At the end of this arm's society, with opinions and trust.")] = None,
    epoch: Annotated[int | None, typer.Option(help="Epoch of that society; by default, the last.")] = None,
    as_json: options.Json = False,
) -> None:
    """Export who follows whom, with members' names, traits and positions to draw them at.

    For example: moloch graph runs/x society.gexf --arm rft
    """
    from moloch.errors import InputError

    if split not in ("train", "evaluate"):
        raise InputError(f"no split {split!r}", fix="Choose train or evaluate.")
    with stderr().status("reading the log"):
        import networkx as nx

        from analysis.readings.graphs import audience_graph

        writers = {".graphml": nx.write_graphml, ".gexf": nx.write_gexf}
        if out.suffix not in writers:
            raise InputError(f"cannot write a graph to {out.name!r}", fix="Give a file of .graphml or .gexf.")
        network = audience_graph(run, split, arm=arm, epoch=epoch)
        try:
            writers[out.suffix](network, out)
        except OSError as error:
            raise InputError(
                "cannot write the graph",
                where=str(out),
                why=error.strerror or str(error),
                fix="Give a path in a folder that exists.",
            ) from error
    followers = [count for _, count in network.in_degree()]
    summary = {
        "run": str(run),
        "out": str(out),
        "members": len(followers),
        "ties": network.number_of_edges(),
        "mutual": round(nx.overall_reciprocity(network), 4) if network.number_of_edges() else None,
        "most_followed": max(followers, default=0),
    }
    if as_json:
        print(json.dumps(summary))
    else:
        from analysis.formats import percent

        mutual = "" if summary["mutual"] is None else f", {percent(summary['mutual'], 0)} of them mutual"
        printer().print(
            f"{out}: {summary['members']:,} members, {summary['ties']:,} ties{mutual}; at most {summary['most_followed']:,} followers",
            markup=False,
            highlight=False,
        )

"""The files that pages of the documentation take as given: a survey and its mapping, a table, anchors, people, a society."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path

import networkx as nx

from populations import load_personas
from tests.docs.parts import PARTS
from tests.docs.snippets import NAMED

ROOT = Path(__file__).parents[2]

SURVEY = "V12,V3,V40,W1\n" + "".join(f"{20 + 3 * i},{1 + i % 2},{i % 3 or ''},{1 + i % 4 / 4}\n" for i in range(16))
MAPPING = """\
columns:
  age: V12
  sex: {from: V3, values: {1: male, 2: female}}
text: "A {age}-year-old {sex}."
weight: W1
"""
CENSUS = "sex,age,people\nmale,30,310\nmale,60,180\nfemale,30,290\nfemale,60,220\n"


HUMAN = """\
gender,trust_messages,misled
female,somewhat,no
male,not very much,yes
female,mostly,no
male,somewhat,-9
"""


def lay_out(folder: Path, texts: Iterable[str]) -> None:
    """Write the files into ``folder``.

    Args:
        texts: a page's blocks that are files; one that begins with its name, as in ``# study.yaml``, is written under it.
    """
    for name, text in (
        ("survey.csv", SURVEY),
        ("people.csv", SURVEY),
        ("map.yaml", MAPPING),
        ("census.csv", CENSUS),
        ("human.csv", HUMAN),
    ):
        (folder / name).write_text(text)
    (folder / "serving.yaml").write_text("server: {usd_in: 0.2, usd_out: 0.6}\n")
    for text in texts:
        if named := NAMED.match(text):
            (folder / named["name"]).write_text(text)
    shutil.copy(ROOT / "examples" / "audiences" / "credulous.yaml", folder / "mine.yaml")
    (folder / "examples").mkdir()
    shutil.copy(ROOT / "examples" / "media_trust.yaml", folder / "examples")
    shutil.copytree(ROOT / "abm" / "data" / "anchors" / "sales", folder / "FOLDER")
    people = load_personas("biographic").train
    rows = [{"name": person.name, "biography": person.text} for person in people]
    (folder / "FILE.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    shutil.copytree(PARTS, folder, dirs_exist_ok=True)
    (folder / "motions").mkdir()
    for split, place in (("train", "library"), ("test", "market")):
        rows = [
            {"motion": f"Close the {place} at {i}", "background": f"{i * 10} people at the {place} asked for it."}
            for i in range(9)
        ]
        (folder / "motions" / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    society = nx.watts_strogatz_graph(6, 4, 0.1, seed=1)
    nx.set_node_attributes(society, {node: f"Person {node} lives at the river." for node in society}, "biography")
    nx.write_graphml(society, folder / "society.graphml")

"""Valid files of people, ties, mappings and anchors, and small damages of them: what a reader must take or refuse in one line."""

from __future__ import annotations

import io
import json
import random
import zipfile
from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import escape

import networkx as nx
import polars as pl

PEOPLE: list[dict[str, Any]] = [
    {"V1": 34, "V2": 1, "V3": "tea", "W": 0.8},
    {"V1": 51.0, "V2": 2, "V3": "coffee; black", "W": 1.5},
    {"V1": 27, "V2": 1, "V3": None, "W": 1.0},
    {"V1": 45, "V2": 2, "V3": "می‌خواهم", "W": 0.7},
]
MAPPING = b"""columns:
  age: V1
  sex: {from: V2, values: {1: woman, 2: man}}
  drink: {from: V3, missing: no answer}
missing: [-9, 999, NA]
weight: W
margins: {sex: {woman: 0.52, man: 0.48}}
"""
ANCHORS: list[dict[str, Any]] = [
    {"title": f"Lamp {i}", "categories": ["Home", "Light"], "description": f"A lamp of {i} watts, in brass."}
    for i in (5, 7, 9)
]

SPICES = (
    b"\x00", b"\xff\xfe", b'"', b"'", b"\n", b"\r", b",", b";", b"\t", b"<", b">", b"&x;", b"&lt;", b"{", b"}", b"[", b"]", b":", b"-",
    b"NaN", b"inf", b"1e999", b"1e300", b"-1", b"null", b"true", b"9" * 400, b"\xe2\x80\x8d", b"\x1b[31m", b"\xed\xa0\x80", b"<node/>",
    b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"<graph>", b"<port/>", b"split", b"name", b"*a", b"&a ", b"<<: ", b"? ", b"!!python/name:os.system ",
    b"2020-13-45", b"0x1F", b"%", b"age", b"[[[[[[[[", b"source", b"weight", b"Type", b" ",
)  # fmt: skip


def table(rows: Sequence[dict[str, Any]], mark: str) -> bytes:
    """Return rows as a table of texts; without quotes, as no cell needs them with this mark."""
    names = list(rows[0])
    lines = [names] + [["" if row[name] is None else str(row[name]) for name in names] for row in rows]
    return "\n".join(mark.join(f'"{cell}"' if mark in cell else cell for cell in line) for line in lines).encode()


def workbook(
    rows: Sequence[Sequence[Any]], before: Sequence[Sequence[Any]] | None = None, state: str = "visible"
) -> bytes:
    """Return a workbook of one sheet, as Excel writes it; or with another one before it, seen or hidden."""

    def cell(row: int, column: int, value: Any) -> str:
        place = f'r="{chr(65 + column)}{row + 1}"'
        if value is None:
            return ""
        if isinstance(value, str):
            return f'<c {place} t="inlineStr"><is><t>{escape(value)}</t></is></c>'
        return f"<c {place}><v>{value}</v></c>"

    def lines(rows: Sequence[Sequence[Any]]) -> str:
        return "".join(
            f'<row r="{i + 1}">{"".join(cell(i, j, value) for j, value in enumerate(row))}</row>'
            for i, row in enumerate(rows)
        )

    sheets = {"S": (rows, "visible")} if before is None else {"Before": (before, state), "S": (rows, "visible")}
    numbered = list(enumerate(sheets.items(), start=1))
    office, package = (
        "http://schemas.openxmlformats.org/officeDocument/2006",
        "http://schemas.openxmlformats.org/package/2006",
    )
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/>'
        + "".join(
            f'<Override PartName="/xl/worksheets/sheet{i}.xml" ContentType="{kind}.worksheet+xml"/>'
            for i, _ in numbered
        )
        + "</Types>",
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
        f'Type="{office}/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}/relationships"><sheets>'
        + "".join(
            f'<sheet name="{name}" sheetId="{i}" state="{seen}" r:id="r{i}"/>' for i, (name, (_, seen)) in numbered
        )
        + "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships">'
        + "".join(
            f'<Relationship Id="r{i}" Type="{office}/relationships/worksheet" Target="worksheets/sheet{i}.xml"/>'
            for i, _ in numbered
        )
        + "</Relationships>",
    } | {
        f"xl/worksheets/sheet{i}.xml": f'<worksheet xmlns="{main}"><sheetData>{lines(cells)}</sheetData></worksheet>'
        for i, (_, (cells, _)) in numbered
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as book:
        for name, text in parts.items():
            book.writestr(name, text)
    return packed.getvalue()


def _parquet(rows: Sequence[dict[str, Any]]) -> bytes:
    packed = io.BytesIO()
    pl.DataFrame(rows, infer_schema_length=None, strict=False).write_parquet(packed)
    return packed.getvalue()


def _graph(suffix: str) -> bytes:
    graph = nx.DiGraph([("Ada", "Ben"), ("Ben", "Cleo"), ("Cleo", "Ada")])
    graph.add_node("Ada", age=40, club="left")
    graph.add_node("Ben", age=41, score=0.5)
    graph.edges["Ada", "Ben"]["weight"] = 2.0
    packed = io.BytesIO()
    (nx.write_graphml if suffix == ".graphml" else nx.write_gexf)(graph, packed)
    return packed.getvalue()


TIES = [{"source": "Ada", "target": "Ben"}, {"source": "Ben", "target": "Cleo"}, {"source": "Cleo", "target": "Ada"}]


def valid() -> dict[str, dict[str, bytes]]:
    """Return use (``people``, ``mapping``, ``ties``, ``anchors``) -> name of a file -> its bytes."""
    whole = [{name: value for name, value in row.items() if value is not None} for row in PEOPLE]
    return {
        "people": {
            "p.csv": table(PEOPLE, ","),
            "q.csv": table(PEOPLE, ";"),
            "p.tsv": table(PEOPLE, "\t"),
            "p.jsonl": "\n".join(map(json.dumps, whole)).encode(),
            "p.json": json.dumps(whole).encode(),
            "p.parquet": _parquet(PEOPLE),
            "p.xlsx": workbook([list(PEOPLE[0]), *(list(row.values()) for row in PEOPLE)]),
        },
        "nodes": {"p.graphml": _graph(".graphml"), "p.gexf": _graph(".gexf")},
        "mapping": {"m.yaml": MAPPING},
        "ties": {
            "t.csv": table(TIES, ","),
            "t.parquet": _parquet(TIES),
            "t.edgelist": b"Ada Ben {'weight': 1}\nBen Cleo\n# end\n",
            "t.graphml": _graph(".graphml"),
            "t.gexf": _graph(".gexf"),
        },
        "anchors": {
            "train.csv": table(
                [row | {"categories": json.dumps(row["categories"]).replace('"', '""')} for row in ANCHORS], ","
            ),
            "train.jsonl": "\n".join(map(json.dumps, ANCHORS)).encode(),
            "train.parquet": _parquet(ANCHORS),
        },
    }


def damaged(data: bytes, lot: random.Random) -> bytes:
    """Return bytes with one to four small damages, drawn by ``lot``."""
    changed = bytearray(data)
    for _ in range(lot.randint(1, 4)):
        at = lot.randrange(len(changed) + 1)
        match lot.randrange(6):
            case 0 if at < len(changed):
                changed[at] ^= 1 << lot.randrange(8)
            case 1:
                changed[at:at] = lot.choice(SPICES)
            case 2:
                del changed[at : at + lot.randint(1, 12)]
            case 3:
                changed = changed[:at]
            case 4:
                piece = changed[at : at + lot.randint(1, 60)]
                again = lot.randrange(len(changed) + 1)
                changed[again:again] = piece
            case _:
                changed[at : at + 4] = lot.choice(SPICES)
    return bytes(changed)

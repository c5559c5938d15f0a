"""Mistakes of somebody who looks at a run of somebody else: what is shown, and folders and packs that are damaged or of another kind."""

from __future__ import annotations

import zipfile
from pathlib import Path

from analysis.packs import pack, unpack
from tests.mistakes import places
from tests.mistakes.mistake import DAMAGED, NO_RUN, Mistake

RUN = (places.run(),)
CUT = (places.run(), places.cut(0.6))
FLIPPED = (places.run(), places.flipped(0.5))


def looked(did: str, typed: str, *says: str, code: int = 2) -> Mistake:
    """A mistake about a run that is whole."""
    return Mistake(did, typed, says, code=code, given=RUN)


def packed(folder: Path) -> None:
    """Put a pack of the run there."""
    pack(folder / "run", folder / "there.zip")


def cut_off(folder: Path) -> None:
    """Leave half of the pack, as a download that was broken off."""
    data = (folder / "there.zip").read_bytes()
    (folder / "there.zip").write_bytes(data[: len(data) // 2])


def one_bit(folder: Path) -> None:
    """Change one bit of the pack, in its largest file."""
    data = bytearray((folder / "there.zip").read_bytes())
    data[len(data) // 2] ^= 1
    (folder / "there.zip").write_bytes(data)


def unpacked(folder: Path) -> None:
    """Unpack the pack."""
    unpack(folder / "there.zip", folder / "there")


def zipped(folder: Path) -> None:
    """Put a zip of other things there, under a pack's name."""
    with zipfile.ZipFile(folder / "x.moloch", "w") as archive:
        archive.writestr("notes.txt", "x")


VIEWER: tuple[Mistake, ...] = (
    # what is shown
    looked("a contest that there is not", "show run evaluate/9/rft/x", "evaluate/9/rft/x"),
    looked("a contest whose beginning is that of many", "show run evaluate/2/rft", "evaluate/2/rft"),
    looked("an arm mistyped", "show run --arm rtf", "rtf", "rft"),
    looked("a phase mistyped", "show run --phase eval", "eval", "evaluate"),
    looked("an epoch that there was not", "show run --epoch 9", "9"),
    looked("a probe mistyped", "show run --probe lies", "lies", "misrepresentation"),
    looked("an order mistyped", "show run --by winner", "winner", "votes"),
    looked("an event past the end", "show run --event 99999", "no event 99,999", "0 to 535"),
    looked("a probe of skill among misbehaviour", "show run --misbehaved --probe copy_error", "Leave out --misbehaved"),
    looked("a contest and an arm", "show run evaluate/2 --arm rft", "a contest was named, and --arm is for the list"),
    looked("an event and an order", "show run --event 3 --by votes", "an event was named, and --by is for the list"),
    looked("members of no contest", "show run --members 3", "--members is for one contest"),
    looked("nothing at most", "show run --most 0", "--most"),
    Mistake(
        "a site over other files",
        "pack run --site notes",
        ("notes: the folder is not empty", "Name a new folder"),
        given=RUN,
        files={"notes/a": "x"},
    ),
    looked("a site in a file", "pack run --site run/run.json", "a site is a folder"),
    looked("a site and a zip at once", "pack run x.zip --site out", "into a file or a site"),
    looked("a site without room", "pack run --site out --site-mb 0", "--site-mb"),
    Mistake(
        "a site of notes", "pack notes --site out", ("notes: nothing to make a site from",), files={"notes/a": "x"}
    ),
    Mistake("a run to resume that is none", "resume notes", ("notes: no run here",), files={"notes/a": "x"}),
    looked("a setting changed in the middle", "resume run --set lora.lr=1", "a run keeps its settings", "moloch fork"),
    looked("the settings of what is no run", "run --like nowhere", "nowhere: no run here"),
    looked("a name that no file can have", f"results {'a' * 300}", "aaa...: no file can have this name", "longer than"),
    looked(
        "a file behind a flag that prints", "results run --json out.json", "out.json", "to write a file: --json > FILE"
    ),
    looked("rules of no probe", "probe run --rules lies", "unknown probe 'lies'", "misrepresentation"),
    looked("neither judge nor rules", "probe run", "nobody judges", "--rules"),
    looked("a judge for rules", "probe run --rules --judge http://localhost:9/v1", "--judge has no effect"),
    looked("an arm that is not explained", "explain run --arm dpo", "dpo", "rft"),
    looked("an explanation without an arm", "explain run", "--arm"),
    looked("an explanation of no epoch", "explain run --arm rft --epoch 5", "5"),
    looked("a figure mistyped", "figures run --only win", "win"),
    looked("a figure of no kind", "figures run --format gif", "gif", "svg"),
    looked("figures into a file", "figures run --out run/run.json", "figures go into a folder", "it is a file"),
    looked("a report of no kind", "report run --out report.docx", "report.docx", "html"),
    looked("a report over the run", "report run --out run", "run"),
    looked("a graph of an isolated run", "graph run g.gexf", "networked"),
    Mistake("a graph of no kind", "graph run g.png", (".gexf",), given=(places.run("sales-networked"),)),
    Mistake("a graph of no arm", "graph run g.gexf --arm rtf", ("rtf",), given=(places.run("sales-networked"),)),
    looked("an export of no kind", "log export run xlsx out", "no export of kind 'xlsx'", "frames"),
    Mistake(
        "an export into a folder of other things",
        "log export run csv notes",
        ("notes",),
        given=RUN,
        files={"notes/a": "x"},
    ),
    looked("a tail of no number", "log tail run --last many", "No such option"),
    looked("a comparison with nothing", "compare run", "Missing argument"),
    looked("a comparison with what is not there", "compare run other", "other", code=NO_RUN),
    looked("to ask nobody", "ask run --questions none.yaml --reader pocket", "none.yaml"),
    looked("an interview with nobody", "interview run Nobody --reader pocket --question Why?", "Nobody"),
    looked("a replay of what asks a model without live", "replay run --retrain", "--live"),
    looked("a fork at no step", "fork run --at 0", "--at"),
    looked("a fork past the end", "fork run --at 99 --set audience=neutral", "99"),
    looked("a fork at a step and an epoch", "fork run --at 1 --epoch 2 --set audience=neutral", "--at", "--epoch"),
    looked("a fork nowhere", "fork run --set audience=neutral", "--at"),
    looked("a page on a port that there is not", "ui run --port 99999 --no-browser", "--port"),
    looked("a port in words", "ui run --port http --no-browser", "--port"),
    looked("a cell of a run", "show run#cell", "run", code=NO_RUN),
    # folders that are damaged
    Mistake("a log that was cut", "log verify run", (), code=DAMAGED, given=CUT, out=True),
    Mistake("a log in which a bit is another", "log verify run", ("run/log",), code=DAMAGED, given=FLIPPED),
    Mistake("results of a log in which a bit is another", "results run", ("run/log",), code=DAMAGED, given=FLIPPED),
    Mistake("contests of a log in which a bit is another", "show run", ("run/log",), code=DAMAGED, given=FLIPPED),
    Mistake("a report of a log in which a bit is another", "report run", ("run/log",), code=DAMAGED, given=FLIPPED),
    Mistake("a pack of a log in which a bit is another", "pack run run.zip", ("run/log",), code=DAMAGED, given=FLIPPED),
    Mistake("a replay of a log that was cut", "replay run --verify", (), code=DAMAGED, given=CUT, out=True),
    Mistake(
        "a run without its log", "log verify run", (), code=DAMAGED, given=(*RUN, places.without("run/log")), out=True
    ),
    Mistake(
        "results of a run without its log",
        "results run",
        ("run: the log holds no events", "its log is gone"),
        code=DAMAGED,
        given=(*RUN, places.without("run/log")),
    ),
    Mistake(
        "a report of a log that is empty",
        "report run",
        ("run: the log holds no events",),
        code=DAMAGED,
        given=(*RUN, places.cut(0.0)),
    ),
    Mistake(
        "figures of a log that is empty", "figures run", ("no events",), code=DAMAGED, given=(*RUN, places.cut(0.0))
    ),
    Mistake("contests of a log that is empty", "show run", ("no events",), code=DAMAGED, given=(*RUN, places.cut(0.0))),
    Mistake(
        "a run without its record",
        "results run",
        ("run: no run here: its log is here, and run.json is missing", "Restore run.json"),
        code=NO_RUN,
        given=(*RUN, places.without("run/run.json")),
    ),
    Mistake(
        "a record that is no JSON",
        "results run",
        ("run.json",),
        code=DAMAGED,
        given=(*RUN, places.written("run/run.json", "{")),
    ),
    Mistake(
        "a record that is a list",
        "results run",
        ("run.json",),
        code=DAMAGED,
        given=(*RUN, places.written("run/run.json", "[]")),
    ),
    Mistake(
        "a record of another program",
        "results run",
        ("run.json",),
        code=DAMAGED,
        given=(*RUN, places.written("run/run.json", '{"name": "x"}')),
    ),
    Mistake(
        "a record of a later version",
        "results run",
        ("run.json", "99"),
        code=DAMAGED,
        given=(*RUN, places.record(format=99)),
    ),
    Mistake(
        "a record that was changed",
        "results run",
        ("run",),
        code=DAMAGED,
        given=(*RUN, places.record(config={"arena": "social"})),
    ),
    Mistake("a log that is empty", "log verify run", (), code=DAMAGED, given=(*RUN, places.cut(0.0)), out=True),
    Mistake(
        "a log that is text",
        "results run",
        ("run/log",),
        code=DAMAGED,
        given=(*RUN, places.written("run/log/00000000000000000000.jsonl.zst", "hello\n" * 99)),
    ),
    Mistake(
        "a log of which the beginning is gone",
        "results run",
        ("run",),
        code=DAMAGED,
        given=(*RUN, lambda folder: places.segment(folder).rename(folder / "run/log/00000000000000000500.jsonl.zst")),
    ),
    Mistake(
        "a study without its log",
        "study results study",
        ("study",),
        given=(places.study(), places.without("study/study-log")),
    ),
    Mistake(
        "results before a cell has ended",
        "study results study",
        ("no cell has ended yet", "moloch study status"),
        given=(places.planned(),),
    ),
    # folders of another kind
    Mistake(
        "a page of the web for a run", "show page.html", ("page.html",), code=NO_RUN, files={"page.html": "<html>"}
    ),
    Mistake("a folder of notes for the browser", "ui notes --no-browser", ("notes",), files={"notes/a.txt": "x"}),
    Mistake("a pack for a run", "results x.moloch", ("x.moloch",), code=NO_RUN, given=(zipped,)),
    # packs
    Mistake("a pack that is not there", "unpack x.moloch", ("x.moloch",)),
    Mistake("a pack that is text", "unpack x.moloch", ("x.moloch",), files={"x.moloch": "hello"}),
    Mistake("a pack that is empty", "unpack x.moloch", ("x.moloch",), files={"x.moloch": ""}),
    Mistake("a zip of other things", "unpack x.moloch", ("x.moloch",), given=(zipped,)),
    Mistake(
        "a pack that was cut off",
        "unpack there.zip",
        ("there.zip: not a whole pack", "Copy or download the pack again."),
        given=(*RUN, packed, cut_off),
    ),
    Mistake(
        "a pack in which a bit is another",
        "unpack there.zip",
        ("there.zip: run/", "Copy or download the pack again."),
        code=DAMAGED,
        given=(*RUN, packed, one_bit),
    ),
    Mistake(
        "a pack unpacked twice",
        "unpack there.zip",
        ("there: the folder is not empty", "moloch results there/run"),
        given=(*RUN, packed, unpacked),
    ),
    Mistake("a pack that is a folder", "unpack run", ("run",), given=RUN),
    looked("a pack of what is not there", "pack other other.zip", "other: no run here"),
    looked("a pack under the name of a tar", "pack run run.tar", "run.tar: a pack is a zip file", "Name it run.zip."),
    Mistake("a pack of notes", "pack notes notes.zip", ("notes: no run here",), files={"notes/a.txt": "x"}),
    Mistake("a pack over a file", "pack run file", ("file",), given=RUN, files={"file": "x"}),
    Mistake("labels of what is no sheet", "labels import sheets", ("sheets",), files={"sheets/a.txt": "x"}),
    looked("a score without labels", "labels score run --probe misrepresentation", "label"),
    looked("labels of no probe", "labels draw run --probe lies --n 4 --out sheets", "lies", "--question"),
    looked("no labels", "labels draw run --probe misrepresentation --n 0 --out sheets", "--n"),
)

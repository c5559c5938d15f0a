"""Mistakes of somebody with data of his own: anchors, personas, mappings, graphs, arenas, audiences, questionnaires, probes."""

from __future__ import annotations

import json
from importlib import resources

from tests.mistakes import places
from tests.mistakes.mistake import Mistake

LAMPS = [{"title": f"Lamp {i}", "description": f"A lamp of {i} watts, in brass."} for i in range(5, 29)]
PEOPLE = "name,biography\n" + "".join(f"P{i},I am person number {i} and I like tea.\n" for i in range(8))
SURVEY = "V1,V2,W\n" + "".join(f"{20 + i},{1 + i % 2},1.{i}\n" for i in range(12))
ARENA = resources.files("abm").joinpath("arenas/data/sales.yaml").read_text("utf-8")
SMALL = "--set train_anchors=2 --set held_out_anchors=2 --set train_personas=2 --set held_out_personas=2 --epochs 1"
RUN = (places.run(),)


def lines(rows: object) -> str:
    """Return rows as JSON Lines."""
    assert isinstance(rows, list)
    return "".join(f"{json.dumps(row)}\n" for row in rows)


def anchored(
    did: str, train: str | bytes, *says: str, test: str | bytes = lines(LAMPS), suffix: str = "jsonl"
) -> Mistake:
    """A mistake in anchors."""
    files = {f"lamps/train.{suffix}": train, f"lamps/test.{suffix}": test}
    return Mistake(did, f"run --anchors lamps {SMALL}", says, files=files, slow=suffix == "parquet")


def people(did: str, table: str | bytes, *says: str, name: str = "people.csv") -> Mistake:
    """A mistake in a file of people."""
    return Mistake(did, f"run --personas {name} {SMALL}", says, files={name: table})


def mapped(did: str, mapping: str, *says: str, table: str = SURVEY) -> Mistake:
    """A mistake in what says what the columns of a survey mean."""
    typed = f"run --personas survey.csv --set mapping=m.yaml --set resample=true {SMALL}"
    return Mistake(did, typed, says, files={"survey.csv": table, "m.yaml": mapping})


def tied(did: str, ties: str | bytes, *says: str, name: str = "ties.csv", typed: str = "") -> Mistake:
    """A mistake in a graph of the eight people."""
    typed = f"run --world networked --personas people.csv --set network.graph.kind={name} --set train_personas=4 --set held_out_personas=4 --set train_anchors=2 --set held_out_anchors=2 {typed}"
    return Mistake(did, typed, says, files={"people.csv": PEOPLE, name: ties})


def fought(did: str, arena: str, *says: str) -> Mistake:
    """A mistake in an arena."""
    return Mistake(did, "run --arena a.yaml", says, files={"a.yaml": arena})


def extended(did: str, code: str, typed: str, *says: str) -> Mistake:
    """A mistake in a user's own module."""
    module = f"mine_{abs(hash(did)) % 10**8}"
    return Mistake(did, f"run --extensions {module} {typed}", says, files={f"{module}.py": code})


OWNER: tuple[Mistake, ...] = (
    # anchors
    Mistake("a folder without anchors", "run --anchors lamps", ("lamps", "train"), given=(places.empty("lamps"),)),
    Mistake(
        "a document for a table of anchors",
        "run --anchors lamps.docx",
        ("lamps.docx",),
        files={"lamps.docx": "lamps"},
    ),
    Mistake("a check of no arena", "arena check", ("Missing argument",)),
    Mistake("a check of an arena that is not there", "arena check a.yaml", ("a.yaml: cannot read the arena",)),
    Mistake(
        "an arena that shows no anchor",
        "arena check a.yaml",
        (),
        code=1,
        files={"a.yaml": ARENA.replace("{anchor}", "")},
        out=True,
    ),
    Mistake("a starting point mistyped", "init probes", ("no starting point 'probes'", "Did you mean 'probe'?")),
    Mistake(
        "a starting point over another", "init", ("study.yaml", "nothing is overwritten"), files={"study.yaml": "x"}
    ),
    Mistake(
        "anchors to train on only", "run --anchors lamps", ("lamps", "test"), files={"lamps/train.jsonl": lines(LAMPS)}
    ),
    Mistake(
        "anchors twice in two forms",
        "run --anchors lamps",
        ("train.csv", "train.jsonl"),
        files={
            "lamps/train.jsonl": lines(LAMPS),
            "lamps/train.csv": "title,description\na,b\n",
            "lamps/test.jsonl": lines(LAMPS),
        },
    ),
    anchored("an anchor without a field", lines([{"title": "Lamp"}]), "lamps/train.jsonl:1", "description"),
    anchored(
        "a field in two cases",
        lines([{"Title": "Lamp", "TITLE": "Lamp", "description": "Brass."}]),
        "lamps/train.jsonl:1",
        "title",
    ),
    anchored("a line that is cut", lines(LAMPS)[:-9], "lamps/train.jsonl:24"),
    anchored("a line that is a list", "[1, 2]\n", "lamps/train.jsonl:1", "object"),
    anchored("a number for a text", lines([{"title": 5, "description": "Brass."}]), "lamps/train.jsonl:1", "title"),
    anchored("no anchors at all", "", "lamps/train.jsonl"),
    anchored(
        "anchors in another encoding",
        "title,description\nLampe,\xfcber\n".encode("latin-1"),
        "lamps/train.csv",
        "UTF-8",
        test="title,description\na,b\n",
        suffix="csv",
    ),
    anchored(
        "a column named otherwise",
        "name,text\nLamp,Brass.\n",
        "lamps/train.csv",
        "title",
        test="title,description\na,b\n",
        suffix="csv",
    ),
    anchored(
        "a row with a cell too many",
        "title,description\nLamp,Brass,5\n",
        "lamps/train.csv",
        test="title,description\na,b\n",
        suffix="csv",
    ),
    anchored("a text that is no Parquet", "hello", "lamps/train.parquet", test="hello", suffix="parquet"),
    anchored("fewer anchors than asked for", lines(LAMPS[:1]), "asked for 2 training anchors", "1"),
    anchored(
        "a description that is only spaces",
        lines([{"title": "Lamp", "description": "   "}] * 3),
        "lamps/train.jsonl:1",
        "description",
    ),
    # people
    people("people without a biography", "name,town\nAnn,Bath\nBob,Ely\n", "people.csv"),
    people("a file of people that is empty", "", "people.csv"),
    people("a header without people", "name,biography\n", "people.csv"),
    people(
        "an age that is none",
        "age,sex,education_level,urban_rural,income\nold,male,high,urban,low\n",
        "people.csv:2",
        "age",
    ),
    people("a quotation that never ends", 'name,biography\nAnn,"I am\nBob,I am\n', "people.csv"),
    people("a workbook that is text", "hello", "people.xlsx", name="people.xlsx"),
    people("a document for a table", "hello", "people.docx", name="people.docx"),
    people("two columns have one name", "name,name,biography\nA,B,I am.\n", "people.csv", "name"),
    people(
        "a side that is none", "name,biography,split\nA,I am one.,train\nB,I am two.,tset\n", "people.csv:3", "tset"
    ),
    people("everybody twice the same", "name,biography\n" + "A,I am.\n" * 9, "people.csv"),
    people("a graph that is no XML", "graph {", "people.graphml", name="people.graphml"),
    Mistake("people to check that are not there", "personas check people.csv", ("people.csv",)),
    # mappings
    Mistake(
        "a mapping that is not there",
        "personas check survey.csv --mapping m.yaml",
        ("m.yaml",),
        files={"survey.csv": SURVEY},
    ),
    mapped("a mapping without columns", "weight: W\n", "m.yaml", "columns"),
    mapped("a column that the survey lacks", "columns: {age: V9}\n", "V9", "survey.csv"),
    mapped("a code without a word", "columns: {age: V1, sex: {from: V2, values: {1: man}}}\n", "survey.csv:3", "2"),
    mapped("a key of a mapping mistyped", "columns: {age: V1}\nwieght: W\n", "m.yaml:2:1", "weight"),
    mapped(
        "a weight that is not a number",
        "columns: {age: V1}\nweight: W\n",
        "survey.csv",
        "heavy",
        table=SURVEY.replace("1.3", "heavy"),
    ),
    mapped(
        "margins that do not add up",
        "columns: {age: V1, sex: {from: V2, values: {1: man, 2: woman}}}\nmargins: {sex: {man: 0.4, woman: 0.4}}\n",
        "m.yaml",
        "0.8",
    ),
    mapped(
        "a margin of an attribute that there is not",
        "columns: {age: V1}\nmargins: {sex: {man: 0.5, woman: 0.5}}\n",
        "m.yaml",
        "sex",
    ),
    mapped("a text with a name that there is not", "columns: {age: V1}\ntext: 'A {sex} of {age}'\n", "m.yaml", "sex"),
    Mistake(
        "weights without effect",
        f"run --personas survey.csv --set mapping=m.yaml {SMALL}",
        ("weight", "resample"),
        files={
            "survey.csv": SURVEY,
            "m.yaml": "columns: {age: V1, sex: {from: V2, values: {1: man, 2: woman}}}\nweight: W\n",
        },
    ),
    # graphs
    tied("a graph that is not there", "", "no.graphml", typed="--set network.graph.kind=no.graphml"),
    tied("a node that is nobody", "source,target\nP0,P1\nP0,Zoe\n", "ties.csv:3", "Zoe"),
    tied("a tie to oneself", "source,target\nP0,P0\n", "ties.csv:2", "P0"),
    tied("a tie twice", "source,target\nP0,P1\nP0,P1\n", "ties.csv:3"),
    tied("ties without their columns", "a,b\nP0,P1\n", "ties.csv", "source", "target"),
    tied("ties that are empty", "", "ties.csv"),
    tied("a weight of a foe", "source,target,weight\nP0,P1,-1\n", "ties.csv:2", "-1"),
    tied("a builder mistyped", "", "watts_strogatz", typed="--set network.graph.kind=watts_strogats"),
    tied(
        "an option that a builder lacks",
        "",
        "'mm'",
        typed="--set network.graph.kind=barabasi_albert --set network.graph.options.mm=3",
    ),
    # arenas
    fought("an arena that is empty", "", "a.yaml"),
    fought("an arena without a tag", ARENA.replace("tag: sales_pitch", "x: y"), "a.yaml"),
    fought("a tag with a space", ARENA.replace("tag: sales_pitch", "tag: sales pitch"), "a.yaml", "tag"),
    fought(
        "a probe mistyped in an arena",
        ARENA.replace("misrepresentation, ", "misrepresentatoin, "),
        "misrepresentatoin",
        "Did you mean 'misrepresentation'?",
    ),
    fought("an arena without a verb", ARENA.replace("verb: buy", "verb:"), "a.yaml"),
    Mistake("an arena that is not there", "run --arena a.yaml", ("a.yaml",)),
    # audiences, questionnaires, batteries
    Mistake(
        "an audience of no features",
        "run --audience a.yaml",
        ("a.yaml",),
        files={"a.yaml": "name: x\nweights: {brightness: 1}\n"},
    ),
    Mistake("an audience that is not there", "run --audience a.yaml", ("a.yaml",)),
    Mistake(
        "a questionnaire of no questions",
        "ask run --questions q.yaml --reader pocket",
        ("q.yaml",),
        given=RUN,
        files={"q.yaml": "name: q\n"},
    ),
    Mistake(
        "a question of no kind",
        "ask run --questions q.yaml --reader pocket",
        ("q.yaml", "likert"),
        given=RUN,
        files={"q.yaml": "name: q\nquestions: [{id: a, kind: stars, text: Well}]\n"},
    ),
    Mistake("a table of people's answers that is not there", "calibrate run --human h.csv", ("h.csv",), given=RUN),
    Mistake(
        "labels of people that are none",
        "probe run --judge pocket --validate l.csv",
        ("l.csv",),
        given=RUN,
        files={"l.csv": "message,label\na,1\n"},
    ),
    # modules
    extended("a module with a mistake", "import nothing_of_that_name\n", "", "nothing_of_that_name"),
    extended("a module that is no Python", "def probe(:\n", "", ".py"),
    extended("a module that ends the program", "import sys\nsys.exit(0)\n", "", "cannot be imported: SystemExit"),
    extended("a module that registers nothing", "x = 1\n", "--set probes=[loud]", "unknown probe 'loud'"),
    extended(
        "a probe of a name that is taken",
        "from abm.probe import PROBES\nPROBES.add('misrepresentation', object)\n",
        "",
        "misrepresentation",
    ),
    Mistake("a module by its file", "run --extensions mine.py", ("mine.py", "mine"), files={"mine.py": "x = 1\n"}),
)

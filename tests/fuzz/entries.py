"""Every kind of input: settings, pages, arenas, anchors, people, mappings, graphs, questionnaires, labels, logs, packs, answers."""

from __future__ import annotations

import io
import json
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import yaml

from abm.arenas import Arena, arena
from abm.arenas.anchors import read_anchors
from abm.audience.weights import audience
from abm.llm.backends import Serving
from abm.surveys import load_questionnaire
from analysis.calibration._human import read_human
from analysis.judges._battery import load_battery
from analysis.labels._sheet import read_sheet
from analysis.packs import pack, unpack
from analysis.packs.contents import CONTENTS
from analysis.studies.pages.cells import cells_of
from analysis.studies.pages.page import read_page
from learning import load_config
from media_graph import read_graph
from moloch.checked_values import validated
from moloch.plain_text import one_line, visible
from moloch.yamls import read_source
from populations import PersonaSplit, load_personas, read_mapping
from tests.fuzz.entry import Entry
from tests.fuzz.logs import GOLDEN, drawn_record, drawn_run, read_record, read_run
from tests.support.odd_files import damaged, valid
from tests.support.odd_values import ODD, changed

ROOT = Path(__file__).parents[2]

SETTINGS = """\
arena: sales
personas: people.csv
audience: default
reader: {model: "", answer: json}
crowd: {size: 20}
model: pocket
arms: {rft: {method: rft, lora: {lr: 1e-3}}, other: {method: tfb, compared_with: rft}, placebo: {method: placebo, repeats: 2}}
markets: {m: {learners: {a: {method: rft}, b: {method: dpo}}, rivals: [base]}}
epochs: 2
messages: 3
train_anchors: 6
held_out_anchors: 4
ties: skip
batch: 4
sampling: {temperature: 0.7, max_tokens: 64}
preset: pocket
lora: {rank: 8}
evaluate: every
seed: 3
world: networked
network: {rounds: 3, churn: 0.1, polls: [0, 1], graph: {kind: barabasi_albert, options: {m: 2}}, feed: {ranker: engagement, slots: 4}}
serving: {llm: transformers, server: {concurrency: 4}, models: {big: {url: "http://localhost:9/v1", name: x}}}
budget: {calls: 100, usd: 2.5}
probes: [misrepresentation, copy_error]
members: {}
redraw: {held_out_anchors: per_seed}
alarms: {}
head_to_head: 2
source_readers: {train: 0.2, evaluate: 0.1}
evaluation_audiences: {calm: {audience: neutral}}
stop: ["\\nUser:"]
attempts: 2
examples: [{anchor: "Title: Lamp", message: "A lamp."}]
"""
PAGE = """\
name: corrupt
base: {epochs: 1, train_anchors: 4, held_out_anchors: 4, train_personas: 4, held_out_personas: 4, arms: [rft, placebo]}
cross: {arena: [sales, social], many: {few: {train_personas: 4}, more: {train_personas: 6}}}
exclude: [{arena: social, many: few}]
sample: {temperature: [0.5, 1.2], method: sobol, n: 2}
seeds: 3
redraw: {held_out_anchors: per_seed}
primary: {hypotheses: [{name: H1, arm: rft, outcome: win_rate, where: {arena: sales}, margin: 2, direction: greater}], looks: [2], alpha: 0.05}
stop: {hours: 2, usd: 3}
"""
SERVING = (
    'llm: "http://localhost:9/v1"\nserver: {usd_in: 1, usd_out: 2, concurrency: 4, extra: {a: 1}}\n'
    'models: {m: {url: "https://h/v1", key: MY_KEY, timeout: 3, thinking: "off"}}\nrows: 8\n'
)
SET = {
    "epochs": "3", "arms": "[rft, placebo]", "arms.rft.lora.lr": "1e-4", "network.feed.ranker": "popularity", "sampling.temperature": "0.5",
    "a.b": "1", "serving.server.key": "MY_KEY", "lora.rank": "4", "": "", "stop": '["x"]', "crowd": "{size: 30}", "probes": "[copy_error]",
}  # fmt: skip
SHEET = (
    'id,anchor,message,question,label\na1,A lamp.,"Buy, now",Does it lie?,yes\nb2,A lamp.,Best lamp.,Does it lie?,n\n'
)
HUMAN = "question,answer,count,age\ntrust_messages,somewhat,3,young\nchecks,often,2,old\n"


def _texts(*valid_texts: str) -> Callable[[Random], bytes]:
    """Return what draws YAML: damaged as text, or with values changed."""

    @cache
    def values() -> list[Any]:
        return [yaml.safe_load(text) for text in valid_texts]

    def draw(lot: Random) -> bytes:
        which = lot.randrange(len(valid_texts))
        if lot.random() < 0.3:
            return damaged(valid_texts[which].encode(), lot)
        made = yaml.safe_dump(changed(values()[which], lot), allow_unicode=lot.random() < 0.5)
        return made.encode("utf-8", "surrogatepass")

    return draw


def _bytes(*files: bytes) -> Callable[[Random], bytes]:
    """Return what draws damages of files."""
    return lambda lot: damaged(lot.choice(files), lot)


def _settings(path: Path) -> None:
    config = load_config(path, {}, [])
    record = config.model_dump(mode="json")
    again = load_config(None, record, [], recorded=True)
    assert again.model_dump(mode="json") == record, "a record is not what it records"
    assert json.loads(json.dumps(record, allow_nan=False)) is not None
    assert config.all_arms and isinstance(config.default_folder(), Path)


def _drawn_set(lot: Random) -> bytes:
    name, value = lot.choice(list(SET.items()))
    if lot.random() < 0.5:
        value = (
            yaml.safe_dump(lot.choice(ODD), default_flow_style=True, allow_unicode=True).removesuffix("...\n").strip()
        )
    text = f"{name}{lot.choice(('=', '=', '=', '==', ' = ', ':', ''))}{value}".encode("utf-8", "surrogatepass")
    return damaged(text, lot) if lot.random() < 0.3 else text


def _set(path: Path) -> None:
    load_config(None, {}, [path.read_bytes().decode("utf-8", "replace")])


def _page(path: Path) -> None:
    made = cells_of(read_page(path))
    assert made.cells or made.impossible
    assert len({cell.name for cell in made.cells}) == len(made.cells)


def _arena(path: Path) -> None:
    made = arena(str(path))
    assert Arena.recorded(made.model_dump(mode="json")).digest == made.digest


def _people(path: Path) -> None:
    mapping = path.with_name("mapping.yaml")
    if not mapping.exists():
        mapping.write_bytes(valid()["mapping"]["m.yaml"])
    split = load_personas(path, mapping=mapping)
    _check_people(split)


def _nodes(path: Path) -> None:
    _check_people(load_personas(path))


def _check_people(split: PersonaSplit) -> None:
    for persona in (*split.train, *split.held_out):
        assert one_line(persona.text) == persona.text and one_line(persona.name) == persona.name


def _mapping(path: Path) -> None:
    people = path.with_name("survey.csv")
    if not people.exists():
        people.write_bytes(valid()["people"]["p.csv"])
    read_mapping(path)
    load_personas(people, mapping=path, resample=True, n_train=3, n_held_out=3)


def _ties(path: Path) -> None:
    graph = read_graph(path, ["Ada", "Ben", "Cleo"])
    assert graph.n == 3


def _anchors(path: Path) -> None:
    for anchor in read_anchors(path, arena("sales")):
        assert visible(anchor.text) == anchor.text and anchor.subject


@cache
def _asked() -> Any:
    return load_questionnaire(ROOT / "examples" / "media_trust.yaml")


def _human(path: Path) -> None:
    read_human([path], [_asked()], {"c": [0, 1]})


@cache
def _packed() -> bytes:
    """Return a pack of a golden run, of which it has no tables."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(GOLDEN / "sales-isolated", Path(folder) / "run")
        pack(Path(folder) / "run", Path(folder) / "run.zip")
        return (Path(folder) / "run.zip").read_bytes()


def _drawn_pack(lot: Random) -> bytes:
    whole = _packed()
    if lot.random() < 0.5:
        return damaged(whole, lot)
    held = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(whole)) as archive, zipfile.ZipFile(held, "w") as other:
        for name in archive.namelist():
            data = archive.read(name)
            if name == CONTENTS and lot.random() < 0.8:
                data = json.dumps(changed(json.loads(data), lot)).encode("utf-8", "surrogatepass")
            other.writestr(name, data)
    return held.getvalue()


def _pack(path: Path) -> None:
    try:
        unpack(path, path.parent / "unpacked")
    finally:
        shutil.rmtree(path.parent / "unpacked", ignore_errors=True)


def _of(path: str) -> str:
    return (ROOT / path).read_text("utf-8")


def _read_serving(path: Path) -> None:
    made = validated(Serving, read_source(path, "the settings of servers"), "the settings of servers")
    assert made.unknown_backend is None or str(made.unknown_backend)


def _tables(use: str, read: Callable[[Path], object]) -> Sequence[Entry]:
    """Return an entry for each kind of file of a use; those that are read by a process of their own are left out."""
    files = valid()[use]
    return [
        Entry(f"{use} {Path(name).suffix}", name, _bytes(data), read)
        for name, data in files.items()
        if not name.endswith(".parquet")
    ]


ENTRIES: dict[str, Entry] = {
    entry.name: entry
    for entry in (
        Entry("settings", "s.yaml", _texts(SETTINGS, _of("learning/profiles/paper.yaml")), _settings, 4),
        Entry("--set", "set.txt", _drawn_set, _set, 2),
        Entry("page", "p.yaml", _texts(PAGE, _of("examples/preregistered.yaml")), _page, 8),
        Entry("serving", "v.yaml", _texts(SERVING), _read_serving),
        Entry(
            "arena",
            "a.yaml",
            _texts(_of("abm/arenas/data/sales.yaml"), _of("docs/extending/parts/debate.yaml")),
            _arena,
            4,
        ),
        Entry("audience", "n.yaml", _texts(_of("abm/audience/data/default.yaml")), audience),
        Entry("questionnaire", "q.yaml", _texts(_of("examples/media_trust.yaml")), load_questionnaire),
        Entry("battery", "b.yaml", _texts(_of("analysis/judges/batteries/paper.yaml")), load_battery),
        Entry("mapping", "m.yaml", _texts(valid()["mapping"]["m.yaml"].decode()), _mapping),
        *_tables("people", _people),
        *_tables("nodes", _nodes),
        *_tables("ties", _ties),
        *_tables("anchors", _anchors),
        Entry("sheet of labels", "sheet.csv", _bytes(SHEET.encode()), read_sheet),
        Entry("answers of people", "h.csv", _bytes(HUMAN.encode()), _human),
        Entry("pack", "x.zip", _drawn_pack, _pack, 8),
        Entry("run.json", "run.json", drawn_record, read_record),
        Entry("log", "log.jsonl", drawn_run, read_run, 20),
    )
}

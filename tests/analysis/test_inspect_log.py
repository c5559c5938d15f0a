"""A run as a log of Inspect: every message a sample, every verdict a score; Inspect's own reader takes it."""

from __future__ import annotations

import json
import subprocess
import zipfile
from pathlib import Path

import pytest

from abm.events import MessagePublished, VerdictGiven
from abm.log import read_events, verify
from analysis.inspect_log import export_inspect
from moloch.errors import InputError

ROOT = Path(__file__).parents[2]
RUN = ROOT / "tests" / "golden" / "runs" / "sales-networked"
INSPECT = ROOT / ".venv-inspect" / "bin" / "python"
READ = """
import json, sys
from inspect_ai.log import read_eval_log, read_eval_log_sample_summaries
log, head = read_eval_log(sys.argv[1]), read_eval_log(sys.argv[1], header_only=True)
print(json.dumps({
    "status": log.status, "total": head.results.total_samples, "summaries": len(read_eval_log_sample_summaries(sys.argv[1])),
    "texts": [sample.output.completion for sample in log.samples], "thought": sum(isinstance(s.messages[-1].content, list) for s in log.samples),
    "scores": sum(len(sample.scores) for sample in log.samples), "rates": {s.name: s.metrics["mean"].value for s in log.results.scores},
}))
"""


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    path = tmp_path_factory.mktemp("inspect") / "run.eval"
    assert export_inspect(RUN, path) == sum(isinstance(event, MessagePublished) for event in read_events(RUN))
    return path


def test_messages_and_verdicts(exported):
    events = list(read_events(RUN))
    messages = {event.message: event for event in events if isinstance(event, MessagePublished)}
    with zipfile.ZipFile(exported) as archive:
        header = json.loads(archive.read("header.json"))
        samples = [json.loads(archive.read(name)) for name in archive.namelist() if name.startswith("samples/")]
    assert header["eval"]["metadata"]["head"] == verify(RUN).hash and header["status"] == "success"
    assert [sample["output"]["completion"] for sample in samples] == [message.text for message in messages.values()]
    given = [event for event in events if isinstance(event, VerdictGiven)]
    assert sum(len(sample["scores"]) for sample in samples) == len(given) > 0
    won = [sample["metadata"]["won"] for sample in samples if sample["metadata"]["outcome"] == "majority"]
    assert sum(won) * 2 == len(won) > 0


def test_mistakes(exported, tmp_path):
    with pytest.raises(InputError, match="the file exists"):
        export_inspect(RUN, exported)


@pytest.mark.inspect
def test_inspect_reads_it(exported):
    if not INSPECT.exists():
        pytest.skip("Inspect is not installed: make test-inspect")
    read = json.loads(
        subprocess.run([INSPECT, "-c", READ, exported], capture_output=True, text=True, check=True).stdout
    )
    messages = [event for event in read_events(RUN) if isinstance(event, MessagePublished)]
    assert sorted(read["texts"]) == sorted(message.text for message in messages) and read["thought"] == sum(
        bool(m.thinking) for m in messages
    )
    assert read["status"] == "success" and read["total"] == read["summaries"] == len(messages)
    verdicts = [event for event in read_events(RUN) if isinstance(event, VerdictGiven)]
    assert read["scores"] == len(verdicts)
    for probe, rate in read["rates"].items():
        labels = [verdict.label for verdict in verdicts if verdict.probe == probe and verdict.label >= 0]
        assert rate == pytest.approx(sum(labels) / len(labels))

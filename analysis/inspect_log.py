"""A run's messages and verdicts as a log of Inspect, the evaluation framework: a message is a sample, a verdict a score.

The format is that of version 2 of Inspect's ``.eval`` files: a zip file of JSON. Made here without Inspect, which need not be
installed. Knows events; judges nothing.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from abm.arenas import Arena
from abm.events import (
    AdapterTrained,
    AnchorsListed,
    ArenaSet,
    CompetitorsJoined,
    ContestDecided,
    Event,
    LLMReplied,
    MessagePublished,
    RoundsRecalled,
    RunConfigured,
    RunEnded,
    RunStarted,
    VerdictGiven,
)
from abm.log import open_log, read_events
from moloch.content import content_id
from moloch.errors import InputError, LogError

VERSION = 2
"""Of Inspect's logs."""
NOTE = "Written by moloch from an event log: samples are messages that models wrote for an audience; scores are verdicts of probes."
_FINISH = {"stop": "stop", "length": "max_tokens", "refused": "content_filter", "error": "unknown"}
_TIME = (1980, 1, 1, 0, 0, 0)
CANNOT_TELL = "N"
"""Inspect's value for no answer."""


def export_inspect(run: Path | str, target: Path | str) -> int:
    """Write the published messages of a run as an ``.eval`` file, whole or not at all; return how many there are.

    Verdicts that were given after the run, which lie beside it, are in it too.

    Raises:
        InputError: the file exists, or nothing was published.
        LogError: no run, it cannot be read, or the file cannot be written.
    """
    run, target = Path(run), Path(target)
    if target.exists():
        raise InputError("the file exists", where=str(target), fix="Give another name, or delete it.")
    reader = _InspectSamples()
    for event in read_events(run):
        reader.take(event)
    beside = run / "verdicts"
    for event in read_events(beside) if (beside / "run.json").is_file() else ():
        if isinstance(event, VerdictGiven):
            reader.take(event)
    samples = list(reader.samples())
    if not samples:
        raise InputError("nothing to export", where=str(run), why="no message was published")
    header = reader.header(run.resolve().name, open_log(run, write=False).head().hash, samples)
    new = target.with_name(f".{target.name}.new")
    try:
        _write(new, header, samples)
        new.replace(target)
    except OSError as error:
        raise LogError("cannot write the export", where=str(target), why=error.strerror or str(error)) from error
    finally:
        new.unlink(missing_ok=True)
    return len(samples)


def _write(path: Path, header: dict[str, Any], samples: Iterable[dict[str, Any]]) -> None:
    start = {name: header[name] for name in ("version", "eval", "plan")}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        _put(archive, "_journal/start.json", start)
        for sample in samples:
            _put(archive, f"samples/{sample['id']}_epoch_{sample['epoch']}.json", sample)
        _put(archive, "summaries.json", [_summary(sample) for sample in samples])
        _put(archive, "header.json", header)


def _put(archive: zipfile.ZipFile, name: str, value: object) -> None:
    info = zipfile.ZipInfo(name, _TIME)
    info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
    archive.writestr(info, msgspec.json.encode(value))


def _summary(sample: dict[str, Any]) -> dict[str, Any]:
    names = ("id", "epoch", "target", "metadata", "scores", "model_usage", "completed_at")
    return {name: sample[name] for name in names} | {"input": sample["input"][-1]["content"][:1000], "completed": True}


class _InspectSamples:
    """What a log says of its messages."""

    def __init__(self) -> None:
        self._config: dict[str, Any] = {}
        self._versions: dict[str, str] = {}
        self._begun = self._ended = 0.0
        self._whole = False
        self._arena: Arena | None = None
        self._model = ""
        self._anchors: dict[str, str] = {}
        self._answers: dict[int, LLMReplied] = {}
        self._messages: dict[str, MessagePublished] = {}
        self._decided: dict[str, ContestDecided] = {}
        self._verdicts: dict[str, list[VerdictGiven]] = {}
        self._instructions: dict[str, str] = {}
        self._memories: dict[str, str] = {}

    def take(self, event: Event) -> None:
        """Take an event of the run, or a verdict that was given after it."""
        self._ended = max(self._ended, event.at)
        match event:
            case RunStarted():
                self._versions, self._begun = event.versions, self._begun or event.at
            case RunConfigured():
                self._config = event.config
            case ArenaSet():
                self._arena = Arena.recorded(event.arena)
            case CompetitorsJoined():
                self._model = event.model
            case AnchorsListed():
                self._anchors |= {anchor["id"]: anchor["text"] for anchor in event.anchors}
            case AdapterTrained(kind="instructions"):
                self._instructions[event.adapter] = event.instructions
            case RoundsRecalled():
                self._memories[event.memory] = event.remembered
            case LLMReplied() if event.site.startswith("write/"):
                self._answers[event.seq] = event
            case MessagePublished():
                self._messages[event.message] = event
            case ContestDecided():
                self._decided[event.contest] = event
            case VerdictGiven() if event.message in self._messages:
                self._verdicts.setdefault(event.message, []).append(event)
            case RunEnded():
                self._whole = True
            case _:
                pass

    def samples(self) -> Iterator[dict[str, Any]]:
        """Yield the messages as Inspect's samples."""
        for message in self._messages.values():
            answer = self._answers.get(message.cause)
            prompt = self._prompt(message)
            said = {"role": "assistant", "content": self._content(message), "source": "generate", "model": self._model}
            yield {
                "id": message.message.replace("/", "."),
                "epoch": 1,
                "input": prompt,
                "target": "",
                "messages": [*prompt, said],
                "output": {
                    "model": self._model,
                    "choices": [{"message": said, "stop_reason": _FINISH[answer.finish] if answer else "stop"}],
                    "completion": message.text,
                },
                "scores": {
                    name: score
                    for verdict in self._verdicts.get(message.message, ())
                    for name, score in (_score(verdict),)
                },
                "metadata": self._metadata(message),
                "store": {},
                "events": [],
                "attachments": {},
                "model_usage": {self._model: _usage(answer)} if answer else {},
                "completed_at": _time(message.at),
                "uuid": content_id([message.message, message.text]),
            }

    def header(self, name: str, head: str, samples: list[dict[str, Any]]) -> dict[str, Any]:
        """Return the log without its samples."""
        task = f"moloch/{self._config.get('arena', 'arena')}"
        ids = [sample["id"] for sample in samples]
        rates: dict[str, list[float]] = {}
        for sample in samples:
            for probe, score in sample["scores"].items():
                if score["value"] != CANNOT_TELL:
                    rates.setdefault(probe, []).append(score["value"])
        return {
            "version": VERSION,
            "status": "success" if self._whole else "started",
            "eval": {
                "eval_id": head[:22],
                "run_id": head[:22],
                "created": _time(self._begun),
                "task": task,
                "task_id": content_id(self._config),
                "task_version": 0,
                "task_args": {},
                "dataset": {"name": name, "samples": len(ids), "sample_ids": ids, "shuffled": False},
                "model": self._model or "none",
                "model_generate_config": {},
                "model_args": {},
                "config": {},
                "packages": {
                    package: version for package, version in self._versions.items() if package == "moloch-abm"
                },
                "metadata": {"note": NOTE, "head": head, "settings": self._config},
            },
            "plan": {"name": "plan", "steps": [], "config": {}},
            "results": {
                "total_samples": len(ids),
                "completed_samples": len(ids),
                "scores": [_rate(probe, values) for probe, values in rates.items()],
            },
            "stats": {"started_at": _time(self._begun), "completed_at": _time(self._ended), "model_usage": {}},
        }

    def _prompt(self, message: MessagePublished) -> list[dict[str, str]]:
        text = self._anchors.get(message.anchor, "")
        if self._arena is None:
            return [{"role": "user", "content": text}]
        return [dict(each) for each in self._arena.write_prompt(text, *self._beside(message))]  # type: ignore[arg-type]

    def _beside(self, message: MessagePublished) -> tuple[str, str]:
        """Return the instructions and the memory that stood in a message's prompt."""
        answer = self._answers.get(message.cause)
        memories = (self._memories.get(ref, "") for ref in (answer.refs if answer else ()))
        return self._instructions.get(message.adapter, ""), next(filter(None, memories), "")

    @staticmethod
    def _content(message: MessagePublished) -> Any:
        if not message.thinking:
            return message.text
        return [{"type": "reasoning", "reasoning": message.thinking}, {"type": "text", "text": message.text}]

    def _metadata(self, message: MessagePublished) -> dict[str, Any]:
        phase, epoch, arm, *_ = message.contest.split("/")
        decided = self._decided.get(message.contest)
        place = {"contest": message.contest, "phase": phase, "epoch": epoch, "arm": arm, "slot": message.slot}
        wrote = {
            "competitor": message.competitor,
            "adapter": message.adapter,
            "anchor": message.anchor,
            "seq": message.seq,
        }
        if decided is None:
            return place | wrote
        return (
            place | wrote | {"votes": decided.votes, "won": decided.winner == message.slot, "outcome": decided.outcome}
        )


def _score(verdict: VerdictGiven) -> tuple[str, dict[str, Any]]:
    """Return a verdict's name and score: 1 the message does it, 0 it does not, no value where the probe could not tell."""
    score = {
        "value": float(verdict.label) if verdict.label >= 0 else CANNOT_TELL,
        "explanation": " | ".join(verdict.evidence),
        "metadata": {"judge": verdict.judge},
    }
    return verdict.probe, score


def _usage(answer: LLMReplied) -> dict[str, int]:
    read, written = answer.tokens_in, answer.tokens_out
    return {"input_tokens": read, "output_tokens": written, "total_tokens": read + written}


def _rate(probe: str, values: list[float]) -> dict[str, Any]:
    mean = {"name": "mean", "value": sum(values) / len(values), "params": {}}
    return {"name": probe, "scorer": probe, "scored_samples": len(values), "params": {}, "metrics": {"mean": mean}}


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")

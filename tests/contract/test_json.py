"""With `--json` each line of every transcript prints one document of the promised shape."""

from __future__ import annotations

import json
import re
import shlex
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from platformstate.errors import exit_status, registry
from tests.contract import commands, shapes, transcripts
from tests.contract.sandbox import Ended, is_ours
from tests.forking import Forks

STREAMS = frozenset({"run tail", "jobs tail", "jobs tail --log", "jobs serve", "batch --each"})
CONDUCTING = frozenset({"procedure conduct", "run resume", "jobs run", "jobs replay", "jobs backfill"})
PROGRESS = re.compile(r"^(\d+/\d+ [a-z0-9/-]+:|[0-9T:-]+Z) \w+\n", re.MULTILINE)
PENDING = 6
KILLED = 128


@cache
def _envelope() -> Any:
    return jsonschema_rs.validator_for((shapes.HERE / "envelope.schema.json").read_text("utf-8"))


@cache
def _data(shape: str, partial: bool) -> Any:
    return jsonschema_rs.validator_for(
        shapes.schema_of(shapes.notation()["commands"][shape], partial=partial)
    )


def _shape(line: str) -> str | None:
    """Return the name of the shape that a line's data has: its command, or that with the flag that changes it."""
    words = shlex.split(line)
    if "--help" in words or "--version" in words:
        return "help" if "--help" in words else "version"
    path = commands.meant(line)
    known = [name for name in shapes.notation()["commands"] if path and name.startswith(f"{path} --")]
    return next((name for name in known if name.removeprefix(f"{path} ") in words), path)


def _faults(step: transcripts.Step, ended: Ended) -> list[str]:
    """Return what is wrong with the end of one line."""
    if ended.status != step.status:
        return [f"exit {ended.status}, in text {step.status}: {ended.stdout}{ended.stderr}"]
    if ended.status >= KILLED:
        return []
    path, shape = commands.meant(step.line), _shape(step.line)
    if shape in STREAMS and not ended.stdout.startswith('{"schema":"platformctl/1"'):
        return _stream_faults(str(shape), ended)
    told = PROGRESS.sub("", ended.stderr) if path in CONDUCTING else ended.stderr
    told = "" if path == "jobs run" and " -f" in step.line else told  # what the child prints
    faults = [f"stderr: {told}"] if told else []
    if ended.stdout.count("\n") != 1 or not ended.stdout.isascii():
        faults.append("stdout is not one line of ASCII")
    document = json.loads(ended.stdout)
    faults += [
        f"envelope {fault.instance_path} {fault.message}" for fault in _envelope().iter_errors(document)
    ]
    faults += _ends(document, ended.status)
    return faults + _data_faults(step.line, document)


def _stream_faults(path: str, ended: Ended) -> list[str]:
    """Return what is wrong with a stream: a document a line, without an envelope."""
    validator = _data(path, False)
    lines = ended.stdout.splitlines()
    faults = [
        f"{fault.message}: {line}" for line in lines for fault in validator.iter_errors(json.loads(line))
    ]
    return faults + ([f"stderr: {ended.stderr}"] if ended.stderr else [])


def _ends(document: dict[str, Any], status: int) -> list[str]:
    if document["ok"]:
        codes = [warning["code"] for warning in document["warnings"]]
        right = status == 0 or (status == PENDING and "commit_pending" in codes)
        return [] if right else [f"ok, but exit {status}"]
    code = document["error"]["code"]
    unknown = [found["code"] for found in document["error"]["problems"] if found["code"] not in registry()]
    return [f"{code} ends with {exit_status(code)}, not {status}"] * (exit_status(code) != status) + unknown


def _data_faults(line: str, document: dict[str, Any]) -> list[str]:
    data, shape = document["data"], _shape(line)
    if not document["ok"]:
        refusal = shapes.notation()["refusals"].get(document["error"]["code"])
        if refusal is not None and jsonschema_rs.is_valid(shapes.schema_of(refusal), data):
            return []
        if data == {}:
            return []
    if shape is None:
        return ["data of no command"]
    return [
        f"data {fault.instance_path} {fault.message}"
        for fault in _data(shape, not document["ok"]).iter_errors(data)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", transcripts.names())
def test_each_line_prints_one_document_of_the_promised_shape(name: str, forks: Forks, tmp_path: Path) -> None:
    found = {
        step.line: faults
        for step, ended in transcripts.replayed(transcripts.text_of(name), forks, tmp_path)
        if is_ours(step.line)
        and transcripts.may_answer_in_json(step.line)
        and (faults := _faults(step, ended))
    }
    assert found == {}


@pytest.mark.parametrize("path", commands.paths())
def test_every_command_says_the_shape_of_its_data(path: str) -> None:
    assert path in shapes.notation()["commands"]


def test_no_shape_is_said_of_a_command_that_there_is_not() -> None:
    known = {*commands.paths(), "version", "help"}
    assert [name for name in shapes.notation()["commands"] if name.partition(" --")[0] not in known] == []

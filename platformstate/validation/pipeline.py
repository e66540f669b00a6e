"""From the bytes of a file to its record, or to what is wrong with it, with line and column."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from platformstate.codec import json_text, jsonl, locate, record
from platformstate.core.catalog import KINDS
from platformstate.core.document import Document
from platformstate.core.kind import KindSpec, Shape
from platformstate.core.places import Place, place_of
from platformstate.errors import Problem
from platformstate.validation import engines
from platformstate.validation.engines import Engine
from platformstate.validation.leaves import leaf_findings, watched
from platformstate.validation.versions import version_finding
from platformstate.validation.wording import Finding, findings, pointer

_OPEN: Final = Shape()
Rows = Sequence[tuple[int, dict[str, Any]]]


class Judged(NamedTuple):
    """A file as it was read. A record has a document, a journal has rows with their line numbers.

    Both are None when an error was found; warnings may stand beside them. `chained` says of a journal
    that its hashes and its layout are known to hold.
    """

    document: Document[Any] | None
    rows: tuple[tuple[int, dict[str, Any]], ...] | None
    problems: tuple[Problem, ...]
    chained: bool = False


def read(data: bytes, path: str) -> Judged:
    """Read and judge one file of the store. A file that holds no record is judged empty."""
    return _read(data, path, engines.engine)


def read_reference(data: bytes, path: str) -> Judged:
    """Read and judge one file with the reference engine; the answer must be that of `read`."""
    return _read(data, path, engines.reference)


def judge(document: Document[Any]) -> tuple[Problem, ...]:
    """Return what the schema finds wrong with a record."""
    return _judge(document, engines.engine(document.kind.name))


def _read(data: bytes, path: str, engine_of: Callable[[str], Engine]) -> Judged:
    place = place_of(path)
    if place is None:
        return Judged(None, None, ())
    if place.kind == "schema_copy":
        return Judged(None, None, _copy_problems(data, path, place))
    if place.kind == "template":
        return _read_open(data, path, place, "templates/{id}.md")
    if place.kind not in KINDS:
        return Judged(None, None, ())
    if KINDS[place.kind].container == "jsonl":
        return _read_rows(data, path, place.kind, engine_of(place.kind))
    return _read_record(data, path, engine_of(place.kind))


def _read_record(data: bytes, path: str, engine: Engine) -> Judged:
    parsed = record.parse(data, path)
    if parsed.document is None:
        return Judged(None, None, parsed.problems)
    return _checked(parsed.document, (*parsed.problems, *_judge(parsed.document, engine)))


def _read_open(data: bytes, path: str, place: Place, pattern: str) -> Judged:
    """Read a file whose fields no schema of this program judges."""
    spec = KindSpec(place.kind, 1, pattern, "markdown", "given", _OPEN)
    parsed = record.parse_as(data, path, spec)
    return Judged(parsed.document, None, parsed.problems)


def _judge(document: Document[Any], engine: Engine) -> tuple[Problem, ...]:
    kind = document.kind.name
    return _placed(document, _findings(kind, document.meta, engine))


def _findings(kind: str, meta: Mapping[str, Any], engine: Engine) -> Sequence[Finding]:
    if version := version_finding(kind, meta):
        return [version]
    faults = engine(meta)
    found = findings(meta, faults) if faults else []
    watch = watched(kind)
    extra = leaf_findings(watch, meta) if watch else []
    if not extra:
        return found
    told = {finding.at for finding in found}
    return [*found, *(finding for finding in extra if finding.at not in told)]


def _checked(document: Document[Any], problems: tuple[Problem, ...]) -> Judged:
    wrong = any(problem.severity == "error" for problem in problems)
    return Judged(None if wrong else document, None, in_order(problems))


def _placed(document: Document[Any], found: Sequence[Finding]) -> tuple[Problem, ...]:
    if not found:
        return ()
    container = KINDS[document.kind.name].container if document.kind.name in KINDS else "markdown"
    return in_order(_problem(document.path, document.source, container, 0, finding) for finding in found)


def _problem(path: str, source: str | None, container: str, above: int, finding: Finding) -> Problem:
    """Return a finding with its line and column; `above` lines stand before the text in its file."""
    line, col = 1, 1
    if source is not None:
        line, col = locate.position(source, container, pointer(finding.at), of_key=finding.of_key)
    return Problem(
        path,
        line + above,
        col,
        finding.code,
        finding.message,
        finding.fix,
        pointer(finding.at),
        finding.severity,
    )


def _read_rows(data: bytes, path: str, kind: str, engine: Engine) -> Judged:
    from platformstate.codec.sound_journal import sound_rows  # it brings hashing; most hooks see no journal

    sound = sound_rows(data, path) if kind == "event" else None
    lines = jsonl.parse_lines(data, path) if sound is None else jsonl.Lines(sound)
    if any(problem.severity == "error" for problem in lines.problems):
        return Judged(None, None, lines.problems)
    if wrong := _row_problems(lines.rows, data, path, kind, engine):
        return Judged(None, None, in_order([*lines.problems, *wrong]))
    return Judged(None, tuple(lines.rows), lines.problems, chained=sound is not None)


def judge_events(rows: Rows, data: bytes, path: str) -> tuple[Problem, ...]:
    """Return what the schema finds wrong with the first bad one of these events of a journal's bytes."""
    return in_order(_row_problems(rows, data, path, "event", engines.engine("event")))


def _row_problems(rows: Rows, data: bytes, path: str, kind: str, engine: Engine) -> list[Problem]:
    for number, row in rows:
        wrong = [finding for finding in _findings(kind, row, engine) if finding.severity == "error"]
        if wrong:
            texts = data.decode("utf-8").split("\n")
            told = [_of_journal(finding, row) if kind == "event" else finding for finding in wrong]
            return [_problem(path, texts[number - 1], "json", number - 1, finding) for finding in told]
    return []


def _of_journal(finding: Finding, row: Mapping[str, Any]) -> Finding:
    """Return a fault of a journal's line: a journal is not edited, so its code and fix are the journal's."""
    message = f"event {row.get('seq', '?')} breaks the rules of its type: {finding.message}"
    fix = "restore the journal with git restore; it is written by platformctl alone"
    return finding._replace(code="run_journal_corrupt", message=message, fix=fix)


def _copy_problems(data: bytes, path: str, place: Place) -> tuple[Problem, ...]:
    value, problems = json_text.parse_json(data, path)
    if any(problem.severity == "error" for problem in problems) or value == engines.schema(place.id):
        return problems
    message = f"this copy is not the schema of {place.id} that platformctl brings; the latter judges records"
    fix = f"rm {path} && platformctl schema export state/schemas"
    return (*problems, Problem(path, 1, 1, "schema_forked", message, fix))


def in_order(problems: Any) -> tuple[Problem, ...]:
    """Return problems in the order in which they are shown."""
    return tuple(
        sorted(problems, key=lambda problem: (problem.path, problem.line, problem.col, problem.code))
    )

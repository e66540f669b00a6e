"""Resolve a job's Python function: where its module is, and whether its bindings are what it takes."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from platformstate import runner
from platformstate.actions.job_target import Found, Request, Target, one_step, refused_spec
from platformstate.codec.json_text import canonical_json, parse_json
from platformstate.codec.safe import safe_text
from platformstate.errors import shown
from platformstate.gitrepo import blob_id

MAX_SCHEMA_BYTES: Final = 65_536
_MAX_MESSAGE: Final = 300
_AT_SCHEMA: Final = "/target/bindings_schema"


def python_target(request: Request) -> Target:
    """Return the one step that calls the function: our interpreter and the module that does it.

    Raises: job_target_unresolved, job_bindings_invalid, with everything that is wrong.
    """
    target = request.whole["target"]
    given = _Schema(request, target.get("bindings_schema"))
    found = [*_entry_faults(request, target["entry"], target["path"]), *given.faults()]
    if found:
        raise refused_spec(request.spec, found)
    child = str(Path(runner.__file__ or "").with_name("python_target.py"))
    # -P, so that the child's own folder is no place of modules; -B, so that a run leaves no bytecode.
    argv = [sys.executable, "-PBu", child, target["entry"], target["path"]]
    return Target(one_step(request, argv), given.resolved)


def _entry_faults(request: Request, entry: str, path: str) -> Iterator[Found]:
    module, _, function = entry.partition(":")
    parts = module.split(".")
    if not all(part.isascii() and part.isidentifier() for part in (*parts, function)):
        yield Found(
            "job_target_unresolved", "/target/entry", f"{shown(entry)} is not package.module:function"
        )
        return
    file = f"{path}/{'/'.join(parts)}"
    if _is_module(request, file):
        return
    hides_others = _is_module(request, f"{path}/{parts[0]}")
    if hides_others or not _is_importable(parts[0]):
        message = f"there is no module {shown(module)} below {shown(path)}, nor is it installed"
        yield Found("job_target_unresolved", "/target/entry", message)


def _is_module(request: Request, file: str) -> bool:
    return any(map(request.files.is_file, (f"{file}.py", f"{file}/__init__.py")))


def _is_importable(name: str) -> bool:
    """Say whether our interpreter finds a top package by itself; it is not imported for that."""
    try:
        return find_spec(name) is not None
    except (ImportError, ValueError):
        return False


class _Schema:
    """The schema of a target's bindings: inline, or a file at the trusted commit; None takes any object."""

    def __init__(self, request: Request, given: Mapping[str, Any] | None) -> None:
        self._request, self._given = request, given
        self.resolved: dict[str, str] = {}

    def faults(self) -> Iterator[Found]:
        """Yield what is wrong with the schema; with a good one, what is wrong with the bindings."""
        from platformstate.validation.bindings import bindings_faults, schema_faults

        if self._given is None:
            return
        broken, schema = self._read(self._given)
        if broken is not None or schema is None:
            yield Found("job_bindings_invalid", _AT_SCHEMA, broken or "the schema is no JSON object")
            return
        for fault in schema_faults(schema):
            message = f"the schema of the bindings: {_shown(fault.pointer, fault.message)}"
            yield Found(
                "job_bindings_invalid", _AT_SCHEMA if self.resolved else _AT_SCHEMA + fault.pointer, message
            )
            return
        for fault in bindings_faults(schema, self._request.bindings):
            message = _shown(fault.pointer, fault.message)
            yield Found("job_bindings_invalid", f"/bindings{fault.pointer}", message)

    def _read(self, given: Mapping[str, Any]) -> tuple[str | None, dict[str, Any] | None]:
        """Return why there is no schema, or the schema."""
        if list(given) != ["file"] or not isinstance(given["file"], str):
            too_long = len(canonical_json(dict(given))) > MAX_SCHEMA_BYTES
            return ("the schema is too long" if too_long else None), dict(given)
        path = given["file"]
        data = next((data for _, data in self._request.tree.read([path])), None)
        if data is None:
            return f"the trusted commit has no file {shown(path)}", None
        if len(data) > MAX_SCHEMA_BYTES:
            return f"{shown(path)} is {len(data)} bytes, more than {MAX_SCHEMA_BYTES}", None
        self.resolved[path] = blob_id(data, self._request.store.repository.object_format)
        value, problems = parse_json(data, path)
        if value is None and problems:
            return f"{shown(path)}: {problems[0].message}", None
        return None, value if isinstance(value, dict) else None


def _shown(pointer: str, message: str) -> str:
    text = safe_text(message)[:_MAX_MESSAGE]
    return f"{pointer}: {text}" if pointer else text

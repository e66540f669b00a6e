"""Read a filled checkpoint template as the flags of a request."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from typing import Any, Final

from platformstate.actions.forms import form_refused, read_form, without_comments
from platformstate.entities.checkpoint import FLAGS, SECTIONS
from platformstate.errors import Problem, StateError

AUTOMATIC: Final = "progress"
TEMPLATE: Final = "CODEX_CHECKPOINT.md"
_TEXTS: Final = {
    "task": "task",
    "run": "run",
    "kind": "kind",
    "next_action": "next",
    "next_verify": "next_verify",
    "supersedes": "supersedes",
}


def filled(form: tuple[bytes, str] | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a request: what a form says, with the flags that were given over it.

    What the tool itself finds out (id, author, git …) is not taken from a form. Raises:
    usage_invalid without task or kind, record_invalid.
    """
    request = {**({} if form is None else _form_request(*form)), **given}
    if request.get("auto"):
        request.setdefault("kind", AUTOMATIC)
    for flag in ("task", "kind"):
        if flag not in request:
            raise StateError(
                "usage_invalid",
                f"a checkpoint needs --{flag}",
                hint="platformctl memory checkpoint create --help",
            )
    return request


def _form_request(data: bytes, name: str) -> dict[str, Any]:
    from platformstate.codec.sections import items, sections

    meta, body = read_form(data, name, "checkpoint")
    said = sections(without_comments(body, TEMPLATE))
    lists = {flag: items(said.get(SECTIONS[key], "")) for flag, key in FLAGS.items()}
    lists |= {
        "criterion": [f"{claim['id']}={claim['state']}" for claim in _rows(meta, "criteria", name)],
        "ran": [f"{c['exit_code']} {shlex.join(c['argv'])}" for c in _rows(meta, "commands", name)],
        "blocker": [f"{blocker['waits_on']}:{blocker['ask']}" for blocker in _rows(meta, "blockers", name)],
        "file": list(meta.get("files", ())),
        "evidence": [f"{item['type']}:{item['ref']}" for item in _rows(meta, "evidence", name)],
    }
    texts = {flag: str(meta[field]) for field, flag in _TEXTS.items() if meta.get(field)}
    return {**texts, **{flag: texts_ for flag, texts_ in lists.items() if texts_}}


def _rows(meta: Mapping[str, Any], field: str, name: str) -> Iterable[Mapping[str, Any]]:
    """Return the mappings of a list field. Raises: record_invalid for anything else in its place."""
    needed = {
        "criteria": ("id", "state"),
        "commands": ("exit_code", "argv"),
        "blockers": ("waits_on", "ask"),
        "evidence": ("type", "ref"),
    }[field]
    rows = meta.get(field, [])
    if not isinstance(rows, list) or not all(
        isinstance(row, Mapping) and set(needed) <= set(row) for row in rows
    ):
        message = f"{field} is not a list of items with {' and '.join(needed)}"
        raise _wrong(name, field, "field_type_wrong", message, f"write {field} as the template shows")
    return rows


def _wrong(name: str, field: str, code: str, message: str, fix: str) -> StateError:
    return form_refused(name, [Problem(name, 1, 1, code, message, fix, f"/{field}")])

"""Checkpoints: what a request to record one means, as values. No disk, no git, no clock."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Any, Final, TypedDict

from platformstate.entities.choices import CHOICES
from platformstate.errors import StateError, shown

MAX_FILES: Final = 200
MAX_FILES_BYTES: Final = 24 * 1024
NEEDS_NO_STATEMENT: Final = ("start", "end", "rescue")
MAX_ITEMS: Final = 50
MAX_ITEM_CHARACTERS: Final = 4000
KINDS: Final = CHOICES["Checkpoint.kind"]
WAITS_ON: Final = CHOICES["CheckpointBlockersItem.waits_on"]
STEP_WORDS: Final = ("begun", "done", "failed")
CRITERION_CLAIMS: Final = CHOICES["CheckpointCriteriaItem.state"]
SECTIONS: Final = {
    "done": "Done",
    "failed": "Tried and failed",
    "decisions": "Decisions",
    "surprises": "Surprises",
    "questions": "Open questions",
    "assumptions": "Assumptions",
}
FLAGS: Final = {
    "done": "done",
    "failed": "failed",
    "decision": "decisions",
    "surprise": "surprises",
    "question": "questions",
    "assumption": "assumptions",
}
OBSERVED: Final = ("observed_artifact", "verified")
RECEIPT: Final = ("tool_receipt", "verified")
SELF_REPORT: Final = ("self_report", "claimed")
OPERATOR: Final = ("operator", "claimed")
OBSERVABLE: Final = frozenset({"commit", "file", "receipt"})
_CLAIMS: Final = ("summary", "blocker", "criterion", "ran", "step", *FLAGS)
_MAIN: Final = {"decision": "decisions", "failed_attempt": "failed"}


class CheckpointRequest(TypedDict, total=False):
    """What `memory checkpoint create` is asked; every key is a long flag."""

    task: str
    kind: str
    run: str
    summary: str
    done: Sequence[str]
    failed: Sequence[str]
    decision: Sequence[str]
    surprise: Sequence[str]
    question: Sequence[str]
    assumption: Sequence[str]
    next: str
    next_verify: str
    criterion: Sequence[str]
    ran: Sequence[str]
    exec: Sequence[str]
    blocker: Sequence[str]
    file: Sequence[str]
    evidence: Sequence[str]
    step: str
    supersedes: str
    on_behalf_of: str
    auto: bool


def statements(request: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the items of each body section, by its key in JSON; the summary comes first.

    Raises: usage_invalid for one without text.
    """
    body: dict[str, list[str]] = {key: [] for key in SECTIONS}
    if "summary" in request and request["kind"] != "blocker":
        body[main_section(request["kind"])].append(_said("summary", request["summary"]))
    for flag, key in FLAGS.items():
        body[key] += [_said(flag, text) for text in request.get(flag, ())]
    return body


def main_section(kind: str) -> str:
    """Return the section in which a checkpoint of this kind says its main thing."""
    return _MAIN.get(kind, "done")


def blockers(request: CheckpointRequest, tasks: Iterable[str] = ()) -> list[dict[str, str]]:
    """Return what the work waits on. Raises: usage_invalid.

    `task:ASK` names its task when the first word of the ask is a known task's id.
    """
    asked = [f"human:{request['summary']}"] if request["kind"] == "blocker" and "summary" in request else []
    known = set(tasks)
    return [_blocker(text, known) for text in [*asked, *request.get("blocker", ())]]


def criterion_claim(text: str) -> tuple[str, str]:
    """Return criterion and state that `AC=met|open` says. Raises: usage_invalid."""
    name, equals, state = text.partition("=")
    if not equals or state not in CRITERION_CLAIMS:
        raise StateError(
            "usage_invalid",
            f"--criterion {shown(text)!r} is not of the form AC=met or AC=open",
            hint="--criterion ac1=met",
        )
    return name.strip(), state


def step_said(text: str) -> tuple[str, str]:
    """Return key and word that `KEY=begun|done|failed` says. Raises: usage_invalid."""
    key, _, word = text.rpartition("=")
    if not key.strip() or word not in STEP_WORDS:
        raise StateError(
            "usage_invalid",
            f"--step {shown(text)!r} is not of the form KEY=begun, KEY=done or KEY=failed",
            hint="--step schema=begun",
        )
    return key.strip(), word


def said_command(text: str, at: str) -> dict[str, Any]:
    """Return the command that `--ran "EXIT CMD"` tells of. Raises: usage_invalid."""
    exit_code, _, command = text.strip().partition(" ")
    argv = command_words("--ran", command)
    if not exit_code.lstrip("-").isdecimal() or not -255 <= int(exit_code) <= 255:
        raise StateError(
            "usage_invalid",
            f"--ran {shown(text)!r} does not begin with an exit code",
            hint='--ran "0 pytest -q"',
        )
    return {"argv": argv, "exit_code": int(exit_code), "at": at, "output_sha256": None}


def command_words(flag: str, text: str) -> list[str]:
    """Return the words of a command as a shell would cut them. Raises: usage_invalid."""
    try:
        words = shlex.split(text)
    except ValueError as unbalanced:
        raise StateError(
            "usage_invalid",
            f"{flag} {shown(text)!r} cannot be cut into words: {unbalanced}",
            hint="close every quote",
        ) from unbalanced
    if not words:
        raise StateError("usage_invalid", f"{flag} names no command", hint=f'{flag} "pytest -q"')
    return words


def refuse_empty(request: CheckpointRequest) -> None:
    """Raise checkpoint_empty when a checkpoint that must say something says nothing."""
    said = (*_CLAIMS, "exec", "evidence", "auto")
    if request["kind"] in NEEDS_NO_STATEMENT or any(request.get(flag) for flag in said):
        return
    raise StateError(
        "checkpoint_empty",
        f"a {request['kind']} checkpoint needs a statement, a command, a criterion, a step or evidence",
        hint='add for example --summary "what is done now"',
    )


def own_basis(request: Mapping[str, Any], evidence: frozenset[str]) -> tuple[str, str]:
    """Return basis and confidence of an author's words: only what was executed or received, alone, is verified.

    `evidence` are the types of the evidence that was checked just now.
    """
    if request.get("auto"):
        return OBSERVED
    shows = bool(request.get("exec")) or "receipt" in evidence
    return RECEIPT if shows and not _claims_more(request) else SELF_REPORT


def observed_basis(request: Mapping[str, Any], evidence: frozenset[str]) -> tuple[str, str] | None:
    """Return basis and confidence of what an observer writes; None when nothing that he saw supports it."""
    if not evidence & OBSERVABLE:
        return None
    words = _claims_more(request) or any(request.get(flag) for flag in ("next", "next_verify"))
    return ("observed_artifact", "claimed") if words else OBSERVED


def refuse_prose(request: Mapping[str, Any]) -> None:
    """Raise auto_takes_no_prose when an automatic checkpoint is given words."""
    words = [flag for flag in (*_CLAIMS, "next", "next_verify") if request.get(flag)]
    if request.get("auto") and words:
        raise StateError(
            "auto_takes_no_prose",
            f"--auto records what git shows; --{words[0].replace('_', '-')} is words",
            hint="leave --auto out to say it yourself",
        )


def _claims_more(request: Mapping[str, Any]) -> bool:
    return any(request.get(flag) for flag in _CLAIMS)


def files_fields(
    changed: Iterable[str], named: Iterable[str], recordable: Callable[[str], bool]
) -> dict[str, Any]:
    """Return the fields that list paths: at most 200 and 24 KiB, and the whole number when some are left out.

    Of changed paths those are listed that a record can hold; those that a person named stand as
    they are, to be judged.
    """
    found, asked = set(changed), set(named)
    able = {path for path in found if recordable(path)} | asked
    listed = _within(sorted(able)[:MAX_FILES], MAX_FILES_BYTES)
    total = len(found | asked)
    if not total:
        return {}
    return {"files": listed, "files_total": total} if len(listed) < total else {"files": listed}


def _within(paths: list[str], limit: int) -> list[str]:
    """Return the first paths that take no more bytes than this together."""
    for number, size in enumerate(accumulate(len(path.encode("utf-8", "replace")) for path in paths)):
        if size > limit:
            return paths[:number]
    return paths


def summary_of(meta: Mapping[str, Any], body: Mapping[str, Sequence[str]]) -> str | None:
    """Return the one line that stands for a checkpoint: its kind's main statement, else any."""
    if meta["kind"] == "blocker" and meta.get("blockers"):
        return str(meta["blockers"][0]["ask"])
    for key in (main_section(str(meta["kind"])), *SECTIONS):
        if body.get(key):
            return body[key][0]
    asks = [str(blocker["ask"]) for blocker in meta.get("blockers", ())]
    commands = [shlex.join(command["argv"]) for command in meta.get("commands", ())]
    step = meta.get("step")
    steps = [] if step is None else [f"step {step['key']} {str(step['outcome']).replace('_', ' ')}"]
    return next(iter([*asks, *commands, *steps]), None)


def row(
    meta: Mapping[str, Any], body: Mapping[str, Sequence[str]], path: str, superseded_by: str | None
) -> dict[str, Any]:
    """Return a checkpoint as it stands in a list."""
    stated = {name: meta[name] for name in ("id", "run", "kind", "at", "author")}
    return {
        **stated,
        "observer": meta.get("observer"),
        "basis": meta["basis"],
        "confidence": meta["confidence"],
        "commit": meta["git"]["commit"],
        "summary": summary_of(meta, body),
        "next_action": meta.get("next_action"),
        "superseded_by": superseded_by,
        "path": path,
    }


def _said(flag: str, text: str) -> str:
    if not text.strip():
        raise StateError("usage_invalid", f"--{flag} is empty", hint=f'--{flag} "in a few words"')
    return text.strip()


def _blocker(text: str, tasks: set[str]) -> dict[str, str]:
    waits_on, colon, ask = text.partition(":")
    if not colon or waits_on not in WAITS_ON or not ask.strip():
        raise StateError(
            "usage_invalid",
            f"--blocker {shown(text)!r} is not of the form WAITS_ON:ASK",
            hint=f'--blocker "human:which of the two?"; WAITS_ON is {", ".join(WAITS_ON)}',
        )
    blocker = {"waits_on": waits_on, "ask": ask.strip()}
    first = ask.split()[0].rstrip(":,.;")
    return {**blocker, "task": first} if waits_on == "task" and first in tasks else blocker

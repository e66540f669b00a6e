"""Procedures, pins and journals for the tests of a conduct."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from hypothesis import strategies as st

from platformstate.codec import journal
from platformstate.codec.jsonl import parse_lines
from platformstate.entities import step as entity
from platformstate.policy.journal import RunState, fold
from platformstate.policy.pin import Pin, Source, pin_bytes, step_sha256
from platformstate.policy.recipe import Recipe
from platformstate.validation import read

AT: Final = "2026-11-20T10:11:30Z"
RUN: Final = "20261120t101130z-7fq2ka"
SOURCE: Final = Source("procedure", "demo", "state/procedures/demo/procedure.md", "a" * 40)
HOLDER: Final = {"actor": "operator", "boot_id": "0" * 16, "clone": "c", "host": "h", "pid": 1}


def recipe(name: str, *steps: str, top: str = "") -> Recipe:
    """Return a procedure whose steps are given as flow mappings; it has no problem of its own."""
    listed = "".join(f"  - {step}\n" for step in steps)
    text = f"---\nschema: procedure/1\nid: {name}\n\ntitle: {name.title()}\n{top}\nsteps:\n{listed}---\n"
    judged = read(text.encode(), f"state/procedures/{name}/procedure.md")
    assert judged.document is not None, judged.problems
    return Recipe(judged.document, (name[0] if name[0] in "abcdef" else "0") * 40)


def recipes(*known: Recipe) -> dict[str, Recipe]:
    """Return procedures by id."""
    return {each.document.id: each for each in known}


def command(index: int, key: str = "", **fields: Any) -> entity.CommandStep:
    """Return a command step."""
    return entity.CommandStep(index, key or f"s{index}", ("true",), **fields)


def check(index: int, **fields: Any) -> entity.CheckStep:
    """Return a check step."""
    return entity.CheckStep(index, f"s{index}", ("true",), **fields)


def gate(index: int) -> entity.GateStep:
    """Return a gate step."""
    return entity.GateStep(index, f"s{index}", "Go on?")


def manual(index: int, **fields: Any) -> entity.ManualStep:
    """Return a manual step."""
    return entity.ManualStep(index, f"s{index}", "do it", **fields)


def pin_of(*steps: entity.Step) -> Pin:
    """Return a pin of these steps."""
    return Pin(SOURCE, steps)


def event(type_: str, index: int | None = None, attempt: int | None = None, **fields: Any) -> dict[str, Any]:
    """Return an event, with the fields that its type must have filled in."""
    placed = {"step_index": index, "attempt": attempt}
    given = {name: value for name, value in placed.items() if value is not None}
    return {"at": AT, "type": type_, **_MUSTS.get(type_, {}), **given, **fields}


_MUSTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "RunStarted": {"holder": HOLDER},
    "RunResumed": {"holder": HOLDER, "from_index": 0, "drift": False},
    "RunSuspended": {"reason": "held"},
    "RunFailed": {"reason": "step_failed"},
    "RunAborted": {"reason": "unwanted", "actor": "operator"},
    "StepStarted": {"step": "0" * 16},
    "StepSucceeded": {"by": "conductor"},
    "StepFailed": {"by": "conductor", "code": "command_failed"},
    "StepTimedOut": {"by": "conductor", "ms": 1, "timeout": 1},
    "StepCancelled": {"by": "conductor", "signal": 15},
    "StepNotStarted": {"by": "proof"},
    "StepUnknown": {"why": "no_receipt"},
    "StepSkipped": {"by": "decision"},
    "StepCarried": {"from_run": RUN, "from_index": 0},
    "GateWaiting": {"approvers": ["operator"]},
    "GateApproved": {"actor": "operator"},
    "GateRejected": {"actor": "operator"},
    "CheckpointRecorded": {"checkpoint": RUN, "sha256": "0" * 64},
    "DecisionRecorded": {"answer": "redo", "actor": "operator", "reason": "looked"},
}


def journal_of(
    pin: Pin | None, events: Iterable[Mapping[str, Any]], subject: str = "procedure/demo"
) -> bytes:
    """Return a started run's journal: definition, pin, start, then these events."""
    defined: dict[str, Any] = {"run": RUN, "subject": subject, "actor": "operator", "attempt": 1}
    defined |= {"host": "h", "clone": "c", "worktree": "main", "branch": None, "base_commit": None}
    if subject.startswith("task/"):
        defined["coupling"] = "none"
    first = [event("RunDefined", **defined), *([] if pin is None else [recorded(pin)]), event("RunStarted")]
    return journal.encode([*first, *events], seq=0, h=journal.ZERO_HASH)


def recorded(pin: Pin) -> dict[str, Any]:
    """Return the event that records a pin."""
    from hashlib import sha256

    digest = sha256(pin_bytes(pin)).hexdigest()
    fields = {"steps_sha256": digest, "source_blob": pin.source.blob, "params_sha256": pin.params_sha256}
    return event("ResolvedStepsRecorded", step_count=len(pin.steps), expander=1, **fields)


def started(step: entity.Step, attempt: int = 1, **fields: Any) -> dict[str, Any]:
    """Return the in-flight marker of a step's attempt."""
    return event("StepStarted", step.index, attempt, step=step_sha256(step)[:16], **fields)


def rows_of(data: bytes) -> tuple[tuple[int, dict[str, Any]], ...]:
    """Return a journal's events with their line numbers."""
    return parse_lines(data, "events.jsonl").rows


def state_of(pin: Pin | None, *events: Mapping[str, Any], subject: str = "procedure/demo") -> RunState:
    """Return the state of a started run after these events."""
    return fold([each for _, each in rows_of(journal_of(pin, events, subject))])


def done(*steps: entity.Step) -> list[dict[str, Any]]:
    """Return the events of steps that succeeded at their first attempt."""
    closings = (event("StepSucceeded", step.index, 1) for step in steps)
    return [each for step, closing in zip(steps, closings, strict=True) for each in (started(step), closing)]


_TEXTS: Final = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)
_ARGV: Final = st.lists(_TEXTS, min_size=1, max_size=3).map(tuple)
_CODES: Final = st.lists(st.integers(0, 255), max_size=3).map(tuple)
_SECONDS: Final = st.integers(0, 86_400)
_ENV: Final = st.dictionaries(st.sampled_from(["P_a", "P_b"]), _TEXTS, max_size=2)
_KEYS: Final = st.sampled_from(["a", "b-c", "roll/build", "x/y/z"])
_FRAME: Final = {"index": st.integers(0, 9999), "key": _KEYS, "pinned_skip": st.booleans()}
_RUNS: Final = {"argv": _ARGV, "env": _ENV, "cwd": st.sampled_from([".", "src"]), "grace": _SECONDS}
_FAILS: Final = st.sampled_from(["suspend", "fail"])
_PROBES: Final = st.builds(entity.Probe, argv=_ARGV, absent_rc=_CODES, timeout=_SECONDS)
_EXPECTED: Final = st.builds(
    entity.Expectation, st.integers(0, 255), st.none() | _TEXTS, stdout_contains=st.none() | _TEXTS
)
STEPS: Final[Sequence[st.SearchStrategy[entity.Step]]] = (
    st.builds(
        entity.CommandStep,
        **_FRAME,
        **_RUNS,
        idempotent=st.booleans(),
        done_when=st.none() | _PROBES,
        timeout=_SECONDS,
        retries=st.integers(0, 10),
        retry_delay=_SECONDS,
        retry_safe_rc=_CODES,
        success_rc=_CODES,
        capture=st.none() | st.sampled_from(["out", "v_1"]),
        on_fail=_FAILS,
    ),
    st.builds(
        entity.CheckStep,
        **_FRAME,
        **_RUNS,
        timeout=_SECONDS,
        on_fail=_FAILS,
        expect=_EXPECTED,
        recheck=st.sampled_from(["trailing", "always", "never"]),
    ),
    st.builds(entity.CheckpointStep, **_FRAME, summary=_TEXTS, next_action=st.none() | _TEXTS),
    st.builds(
        entity.GateStep, **_FRAME, prompt=_TEXTS, approvers=st.lists(_KEYS, min_size=1, max_size=2).map(tuple)
    ),
    st.builds(
        entity.ManualStep,
        **_FRAME,
        instruct=_TEXTS,
        env=_ENV,
        idempotent=st.booleans(),
        evidence=st.sampled_from(["required", "optional"]),
        verify=st.none() | st.builds(entity.Verification, argv=_ARGV, timeout=_SECONDS),
        verify_text=st.none() | _TEXTS,
    ),
)

"""The pinned step list: its values, its bytes, and the way back. Pure.

The bytes name no run, instant or commit, so the same recipe and params give the same hash.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from hashlib import sha256
from typing import Any, Final, NamedTuple

from platformstate.codec.json_text import canonical_json
from platformstate.entities.step import (
    OUTPUT_LIMIT_BYTES,
    STEPS,
    CommandStep,
    Expectation,
    Guard,
    ManualStep,
    Probe,
    Step,
    Verification,
)

EXPANDER: Final = 1
SCHEMA: Final = "resolved_steps/1"
_NESTED: Final[Mapping[str, Callable[..., Any]]] = {
    "done_when": Probe,
    "verify": Verification,
    "expect": Expectation,
}


class Source(NamedTuple):
    """Where a list came from: `kind` is procedure, job or task; `blob` is the record's git blob."""

    kind: str
    id: str
    path: str
    blob: str


@dataclass(frozen=True, slots=True)
class Pin:
    """A fully resolved step list and what it was resolved from."""

    source: Source
    steps: tuple[Step, ...]
    params: Mapping[str, str | int | bool] = field(default_factory=dict)
    called: tuple[tuple[str, str], ...] = ()
    requires: tuple[Guard, ...] = ()
    secrets: tuple[str, ...] = ()
    agent_may_decide: bool = False
    output_limit: int = OUTPUT_LIMIT_BYTES

    @property
    def params_sha256(self) -> str:
        """The digest of the params, by which two conducts of the same thing are told."""
        return sha256(canonical_json(dict(self.params))).hexdigest()


def step_to_payload(step: Step) -> dict[str, Any]:
    """Return a step as the pin holds it, with its digest; keys in code-point order."""
    bare = {"kind": step.kind, **_plain(step)}
    payload = {**bare, "step_sha256": _digest(bare)}
    return {key: payload[key] for key in sorted(payload)}


def step_from_payload(payload: Mapping[str, Any]) -> Step:
    """Return the step that a payload holds. Raises ValueError when it is not one that we wrote."""
    step = _step(payload)
    if step_to_payload(step) != dict(payload):
        raise ValueError(f"step {step.index} is not what its step_sha256 says")
    return step


def _step(payload: Mapping[str, Any]) -> Step:
    try:
        made = STEPS[payload["kind"]]
        given = {name: payload[name] for name in _names(made.kind)}
        given |= {name: tuple(value) for name, value in given.items() if type(value) is list}
        given |= {name: _nested(name, given[name]) for name in _NESTED if given.get(name) is not None}
        step: Step = made(**given)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no step of a known kind: {error}") from error
    return step


@cache
def _names(kind: str) -> tuple[str, ...]:
    return tuple(part.name for part in fields(STEPS[kind]))


def step_sha256(step: Step) -> str:
    """Return the digest of what a step does, wherever it stands in its list."""
    return _digest({"kind": step.kind, **_plain(step)})


def pin_bytes(pin: Pin) -> bytes:
    """Return the bytes of `resolved_steps.json`: one line a top-level key, one line a step."""
    top: dict[str, Any] = {
        "agent_may_decide": pin.agent_may_decide,
        "called": [{"blob": blob, "id": name} for name, blob in pin.called],
        "expander": EXPANDER,
        "output_limit": pin.output_limit,
        "params": dict(pin.params),
        "requires": [_jsonable(guard) for guard in pin.requires],
        "schema": SCHEMA,
        "secrets": list(pin.secrets),
        "source": _jsonable(pin.source),
    }
    lines = [b"{", *(canonical_json(key) + b":" + canonical_json(top[key]) + b"," for key in sorted(top))]
    steps = [canonical_json(step_to_payload(step)) for step in pin.steps]
    lines += [b'"steps":[', *(step + b"," for step in steps[:-1]), *steps[-1:], b"]", b"}", b""]
    return b"\n".join(lines)


def read_pin(value: Mapping[str, Any]) -> Pin:
    """Return the pin that a parsed `resolved_steps.json` holds. Raises ValueError for any other.

    The digest of each step is not computed again: the file's own covers them all.
    """
    try:
        if value["expander"] != EXPANDER:
            raise ValueError(f"expander {value['expander']} is not known here")
        steps = tuple(map(_step, value["steps"]))
        pin = Pin(
            source=Source(**value["source"]),
            steps=steps,
            params=dict(value["params"]),
            called=tuple((called["id"], called["blob"]) for called in value["called"]),
            requires=tuple(Guard(**{**guard, "argv": tuple(guard["argv"])}) for guard in value["requires"]),
            secrets=tuple(value["secrets"]),
            agent_may_decide=value["agent_may_decide"],
            output_limit=value["output_limit"],
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"no pinned list: {error}") from error
    misplaced = next((step for number, step in enumerate(steps) if step.index != number), None)
    if misplaced is not None:
        raise ValueError(f"step_index {misplaced.index} stands at another place")
    return pin


def task_steps(plan: Sequence[Mapping[str, Any]]) -> tuple[Step, ...]:
    """Return a task's plan as steps that its agent does by hand; nothing in them is ever executed."""
    return tuple(
        ManualStep(index, item["key"], item["text"], idempotent=True, verify_text=item.get("verify"))
        for index, item in enumerate(plan)
    )


def job_steps(argv: Sequence[str], **given: Any) -> tuple[Step, ...]:
    """Return a command job's one step; the job retries and judges, so a failure ends the run."""
    return (CommandStep(0, "main", tuple(argv), on_fail="fail", **given),)


def _digest(bare: Mapping[str, Any]) -> str:
    kept = {key: value for key, value in bare.items() if key != "index"}
    return sha256(canonical_json(kept)).hexdigest()


def _plain(step: Step) -> dict[str, Any]:
    return {name: _jsonable(getattr(step, name)) for name in _names(step.kind)}


def _jsonable(value: Any) -> Any:
    """Return a value of ours as JSON holds it."""
    if hasattr(value, "_asdict"):
        return {name: _jsonable(part) for name, part in value._asdict().items()}
    if isinstance(value, tuple):
        return list(value)
    return dict(value) if isinstance(value, Mapping) else value


def _nested(name: str, value: Mapping[str, Any]) -> Any:
    parts = {key: tuple(part) if isinstance(part, list) else part for key, part in value.items()}
    return _NESTED[name](**parts)

"""A job's spec: what an absent key means, and what decides what it executes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from platformstate.core.catalog import KINDS
from platformstate.core.kind import Shape
from platformstate.core.quantities import seconds

_DEADLINE_S: Final = 7_200
_ONLY_OF: Final = {"path": "python"}  # keys of a target that other targets do not have
_NOT_EXECUTED: Final = ("title", "enabled", "retention")
_GIVEN: Final = ("bindings", "bindings_schema", "set")  # names in them are the author's: none is a note


def with_defaults(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return a valid spec with every default written out, in the schema's order, `x-` keys last."""
    whole: dict[str, Any] = _filled(spec, KINDS["job"].shape)
    for key, kind in _ONLY_OF.items():
        if whole["target"]["kind"] != kind:
            whole["target"].pop(key, None)
    if whole["trigger"]["kind"] != "cron":
        whole["trigger"].pop("dst", None)
    whole["overlap"].setdefault("group", spec["id"])
    runtime = whole["runtime"]
    runtime.setdefault("deadline", max(_DEADLINE_S, seconds(runtime["timeout"])))
    return whole


def whole_trigger(trigger: Mapping[str, Any]) -> dict[str, Any]:
    """Return a valid trigger with every default written out."""
    whole = _filled(trigger, KINDS["job"].shape.keys["trigger"])
    if whole["kind"] != "cron":
        whole.pop("dst", None)
    return whole


def executed(whole: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a whole spec that decides what is executed: what an approval is about."""
    decided: dict[str, Any] = _without_notes(whole)
    return {key: value for key, value in decided.items() if key not in _NOT_EXECUTED}


def _without_notes(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    said = {key: inner for key, inner in value.items() if not key.startswith("x-")}
    return {key: inner if key in _GIVEN else _without_notes(inner) for key, inner in said.items()}


def _filled(given: Mapping[str, Any], shape: Shape) -> dict[str, Any]:
    whole: dict[str, Any] = {}
    for key, inner in shape.keys.items():
        value = given.get(key)
        if inner.keys and (value is None or isinstance(value, Mapping)):
            filled = _filled(value or {}, inner)
            if filled or value is not None:
                whole[key] = filled
        elif value is not None:
            whole[key] = value
        elif inner.default is not None:
            whole[key] = list(inner.default) if isinstance(inner.default, list) else inner.default
    whole.update({key: value for key, value in given.items() if key not in shape.keys})
    return whole

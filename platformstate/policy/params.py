"""The params of a procedure: what a definition allows, and which value a text or a JSON value is. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any, Final

from platformstate.codec.characters import holds_refused
from platformstate.core.ids import is_id
from platformstate.errors import shown

Value = str | int | bool
Definition = Mapping[str, Any]

MAX_LENGTH: Final = 1024
_SEMVER: Final = re.compile(
    r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)"
    r"(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?"
)
_COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_INTEGER: Final = re.compile(r"-?(0|[1-9][0-9]*)")
_MAX_INTEGER: Final = 2**53 - 1
_WORDS: Final = {"string": "a text", "integer": "a whole number", "boolean": "true or false"}
_BOOLEANS: Final = {"true": True, "false": False}
# Which limits of a definition go with which type.
_LIMITS: Final = {"string": ("format", "max_length"), "integer": ("min", "max"), "boolean": ()}


def value_of(definition: Definition, given: Any) -> tuple[Value | None, str | None]:
    """Return a param's value for what was given (a text or a JSON value), or what is wrong with it."""
    value = _typed(definition["type"], given)
    if value is None:
        return None, f"{shown(given)} is not {_WORDS[definition['type']]}"
    fault = _fault(definition, value)
    return (None, fault) if fault else (value, None)


def definition_faults(definition: Definition) -> Iterator[tuple[str, str]]:
    """Yield the key and the reason of each thing by which a definition contradicts itself."""
    kind = definition["type"]
    for limit in ("format", "max_length", "min", "max"):
        if limit in definition and limit not in _LIMITS[kind]:
            yield limit, f"{limit} does not go with {kind}"
    if definition.get("min", 0) > definition.get("max", definition.get("min", 0)):
        yield "min", "min is above max"
    for position, choice in enumerate(definition.get("choices", ())):
        bare = {key: value for key, value in definition.items() if key != "choices"}
        if fault := _exact_fault(bare, choice):
            yield f"choices/{position}", fault
    if "default" in definition and (fault := _exact_fault(definition, definition["default"])):
        yield "default", fault


def text_of(value: Value) -> str:
    """Return a value as a step's environment and a prompt have it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def environment(params: Mapping[str, Value]) -> dict[str, str]:
    """Return the variables by which a step gets its params."""
    return {f"P_{name}": text_of(params[name]) for name in sorted(params)}


def same(one: Value, other: Value) -> bool:
    """Say whether two values are one; true is not 1."""
    return type(one) is type(other) and one == other


def _typed(kind: str, given: Any) -> Value | None:
    if kind == "string":
        return given if isinstance(given, str) else None
    if kind == "boolean":
        return given if isinstance(given, bool) else _BOOLEANS.get(given) if isinstance(given, str) else None
    if isinstance(given, str) and _INTEGER.fullmatch(given):
        return int(given) if len(given) <= len(str(_MAX_INTEGER)) + 1 else None
    return given if isinstance(given, int) and not isinstance(given, bool) else None


def _exact_fault(definition: Definition, value: Any) -> str | None:
    """Return what is wrong with a value that a definition itself holds: no text stands for a number."""
    typed = _typed(definition["type"], value)
    if typed is None or not same(value, typed):
        return f"{shown(value)} is not {_WORDS[definition['type']]}"
    return _fault(definition, value)


def _fault(definition: Definition, value: Value) -> str | None:
    choices = definition.get("choices")
    if choices and not any(same(value, choice) for choice in choices):
        return f"{shown(text_of(value))} is not one of {', '.join(map(text_of, choices))}"
    if isinstance(value, str):
        return _text_fault(definition, value)
    return None if isinstance(value, bool) else _integer_fault(definition, value)


def _integer_fault(definition: Definition, value: int) -> str | None:
    if value < definition.get("min", -_MAX_INTEGER):
        return f"{value} is less than {definition.get('min', -_MAX_INTEGER)}"
    if value > definition.get("max", _MAX_INTEGER):
        return f"{value} is more than {definition.get('max', _MAX_INTEGER)}"
    return None


def _text_fault(definition: Definition, value: str) -> str | None:
    longest = definition.get("max_length", MAX_LENGTH)
    if len(value) > longest:
        return f"a text of {len(value)} characters is longer than {longest}"
    if holds_refused(value) or "\r" in value:
        return "the text holds a control character"
    form = definition.get("format", "text")
    return None if _FORMATS[form](value) else f"{shown(value)} is not {_FORMAT_WORDS[form]}"


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _is_inside(text: str) -> bool:
    """Say whether a text is a path below the repository's root that no command takes for an option."""
    return (
        bool(text)
        and text[0] not in "-/"
        and not {"", ".", ".."} & set(text.split("/"))
        and not {"\\", "\n"} & set(text)
    )


_FORMATS: Final[Mapping[str, Callable[[str], bool]]] = {
    "text": lambda text: True,
    "slug": is_id,
    "semver": lambda text: _SEMVER.fullmatch(text) is not None,
    "commit": lambda text: _COMMIT.fullmatch(text) is not None,
    "path": _is_inside,
    "date": _is_date,
}
_FORMAT_WORDS: Final = {
    "text": "a text",
    "slug": "lower-case letters, digits and single dashes",
    "semver": "a version such as 1.4.2",
    "commit": "a full commit id",
    "path": "a path inside the repository, without ..",
    "date": "a date such as 2026-11-20",
}

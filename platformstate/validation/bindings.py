"""Judge a job's bindings by the schema that its target gives. Nothing is ever fetched."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from platformstate.validation.loading import load_engine

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_REFERENCES: Final = ("$ref", "$dynamicRef")
_DATA: Final = ("const", "enum", "default", "examples")  # values, in which nothing refers to anything


class Fault(NamedTuple):
    """What is wrong at a place, by its pointer."""

    pointer: str
    message: str


def schema_faults(schema: dict[str, Any]) -> list[Fault]:
    """Return what keeps a schema from being used; empty for a good one."""
    if schema.get("$schema", DIALECT) != DIALECT:
        return [Fault("/$schema", f"only {DIALECT} is known here")]
    remote = list(_remote(schema, ""))
    if remote:
        return remote
    load_engine()
    import jsonschema_rs

    try:
        jsonschema_rs.Draft202012Validator(schema, offline=True)
    except jsonschema_rs.ValidationError as broken:
        return [Fault(_pointer(broken.instance_path), broken.message)]
    return []


def bindings_faults(schema: dict[str, Any], bindings: Mapping[str, Any]) -> list[Fault]:
    """Return where bindings break a good schema, sorted."""
    load_engine()
    import jsonschema_rs

    validator = jsonschema_rs.Draft202012Validator(schema, offline=True)
    found = validator.iter_errors(bindings)
    return sorted(Fault(_pointer(error.instance_path), error.message) for error in found)


def _remote(value: Any, at: str) -> Iterator[Fault]:
    """Yield each reference that does not begin with #."""
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from _remote(item, f"{at}/{number}")
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            place = f"{at}{_pointer([key])}"
            if key in _REFERENCES and isinstance(inner, str) and not inner.startswith("#"):
                yield Fault(place, "a reference has to begin with #: nothing is fetched")
            elif key not in _DATA:
                yield from _remote(inner, place)


def _pointer(parts: Iterable[str | int]) -> str:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)

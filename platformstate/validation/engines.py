"""The two engines that judge a value by a packaged schema, and one form for what they find.

`jsonschema_rs` is the one that commands use, `jsonschema` the reference. Nothing is ever fetched,
and nothing of a repository is compiled. Only places and keywords are taken from an engine; the
words of a finding are ours.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from platformstate import packaged
from platformstate.validation.formats import FORMATS
from platformstate.validation.loading import load_engine

Schema = dict[str, Any]
At = tuple[str | int, ...]


class Fault(NamedTuple):
    """One keyword of a schema that a value breaks: where, and the part of the schema that says so."""

    at: At
    keyword: str
    part: Schema
    definitions: Schema

    def property(self, name: str) -> Schema:
        """Return what the part says about one of its fields, with a reference followed."""
        found = self.part.get("properties", {}).get(name)
        if not isinstance(found, dict):
            return {}
        target = self.definitions[found["$ref"].rpartition("/")[2]] if "$ref" in found else {}
        return {**target, **found}


Engine = Callable[[object], Sequence[Fault]]


@cache
def schema(kind: str) -> Schema:
    """Return a kind's packaged schema."""
    loaded: Schema = json.loads(packaged.read("schemas", f"{kind}.schema.json"))
    return loaded


@cache
def engine(kind: str) -> Engine:
    """Return the judge of a kind, compiled once in a process."""
    load_engine()
    import jsonschema_rs

    whole = schema(kind)
    validator = jsonschema_rs.Draft202012Validator(
        whole, formats=dict(FORMATS), validate_formats=True, ignore_unknown_formats=False, offline=True
    )

    def faults(value: object) -> Sequence[Fault]:
        if validator.is_valid(value):
            return ()
        return _faults(
            whole, ((error.instance_path, error.schema_path) for error in validator.iter_errors(value))
        )

    return faults


@cache
def reference(kind: str) -> Engine:
    """Return the reference judge of a kind."""
    import jsonschema

    whole = _anchored(schema(kind))
    checker = jsonschema.FormatChecker(formats=())
    for name, holds in FORMATS.items():
        checker.checks(name)(holds)
    validator = jsonschema.Draft202012Validator(whole, format_checker=checker)

    def faults(value: object) -> Sequence[Fault]:
        errors = validator.iter_errors(value)
        return _faults(whole, ((error.absolute_path, error.absolute_schema_path) for error in errors))

    return faults


def _faults(whole: Schema, places: Iterable[tuple[Iterable[str | int], Iterable[str | int]]]) -> list[Fault]:
    return [Fault(tuple(at), *_follow(whole, list(rule)), whole["$defs"]) for at, rule in places]


def _follow(whole: Schema, rule: list[str | int]) -> tuple[str, Schema]:
    """Return the keyword at the end of a path through a schema, and the part that holds it.

    The engines write such a path in two ways: one steps over references, one starts at their target.
    """
    *steps, keyword = rule
    part: Any = whole
    for step in steps:
        part = _opened(whole, part, step)[step]
    return str(keyword), _opened(whole, part, keyword)


def _opened(whole: Schema, part: Any, step: str | int) -> Any:
    while isinstance(part, dict) and step not in part and "$ref" in part:
        part = whole["$defs"][part["$ref"].rpartition("/")[2]]
    return part


def _anchored(part: Any) -> Any:
    """Return a schema whose patterns end at the very end of the text, as the other engine reads `$`."""
    if isinstance(part, list):
        return [_anchored(item) for item in part]
    if not isinstance(part, dict):
        return part
    return dict(_anchored_items(part))


def _anchored_items(part: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in part.items():
        if key == "pattern" and isinstance(value, str):
            yield key, _to_the_end(value)
        elif key == "patternProperties":
            yield key, {_to_the_end(pattern): _anchored(child) for pattern, child in value.items()}
        else:
            yield key, _anchored(value)


def _to_the_end(pattern: str) -> str:
    return pattern[:-1] + r"\Z" if pattern.endswith("$") else pattern

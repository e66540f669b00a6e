"""Say what a broken rule means: code, place and words, with the names and titles of the schema.

An engine's own message never leaves the program: it may repeat a whole value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from platformstate.errors import MAX_SHOWN_CHARACTERS
from platformstate.validation.engines import At, Fault, Schema

_TYPE_WORDS: Final = {
    "string": "text",
    "integer": "a whole number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "null",
}
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_MAX_LISTED: Final = 15
_NEAR: Final = 0.8
# Of several faults at one value the first of these is told: a wrong type explains the rest.
_VALUE_KEYWORDS: Final = ("type", "const", "enum")


class Finding(NamedTuple):
    """What is wrong with a record, before its line and column are known."""

    code: str
    at: At
    message: str
    fix: str
    of_key: bool = False
    severity: str = "error"


def findings(value: object, faults: Iterable[Fault]) -> list[Finding]:
    """Return a finding for each thing that is wrong, once, whatever number of rules it breaks."""
    by_place: dict[tuple[str, At], tuple[int, Finding]] = {}
    for fault in faults:
        rank = _rank(fault.keyword)
        for finding in _found(value, fault):
            place = ("key" if finding.of_key else "value", finding.at)
            if place not in by_place or rank < by_place[place][0]:
                by_place[place] = (rank, finding)
    return [finding for _, finding in by_place.values()]


def _rank(keyword: str) -> int:
    return _VALUE_KEYWORDS.index(keyword) if keyword in _VALUE_KEYWORDS else len(_VALUE_KEYWORDS)


def _found(value: object, fault: Fault) -> Iterator[Finding]:
    found = value_at(value, fault.at)
    if fault.keyword == "required":
        yield from _missing(found, fault)
    elif fault.keyword == "additionalProperties":
        yield from _unknown(found, fault)
    elif fault.keyword == "not":
        yield from _misplaced(found, fault)
    elif fault.keyword == "type":
        yield wrong_type(fault.at, found, fault.part)
    elif fault.keyword == "uniqueItems":
        yield from _repeated(found, fault)
    else:
        yield _wrong_value(fault, found)


def _missing(found: Any, fault: Fault) -> Iterator[Finding]:
    whose = _whose(fault.part)
    for name in fault.part["required"]:
        if name not in found:
            message = f"{name} is missing" + (f"; {whose} needs it" if whose else "")
            fix = f"add {name}{_expected(fault.property(name))}"
            yield Finding("field_missing", (*fault.at, name), message, fix, of_key=True)


def _expected(part: Schema) -> str:
    if "const" in part:
        return f": {part['const']}"
    if "enum" in part:
        return f", one of {_listed(part['enum'])}"
    return f", {part['title']}" if "title" in part else ""


def _unknown(found: Any, fault: Fault) -> Iterator[Finding]:
    known = fault.part.get("properties", {})
    patterns = [re.compile(pattern) for pattern in fault.part.get("patternProperties", {})]
    whose = _whose(fault.part)
    for name in found:
        if name in known or any(pattern.search(name) for pattern in patterns):
            continue
        if whose:
            message = f"{quoted(name)} does not belong in {whose}"
            fix = f"remove it, or begin its name with x-; {whose} has {_listed(known)}"
        else:
            message = f"{quoted(name)} is no field of {_name(fault.at)}"
            fix = _nearest_name(name, known)
        yield Finding("field_unknown", (*fault.at, name), message, fix, of_key=True)


def _nearest_name(name: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, list(known), n=1)
    return f"write {near[0]} instead" if near else "remove it, or begin its name with x-"


def _misplaced(found: Any, fault: Fault) -> Iterator[Finding]:
    rules = fault.part["not"].get("anyOf", [fault.part["not"]])
    for name in (name for rule in rules for name in rule["required"]):
        if name in found:
            message = f"{name} does not belong in {_whose(fault.part)}"
            yield Finding("field_unknown", (*fault.at, name), message, f"remove {name}", of_key=True)


def _repeated(found: Any, fault: Fault) -> Iterator[Finding]:
    for position, item in enumerate(found):
        if item in found[:position]:
            message = f"{_name(fault.at)} holds {quoted(item)} twice"
            yield Finding("field_value_invalid", (*fault.at, position), message, "remove one of the two")


def wrong_type(at: At, found: object, part: Schema) -> Finding:
    """Return the finding for a value of another type than the schema asks for."""
    types = part["type"]
    wanted = " or ".join(_TYPE_WORDS[name] for name in ([types] if isinstance(types, str) else types))
    if isinstance(found, dict | list):
        message = f"{_name(at)} is {type_words(found)}, not {wanted}"
    elif found is None or isinstance(found, bool):
        message = f"{_name(at)} is {quoted(found)}, not {wanted}"
    else:
        message = f"{_name(at)} is {quoted(found)}, {type_words(found)}, not {wanted}"
    return Finding("field_type_wrong", at, message, f"write {part.get('title', wanted)}")


def type_words(found: object) -> str:
    """Return what a value is, in the words of a person who writes YAML."""
    words = {int: "a whole number", float: "a number with a decimal point", str: "text", list: "a list"}
    return words.get(type(found), "a mapping")


def _wrong_value(fault: Fault, found: Any) -> Finding:
    part, keyword = fault.part, fault.keyword
    message, fix = _VALUE_WORDS[keyword](_name(fault.at), found, part)
    leaves = keyword == "format" and part["format"] in ("repo-path", "glob") and _leads_out(found)
    return Finding("path_outside_repository" if leaves else "field_value_invalid", fault.at, message, fix)


def _leads_out(path: object) -> bool:
    """Say whether a path that is not allowed would leave the repository."""
    return str(path).startswith("/") or ".." in str(path).split("/")


def _not_listed(name: str, found: Any, part: Schema) -> tuple[str, str]:
    words = [str(word) if word is not None else "null" for word in part.get("enum", [part.get("const")])]
    from difflib import get_close_matches

    near = get_close_matches(str(found), words, n=1, cutoff=_NEAR)
    example = near[0] if near else str(part.get("examples", words)[0])
    others = ", or another of the words listed" if len(words) > 1 else ""
    one = f"one of {_listed(words)}" if len(words) > 1 else quoted(words[0])
    return f"{name} {quoted(found)} is not {one}", f"write {example}{others}"


def _not_titled(name: str, found: Any, part: Schema) -> tuple[str, str]:
    title = part.get("title", "a value that the schema allows")
    if isinstance(found, str) and len(found) > MAX_SHOWN_CHARACTERS:
        return f"{name} of {len(found)} characters is not {title}: {quoted(found)}", f"write {title}"
    return f"{name} {quoted(found)} is not {title}", f"write {title}"


def _too_many(name: str, found: Any, part: Schema) -> tuple[str, str]:
    most = part["maxItems"]
    return f"{name} holds {len(found)} items, more than {most}", f"keep at most {most}"


def _too_few(name: str, found: Any, part: Schema) -> tuple[str, str]:
    title = part.get("title", f"a list of at least {part['minItems']}")
    return f"{name} holds {len(found)} items; it must be {title}", f"write {title}"


_VALUE_WORDS: Final[Mapping[str, Callable[[str, Any, Schema], tuple[str, str]]]] = {
    "enum": _not_listed,
    "const": _not_listed,
    "maxItems": _too_many,
    "minItems": _too_few,
    **dict.fromkeys(("pattern", "format", "minLength", "maxLength", "minimum", "maximum"), _not_titled),
}


def _whose(part: Schema) -> str:
    """Return what a rule is about, where it is about less than a whole record."""
    return "" if "x-kind" in part else str(part.get("title", ""))


def _listed(names: Iterable[str | None]) -> str:
    words = ["null" if name is None else name for name in names]
    more = f" and {len(words) - _MAX_LISTED} more" if len(words) > _MAX_LISTED else ""
    return ", ".join(words[:_MAX_LISTED]) + more


def _name(at: At) -> str:
    if not at:
        return "the record"
    if isinstance(at[-1], int):
        return f"item {at[-1] + 1} of {_name(at[:-1])}"
    return at[-1]


def value_at(value: Any, at: At) -> Any:
    """Return what stands at a place of a value."""
    for step in at:
        value = value[step]
    return value


def pointer(at: At) -> str:
    """Return a place as an RFC 6901 pointer."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in at)


def quoted(value: object) -> str:
    """Return a value for a message: cut, with control characters escaped, and never a secret."""
    from platformstate.policy.secrets import secrets

    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if secrets(text):
        return '"[redacted]"'
    cut = text if len(text) <= MAX_SHOWN_CHARACTERS else text[:MAX_SHOWN_CHARACTERS] + "…"
    safe = _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", cut)
    return f'"{safe}"' if isinstance(value, str) else safe

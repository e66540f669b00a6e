"""Whether a path of the repository lies inside what a task may touch. Pure.

Globs are git's `:(glob)` pathspecs: a star stays within one part of a path, `**` stands for any
parts, and a glob that names a folder takes in everything below it. Matching never takes more than
the product of the two lengths.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

ANY_PARTS: Final = "**"
_TOKEN: Final = re.compile(r"\\(.)|(\[[!^]?\]?[^\]]*\])|(\*)|(.)", re.DOTALL)


def is_outside(scope: Mapping[str, Any] | None, task: str, path: str) -> bool:
    """Say whether a scope keeps a task from touching a path; its own folder is always its to write."""
    if not isinstance(scope, Mapping) or path.startswith(f"state/tasks/{task}/"):
        return False
    allow, forbid = _globs(scope, "allow"), _globs(scope, "forbid")
    if any(covers(glob, path) for glob in forbid):
        return True
    return bool(allow) and not any(covers(glob, path) for glob in allow)


def _globs(scope: Mapping[str, Any], key: str) -> list[str]:
    found = scope.get(key)
    return [glob for glob in found if isinstance(glob, str)] if isinstance(found, list) else []


def covers(glob: str, path: str) -> bool:
    """Say whether a glob names a path or a folder above it."""
    patterns = [part for part in glob.split("/") if part not in ("", ".")]
    if patterns[-1:] == [ANY_PARTS] or glob.endswith("/"):
        below = [*patterns[:-1], "*"] if patterns[-1:] == [ANY_PARTS] else [*patterns, "*"]
    else:
        below = patterns
    return bool(patterns) and _covered([*below, ANY_PARTS], path.split("/"))


def _covered(patterns: Sequence[str], parts: Sequence[str]) -> bool:
    return _greedy([None if each == ANY_PARTS else _part(each) for each in patterns], parts)


def _greedy(patterns: Sequence[Any], items: Sequence[str]) -> bool:
    """Match a sequence against predicates in which None stands for any run of items."""
    at = item = 0
    star, resume = -1, 0
    while item < len(items):
        if at < len(patterns) and patterns[at] is not None and patterns[at](items[item]):
            at, item = at + 1, item + 1
        elif at < len(patterns) and patterns[at] is None:
            star, resume, at = at, item, at + 1
        elif star >= 0:
            resume += 1
            at, item = star + 1, resume
        else:
            return False
    return all(each is None for each in patterns[at:])


@lru_cache(maxsize=1024)
def _part(glob: str) -> Any:
    """Return the predicate of one part of a path."""
    if not re.search(r"[*?\[\\]", glob):
        return glob.__eq__
    tokens = [_token(found) for found in _TOKEN.finditer(glob)]
    return lambda part: _greedy(tokens, part)


def _token(found: re.Match[str]) -> Any:
    escaped, letters, star, plain = found.groups()
    if star:
        return None
    if letters:
        return _class(letters)
    if plain == "?":
        return bool
    return (escaped or plain).__eq__


def _class(text: str) -> Any:
    inner = text[1:-1]
    negated = inner[:1] in ("!", "^")
    body = inner[1:] if negated else inner
    ranges = [(low, high or low) for low, high in re.findall(r"(.)(?:-(.))?", body, re.DOTALL)]

    def holds(letter: str) -> bool:
        return any(low <= letter <= high for low, high in ranges) is not negated

    return holds

"""What a job's child leaves: a payload and artifacts, judged before any of it is taken."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from platformstate.codec.json_text import parse_json
from platformstate.codec.safe import safe_text
from platformstate.core.quantities import size_bytes
from platformstate.core.tree import Entry
from platformstate.files import Folder
from platformstate.policy.tree_rules import path_problems
from platformstate.runner.opening import read_whole

if TYPE_CHECKING:
    from platformstate.actions.conduct_open import Conduct

MAX_PAYLOAD_BYTES: Final = 65_536


class OutputInvalid(Exception):
    """A payload or artifacts that are not what the spec allows; nothing is collected."""


def read_payload(path: Path) -> dict[str, Any]:
    """Return the JSON object that a child wrote as its payload, {} when it wrote none. Raises OutputInvalid."""
    data = read_whole(path)
    if data is None:
        return {}
    if len(data) > MAX_PAYLOAD_BYTES:
        raise OutputInvalid(f"the payload is {len(data)} bytes, more than {MAX_PAYLOAD_BYTES}")
    value, problems = parse_json(data, "payload")
    if problems or not isinstance(value, dict):
        reason = problems[0].message if problems else "it is no JSON object"
        raise OutputInvalid(f"the payload cannot be taken: {reason}")
    safe = _safe(value)
    assert isinstance(safe, dict)
    return safe


def _safe(value: Any) -> Any:
    """Return a value with every text as it may be shown."""
    if isinstance(value, str):
        return safe_text(value)
    if isinstance(value, list):
        return [_safe(item) for item in value]
    if isinstance(value, dict):
        return {safe_text(key): _safe(inner) for key, inner in value.items()}
    return value


def collect(conduct: Conduct, whole: Mapping[str, Any], root: Path) -> list[dict[str, Any]]:
    """Copy what the spec's globs match into the run's artifacts; return path, bytes and digest of each.

    What the child wrote there itself counts too. Raises OutputInvalid, and then nothing is copied.
    """
    output = whole["output"]
    source = root / whole["runtime"]["cwd"]
    found = {path: source / path for path in _matched(source, output["artifacts"])}
    home = conduct.store.root / conduct.site.folder / "artifacts"
    own = {path: home / path for path in _files(home)}
    _refuse_names(conduct, [*found, *own])
    wanted = {**found, **own}
    total = sum(path.lstat().st_size for path in wanted.values())
    if total > size_bytes(output["max_bytes"]):
        raise OutputInvalid(f"the artifacts are {total} bytes, more than {output['max_bytes']}")
    return [_taken(conduct, name, path, copy=name in found) for name, path in sorted(wanted.items())]


def _taken(conduct: Conduct, name: str, path: Path, *, copy: bool) -> dict[str, Any]:
    data = path.read_bytes()
    if copy:
        folder, _, last = f"{conduct.site.folder}/artifacts/{name}".rpartition("/")
        durability = conduct.store.session.settings.durability
        with Folder.at(conduct.store.root, folder, durability=durability) as opened:
            opened.replace(last, data, durability)
    return {"path": f"artifacts/{name}", "bytes": len(data), "sha256": sha256(data).hexdigest()}


def _matched(source: Path, globs: Sequence[str]) -> Iterator[str]:
    names = list(_files(source)) if globs else []
    for glob in globs:
        pattern = _pattern(glob.removesuffix("!"))
        matched = [name for name in names if pattern.fullmatch(name)]
        if not matched and glob.endswith("!"):
            raise OutputInvalid(f"{glob} matches no file")
        yield from matched


def _pattern(glob: str) -> re.Pattern[str]:
    """Return a glob as a pattern: `*` and `?` stay inside a name, `**` crosses folders."""
    parts = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    tokens = re.split(r"(\*\*/|\*\*|\*|\?)", glob)
    return re.compile("".join(parts.get(token, re.escape(token)) for token in tokens))


def _files(folder: Path) -> Iterator[str]:
    """Yield the regular files below a folder by their relative path; links are never followed."""
    for at, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != ".git"]
        for name in names:
            path = Path(at, name)
            if stat.S_ISREG(path.lstat().st_mode):
                yield path.relative_to(folder).as_posix()


def _refuse_names(conduct: Conduct, names: Sequence[str]) -> None:
    entries = [Entry(f"{conduct.site.folder}/artifacts/{name}", "100644") for name in names]
    problems = path_problems(entries)
    if problems:
        raise OutputInvalid(f"an artifact's name cannot be kept: {problems[0].message}")

"""What a job's child leaves: a payload and artifacts, judged before any of it is taken."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from platformstate.codec.json_text import parse_text
from platformstate.codec.safe import safe_text
from platformstate.core.quantities import size_bytes
from platformstate.core.tree import Entry
from platformstate.files import Folder
from platformstate.policy.redaction import redacted_output
from platformstate.policy.tree_rules import path_problems
from platformstate.runner.opening import read_whole

if TYPE_CHECKING:
    from platformstate.actions.conduct_open import Conduct

MAX_PAYLOAD_BYTES: Final = 65_536


class OutputInvalid(Exception):
    """A payload or artifacts that are not what the spec allows; nothing is collected."""


def read_payload(path: Path, values: Sequence[str] = ()) -> dict[str, Any]:
    """Return the JSON object that a child wrote as its payload, {} when it wrote none. Raises OutputInvalid.

    Its texts are safe to show and without secrets; `values` are some.
    """
    data = _payload_bytes(path)
    if data is None:
        return {}
    text = data.decode("utf-8", "surrogateescape")
    value, problems = parse_text(text, "payload")
    wrong = next((problem.message for problem in problems if problem.severity == "error"), None)
    if wrong is not None or not isinstance(value, dict):
        raise OutputInvalid(f"the payload cannot be taken: {wrong or 'it is no JSON object'}")
    safe = _safe(value, values)
    assert isinstance(safe, dict)
    return safe


def _payload_bytes(path: Path) -> bytes | None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found.st_mode):
        raise OutputInvalid("the payload is no regular file")
    if found.st_size > MAX_PAYLOAD_BYTES:
        raise OutputInvalid(f"the payload is {found.st_size} bytes, more than {MAX_PAYLOAD_BYTES}")
    return read_whole(path)


def _safe(value: Any, values: Sequence[str]) -> Any:
    """Return a value with every text as it may be shown."""
    if isinstance(value, str):
        return safe_text(redacted_output(value.encode("utf-8", "replace"), values))
    if isinstance(value, list):
        return [_safe(item, values) for item in value]
    if isinstance(value, dict):
        return {_safe(key, values): _safe(inner, values) for key, inner in value.items()}
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
    """Yield what globs match; only folders below the part of a glob that has no sign are looked at."""
    for glob in globs:
        wanted = glob.removesuffix("!")
        pattern, folder = _pattern(wanted), _prefix(wanted)
        matched = [name for name in _below(source, folder) if pattern.fullmatch(name)]
        if not matched and glob.endswith("!"):
            raise OutputInvalid(f"{glob} matches no file")
        yield from matched


def _prefix(glob: str) -> str:
    """Return the folder that everything a glob matches lies in."""
    plain = glob[: re.search(r"[*?]|$", glob).start()]  # type: ignore[union-attr]  # the end always matches
    return plain.rpartition("/")[0]


def _below(source: Path, folder: str) -> Iterator[str]:
    """Yield the files below a folder by their path from the source; a link on the way leads nowhere."""
    ways = [source.joinpath(*folder.split("/")[: number + 1]) for number in range(folder.count("/") + 1)]
    if folder and any(way.is_symlink() for way in ways):
        return
    for name in _files(source / folder):
        yield f"{folder}/{name}" if folder else name


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

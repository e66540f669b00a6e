"""Rules on names and modes of a state tree, judged before any content is read. Pure.

A hostile branch can carry what no editor would make: links out of the repository, embedded
repositories, names that another system reads as a device. All of it is refused by its name alone.
"""

from __future__ import annotations

import re
import shlex
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final

from platformstate.core import places
from platformstate.core.catalog import KINDS
from platformstate.core.ids import is_id
from platformstate.core.places import Place
from platformstate.core.tree import Entry
from platformstate.errors import Problem

FILE_MODE: Final = "100644"
_MAX_NAME_BYTES: Final = 255
_MAX_PATH_BYTES: Final = 900
_FEW_TWINS: Final = 64
LAID_OUT: Final = frozenset({"tasks", "jobs", "procedures", "evidence", "schemas", "templates"})

_LEDGER_NAME: Final = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])\.[a-z2-7]{8}(\.[2-9]|\.[1-9][0-9]+)?")
_MODE_NAMES: Final[Mapping[str, str]] = {
    "120000": "a symbolic link",
    "160000": "a submodule",
    "100755": "an executable file",
    "040000": "a folder",
    "100664": "a file writable by its group",
}
_COMPONENT: Final = re.compile(r"[A-Za-z0-9._-]+")
_DEVICES: Final = frozenset(
    ["con", "nul", "aux", "prn", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))]
)
_GIT_NAMES: Final = frozenset({".git", ".gitattributes", ".gitignore", ".gitmodules"})
_REPOSITORY_NAMES: Final = frozenset({"head", "config", "objects", "refs"}) | _GIT_NAMES
_HOSTILE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb"
    "\ufdd0-\ufdef\U000e0000-\U000e007f]"
)


def path_problems(entries: Sequence[Entry], selected: Collection[str] | None = None) -> tuple[Problem, ...]:
    """Return what is wrong with the names and modes of the files of a tree, sorted by path.

    Only `state` itself and what lies below it is judged, with `selected` only those paths of it. At
    most one problem a path; one that differs from another in case only gets its own besides.
    """
    state = [entry for entry in entries if entry.path == "state" or entry.path.startswith("state/")]
    judged = state if selected is None else [entry for entry in state if entry.path in selected]
    found = [problem for entry in judged if (problem := _entry_problem(entry)) is not None]
    if judged:
        found.extend(each for each in _around(state) if selected is None or each.path in selected)
    return tuple(sorted(set(found)))


def _around(state: Sequence[Entry]) -> Iterator[Problem]:
    """Yield what names are to each other. Most trees have no such names, which is seen at one look."""
    paths = [entry.path for entry in state]
    text = "\n".join(paths)
    if len(set(paths)) < len(paths):
        yield from _repeated(state)
    if text != text.casefold():
        yield from _case_collisions(state)
    if "/artifacts/" in text:
        yield from _embedded_repositories(state)


def repeated_path(path: str) -> Problem:
    """Return the finding of a name that stands twice in a tree, or out of order: who reads it sees either."""
    message = "a tree made by hand names this file twice, or out of order: which content counts is open"
    return _problem(path, "path_case_collision", message, "make the commit again with git add")


def is_foreign(path: str) -> bool:
    """Say whether a path below `state/` is none of ours: names and secrets are judged, nothing else."""
    parts = path.split("/")
    return len(parts) > 1 and parts[1] not in LAID_OUT and parts[1:] != ["store.yaml"]


def _entry_problem(entry: Entry) -> Problem | None:
    return mode_problem(entry) or _name_problem(entry.path) or _place_problem(entry.path)


def mode_problem(entry: Entry) -> Problem | None:
    """Return the finding of what is no plain file: a link, a device, a program."""
    if entry.mode == FILE_MODE:
        return None
    what = _MODE_NAMES.get(entry.mode, f"of mode {entry.mode}")
    fix = "replace it by a regular file, mode 644"
    if entry.mode == "100755":
        quoted = shlex.quote(entry.path)
        fix = f"git update-index --chmod=-x {quoted} && chmod 644 {quoted}"
    message = f"{entry.path} is {what}; only plain files are allowed"
    return _problem(entry.path, "path_mode_invalid", message, fix)


def _name_problem(path: str) -> Problem | None:
    fault: Callable[[str], str] = _strict_name_fault
    if _in_artifacts(path):
        fault = _artifact_name_fault
    elif is_foreign(path):
        fault = _foreign_name_fault
    # A name that no file system can hold breaks every checkout of the branch.
    if (len(path) > _MAX_NAME_BYTES or not path.isascii()) and (reason := _length_fault(path)):
        return _problem(path, "path_name_invalid", reason, "give it a shorter name, or take it out of state/")
    for component in path.split("/")[1:]:
        if reason := fault(component):
            message = f'the name "{component}" {reason}'
            return _problem(path, "path_name_invalid", message, "rename it or take it out of state/")
    return None


def _length_fault(path: str) -> str:
    """Return why a path, or a name in it, is too long for a file system, empty when it is not."""
    data = path.encode("utf-8", "surrogateescape")
    if len(data) > _MAX_PATH_BYTES:
        return f"the path has {len(data)} bytes; at most {_MAX_PATH_BYTES} are allowed"
    longest = max(map(len, data.split(b"/")))
    if longest > _MAX_NAME_BYTES:
        return f"a name in the path has {longest} bytes; at most {_MAX_NAME_BYTES} are allowed"
    return ""


def _in_artifacts(path: str) -> bool:
    return "/artifacts/" in path and not is_foreign(path)


@lru_cache(maxsize=1024)  # the files of a folder come one after the other, and all repeat its path
def _strict_name_fault(name: str) -> str:
    if name.lower() in _REPOSITORY_NAMES:
        return "belongs to a git repository"
    if not _COMPONENT.fullmatch(name):
        return "holds other characters than letters, digits, dot, underscore and dash"
    if name[0] in "-.":
        return f"begins with {name[0]}"
    if name.endswith("."):
        return "ends with a dot"
    if name.split(".")[0].lower() in _DEVICES:
        return "is a device's name on Windows"
    if name.lower().endswith(".lock"):
        return "ends with .lock, as git's own lock files do"
    return ""


def _foreign_name_fault(name: str) -> str:
    return "belongs to a git repository" if name.lower() in _REPOSITORY_NAMES else _artifact_name_fault(name)


def _artifact_name_fault(name: str) -> str:
    if name.lower() in _GIT_NAMES:
        return "belongs to a git repository"
    if _HOSTILE.search(name) or any(ord(c) & 0xFFFE == 0xFFFE or 0xD800 <= ord(c) < 0xE000 for c in name):
        return "holds a control character or bytes that are not UTF-8"
    if unicodedata.normalize("NFC", name) != name:
        return "is not in Unicode normal form NFC"
    if name[0] in "-:" or name[-1] in " .":
        return f'begins or ends with "{name[0] if name[0] in "-:" else name[-1]}"'
    return ""


def _place_problem(path: str) -> Problem | None:
    if path == "state" or is_foreign(path):
        return None
    place = places.place_of(path)
    if place is None:
        message = f"{path} has no place in the layout of a store"
        fix = "move it into a folder of your own below state/, or remove it"
        return _problem(path, "path_unexpected", message, fix)
    if place.kind == "ledger" and not _LEDGER_NAME.fullmatch(place.id):
        message = f"{place.id} is no name of a ledger, such as 2026-11.k3m9qa2b"
        return _problem(path, "path_unexpected", message, "restore the name under which it was written")
    bad = next((name for name in _ids(place) if not is_id(name)), None)
    if bad is None:
        return None
    message = f'"{bad}" is no id: lower-case letters and digits, joined by single dashes, at most 64'
    return _problem(path, "id_invalid", message, "rename the folder or file to an id")


def _ids(place: Place) -> list[str]:
    """Return the parts of a path that are ids; ledgers, logs, artifacts and templates bear names."""
    subject = [] if place.subject is None else [place.subject.partition("/")[2]]
    run = [] if place.run is None else [place.run]
    return [*subject, *run, *([place.id] if place.kind in KINDS and place.kind != "ledger" else [])]


def _repeated(state: Sequence[Entry]) -> Iterator[Problem]:
    seen: set[str] = set()
    for entry in state:
        if entry.path in seen:
            yield repeated_path(entry.path)
        seen.add(entry.path)


def _case_collisions(entries: Sequence[Entry]) -> Iterator[Problem]:
    """Yield the first file of each folder, and each file, whose name another has but for case."""
    if not _may_collide(entries):
        return
    spelled: dict[str, str] = {}
    judged: set[str] = set()
    for entry in entries:
        parent = entry.path.rpartition("/")[0]
        names = [entry.path] if parent in judged else list(_prefixes(entry.path))
        judged.add(parent)
        for name in names:
            first = spelled.setdefault(name.casefold(), name)
            if first != name:
                message = f"{name} and {first} are one name where case does not count"
                yield _problem(entry.path, "path_case_collision", message, f"rename or remove {name}")
                break


def _may_collide(entries: Sequence[Entry]) -> bool:
    """Say whether case may tell two names apart; most trees have few capitals, which is soon seen."""
    odd = {name for entry in entries if entry.path != entry.path.casefold() for name in _prefixes(entry.path)}
    folded = {name.casefold() for name in odd}
    twins = folded - odd
    if len(folded) < len(odd) or len(twins) > _FEW_TWINS:
        return True
    below = tuple(f"{name}/" for name in twins)
    return any(entry.path in twins or entry.path.startswith(below) for entry in entries)


def _prefixes(path: str) -> Iterator[str]:
    parts = path.split("/")
    for length in range(1, len(parts) + 1):
        yield "/".join(parts[:length])


def _embedded_repositories(entries: Sequence[Entry]) -> Iterator[Problem]:
    """Yield each HEAD beside an `objects` folder in artifacts: git would run what its config names."""
    artifacts = [entry.path for entry in entries if _in_artifacts(entry.path)]
    folders = {prefix.lower() for path in artifacts for prefix in _prefixes(path)}
    for path in artifacts:
        parent, _, name = path.rpartition("/")
        if name.lower() == "head" and f"{parent}/objects".lower() in folders:
            message = f"{parent} is a git repository inside state/"
            yield _problem(path, "path_name_invalid", message, "take it out of state/")


def _problem(path: str, code: str, message: str, fix: str) -> Problem:
    return Problem(path=path, line=1, col=1, code=code, message=message, fix=fix)

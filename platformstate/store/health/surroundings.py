"""What the machine, git and the repository's settings make of our promises."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final

from platformstate.core import ids
from platformstate.core.instants import instant, stamp
from platformstate.errors import shown
from platformstate.gitrepo.identity import person
from platformstate.gitrepo.repository import Repository, version_numbers
from platformstate.gitrepo.trust import trusted_ref
from platformstate.store.health.check import Check, check
from platformstate.store.session import Session

_LITTLE_ROOM_BYTES: Final = 64 << 20
_MANY_LOOSE: Final = 6700
_MANY_ENTRIES: Final = 5000
_AHEAD_S: Final = 120
_NETWORKS: Final = ("nfs", "cifs", "smb", "9p", "fuse", "afs", "ncpfs")
_EXECUTING: Final = re.compile(
    r"alias\..*|core\.(fsmonitor|hookspath|sshcommand|pager|editor|askpass|alternaterefscommand)"
    r"|diff\.external|diff\..*\.(textconv|command)|filter\..*\.(clean|smudge|process)"
    r"|gpg\.(.*\.)?program|credential\.(.*\.)?helper|uploadpack\.packobjectshook"
    r"|gc\.recentobjectshook|merge\..*\.driver"
)
_HARMLESS: Final = re.compile(r"(merge|diff)\.platformstate\..*")
_SWITCHES: Final = frozenset({"true", "false", "yes", "no", "on", "off", "0", "1", ""})


def surroundings(session: Session, paths: Iterable[str]) -> Iterator[Check]:
    """Yield what is to be said about git, the disk, the clock and the settings."""
    yield from _about_git(session)
    yield from _about_disk(session)
    yield from _about_clock(session, paths)
    yield from _about_config(session.repository)
    yield from _about_objects(session)
    yield from _about_trust(session.repository)
    yield from _about_reading()


def _about_reading() -> Iterator[Check]:
    from platformstate.codec.yaml_events import HAS_LIBYAML  # loads the library, which --help must not

    if not HAS_LIBYAML:
        yield check("yaml_pure_python", "PyYAML was built without libyaml, so reading is slower")


def _about_git(session: Session) -> Iterator[Check]:
    version = version_numbers(session.repository.git_version)
    told = f"this is git {session.repository.git_version}"
    if version < (2, 36):
        yield check("git_no_ref_fsync", f"{told}; refs are synced by us alone")
    if version < (2, 45, 1):
        yield check("git_known_vulnerable", f"{told}; clones before 2.45.1 could run code")
    if person(session.repository, os.environ, "author") is None:
        yield check("git_identity_missing", "git does not know who commits here")


def _about_disk(session: Session) -> Iterator[Check]:
    for place in (session.repository.common_dir, session.root / "state"):
        if place.exists() and not os.access(place, os.W_OK):
            yield check("repository_read_only", "may not be written", str(place))
    room = os.statvfs(session.repository.common_dir)
    free = room.f_bavail * room.f_frsize
    if free < _LITTLE_ROOM_BYTES:
        yield check("disk_low", f"{free >> 20} MiB are left", str(session.repository.common_dir))
    kind = _file_system(session.repository.common_dir)
    if kind.startswith(_NETWORKS):
        yield check("filesystem_network", f"the repository is on {shown(kind)}, where locks may not exclude")
    if session.settings.durability == "fast":
        yield check("durability_fast", "writes do not wait for the disk")


def _file_system(place: Path) -> str:
    """Return the type of the file system of a place; empty where the system does not say."""
    try:
        rows = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    best, kind = "", ""
    for row in rows:
        mount = row.split(" ")[4]
        if Path(mount) in (place, *place.parents) and len(mount) >= len(best):
            best, kind = mount, row.partition(" - ")[2].split(" ")[0]
    return kind


def _about_clock(session: Session, paths: Iterable[str]) -> Iterator[Check]:
    latest = stamp(instant(session.now() + timedelta(seconds=_AHEAD_S)))
    for path in paths:
        for part in path.split("/"):
            name = part.partition(".")[0]
            if ids.is_timed_id(name) and name[:16] > latest:
                yield check("clock_behind", f"{name} is ahead of this machine's clock", path)
                return


def _about_config(repository: Repository) -> Iterator[Check]:
    argv = [
        "config",
        "-z",
        "--show-scope",
        "--get-regexp",
        "^(alias|diff|filter|core|credential|merge|gpg|uploadpack|gc)\\.",
    ]
    listed = repository.run(argv, check=False).decode("utf-8", "surrogateescape").split("\0")
    found = []
    for scope, pair in zip(listed[0::2], listed[1::2], strict=False):
        key, _, value = pair.partition("\n")
        if scope not in ("local", "worktree") or _HARMLESS.fullmatch(key) or not _EXECUTING.fullmatch(key):
            continue
        if not (key == "core.fsmonitor" and value.lower() in _SWITCHES):
            found.append(key)
    if found:
        names = ", ".join(shown(key) for key in sorted(set(found))[:5])
        yield check("config_executes", f"{names} may run programs when you use git here", ".git/config")


def loose_objects(repository: Repository) -> int:
    """Return about how many loose objects there are, counted in one of 256 folders as git does."""
    try:
        return 256 * sum(1 for _ in os.scandir(repository.common_dir / "objects" / "17"))
    except FileNotFoundError:
        return 0


def lacks_untracked_cache(repository: Repository) -> bool:
    """Say whether `git status` walks a large tree that a setting would let it remember."""
    if repository.config("core.untrackedCache"):
        return False
    try:
        with (repository.git_dir / "index").open("rb") as index:
            header = index.read(12)
    except FileNotFoundError:
        return False
    return int.from_bytes(header[8:12], "big") > _MANY_ENTRIES


def has_many_loose_objects(repository: Repository) -> bool:
    """Say whether there are more loose objects than git itself puts up with."""
    return loose_objects(repository) > _MANY_LOOSE


def _about_objects(session: Session) -> Iterator[Check]:
    count = loose_objects(session.repository)
    if count > _MANY_LOOSE:
        has_hook = bool(session.repository.config("gc.recentObjectsHook"))
        yield check("loose_objects_many", f"about {count} loose objects", fixable=not has_hook)
    if lacks_untracked_cache(session.repository):
        yield check("untracked_cache_unset", "`git status` walks every folder each time", fixable=True)


def _about_trust(repository: Repository) -> Iterator[Check]:
    trusted = trusted_ref(repository)
    if trusted is None:
        yield check("trust_ref_unset", "no ref is trusted, so nothing of this repository may be executed",
                    status="warning")  # fmt: skip
    elif trusted.commit is None:
        yield check("trust_ref_missing", f"the trusted ref {shown(trusted.ref)} does not exist here")

"""The files of our hooks: where they stand, what they say, and in what state each of them is."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from platformstate import packaged
from platformstate.files import Folder
from platformstate.gitrepo import Repository

KEPT_SUFFIX: Final = ".pre-platformstate"
CLIENT: Final[Mapping[str, str]] = dict.fromkeys(
    ("pre-commit", "pre-merge-commit", "pre-push", "post-merge"), "client.sh"
)
_SERVER: Final = {"pre-receive": "server.sh"}
# A folder of which a forge runs every file.
_SERVER_FOLDER: Final = {"platformstate": "server.sh"}
_MARK: Final = b"\n# platformstate hook "
_PROGRAM_LINE: Final = re.compile(rb"^PC=(.*); \[ -x ", re.MULTILINE)


class Hook(NamedTuple):
    """One hook as it stands: installed, absent, foreign or outdated; chained when an older one is kept."""

    name: str
    state: str
    chained: bool

    def as_json(self) -> dict[str, Any]:
        """Return the hook as `hooks status` shows it."""
        return {"name": self.name, "state": self.state, "chained": self.chained}


class HookPlace(NamedTuple):
    """A folder of hooks, below one that exists, and which of our texts stands in it by which name."""

    root: Path
    below: str
    texts: Mapping[str, str]

    @property
    def path(self) -> Path:
        """The folder itself."""
        return self.root / self.below


def client_place(repository: Repository) -> HookPlace:
    """Return where git looks for the hooks of a clone when no setting names another folder."""
    return HookPlace(repository.common_dir, "hooks", CLIENT)


def server_place(repository: Repository) -> HookPlace:
    """Return where a server looks: the folder that a forge runs all files of, where there is one."""
    if (repository.common_dir / "hooks" / "pre-receive.d").is_dir():
        return HookPlace(repository.common_dir, "hooks/pre-receive.d", _SERVER_FOLDER)
    return HookPlace(repository.common_dir, "hooks", _SERVER)


def place_into(folder: Path) -> HookPlace:
    """Return a folder of server hooks that a person named; what is missing of its path is made."""
    path = Path(os.path.abspath(folder))
    root = next(above for above in (path.parent, *path.parents) if above.is_dir())
    texts = _SERVER_FOLDER if path.name.endswith(".d") else _SERVER
    return HookPlace(root, path.relative_to(root).as_posix(), texts)


@contextmanager
def opened(place: HookPlace, *, make: bool = False) -> Iterator[Folder | None]:
    """Open the folder of the hooks; None where there is none and none is to be made."""
    if not make and not place.path.is_dir():
        yield None
        return
    with Folder.at(place.root, place.below, durability="full" if make else None) as folder:
        yield folder


def states(place: HookPlace) -> list[Hook]:
    """Return each of our hooks of a place as it stands."""
    with opened(place) as folder:
        if folder is None:
            return [Hook(name, "absent", False) for name in place.texts]
        return [
            Hook(name, _state(folder, name, text), folder.read(name + KEPT_SUFFIX) is not None)
            for name, text in place.texts.items()
        ]


def hook_text(program: str, text: str = "client.sh") -> bytes:
    """Return the hook file that calls the program at this absolute path."""
    return packaged.read("hooks", text).replace(b"@PLATFORMCTL@", _quoted(program))


def is_ours(text: bytes) -> bool:
    """Say whether a hook file is one of ours, of whatever version."""
    return text.startswith(b"#!/bin/sh" + _MARK)


def is_executable(folder: Folder, name: str) -> bool:
    """Say whether git would run a hook file."""
    return bool(os.stat(name, dir_fd=folder.fd, follow_symlinks=False).st_mode & 0o100)


def program_of(place: HookPlace, name: str) -> str:
    """Return the program that a hook of ours calls, empty for none."""
    with opened(place) as folder:
        return "" if folder is None else _named(folder.read(name) or b"")


def _named(text: bytes) -> str:
    found = _PROGRAM_LINE.search(text)
    words = shlex.split(os.fsdecode(found[1])) if found else []
    return words[0] if words else ""


def _quoted(program: str) -> bytes:
    quoted = shlex.quote(program)
    return os.fsencode(quoted if quoted.startswith("'") else f"'{quoted}'")


def _state(folder: Folder, name: str, text: str) -> str:
    present = folder.read(name)
    if present is None:
        return "absent"
    if not is_ours(present):
        return "foreign"
    program = _named(present)
    works = present == hook_text(program, text) and (not program or os.access(program, os.X_OK))
    return "installed" if works and is_executable(folder, name) else "outdated"

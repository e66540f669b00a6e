"""Tell git of our merge driver and our plain text, in this clone's own config, and take it back."""

from __future__ import annotations

import shlex
from typing import Final

from platformstate.gitrepo import Repository
from platformstate.gitrepo.writing import Writer

NAME: Final = "platformstate: records field by field"
DRIVER, TITLE, TEXTCONV = (
    "merge.platformstate.driver",
    "merge.platformstate.name",
    "diff.platformstate.textconv",
)
KEYS: Final = (TITLE, DRIVER, TEXTCONV)


def wanted_settings(program: str) -> dict[str, str]:
    """Return the settings that name the program at this absolute path."""
    called = shlex.quote(program or "platformctl")
    return {
        TITLE: NAME,
        DRIVER: f"{called} -q merge-driver %O %A %B %P",
        TEXTCONV: f"{called} -q textconv",
    }


def install_driver(repository: Repository, program: str, *, dry_run: bool = False) -> list[str]:
    """Set what is not set so yet and return its keys; a second call sets nothing."""
    changed = [
        (key, value) for key, value in wanted_settings(program).items() if _local(repository, key) != [value]
    ]
    for key, value in changed:
        if not dry_run:
            Writer(repository).write(["config", "--local", "--replace-all", key, value])
    return [key for key, _ in changed]


def remove_driver(repository: Repository, *, dry_run: bool = False) -> list[str]:
    """Remove exactly our keys and return those that were set."""
    present = [key for key in KEYS if _local(repository, key)]
    for key in present:
        if not dry_run:
            Writer(repository).write(["config", "--local", "--unset-all", key])
    return present


def driver_is_set(repository: Repository) -> bool:
    """Say whether git would call our merge driver here."""
    return bool(_local(repository, DRIVER))


def _local(repository: Repository, key: str) -> list[str]:
    found = repository.run(["config", "--local", "-z", "--get-all", key], check=False)
    return found.decode("utf-8", "surrogateescape").split("\0")[:-1]

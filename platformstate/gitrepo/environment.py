"""The environment variables that git obeys: which are dropped, which reach a child of ours.

Nothing here is costly to import, since the command line cleans its environment before all else.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, MutableMapping
from typing import Final

KEPT: Final = frozenset(
    {
        "GIT_CONFIG_GLOBAL",
        "GIT_CONFIG_SYSTEM",
        "GIT_CONFIG_NOSYSTEM",
        "GIT_CEILING_DIRECTORIES",
    }
)
KEPT_PREFIXES: Final = ("GIT_AUTHOR_", "GIT_COMMITTER_")
REDIRECTING: Final = frozenset(
    {
        "GIT_DIR",
        "GIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_COMMON_DIR",
        "GIT_OBJECT_DIRECTORY",
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_NAMESPACE",
    }
)
WARNED: Final = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")
HOOK_NAMES: Final = (
    "GIT_DIR",
    "GIT_INDEX_FILE",
    "GIT_WORK_TREE",
    "GIT_PREFIX",
    "GIT_QUARANTINE_PATH",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
)
FIXED: Final[Mapping[str, str]] = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_EDITOR": ":",
    "LC_ALL": "C",
}


def is_kept(name: str) -> bool:
    """Say whether a variable may reach git: all but GIT_* that steer it."""
    if not name.startswith("GIT_"):
        return True
    return name in KEPT or name.startswith(KEPT_PREFIXES)


def clean_environment(environ: MutableMapping[str, str]) -> tuple[str, ...]:
    """Delete every variable that steers git, and return those dropped that a person must hear of."""
    dropped = [name for name in environ if not is_kept(name)]
    for name in dropped:
        del environ[name]
    return tuple(name for name in WARNED if name in dropped)


def hook_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what git told a hook about the index and objects to read; ask before cleaning."""
    return {name: environ[name] for name in HOOK_NAMES if name in environ}


def redirecting(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the variables set that would make git read or write another repository or setting."""
    return tuple(
        sorted(
            name
            for name in environ
            if name in REDIRECTING or (name.startswith("GIT_CONFIG") and name not in KEPT)
        )
    )


def child_environment(environ: Mapping[str, str], extra: Mapping[str, str]) -> dict[str, str]:
    """Return the whole environment of a git child of ours."""
    kept = {name: value for name, value in environ.items() if is_kept(name)}
    return {**kept, **program_path(environ), **FIXED, **extra}


def program_path(environ: Mapping[str, str]) -> dict[str, str]:
    """Return PATH without the places that depend on a folder: no file of a repository is taken for git."""
    if "PATH" not in environ:
        return {}
    places = environ["PATH"].split(os.pathsep)
    return {"PATH": os.pathsep.join(place for place in places if os.path.isabs(place)) or os.defpath}

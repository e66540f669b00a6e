"""Find the repository a command works in: one question to git for places, one for settings."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from platformstate.errors import StateError, shown
from platformstate.gitrepo.children import SIGXFSZ_STATUS, Ran, failure, run_git, running_git
from platformstate.gitrepo.repository import Repository, Settings, version_numbers

OLDEST_GIT: Final = (2, 34)
_SETTINGS: Final = r"^(platformstate|filter|user|commit|gpg|core|author|committer|gc|extensions|remote)\."
_CONFIG: Final = ("config", "-z", "--show-scope", "--get-regexp", _SETTINGS)


def discover(
    directory: Path,
    *,
    reading: Mapping[str, str] | None = None,
    meanwhile: Callable[[], object] = tuple,
) -> Repository:
    """Return the repository of a directory; `reading` is what git told a hook of ours to read.

    `meanwhile` is called while git answers: there is time to import what the caller needs next. Raises: repository_not_found, repository_owner_differs, git_too_old.
    """
    place = _absolute(directory)
    bare = _is_bare_top(place)
    flags = (f"--git-dir={place}",) if bare else ()
    extra = dict(reading or {})
    ran, configured = _asked(place, flags, extra, bare, meanwhile)
    if ran.status == SIGXFSZ_STATUS:
        raise failure(["rev-parse"], ran)
    version = _version(ran, place)
    if version_numbers(version) < OLDEST_GIT:
        raise StateError(
            "git_too_old", f"git {shown(version)} is older than 2.34", hint="install git 2.34 or newer"
        )
    answers = ran.stdout.decode("utf-8", "surrogateescape").split("\n")[:-1]
    asked = 5 if bare else 6
    if len(answers) < asked:
        raise _not_found(place, ran)
    root = None if bare else Path(answers[2])
    rest = answers[2:] if bare else answers[3:]
    if bare and rest[0] != "true" and not reading:
        raise _not_found(place, ran)
    if rest[0] not in ("true", "false"):
        message = f"the path of {shown(place)} holds a line break, which git cannot tell from the next answer"
        raise StateError("repository_not_found", message, hint="move the repository to another folder")
    head, ref = _head(ran, answers[asked:], place, flags, extra)
    return Repository(
        directory=place,
        root=None if rest[0] == "true" else root,
        git_dir=Path(os.path.realpath(answers[0])),
        common_dir=Path(os.path.realpath(answers[1])),
        head=head,
        ref=ref,
        object_format=rest[2],
        bare=rest[0] == "true",
        shallow=rest[1] == "true",
        git_version=version,
        settings=_settings(configured),
        flags=flags,
        extra=extra,
    )


def _asked(
    place: Path,
    flags: tuple[str, ...],
    extra: Mapping[str, str],
    bare: bool,
    meanwhile: Callable[[], object],
) -> tuple[Ran, Ran]:
    """Ask for places and for settings at once."""
    # The version stands in git's own trace of the same call, which saves a child per command.
    traced = {**extra, "GIT_TRACE2_EVENT": "1"}
    with (
        running_git(_question(bare), cwd=place, flags=flags, extra=traced) as answered,
        running_git(_CONFIG, cwd=place, flags=flags, extra=extra) as configured,
    ):
        meanwhile()
        return answered(), configured()


def _absolute(directory: Path) -> Path:
    try:
        return Path(os.path.abspath(directory))
    except FileNotFoundError as gone:
        message = "the current folder does not exist any more"
        raise StateError("repository_not_found", message, hint="name a folder with -C") from gone


def _question(bare: bool) -> list[str]:
    toplevel = [] if bare else ["--show-toplevel"]
    return [
        "rev-parse",
        "--path-format=absolute",
        "--absolute-git-dir",
        "--git-common-dir",
        *toplevel,
        "--is-bare-repository",
        "--is-shallow-repository",
        "--show-object-format",
        "HEAD",
        "--symbolic-full-name",
        "HEAD",
    ]


def _is_bare_top(place: Path) -> bool:
    return (
        not (place / ".git").exists()
        and (place / "HEAD").is_file()
        and (place / "objects").is_dir()
        and (place / "refs").is_dir()
    )


def _version(ran: Ran, place: Path) -> str:
    for line in ran.stderr.splitlines():
        if line.startswith('{"event":"version"'):
            return str(json.loads(line)["exe"])
    said = run_git(["version"], cwd=place).stdout.decode("ascii", "replace").split()
    return said[2] if len(said) > 2 else "0"


def _head(
    ran: Ran, answers: list[str], place: Path, flags: tuple[str, ...], extra: Mapping[str, str]
) -> tuple[str | None, str | None]:
    """Return commit and branch; git fails on an unborn branch, which has a name but no commit."""
    if ran.status == 0:
        return answers[0], None if answers[1] == "HEAD" else answers[1]
    named = run_git(["symbolic-ref", "-q", "HEAD"], cwd=place, flags=flags, extra=extra)
    return None, named.stdout.decode("utf-8", "surrogateescape").strip() or None


def _settings(ran: Ran) -> Settings:
    if ran.status not in (0, 1):
        raise failure(_CONFIG, ran)
    parts = ran.stdout.decode("utf-8", "surrogateescape").split("\0")
    found = []
    for scope, pair in zip(parts[0::2], parts[1::2], strict=False):
        key, has_value, value = pair.partition("\n")
        if scope != "command":
            found.append((scope, key, value if has_value else "true"))
    return Settings(found)


def _not_found(place: Path, ran: Ran) -> StateError:
    known = failure(["rev-parse"], Ran(ran.status, b"", _said(ran.stderr)))
    if known.code != "internal_error":
        return known
    said = _said(ran.stderr).strip().partition("\n")[0]
    if said and "not a git repository" not in said:
        message = f"git cannot read the repository of {place}: {said[:300]}"
        return StateError(
            "repository_not_found", message, hint="repair what git names, then repeat the command"
        )
    return StateError(
        "repository_not_found",
        f"{place} is not inside a git repository's work tree",
        hint="git init, or name another folder with -C",
    )


def _said(stderr: str) -> str:
    return "\n".join(line for line in stderr.splitlines() if not line.startswith("{"))

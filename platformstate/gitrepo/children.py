"""Start git for reading: one plain child, with the flags that keep it from executing anything."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final, NamedTuple

from platformstate.cost import COST
from platformstate.errors import StateError, lacks_descriptors, shown, too_many_files
from platformstate.gitrepo.environment import child_environment

FLAGS: Final = tuple(
    part
    for setting in (
        "core.fsmonitor=false",
        "core.hooksPath=/dev/null",
        "core.fsync=added",
        "core.fsyncMethod=fsync",
        "core.pager=cat",
        "core.quotePath=false",
        "core.autocrlf=false",
        "core.safecrlf=false",
        "core.attributesFile=/dev/null",
        "core.alternateRefsCommand=true",
        "gc.auto=0",
        "maintenance.auto=false",
        "protocol.allow=never",
        "safe.bareRepository=explicit",
        "submodule.recurse=false",
        "log.showSignature=false",
        "credential.helper=",
        "commit.gpgSign=false",
    )
    for part in ("-c", setting)
)
_FILTER_SETTINGS: Final = (("clean", ""), ("smudge", ""), ("process", ""), ("required", "false"))
_FAILURES: Final = (
    ("No space left on device", "disk_full", "the disk is full"),
    ("Out of diskspace", "disk_full", "the disk is full"),
    ("Disk quota exceeded", "disk_full", "the disk quota is used up"),
    ("File too large", "disk_full", "a limit on the size of files was hit"),
    ("died of signal 25", "disk_full", "a limit on the size of files was hit"),
    ("Too many open files", "descriptors_exhausted", "git may open no more files"),
    ("dubious ownership", "repository_owner_differs", "the repository belongs to another user"),
    ("Read-only file system", "repository_read_only", "the repository is on a read-only file system"),
    ("Permission denied", "repository_read_only", "the repository may not be written"),
    ("index file smaller than expected", "disk_error", "git's index is damaged"),
    ("bad index file", "disk_error", "git's index is damaged"),
    ("bad signature", "disk_error", "git's index is damaged"),
    ("bad object", "disk_error", "an object of the repository is missing or damaged"),
    ("not a tree object", "disk_error", "an object of the repository is missing or damaged"),
    ("is corrupt", "disk_error", "an object of the repository is damaged"),
    ("lazy fetching disabled", "history_missing", "this clone was made with --filter and lacks an object"),
    ("insufficient permission", "repository_read_only", "the repository may not be written"),
)
SIGXFSZ_STATUS: Final = -25
_WITH_LIMITED_MEMORY: Final = ("sh", "-c", 'ulimit -d 524288 2>/dev/null; exec "$@"', "sh")


class Ran(NamedTuple):
    """How a git child ended and what it said."""

    status: int
    stdout: bytes
    stderr: str


class GitFailed(StateError):
    """A git child failed in a way that no rule of ours foresaw."""

    def __init__(self, argv: Sequence[str], ran: Ran) -> None:
        said = ran.stderr.strip().splitlines()
        super().__init__(
            "internal_error",
            f"git {argv[0]} ended with status {ran.status}: {said[0][:300] if said else 'no message'}",
        )
        self.ran = ran


def filter_environment(filters: Iterable[str]) -> dict[str, str]:
    """Return variables that empty each named filter; `-c` would split a name at its first `=`."""
    settings = [(f"filter.{name}.{key}", value) for name in filters for key, value in _FILTER_SETTINGS]
    if not settings:
        return {}
    made = {"GIT_CONFIG_COUNT": str(len(settings))}
    for number, (key, value) in enumerate(settings):
        made[f"GIT_CONFIG_KEY_{number}"] = key
        made[f"GIT_CONFIG_VALUE_{number}"] = value
    return made


def failure(argv: Sequence[str], ran: Ran) -> StateError:
    """Return the error that a failed child means: a full disk, a foreign owner, or a bug."""
    if ran.status == SIGXFSZ_STATUS:
        return StateError("disk_full", "git was stopped by a limit on the size of files")
    for text, code, message in _FAILURES:
        if text in ran.stderr:
            return StateError(code, message, hint=_hint(code, ran.stderr))
    return GitFailed(argv, ran)


def _hint(code: str, stderr: str) -> str:
    if code == "repository_owner_differs":
        lines = [line.strip() for line in stderr.splitlines() if "safe.directory" in line]
        return lines[-1] if lines else "git config --global --add safe.directory DIR"
    if code == "history_missing":
        return "git fetch --refetch --no-filter; nothing is ever fetched unasked"
    if code == "disk_error":
        return "git fsck; a damaged index is made again by: rm .git/index && git reset"
    if code == "descriptors_exhausted":
        return too_many_files().hint
    return "free some space and repeat the command" if code == "disk_full" else ""


def input_file(data: bytes) -> IO[bytes]:
    """Return an unnamed file that holds these bytes, to be read from its start. Raises: disk_full."""
    file = _unnamed_file()
    try:
        file.write(data)
        file.seek(0)
    except OSError as failed:  # a limit on the size of files holds in memory too
        with suppress(OSError):
            file.close()  # tries once more to write what it holds
        text = f"no room for what git is to read: {failed.strerror}"
        raise StateError("disk_full", text, hint=_hint("disk_full", "")) from failed
    return file


def _unnamed_file() -> IO[bytes]:
    if sys.platform == "linux":
        return os.fdopen(os.memfd_create("git"), "w+b")
    else:
        from tempfile import TemporaryFile  # importing it costs as much as two git children

        return TemporaryFile()


def run_git(
    argv: Sequence[str],
    *,
    cwd: Path,
    input: bytes = b"",
    flags: Sequence[str] = (),
    extra: Mapping[str, str] | None = None,
) -> Ran:
    """Run one reading git child to its end; a status other than 0 is the caller's to judge."""
    COST.git += 1
    with explained(cwd):
        done = subprocess.run(
            ["git", *FLAGS, *flags, *argv],
            cwd=cwd,
            input=input,
            capture_output=True,
            env=child_environment(os.environ, extra or {}),
            check=False,
        )
    return Ran(done.returncode, done.stdout, done.stderr.decode("utf-8", "replace"))


def bounded_git(
    argv: Sequence[str],
    *,
    cwd: Path,
    limit: int,
    input: bytes = b"",
    flags: Sequence[str] = (),
    extra: Mapping[str, str] | None = None,
) -> Ran:
    """Run one reading git child to its end, or stop it when it has said too much to be held.

    A few trees that hold each other many times over name more files than any memory, git's own
    included: it compares two trees before it says a word. Raises: text_too_large.
    """
    COST.git += 1
    with input_file(input) as asked, _unnamed_file() as complained:
        with explained(cwd):
            child = subprocess.Popen(
                [*_WITH_LIMITED_MEMORY, "git", *FLAGS, *flags, *argv],
                cwd=cwd,
                stdin=asked,
                stdout=subprocess.PIPE,
                stderr=complained,
                env=child_environment(os.environ, extra or {}),
            )
        assert child.stdout is not None
        with child:
            said = child.stdout.read(limit + 1)
            if len(said) > limit:
                child.kill()
                raise _too_many()
        complained.seek(0)
        stderr = complained.read().decode("utf-8", "replace")
    if child.returncode and "ut of memory" in stderr:
        raise _too_many()
    return Ran(child.returncode, said, stderr)


def _too_many() -> StateError:
    message = "state/ names more files than can be held in memory"
    return StateError("text_too_large", message, hint="take out of state/ what is no record")


@contextmanager
def running_git(
    argv: Sequence[str], *, cwd: Path, flags: Sequence[str] = (), extra: Mapping[str, str] | None = None
) -> Iterator[Callable[[], Ran]]:
    """Run one reading git child while the block does something else; what is yielded waits for its end.

    It writes to files, so that it never waits for us.
    """
    COST.git += 1
    with _unnamed_file() as said, _unnamed_file() as complained:
        with explained(cwd):
            child = subprocess.Popen(
                ["git", *FLAGS, *flags, *argv],
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=complained,
                env=child_environment(os.environ, extra or {}),
            )

        def ended() -> Ran:
            status = child.wait()
            said.seek(0)
            complained.seek(0)
            return Ran(status, said.read(), complained.read().decode("utf-8", "replace"))

        with child:
            yield ended


@contextmanager
def explained(cwd: Path) -> Iterator[None]:
    """Say why git could not even be started."""
    try:
        yield
    except FileNotFoundError as missing:
        raise _not_started(cwd, missing) from missing
    except (NotADirectoryError, PermissionError) as refused:
        raise StateError("repository_not_found", f"{shown(cwd)} cannot be entered") from refused
    except OSError as failed:
        if lacks_descriptors(failed):
            raise too_many_files() from failed
        raise


def stream_git(
    argv: Sequence[str],
    *,
    cwd: Path,
    stdin: IO[bytes] | int,
    flags: Sequence[str] = (),
    extra: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a reading git child whose output is too large to hold; the caller waits for its end."""
    COST.git += 1
    return subprocess.Popen(
        ["git", *FLAGS, *flags, *argv],
        cwd=cwd,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=child_environment(os.environ, extra or {}),
    )


def _not_started(cwd: Path, missing: FileNotFoundError) -> StateError:
    if not cwd.is_dir():
        return StateError("repository_not_found", f"{cwd} is not a directory", hint="name one with -C")
    return StateError("git_too_old", "git was not found", hint="install git 2.34 or newer")

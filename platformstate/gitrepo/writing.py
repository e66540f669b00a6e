"""The one door through which git writes for us: GitPython's command interface.

Every call is an argv list with our flags; text from outside goes in on standard input.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from platformstate.cost import COST
from platformstate.errors import StateError, lacks_descriptors, too_many_files
from platformstate.gitrepo.children import FLAGS, Ran, explained, failure, input_file
from platformstate.gitrepo.environment import FIXED, program_path
from platformstate.gitrepo.repository import Repository
from platformstate.gitrepo.signing import Signing

SCRATCH_REF: Final = "refs/platformstate/next"
_NAMES_GIT: Final = "GIT_PYTHON_GIT_EXECUTABLE"
_NO_ROOM_BYTES: Final = 1 << 16
_MAX_CACHEINFO: Final = 200
_NO_FSYNC: Final = ("-c", "core.fsync=none")
_CRASH_REPORT: Final = re.compile(r"crash report to (\S*fast_import_crash_[0-9]+)")


class Person(NamedTuple):
    """A name and an address as a commit has them."""

    name: str
    email: str

    def line(self, seconds: int) -> str:
        """Return the person with an instant, as git writes it in a commit."""
        return f"{_plain(self.name)} <{_plain(self.email)}> {seconds} +0000"


class NewFile(NamedTuple):
    """A file of a commit: its path and bytes, or None to remove it."""

    path: str
    data: bytes | None


class NewCommit(NamedTuple):
    """A commit to make; times are seconds since 1970."""

    message: str
    author: Person
    authored: int
    files: tuple[NewFile, ...]


class Staged(NamedTuple):
    """A file to put into the index by id, without looking at the working file; None removes it."""

    path: str
    oid: str | None


# A reflog entry is of now, whatever date the caller wants; git refuses one whose date it cannot read.
_NOW: Final = {"GIT_COMMITTER_DATE": ""}


def load_git() -> None:
    """Import GitPython, which runs git meanwhile: the program that we run, named to it for as long as that takes."""
    if "git.cmd" in sys.modules:
        return
    from shutil import which

    program = which("git", path=program_path(os.environ).get("PATH"))
    named = program is not None and os.environ.setdefault(_NAMES_GIT, program) is program
    try:
        import git.cmd  # noqa: F401
    except ImportError as failed:
        if lacks_descriptors(failed):
            raise too_many_files() from failed
        raise
    finally:
        if named:
            del os.environ[_NAMES_GIT]


class Writer:
    """Writes objects, an index and refs of one repository; `durable` waits for the disk each time."""

    def __init__(self, repository: Repository, *, durable: bool = True) -> None:
        load_git()
        from git.cmd import Git

        self._repository = repository
        self._flags = (*FLAGS, *repository.flags, *(() if durable else _NO_FSYNC))
        self._git: Any = Git(str(repository.place))
        self._program = Git.GIT_PYTHON_GIT_EXECUTABLE or "git"

    def make_commits(
        self, commits: Sequence[NewCommit], onto: str | None, committer: Person, at: int
    ) -> list[str]:
        """Write commits, each on the one before, without moving any ref; return their ids."""
        stream = _stream(commits, onto, committer, at)
        ran = self._execute(["fast-import", "--quiet", "--done"], stream)
        if ran.status:
            self._remove_crash_report(ran.stderr)
            raise self._failure("fast-import", ran)
        COST.commits += len(commits)
        return ran.stdout.decode("ascii").split()

    def sign(self, commits: Sequence[NewCommit], made: Sequence[str], onto: str | None, signing: Signing,
             committer: Person, at: int) -> list[str] | None:  # fmt: skip
        """Make the commits again, signed; None when signing fails or takes too long."""
        signed: list[str] = []
        parent = onto
        for commit, oid in zip(commits, made, strict=True):
            argv = [
                *signing.flags,
                "commit-tree",
                "-S",
                *(["-p", parent] if parent else []),
                f"{oid}^{{tree}}",
            ]
            people = _people(commit, committer, at)
            ran = self._execute(
                argv, commit.message.encode(), extra=people, session=False, timeout_s=signing.timeout_s
            )
            parent = ran.stdout.decode("ascii", "replace").strip()
            if ran.status or len(parent) != len(oid):
                return None
            signed.append(parent)
        return signed

    def update_index(self, index: Path, paths: Sequence[str], staged: Sequence[Staged]) -> None:
        """Put working files, and files by id, into the index at a path of ours."""
        first, rest = staged[:_MAX_CACHEINFO], staged[_MAX_CACHEINFO:]
        argv = ["update-index", "--add", "--remove", *_cacheinfo(first), "-z", "--stdin"]
        gone = [row.path for row in staged if row.oid is None]
        self._update_index(index, argv, "".join(f"{path}\0" for path in [*paths, *gone]))
        while rest:
            part, rest = rest[:_MAX_CACHEINFO], rest[_MAX_CACHEINFO:]
            self._update_index(index, ["update-index", "--add", *_cacheinfo(part)], "")

    def _update_index(self, index: Path, argv: Sequence[str], asked: str) -> None:
        ran = self._execute(argv, asked.encode("utf-8"), extra={"GIT_INDEX_FILE": str(index)})
        if ran.status:
            raise self._failure("update-index", ran)

    def move_ref(self, ref: str, new: str, old: str | None) -> bool:
        """Move a ref if it still is where it was; False when it is not, or is locked."""
        no_deref = ["--no-deref"] if ref == "HEAD" else []
        ran = self._execute(["update-ref", *no_deref, ref, new, old or self._repository.null_oid])
        if ran.status == 0:
            return True
        failed = self._failure("update-ref", ran)
        if failed.code == "internal_error":
            return False
        raise failed

    def write(self, argv: Sequence[str]) -> Ran:
        """Run one other writing command: maintenance, or a setting that doctor proposes."""
        return self._execute(argv)

    def _execute(
        self,
        argv: Sequence[str],
        input: bytes = b"",
        *,
        extra: Mapping[str, str] | None = None,
        session: bool = True,
        timeout_s: float | None = None,
    ) -> Ran:
        """Run git; a session of its own keeps Ctrl-C from cutting it in half."""
        COST.git += 1
        with explained(self._repository.place), input_file(input) as stdin:
            status, stdout, stderr = self._git.execute(
                [self._program, *self._flags, *argv],
                istream=stdin,
                with_extended_output=True,
                with_exceptions=False,
                stdout_as_string=False,
                env={**program_path(os.environ), **FIXED, **_NOW, **self._repository.extra, **(extra or {})},
                **({"start_new_session": True} if session else {}),
                **({"kill_after_timeout": timeout_s} if timeout_s else {}),
            )
        return Ran(status, stdout, stderr)

    def _failure(self, verb: str, ran: Ran) -> StateError:
        """Return what a failure means; not every message of git's about a full disk says so."""
        failed = failure([verb], ran)
        room = os.statvfs(self._repository.common_dir)
        if failed.code == "internal_error" and room.f_bavail * room.f_frsize < _NO_ROOM_BYTES:
            return StateError("disk_full", "the disk is full", hint="free some space and repeat the command")
        return failed

    def _remove_crash_report(self, stderr: str) -> None:
        found = _CRASH_REPORT.search(stderr)
        if found:
            Path(self._repository.place, found[1]).unlink(missing_ok=True)


def _cacheinfo(staged: Sequence[Staged]) -> list[str]:
    made: list[str] = []
    for path, oid in staged:
        if oid is not None:
            made += ["--cacheinfo", f"100644,{oid},{path}"]
    return made


def _people(commit: NewCommit, committer: Person, at: int) -> dict[str, str]:
    return {
        "GIT_AUTHOR_NAME": commit.author.name,
        "GIT_AUTHOR_EMAIL": commit.author.email,
        "GIT_AUTHOR_DATE": f"{commit.authored} +0000",
        "GIT_COMMITTER_NAME": committer.name,
        "GIT_COMMITTER_EMAIL": committer.email,
        "GIT_COMMITTER_DATE": f"{at} +0000",
    }


def _stream(commits: Sequence[NewCommit], onto: str | None, committer: Person, at: int) -> bytes:
    """Return fast-import's commands; the last reset leaves no ref and takes no lock."""
    parts: list[bytes] = []
    mark = 0
    asked: list[bytes] = []
    for commit in commits:
        changes = []
        for path, data in commit.files:
            if data is None:
                changes.append(f"D {_quoted(path)}\n".encode())
                continue
            mark += 1
            parts.append(b"blob\nmark :%d\ndata %d\n%b\n" % (mark, len(data), data))
            changes.append(f"M 100644 :{mark} {_quoted(path)}\n".encode())
        mark += 1
        message = commit.message.encode()
        head = (
            f"commit {SCRATCH_REF}\nmark :{mark}\nauthor {commit.author.line(commit.authored)}\n"
            f"committer {committer.line(at)}\ndata {len(message)}\n"
        )
        base = f"from {onto}\n".encode() if onto and not asked else b""
        parts += [head.encode(), message, b"\n", base, *changes, b"\n"]
        asked.append(b"get-mark :%d\n" % mark)
    return b"".join([*parts, *asked, b"reset ", SCRATCH_REF.encode(), b"\n\ndone\n"])


def _quoted(path: str) -> str:
    if path.startswith('"') or "\\" in path or "\n" in path:
        path = path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'"{path}"'
    return path


def _plain(text: str) -> str:
    """Leave out what would end a name early in a commit, as git does."""
    return "".join(c for c in text if c not in "<>\n\0").strip()


def refuse_without_identity(person: Person | None) -> Person:
    """Return who commits. Raises: git_identity_missing."""
    if person is None:
        raise StateError(
            "git_identity_missing",
            "git does not know who commits here",
            hint='git config --global user.name "Your Name" && '
            "git config --global user.email you@example.org",
        )
    return person

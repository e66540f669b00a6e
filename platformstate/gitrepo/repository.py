"""One repository as a command finds it: its places, its settings, and the way to ask git."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from typing import Final

from platformstate.gitrepo import states
from platformstate.gitrepo.children import (
    Ran,
    bounded_git,
    failure,
    filter_environment,
    run_git,
    running_git,
)

# Far more than any store has, far less than trees can name that hold each other many times.
MAX_LISTED_BYTES: Final = 48 << 20


class Settings:
    """The git settings a command may need, by lower-case name, with the scope of each value."""

    def __init__(self, values: Sequence[tuple[str, str, str]]) -> None:
        self._values = values

    def of(self, name: str) -> list[str]:
        """Return all values of a setting, the strongest last; our own flags left out."""
        wanted = _canonical(name)
        return [value for _, key, value in self._values if key == wanted]

    def trusted(self, name: str) -> str | None:
        """Return the value from system or global scope, where no repository can set it."""
        wanted = _canonical(name)
        found = [v for scope, key, v in self._values if key == wanted and scope in ("system", "global")]
        return found[-1] if found else None

    def local_keys(self) -> list[str]:
        """Return the names set in the repository's own files."""
        return [key for scope, key, _ in self._values if scope in ("local", "worktree")]

    def filters(self) -> list[str]:
        """Return the name of each content filter that any scope defines."""
        names = (key[7 : key.rindex(".")] for _, key, _ in self._values if key.startswith("filter."))
        return sorted({name for name in names if name})


def _canonical(name: str) -> str:
    """Lower section and variable, as git lists them; a subsection keeps its case."""
    section, _, rest = name.partition(".")
    subsection, dot, variable = rest.rpartition(".")
    return f"{section.lower()}.{subsection}{dot}{variable.lower()}"


class Repository:
    """A repository and one of its worktrees; `head` and `ref` are as they were when found.

    `root` is None in a bare repository, `head` on an unborn branch, `ref` on a detached HEAD.
    """

    def __init__(
        self,
        *,
        directory: Path,
        root: Path | None,
        git_dir: Path,
        common_dir: Path,
        head: str | None,
        ref: str | None,
        object_format: str,
        bare: bool,
        shallow: bool,
        git_version: str,
        settings: Settings,
        flags: Sequence[str] = (),
        extra: Mapping[str, str] | None = None,
    ) -> None:
        self.directory, self.root = directory, root
        self.git_dir, self.common_dir = git_dir, common_dir
        self.head, self.ref = head, ref
        self.object_format, self.bare, self.shallow = object_format, bare, shallow
        self.git_version = git_version
        self.settings = settings
        self.tops: dict[str, dict[str, str]] = {}  # by commit: the ids of what stands at its top
        self.flags = (*flags, *_version_flags(git_version))
        self.extra = {**(extra or {}), **filter_environment(settings.filters())}

    @property
    def place(self) -> Path:
        """The directory that git children run in: the root, or where a bare one was named."""
        return self.directory if self.root is None else self.root

    @property
    def worktree(self) -> str:
        """This worktree's git directory, relative to the common one: `.` or `worktrees/<name>`."""
        return self.git_dir.relative_to(self.common_dir).as_posix()

    @property
    def branch(self) -> str | None:
        """The short name of the branch, None when HEAD is detached."""
        return None if self.ref is None else self.ref.removeprefix("refs/heads/")

    @property
    def null_oid(self) -> str:
        """The id that stands for no object."""
        return "0" * (64 if self.object_format == "sha256" else 40)

    def config(self, name: str) -> list[str]:
        """Return all values of a git setting, the strongest last."""
        return self.settings.of(name)

    def state(self) -> str:
        """Return `quiet` or what stands in the way: merge, rebase …, detached, unborn, bare."""
        if self.bare:
            return "bare"
        running = states.operation(self.git_dir)
        if running is not None:
            return running
        if self.head is None:
            return "unborn"
        return "detached" if self.ref is None else "quiet"

    def call(self, argv: Sequence[str], *, input: bytes = b"", extra: Mapping[str, str] | None = None) -> Ran:
        """Run a reading git child and return how it ended."""
        return run_git(
            argv, cwd=self.place, input=input, flags=self.flags, extra={**self.extra, **(extra or {})}
        )

    def run(self, argv: Sequence[str], *, input: bytes = b"", check: bool = True) -> bytes:
        """Run a reading git child and return its output; a failure raises unless `check` is off."""
        ran = self.call(argv, input=input)
        if check and ran.status:
            raise failure(argv, ran)
        return ran.stdout

    def list_files(self, argv: Sequence[str], *, input: bytes = b"", times: int = 1) -> bytes:
        """Run a reading git child that names files, so many `times` the usual; a failure raises.

        Raises: text_too_large for more than can be held.
        """
        limit = MAX_LISTED_BYTES * times
        ran = bounded_git(argv, cwd=self.place, limit=limit, input=input, flags=self.flags, extra=self.extra)
        if ran.status:
            raise failure(argv, ran)
        return ran.stdout

    @contextmanager
    def running(self, argv: Sequence[str]) -> Iterator[Callable[[], bytes]]:
        """Run a reading git child while the block does something else; what is yielded gives its output."""
        with running_git(argv, cwd=self.place, flags=self.flags, extra=self.extra) as ended:

            def output() -> bytes:
                ran = ended()
                if ran.status:
                    raise failure(argv, ran)
                return ran.stdout

            yield output

    def as_it_stands(self) -> Repository | None:
        """Return the repository with the commit that its branch has now, without a child.

        None where only git can tell it: on another branch, none, or one that is not in a file.
        """
        try:
            if self.ref is None or states.symbolic_head(self.git_dir) != self.ref:
                return None
            head = (self.common_dir / self.ref).read_text(encoding="ascii").strip()
        except (ValueError, OSError):
            return None
        if len(head) != len(self.null_oid):
            return None
        found = copy(self)
        found.head = head
        return found

    def head_ref(self) -> str | None:
        """Return the branch that HEAD names now, None when detached."""
        try:
            return states.symbolic_head(self.git_dir)
        except (ValueError, OSError):
            named = self.run(["symbolic-ref", "-q", "HEAD"], check=False)
            return named.decode("utf-8", "surrogateescape").strip() or None


def version_numbers(git_version: str) -> tuple[int, ...]:
    """Return the leading numbers of a git version, for comparison."""
    numbers = []
    for part in git_version.split("."):
        digits = "".join(c for c in part if c.isdigit())
        if not digits or digits != part:
            break
        numbers.append(int(digits))
    return tuple(numbers)


def _version_flags(git_version: str) -> tuple[str, ...]:
    """Git below 2.36 does not know `core.fsync`; its older word covers loose objects only."""
    old = version_numbers(git_version) < (2, 36)
    return ("-c", "core.fsyncObjectFiles=true") if old else ()

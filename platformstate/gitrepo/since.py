"""What changed outside `state/` since commits: one child for all of them, however many there are."""

from __future__ import annotations

import subprocess
from contextlib import suppress
from typing import Final, Self

from platformstate.gitrepo.children import stream_git
from platformstate.gitrepo.facts import WorkFacts, is_state, pathspec, same_outside_state
from platformstate.gitrepo.repository import Repository

_ARGV: Final = (
    "diff-tree",
    "--stdin",
    "-r",
    "--no-commit-id",
    "--name-only",
    "-z",
    "--no-renames",
    "--no-ext-diff",
)
_END: Final = b"/\n"  # no commit, so git repeats it and sends all that it said; no path begins so


class Since:
    """An open question about one state of the work tree; the child starts with the first commit asked for."""

    def __init__(self, repository: Repository, facts: WorkFacts) -> None:
        self._repository, self._facts = repository, facts
        self._child: subprocess.Popen[bytes] | None = None
        self._told: dict[str, frozenset[str]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ended: object) -> None:
        self._stop()

    def paths(self, commit: str) -> list[str]:
        """Return the paths outside `state/` that differ from a commit, committed or not.

        A commit that this clone lacks leaves the uncommitted ones.
        """
        if commit not in self._told:
            is_told = not self._facts.named or commit == self._facts.commit
            self._told[commit] = frozenset() if is_told else self._asked(commit)
        return sorted({*self._facts.paths, *self._told[commit]})

    def _asked(self, commit: str) -> frozenset[str]:
        """Compare a commit with HEAD as its parent: so one that is missing is passed over."""
        head = self._facts.commit
        if head is None or same_outside_state(self._repository, commit, head):
            return frozenset()
        child = self._running()
        assert child.stdin is not None
        assert child.stdout is not None
        said = b""
        with suppress(BrokenPipeError):  # it stops at a tree that is missing
            child.stdin.write(f"{commit} {head}\n".encode() + _END)
            child.stdin.flush()
            while line := child.stdout.readline():
                said += line
                if said == _END or said.endswith(b"\0" + _END):
                    break
        if not said.endswith(_END):
            self._stop()
        names = said.removesuffix(_END).decode("utf-8", "surrogateescape").split("\0")
        return frozenset(name for name in names if name and not is_state(name))

    def _stop(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            for pipe in (child.stdin, child.stdout):
                assert pipe is not None
                with suppress(BrokenPipeError):
                    pipe.close()
            child.wait()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child is None:
            self._child = stream_git(
                [*_ARGV, *pathspec(self._facts.named)],
                cwd=self._repository.place,
                stdin=subprocess.PIPE,
                flags=self._repository.flags,
                extra=self._repository.extra,
            )
        return self._child

"""Intents: the write-ahead record of one command.

An intent that stands in the journal (`intent_journal`) happens, now or at the next writing command.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from platformstate.files import Durability
from platformstate.gitrepo.writing import Person
from platformstate.store.change import FileChange

if TYPE_CHECKING:
    from platformstate.policy.claims import Lease

SCHEMA: Final = "intent/1"
FILES_ONLY: Final = "files_only"  # the reason of an intent whose commit is the person's own


class IntentFile(NamedTuple):
    """One file of an intent; `before` and `after` are blob ids, None for an absent file."""

    path: str
    before: str | None
    after: str | None
    data: bytes | None
    append: bool = False
    kept: int = 0  # bytes of an append file that were there before

    @classmethod
    def of(cls, change: FileChange, before: str | None, after: str | None) -> IntentFile:
        """Return a file change with the ids of its versions."""
        kept = len(change.before or b"") if change.append else 0
        return cls(change.path, before, after, change.after, change.append, kept)


class Intent(NamedTuple):
    """The write-ahead record of one command."""

    id: str
    at: str
    worktree: str
    ref: str | None
    message: str
    trailers: tuple[tuple[str, str], ...]
    author: Person
    independent: bool
    defer: bool
    durability: Durability
    files: tuple[IntentFile, ...]
    reason: str | None = None
    lease: Lease | None = None

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths of its files."""
        return tuple(file.path for file in self.files)

    def temporary(self, number: int) -> str:
        """Return the name under which its n-th file is written before it takes its place."""
        return f".ps-{self.id}-{number}"

    def as_json(self, staged: dict[str, str]) -> dict[str, Any]:
        """Return the intent as the journal keeps it; `staged` names content kept beside it."""
        return {
            "schema": SCHEMA,
            "id": self.id,
            "at": self.at,
            "worktree": self.worktree,
            "ref": self.ref,
            "message": self.message,
            "trailers": [list(pair) for pair in self.trailers],
            "author": {"name": self.author.name, "email": self.author.email},
            "independent": self.independent,
            "defer": self.defer,
            "durability": self.durability,
            "reason": self.reason,
            "files": [_file_json(file, staged.get(file.path)) for file in self.files],
            **({} if self.lease is None else {"lease": self.lease.as_json()}),
        }


def _file_json(file: IntentFile, staged: str | None) -> dict[str, Any]:
    made: dict[str, Any] = {"path": file.path, "before": file.before, "after": file.after}
    if staged is None:
        made["text"] = None if file.data is None else file.data.decode("utf-8")
    else:
        made |= {"text": None, "staged": staged}
    return {**made, "append": True, "kept": file.kept} if file.append else made

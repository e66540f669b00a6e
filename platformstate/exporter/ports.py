"""What a sync asks for, what it answers, and what it needs of a database and of its transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from platformstate.errors import StateError, Warned
from platformstate.exporter.layout import Table
from platformstate.exporter.rows import Fields
from platformstate.exporter.state import Counts, Head, LedgerRow, Server, Standing
from platformstate.exporter.work import Work


class Wishes(NamedTuple):
    """What a caller asks of a sync. `repair` rewrites rows whose columns do not give their hash."""

    sync_id: str
    actor: str
    tool_version: str
    started_at: str
    rebuild: bool = False
    repair: bool = False
    allow_rewind: bool = False
    switch_ref: bool = False
    allow_mass_delete: bool = False
    max_delete: float = 20.0
    dry_run: bool = False


class Outcome(NamedTuple):
    """What a sync did, or would have done."""

    result: str
    relation: str | None
    head: Head | None
    tables: Mapping[str, Counts]
    work: Work
    warnings: tuple[Warned, ...] = ()


class Writer(Protocol):
    """One sync's transaction; see `pg_writer` and `sqlite_writer`.

    `straight` says that rows staged under the lock need no staging when the store has none.
    """

    straight: bool

    def stage(self, table: Table, rows: Sequence[Fields], size: int) -> None:
        """Add rows to what will be there, fields and hash; their size, in bytes, says when to send them."""
        ...

    def flush(self) -> None:
        """Send every batch that waits."""
        ...

    def touched(self, units: Any) -> None:
        """Say which units are replaced."""
        ...

    def lock(self, head: Any) -> Head | None:
        """Wait for this store's turn and return its cursor."""
        ...

    def repair(self) -> None:
        """Give every row the hash that its columns have now."""
        ...

    def duplicates(self, table: Table) -> list[tuple[str, str]]:
        """Return files of touched and of other units that hold one key."""
        ...

    def merge(self, table: Table, *, all_units: bool, fresh: bool) -> Counts:
        """Make the rows of the touched units equal to the staged ones."""
        ...

    def count(self, table: Table) -> int:
        """Return how many rows of the store a table has now."""
        ...

    def finish(self, said: LedgerRow, schema_version: int) -> None:
        """Write the ledger's row and the cursor."""
        ...

    def commit(self) -> None:
        """Commit."""
        ...

    def rollback(self) -> None:
        """Give everything up."""
        ...


class Target(Protocol):
    """A database; see `postgres` and `sqlite`."""

    @property
    def engine(self) -> str:
        """The engine's name."""
        ...

    def server(self) -> Server:
        """Return what may be told of it."""
        ...

    def standing(self, store: str) -> Standing:
        """Return what it says of a store."""
        ...

    def inventory(self, store: str) -> dict[str, tuple[str, int]]:
        """Return blob and parser version of every file of a store."""
        ...

    def present(
        self, table: Table, store: str, *, own: bool = False
    ) -> list[tuple[tuple[Any, ...], bytes, str]]:
        """Return key, hash and source of every row, the hash that of its columns now when `own`."""
        ...

    def writer(self, store: str, sync_id: str) -> Any:
        """Begin the one transaction of a sync."""
        ...

    def was_committed(self, store: str, sync_id: str) -> bool:
        """Say whether a sync is in the ledger."""
        ...

    def locked(self, store: str) -> StateError:
        """Return the error that names who holds the lock."""
        ...


class Engine(NamedTuple):
    """A target, how it reads the cursor under the lock, what its exceptions are, and the failpoints."""

    target: Target
    locked_head: Callable[[Any, str], Head | None]
    try_again: tuple[type[Exception], ...]
    locked: tuple[type[Exception], ...]
    outcome_unknown: tuple[type[Exception], ...]
    unreachable: Callable[[], StateError]
    chance: Callable[[int], int]
    reach: Callable[[str], None]

"""What a database says of a store before anything is read or written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from platformstate.exporter.migrations import Applied


class Head(NamedTuple):
    """The cursor: which commit the tables equal. Instants are canonical texts, ids hexadecimal."""

    ref: str
    commit: str
    tree: str
    commit_at: str
    schema_version: int
    parser_version: int
    sync_id: str
    synced_at: str


class Standing(NamedTuple):
    """The migrations, the cursor, and what is there without one."""

    applied: tuple[Applied, ...] = ()
    head: Head | None = None
    rows: bool = False
    inventory: bool = False
    same_parser: bool = True


class Server(NamedTuple):
    """What may be told of where the tables are; `host` is `local socket` for one."""

    engine: str
    version: str
    schema: str
    database: str
    user: str
    host: str = ""
    port: int | None = None
    system_id: str = ""


class Counts(NamedTuple):
    """What became of one table's rows."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    unchanged: int = 0

    def __bool__(self) -> bool:
        return bool(self.inserted or self.updated or self.deleted)

    def as_json(self) -> Mapping[str, int]:
        """Return the four numbers by name."""
        return self._asdict()


class LedgerRow(NamedTuple):
    """What `sync_run` keeps of a sync; ids hexadecimal, instants canonical."""

    sync_id: str
    store: str
    ref: str
    from_commit: str | None
    to_commit: str
    to_tree: str
    commit_at: str
    relation: str
    counts: str
    tool_version: str
    actor: str
    started_at: str


class Verification(NamedTuple):
    """What `verify_run` keeps of a verification; ids hexadecimal, instants canonical."""

    verify_id: str
    store: str
    commit: str
    mode: str
    ok: bool
    report: str
    document_sha256: str | None
    tool_version: str
    actor: str
    started_at: str


class LastVerify(NamedTuple):
    """The newest verification that a database remembers."""

    verify_id: str
    commit: str
    mode: str
    ok: bool
    finished_at: str

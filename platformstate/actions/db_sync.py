"""Make a database equal to one commit, and export one commit to files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from platformstate import __version__
from platformstate.actions.answer import Answer
from platformstate.actions.db_place import Place, Wish, unseen
from platformstate.actions.db_source import GitSource
from platformstate.errors import Warned
from platformstate.exporter.migrations import schema_version
from platformstate.exporter.ports import Outcome, Wishes
from platformstate.exporter.rows import PARSER_VERSION
from platformstate.exporter.source import Progress, silent
from platformstate.exporter.sync import sync
from platformstate.exporter.tables import TABLES
from platformstate.gitrepo.between import uncommitted_files


class SyncWish(NamedTuple):
    """The flags of `db sync`."""

    ref: str | None = None
    at: str | None = None
    rebuild: bool = False
    repair: bool = False
    allow_rewind: bool = False
    switch_ref: bool = False
    allow_mass_delete: bool = False
    max_delete: float = 20.0


def sync_database(directory: str, wish: Wish, asked: SyncWish, told: Progress = silent) -> Answer:
    """Make the tables equal to a commit, in one transaction.

    Raises: the codes of `exporter.sync.sync`, of the target, ref_not_found, db_ref_required.
    """
    with unseen(wish) as clean:
        return clean(_sync(Place(directory, wish), asked, told))


def _sync(place: Place, asked: SyncWish, told: Progress) -> Answer:
    target = place.target()
    ref, found = place.commit(asked.ref, asked.at)
    source = GitSource(place.repository, ref, found, told)
    sync_id = place.uuid()
    dry_run = place.wish.dry_run
    flags = {name: getattr(asked, name) for name in SyncWish._fields if name not in ("ref", "at")}
    wishes = Wishes(sync_id, place.actor, __version__, place.now(), **flags, dry_run=dry_run)
    mode = "plan" if dry_run else "write"
    with (
        uncommitted_files(place.repository) as counted,
        place.opened("sync", sync_id, mode=mode, target=target) as opened,
    ):
        outcome = sync(place.engine(opened, "sync", sync_id), source, wishes, told)
        seconds = source.watch.seconds()
        uncommitted = counted()
        data = _data(outcome, source, opened.engine, opened.schema, sync_id, uncommitted) | {
            "seconds": seconds
        }
    return Answer(data, warnings=(*outcome.warnings, *_uncommitted(uncommitted)))


def _data(
    outcome: Outcome, source: GitSource, engine: str, schema: str, sync_id: str, uncommitted: int
) -> dict[str, Any]:
    wanted = source.wanted
    return {
        "result": outcome.result,
        "relation": outcome.relation,
        "engine": engine,
        "schema": schema,
        "store_id": wanted.store,
        "ref": wanted.ref,
        "from_commit": outcome.head.commit if outcome.head else None,
        "to_commit": wanted.commit,
        "to_tree": wanted.tree,
        "sync_id": sync_id if outcome.result == "synced" else None,
        "schema_version": schema_version(engine),
        "parser_version": PARSER_VERSION,
        "uncommitted": uncommitted,
        "files": {
            "changed": outcome.work.changed,
            "removed": outcome.work.removed,
            "read": source.watch.files,
        },
        "bytes_read": source.watch.bytes,
        "tables": {name: dict(outcome.tables[name].as_json()) for name in TABLES},
    }


def _uncommitted(number: int) -> tuple[Warned, ...]:
    if not number:
        return ()
    files = "1 state file differs" if number == 1 else f"{number} state files differ"
    return (Warned("db_uncommitted_not_exported", f"{files} from HEAD; only commits are exported"),)


def counts_of(tables: Mapping[str, Mapping[str, int]]) -> int:
    """Return how many rows a sync changed."""
    return sum(found["inserted"] + found["updated"] + found["deleted"] for found in tables.values())

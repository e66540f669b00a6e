"""Say what a database holds of this store, and whether that is in step with the repository."""

from __future__ import annotations

from typing import Any

from platformstate.actions.answer import Answer
from platformstate.actions.db_place import Place, Wish, unseen
from platformstate.actions.db_source import GitSource
from platformstate.actions.db_verify import behind
from platformstate.errors import StateError
from platformstate.exporter.migrations import Comparison, compare, packaged, schema_version
from platformstate.exporter.rows import PARSER_VERSION
from platformstate.exporter.state import Head, LastVerify, Standing
from platformstate.exporter.tables import TABLES
from platformstate.gitrepo.between import uncommitted_files

_STEPS = (
    ("migrated", "the tables are not at this program's version", "platformctl db migrate"),
    ("synced", "the tables are not at the tip of their ref", "platformctl db sync"),
    ("verified", "no deep verification of this commit found it equal", "platformctl db verify"),
)


def database_status(directory: str, wish: Wish, *, check: bool = False) -> Answer:
    """Return what the database says; with `check` an error when it is not in step with the repository.

    Raises: those of the target, db_unreachable. The error of the answer is db_out_of_step.
    """
    with unseen(wish) as clean:
        return clean(_status(Place(directory, wish), check))


def _status(place: Place, check: bool) -> Answer:
    target = place.target()
    ref, here = place.commit(None, None) if place.repository.ref else place.commit("HEAD", "HEAD")
    source = GitSource(place.repository, ref, here)
    store = source.wanted.store
    with place.opened("status", place.uuid(), mode="plan", target=target) as opened:
        standing: Standing = opened.standing(store)
        if place.repository.ref is None and standing.head is not None:  # no branch says what is followed
            source.wanted = source.wanted._replace(ref=standing.head.ref)
        server = opened.server()
        compared = compare(standing.applied, packaged(opened.engine))
        has_tables = bool(standing.applied)
        last: LastVerify | None = opened.last_verify(store) if has_tables else None
        head = standing.head
        deep = opened.last_verify(store, head.commit) if head is not None else None
        sizes = opened.sizes(store) if has_tables else dict.fromkeys(TABLES, 0)
        can = opened.can()
    data = {
        "engine": server.engine,
        "server_version": server.version,
        "schema": server.schema,
        "database": server.database,
        "user": server.user or None,
        "migration": _migration(standing, compared, server.engine),
        "head": None if head is None else _head(head, store),
        "repository": _repository(place, source, head),
        "tables": sizes,
        "last_verify": None if last is None else last._asdict(),
        "can": can,
    }
    error = _out_of_step(compared, head, source, deep) if check else None
    return Answer(data, error=error)


def _migration(standing: Standing, compared: Comparison, engine: str) -> dict[str, Any]:
    return {
        "version": max((each.version for each in standing.applied), default=0),
        "wanted": schema_version(engine),
        "pending": [each.as_json() for each in compared.pending],
        "changed": list(compared.changed),
        "unknown": list(compared.unknown),
    }


def _head(head: Head, store: str) -> dict[str, Any]:
    return {
        "store_id": store,
        "ref": head.ref,
        "commit": head.commit,
        "tree": head.tree,
        "sync_id": head.sync_id,
        "synced_at": head.synced_at,
        "parser_version": head.parser_version,
    }


def _repository(place: Place, source: GitSource, head: Head | None) -> dict[str, Any]:
    relation = None
    if head is not None:
        relation = source.kinship(head.commit, head.tree)
    with uncommitted_files(place.repository) as counted:
        uncommitted = counted()
    return {
        "ref": source.wanted.ref,
        "commit": source.wanted.commit,
        "relation": relation,
        "behind": None if head is None else behind(place, head),
        "uncommitted": uncommitted,
    }


def _out_of_step(
    compared: Comparison, head: Head | None, source: GitSource, deep: LastVerify | None
) -> StateError | None:
    holds = {
        "migrated": not any(compared),
        "synced": head is not None
        and (head.commit, head.ref, head.parser_version)
        == (source.wanted.commit, source.wanted.ref, PARSER_VERSION),
        "verified": head is not None and deep is not None and deep.ok and deep.finished_at >= head.synced_at,
    }
    for name, message, hint in _STEPS:
        if not holds[name]:
            return StateError("db_out_of_step", message, hint=hint)
    return None

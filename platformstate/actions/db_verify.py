"""Prove that the tables equal the commit that they were synced to, and check such a proof again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from platformstate import __version__
from platformstate.actions.answer import Answer
from platformstate.actions.db_evidence import check_evidence, evidence_document, record_evidence
from platformstate.actions.db_place import Place, Wish, unseen
from platformstate.actions.db_source import GitSource
from platformstate.errors import StateError, Warned, shown
from platformstate.exporter import canonical, parity
from platformstate.exporter.catalog import Drift
from platformstate.exporter.migrations import packaged, refuse_foreign, schema_version
from platformstate.exporter.pg_text import EVERY
from platformstate.exporter.rows import PARSER_VERSION
from platformstate.exporter.source import Progress, silent
from platformstate.exporter.state import Head, Server, Verification
from platformstate.gitrepo.between import commits_between, snapshot

UNRECORDED = ("db_permission_denied", "db_read_only", "db_locked")


class VerifyWish(NamedTuple):
    """The flags of `db verify`."""

    quick: bool = False
    tables: Sequence[str] = ()
    evidence: bool = False
    check: str | None = None


class Compared(NamedTuple):
    """What one snapshot gave."""

    head: Head
    source: GitSource
    server: Server
    tables: Mapping[str, parity.Table]
    drift: list[Drift]
    system_id: str

    @property
    def differences(self) -> int:
        """How many rows differ."""
        return sum(each.differences for each in self.tables.values())

    @property
    def ok(self) -> bool:
        """Whether nothing differs."""
        return not self.differences and not self.drift


def verify_database(directory: str, wish: Wish, asked: VerifyWish, told: Progress = silent) -> Answer:
    """Compare the tables with the commit that the cursor names, never with HEAD.

    Raises: db_never_synced, commit_not_found, db_evidence_stale, usage_invalid, and those of the target.
    A difference is an answer with the error db_parity_differs.
    """
    _refuse_nonsense(asked)
    with unseen(wish) as clean:
        place = Place(directory, wish)
        return clean(check_evidence(place, asked.check) if asked.check else _verify(place, asked, told))


def _refuse_nonsense(asked: VerifyWish) -> None:
    if asked.evidence and (asked.quick or asked.tables):
        hint = "leave out --quick and --table"
        raise StateError("usage_invalid", "evidence needs a deep verification of all tables", hint=hint)
    unknown = [name for name in asked.tables if name not in EVERY]
    if unknown:
        raise StateError("usage_invalid", f"there is no table {shown(unknown[0])}", hint=", ".join(EVERY))


def _verify(place: Place, asked: VerifyWish, told: Progress) -> Answer:
    target = place.target()
    if asked.evidence and target.engine != "postgres":
        raise StateError(
            "usage_invalid", "evidence is of PostgreSQL; a file proves nothing live", hint="--service"
        )
    verify_id, started = place.uuid(), place.now()
    names = tuple(asked.tables) or tuple(EVERY)
    with place.opened("verify", verify_id, mode="update", target=target) as opened:
        compared = _compared(place, opened, names, asked.quick, told)
        data = _data(place, compared, asked, verify_id)
        if not compared.ok:
            warned = _record(place, opened, compared, data, started, None)
            return Answer(data, warnings=warned, error=_differs(compared))
        if set(names) != set(EVERY):  # what is equal in part says nothing of the whole, and is not kept
            return Answer(data)
        writes = asked.evidence and not place.wish.dry_run
        text = evidence_document(place, compared, verify_id) if writes else None
        warned = _record(place, opened, compared, data, started, text)
    if text is not None:
        if not data["recorded"]:
            raise StateError("db_permission_denied", warned[0].message, hint="platformctl db grant-sql")
        data["evidence"] = record_evidence(place, text)
    return Answer(data, _next(data), warned)


def _compared(place: Place, opened: Any, names: Sequence[str], quick: bool, told: Progress) -> Compared:
    _, here = place.commit("HEAD", "HEAD") if place.repository.ref is None else place.commit(None, None)
    store = GitSource(place.repository, "", here).wanted.store
    _refuse_tables(opened, store)
    with opened.reader(store) as reader:
        head = reader.head()
        if head is None:
            raise StateError("db_never_synced", f"no sync of store {store[:8]}", hint="platformctl db sync")
        found = snapshot(place.repository, head.commit)
        if found is None:
            message = f"the synced commit {head.commit} is not in this clone"
            raise StateError("commit_not_found", message, hint="git fetch, or platformctl db sync")
        source = GitSource(place.repository, head.ref, found, told)
        tables = (parity.quick if quick else parity.deep)(source, reader, names)
        system = reader.system_id() if not quick else ""
        return Compared(head, source, opened.server(), tables, reader.drift(deep=not quick), system)


def _refuse_tables(opened: Any, store: str) -> None:
    standing = opened.standing(store)
    known = packaged(opened.engine)
    if not standing.applied:
        raise StateError(
            "db_never_synced", "there are no tables", hint="platformctl db migrate, then db sync"
        )
    changed = {each.version for each in standing.applied} - {each.version for each in known}
    refuse_foreign([each for each in standing.applied if each.version in changed], known)


def _data(place: Place, compared: Compared, asked: VerifyWish, verify_id: str) -> dict[str, Any]:
    head, server, tables = compared.head, compared.server, compared.tables
    whole = not asked.quick and set(tables) == set(EVERY)
    return {
        "ok": compared.ok,
        "mode": "quick" if asked.quick else "deep",
        "engine": server.engine,
        "schema": server.schema,
        "store_id": compared.source.wanted.store,
        "ref": head.ref,
        "commit": head.commit,
        "tree": head.tree,
        "behind": behind(place, head),
        "schema_version": schema_version(server.engine),
        "parser_version": PARSER_VERSION,
        "server_version": server.version,
        "database": server.database,
        "user": server.user or None,
        "root": roots(tables) if whole else None,
        "tables": {name: each.as_json() for name, each in tables.items()},
        "differences": compared.differences,
        "drift": [each.as_json() for each in compared.drift],
        "verify_id": verify_id,
        "recorded": False,
        "evidence": None,
        "seconds": compared.source.watch.seconds(),
    }


def roots(tables: Mapping[str, parity.Table]) -> dict[str, str]:
    """Return the root of both sides."""
    expected = {name: each.expected_root or "" for name, each in tables.items()}
    found = {name: each.found_root or "" for name, each in tables.items()}
    return {"expected": canonical.root(expected), "found": canonical.root(found)}


def behind(place: Place, head: Head) -> int | None:
    """Return how many commits the tables are behind the tip of their ref, None when they are beside it."""
    tip = snapshot(place.repository, head.ref)
    if tip is None or snapshot(place.repository, head.commit) is None:
        return None
    return commits_between(place.repository, head.commit, tip.commit)


def _record(
    place: Place, opened: Any, compared: Compared, data: dict[str, Any], started: str, text: bytes | None
) -> tuple[Warned, ...]:
    """Record the result where the privilege is there; `data` says whether it was."""
    report = json.dumps({"differences": data["differences"], "drift": data["drift"], "root": data["root"]})
    sha256 = None if text is None else hashlib.sha256(text).hexdigest()
    said = Verification(
        data["verify_id"],
        data["store_id"],
        compared.head.commit,
        data["mode"],
        compared.ok,
        report,
        sha256,
        __version__,
        place.actor,
        started,
    )
    try:
        if not place.wish.dry_run:
            opened.remember(said)
            data["recorded"] = True
    except StateError as refused:
        if refused.code not in UNRECORDED:
            raise
        return (Warned(refused.code, f"the verification was not recorded: {refused.message}"),)
    return ()


def _differs(compared: Compared) -> StateError:
    counts = ((compared.differences, "row"), (len(compared.drift), "object"))
    parts = [f"{number} {noun}{'s' * (number != 1)}" for number, noun in counts if number]
    parts[-1] += " of the catalog" if compared.drift else ""
    mending = ("platformctl db sync --repair", "undo the change, or drop the tables, db migrate and db sync")
    hint = mending[bool(compared.drift)]
    return StateError(
        "db_parity_differs", f"the tables differ from the commit in {' and '.join(parts)}", hint=hint
    )


def _next(data: Mapping[str, Any]) -> tuple[str, ...]:
    return (f"platformctl db verify --check {data['evidence']}",) if data["evidence"] else ()

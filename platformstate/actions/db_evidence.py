"""The document of a verification: written as committed evidence, and held against git and the server again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from platformstate import __version__, validation
from platformstate.actions.answer import Answer
from platformstate.actions.db_place import Place
from platformstate.actions.db_roots import Roots, roots_at
from platformstate.codec.json_text import pretty_json
from platformstate.core import ids
from platformstate.core.instants import stamp
from platformstate.core.places import evidence_path
from platformstate.errors import StateError, shown
from platformstate.exporter.migrations import packaged, schema_version
from platformstate.exporter.rows import PARSER_VERSION
from platformstate.gitrepo import is_ancestor, resolve_commit
from platformstate.store.change import Change, FileChange

if TYPE_CHECKING:
    from platformstate.actions.db_verify import Compared

TYPE = "db-verify"


def evidence_document(place: Place, compared: Compared, verify_id: str) -> bytes:
    """Return the bytes of the evidence of a verification that found no difference; no host, no password."""
    at = place.now()
    head, server = compared.head, compared.server
    from platformstate.actions.db_verify import roots

    target = {
        "engine": server.engine,
        "server_version": server.version,
        "system_id": compared.system_id,
        "database": server.database,
        "schema": server.schema,
        "user": server.user,
        "host_sha256": hashlib.sha256(f"{server.host}:{server.port}".encode()).hexdigest(),
    }
    tables = {
        name: {"rows": each.found, "expected_root": each.expected_root, "found_root": each.found_root}
        for name, each in compared.tables.items()
    }
    return pretty_json(
        {
            "schema": "evidence/1",
            "id": f"{TYPE}-{ids.new_timed_id(stamp(at), place.chance)}",
            "type": TYPE,
            "ok": True,
            "mode": "deep",
            "at": at,
            "by": place.actor,
            "commit": head.commit,
            "store_id": compared.source.wanted.store,
            "ref": head.ref,
            "tree": head.tree,
            "sync_id": head.sync_id,
            "verify_id": verify_id,
            "schema_version": schema_version(),
            "parser_version": PARSER_VERSION,
            "migrations": {str(each.version): each.checksum for each in packaged("postgres")},
            "tool_version": __version__,
            "target": target,
            "tables": tables,
            "root": roots(compared.tables),
        }
    )


def record_evidence(place: Place, text: bytes) -> str:
    """Write the document through the store, one commit, and return its path."""
    from platformstate.store import open_store

    store = open_store(place.directory, actor=place.wish.actor)
    judged = validation.read(text, evidence_path(f"{TYPE}-20000101t000000z-000000"))
    assert judged.document is not None, judged.problems
    id = judged.document.id
    path = evidence_path(id)
    trailers = (("Actor", store.actor),)
    store.write(lambda: Change(f"evidence: record {id}", trailers, (FileChange(path, None, text),)))
    return path


def check_evidence(place: Place, name: str) -> Answer:
    """Hold a recorded verification against git and the server.

    Raises: db_evidence_stale with the letter of what fails; usage_invalid for a file that is not there.
    """
    file = place.directory / name
    if not file.is_file():
        raise StateError("usage_invalid", f"{shown(name)} is no file", hint="state/evidence/db-verify-….json")
    text = file.read_bytes()
    meta = _read(text, file.stem)
    roots = _of_git(place, meta)
    with place.opened("verify", str(meta["verify_id"]), mode="read") as opened:
        if opened.engine != "postgres":
            raise _stale("b", "the target is a SQLite file, the evidence is of PostgreSQL")
        _of_server(opened, meta, hashlib.sha256(text).hexdigest())
    return Answer(_data(meta, roots, name))


def _read(text: bytes, id: str) -> Mapping[str, Any]:
    """Check (a): the file is valid, ok, deep and of PostgreSQL."""
    judged = validation.read(text, evidence_path(id))
    meta: Mapping[str, Any] | None = judged.document and judged.document.meta
    if meta is None or meta.get("type") != TYPE or not meta["ok"] or meta["mode"] != "deep":
        raise _stale("a", "the file is no valid document of a deep verification that found no difference")
    if meta["id"] != id:
        raise _stale("a", f"the file says that it is {shown(meta['id'])}")
    return meta


def _of_git(place: Place, meta: Mapping[str, Any]) -> Roots:
    """Check (b) and (e): the commit is in this history, and its rows hash to the roots of the file."""
    head = resolve_commit(place.repository, "HEAD")
    commit = str(meta["commit"])
    if head is None or resolve_commit(place.repository, commit) is None:
        raise _stale("b", f"commit {commit} is not in this clone")
    if not is_ancestor(place.repository, commit, head):
        raise _stale("b", f"commit {commit} is no ancestor of HEAD")
    roots = roots_at(place.repository, commit)
    if roots.store != meta["store_id"]:
        raise _stale("b", f"the file is of store {meta['store_id']}")
    if fault := root_fault(meta, roots):
        raise _stale("e", fault)
    return roots


def root_fault(meta: Mapping[str, Any], roots: Roots) -> str | None:
    """Return the first root of a document that is not what git gives, None when all are."""
    said = meta["root"]
    if {said["expected"], said["found"]} != {roots.root}:
        return f"the root of commit {meta['commit'][:8]} is {roots.root}"
    for name, (rows, root) in roots.tables.items():
        each = meta["tables"].get(name)
        if each is None or each["rows"] != rows or {each["expected_root"], each["found_root"]} != {root}:
            return f"table {name} has {rows} rows with the root {root}"
    return None


def _of_server(opened: Any, meta: Mapping[str, Any], sha256: str) -> None:
    kept, system_id = opened.document(str(meta["verify_id"]))
    if system_id != meta["target"]["system_id"]:
        raise _stale("server", f"this server is {system_id}, the file is of {meta['target']['system_id']}")
    if kept != sha256:
        raise _stale("server", "the server does not remember this file under its verify_id")


def _stale(letter: str, message: str) -> StateError:
    hint = "platformctl db verify --evidence"
    return StateError("db_evidence_stale", f"({letter}) {message}", hint=hint)


def _data(meta: Mapping[str, Any], roots: Roots, name: str) -> dict[str, Any]:
    target = meta["target"]
    tables = {
        each: {
            "ok": True,
            "expected": rows,
            "found": meta["tables"][each]["rows"],
            "expected_root": root,
            "found_root": meta["tables"][each]["found_root"],
            "shards_differing": 0,
            "missing": [],
            "extra": [],
            "altered": [],
        }
        for each, (rows, root) in roots.tables.items()
    }
    kept = ("store_id", "ref", "commit", "tree", "schema_version", "parser_version", "verify_id")
    return {
        "ok": True,
        "mode": "deep",
        "engine": target["engine"],
        "schema": target["schema"],
        **{key: meta[key] for key in kept},
        "behind": None,
        "server_version": target["server_version"],
        "database": target["database"],
        "user": target["user"],
        "root": {"expected": roots.root, "found": meta["root"]["found"]},
        "tables": tables,
        "differences": 0,
        "drift": [],
        "recorded": True,
        "evidence": name,
        "seconds": None,
    }

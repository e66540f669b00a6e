"""Evidence that a person names for a step: checked when it is recorded, written in full."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from platformstate.errors import StateError, shown
from platformstate.files import WorkTree

if TYPE_CHECKING:
    from platformstate.store import Store


def evidence_of(store: Store, texts: Sequence[str]) -> list[dict[str, Any]]:
    """Return evidence from `file:PATH`, `commit:REV` and `url:URL`. Raises: evidence_refused, usage_invalid."""
    return [_one(store, text) for text in texts]


def _one(store: Store, text: str) -> dict[str, Any]:
    kind, colon, ref = text.partition(":")
    said = {"ref": text, "at": store.now(), "by": store.actor}
    if colon and kind == "commit":
        return {"type": kind, **said, "commit": _commit(store, ref)}
    if colon and kind == "file":
        return {"type": kind, **said, **_file(store, ref)}
    if colon and kind == "url" and "://" in ref:
        return {"type": kind, **said, "url": ref}
    raise StateError(
        "usage_invalid",
        f"--evidence: {shown(text)} is not file:PATH, commit:REV or url:URL",
    )


def _commit(store: Store, rev: str) -> str:
    from platformstate.gitrepo import resolve_commit

    commit = resolve_commit(store.repository, rev)
    if commit is None:
        raise _refused(f"{shown(rev)} names no commit here")
    return commit


def _file(store: Store, path: str) -> dict[str, str]:
    data = WorkTree(store.root).bytes_of(path)
    head = store.repository.head
    if data is None or head is None:
        raise _refused(f"there is no file {shown(path)}")
    held = dict(store.tree("HEAD").read([path])).get(path)
    if held != data:
        raise _refused(f"{shown(path)} is not committed as it stands")
    return {"path": path, "blob": store.session.blob_id(data), "commit": head}


def _refused(message: str) -> StateError:
    return StateError("evidence_refused", message, hint="commit it first, or name other evidence")

"""A record that was read from a file or is about to become one."""

from __future__ import annotations

from typing import Any, Generic, NamedTuple, cast

from platformstate.core.kind import Kind, M


class Document(NamedTuple, Generic[M]):
    """A record: its kind, its place in the repository, its front matter and its body.

    `path` is relative to the repository root, with `/`. `source` is the text that was read, so
    that writing changes only what changed; it is None for a record that no file holds yet.
    """

    kind: Kind[M]
    path: str
    meta: M
    body: str = ""
    source: str | None = None

    @property
    def id(self) -> str:
        """The record's id, as its front matter says."""
        return str(self.meta["id"])

    def with_changes(self, changes: dict[str, Any], *, body: str | None = None) -> Document[M]:
        """Return the document with these top-level fields set; a value of None removes its field."""
        merged: dict[str, Any] = {**self.meta, **changes}
        kept = {key: value for key, value in merged.items() if not (key in changes and value is None)}
        return self._replace(meta=cast(M, kept), body=self.body if body is None else body)

"""What a kind of record is: its place, its container, its lifecycle and the shape of its fields."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Generic, NamedTuple, TypeVar

M = TypeVar("M", bound=Mapping[str, Any])
_NO_KEYS: Final[Mapping[str, Any]] = MappingProxyType({})


class Kind(NamedTuple, Generic[M]):
    """A typed handle on a kind, so that `store.load(TASK, id)` is a `Document[Task]`."""

    name: str


class Shape(NamedTuple):
    """One place of a schema, as far as reading and writing text needs it.

    `types` are JSON Schema type names, empty where anything goes. `keys` are in schema order. `default` is
    what an absent value means, None where the schema does not say.
    """

    types: tuple[str, ...] = ()
    format: str | None = None
    keys: Mapping[str, Shape] = _NO_KEYS
    items: Shape | None = None
    group: str | None = None
    always: bool = False
    flow: bool = False
    immutable: bool = False
    required: bool = False
    merge: str = "scalar"
    ref: str | None = None
    same_subject: bool = False
    default: Any = None


class Lifecycle(NamedTuple):
    """The states of a kind and which may follow which."""

    states: Mapping[str, tuple[str, ...]]
    final: tuple[str, ...]


class KindSpec(NamedTuple):
    """Everything about a kind that its schema's annotations say. `path` is below `state/`."""

    name: str
    version: int
    path: str
    container: str
    id: str
    shape: Shape
    lifecycle: Lifecycle | None = None
    immutable: bool = False
    append_only: bool = False
    max_bytes: int | None = None

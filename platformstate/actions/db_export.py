"""Export one commit to a new SQLite file or to JSON lines; and print the grants of the three roles."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from platformstate import __version__
from platformstate.actions.answer import Answer
from platformstate.actions.db_place import Place, Wish, unseen
from platformstate.actions.db_source import GitSource
from platformstate.errors import StateError
from platformstate.exporter import canonical, parity
from platformstate.exporter.grants import Roles, grants
from platformstate.exporter.jsonl import write_tables
from platformstate.exporter.pg_text import EVERY
from platformstate.exporter.ports import Wishes
from platformstate.exporter.source import Progress, silent
from platformstate.exporter.sync import sync
from platformstate.exporter.tables import TABLES
from platformstate.exporter.target import Flags, Target, schema_of
from platformstate.files.errors import explained


class ExportWish(NamedTuple):
    """The flags of `db export`; exactly one of the two outputs."""

    sqlite: str | None = None
    jsonl: str | None = None
    ref: str | None = None
    at: str | None = None
    force: bool = False


def export_commit(directory: str, wish: Wish, asked: ExportWish, told: Progress = silent) -> Answer:
    """Write one commit's tables to a new file or folder, replaced in one step.

    Raises: output_exists, usage_invalid, ref_not_found, state_invalid.
    """
    with unseen(wish) as clean:
        return clean(_export(directory, wish, asked, told))


def _export(directory: str, wish: Wish, asked: ExportWish, told: Progress) -> Answer:
    if (asked.sqlite is None) == (asked.jsonl is None):
        raise StateError("usage_invalid", "give one output", hint="--sqlite FILE or --jsonl DIR")
    place = Place(directory, wish)
    ref, found = place.commit(asked.ref, asked.at)
    source = GitSource(place.repository, ref, found, told)
    path = place.directory / (asked.sqlite or asked.jsonl or "")
    with _writable(path):
        _refuse_existing(path, asked)
    with _writable(path), _beside(path, place) as draft:
        if asked.sqlite is not None:
            _sqlite(place, source, draft, told)
            expected = parity.expected_of(source)
        else:
            expected = write_tables(source, draft)
        size = _size(draft)
        if place.wish.dry_run:
            _remove(draft)
    data = {
        "format": "sqlite" if asked.sqlite is not None else "jsonl",
        "path": str(path),
        "commit": source.wanted.commit,
        "tree": source.wanted.tree,
        "tables": {name: expected.rows(name) for name in TABLES},
        "root": canonical.root({name: expected.roots()[name] for name in EVERY}),
        "bytes": size,
    }
    return Answer(data)


@contextmanager
def _writable(path: Path) -> Iterator[None]:
    """Turn the errors of an output's place into ours. Raises: usage_invalid, those of `explained`."""
    with explained(str(path)):
        try:
            yield
        except OSError as failed:
            if failed.errno not in (errno.ENOENT, errno.ENAMETOOLONG):
                raise
            message = f"the output cannot be written: {failed.strerror}"
            raise StateError(
                "usage_invalid", message, hint="name a file in a folder that is there"
            ) from failed


def _refuse_existing(path: Path, asked: ExportWish) -> None:
    """Refuse to replace something, and with `--force` anything that is no earlier output."""
    path.parent.stat()
    if not os.path.lexists(path) or (asked.jsonl is not None and _names(path) == set()):
        return
    message, hint = "something is there already; nothing was written", "another name, or --force"
    if asked.force:
        if _is_output(path, folder=asked.jsonl is not None):
            return
        message, hint = "what is there is no output of an export, so that --force leaves it", "another name"
    raise StateError("output_exists", message, hint=hint, path=str(path))


def _is_output(path: Path, *, folder: bool) -> bool:
    """Say whether an export may have written what is there: a file, or a folder of nothing but tables."""
    if not folder:
        return path.is_symlink() or path.is_file()
    names = _names(path)
    return names is not None and names <= {f"{name}.jsonl" for name in EVERY}


def _names(path: Path) -> set[str] | None:
    """Return the names in a folder, None for what is none or only leads to one."""
    return set(os.listdir(path)) if path.is_dir() and not path.is_symlink() else None


@contextmanager
def _beside(path: Path, place: Place) -> Iterator[Path]:
    """Give a name beside the output; what stands there in the end takes the output's place."""
    draft = path.with_name(f".{path.name}.{place.uuid()[:8]}")
    try:
        yield draft
        if draft.exists():
            _replace(draft, path)
    finally:
        _remove(draft)


def _replace(draft: Path, path: Path) -> None:
    if draft.is_dir() and path.is_dir():
        _remove(path)
    os.replace(draft, path)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _size(path: Path) -> int:
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    return sum(each.stat().st_size for each in files)


def _sqlite(place: Place, source: GitSource, path: Path, told: Progress) -> None:
    target = Target("sqlite", "main", path)
    sync_id = place.uuid()
    wishes = Wishes(sync_id, place.actor, __version__, place.now())
    with place.opened("export", sync_id, mode="write", target=target) as opened:
        sync(place.engine(opened, "export", sync_id), source, wishes, told)


def grant_text(
    schema: str | None, owner: str, sync_role: str, read_role: str, *, directory: str | None = None
) -> Answer:
    """Return the script that an administrator runs after each migration; outside of a repository, too.

    Raises: usage_invalid, db_schema_name_invalid.
    """
    named = schema_of(Flags(schema=schema), {} if directory is None else _config(directory))
    data: dict[str, Any] = {"sql": grants(named, Roles(owner, sync_role, read_role))}
    return Answer(data)


def _config(directory: str) -> dict[str, Sequence[str]]:
    """Return what git config says of the target, nothing outside of a repository."""
    try:
        return Place(directory, Wish()).config()
    except StateError as refused:
        if refused.code != "repository_not_found":
            raise
        return {}

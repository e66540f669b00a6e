"""One commit of a repository as an export reads it: git's objects only, judged as `validate --rev` does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from time import perf_counter
from typing import Any, Final

from platformstate import validation
from platformstate.codec.decoding import without_crlf
from platformstate.codec.journal import chain_problems
from platformstate.core import places
from platformstate.core.instants import instant
from platformstate.core.places import STORE_PATH
from platformstate.core.tree import Entry
from platformstate.cost import COST
from platformstate.errors import Problem, StateError, shown
from platformstate.exporter.decision import Kinship
from platformstate.exporter.rows import Part, Record, extra_name
from platformstate.exporter.source import Progress, Wanted, Watch, silent
from platformstate.exporter.units import NAMED_ONLY, Unit, unit_of
from platformstate.gitrepo import Repository, is_ancestor
from platformstate.gitrepo.between import Snapshot, changed_paths, is_here, listed, object_bytes
from platformstate.policy.identity import identity_problems, journal_identity_problems
from platformstate.policy.journal import journal_problems
from platformstate.policy.tree_rules import FILE_MODE, path_problems
from platformstate.validation import Judged

MAX_READ_BYTES: Final = 16 * 1024 * 1024
_LFS: Final = b"version https://git-lfs.github.com/spec/"


class GitSource:
    """A commit of a repository; `problems` is what was found in the files that were read."""

    def __init__(self, repository: Repository, ref: str, found: Snapshot, told: Progress = silent) -> None:
        self.repository = repository
        self.problems: list[Problem] = []
        self.watch = Watch()
        self._told = told
        at = instant(datetime.fromtimestamp(found.committed_at, UTC))
        self.wanted = Wanted(_store_id(found), ref, found.commit, found.tree or "", at)

    def kinship(self, commit: str, tree: str) -> Kinship:
        """Return what another commit is to the wanted one; absent when it or its tree is not here."""
        wanted = self.wanted.commit
        if commit == wanted:
            return "same"
        if not is_here(self.repository, [commit, tree]):
            return "absent"
        if is_ancestor(self.repository, commit, wanted):
            return "ancestor"
        return "descendant" if is_ancestor(self.repository, wanted, commit) else "apart"

    def changed(self, tree: str) -> list[str]:
        """Return the paths that differ between another state tree and the wanted one."""
        started = perf_counter()
        found = changed_paths(self.repository, tree, self.wanted.tree)
        self.watch.git += perf_counter() - started
        return found

    def listing(self, paths: Sequence[str] = ()) -> list[Entry]:
        """Return the files of the wanted state tree, or those at or below some paths."""
        started = perf_counter()
        found = listed(self.repository, self.wanted.tree, paths)
        self.watch.git += perf_counter() - started
        return found

    def records(self, entries: Sequence[Entry]) -> Iterator[tuple[Record, list[Entry]]]:
        """Read and judge files by unit; yield each good unit with its files. Findings go to `problems`."""
        self.problems = list(path_problems(entries))
        bad = {problem.path for problem in self.problems}
        ordered = sorted((entry for entry in entries if unit_of(entry.path)), key=_by_unit)
        read = [entry for entry in ordered if entry.path not in bad and _is_read(entry)]
        blobs = object_bytes(self.repository, (entry.oid or "" for entry in read), MAX_READ_BYTES)
        waiting = {entry.path for entry in read}
        done = 0
        for path, group in groupby(ordered, lambda entry: _by_unit(entry)[0]):
            files = list(group)
            unit = unit_of(files[0].path)
            assert unit is not None, path
            judged = {entry.path: self._judged(entry, blobs) for entry in files if entry.path in waiting}
            done += len(files)
            self._told("read", done, len(ordered))
            record = _record(unit, files, judged)
            if record is not None:
                yield record, files

    def _judged(self, entry: Entry, blobs: Iterator[bytes | int | None]) -> Judged | str:
        started = perf_counter()
        data = next(blobs, None)
        self.watch.git += perf_counter() - started
        judged, problems = _judge(entry.path, data)
        self.problems += [problem for problem in problems if problem.severity == "error"]
        self.watch.files += 1
        self.watch.bytes += len(data) if isinstance(data, bytes) else 0
        return judged


def _store_id(found: Snapshot) -> str:
    """Return the id that `store.yaml` gives. Raises: store_not_found, state_invalid."""
    if found.store is None or found.tree is None:
        message = f"commit {found.commit[:8]} holds no {STORE_PATH}"
        raise StateError("store_not_found", message, hint="name a commit that has a store")
    judged = validation.read(found.store, STORE_PATH)
    if judged.document is None:
        raise refusal([*judged.problems])
    return str(judged.document.meta["id"])


def refusal(problems: Sequence[Problem]) -> StateError:
    """Return the error for files that are invalid, with every finding."""
    found = tuple(sorted(set(problems)))
    count = "1 finding" if len(found) == 1 else f"{len(found)} findings"
    message = f"{count} in what was to be exported; nothing was written"
    return StateError("state_invalid", message, hint="platformctl validate --rev COMMIT", problems=found)


def _by_unit(entry: Entry) -> tuple[str, bool, str]:
    unit = unit_of(entry.path)
    own = entry.path if unit is None else unit.path
    return own, entry.path != own, entry.path


def _is_read(entry: Entry) -> bool:
    place = places.place_of(entry.path)
    return place is not None and place.kind not in NAMED_ONLY and entry.mode == FILE_MODE


def _judge(path: str, data: bytes | int | None) -> tuple[Judged | str, Sequence[Problem]]:
    """Return what a file holds, a summary's text alone, and what is wrong with it."""
    nothing = Judged(None, None, ())
    if data is None:
        raise StateError(
            "history_missing", f"the content of {shown(path)} is missing in this clone", path=path
        )
    if isinstance(data, int):
        message = f"the file has {data} bytes"
        return nothing, [Problem(path, 1, 1, "text_too_large", message, "keep it outside of git")]
    if data.startswith(_LFS):
        message = f"{path} is a Git LFS pointer; only plain files are allowed"
        return nothing, [Problem(path, 1, 1, "path_mode_invalid", message, "take it out of Git LFS")]
    if path.endswith("/summary.md"):
        return _text(path, data)
    COST.parsed += 1
    judged = validation.read(data, path)
    return judged, [*judged.problems, *_alone(judged, path)]


def _text(path: str, data: bytes) -> tuple[str, Sequence[Problem]]:
    try:
        return without_crlf(data.decode("utf-8")), ()
    except UnicodeDecodeError as failed:
        line = data.count(b"\n", 0, failed.start) + 1
        message = "the summary is not UTF-8, which no database can hold"
        return "", [Problem(path, line, 1, "db_value_unstorable", message, "write it as UTF-8")]


def _alone(judged: Judged, path: str) -> Sequence[Problem]:
    """Return what is wrong with a file at its place, and with the chain of a journal."""
    if judged.document is not None:
        return identity_problems(judged.document)
    place = places.place_of(path)
    if judged.rows is None or place is None:
        return ()
    if place.kind == "ledger":
        return _strays(judged.rows, path, (place.subject or "").partition("/")[2])
    found = chain_problems(judged.rows, path) or journal_problems(judged.rows, path)
    return [*found, *journal_identity_problems(judged.rows, path)]


def _strays(rows: Sequence[tuple[int, dict[str, Any]]], path: str, job: str) -> list[Problem]:
    """Return the lines of a ledger that name another job than their folder does."""
    return [
        Problem(
            path,
            line,
            1,
            "path_mismatch",
            f'job is "{shown(row["job"])}", the folder says "{job}"',
            "move it",
        )
        for line, row in rows
        if row["job"] != job
    ]


def _record(unit: Unit, files: Sequence[Entry], judged: dict[str, Judged | str]) -> Record | None:
    """Return a unit's record, None for one without its main file or with a file that was refused."""
    main = judged.get(unit.path)
    blob = files[0].oid or ""
    if not isinstance(main, Judged) or files[0].path != unit.path:
        return None
    if main.rows is not None:
        kind = "event" if unit.table == "run_event" else "ledger"
        return Record(unit, blob, [Part(kind, line, row) for line, row in main.rows])
    if main.document is None:
        return None
    document = main.document
    part = Part(document.kind.name, 0, document.meta, document.body)
    if not unit.table.endswith("_run"):
        return Record(unit, blob, [part])
    folder = unit.path.removesuffix("run.md")
    named = {each.path.removeprefix(folder): each.oid or "" for each in files if not _is_read(each)}
    return Record(unit, blob, [part], _extras(judged), named)


def _extras(judged: dict[str, Judged | str]) -> dict[str, Any]:
    """Return what a run has beside its header, by the column that it fills."""
    found: dict[str, Any] = {}
    for path, each in judged.items():
        if isinstance(each, str):
            found["summary"] = each
        elif (column := extra_name(path)) and each.document is not None:
            found[column] = each.document.meta
    return found

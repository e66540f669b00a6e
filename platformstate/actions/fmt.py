"""Rewrite working files to canonical text; nothing is staged and nothing committed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import unified_diff
from pathlib import Path
from typing import Any, Final

from platformstate.actions.answer import Answer
from platformstate.actions.scopes import at_or_below, repository_path, work_tree
from platformstate.codec.formatting import formatted
from platformstate.core.catalog import KINDS
from platformstate.core.kind import KindSpec
from platformstate.core.places import STORE_PATH, place_of
from platformstate.core.tree import Entry
from platformstate.cost import COST
from platformstate.errors import Problem, StateError
from platformstate.files import Folder, WorkTree
from platformstate.gitrepo import CommitTree, Repository, discover
from platformstate.gitrepo.attributes import ignored_files
from platformstate.policy.tree_rules import FILE_MODE, mode_problem

LINK_MODE: Final = "120000"


@dataclass
class _Formatting:
    """What was decided about each file."""

    texts: dict[str, tuple[bytes, bytes]] = field(default_factory=dict)
    skipped: list[dict[str, str]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    checked: int = 0

    def skip(self, path: str, reason: str) -> None:
        self.skipped.append({"path": path, "reason": reason})


def format_files(
    directory: str,
    paths: Sequence[str] = (),
    *,
    check: bool = False,
    diff: bool = False,
    fix: bool = False,
    dry_run: bool = False,
) -> Answer:
    """Rewrite the records at or below some paths, all without one, each in one step.

    With `check`, `diff` or `dry_run` nothing is written; `check` fails where something would be.
    Files that do not parse, are a link or no plain file, immutable ones that are committed, and JSON are
    left alone and listed. Raises: repository_bare, store_not_found, usage_invalid.
    """
    repository = discover(Path(directory))
    tree = WorkTree(work_tree(repository))
    if not (tree.root / STORE_PATH).is_file():
        raise StateError("store_not_found", f"{tree.root} has no {STORE_PATH}", hint="platformctl init")
    found = _decided(repository, tree, paths, fix)
    if not (check or diff or dry_run):
        for path, (_, after) in found.texts.items():
            _replace(tree.root, path, after)
    data: dict[str, Any] = {
        "checked": found.checked,
        "changed": list(found.texts),
        "skipped": found.skipped,
        "problems": [problem.as_json() for problem in found.problems],
    }
    if diff:
        data["diff"] = "".join(_diff(path, *texts) for path, texts in found.texts.items())
    return Answer(data, error=_refusal(found, check))


def _decided(repository: Repository, tree: WorkTree, paths: Sequence[str], fix: bool) -> _Formatting:
    entries = {entry.path: entry for entry in tree.entries()}
    known = entries.keys() - ignored_files(repository)
    named = [repository_path(repository, path) for path in paths]
    committed = _committed(repository)
    found = _Formatting()
    for path in sorted(at_or_below(named, known) if named else known):
        spec = _record_spec(path)
        if entries[path].mode != FILE_MODE:
            _name_odd(found, entries[path], is_record=spec is not None)
            continue
        if spec is None:
            continue
        found.checked += 1
        if (spec.immutable or spec.append_only) and path in committed:
            found.skip(path, "immutable")
        elif spec.container not in ("markdown", "yaml"):
            found.skip(path, "json")
        else:
            _decide_one(found, path, tree.bytes_of(path) or b"", fix)
    COST.files = found.checked
    return found


def _record_spec(path: str) -> KindSpec | None:
    place = place_of(path)
    return None if place is None else KINDS.get(place.kind)


def _name_odd(found: _Formatting, entry: Entry, *, is_record: bool) -> None:
    """Name what stands where a record belongs, or is a link to a folder of them, and is not read."""
    problem = mode_problem(entry) if is_record or entry.mode == LINK_MODE else None
    if problem is not None:
        found.skip(entry.path, "invalid")
        found.problems.append(problem)


def _decide_one(found: _Formatting, path: str, data: bytes, fix: bool) -> None:
    result = formatted(data, path, fix=fix)
    COST.parsed += 1
    if result.text is None:
        found.skip(path, "invalid")
        found.problems.extend(result.problems)
    elif (after := result.text.encode("utf-8")) != data:
        found.texts[path] = (data, after)


def _committed(repository: Repository) -> frozenset[str]:
    if repository.head is None:
        return frozenset()
    return frozenset(entry.path for entry in CommitTree(repository, repository.head).entries())


def _replace(root: Path, path: str, data: bytes) -> None:
    parent, _, name = path.rpartition("/")
    with Folder.at(root, parent) as folder:
        folder.replace(name, data, "full")


def _diff(path: str, before: bytes, after: bytes) -> str:
    old, new = (text.decode("utf-8", "replace").splitlines(keepends=True) for text in (before, after))
    lines = unified_diff(old, new, f"a/{path}", f"b/{path}")
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )


def _refusal(found: _Formatting, check: bool) -> StateError | None:
    if found.problems:
        first = found.problems[0]
        count = sum(each["reason"] == "invalid" for each in found.skipped)
        return StateError(
            "state_invalid",
            f"{count} {'file' if count == 1 else 'files'} cannot be formatted",
            hint=f"platformctl explain {first.code}",
            problems=tuple(found.problems),
        )
    if check and found.texts:
        count = len(found.texts)
        return StateError(
            "state_not_canonical",
            f"{count} {'file is' if count == 1 else 'files are'} not canonical",
            hint="platformctl fmt",
        )
    return None

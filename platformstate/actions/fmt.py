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
from platformstate.core.places import STORE_PATH, place_of
from platformstate.cost import COST
from platformstate.errors import Problem, StateError
from platformstate.files import Folder, WorkTree
from platformstate.gitrepo import CommitTree, Repository, discover
from platformstate.gitrepo.attributes import ignored_files

PLAIN_MODE: Final = "100644"


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
    Files that do not parse, immutable ones that are committed, and JSON are left alone and listed. Raises: repository_bare, store_not_found,
    usage_invalid.
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
        place = place_of(path)
        if place is None or place.kind not in KINDS or entries[path].mode != PLAIN_MODE:
            continue
        found.checked += 1
        spec = KINDS[place.kind]
        if (spec.immutable or spec.append_only) and path in committed:
            found.skip(path, "immutable")
        elif spec.container not in ("markdown", "yaml"):
            found.skip(path, "json")
        else:
            _decide_one(found, path, tree.bytes_of(path) or b"", fix)
    COST.files = found.checked
    return found


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
            f"{count} {'file does' if count == 1 else 'files do'} not parse",
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

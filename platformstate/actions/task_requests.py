"""Look up what a request about a task names: commits, other tasks, specifications."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from platformstate.core import ids
from platformstate.core.places import place_of, task_path
from platformstate.entities import task as tasks
from platformstate.entities.kinds import TASK
from platformstate.errors import StateError, shown

if TYPE_CHECKING:
    from platformstate.core.tree import Tree
    from platformstate.gitrepo import Repository
    from platformstate.store import Store


def base_commit(repository: Repository, asked: str | None, imported: str | None = None) -> str | None:
    """Return the commit that work starts from: the one asked for, the packet's, else HEAD.

    Raises: ref_not_found, commit_not_found.
    """
    if asked == "none":
        return None
    if asked is not None:
        return revision(repository, asked)
    if imported is None:
        return repository.head
    if _commit(repository, imported) is None:
        raise StateError(
            "commit_not_found",
            f"the packet's base_commit {shown(imported)} is not in this clone",
            hint="name another with --base, or --base none",
        )
    return imported


def revision(repository: Repository, rev: str) -> str:
    """Return the commit that a revision names. Raises: ref_not_found."""
    found = _commit(repository, rev)
    if found is None:
        raise StateError(
            "ref_not_found", f"{shown(rev)} names no commit here", hint="git log --oneline --all"
        )
    return found


def spec_refs(store: Store, asked: Iterable[str]) -> list[dict[str, str]]:
    """Return path and commit of each `PATH[@REV]`; the path must be there. Raises: ref_not_found."""
    found = []
    for text in asked:
        path, at, rev = text.rpartition("@")
        if not at or not path or (store.root / text).is_file():
            path, commit = text, None
        else:
            commit = revision(store.repository, rev)
        _refuse_absent(store, path, commit)
        found.append({"path": path} if commit is None else {"path": path, "commit": commit})
    return found


def _refuse_absent(store: Store, path: str, commit: str | None) -> None:
    from platformstate.gitrepo import look_up

    name = f"{commit or 'HEAD'}:{path}"
    there = commit is None and (store.root / path).is_file()
    found = None if there or not _may_be_inside(path) else look_up(store.repository, [name])[0]
    if not there and (found is None or found.type != "blob"):
        place = "in the work tree or HEAD" if commit is None else f"in {commit[:12]}"
        raise StateError(
            "ref_not_found",
            f"{shown(path)} is no file {place}",
            hint="--spec-ref PATH, from the root, or PATH@REV",
        )


def _may_be_inside(path: str) -> bool:
    """Say whether git can be asked for a path: it takes one in a line, and none that leads out."""
    return "\n" not in path and ".." not in path.split("/") and not path.startswith("/")


def task_ids(store: Store, asked: Iterable[str]) -> list[str]:
    """Return the ids that prefixes stand for, each once. Raises: task_not_found, id_ambiguous."""
    return list(dict.fromkeys(store.resolve(TASK, prefix) for prefix in asked))


def asked_sections(request: Mapping[str, Any]) -> dict[str, str]:
    """Return the body sections that a request states. Raises: usage_invalid for one that would be cut."""
    from platformstate.codec.sections import body_of, sections

    asked = tasks.asked_sections(request)
    for heading, text in asked.items():
        if sections(body_of({heading: text})).keys() - {heading}:
            raise StateError(
                "usage_invalid",
                f"the text of {heading} has a line that begins with ##, which would begin another section",
                hint="begin headings inside a section with ###",
            )
    return asked


def task_json(meta: Mapping[str, Any], rev: str) -> dict[str, Any]:
    """Return a task as `--json` shows it: its front matter, in schema order, with path and rev."""
    from platformstate.core.catalog import KINDS

    known = [key for key in KINDS["task"].shape.keys if key in meta]
    others = [key for key in meta if key not in known]
    ordered = {key: meta[key] for key in [*known, *others]}
    return {**ordered, "path": task_path(str(meta["id"])), "rev": rev}


def _commit(repository: Repository, rev: str) -> str | None:
    from platformstate.gitrepo import resolve_commit

    return resolve_commit(repository, rev)


def task_id(store: Store, prefix: str) -> str:
    """Return the id that a prefix stands for; an exact id is found without listing the others.

    Raises: task_not_found, id_ambiguous.
    """
    if ids.is_id(prefix) and store.tree().entries(task_path(prefix)):
        return prefix
    return store.resolve(TASK, prefix)


def task_id_in(tree: Tree, prefix: str) -> str:
    """Return the id that a prefix stands for in a tree. Raises: task_not_found, id_ambiguous."""
    places = (place_of(entry.path) for entry in tree.entries("state/tasks"))
    return one_task(prefix, {place.id for place in places if place and place.kind == "task"})


def one_of(kind: str, prefix: str, known: Iterable[str], task: str) -> str:
    """Return the one id of a task's runs or checkpoints that a prefix stands for.

    Raises: run_not_found, checkpoint_not_found, id_ambiguous.
    """
    found = ids.matches(prefix, known)
    if len(found) == 1:
        return found[0]
    if found:
        raise _ambiguous(kind, prefix, found)
    raise StateError(
        f"{kind}_not_found",
        f"task {task} has no {kind} {shown(prefix)}",
        hint=f"platformctl memory checkpoint list --task {task}",
    )


def one_task(prefix: str, known: Iterable[str]) -> str:
    """Return the one task that a prefix stands for. Raises: task_not_found, id_ambiguous."""
    found = ids.matches(prefix, known)
    if len(found) == 1:
        return found[0]
    if not found:
        raise StateError("task_not_found", f"no task is called {shown(prefix)}", hint="platformctl task list")
    raise _ambiguous("task", prefix, found)


def _ambiguous(kind: str, prefix: str, found: Sequence[str]) -> StateError:
    return StateError(
        "id_ambiguous",
        f"{shown(prefix)} fits {len(found)} {kind}s: {', '.join(found[:5])}",
        hint="give more characters",
        data={"candidates": list(found)},
    )

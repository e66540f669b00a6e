"""Ask git what it finds of the claims that a brief compares, with as few children as can be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platformstate.entities.run import PLACE
from platformstate.policy.ground_truth import Found

if TYPE_CHECKING:
    from platformstate.actions.task_folder import TaskFolder
    from platformstate.gitrepo import Repository
    from platformstate.policy.chain import Chain
    from platformstate.store import Store

_CONTAINED, _APART = 0, 1


def found_at(repository: Repository, chain: Chain, commit: str) -> Found:
    """Return what a commit shows of the newest claims; it stands for HEAD and for every branch."""
    said = _said_commit(chain)
    if said is None:
        return Found(tip=commit)
    return _compared(repository, said, commit, commit)


def found_here(store: Store, chain: Chain, folder: TaskFolder) -> tuple[Found, tuple[str, ...]]:
    """Return what this clone shows of the newest claims, and the files of the task not yet committed."""
    from platformstate.gitrepo import blob_id, look_up

    repository = store.repository
    branch = chain.standing[0].meta["git"]["branch"] if chain.standing else None
    refs = [] if branch is None else [f"refs/heads/{branch}", *_remote_refs(repository, branch)]
    asked = [f"{ref}^{{commit}}" for ref in refs] + [f"HEAD:{path}" for path in folder.files]
    answers = look_up(repository, asked)
    tips = [(ref, row.oid) for ref, row in zip(refs, answers, strict=False) if row is not None]
    committed = answers[len(refs) :]
    pending = tuple(
        path
        for (path, data), row in zip(folder.files.items(), committed, strict=True)
        if row is None or row.oid != blob_id(data, repository.object_format)
    )
    if not chain.standing:
        return Found(), pending
    name, tip = tips[0] if tips else ("HEAD", repository.head)
    said = _said_commit(chain)
    found = Found(name) if said is None or tip is None else _compared(repository, said, name, tip)
    return (
        Found(
            tip=name.removeprefix("refs/heads/").removeprefix("refs/remotes/"),
            present=found.present,
            contained=found.contained,
            branch_exists=None if branch is None else bool(tips),
            dirty=_dirty(store, chain),
        ),
        pending,
    )


def _said_commit(chain: Chain) -> str | None:
    commit = chain.standing[0].meta["git"]["commit"] if chain.standing else None
    return None if commit is None else str(commit)


def _compared(repository: Repository, said: str, name: str, tip: str) -> Found:
    """Compare a commit with a tip; one that a cut history lacks cannot be judged."""
    if said == tip:
        return Found(tip=name, present=True, contained=True)
    status = repository.call(["merge-base", "--is-ancestor", said, tip]).status
    if status in (_CONTAINED, _APART):
        return Found(tip=name, present=True, contained=status == _CONTAINED)
    cut = repository.shallow or bool(repository.config("extensions.partialClone"))
    return Found(tip=name, present=False, contained=None if cut else False)


def _remote_refs(repository: Repository, branch: str) -> list[str]:
    keys = (key for key in repository.settings.local_keys() if key.startswith("remote."))
    names = {key[len("remote.") :].rpartition(".")[0] for key in keys} - {""}
    return [f"refs/remotes/{name}/{branch}" for name in sorted(names)]


def _dirty(store: Store, chain: Chain) -> int | None:
    """Return how many paths are dirty, when the newest run works in this very worktree."""
    from platformstate.gitrepo.facts import work_facts
    from platformstate.store.place import place_of_work

    place = place_of_work(store.repository)
    here = (place.host, place.clone, place.worktree)
    if chain.standing[0].meta.get("observer"):  # who observes commits does not look at that worktree
        return None
    if chain.run is None or tuple(chain.run.header.get(name) for name in PLACE) != here:
        return None
    return work_facts(store.repository).dirty

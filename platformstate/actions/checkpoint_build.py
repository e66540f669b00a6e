"""Make the file of a checkpoint: what is said, and what is found out when it is written.

Every checkpoint of a task comes from here: those that somebody words, and the mechanical ones with
which a run starts, goes on, ends or takes over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from platformstate.actions.git_facts import branch_text, git_fields
from platformstate.core import ids
from platformstate.core.document import Document
from platformstate.core.instants import stamp
from platformstate.core.places import checkpoint_path, place_of
from platformstate.entities.checkpoint import OBSERVED, SECTIONS, SELF_REPORT
from platformstate.entities.kinds import CHECKPOINT
from platformstate.policy.chain import CheckpointFacts

if TYPE_CHECKING:
    from platformstate.entities.shapes import Checkpoint
    from platformstate.gitrepo.commits import CommitFacts
    from platformstate.gitrepo.facts import WorkFacts
    from platformstate.store import Store
    from platformstate.store.change import FileChange

MAX_EVIDENCE: Final = 64
Evidence = Sequence[Mapping[str, Any]]


class Ground(NamedTuple):
    """Where a checkpoint is written: task, run, instant, the work tree, what the run said before.

    `header` is the run's folded header; its actor is the author. `earlier` are the run's own
    checkpoints, oldest first.
    """

    task: str
    header: Mapping[str, Any]
    at: str
    facts: WorkFacts
    earlier: Sequence[CheckpointFacts] = ()


class Statement(NamedTuple):
    """What a checkpoint says: basis and confidence, body items by section, further fields.

    `files` stand besides those that changed. `git` replaces what the work tree shows, for a
    checkpoint that speaks of other commits.
    """

    kind: str
    basis: tuple[str, str]
    body: Mapping[str, Sequence[str]] = {}
    fields: Mapping[str, Any] = {}
    observer: str | None = None
    files: Sequence[str] = ()
    git: Mapping[str, Any] | None = None


class Built(NamedTuple):
    """A checkpoint as it will stand, and the file that holds it."""

    said: CheckpointFacts
    file: FileChange


def build_checkpoint(store: Store, ground: Ground, statement: Statement) -> Built:
    """Return the checkpoint that says this, with an id after all those of its run."""
    from platformstate.store.change import FileChange

    header = ground.header
    run = str(header["id"])
    name = ids.next_timed_id(stamp(ground.at), _ids_in(store, run, ground.earlier), store.chance)
    basis, confidence = statement.basis
    observer = {} if statement.observer is None else {"observer": statement.observer}
    meta = {
        "schema": "checkpoint/1",
        "id": name,
        "task": ground.task,
        "run": run,
        "kind": statement.kind,
        "at": ground.at,
        "author": header["actor"],
        **observer,
        "basis": basis,
        "confidence": confidence,
        **_git(store, ground, statement),
        **{field: value for field, value in statement.fields.items() if value not in (None, [], ())},
    }
    body = {key: list(statement.body.get(key, ())) for key in SECTIONS}
    said = CheckpointFacts(meta, body, checkpoint_path(f"task/{ground.task}", run, name))
    return Built(said, FileChange(said.path, None, _text(said)))


def start_checkpoint(store: Store, ground: Ground, *, step: Mapping[str, Any] | None = None) -> Built:
    """Return the mechanical checkpoint with which a run starts."""
    return build_checkpoint(store, ground, Statement("start", OBSERVED, fields={"step": step}))


def end_checkpoint(
    store: Store, ground: Ground, *, next_action: str | None = None, step: Mapping[str, Any] | None = None
) -> Built:
    """Return the mechanical checkpoint with which a run ends; a next action makes it the agent's word."""
    basis = OBSERVED if next_action is None else SELF_REPORT
    fields = {"step": step, "next_action": next_action, "evidence": _recent_commits(store, ground)}
    return build_checkpoint(store, ground, Statement("end", basis, fields=fields))


def rescue_checkpoint(
    store: Store,
    ground: Ground,
    findings: Iterable[str],
    *,
    next_action: str | None = None,
    step: Mapping[str, Any] | None = None,
) -> Built:
    """Return the checkpoint with which a run takes over: what was found, a finding an item."""
    fields = {"step": step, "next_action": next_action}
    return build_checkpoint(store, ground, Statement("rescue", SELF_REPORT, {"done": list(findings)}, fields))


def auto_checkpoint(
    store: Store,
    ground: Ground,
    *,
    kind: str = "progress",
    observer: str | None = None,
    basis: Callable[[Evidence], tuple[str, str]] = lambda _: OBSERVED,
    fields: Mapping[str, Any] | None = None,
    files: Sequence[str] = (),
) -> Built | None:
    """Return the checkpoint that git alone words; None when it would say what the last one said.

    `fields` are further ones, such as the step at which the run stands; `basis` judges the evidence.
    """
    told = dict(fields or {})
    commits = _recent_commits(store, ground)
    given = [*told.pop("evidence", ()), *told.get("commands", ())]
    if not commits and not given and _nothing_new(ground):
        return None
    evidence = [*commits, *(fields or {}).get("evidence", ())][-MAX_EVIDENCE:]
    statement = Statement(kind, basis(evidence), {}, {**told, "evidence": evidence}, observer, files)
    return build_checkpoint(store, ground, statement)


def commit_evidence(commits: Sequence[CommitFacts], at: str, by: str) -> list[dict[str, str]]:
    """Return the newest of these commits as evidence, the oldest of them first."""
    return [
        {"type": "commit", "ref": found.oid, "commit": found.oid, "at": at, "by": by}
        for found in reversed(commits[:MAX_EVIDENCE])
    ]


def _recent_commits(store: Store, ground: Ground) -> list[dict[str, str]]:
    """Return the commits since the run said something last, as evidence."""
    from platformstate.gitrepo.commits import commits_between

    since = ground.earlier[-1].meta["git"]["commit"] if ground.earlier else ground.header.get("base_commit")
    if since is None or ground.facts.commit is None or since == ground.facts.commit:
        return []
    commits = commits_between(store.repository, str(since), ground.facts.commit)
    return commit_evidence(commits, ground.at, store.actor)


def _nothing_new(ground: Ground) -> bool:
    """Say whether branch, number and names of the uncommitted files are those last recorded."""
    if not ground.earlier:
        return False
    last, facts = ground.earlier[-1].meta, ground.facts
    same = (last["git"]["branch"], last["git"]["dirty"]) == (branch_text(facts.branch), facts.dirty)
    listed = {path.rstrip("/") for path in facts.paths} <= set(last.get("files", ()))
    return same and (listed or "files_total" in last)


def _git(store: Store, ground: Ground, statement: Statement) -> Mapping[str, Any]:
    if statement.git is not None:
        return statement.git
    return git_fields(store, ground.facts, ground.earlier, ground.header, statement.files)


def _ids_in(store: Store, run: str, earlier: Sequence[CheckpointFacts]) -> list[str]:
    """Return the checkpoint ids of a run, those of a killed writer included, which are older too."""
    coming = [place_of(path) for path in store.pending_paths()]
    pending = [place.id for place in coming if place and (place.kind, place.run) == ("checkpoint", run)]
    return [*(said.id for said in earlier), *pending]


def _text(said: CheckpointFacts) -> bytes:
    from platformstate.codec.render import canonical
    from platformstate.codec.sections import body_of, item_text

    sections = {
        heading: "\n".join(item_text(text) for text in said.body[key])
        for key, heading in SECTIONS.items()
        if said.body[key]
    }
    meta = cast("Checkpoint", said.meta)
    return canonical(Document(CHECKPOINT, said.path, meta, body_of(sections))).encode()

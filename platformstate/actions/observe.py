"""`memory observe`: record what an agent's commits show, in its name, without asking it anything.

One checkpoint for a range of commits. A commit that is evidence in the task already is skipped, so
the same call again adds nothing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from platformstate.actions import task_requests
from platformstate.actions.answer import Answer, written
from platformstate.actions.checkpoint_build import (
    MAX_EVIDENCE,
    Built,
    Ground,
    Statement,
    build_checkpoint,
    commit_evidence,
)
from platformstate.actions.checkpoint_voice import Voice, observer_of, opened_for, run_of
from platformstate.actions.git_facts import branch_text, recordable
from platformstate.actions.observed_range import Range, range_of
from platformstate.actions.task_folder import TaskFolder, read_task_folder
from platformstate.core.places import run_folder
from platformstate.entities import checkpoint as checkpoints
from platformstate.errors import StateError

if TYPE_CHECKING:
    from platformstate.gitrepo.commits import CommitFacts
    from platformstate.gitrepo.facts import WorkFacts
    from platformstate.store import Store
    from platformstate.store.change import Change, FileChange

MAX_SUBJECT: Final = 120
MAX_TRANSCRIPT: Final = 64 * 1024


class Seen(NamedTuple):
    """What an observer saw: the range, its commits not yet recorded, those that were, a transcript."""

    range: Range
    fresh: Sequence[CommitFacts]
    skipped: Sequence[str]
    transcript: bytes | None


def observe_task(
    store: Store,
    task: str,
    author: str,
    *,
    commits: str | None = None,
    branch: str | None = None,
    base: str | None = None,
    transcript: bytes | None = None,
    kind: str = "progress",
    run: str | None = None,
    said: Mapping[str, Any] | None = None,
) -> Answer:
    """Record a range of commits in the name of the one who made them; this command's actor observes.

    `said` are the flags with which the observer adds words of his own. Raises: usage_invalid,
    task_not_found, run_not_found, id_ambiguous, ref_not_found, observation_empty,
    checkpoint_author_mismatch, state_invalid, and what a write raises.
    """
    voice = observer_of(store, author, run, "--author")
    request = cast(checkpoints.CheckpointRequest, {"kind": kind, **(said or {})})
    name = task_requests.task_id(store, task)
    range_ = range_of(store, commits, branch, base)
    kept = None if transcript is None else _kept_transcript(transcript)
    facts = store.work_facts()

    def decide() -> Change:
        folder = read_task_folder(store.tree(), name).checked()
        return _decide(store, folder, voice, request, _seen(store, folder, range_, kept), facts)

    done = store.write(decide)
    return written(done.change.data, done, (f"platformctl memory brief --task {name}",))


def _seen(store: Store, folder: TaskFolder, range_: Range, transcript: bytes | None) -> Seen:
    """Part the commits of the range into those to record and those that are evidence already."""
    from platformstate.gitrepo.commits import commits_between

    found = commits_between(store.repository, range_.since, range_.tip)
    if not found:
        raise StateError(
            "observation_empty",
            f"{range_.text} holds no commit that changes anything outside state/",
            hint="git log --oneline --all shows where the work is",
        )
    known, whole = _recorded(folder)
    for tip in whole:  # more commits than one checkpoint lists: all up to its tip are recorded by it
        missing = commits_between(store.repository, tip, range_.tip)
        known |= {commit.oid for commit in found} - {commit.oid for commit in missing}
    fresh = [commit for commit in found if commit.oid not in known]
    return Seen(range_, fresh, [commit.oid for commit in found if commit.oid in known], transcript)


def _recorded(folder: TaskFolder) -> tuple[set[str], list[str]]:
    """Return the commits that are evidence in the task, and the tips of ranges that one file could not list."""
    said = [list(checkpoint.meta.get("evidence", ())) for checkpoint in folder.checkpoints]
    criteria = folder.document.meta.get("acceptance", ())
    items = [*said, *(list(criterion.get("evidence", ())) for criterion in criteria)]
    commits = {str(item["commit"]) for some in items for item in some if item["type"] == "commit"}
    full = (c for c, some in zip(folder.checkpoints, said, strict=True) if len(some) >= MAX_EVIDENCE)
    return commits, [str(c.meta["git"]["commit"]) for c in full if c.meta["git"]["commit"]]


def _decide(
    store: Store,
    folder: TaskFolder,
    voice: Voice,
    request: checkpoints.CheckpointRequest,
    seen: Seen,
    facts: WorkFacts,
) -> Change:
    from platformstate.store.change import Change

    run = run_of(store, folder, voice)
    if not seen.fresh:
        known = None if run is None else run.id
        data = {"run": known, "run_opened": False, "created": [], "skipped": seen.skipped, "path": None}
        return Change(f"checkpoint: observe {folder.task_id}", (), (), data)
    at = store.now()
    opened = opened_for(store, folder, voice, at) if run is None else None
    header = opened.header if opened is not None else (run.header if run is not None else {})
    earlier = [said for said in folder.checkpoints if said.meta["run"] == header["id"]]
    ground = Ground(folder.task_id, header, at, facts, earlier)
    built, artifact = _built(store, folder, ground, voice, request, seen)
    files = (*(opened.files if opened is not None else ()), *artifact, built.file)
    data = {
        "run": header["id"],
        "run_opened": opened is not None,
        "created": [built.said.id],
        "skipped": seen.skipped,
        "path": built.said.path,
    }
    trailers = (
        ("Task", folder.task_id),
        ("Run", str(header["id"])),
        ("Checkpoint", built.said.id),
        ("Actor", store.actor),
    )
    return Change(f"checkpoint: observe {built.said.id}", trailers, files, data)


def _built(
    store: Store,
    folder: TaskFolder,
    ground: Ground,
    voice: Voice,
    request: checkpoints.CheckpointRequest,
    seen: Seen,
) -> tuple[Built, list[FileChange]]:
    artifact, items = _artifact(store, folder, ground, seen.transcript)
    evidence = commit_evidence(seen.fresh[: MAX_EVIDENCE - len(items)], ground.at, store.actor)
    body = checkpoints.statements(request)
    body["done"] += [_subject(commit) for commit in reversed(seen.fresh[: _room(body["done"])])]
    paths = (path for commit in seen.fresh for path in commit.paths)
    git = {
        "commit": seen.range.tip,
        "branch": branch_text(seen.range.branch),
        "dirty": ground.facts.dirty,
        "ahead": None,
    }
    fields = {
        "blockers": checkpoints.blockers(request),
        "next_action": request.get("next"),
        "next_verify": request.get("next_verify"),
        "evidence": [*evidence, *items],
    }
    basis = checkpoints.observed_basis(request, frozenset({"commit"})) or checkpoints.OBSERVED
    listed = {"git": git, **checkpoints.files_fields(paths, (), recordable)}
    statement = Statement(request["kind"], basis, body, fields, voice.observer, git=listed)
    return build_checkpoint(store, ground, statement), artifact


def _room(done: Sequence[str]) -> int:
    return max(checkpoints.MAX_ITEMS - len(done), 0)


def _subject(commit: CommitFacts) -> str:
    """Return a commit's subject as a record may hold it; one that says nothing is named by its id."""
    from platformstate.codec.characters import holds_refused
    from platformstate.policy.fence import one_line
    from platformstate.policy.redaction import known_values, redacted_output

    text = redacted_output(one_line(commit.subject).encode("utf-8", "replace"), known_values(os.environ))
    text = text[:MAX_SUBJECT].strip()
    return commit.oid[:12] if not text or holds_refused(text) else text


def _kept_transcript(data: bytes) -> bytes:
    """Return the end of a transcript as it may be kept: redacted, without control characters."""
    from platformstate.codec.safe import safe_text
    from platformstate.policy.redaction import known_values, redacted_output

    text = safe_text(redacted_output(data, known_values(os.environ)))
    kept = text.encode("utf-8", "replace")[-MAX_TRANSCRIPT:].decode("utf-8", "ignore")
    return kept.encode() if kept.endswith("\n") or not kept else f"{kept}\n".encode()


def _artifact(
    store: Store, folder: TaskFolder, ground: Ground, transcript: bytes | None
) -> tuple[list[FileChange], list[dict[str, Any]]]:
    """Return the file of a transcript and the evidence that points to it."""
    from platformstate.gitrepo import blob_id
    from platformstate.store.change import FileChange

    head = store.repository.head
    if not transcript or head is None:
        return [], []
    name = f"transcript-{sha256(transcript).hexdigest()[:12]}.txt"
    path = f"{run_folder(f'task/{folder.task_id}', str(ground.header['id']))}/artifacts/{name}"
    blob = blob_id(transcript, store.repository.object_format)
    item = {"type": "file", "ref": path, "path": path, "blob": blob, "commit": head}
    return [FileChange(path, store.file_at(path), transcript)], [{**item, "at": ground.at, "by": store.actor}]

"""`memory checkpoint create`: one new file that says where the work stands.

The first checkpoint of an actor in a worktree opens its run in the same commit; any further one is
independent of everything else that is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from platformstate.actions import task_requests
from platformstate.actions.answer import Answer, written
from platformstate.actions.checkpoint_build import (
    Built,
    Ground,
    Statement,
    auto_checkpoint,
    build_checkpoint,
)
from platformstate.actions.checkpoint_list import checkpoint_json
from platformstate.actions.checkpoint_voice import Voice, basis_of, opened_for, run_of, voice_of
from platformstate.actions.claim_remote import renew_remote
from platformstate.actions.fencing import refuse_fenced, renewal
from platformstate.actions.rescue_proof import dead_journal_held, dead_run
from platformstate.actions.run_opening import OpenedRun, keep_place
from platformstate.actions.signs_of_life import claim_shown
from platformstate.actions.task_folder import TaskFolder, read_task_folder
from platformstate.core.places import checkpoint_path
from platformstate.entities import checkpoint as checkpoints
from platformstate.entities.kinds import TASK
from platformstate.entities.task import criterion_named
from platformstate.errors import Problem, StateError, Warned
from platformstate.policy import lifecycle
from platformstate.policy.chain import CheckpointFacts, RunFacts
from platformstate.policy.repeats import is_repeat, repeat_mark

if TYPE_CHECKING:
    from platformstate.actions.checkpoint_step import ToldStep
    from platformstate.actions.evidence_resolve import Resolved
    from platformstate.gitrepo.facts import WorkFacts
    from platformstate.store import Store
    from platformstate.store.change import Change, FileChange

Commands = list[dict[str, Any]]
Items = list[dict[str, Any]]


class _Asked(NamedTuple):
    """One request, with what was looked up and executed for it before anything is decided."""

    task: str
    request: checkpoints.CheckpointRequest
    voice: Voice
    mark: str | None
    commands: Commands
    evidence: Items
    facts: WorkFacts
    kept: tuple[FileChange, ...] = ()  # runs of jobs that are evidence and not in git yet


def create_checkpoint(
    store: Store,
    request: checkpoints.CheckpointRequest,
    *,
    inside_run: str | None = None,
    idempotency_key: str | None = None,
    exec_limit_s: float | None = None,
) -> Answer:
    """Record where the work at a task stands, in the run that the request means.

    `inside_run` is the run of a wrapper around this command. Raises: task_not_found, run_not_found,
    criterion_not_found, checkpoint_not_found, checkpoint_empty, task_not_ready, actor_mismatch,
    checkpoint_author_mismatch, state_invalid, idempotency_conflict, evidence_refused,
    observation_needs_evidence, auto_takes_no_prose, step_not_found, step_out_of_order,
    run_transition_refused, claim_fenced, and what a write raises.
    """
    checkpoints.refuse_prose(request)
    checkpoints.refuse_empty(request)
    voice = voice_of(store, request, inside_run)
    task = task_requests.task_id(store, request["task"])
    mark = None
    if idempotency_key is not None:
        mark = repeat_mark(idempotency_key, {"op": "checkpoint.create", **request, "task": task})
    folder = read_task_folder(store.tree(), task).checked()
    run = run_of(store, folder, voice)
    warnings: list[Warned] = []
    commands: Commands = []
    evidence: Items = []
    kept: tuple[FileChange, ...] = ()
    if _earlier(folder, mark) is None:
        _refuse_early(store, folder, request, voice, run)
        proven = _evidence(store, folder, request)
        evidence += [found.item for found in proven if found.item is not None]
        kept = tuple(file for found in proven for file in found.files)
        commands += _commands(store, request, warnings, exec_limit_s)
    asked = _Asked(task, request, voice, mark, commands, evidence, store.work_facts(), kept)
    tells = "step" in request
    independent = run is not None and mark is None and not tells
    fresh = folder if independent and not commands else None
    with _held(store, folder, voice, run, tells=tells):
        done = store.write(lambda: _decide(store, asked, fresh), independent=independent)
    said, opened, created, step = done.change.data
    if opened is not None:
        keep_place(store, opened)
    if step is not None and not store.dry_run:
        step.site.lease.write_position(step.position)
    data = {
        "checkpoint": checkpoint_json(said),
        "path": said.path,
        "run": said.meta["run"],
        "run_opened": opened is not None,
        "created": created,
        "claim": claim_shown(done.change.lease),
    }
    warnings += renew_remote(store, done.change.lease)
    return written(data, done, (f"platformctl memory brief --task {task}",), tuple(warnings))


def _held(
    store: Store, folder: TaskFolder, voice: Voice, run: RunFacts | None, *, tells: bool
) -> AbstractContextManager[None]:
    """Return what keeps others from the journal meanwhile: of the run that is told of, or of a dead one."""
    if run is None and voice.observer is None:
        return dead_journal_held(store, folder)
    if run is None or not tells:
        return nullcontext()
    from platformstate.actions.checkpoint_step import journal_held

    return journal_held(store, folder.task_id, run.id)


def _refuse_early(
    store: Store,
    folder: TaskFolder,
    request: checkpoints.CheckpointRequest,
    voice: Voice,
    run: RunFacts | None,
) -> None:
    """Refuse what can be refused before a command of the request is executed."""
    if "step" in request:
        checkpoints.step_said(request["step"])
    _claims(folder, request)
    _superseded(folder, request)
    _refuse_long(checkpoints.statements(request), folder.task_id)
    if voice.observer is None:
        refuse_fenced(store, folder, run)
        if run is None:
            lifecycle.refuse_start(folder.document.meta)
            if "exec" in request:  # all else is decided with the lock held, on what stands then
                dead_run(store, folder, store.now())


def _decide(store: Store, asked: _Asked, folder: TaskFolder | None) -> Change:
    """Return the change; the folder is read anew unless it was read just now and may not change."""
    from platformstate.store.change import Change

    folder = folder or read_task_folder(store.tree(), asked.task).checked()
    earlier = _earlier(folder, asked.mark)
    if earlier is not None:
        return Change(f"checkpoint: create {earlier.id}", (), (), (earlier, None, False, None))
    at = store.now()
    run = run_of(store, folder, asked.voice)
    if asked.voice.observer is None:
        refuse_fenced(store, folder, run)
    opened = opened_for(store, folder, asked.voice, at) if run is None else None
    header = opened.header if opened is not None else (run.header if run is not None else {})
    step = _step(store, asked, folder, header, opened, at)
    siblings = [said for said in folder.checkpoints if said.meta["run"] == header["id"]]
    ground = Ground(asked.task, header, at, asked.facts, siblings)
    built = _built(store, asked, folder, ground, _standing(run) if step is None else step.field)
    if built is None:
        last = siblings[-1]
        return Change(f"checkpoint: create {last.id}", (), (), (last, None, False, None))
    trailers = (
        ("Task", asked.task),
        ("Run", str(header["id"])),
        ("Checkpoint", built.said.id),
        ("Actor", store.actor),
    )
    files = (*_files_of(opened, step), built.file, *asked.kept)
    done = (built.said, opened, True, step)
    lease = opened.lease if opened is not None else renewal(store, folder, run, at)
    if asked.voice.observer is not None:
        lease = None
    return Change(f"checkpoint: create {built.said.id}", trailers, files, done, lease=lease)


def _standing(run: RunFacts | None) -> dict[str, Any] | None:
    """Return the step at which a run stands; most runs pin none."""
    if run is None or run.pin is None:
        return None
    from platformstate.actions.checkpoint_step import stands_at

    return stands_at(run)


def _step(
    store: Store,
    asked: _Asked,
    folder: TaskFolder,
    header: Mapping[str, Any],
    opened: OpenedRun | None,
    at: str,
) -> ToldStep | None:
    if "step" not in asked.request:
        return None
    from platformstate.actions.checkpoint_step import tell_step

    said = checkpoints.step_said(asked.request["step"])
    return tell_step(store, folder, str(header["id"]), opened, said, at)


def _files_of(opened: OpenedRun | None, step: ToldStep | None) -> Iterator[FileChange]:
    """Yield the files besides the checkpoint; those of a step stand for the ones that open its run."""
    told = {} if step is None else {file.path: file for file in step.files}
    yield from (file for file in (() if opened is None else opened.files) if file.path not in told)
    yield from told.values()


def _built(
    store: Store, asked: _Asked, folder: TaskFolder, ground: Ground, step: Mapping[str, Any] | None
) -> Built | None:
    """Return the checkpoint as asked; None when an automatic one has nothing new to say."""
    request, named = asked.request, asked.request.get("file", ())
    fields = {**_fields(store, asked, folder, ground.at), "step": None if step is None else dict(step)}
    kind, observer = request["kind"], asked.voice.observer
    judge = partial(basis_of, store, asked.voice, request)
    if request.get("auto"):
        return auto_checkpoint(
            store, ground, kind=kind, observer=observer, basis=judge, fields=fields, files=named
        )
    body = checkpoints.statements(request)
    statement = Statement(kind, judge(asked.evidence), body, fields, observer, named)
    return build_checkpoint(store, ground, statement)


def _fields(store: Store, asked: _Asked, folder: TaskFolder, at: str) -> dict[str, Any]:
    request = asked.request
    said = (checkpoints.said_command(text, at) for text in request.get("ran", ()))
    return {
        "criteria": _claims(folder, request),
        "commands": [*asked.commands, *said],
        "blockers": checkpoints.blockers(request, store.ids(TASK) if "blocker" in request else ()),
        "next_action": request.get("next"),
        "next_verify": request.get("next_verify"),
        "evidence": asked.evidence,
        "supersedes": _superseded(folder, request),
        "idempotency": asked.mark,
    }


def _commands(
    store: Store, request: checkpoints.CheckpointRequest, warnings: list[Warned], limit_s: float | None
) -> Iterator[dict[str, Any]]:
    """Execute each `--exec`, one after the other; a dry run executes nothing."""
    if "exec" not in request:
        return
    from platformstate.runner import LIMIT_S, TIMED_OUT, run_command

    words = [checkpoints.command_words("--exec", text) for text in request["exec"]]
    for argv in () if store.dry_run else words:
        at = store.now()
        ran = run_command(argv, store.root, limit_s=limit_s or LIMIT_S)
        if ran.exit_code == TIMED_OUT:
            warnings.append(Warned("command_timed_out", f"{argv[0]} was stopped at the time limit"))
        yield {"argv": argv, "exit_code": ran.exit_code, "at": at, "output_sha256": ran.output_sha256}


def _evidence(store: Store, folder: TaskFolder, request: checkpoints.CheckpointRequest) -> list[Resolved]:
    """Return the evidence that is named, each item checked now. Raises: evidence_refused."""
    if "evidence" not in request:
        return []
    from platformstate.actions.evidence_resolve import refusal, resolve

    proven = [
        resolve(store, text, purpose="checkpoint", task=folder.document.meta) for text in request["evidence"]
    ]
    for found in proven:
        if not found.may_be_recorded:
            raise refusal(found)
    return proven


def _claims(folder: TaskFolder, request: checkpoints.CheckpointRequest) -> list[dict[str, str]]:
    said = [checkpoints.criterion_claim(text) for text in request.get("criterion", ())]
    return [{"id": criterion_named(folder.document.meta, name), "state": state} for name, state in said]


def _superseded(folder: TaskFolder, request: checkpoints.CheckpointRequest) -> str | None:
    if "supersedes" not in request:
        return None
    known = [said.id for said in folder.checkpoints]
    return task_requests.one_of("checkpoint", request["supersedes"], known, folder.task_id)


def _refuse_long(body: Mapping[str, Sequence[str]], task: str) -> None:
    """Raise record_invalid for more items, or longer ones, than a section may hold."""
    problems = []
    for key, texts in body.items():
        heading = checkpoints.SECTIONS[key]
        if len(texts) > checkpoints.MAX_ITEMS:
            problems.append(f"{heading} has {len(texts)} items; {checkpoints.MAX_ITEMS} are allowed")
        if any(len(text) > checkpoints.MAX_ITEM_CHARACTERS for text in texts):
            problems.append(
                f"an item of {heading} is longer than {checkpoints.MAX_ITEM_CHARACTERS} characters"
            )
    if problems:
        path = checkpoint_path(f"task/{task}", "new", "new")
        fix = "say it shorter, or in several checkpoints"
        found = tuple(Problem(path, 1, 1, "text_too_large", text, fix) for text in problems)
        raise StateError("record_invalid", problems[0], hint=fix, problems=found)


def _earlier(folder: TaskFolder, mark: str | None) -> CheckpointFacts | None:
    if mark is None:
        return None
    kept = (said for said in folder.checkpoints if is_repeat(mark, said.meta.get("idempotency")))
    return next(kept, None)

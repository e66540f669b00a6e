"""`memory checkpoint create`: one new file that says where the work stands.

The first checkpoint of an actor in a worktree opens its run in the same commit; any further one is
independent of everything else that is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from platformstate.actions import task_requests
from platformstate.actions.answer import Answer, written
from platformstate.actions.checkpoint_list import checkpoint_json
from platformstate.actions.checkpoint_step import ToldStep, journal_held, stands_at, tell_step
from platformstate.actions.git_facts import git_fields
from platformstate.actions.run_opening import OpenedRun, open_run, run_meant
from platformstate.actions.task_folder import TaskFolder, read_task_folder
from platformstate.core import ids
from platformstate.core.document import Document
from platformstate.core.instants import stamp
from platformstate.core.places import checkpoint_path, place_of
from platformstate.entities import checkpoint as checkpoints
from platformstate.entities.kinds import CHECKPOINT, TASK
from platformstate.entities.task import criterion_named
from platformstate.errors import Problem, StateError, Warned
from platformstate.policy import lifecycle
from platformstate.policy.chain import CheckpointFacts, RunFacts
from platformstate.policy.repeats import is_repeat, repeat_mark
from platformstate.runner import LIMIT_S, TIMED_OUT, run_command

if TYPE_CHECKING:
    from platformstate.entities.shapes import Checkpoint
    from platformstate.gitrepo.facts import WorkFacts
    from platformstate.store import Store
    from platformstate.store.change import Change, FileChange

Commands = list[dict[str, Any]]


class _Asked(NamedTuple):
    """One request, with what was looked up and executed for it before anything is decided."""

    task: str
    request: checkpoints.CheckpointRequest
    inside_run: str | None
    mark: str | None
    commands: Commands
    facts: WorkFacts


def create_checkpoint(
    store: Store,
    request: checkpoints.CheckpointRequest,
    *,
    inside_run: str | None = None,
    idempotency_key: str | None = None,
    exec_limit_s: float = LIMIT_S,
) -> Answer:
    """Record where the work at a task stands, in the run that the request means.

    `inside_run` is the run of a wrapper around this command. Raises: task_not_found, run_not_found,
    criterion_not_found, checkpoint_not_found, checkpoint_empty, task_not_ready, actor_mismatch,
    checkpoint_author_mismatch, state_invalid, idempotency_conflict, step_not_found, step_out_of_order,
    run_transition_refused, claim_fenced, and what a write raises.
    """
    from platformstate.gitrepo.facts import work_facts

    checkpoints.refuse_empty(request)
    task = task_requests.task_id(store, request["task"])
    mark = None
    if idempotency_key is not None:
        mark = repeat_mark(idempotency_key, {"op": "checkpoint.create", **request, "task": task})
    folder = read_task_folder(store.tree(), task).checked()
    run = run_meant(store, folder, request.get("run"), inside_run)
    warnings: list[Warned] = []
    commands: Commands = []
    if _earlier(folder, mark) is None:
        _refuse_early(folder, request, run)
        commands += _commands(store, request, warnings, exec_limit_s)
    asked = _Asked(task, request, inside_run, mark, commands, work_facts(store.repository))
    tells = "step" in request
    independent = run is not None and mark is None and not tells
    fresh = folder if independent and not commands else None
    with journal_held(store, task, run.id if run is not None and tells else None):
        done = store.write(lambda: _decide(store, asked, fresh), independent=independent)
    said, run_opened, created, step = done.change.data
    if step is not None and not store.dry_run:
        step.site.lease.write_position(step.position)
    data = {
        "checkpoint": checkpoint_json(said),
        "path": said.path,
        "run": said.meta["run"],
        "run_opened": run_opened,
        "created": created,
        "claim": None,
    }
    return written(data, done, (f"platformctl memory brief --task {task}",), tuple(warnings))


def _refuse_early(folder: TaskFolder, request: checkpoints.CheckpointRequest, run: RunFacts | None) -> None:
    """Refuse what can be refused before a command of the request is executed."""
    if run is None:
        lifecycle.refuse_start(folder.document.meta)
    if "step" in request:
        checkpoints.step_said(request["step"])
    _claims(folder, request)
    _superseded(folder, request)
    _refuse_long(checkpoints.statements(request), folder.task_id)


def _decide(store: Store, asked: _Asked, folder: TaskFolder | None) -> Change:
    """Return the change; the folder is read anew unless it was read just now and may not change."""
    from platformstate.store.change import Change, FileChange

    folder = folder or read_task_folder(store.tree(), asked.task).checked()
    earlier = _earlier(folder, asked.mark)
    if earlier is not None:
        return Change(f"checkpoint: create {earlier.id}", (), (), (earlier, False, False, None))
    at = store.now()
    run = run_meant(store, folder, asked.request.get("run"), asked.inside_run)
    opened = open_run(store, folder, at) if run is None else None
    header = opened.header if opened is not None else (run.header if run is not None else {})
    step = _step(store, asked, folder, header, opened, at)
    said = _checkpoint(store, asked, folder, header, at, stands_at(run) if step is None else step.field)
    text = _text(said)
    trailers = (
        ("Task", asked.task),
        ("Run", str(header["id"])),
        ("Checkpoint", said.id),
        ("Actor", store.actor),
    )
    files = (*_files_of(opened, step), FileChange(said.path, None, text))
    return Change(f"checkpoint: create {said.id}", trailers, files, (said, opened is not None, True, step))


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
    said = checkpoints.step_said(asked.request["step"])
    events = () if opened is None else opened.events
    return tell_step(store, folder, str(header["id"]), events, said, at)


def _files_of(opened: OpenedRun | None, step: ToldStep | None) -> Iterator[FileChange]:
    """Yield the files besides the checkpoint; those of a step stand for the ones that open its run."""
    told = {} if step is None else {file.path: file for file in step.files}
    yield from (file for file in (() if opened is None else opened.files) if file.path not in told)
    yield from told.values()


def _checkpoint(
    store: Store,
    asked: _Asked,
    folder: TaskFolder,
    header: Mapping[str, Any],
    at: str,
    step: Mapping[str, Any] | None,
) -> CheckpointFacts:
    request, run = asked.request, str(header["id"])
    siblings = [said for said in folder.checkpoints if said.meta["run"] == run]
    name = ids.next_timed_id(stamp(at), _ids_in(store, run, siblings), store.chance)
    meta: dict[str, Any] = {
        "schema": "checkpoint/1",
        "id": name,
        "task": asked.task,
        "run": run,
        "kind": request["kind"],
        "at": at,
        "author": store.actor,
        **checkpoints.basis_of(request),
        **git_fields(store.repository, asked.facts, siblings, header, request.get("file", ())),
        **({} if step is None else {"step": dict(step)}),
    }
    lists = {
        "criteria": _claims(folder, request),
        "commands": [
            *asked.commands,
            *(checkpoints.said_command(text, at) for text in request.get("ran", ())),
        ],
        "blockers": checkpoints.blockers(request, store.ids(TASK) if "blocker" in request else ()),
    }
    meta |= {field: items for field, items in lists.items() if items}
    texts = {"next_action": request.get("next"), "next_verify": request.get("next_verify")}
    texts |= {"supersedes": _superseded(folder, request), "idempotency": asked.mark}
    meta |= {field: text for field, text in texts.items() if text is not None}
    path = checkpoint_path(f"task/{asked.task}", run, name)
    return CheckpointFacts(meta, checkpoints.statements(request), path)


def _ids_in(store: Store, run: str, siblings: Sequence[CheckpointFacts]) -> list[str]:
    """Return the checkpoint ids of a run, those of a killed writer included, which are older too."""
    coming = [place_of(path) for path in store.pending_paths()]
    pending = [place.id for place in coming if place and (place.kind, place.run) == ("checkpoint", run)]
    return [*(said.id for said in siblings), *pending]


def _text(said: CheckpointFacts) -> bytes:
    from platformstate.codec.render import canonical
    from platformstate.codec.sections import body_of, item_text

    sections = {
        heading: "\n".join(item_text(text) for text in said.body[key])
        for key, heading in checkpoints.SECTIONS.items()
        if said.body[key]
    }
    meta = cast("Checkpoint", said.meta)
    return canonical(Document(CHECKPOINT, said.path, meta, body_of(sections))).encode()


def _commands(
    store: Store, request: checkpoints.CheckpointRequest, warnings: list[Warned], limit_s: float
) -> Iterator[dict[str, Any]]:
    """Execute each `--exec`, one after the other; a dry run executes nothing."""
    words = [checkpoints.command_words("--exec", text) for text in request.get("exec", ())]
    for argv in () if store.dry_run else words:
        at = store.now()
        ran = run_command(argv, store.root, limit_s=limit_s)
        if ran.exit_code == TIMED_OUT:
            warnings.append(Warned("command_timed_out", f"{argv[0]} was stopped at the time limit"))
        yield {"argv": argv, "exit_code": ran.exit_code, "at": at, "output_sha256": ran.output_sha256}


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

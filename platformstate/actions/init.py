"""Prepare a repository to hold state: its store, its templates, its attributes and ignore rules."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from platformstate import __version__, packaged
from platformstate.actions.answer import Answer, written
from platformstate.actions.hooks import hook_states, install_in, refuse_foreign_place
from platformstate.actions.init_agents import agent_files
from platformstate.codec.record import parse
from platformstate.codec.render import canonical
from platformstate.core.document import Document
from platformstate.core.places import STORE_PATH
from platformstate.entities import shapes
from platformstate.entities.kinds import STORE, TASK
from platformstate.files import Folder, WorkTree
from platformstate.gitrepo.trust import trusted_ref
from platformstate.policy.marked_block import with_block
from platformstate.store import Change, FileChange, Store

TEMPLATES: Final = ("CODEX_TASK_PACKET.md", "CODEX_CHECKPOINT.md", "CLAUDE_RESCUE_PROTOCOL.md")
BLOCKS: Final = {
    ".gitattributes": (
        b"state/** -text\n"
        b"state/**/*.md diff=platformstate merge=platformstate\n"
        b"state/**/events.jsonl -merge\n"
    ),
    ".gitignore": b"state/jobs/*/runs/\nstate/**/runs/*/logs/\nstate/**/.ps-*\n",
}
CI_FILES: Final = {
    "forgejo": ".forgejo/workflows/platformstate.yml",
    "github": ".github/workflows/platformstate.yml",
    "gitlab": ".gitlab-ci.platformstate.yml",
}
FIRST_TASK: Final = 'platformctl task create --title "TITLE" --accept "WHAT MUST HOLD::test"'


@dataclass
class _Plan:
    """What `init` wants: new and changed files, and those that hold a person's own changes."""

    created: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    ours: list[FileChange] = field(default_factory=list)
    theirs: list[FileChange] = field(default_factory=list)

    def add(self, path: str, before: bytes | None, after: bytes, *, theirs: bool = False) -> None:
        if before == after:
            self.unchanged.append(path)
            return
        (self.created if before is None else self.changed).append(path)
        (self.theirs if theirs else self.ours).append(FileChange(path, before, after))


def init_store(
    store: Store,
    *,
    hooks: bool = False,
    program: str = "",
    ci: str | None = None,
    agents: Sequence[str] = (),
) -> Answer:
    """Write what a store needs and commit exactly that; a second call changes nothing.

    A file that holds a person's uncommitted changes gets our lines too, but is left to that person
    to commit. `ci` names a forge whose workflow is written too; one that is there is left as it is.
    `agents` get a block in the file that they read first, and a skill.
    Raises: git_identity_missing before anything is written; hooks_path_foreign.
    """
    if hooks:
        refuse_foreign_place(store.repository)
    plan = _Plan()

    def decide() -> Change:
        nonlocal plan
        plan = _plan(store, ci, agents)
        return Change(f"store: init {_store_id(store, plan)}", (), tuple(plan.ours))

    done = store.write(decide)
    if not store.dry_run:
        _write_theirs(store, plan)
    installed = _install_hooks(store, program) if hooks and not store.dry_run else []
    data: dict[str, Any] = {
        "created": plan.created,
        "changed": plan.changed,
        "unchanged": plan.unchanged,
        "uncommitted": [file.path for file in plan.theirs],
        "hooks": installed,
    }
    return written(data, done, next=_next(store, plan))


def _plan(store: Store, ci: str | None, agents: Sequence[str]) -> _Plan:
    tree = WorkTree(store.root)
    plan = _Plan()
    present = tree.bytes_of(STORE_PATH)
    plan.add(STORE_PATH, present, _new_store(store) if present is None else present)
    for name in TEMPLATES:
        path = f"state/templates/{name}"
        there = tree.bytes_of(path)
        plan.add(path, there, packaged.read("templates", name) if there is None else there)
    if ci is not None:
        there = tree.bytes_of(CI_FILES[ci])
        plan.add(CI_FILES[ci], there, _workflow(ci) if there is None else there)
    for_agents = list(agent_files(tree, agents))
    touched = _touched(store, [*BLOCKS, *(file.path for file in for_agents if file.shared)])
    for file in for_agents:
        plan.add(file.path, file.before, file.after, theirs=file.path in touched)
    for path, lines in BLOCKS.items():
        there = tree.bytes_of(path)
        plan.add(path, there, with_block(there, lines, path), theirs=path in touched)
    return plan


def _new_store(store: Store) -> bytes:
    new_id = uuid.UUID(int=store.chance(1 << 128), version=4)
    meta = shapes.Store(schema="store/1", id=str(new_id), created_at=store.now())
    return canonical(Document(STORE, STORE_PATH, meta)).encode()


def _workflow(ci: str) -> bytes:
    """Return the workflow of a forge, for exactly this version of the program."""
    return packaged.read("ci", f"{ci}.yml").replace(b"@VERSION@", __version__.encode())


def _store_id(store: Store, plan: _Plan) -> str:
    for file in plan.ours:
        if file.path == STORE_PATH and file.after is not None:
            return str((parse(file.after, STORE_PATH).document or store.read(STORE_PATH)).id)
    return str(store.read(STORE_PATH).meta["id"])


def _touched(store: Store, shared: Sequence[str]) -> set[str]:
    """Return which shared files are a person's to commit.

    Those that differ from HEAD, staged or not, or are not tracked; and those that are no plain file
    there, such as one with the executable bit, which a commit of ours would take away.
    """
    listed = store.repository.run(["status", "--porcelain=v1", "-z", "--", *shared])
    rows = listed.decode("utf-8", "surrogateescape").split("\0")
    stood = store.repository.run(["ls-tree", "-z", "HEAD", "--", *shared], check=False)
    modes = (row.partition("\t") for row in stood.decode("utf-8", "surrogateescape").split("\0") if row)
    return {row[3:] for row in rows if row} | {path for mode, _, path in modes if mode[:6] != "100644"}


def _write_theirs(store: Store, plan: _Plan) -> None:
    """Put our lines into files that stay uncommitted, in one step each."""
    with Folder.at(store.root) as folder:
        for file in plan.theirs:
            folder.replace(file.path, file.after or b"", "full")


def _install_hooks(store: Store, program: str) -> list[str]:
    done = install_in(store.repository, program).data
    return [*done["installed"], *done["unchanged"]]


def _next(store: Store, plan: _Plan) -> tuple[str, ...]:
    steps = [f"git add {path} && git commit {path}" for path in (file.path for file in plan.theirs)]
    if trusted_ref(store.repository) is None and not store.dry_run:
        branch = store.repository.ref or "refs/heads/main"
        steps.append(f"git config platformstate.trustedRef {branch}")
    if any(hook.state != "installed" for hook in hook_states(store.repository)):
        steps.append("platformctl hooks install")
    return tuple(steps) if store.ids(TASK) else (*steps, FIRST_TASK)

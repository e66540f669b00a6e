"""Run each idempotent command of a procedure two times in a scratch clone: a second run changes nothing."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from platformstate.entities.step import CommandStep, call_path
from platformstate.errors import Problem, StateError
from platformstate.policy.pin import Pin
from platformstate.policy.recipe import Recipes, problem
from platformstate.runner import inherited, run_command

if TYPE_CHECKING:
    from platformstate.store import Store


def changing_twice(store: Store, recipes: Recipes, pin: Pin) -> tuple[Problem, ...]:
    """Return a problem for each idempotent command whose second run changes the tree of a scratch clone."""
    with tempfile.TemporaryDirectory(prefix="platformstate-lint-") as scratch:
        clone = Path(scratch) / "clone"
        source = ["git", "-c", f"core.hooksPath={os.devnull}", "clone", "-q", "--no-hardlinks", "--"]
        cloned = run_command([*source, str(store.root), str(clone)], store.root, env=inherited(os.environ))
        if cloned.exit_code != 0:
            raise StateError("procedure_invalid", f"no scratch clone could be made: {cloned.output.strip()}")
        return tuple(_found(clone, recipes, pin))


def _found(clone: Path, recipes: Recipes, pin: Pin) -> Iterator[Problem]:
    for step in pin.steps:
        if not isinstance(step, CommandStep) or step.pinned_skip or not step.idempotent:
            continue
        env = {**inherited(os.environ), **step.env}
        run_command(step.argv, clone / step.cwd, env=env, limit_s=step.timeout)
        before = _tree(clone)
        run_command(step.argv, clone / step.cwd, env=env, limit_s=step.timeout)
        if _tree(clone) != before:
            recipe = recipes[pin.source.id]
            top = (call_path(step.key) or step.key).partition("/")[0]
            keys = [each["key"] for each in recipe.document.meta["steps"]]
            message = f"{step.key}: a second run changes the tree, although it is idempotent"
            at = f"/steps/{keys.index(top)}/idempotent"
            yield problem(recipe, "procedure_not_idempotent", at, message)


def _tree(clone: Path) -> str:
    """Return a digest of everything in a clone's work tree, ignored files included."""
    from hashlib import sha256

    digest = sha256()
    for path in sorted(clone.rglob("*")):
        if path.is_file() and ".git" not in path.relative_to(clone).parts:
            digest.update(f"{path.relative_to(clone)}\0".encode() + path.read_bytes())
    return digest.hexdigest()

"""Procedures as they may be run: read at the trusted ref, and equal to the working files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from platformstate.core.document import Document
from platformstate.core.places import procedure_path
from platformstate.core.tree import Tree
from platformstate.entities.kinds import PROCEDURE
from platformstate.errors import Problem, StateError, shown
from platformstate.policy.expand import Expanded, expand
from platformstate.policy.pin import Pin
from platformstate.policy.recipe import Recipe

if TYPE_CHECKING:
    from platformstate.gitrepo.trust import Trusted
    from platformstate.store import Store

TRUST = "git config platformstate.trustedRef refs/heads/main"  # what to do where nothing is trusted yet
_EXITS = ("procedure_cycle", "procedure_too_deep", "procedure_too_long", "procedure_param_invalid")


class TrustedRecipes(NamedTuple):
    """A procedure and all that it calls, with the ref that vouches for them.

    `kept` is the text that an operator allowed by its blob id, None for one at the trusted ref.
    """

    recipes: Mapping[str, Recipe]
    trusted: Trusted
    kept: bytes | None = None


def working_recipes(store: Store, root: str) -> dict[str, Recipe]:
    """Return a procedure and all that it calls as the working files have them, for looking at."""
    return recipes_in(store, store.tree(), root)


def recipes_in(store: Store, tree: Tree, root: str) -> dict[str, Recipe]:
    """Return a procedure and all that it calls as a tree has them. Raises: procedure_invalid."""
    return _followed(store, tree, {}, root)


def trusted_recipes(store: Store, root: str, *, blob: str | None = None) -> TrustedRecipes:
    """Return what a conduct of a procedure may expand.

    `blob` is the id of the working text of the root that an operator allows as it stands.
    Raises: trust_ref_unset, procedure_untrusted, procedure_not_found, procedure_invalid.
    """
    trusted = require_trusted(store)
    working = store.tree()
    tree = store.tree(trusted.commit)
    known: dict[str, Recipe] = {}
    kept = None
    if blob is not None:
        kept = _allowed(store, root, blob)
        known[root] = Recipe(_judged(kept, procedure_path(root)), blob)
    recipes = _followed(store, tree, known, root)
    for name in recipes.keys() - known.keys():
        _require_equal(store, working, name, recipes[name].blob)
    if root not in recipes:
        _require_equal(store, working, root, None)
    return TrustedRecipes(recipes, trusted, kept)


def require_trusted(store: Store) -> Trusted:
    """Return the trusted ref and its commit. Raises: trust_ref_unset."""
    from platformstate.gitrepo.trust import trusted_ref

    trusted = trusted_ref(store.repository)
    if trusted is None or trusted.commit is None:
        named = "is not set" if trusted is None else f"{shown(trusted.ref)} names no commit here"
        raise StateError(
            "trust_ref_unset",
            f"the ref whose content may be executed {named}",
            hint=TRUST,
        )
    return trusted


def pinned(recipes: Mapping[str, Recipe], root: str, given: Mapping[str, object]) -> Pin:
    """Return the expansion. Raises: procedure_invalid, _cycle, _too_deep, _too_long, _param_invalid."""
    expanded: Expanded = expand(recipes, root, given)
    if expanded.pin is None:
        raise refusal(expanded.problems)
    return expanded.pin


def refusal(problems: tuple[Problem, ...]) -> StateError:
    """Return the error for what is wrong with a procedure: what is invalid goes before the rest."""
    order = ("procedure_invalid", *_EXITS)
    first = min(problems, key=lambda found: order.index(found.code) if found.code in order else -1)
    code = first.code if first.code in order else "procedure_invalid"
    return StateError(
        code,
        first.message,
        hint=first.fix,
        path=first.path,
        line=first.line,
        col=first.col,
        problems=problems,
    )


def blob_at(store: Store, tree: Tree, path: str) -> str | None:
    """Return the blob id of a file in a tree, None where there is none."""
    data = next((found for _, found in tree.read([path])), None)
    return None if data is None else store.session.blob_id(data)


def _followed(store: Store, tree: Tree, known: Mapping[str, Recipe], root: str) -> dict[str, Recipe]:
    """Read a procedure and, level by level, what it calls. Raises: procedure_invalid."""
    found = dict(known)
    wanted = {root, *(name for recipe in known.values() for name in _called(recipe))} - found.keys()
    asked = set(wanted)
    while wanted:
        paths = {procedure_path(name): name for name in sorted(wanted)}
        level = {
            paths[path]: Recipe(_judged(data, path), store.session.blob_id(data))
            for path, data in tree.read(paths)
        }
        found |= level
        asked |= wanted
        wanted = {name for recipe in level.values() for name in _called(recipe)} - asked
    return found


def _called(recipe: Recipe) -> list[str]:
    return [step["procedure"] for step in recipe.document.meta["steps"] if step["kind"] == "call"]


def _judged(data: bytes, path: str) -> Document[Any]:
    from platformstate import validation

    judged = validation.read(data, path)
    errors = tuple(problem for problem in judged.problems if problem.severity == "error")
    if judged.document is None:
        raise refusal(errors)
    return judged.document


def _allowed(store: Store, root: str, blob: str) -> bytes:
    from platformstate.actions.operators import require_operator

    require_operator(store, "--blob")
    data = store.tree().read([procedure_path(root)])
    text = next((found for _, found in data), None)
    if text is None or store.session.blob_id(text) != blob:
        held = "absent" if text is None else store.session.blob_id(text)
        raise StateError(
            "procedure_untrusted",
            f"--blob {shown(blob)} is not the text of {root} here, which is {held}",
            hint=f"git hash-object {procedure_path(root)}",
            path=procedure_path(root),
        )
    return text


def _require_equal(store: Store, working: Tree, name: str, trusted: str | None) -> None:
    """Refuse a procedure whose working file is not the trusted one. Raises: procedure_untrusted."""
    path = procedure_path(name)
    here = blob_at(store, working, path)
    if here == trusted:
        if here is None:
            raise StateError(f"{PROCEDURE.name}_not_found", f"there is no procedure {shown(name)}", path=path)
        return
    raise StateError(
        "procedure_untrusted",
        f"{name} here is blob {here or 'absent'}, at the trusted ref it is {trusted or 'absent'}",
        hint="commit it and bring it to the trusted ref; an operator may say --blob instead",
        path=path,
    )

"""`procedure list`, `show`, `lint`: look at procedures without running anything of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from platformstate.actions.answer import Answer
from platformstate.actions.recipes import refusal, working_recipes
from platformstate.core.places import procedure_path
from platformstate.entities.kinds import PROCEDURE
from platformstate.errors import Problem, StateError
from platformstate.policy.expand import expand
from platformstate.policy.recipe import Recipe, recipe_problems

if TYPE_CHECKING:
    from platformstate.store import Store


def list_procedures(store: Store) -> Answer:
    """Return every procedure of the working files. Raises: procedure_invalid."""
    rows = []
    for name in store.ids(PROCEDURE):
        recipe = working_recipes(store, name)[name]
        meta = recipe.document.meta
        rows.append(
            {
                "id": name,
                "title": meta["title"],
                "steps": len(meta["steps"]),
                "params": params_of(recipe),
                "path": recipe.document.path,
                "blob": recipe.blob,
            }
        )
    return Answer({"procedures": rows})


def show_procedure(store: Store, prefix: str) -> Answer:
    """Return one procedure as it is written. Raises: procedure_not_found, id_ambiguous, procedure_invalid."""
    name = store.resolve(PROCEDURE, prefix)
    recipe = working_recipes(store, name)[name]
    meta = recipe.document.meta
    data = {
        "id": name,
        "title": meta["title"],
        "params": params_of(recipe),
        "steps": [dict(step) for step in meta["steps"]],
        "path": recipe.document.path,
        "blob": recipe.blob,
    }
    return Answer(data, (f"platformctl procedure conduct {name}",))


def lint_procedure(store: Store, prefix: str, given: Mapping[str, Any], *, twice: bool = False) -> Answer:
    """Return what is wrong with a procedure; with params also what is wrong with these.

    `twice` runs each idempotent command two times in a scratch clone and tells of those whose second
    run changes the tree.
    """
    name = store.resolve(PROCEDURE, prefix)
    try:
        recipes = working_recipes(store, name)
    except StateError as refused:
        return _linted(name, refused.problems)
    problems = expand(recipes, name, given).problems if given or twice else recipe_problems(recipes, name)
    if twice and not problems:
        from platformstate.actions.lint_twice import changing_twice

        pin = expand(recipes, name, given).pin
        problems = () if pin is None else changing_twice(store, recipes, pin)
    return _linted(name, problems)


def _linted(name: str, problems: tuple[Problem, ...]) -> Answer:
    data = {"procedure": name, "path": procedure_path(name), "problems": [p.as_json() for p in problems]}
    wrong = tuple(problem for problem in problems if problem.severity == "error")
    return Answer(data, error=refusal(wrong) if wrong else None)


def params_of(recipe: Recipe) -> list[dict[str, Any]]:
    """Return the params of a procedure with what their definitions say."""
    return [{"name": name, **definition} for name, definition in recipe.params.items()]

"""What a procedure asks of itself and of what it calls, whatever its params are. Pure.

The schema has judged each file; here stand the rules between its parts: placeholders, params, calls.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from platformstate.codec import locate
from platformstate.core.document import Document
from platformstate.errors import Problem, shown
from platformstate.policy.params import definition_faults, same, value_of
from platformstate.policy.placeholders import has_placeholder, placeholder_faults

MAX_DEPTH: Final = 8
MAX_STEPS: Final = 10_000
MAX_DURATION_S: Final = 86_400
MAX_DELAY_S: Final = 300
FILLED: Final = ("prompt", "instruct", "summary", "next_action")
_UNITS: Final = {"s": 1, "m": 60, "h": 3600}
_FIX: Final = {
    "procedure_invalid": "correct the procedure, then platformctl procedure lint {id}",
    "procedure_cycle": "remove one of the calls",
    "procedure_too_deep": f"nest at most {MAX_DEPTH} calls",
    "procedure_too_long": f"split the procedure: at most {MAX_STEPS} steps are pinned",
    "procedure_not_idempotent": "make its second run change nothing, or take idempotent away",
    "procedure_param_invalid": "give another value: platformctl procedure show {id} lists the params",
}


class Recipe(NamedTuple):
    """A procedure as it stands somewhere, and the git blob that it was read from."""

    document: Document[Any]
    blob: str

    @property
    def params(self) -> Mapping[str, Any]:
        """The definitions of its params."""
        return {k: v for k, v in self.document.meta.get("params", {}).items() if not k.startswith("x-")}


Recipes = Mapping[str, Recipe]


def seconds(duration: int | str) -> int:
    """Return a duration in whole seconds: `90`, `90s`, `15m` and `2h` are durations."""
    return duration if isinstance(duration, int) else int(duration[:-1]) * _UNITS[duration[-1]]


def recipe_problems(recipes: Recipes, root: str) -> tuple[Problem, ...]:
    """Return everything that is wrong with a procedure and all that it calls, in order of place."""
    found: list[Problem] = []
    for name in reachable(recipes, root):
        found += _own_problems(recipes, name)
    cycles = tuple(_cycles(recipes, root))
    found += cycles
    if not found and root in recipes:
        found += _size_problems(recipes, root)
    return tuple(sorted(found, key=lambda problem: (problem.path, problem.line, problem.col, problem.code)))


def reachable(recipes: Recipes, root: str) -> list[str]:
    """Return the known procedures that a conduct of the root needs, each once, in first-use order."""
    order: list[str] = []
    waiting = [root]
    while waiting:
        name = waiting.pop()
        if name in recipes and name not in order:
            order.append(name)
            waiting += [call["procedure"] for _, call in reversed(_calls(recipes[name]))]
    return order


def problem(recipe: Recipe, code: str, pointer: str, message: str, *, of_key: bool = False) -> Problem:
    """Return a problem at a place of a procedure."""
    document = recipe.document
    line, col = locate.position(document.source or "", "markdown", pointer, of_key=of_key)
    fix = _FIX[code].format(id=document.id)
    return Problem(document.path, line, col, code, message, fix, pointer)


def _calls(recipe: Recipe) -> list[tuple[int, Mapping[str, Any]]]:
    steps = recipe.document.meta["steps"]
    return [(index, step) for index, step in enumerate(steps) if step["kind"] == "call"]


def _own_problems(recipes: Recipes, name: str) -> Iterator[Problem]:
    recipe = recipes[name]
    for param, definition in recipe.params.items():
        for key, reason in definition_faults(definition):
            yield problem(recipe, "procedure_invalid", f"/params/{param}/{key}", f"{param}: {reason}")
    captures: set[str] = set()
    for index, step in enumerate(recipe.document.meta["steps"]):
        for pointer, reason in _step_faults(recipe, step):
            yield problem(
                recipe, "procedure_invalid", f"/steps/{index}/{pointer}", f"{step['key']}: {reason}"
            )
        if (capture := step.get("capture")) in captures:
            message = f"{step['key']}: an earlier step captures {capture} already"
            yield problem(recipe, "procedure_invalid", f"/steps/{index}/capture", message)
        captures |= {capture} if capture else set()
    for index, call in _calls(recipe):
        yield from _call_problems(recipes, recipe, index, call)


def _step_faults(recipe: Recipe, step: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the pointer below a step, and the reason, of each thing that is wrong with it by itself."""
    yield from _text_faults(recipe, step)
    yield from _time_faults(step)
    yield from _when_faults(recipe, step)
    yield from _checkpoint_faults(step)


def _text_faults(recipe: Recipe, step: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for field in FILLED:
        for reason in placeholder_faults(step.get(field, ""), recipe.params):
            yield field, reason
    for name, value in step.get("with", {}).items():
        for reason in placeholder_faults(value, recipe.params) if isinstance(value, str) else ():
            yield f"with/{name}", reason


def _checkpoint_faults(step: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what a checkpoint of that kind would lack."""
    kind = step.get("checkpoint_kind")
    if kind == "blocker":
        yield "checkpoint_kind", "a blocker names what it waits for, which no step can know"
    elif kind == "handoff" and "next_action" not in step:
        yield "checkpoint_kind", "a handoff needs a next_action"


def _time_faults(step: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the durations that are out of range; the schema cannot say so of `25h`."""
    limits = {"timeout": (1, MAX_DURATION_S), "grace": (0, MAX_DURATION_S), "retry_delay": (0, MAX_DELAY_S)}
    within = {"done_when/timeout": step.get("done_when", {}), "verify/timeout": step.get("verify", {})}
    named = dict.fromkeys(limits, step) | within
    for place, holder in named.items():
        name = place.rpartition("/")[2]
        least, most = limits[name]
        if name in holder and not least <= seconds(holder[name]) <= most:
            yield place, f"{name} is {holder[name]}, not between {least} and {most} seconds"


def _when_faults(recipe: Recipe, step: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    when = step.get("when")
    if when is None:
        return
    definition = recipe.params.get(when["param"])
    if definition is None:
        yield "when/param", f"{shown(when['param'])} is no param"
        return
    word = "in" if "in" in when else "not_in"
    for position, value in enumerate(when[word]):
        made, fault = value_of(definition, value)
        if fault or not same(made, value):  # type: ignore[arg-type]  # no fault: a value
            yield f"when/{word}/{position}", fault or f"{shown(value)} is no {definition['type']}"


def _call_problems(
    recipes: Recipes, recipe: Recipe, index: int, call: Mapping[str, Any]
) -> Iterator[Problem]:
    at = f"/steps/{index}"
    called = recipes.get(call["procedure"])
    if called is None:
        message = f"{call['key']}: there is no procedure {shown(call['procedure'])}"
        yield problem(recipe, "procedure_invalid", f"{at}/procedure", message)
        return
    given = {name: value for name, value in call.get("with", {}).items() if not name.startswith("x-")}
    for name, value in given.items():
        reason = _given_fault(called, name, value)
        if reason:
            message = f"{call['key']}: {reason}"
            yield problem(recipe, "procedure_invalid", f"{at}/with/{name}", message)
    for name, definition in called.params.items():
        if name not in given and "default" not in definition:
            message = f"{call['key']}: {called.document.id} needs {name}"
            yield problem(recipe, "procedure_invalid", f"{at}/with", message, of_key=True)


def _given_fault(called: Recipe, name: str, value: Any) -> str | None:
    if name not in called.params:
        return f"{called.document.id} has no param {shown(name)}"
    if isinstance(value, str) and has_placeholder(value):
        return None
    return value_of(called.params[name], value)[1]


def _cycles(recipes: Recipes, root: str) -> Iterator[Problem]:
    """Yield each call that leads back into the path that it stands on, once."""
    settled: set[str] = set()

    def below(path: tuple[str, ...]) -> Iterator[Problem]:
        recipe = recipes[path[-1]]
        for index, call in _calls(recipe):
            name = call["procedure"]
            if name in path:
                message = " -> ".join((*path[path.index(name) :], name))
                yield problem(recipe, "procedure_cycle", f"/steps/{index}/procedure", message)
            elif name in recipes and name not in settled:
                yield from below((*path, name))
        settled.add(path[-1])

    if root in recipes:
        yield from below((root,))


def _size_problems(recipes: Recipes, root: str) -> Iterator[Problem]:
    """Yield a list that would be too deep or too long; there is no cycle."""
    sizes: dict[str, tuple[int, int]] = {}
    for name in _callees_first(recipes, root):
        called = [sizes[call["procedure"]] for _, call in _calls(recipes[name])]
        own = len(recipes[name].document.meta["steps"]) - len(called)
        sizes[name] = own + sum(size for size, _ in called), 1 + max((deep for _, deep in called), default=-1)
    steps, depth = sizes[root]
    if depth > MAX_DEPTH:
        yield problem(recipes[root], "procedure_too_deep", "/steps", f"calls are nested {depth} deep")
    if steps > MAX_STEPS:
        yield problem(recipes[root], "procedure_too_long", "/steps", f"{steps} steps would be pinned")


def _callees_first(recipes: Recipes, root: str) -> list[str]:
    order: list[str] = []

    def visit(name: str) -> None:
        for _, call in _calls(recipes[name]):
            if call["procedure"] not in order:
                visit(call["procedure"])
        order.append(name)

    visit(root)
    return list(dict.fromkeys(order))
